//! The table of exit codes, one meaning each.
//!
//! Knows the contract with scripts and CI. Must not know who produces which code.

macro_rules! exits {
    ($($variant:ident = $code:literal, $meaning:literal;)*) => {
        /// How a command ended, as the code that the process exits with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
        #[serde(into = "u8")]
        #[repr(u8)]
        pub enum Exit { $(#[doc = $meaning] $variant = $code,)* }

        impl Exit {
            /// All of them, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// What the code says, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

exits! {
    Clean = 0, "Clean, or done.";
    Findings = 1, "Findings at or over the threshold; two schemas differ.";
    Usage = 2, "Wrong usage or configuration: the command line, a file, a URL.";
    NoServer = 3, "No ephemeral server could be had.";
    PreflightRefused = 10, "Refused before anything was done: the database is as it was.";
    AlreadyRunning = 11, "Another run holds the lock: the database is as it was.";
    BackupFailed = 12, "The backup failed, is stale or could not be verified: the database is as it was.";
    RehearsalFailed = 13, "The rehearsal on a restored copy failed, or a drill did: the database is as it was.";
    GateFailed = 14, "The gate failed, or queries are too slow: the database is as it was.";
    GateInconclusive = 15, "Nobody can tell: the database is as it was.";
    ApplyFailed = 20, "The upgrade failed; the database is verified to be as it was.";
    RolledBack = 21, "Rolled back by downgrade; the database is verified to be as it was.";
    Restored = 22, "Rolled back by restoring the backup; the database is verified to be as it was.";
    Unknown = 30, "The state of the database is not known, or the way back failed: a person must act.";
    RollbackRefused = 31, "The database is upgraded, and the way back was refused because it would lose data; or the upgrade was committed but not replicated.";
    Undelivered = 40, "The database is as it was wanted; a report or an alert could not be delivered.";
    Interrupted = 130, "Interrupted by SIGINT.";
    Terminated = 143, "Terminated by SIGTERM.";
}

impl Exit {
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
