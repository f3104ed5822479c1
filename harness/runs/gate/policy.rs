//! What a team requires of a release.

use std::time::Duration;

use crate::backup::Level;
use crate::finding::Severity;

/// What must be so.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The facts that are required, if they are named: the usual ones otherwise.
    pub require: Option<Vec<&'static str>>,
    /// The severity from which a finding counts.
    pub fail_on: Severity,
    /// Whether what is pending must have been tried on rows.
    pub rows: bool,
    /// How long ago the newest drill may have ended.
    pub drill_max_age: Duration,
    /// How old the newest backup may be.
    pub backup_max_age: Duration,
    /// What must be proven of it.
    pub backup_level: Level,
    /// How long an attestation holds.
    pub valid_for: Duration,
    /// What somebody looked at and accepts.
    pub reviewed: Vec<Reviewed>,
}

/// A finding that its author allowed, and that somebody else accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewed {
    /// The migration's id.
    pub revision: String,
    /// The id of the check.
    pub check: String,
    /// The beginning of the SHA-256 of its upgrade's file: another text is to be reviewed again.
    pub sha256: String,
}

/// A day and two hours: what is made every night may be late.
const NIGHTLY: Duration = Duration::from_hours(26);

impl Default for Policy {
    fn default() -> Self {
        Self {
            require: None,
            fail_on: Severity::Error,
            rows: true,
            drill_max_age: NIGHTLY,
            backup_max_age: NIGHTLY,
            backup_level: Level::Written,
            valid_for: Duration::from_hours(24),
            reviewed: Vec::new(),
        }
    }
}

impl Policy {
    /// Whether somebody named this fact as one that is required.
    pub(super) fn names(&self, fact: &str) -> bool {
        self.require.as_ref().is_some_and(|named| named.contains(&fact))
    }

    /// The facts that are required. The usual ones are all of them, but for the p95 where nobody has
    /// said what is to be measured.
    pub(super) fn required(&self, has_workload: bool) -> Vec<&'static str> {
        if let Some(named) = &self.require {
            return named.clone();
        }
        let names = super::FACTS.iter().map(|(name, _)| *name);
        names.filter(|name| has_workload || *name != "latency").collect()
    }
}
