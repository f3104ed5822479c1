//! The table of exit codes, one meaning each.
//!
//! Knows the contract with scripts and CI. Must not know who produces which code.

macro_rules! exits {
    ($($variant:ident = $code:literal, $word:literal, $meaning:literal;)*) => {
        /// How a command ended, as the code that the process exits with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
        #[serde(into = "u8")]
        #[repr(u8)]
        pub enum Exit { $(#[doc = $meaning] $variant = $code,)* }

        impl Exit {
            /// All of them, in the order of their codes.
            pub const ALL: [Self; [$($code,)*].len()] = [$(Self::$variant,)*];

            /// The word for it, for monitors.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What the code says, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

exits! {
    Clean = 0, "success", "Clean, or done.";
    Findings = 1, "findings", "Findings at or over the threshold; two schemas differ.";
    Usage = 2, "usage", "Wrong usage or configuration: the command line, a file, a URL.";
    NoServer = 3, "no-server", "No ephemeral server could be had.";
    PreflightRefused = 10, "refused", "Refused before anything was done: the database is as it was.";
    AlreadyRunning = 11, "already-running", "Another run holds the lock: the database is as it was.";
    BackupFailed = 12, "backup-failed", "The backup failed, is stale or could not be verified: the database is as it was.";
    RehearsalFailed = 13, "rehearsal-failed", "The rehearsal on a restored copy failed, or a drill did: the database is as it was.";
    GateFailed = 14, "gate-failed", "The gate failed, or queries are too slow: the database is as it was.";
    GateInconclusive = 15, "gate-inconclusive", "Nobody can tell: the database is as it was.";
    ApplyFailed = 20, "apply-failed", "The upgrade failed; the database is verified to be as it was.";
    RolledBack = 21, "rolled-back", "Rolled back by downgrade; the database is verified to be as it was.";
    Restored = 22, "restored", "Rolled back by restoring the backup; the database is verified to be as it was.";
    Unknown = 30, "unknown", "The state of the database is not known, or the way back failed: a person must act.";
    RollbackRefused = 31, "rollback-refused", "The database is upgraded, and the way back was refused because it would lose data; or the upgrade was committed but not replicated.";
    Undelivered = 40, "undelivered", "The database is as it was wanted; a report or an alert could not be delivered.";
    Interrupted = 130, "interrupted", "Interrupted by SIGINT.";
    Terminated = 143, "terminated", "Terminated by SIGTERM.";
}

impl Exit {
    /// The number that the process exits with.
    pub fn code(self) -> u8 {
        self as u8
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
