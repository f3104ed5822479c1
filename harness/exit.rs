//! The table of exit codes, one meaning each.
//!
//! Knows the contract with scripts and CI. Must not know who produces which code.

/// How a command ended, as the code that the process exits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(into = "u8")]
#[repr(u8)]
pub enum Exit {
    /// Clean, or done.
    Clean = 0,
    /// Findings at or over the threshold; two schemas differ.
    Findings = 1,
    /// Wrong usage or configuration: the command line, a file, a URL.
    Usage = 2,
    /// No ephemeral server could be had.
    NoServer = 3,
    /// Refused before anything was done: the database is as it was.
    PreflightRefused = 10,
    /// Another run holds the lock: the database is as it was.
    AlreadyRunning = 11,
    /// The backup failed, is stale or could not be verified: the database is as it was.
    BackupFailed = 12,
    /// The rehearsal on a restored copy failed: the database is as it was.
    RehearsalFailed = 13,
    /// The gate failed: the database is as it was.
    GateFailed = 14,
    /// The gate could not tell: the database is as it was.
    GateInconclusive = 15,
    /// The upgrade failed; the database is verified to be as it was.
    ApplyFailed = 20,
    /// Rolled back by downgrade; the database is verified to be as it was.
    RolledBack = 21,
    /// Rolled back by restoring the backup; the database is verified to be as it was.
    Restored = 22,
    /// The state of the database is not known, or the way back failed: a person must act.
    Unknown = 30,
    /// The database is upgraded, and the way back was refused because it would lose data; or the
    /// upgrade was committed but not replicated.
    RollbackRefused = 31,
    /// The database is as it was wanted; a report or an alert could not be delivered.
    Undelivered = 40,
    /// Interrupted by SIGINT.
    Interrupted = 130,
    /// Terminated by SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// The number that the process exits with.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        exit.code()
    }
}
