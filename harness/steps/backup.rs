//! A backup of a database under one snapshot: dump, counts and hashes, manifest.

use std::time::Duration;

use tokio::sync::watch;

use crate::backup::{
    self, Backup, BackupError, Dump, FORMAT, Format, Kind, Level, Manifest, Store,
};
use crate::postgres::{PostgresError, Target};
use crate::server::Programs;

use super::view::View;

/// A backup could not be made; nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum BackupFailure {
    /// The dump failed, or the folder of backups.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The database can't be asked.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// Somebody has locked tables for longer than we may wait.
    #[error("tables are locked, and were not free within {wait:?}: {}", holders.join(", "))]
    Locked {
        /// How long we waited.
        wait: Duration,
        /// Which tables, and by which sessions.
        holders: Vec<String>,
    },
}

/// What is wanted of a backup, and what its manifest is told.
#[derive(Clone, Debug)]
pub struct BackupRequest {
    /// The run that asks for it.
    pub run: String,
    /// How the dump is stored.
    pub format: Format,
    /// How long to wait for a table that somebody has locked.
    pub lock_wait: Duration,
    /// Tables that are dumped but neither counted nor hashed, pairs of schema and name.
    pub ignore: Vec<(String, String)>,
    /// The digest of the schema, if it is known.
    pub schema_digest: Option<String>,
    /// The versions of the migrations that are applied.
    pub applied: Vec<String>,
    /// Told how many bytes were written so far.
    pub progress: watch::Sender<u64>,
}

/// Makes a backup of the database at `target` in `store`, with a level of
/// [`Level::Written`]. Dropping it ends `pg_dump` and leaves nothing.
pub async fn backup(
    target: &Target,
    programs: &Programs,
    store: &Store,
    request: &BackupRequest,
) -> Result<Backup, BackupFailure> {
    let draft = store.begin(match request.format {
        Format::Custom => Kind::Custom,
        Format::Directory { .. } => Kind::Directory,
    })?;
    let mut view = View::open(target, request).await?;
    let exported = view.facts.exported.clone();
    let wanted = Dump {
        programs: &programs.folder,
        target,
        snapshot: &exported,
        format: request.format,
        lock_wait: request.lock_wait,
        progress: &request.progress,
    };
    let dumped = async { backup::dump(&wanted, &draft).await.map_err(BackupFailure::from) };
    let counted = async { view.count().await.map_err(BackupFailure::from) };
    let (files, mut contents) = tokio::try_join!(dumped, counted)?;
    let facts = view.close(&mut contents).await?;
    let manifest = Manifest {
        format: FORMAT,
        file: draft.name(),
        kind: draft.kind(),
        created_at: draft.created_at(),
        sequence: draft.sequence(),
        database: facts.database,
        run: request.run.clone(),
        stairway: env!("CARGO_PKG_VERSION").to_owned(),
        server: facts.server.to_string(),
        major: facts.server.major,
        pg_dump: programs.version.to_string(),
        system_identifier: facts.system_identifier,
        timeline: facts.timeline,
        lsn: facts.lsn,
        snapshot: facts.snapshot,
        bytes: files.iter().map(|file| file.bytes).sum(),
        files,
        contents,
        schema_digest: request.schema_digest.clone(),
        applied: request.applied.clone(),
        level: Level::Written,
        pinned: None,
    };
    Ok(draft.finish(manifest)?)
}
