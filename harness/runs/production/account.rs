//! What a run did, step by step: all that its report says. No password, and no value of a row.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use crate::backup::Backup;
use crate::exit::Exit;
use crate::steps::Blocker;

/// What a database is, seen by looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// What it was when the run began.
    Before,
    /// What the run was to make of it.
    After,
    /// Neither, or it can't be told.
    Unknown,
}

impl State {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Before => "BEFORE",
            Self::After => "AFTER",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// How a step, a move or a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// Well.
    Done,
    /// Badly.
    Failed,
    /// It was left out, or could not be done; a note says why.
    Skipped,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
pub struct StepAccount {
    /// `preflight`, `lock`, `backup` and so on.
    pub name: String,
    /// How it ended.
    pub ended: Ended,
    /// How long it took.
    pub seconds: f64,
    /// What a person should know about it.
    pub notes: Vec<String>,
}

/// One script that was run on the database.
#[derive(Clone, Debug, Serialize)]
pub struct MoveAccount {
    /// Of which migration.
    pub revision: String,
    /// `upgrade` or `downgrade`.
    pub direction: &'static str,
    /// How it ended.
    pub ended: Ended,
    /// How many tries it took.
    pub tries: u32,
    /// How long it took, waiting included.
    pub seconds: f64,
    /// How long it took on the copy, if it was rehearsed.
    pub rehearsed: Option<f64>,
    /// Who was in the way at the last try that was blocked.
    pub blockers: Vec<Blocker>,
}

/// How much a remark weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// As it should be.
    Fine,
    /// Somebody should know.
    Warning,
    /// The run does not begin.
    Refused,
}

/// What was seen before anything was done.
#[derive(Clone, Debug, Serialize)]
pub struct Remark {
    /// What it is about, for example `disk`.
    pub about: &'static str,
    /// How much it weighs.
    pub weight: Weight,
    /// What was seen.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Of a remark about a file system: the numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Room>,
}

impl Remark {
    pub(super) fn new(
        about: &'static str,
        weight: Weight,
        message: String,
        help: Option<&str>,
    ) -> Self {
        Self { about, weight, message, help: help.map(str::to_owned), room: None }
    }
}

/// The room on a file system, in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Room {
    /// Where something is to be written.
    pub folder: PathBuf,
    /// Where its file system is mounted.
    pub mount: PathBuf,
    /// What is needed there, with what else goes to the same file system.
    pub needed: u64,
    /// What is free.
    pub free: u64,
}

/// The backup of the run.
#[derive(Clone, Debug, Serialize)]
pub struct BackupAccount {
    /// The file or folder.
    pub file: PathBuf,
    /// When it was begun, by this machine's clock.
    pub created_at: Timestamp,
    /// In bytes.
    pub bytes: u64,
    /// Of the file, in hexadecimal; empty for a folder.
    pub sha256: String,
    /// How far it was verified: 1 checksummed, 2 decoded, 3 restored with equal rows.
    pub level: u8,
    /// How many tables.
    pub tables: usize,
    /// How many rows.
    pub rows: u64,
}

impl BackupAccount {
    /// What the manifest says.
    pub(super) fn of(backup: &Backup) -> Self {
        let manifest = &backup.manifest;
        Self {
            file: backup.path.clone(),
            created_at: manifest.created_at,
            bytes: manifest.bytes,
            sha256: manifest.sha256(),
            level: manifest.level.into(),
            tables: manifest.contents.tables.len(),
            rows: manifest.contents.rows(),
        }
    }
}

/// One check of the database after the moves.
#[derive(Clone, Debug, Serialize)]
pub struct CheckAccount {
    /// For example `foreign keys`.
    pub name: String,
    /// How it ended.
    pub ended: Ended,
    /// What was seen.
    pub detail: String,
}

/// What a trouble is about, where it is not about the migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The server of the database has run out of something: disk, memory, connections.
    ServerResources,
    /// What the rehearsal stands on: the copy's server, its disk. Nothing is said about the migration.
    Environment,
}

impl Class {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServerResources => "server resources",
            Self::Environment => "environment",
        }
    }
}

/// Why a run did not do what was asked.
#[derive(Clone, Debug, Serialize)]
pub struct Trouble {
    /// In which step.
    pub step: String,
    /// What went wrong, without values of rows.
    pub message: String,
    /// The server's SQLSTATE, if it is the server's error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    /// The constraint, index, table or column that the server names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// File and line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What it is about, where it is not about the migration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// A whole run.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// The version of this form.
    pub schema: u32,
    /// The run's id.
    pub run: String,
    /// `upgrade`, `downgrade`, `restore` or `recover`.
    pub verb: String,
    /// `production`, `staging` or `development`.
    pub environment: String,
    /// Which database, without a password.
    pub database: String,
    /// The server's version, if it was reached.
    pub server: Option<String>,
    /// The revision that the database was at.
    pub from: Option<String>,
    /// The revision that was wanted.
    pub to: Option<String>,
    /// UTC.
    pub began: String,
    /// How long it took.
    pub seconds: f64,
    /// What the database is.
    pub state: State,
    /// The exit code.
    pub exit: Exit,
    /// One line on how it ended.
    pub outcome: String,
    /// Why it did not do what was asked.
    pub trouble: Option<Trouble>,
    /// Things that a person should know.
    pub notes: Vec<String>,
    /// The steps, in order.
    pub steps: Vec<StepAccount>,
    /// What was seen before.
    pub preflight: Vec<Remark>,
    /// The backup.
    pub backup: Option<BackupAccount>,
    /// The scripts that were run on the database, those of a rollback included.
    pub moves: Vec<MoveAccount>,
    /// What was seen afterwards.
    pub validation: Vec<CheckAccount>,
    /// How many rows were without a parent then; `None` if nobody could count all of them.
    pub orphans: Option<u64>,
    /// The name under which a database that was replaced is kept.
    pub kept_database: Option<String>,
}
