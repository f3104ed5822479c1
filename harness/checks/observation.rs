//! What was seen of one migration: outcomes, schemas, rows.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::data::{Model, Name, Rows};
use crate::finding::Finding;
use crate::migrations::Migration;
use crate::schema::Snapshot;
use crate::steps::{Refusal, Routine, StepFailure, Tried, Way};

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
    /// The functions that the server refused before the upgrade already, by signature, if it was asked:
    /// once the downgrade had run.
    pub refused_before: BTreeSet<String>,
    /// What is refused of the defaults that the upgrade brings, if the server was asked.
    pub refused: Vec<Refusal>,
}

/// One migration, tried on rows.
#[derive(Clone, Copy, Debug)]
pub struct Tested<'a> {
    /// The migration.
    pub migration: &'a Migration,
    /// The tables before it.
    pub model: &'a Model,
    /// Their rows before it.
    pub before: &'a Rows,
    /// Those of them that a claim says are deleted.
    pub deletable: &'a Rows,
    /// What was seen.
    pub tried: &'a Tried,
}

/// What a finding about rows is about: while a counterexample is made small it must stay the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// A script fails.
    Failure {
        /// Which.
        way: Way,
        /// With which SQLSTATE.
        sqlstate: String,
        /// In which object, if the server names one.
        place: Option<String>,
    },
    /// Rows are gone.
    Gone(Name),
    /// Values changed in these columns.
    Changed(Name, BTreeSet<String>),
    /// Rows came.
    Added(Name),
    /// A sequence is not where it should be.
    Sequence(String),
    /// Another physical order of the same rows gives another result in this table.
    Order(Name),
    /// The same after the second upgrade, compared with the first.
    Again(Box<Class>),
}

/// A finding about rows, before its counterexample is made small.
#[derive(Clone, Debug)]
pub struct Suspicion {
    /// What it is about.
    pub class: Class,
    /// What would be said.
    pub finding: Finding,
    /// The rows that it names: table, and place among its rows before.
    pub hint: Vec<(Name, usize)>,
}
