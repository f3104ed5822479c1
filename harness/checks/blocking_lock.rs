//! `blocking-lock`: others waited for the locks of an upgrade.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::finding::{CheckId, Finding};
use crate::migrations::Migration;
use crate::workload::Held;

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
    /// How many rows it has in production and how long others wait there, if that can be told.
    pub in_production: Option<(u64, Duration)>,
}

/// The finding if others waited for long, or will in production.
pub fn blocking_lock(
    migration: &Migration,
    waited: &Waited<'_>,
    budgets: Budgets,
) -> Option<Finding> {
    let here = waited.reads.max(waited.writes);
    let there = waited.in_production.map_or(here, |(_, there)| there);
    let longest = here.max(there);
    if longest < SHORT.min(budgets.blocked) {
        return None;
    }
    let is_reads = waited.reads >= SHORT || waited.reads * 2 >= waited.writes;
    let who = if is_reads { "readers and writers" } else { "writers" };
    let mut message = format!("{who} of {} wait {} for the upgrade", waited.table, millis(here));
    if let Some((rows, there)) = waited.in_production.filter(|(_, there)| *there > here) {
        message = format!("{message}, about {} with {rows} rows", millis(there));
    }
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
        .help(safer(&migration.upgrade.sql()));
    Some(over(finding, longest > budgets.blocked))
}

/// The finding if requests of the workload waited for the upgrade, which no table's readers or writers did:
/// for rows, for example. `waited` is how long at most, how many requests, and of how many.
pub fn workload_waited(
    migration: &Migration,
    (longest, blocked, count): (Duration, usize, u64),
    waited_for: &BTreeSet<String>,
    budgets: Budgets,
) -> Option<Finding> {
    if longest < SHORT.min(budgets.blocked) {
        return None;
    }
    let message = format!("requests of the workload wait {} for the upgrade", millis(longest));
    let waited_for = waited_for.iter().map(|lock| format!("waited for: {lock}"));
    let lines = std::iter::once(format!("{blocked} of {count} requests waited")).chain(waited_for);
    let finding = Finding::new(CheckId::BlockingLock, message)
        .in_file(&migration.upgrade.path)
        .about([migration.revision.clone()])
        .detail(lines.collect::<Vec<_>>().join("\n"))
        .help(safer(&migration.upgrade.sql()));
    Some(over(finding, longest > budgets.blocked))
}

/// The finding about an upgrade that fails beside the workload and not alone.
pub fn failed_beside(migration: &Migration, why: &str) -> Finding {
    let message = format!("the upgrade fails while the workload goes on: {why}");
    let finding = Finding::new(CheckId::BlockingLock, message)
        .in_file(&migration.upgrade.path)
        .detail("alone it does not; later migrations were not watched beside the workload")
        .help(
            "take the locks in the order in which the application takes them, in transactions as short \
             as can be",
        );
    over(finding, true)
}

/// The finding about a lock that keeps writers out of a table for which nobody asked.
pub fn unprobed_lock(migration: &Migration, held: &Held, budgets: Budgets) -> Option<Finding> {
    let time = held.least;
    if time < SHORT.min(budgets.blocked) {
        return None;
    }
    let message =
        format!("the upgrade holds {} on {} for {}", held.mode, held.relation, millis(time));
    let finding = Finding::new(CheckId::BlockingLock, message)
        .in_file(&migration.upgrade.path)
        .about([held.relation.clone()])
        .detail(
            "seen on the copy; how long others wait was not asked, since the script does not name the \
             table or names too many",
        )
        .help(safer(&migration.upgrade.sql()));
    Some(over(finding, time > budgets.blocked))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Budgets, Waited, blocking_lock, unprobed_lock};
    use crate::checks::samples::migration;
    use crate::finding::Severity;
    use crate::workload::{Held, Span};

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn what_production_waits_for_counts_as_well() {
        let of = |writes, in_production| {
            let (table, reads) = ("public.t", Duration::ZERO);
            let waited = Waited { table, reads, writes, mode: None, in_production };
            let told =
                blocking_lock(&migration("CREATE INDEX i ON t (a)"), &waited, Budgets::default());
            told.map(|it| (it.severity, it.message))
        };
        assert_eq!(of(ms(150), None), None);
        let (severity, message) = of(ms(150), Some((9000, ms(900)))).unwrap();
        assert_eq!(severity, Severity::Warning);
        assert_eq!(
            message,
            "writers of public.t wait 150 ms for the upgrade, about 900 ms with 9000 rows"
        );
        assert_eq!(of(ms(150), Some((90_000, ms(9000)))).unwrap().0, Severity::Error);
        assert_eq!(
            of(ms(1200), Some((1, ms(1)))).unwrap().0,
            Severity::Error,
            "fewer rows are no excuse"
        );
    }

    #[test]
    fn a_lock_for_which_nobody_asked_is_told() {
        let held = |until| Held {
            relation: "public.t".to_owned(),
            mode: "AccessExclusiveLock".to_owned(),
            is_granted: true,
            spans: vec![Span { from: Duration::ZERO, until: until + ms(900) }],
            least: until,
        };
        let of = |until| unprobed_lock(&migration("SELECT f()"), &held(until), Budgets::default());
        assert_eq!(of(ms(20)), None);
        assert_eq!(of(ms(300)).unwrap().severity, Severity::Warning);
        assert_eq!(of(ms(3000)).unwrap().severity, Severity::Error);
    }
}
