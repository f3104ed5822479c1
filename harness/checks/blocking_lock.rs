//! `blocking-lock`: others waited for the locks of an upgrade.

use std::time::Duration;

use crate::finding::{CheckId, Finding};
use crate::migrations::Migration;

use super::safer::{Budgets, over, safer};
use super::times::millis;

/// Shorter waits are not worth a word.
const SHORT: Duration = Duration::from_millis(200);

/// A table that others waited for while a migration ran.
#[derive(Clone, Copy, Debug)]
pub struct Waited<'a> {
    /// As SQL.
    pub table: &'a str,
    /// How long a reader waited at most.
    pub reads: Duration,
    /// How long a writer did.
    pub writes: Duration,
    /// The strongest lock that was seen on it, if one was.
    pub mode: Option<&'a str>,
}

/// The finding if others waited for long.
pub fn blocking_lock(
    migration: &Migration,
    waited: &Waited<'_>,
    budgets: Budgets,
) -> Option<Finding> {
    let longest = waited.reads.max(waited.writes);
    if longest < SHORT.min(budgets.blocked) {
        return None;
    }
    let who = match (waited.reads >= SHORT, waited.writes >= SHORT) {
        (true, _) => "readers and writers",
        (false, _) => "writers",
    };
    let message = format!("{who} of {} wait {} for the upgrade", waited.table, millis(longest));
    let held = waited.mode.map(|mode| format!("; it held {mode}")).unwrap_or_default();
    let detail = format!(
        "measured on the copy: a reader waited {}, a writer {}{held}",
        millis(waited.reads),
        millis(waited.writes)
    );
    let finding = Finding::new(CheckId::BlockingLock, message)
        .in_file(&migration.upgrade.path)
        .about([waited.table.to_owned()])
        .detail(detail)
        .help(safer(&migration.upgrade.text));
    Some(over(finding, longest > budgets.blocked))
}
