//! What was seen of one migration: outcomes and schemas.

use std::time::Duration;

use crate::migrations::Migration;
use crate::schema::Snapshot;
use crate::steps::{Routine, StepFailure};

/// One migration, climbed up, down and up again as far as that went.
#[derive(Debug)]
pub struct Climbed<'a> {
    /// The migration.
    pub migration: &'a Migration,
    /// The schema before it: the state that the upgrades before it give.
    pub before: &'a Snapshot,
    /// How the upgrade went.
    pub upgrade: Result<Duration, StepFailure>,
    /// The schema after the upgrade, also after one that failed.
    pub upgraded: Snapshot,
    /// How the downgrade went; `None` where there is none, or nothing to undo.
    pub downgrade: Option<Result<Duration, StepFailure>>,
    /// The schema after a downgrade that ran.
    pub downgraded: Option<Snapshot>,
    /// How the second upgrade went; `None` where the downgrade did not run.
    pub reupgrade: Option<Result<Duration, StepFailure>>,
    /// The schema after a second upgrade that ran.
    pub reupgraded: Option<Snapshot>,
    /// The functions after the upgrade, if the upgrade took away something they could name.
    pub routines: Vec<Routine>,
}
