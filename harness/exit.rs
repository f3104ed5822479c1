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
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        exit.code()
    }
}
