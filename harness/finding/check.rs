//! The ids of all checks that Stairway runs today.
//!
//! Ids are a contract: never renamed, never given another meaning.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Severity;

macro_rules! checks {
    ($($variant:ident, $id:literal, $severity:ident, $summary:literal;)*) => {
        /// The stable id of a check.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum CheckId { $(#[doc = $summary] $variant,)* }

        impl CheckId {
            /// All checks, in the order of `--list-checks`.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The id as it is written in reports and claims.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// The severity of its findings, unless a finding says otherwise.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// One line: what a finding of this check means.
            pub fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary,)* }
            }
        }
    };
}

checks! {
    UpgradeFailed, "upgrade-failed", Error, "the upgrade fails on an empty schema";
    DowngradeFailed, "downgrade-failed", Error, "the downgrade fails right after its own upgrade";
    ReupgradeFailed, "reupgrade-failed", Error, "the upgrade fails when it is run again after the downgrade";
    DowngradeMissing, "downgrade-missing", Error, "there is no downgrade, or it is empty or only comments";
    SchemaDrift, "schema-drift", Error, "the downgrade does not give back the schema from before the upgrade";
    ColumnOrder, "column-order", Warning, "only the order of columns differs after the downgrade";
    ReupgradeDrift, "reupgrade-drift", Error, "the second upgrade does not give the schema of the first";
    SnapshotChanged, "snapshot-changed", Error, "the schema is not the committed snapshot";
    DataDependentFailure, "data-dependent-failure", Error, "a script works on empty tables and fails with rows";
    DataLoss, "data-loss", Error, "rows or values that stood before are gone or changed after up and down";
    DataAdded, "data-added", Error, "rows stand after up and down that did not before, and no claim says so";
    OrderDependent, "order-dependent", Error, "the same rows in another physical order give another result";
    RefusedRow, "refused-row", Error, "after the upgrade a row that the schema allows can't be inserted, or an orphan can";
    SequenceBehind, "sequence-behind", Error, "a sequence would hand out a value that exists, or ends before its column's type does";
    TableRewrite, "table-rewrite", Warning, "the upgrade writes a table anew: an error from the budget on";
    BlockingLock, "blocking-lock", Warning, "others wait for the locks of the upgrade: an error from the budget on";
    MigrationBudget, "migration-budget", Error, "the upgrade takes longer or writes more WAL than its budget";
    LatencyBudget, "latency-budget", Error, "the p95 of the workload or of a query is over its budget";
    LatencyRegression, "latency-regression", Error, "a query takes longer after the migrations than before";
    InvalidIndex, "invalid-index", Error, "the upgrade leaves an invalid index";
    BrokenObject, "broken-object", Error, "the upgrade leaves a function, view or trigger unusable";
    MultipleHeads, "multiple-heads", Error, "two migrations claim the same place in the history";
    ModelsDiffer, "models-differ", Warning, "the models of the application are not the schema at head";
    ChecksumMismatch, "checksum-mismatch", Error, "an applied migration was edited afterwards";
    OutOfOrder, "out-of-order", Error, "a pending migration sorts before one that is applied";
    UnknownRevision, "unknown-revision", Error, "the version table names a revision that has no file";
    RestoreFailed, "restore-failed", Error, "the backup does not restore without errors";
    SeedCoverage, "seed-coverage", Warning, "a table could not be given rows: what happens to its rows is not known";
    StaleClaim, "stale-claim", Warning, "a claim says something that did not happen";
}

impl CheckId {
    /// Whether only measuring finds it, which a verification does not do.
    pub fn is_measured(self) -> bool {
        matches!(
            self,
            Self::TableRewrite
                | Self::BlockingLock
                | Self::MigrationBudget
                | Self::LatencyBudget
                | Self::LatencyRegression
        )
    }
}

/// The word is not the id of a check.
#[derive(Debug, thiserror::Error)]
#[error("no check is called {0:?}; `stairway verify --list-checks` lists them")]
pub struct UnknownCheck(pub String);

impl FromStr for CheckId {
    type Err = UnknownCheck;

    fn from_str(word: &str) -> Result<Self, UnknownCheck> {
        Self::ALL
            .iter()
            .copied()
            .find(|check| check.as_str() == word)
            .ok_or_else(|| UnknownCheck(word.to_owned()))
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

impl Serialize for CheckId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CheckId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}
