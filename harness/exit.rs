//! The table of exit codes, one meaning each.
//!
//! Knows the contract with scripts and CI. Must not know who produces which code.

/// How a command ended, as the code that the process exits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
