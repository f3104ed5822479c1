//! What can go wrong with a backup.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// A backup can't be made, kept or used.
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
    /// A file or folder can't be written.
    #[error("can't write {path}")]
    Write {
        /// Which.
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
    /// A client program is not there.
    #[error("can't run {program}; the client programs of PostgreSQL are needed for backups")]
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
    /// `pg_dump` did not end well; whatever it wrote is gone.
    #[error("{program} {}{said}", ended(*.status))]
    Dump {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said, after a colon; no password is in it.
        said: String,
    },
    /// The command that brings a backup did not end well.
    #[error("the command that fetches a backup {}{said}", ended(*.status))]
    Fetch {
        /// How it ended.
        status: ExitStatus,
        /// What it said, after a colon; what looks like a secret is not in it.
        said: String,
    },
    /// The command that brings WAL could not be run, or was killed.
    #[error("the command that fetches WAL {} on {file}{said}", ended(*.status))]
    FetchWal {
        /// The file that it was to bring.
        file: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said, after a colon; what looks like a secret is not in it.
        said: String,
    },
    /// What would unpack a backup is not here.
    #[error("the backup is compressed by {program}, which can't be run here: install {program}")]
    NoUnpacker {
        /// The program.
        program: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The manifest says nothing that can be relied on.
    #[error("the manifest {path} can't be relied on: {problem}")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// What is on disk is not what was written.
    #[error("the backup {path} is damaged: {problem}")]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Somebody is at work with it.
    #[error("the backup {path} is in use")]
    InUse {
        /// The backup.
        path: PathBuf,
    },
}

impl BackupError {
    /// The error without what a program said, which may quote values of rows.
    #[must_use]
    pub fn discreet(&self) -> String {
        match self {
            Self::Unreadable { program, path, .. } => {
                format!("{program} can't read {}", path.display())
            }
            other => other.to_string(),
        }
    }

    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::Read { path, source }
    }

    pub(super) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::Write { path, source }
    }

    pub(super) fn program(program: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let program = program.to_owned();
        |source| Self::Program { program, source }
    }
}

/// How a program ended, in words.
fn ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;

    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => match nix::sys::signal::Signal::try_from(signal) {
            Ok(name) => format!("was ended by signal {signal} ({name})"),
            Err(_) => format!("was ended by signal {signal}"),
        },
        (None, None) => "did not end".to_owned(),
    }
}
