//! `latency-regression`: a query takes longer after the migrations than before.

use std::path::Path;

use crate::finding::{CheckId, Finding};
use crate::migrations::Migration;
use crate::workload::{Change, Compared, MissingIndex};

use super::safer::{concurrently, with_index};
use super::times::millis;

/// A query before and after, and who did it.
#[derive(Clone, Copy, Debug)]
pub struct Slower<'a> {
    /// Its name.
    pub query: &'a str,
    /// Its file.
    pub file: &'a Path,
    /// How long it takes before and after.
    pub compared: &'a Compared,
    /// What is another thing in its plan, line by line.
    pub differences: &'a [String],
    /// The migration that did it, if one was found.
    pub migration: Option<&'a Migration>,
    /// The definitions of indexes that its plan used and that are gone.
    pub lost_indexes: &'a [String],
    /// An index that makes it faster.
    pub missing_index: Option<&'a MissingIndex>,
    /// How many of its requests failed on the migrated database.
    pub failed: usize,
}

/// The finding if a query became slower.
pub fn slower(slower: &Slower<'_>) -> Option<Finding> {
    let Slower { query, file, compared, differences, migration, lost_indexes, failed, .. } =
        *slower;
    if compared.change != Change::Worse {
        return None;
    }
    let message = format!(
        "{query} takes {} instead of {}, {:.1} times as long",
        millis(compared.after),
        millis(compared.before),
        compared.ratio
    );
    let mut lines = vec![format!(
        "{:.2} to {:.2} times as long, by pairs of runs on both databases in turns",
        compared.interval.0, compared.interval.1
    )];
    lines.extend(lost_indexes.iter().map(|definition| format!("is gone: {definition}")));
    lines.extend(differences.iter().cloned());
    if failed > 0 {
        lines.push(format!("{failed} of its requests failed, which counts as ten budgets each"));
    }
    let finding = Finding::new(CheckId::LatencyRegression, message)
        .in_file(migration.map_or(file, |migration| &migration.upgrade.path))
        .about([query.to_owned()])
        .detail(lines.join("\n"));
    Some(match lost_indexes.first() {
        Some(definition) => finding.help(format!(
            "keep the index until no query needs it, or bring it back: {}",
            concurrently(definition)
        )),
        None if slower.missing_index.is_some() => with_index(finding, slower.missing_index),
        None => finding.help("look at the plans with EXPLAIN (ANALYZE, BUFFERS) on both databases"),
    })
}
