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
    /// All of them, by their numbers.
    pub const ALL: [Self; 18] = [
        Self::Clean,
        Self::Findings,
        Self::Usage,
        Self::NoServer,
        Self::PreflightRefused,
        Self::AlreadyRunning,
        Self::BackupFailed,
        Self::RehearsalFailed,
        Self::GateFailed,
        Self::GateInconclusive,
        Self::ApplyFailed,
        Self::RolledBack,
        Self::Restored,
        Self::Unknown,
        Self::RollbackRefused,
        Self::Undelivered,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The number that the process exits with.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The word for it, for monitors.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "success",
            Self::Findings => "findings",
            Self::Usage => "usage",
            Self::NoServer => "no-server",
            Self::PreflightRefused => "refused",
            Self::AlreadyRunning => "already-running",
            Self::BackupFailed => "backup-failed",
            Self::RehearsalFailed => "rehearsal-failed",
            Self::GateFailed => "gate-failed",
            Self::GateInconclusive => "gate-inconclusive",
            Self::ApplyFailed => "apply-failed",
            Self::RolledBack => "rolled-back",
            Self::Restored => "restored",
            Self::Unknown => "unknown",
            Self::RollbackRefused => "rollback-refused",
            Self::Undelivered => "undelivered",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }

    /// Whether what was asked for is done; somebody may not have been told of it.
    pub fn is_done(self) -> bool {
        matches!(self, Self::Clean | Self::Undelivered)
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        exit.code()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Exit;

    #[test]
    fn each_code_has_a_word_of_its_own() {
        let codes: BTreeSet<u8> = Exit::ALL.iter().map(|it| it.code()).collect();
        let words: BTreeSet<&str> = Exit::ALL.iter().map(|it| it.as_str()).collect();
        assert_eq!((codes.len(), words.len()), (Exit::ALL.len(), Exit::ALL.len()));
        let done = Exit::ALL.iter().filter(|it| it.is_done()).map(|it| it.code());
        assert_eq!(done.collect::<Vec<_>>(), [0, 40]);
    }
}
