//! What came of a gate: plain data, which reports are made of. No password, and no value of a row.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use crate::exit::Exit;
use crate::finding::Verdict;
use crate::migrations::{FileDigest, History, MigrationDigest};

use super::Request;
use super::database::Looked;

/// A fact by its name, and what it says.
pub type Named = (&'static str, &'static str);

/// All facts, in the order in which they are shown.
pub const FACTS: &[Named] = &[
    (
        "verification",
        "what is pending went up, down and up again, as it is now, without a finding that counts",
    ),
    ("allowances", "every finding of it that its author allowed was reviewed"),
    ("latency", "the p95 of the workload is within its budget with what is pending"),
    ("drill", "the newest drill is ok, of this database, and fresh"),
    ("backup", "the newest backup is of this database, and fresh"),
    ("history", "the version table fits the files"),
    ("one-head", "the history has one head"),
    ("drift", "nobody changed the schema since the last run"),
];

/// How a fact ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// It is so.
    Held,
    /// It is not so.
    Failed,
    /// Nobody can tell.
    Unknown,
    /// There is nothing that it could be about.
    Absent,
}

impl Ended {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Absent => "absent",
        }
    }
}

/// How a fact is, before it is known whether it is required.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) ended: Ended,
    pub(super) detail: String,
    pub(super) help: Option<String>,
}

impl State {
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// A fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// One of [`FACTS`].
    pub name: &'static str,
    /// How it is.
    pub ended: Ended,
    /// Whether it must be so.
    pub required: bool,
    /// What was seen.
    pub detail: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// A migration that a release would apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PendingMigration {
    /// Its id.
    pub revision: String,
    /// The digest of its scripts and of all that it comes after.
    pub digest: String,
    /// Its files.
    pub files: Vec<FileDigest>,
}

impl From<&MigrationDigest> for PendingMigration {
    fn from(it: &MigrationDigest) -> Self {
        let MigrationDigest { revision, files, digest } = it.clone();
        Self { revision, digest, files }
    }
}

/// The database that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// Its name.
    pub name: String,
    /// Of its server; empty where the role may not ask.
    pub system_identifier: String,
    /// The server's version.
    pub server: String,
    /// How many migrations are applied.
    pub applied: usize,
}

/// The newest backup that counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Its file.
    pub file: PathBuf,
    /// Its SHA-256; of a folder that of all digests and names.
    pub sha256: String,
    /// When it was begun.
    pub made: Timestamp,
}

/// What a gate saw, and what it comes to.
#[derive(Clone, Debug, Serialize)]
pub struct Gated {
    /// The version of this shape: 1.
    pub schema: u32,
    /// When it began.
    pub began: Timestamp,
    /// `pass`, `fail` or `inconclusive`.
    pub verdict: Verdict,
    /// What the process exits with.
    pub exit: Exit,
    /// `production`, `staging` or `development`.
    pub environment: String,
    /// The database.
    pub database: Asked,
    /// Whose layout the history has.
    pub layout: &'static str,
    /// What a release would apply, in order.
    pub pending: Vec<PendingMigration>,
    /// The facts.
    pub facts: Vec<Fact>,
    /// The newest backup that counted, if one did.
    pub backup: Option<Counted>,
    /// How long an attestation of this would hold, in seconds.
    pub holds: f64,
    /// How long all of it took.
    pub seconds: f64,
    /// What is required; not part of the JSON, where each fact says it.
    #[serde(skip)]
    pub(crate) required: Vec<&'static str>,
}

impl Gated {
    pub(super) fn new(request: &Request, history: &History, looked: &Looked) -> Self {
        Self {
            schema: 1,
            began: Timestamp::now(),
            verdict: Verdict::Inconclusive,
            exit: Exit::GateInconclusive,
            environment: request.environment.clone(),
            database: Asked {
                name: looked.identity.name.clone(),
                system_identifier: looked.identity.system_identifier.clone(),
                server: looked.version.to_string(),
                applied: looked.applied.len(),
            },
            layout: history.tool.as_str(),
            pending: Vec::new(),
            facts: Vec::new(),
            backup: None,
            holds: request.policy.valid_for.as_secs_f64(),
            seconds: 0.0,
            required: request.policy.required(request.workload.is_some()),
        }
    }

    /// Adds a fact of [`FACTS`].
    pub(super) fn say(&mut self, name: &'static str, state: State) {
        let State { ended, detail, help } = state;
        let required = self.required.contains(&name);
        self.facts.push(Fact { name, ended, required, detail, help });
    }

    /// What the required ones come to: all must be so, or have nothing that they could be about.
    pub(super) fn judge(&mut self) {
        let has = |ended| self.facts.iter().any(|it| it.required && it.ended == ended);
        (self.verdict, self.exit) = if has(Ended::Failed) {
            (Verdict::Fail, Exit::GateFailed)
        } else if has(Ended::Unknown) {
            (Verdict::Inconclusive, Exit::GateInconclusive)
        } else {
            (Verdict::Pass, Exit::Clean)
        };
    }

    /// Those that keep it from passing.
    pub fn obstacles(&self) -> impl Iterator<Item = &Fact> {
        let hinders = |it: &&Fact| matches!(it.ended, Ended::Failed | Ended::Unknown);
        self.facts.iter().filter(|it| it.required).filter(hinders)
    }
}
