//! `migration-budget`: an upgrade takes longer or writes more WAL than it may.

use std::time::Duration;

use crate::finding::{CheckId, Finding};
use crate::migrations::Migration;

use super::safer::{Budgets, safer};
use super::times::{megabytes, millis};

/// What an upgrade took, here and in production.
#[derive(Clone, Copy, Debug)]
pub struct Spent<'a> {
    /// How long it took on the copy.
    pub took: Duration,
    /// Bytes of WAL there.
    pub wal: u64,
    /// How long it takes in production, if that can be told.
    pub took_in_production: Option<Duration>,
    /// Bytes of WAL there.
    pub wal_in_production: Option<u64>,
    /// What that is assumed by.
    pub assumption: &'a str,
}

/// A finding for each budget that is not kept.
pub fn migration_budget(
    migration: &Migration,
    spent: &Spent<'_>,
    budgets: Budgets,
) -> Vec<Finding> {
    let finding = |message: String, is_forecast: bool| {
        let finding = Finding::new(CheckId::MigrationBudget, message)
            .in_file(&migration.upgrade.path)
            .about([migration.revision.clone()])
            .help(safer(&migration.upgrade.sql()));
        if is_forecast { finding.detail(format!("assumed: {}", spent.assumption)) } else { finding }
    };
    let mut findings = Vec::new();
    if let Some(budget) = budgets.duration {
        let there = spent.took_in_production.filter(|there| *there > spent.took);
        if spent.took.max(there.unwrap_or_default()) > budget {
            let about = there.map(millis);
            let message = told("takes", &millis(spent.took), about.as_deref(), &millis(budget));
            findings.push(finding(message, there.is_some()));
        }
    }
    if let Some(budget) = budgets.wal {
        let there = spent.wal_in_production.filter(|there| *there > spent.wal);
        if spent.wal.max(there.unwrap_or_default()) > budget {
            let (here, about) = (megabytes(spent.wal), there.map(megabytes));
            let here = format!("{here} of WAL");
            let message = told("writes", &here, about.as_deref(), &megabytes(budget));
            findings.push(finding(message, there.is_some()));
        }
    }
    findings
}

fn told(does: &str, here: &str, there: Option<&str>, budget: &str) -> String {
    let there = there.map(|there| format!(", in production about {there}")).unwrap_or_default();
    format!("the upgrade {does} {here}{there}, over the budget of {budget}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Budgets, Spent, migration_budget};
    use crate::checks::samples::migration;

    #[test]
    fn each_budget_is_held_against_both_places() {
        let spent = Spent {
            took: Duration::from_secs(2),
            wal: 30_000_000,
            took_in_production: Some(Duration::from_secs(80)),
            wal_in_production: Some(1_200_000_000),
            assumption: "so",
        };
        let of = |seconds: Option<u64>, wal| {
            let duration = seconds.map(Duration::from_secs);
            let budgets = Budgets { duration, wal, ..Budgets::default() };
            let found = migration_budget(&migration("UPDATE t SET a = 1"), &spent, budgets);
            found.iter().map(|it| it.message.clone()).collect::<Vec<_>>()
        };
        assert!(of(None, None).is_empty() && of(Some(90), Some(2_000_000_000)).is_empty());
        assert_eq!(
            of(Some(60), Some(1_000_000_000)),
            [
                "the upgrade takes 2000 ms, in production about 80.0 s, over the budget of 60.0 s",
                "the upgrade writes 30.0 MB of WAL, in production about 1200.0 MB, over the budget of \
                 1000.0 MB",
            ]
        );
        let here = Spent { took_in_production: None, ..spent };
        let budgets = Budgets { duration: Some(Duration::from_secs(1)), ..Budgets::default() };
        let found = migration_budget(&migration("UPDATE t SET a = 1"), &here, budgets);
        assert_eq!((found.len(), &found[0].detail), (1, &None));
    }
}
