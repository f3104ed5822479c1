//! Why a run could not be finished: never about the user's SQL, which is what findings are for.

use crate::data::DataError;
use crate::exit::Exit;
use crate::git::GitError;
use crate::migrations::MigrationsError;
use crate::postgres::PostgresError;
use crate::schema::SchemaError;
use crate::server::ServerError;
use crate::steps::{GroundError, RestoreError, StepFailure};
use crate::workload::WorkloadError;

use super::baseline::BaselineError;
use super::rows::NoRowOptions;

/// A run ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The folder of migrations can't be used.
    #[error(transparent)]
    Migrations(#[from] MigrationsError),
    /// Git can't say what changed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The migrations that the present ones are compared with can't be used.
    #[error(
        "can't read the migrations of {folder} as they were at {commit}\n  help: name the last \
         revision that is not to be judged with --since REV"
    )]
    Old {
        /// The folder, from the top of the repository.
        folder: std::path::PathBuf,
        /// The commit.
        commit: String,
        /// What is wrong with them.
        #[source]
        source: MigrationsError,
    },
    /// So many rows can't be given.
    #[error(transparent)]
    Rows(#[from] NoRowOptions),
    /// The baseline can't be used.
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    /// No server could be had, or it failed.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A session failed.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// Rows could not be given or read.
    #[error("rows could not be tried")]
    Data(#[from] DataError),
    /// The schema could not be read.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The ground of the climb could not be prepared or put back.
    #[error(transparent)]
    Ground(#[from] GroundError),
    /// The workload can't be used, or can't be sent.
    #[error(transparent)]
    Workload(Box<WorkloadError>),
    /// A file that was named can't be read.
    #[error("can't read {path}")]
    Read {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file of the run could not be written.
    #[error("can't write {path}")]
    Write {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An upgrade that others need fails.
    #[error("the upgrade of {revision} fails: {source}")]
    Upgrade {
        /// Whose upgrade.
        revision: String,
        /// How it failed.
        #[source]
        source: Box<StepFailure>,
    },
    /// A lane could not be started.
    #[error("can't start a thread for a lane")]
    Thread(#[source] std::io::Error),
    /// Two whole reads of one schema differ.
    #[error("the schema changes while nothing is run: does something else use this database?")]
    Unsteady,
    /// The schema holds something that a snapshot does not: equal snapshots would prove nothing.
    #[error("the schema holds objects that are not modelled, so no verdict can be trusted: {0}")]
    Unmodelled(String),
}

impl From<WorkloadError> for RunError {
    fn from(error: WorkloadError) -> Self {
        Self::Workload(Box::new(error))
    }
}

impl RunError {
    /// The code that the process exits with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Migrations(_)
            | Self::Git(_)
            | Self::Old { .. }
            | Self::Rows(_)
            | Self::Baseline(_)
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Ground(GroundError::Restore(RestoreError::Backup(_))) => Exit::Usage,
            Self::Workload(error) => match error.as_ref() {
                WorkloadError::Postgres(_) | WorkloadError::Threads(_) => Exit::NoServer,
                _ => Exit::Usage,
            },
            Self::Upgrade { .. } => Exit::Findings,
            _ => Exit::NoServer,
        }
    }
}
