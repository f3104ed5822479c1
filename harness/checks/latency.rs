//! `latency-budget`: the p95 is over its budget. `latency-regression`: a query became slower.

use std::path::Path;
use std::time::Duration;

use crate::finding::{CheckId, Finding};
use crate::migrations::Migration;
use crate::workload::{Change, Compared, Measured, Reason, Verdict};

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
    /// How many of its requests failed on the migrated database.
    pub failed: usize,
}

/// The finding if the budget is not kept; what nobody can tell is none. `file` is the query's, if it is
/// about one.
pub fn over_budget(file: Option<&Path>, measured: &Measured, rate: f64) -> Option<Finding> {
    let gate = &measured.gate;
    if gate.verdict != Verdict::Fail {
        return None;
    }
    let what = match file.and_then(Path::file_stem) {
        Some(name) => format!("the p95 of {}", name.to_string_lossy()),
        None => "the p95 of the workload".to_owned(),
    };
    let message = format!(
        "{what} is {} at {rate:.0} requests a second, over the budget of {}",
        millis(gate.p95),
        millis(gate.rule.limit)
    );
    let mut lines = vec![
        format!(
            "{} of {} requests in {} runs took longer ({:.1} %); 5 % may",
            gate.over,
            gate.requests,
            gate.runs,
            share(gate.over, gate.requests)
        ),
        format!(
            "the p95 of a run is between {} and {} (90 % interval)",
            millis(gate.interval.0),
            millis(gate.interval.1)
        ),
    ];
    if gate.reason == Some(Reason::Blocked) {
        lines.push(format!("{} of them only because they waited for a lock", measured.blocked));
        lines.extend(measured.waited_for.iter().map(|lock| format!("waited for: {lock}")));
    }
    for (sqlstate, count) in &measured.failed {
        lines.push(format!("{count} of them failed with SQLSTATE {sqlstate}"));
    }
    if measured.unsent > 0 {
        lines.push(format!("{} of them were never sent: no connection was free", measured.unsent));
    }
    let finding = Finding::new(CheckId::LatencyBudget, message).detail(lines.join("\n"));
    Some(match file {
        Some(file) => finding.in_file(file),
        None => finding,
    })
}

/// The finding if a query became slower.
pub fn slower(slower: &Slower<'_>) -> Option<Finding> {
    let Slower { query, file, compared, differences, migration, lost_indexes, failed } = *slower;
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
            definition.replacen("INDEX", "INDEX CONCURRENTLY", 1)
        )),
        None => finding.help("look at the plans with EXPLAIN (ANALYZE, BUFFERS) on both databases"),
    })
}

/// Milliseconds with as many digits as say something.
pub fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1e3;
    match millis {
        _ if millis >= 100.0 => format!("{millis:.0} ms"),
        _ if millis >= 10.0 => format!("{millis:.1} ms"),
        _ => format!("{millis:.2} ms"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of requests are far below 2^52")]
fn share(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}
