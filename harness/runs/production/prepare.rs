//! Everything that comes before the first change: preflight, lock, backup, copy, rehearsal. A stop
//! here leaves the database as it was.

use std::time::Duration;

use tokio::sync::watch;

use crate::backup::{Backup, Format, Lease, Level, Store};
use crate::checks::size;
use crate::exit::Exit;
use crate::migrations::Move;
use crate::postgres::{Backend, Session};
use crate::steps::{self, BackupFailure, BackupRequest, LockError};

use super::account::{BackupAccount, Ended};
use super::copy::{self, Shown};
use super::fence::Fence;
use super::journal::{Begun, Entry, Journal, Planned};
use super::loss;
use super::preflight::{Known, preflight};
use super::request::Request;
use super::run::{Amount, Run, Stop};
use super::server;
use super::site::Standing;
use super::validate::Earlier;

/// All that is ready when the first change is made.
#[derive(Debug)]
pub(super) struct Prepared<'r> {
    pub(super) known: Known<'r>,
    /// The session that holds the lock and will move the database.
    pub(super) worker: Session,
    pub(super) backend: Backend,
    /// The backup, held so that nobody deletes it.
    pub(super) backup: Option<(Backup, Lease)>,
    pub(super) shown: Option<Shown>,
    /// What was wrong before.
    pub(super) earlier: Earlier,
}

/// Comes to the point where the first change can be made, or to the end where nothing is to be done
/// (`None`).
pub(super) async fn prepare<'r>(
    run: &mut Run<'_>,
    request: &'r Request,
) -> Result<Option<Prepared<'r>>, Stop> {
    run.begins("preflight");
    let mut known = preflight(run, request).await?;
    if known.way.moves.is_empty() {
        return Ok(None);
    }
    run.note(format!("{} migrations to {}", known.way.moves.len(), request.verb.as_str()));
    begin_journal(run, &known)?;
    let (mut worker, backend) = lock(run, &known).await?;
    if request.switches.fence {
        run.begins("fence");
        Fence::close(run, &mut worker).await?;
    }
    let mut backup = back_up(run, &known).await?;
    let shown = rehearse(run, &known, &mut backup).await?;
    if let Some(shown) = &shown {
        known.way.schemas = shown.rehearsed.schemas.iter().cloned().map(Some).collect();
    }
    recheck(run, &known, &mut worker).await?;
    let earlier = wrong_before(run, &mut worker, shown.as_ref()).await?;
    if backup.is_some() {
        loss::keep_before(run, &known, &mut worker).await?;
    }
    let backup = backup.map(|(_, backup, lease)| (backup, lease));
    Ok(Some(Prepared { known, worker, backend, backup, shown, earlier }))
}

fn begin_journal(run: &mut Run<'_>, known: &Known<'_>) -> Result<(), Stop> {
    let moves = known.way.moves.iter().map(planned).collect();
    let begun = Begun {
        run: run.id(),
        verb: run.account.verb.clone(),
        database: known.facts.identity.clone(),
        environment: known.site.request.environment.clone(),
        from: known.way.from.0,
        moves,
    };
    let journal = Journal::begin(&known.site.request.state, begun)
        .and_then(|journal| {
            journal.keep(&super::site::schema_file(0), &known.schema.render())?;
            journal.keep(super::site::INVALID_FILE, &known.way.invalid.join("\n"))?;
            Ok(journal)
        })
        .map_err(|error| {
            Stop::journal(&error).help("make the deployment directory writable (DEPLOYMENT_DIR)")
        })?;
    run.journal = Some(journal);
    Ok(())
}

pub(super) fn planned(one: &Move<'_>) -> Planned {
    Planned {
        revision: one.migration.revision.clone(),
        direction: one.direction,
        checksum: one.script().map(crate::migrations::Script::checksum).unwrap_or_default(),
    }
}

async fn lock(run: &mut Run<'_>, known: &Known<'_>) -> Result<(Session, Backend), Stop> {
    run.begins("lock");
    let asked =
        |error: &_| Stop::postgres(Exit::PreflightRefused, "the lock can't be taken", error);
    let (mut worker, backend) = known.site.worker(&run.id()).await.map_err(|e| asked(&e))?;
    match steps::lock(&mut worker, known.site.request.patience.runner).await {
        Ok(()) => {}
        Err(LockError::Postgres(error)) => return Err(asked(&error)),
        Err(held) => {
            return Err(Stop::new(Exit::AlreadyRunning, held.to_string())
                .help("wait until it has ended; `stairway current --verbose` shows runs"));
        }
    }
    run.journal(Entry::Working(backend.clone()))?;
    Ok((worker, backend))
}

type Made = (Store, Backup, Lease);

async fn back_up(run: &mut Run<'_>, known: &Known<'_>) -> Result<Option<Made>, Stop> {
    let (Some(programs), Some(store)) = (&known.programs, &known.store) else {
        run.skip("backup", "--skip-backup: there will be no way back by restore");
        return Ok(None);
    };
    run.begins("backup");
    let failed = |error: String| {
        Stop::new(Exit::BackupFailed, error)
            .help("nothing was changed; --skip-backup goes without one")
    };
    for partial in store.sweep_partials().map_err(|error| failed(error.to_string()))? {
        run.note(format!("{} of a run that was killed is removed", partial.display()));
    }
    let request = known.site.request;
    let (progress, mut seen) = watch::channel(0);
    let wanted = BackupRequest {
        run: run.id(),
        format: request
            .jobs
            .map_or_else(|| Format::usual(known.facts.size), |jobs| Format::Directory { jobs }),
        lock_wait: request.patience.timeout,
        ignore: Vec::new(),
        schema_digest: Some(known.schema.digest()),
        applied: known.applied.iter().map(|row| row.version.clone()).collect(),
        progress,
    };
    let backup = {
        let making = steps::backup(&request.target, programs, store, &wanted);
        tokio::pin!(making);
        loop {
            tokio::select! {
                made = &mut making => break made,
                Ok(()) = seen.changed() => {
                    let bytes = *seen.borrow_and_update();
                    run.amount(Amount { word: "written", bytes, of: None });
                }
            }
        }
    };
    let mut backup = backup.map_err(|error| match error {
        BackupFailure::Postgres(error) => {
            Stop::postgres(Exit::BackupFailed, "the backup failed", &error)
        }
        other => failed(causes(&other)),
    })?;
    let lease = store.hold(&backup).map_err(|error| failed(causes(&error)))?;
    store.verify(&backup).await.map_err(|error| failed(causes(&error)))?;
    store.set_level(&mut backup, Level::Checksummed).map_err(|error| failed(causes(&error)))?;
    run.account.backup = Some(BackupAccount::of(&backup));
    run.note(format!("{}, {}", backup.path.display(), size(backup.manifest.bytes)));
    run.journal(Entry::BackedUp { file: backup.path.clone() })?;
    Ok(Some((store.clone(), backup, lease)))
}

fn causes(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

async fn rehearse(
    run: &mut Run<'_>,
    known: &Known<'_>,
    backup: &mut Option<Made>,
) -> Result<Option<Shown>, Stop> {
    let request = known.site.request;
    let Some((store, backup, _)) = backup else {
        run.skip("rehearse", "not rehearsed: there is no backup to make a copy of");
        return Ok(None);
    };
    if request.switches.skip_test {
        run.skip("rehearse", "--skip-test: nobody has seen these migrations on this data");
        return Ok(None);
    }
    store.verify(backup).await.map_err(|error| Stop::new(Exit::BackupFailed, causes(&error)))?;
    match copy::rehearse(run, known, store, backup).await {
        Ok(shown) => {
            copy::keep(run, &shown)?;
            Ok(Some(shown))
        }
        Err(stop) if request.switches.force && stop.exit == Exit::RehearsalFailed => {
            let message = stop.trouble.message.clone();
            run.ends(Ended::Failed);
            run.warn(format!("--force: goes on although the rehearsal failed: {message}"));
            Ok(None)
        }
        Err(stop) => Err(stop),
    }
}

/// What is wrong already, kept for whoever settles the run.
async fn wrong_before(
    run: &mut Run<'_>,
    worker: &mut Session,
    shown: Option<&Shown>,
) -> Result<Earlier, Stop> {
    let orphans = shown.map(|it| it.orphans.as_slice());
    let earlier = Earlier::look(worker, orphans).await.map_err(|error| {
        Stop::postgres(Exit::PreflightRefused, "the database can't be looked at", &error)
    })?;
    let earlier = earlier.extensions(shown.and_then(|it| it.extensions.clone()));
    if let Some(journal) = &run.journal {
        // Plain data: this can't fail.
        let text = serde_json::to_string(&earlier).unwrap_or_default();
        journal.keep(Earlier::FILE, &text).map_err(|error| Stop::journal(&error))?;
    }
    Ok(earlier)
}

/// What may have happened meanwhile: the lock, the version table and the schema are looked at again.
async fn recheck(run: &mut Run<'_>, known: &Known<'_>, worker: &mut Session) -> Result<(), Stop> {
    let exit = Exit::PreflightRefused;
    let asked = |error: &_| Stop::postgres(exit, "the database can't be looked at again", error);
    run.begins("recheck");
    if !steps::is_locked(worker).await.map_err(|e| asked(&e))? {
        return Err(Stop::new(exit, "the lock was lost while the backup was made"));
    }
    server::hold_anew(run, &known.site).await.map_err(|e| asked(&e))?;
    server::refuse(run, exit)?;
    let seen = known.site.look().await.map_err(|error| Stop::new(exit, error.to_string()))?;
    match known.way.standing(&seen, &known.site.request.history) {
        Standing::Made(0) => Ok(()),
        Standing::Made(_) => Err(Stop::new(exit, "somebody moved the version table meanwhile")),
        Standing::Nowhere(why) => {
            Err(Stop::new(exit, format!("somebody changed the database meanwhile: {why}")))
        }
    }
}

/// How long a person waits for a lock of another runner at the end of a run.
pub(super) const AT_LEAST: Duration = Duration::from_secs(30);
