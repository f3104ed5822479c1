//! What a migration takes and writes when nobody else is at work.

use std::time::{Duration, Instant};

use crate::migrations::Migration;
use crate::postgres::{Session, Target};
use crate::runs::RunError;
use crate::steps::{self, Ledger, Relation};

use super::ground::{MIGRATOR, upgrade};

/// What one migration did by itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quiet {
    /// How long it took.
    pub took: Duration,
    /// The tables that are in another file, with their rows.
    pub rewritten: Vec<Relation>,
    /// Bytes of WAL.
    pub wal: u64,
    /// Bytes of temporary files.
    pub temporary: u64,
    /// The size of the database before and after, in bytes.
    pub size: (u64, u64),
    /// Indexes that the server calls invalid afterwards and not before.
    pub invalid_indexes: Vec<String>,
}

/// Applies `migration` to a database on which nobody else is at work.
pub(super) async fn quietly(
    has_backup: bool,
    target: &Target,
    eye: &mut Session,
    ledger: &Ledger,
    migration: &Migration,
) -> Result<Quiet, RunError> {
    steps::analyse(eye).await?;
    let before = steps::footprint(eye).await?;
    let invalid = steps::invalid_index_names(eye).await?;
    // In production a deployment has a session of its own, too.
    let mut session = steps::connect(ledger.tool(), target, MIGRATOR).await?;
    let start = Instant::now();
    upgrade(has_backup, target, &mut session, ledger, migration).await?;
    let took = start.elapsed();
    steps::flush_statistics(&mut session).await?;
    session.close().await?;
    let after = steps::footprint(eye).await?;
    let now_invalid = steps::invalid_index_names(eye).await?;
    Ok(Quiet {
        took,
        rewritten: after.rewritten(&before),
        wal: after.wal.saturating_sub(before.wal),
        temporary: after.temporary.saturating_sub(before.temporary),
        size: (before.size, after.size),
        invalid_indexes: now_invalid.into_iter().filter(|it| !invalid.contains(it)).collect(),
    })
}
