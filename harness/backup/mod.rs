//! Backups as files: what kind one is, which roles and extensions it expects, and how PostgreSQL's
//! own programs restore it.
//!
//! Knows archives and `pg_restore`. Must not know migrations, nor where a server came from.

mod archive;
mod expects;
mod restore;

pub use archive::{Archive, ArchiveKind};
pub use expects::Expects;
pub use restore::{Problem, restore};

use std::path::PathBuf;

/// A backup can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file or folder can't be read.
    #[error("can't read the backup {path}")]
    Read {
        /// The backup.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is none of the kinds that `pg_dump` writes.
    #[error("{path} is no backup that can be restored: {problem}")]
    Unknown {
        /// The backup.
        path: PathBuf,
        /// What it is instead.
        problem: String,
    },
    /// `pg_restore` or `psql` is not there.
    #[error(
        "can't run {program}; the client programs of PostgreSQL are needed to restore a backup"
    )]
    Program {
        /// Its path.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The program gave up before it restored anything.
    #[error("{program} can't read the backup {path}: {message}")]
    Unreadable {
        /// The program.
        program: String,
        /// The backup.
        path: PathBuf,
        /// What it said.
        message: String,
    },
}
