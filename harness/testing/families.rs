//! Which test says what: one for each migration and family of checks.

use crate::finding::CheckId;

/// A family of checks: the second half of a test's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// It goes up, and up again.
    Upgrade,
    /// It goes back to where it came from.
    Downgrade,
    /// It keeps the rows, and works with them.
    Rows,
    /// What it claims is true.
    Claims,
}

impl Family {
    pub(super) const ALL: [Self; 4] = [Self::Upgrade, Self::Downgrade, Self::Rows, Self::Claims];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Upgrade => "upgrade",
            Self::Downgrade => "downgrade",
            Self::Rows => "rows",
            Self::Claims => "claims",
        }
    }

    /// The family of a check; `None` for what is about the history.
    pub(super) fn of(check: CheckId) -> Option<Self> {
        match check {
            CheckId::UpgradeFailed
            | CheckId::ReupgradeFailed
            | CheckId::ReupgradeDrift
            | CheckId::InvalidIndex
            | CheckId::BrokenObject
            | CheckId::SnapshotChanged => Some(Self::Upgrade),
            CheckId::DowngradeFailed
            | CheckId::DowngradeMissing
            | CheckId::SchemaDrift
            | CheckId::ColumnOrder => Some(Self::Downgrade),
            CheckId::DataDependentFailure
            | CheckId::DataLoss
            | CheckId::DataAdded
            | CheckId::OrderDependent
            | CheckId::RefusedRow
            | CheckId::SequenceBehind
            | CheckId::SeedCoverage => Some(Self::Rows),
            CheckId::StaleClaim => Some(Self::Claims),
            CheckId::MultipleHeads
            | CheckId::ModelsDiffer
            | CheckId::ChecksumMismatch
            | CheckId::OutOfOrder
            | CheckId::UnknownRevision
            | CheckId::RestoreFailed
            | CheckId::TableRewrite
            | CheckId::BlockingLock
            | CheckId::MigrationBudget
            | CheckId::LatencyBudget
            | CheckId::LatencyRegression => None,
        }
    }
}
