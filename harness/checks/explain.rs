//! `--explain ID`: why a check is there, what it says no to and what it says yes to.
//!
//! The SQL in these pages is run by a test: the wrong one must be found, the right one must not.

use crate::finding::CheckId;

/// The page about `check`, as markdown.
pub fn explain(check: CheckId) -> &'static str {
    match check {
        CheckId::UpgradeFailed => include_str!("explain/upgrade-failed.md"),
        CheckId::DowngradeFailed => include_str!("explain/downgrade-failed.md"),
        CheckId::ReupgradeFailed => include_str!("explain/reupgrade-failed.md"),
        CheckId::DowngradeMissing => include_str!("explain/downgrade-missing.md"),
        CheckId::SchemaDrift => include_str!("explain/schema-drift.md"),
        CheckId::ColumnOrder => include_str!("explain/column-order.md"),
        CheckId::ReupgradeDrift => include_str!("explain/reupgrade-drift.md"),
        CheckId::SnapshotChanged => include_str!("explain/snapshot-changed.md"),
        CheckId::DataDependentFailure => include_str!("explain/data-dependent-failure.md"),
        CheckId::DataLoss => include_str!("explain/data-loss.md"),
        CheckId::DataAdded => include_str!("explain/data-added.md"),
        CheckId::OrderDependent => include_str!("explain/order-dependent.md"),
        CheckId::RefusedRow => include_str!("explain/refused-row.md"),
        CheckId::SequenceBehind => include_str!("explain/sequence-behind.md"),
        CheckId::TableRewrite => include_str!("explain/table-rewrite.md"),
        CheckId::BlockingLock => include_str!("explain/blocking-lock.md"),
        CheckId::MigrationBudget => include_str!("explain/migration-budget.md"),
        CheckId::LatencyBudget => include_str!("explain/latency-budget.md"),
        CheckId::LatencyRegression => include_str!("explain/latency-regression.md"),
        CheckId::InvalidIndex => include_str!("explain/invalid-index.md"),
        CheckId::BrokenObject => include_str!("explain/broken-object.md"),
        CheckId::MultipleHeads => include_str!("explain/multiple-heads.md"),
        CheckId::ModelsDiffer => include_str!("explain/models-differ.md"),
        CheckId::ChecksumMismatch => include_str!("explain/checksum-mismatch.md"),
        CheckId::OutOfOrder => include_str!("explain/out-of-order.md"),
        CheckId::UnknownRevision => include_str!("explain/unknown-revision.md"),
        CheckId::RestoreFailed => include_str!("explain/restore-failed.md"),
        CheckId::SeedCoverage => include_str!("explain/seed-coverage.md"),
        CheckId::StaleClaim => include_str!("explain/stale-claim.md"),
    }
}
