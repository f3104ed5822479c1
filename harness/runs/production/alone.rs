//! Runs of one step: validating a database as it is, stamping its version table, restoring a backup
//! by hand.

use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::backup::{Backup, Store};
use crate::exit::Exit;
use crate::migrations::{Applied, Place, resolve};
use crate::postgres::{PostgresError, Session, quote_literal};
use crate::schema::Snapshot;
use crate::steps::{self, Ledger, LockError};

use super::account::{Account, BackupAccount, Ended, State};
use super::fallback::{self, Fallback};
use super::journal::{Entry, Journal};
use super::loss::Wanted;
use super::preflight::{REACH, astray, preflight_of, refuse};
use super::recipe::{Signal, Stage, stage};
use super::recover;
use super::request::Request;
use super::run::{Listener, Run, Stop, discreet};
use super::site::{Seen, Site, Way, revision_at};
use super::validate::{Earlier, validate};

/// Checks a database as it is: the version table against the files, the schema against what the last
/// run left, foreign keys, indexes, sequences, critical tables, query tests. Changes nothing.
pub async fn validate_now(
    request: &Request,
    mut signal: impl Future<Output = Signal> + Unpin,
    listener: &mut dyn Listener,
) -> Account {
    let mut run = Run::new(request, "validate", listener);
    run.begins("validate");
    let looked = match stage(Box::pin(look(&mut run, request)), &mut signal).await {
        Stage::Done(looked) => looked,
        Stage::Stopped(signal) => return stopped(run, signal),
    };
    match looked {
        Ok(None) => run.end(State::Before, Exit::Clean, "the database is as it should be"),
        Ok(Some(wrong)) => {
            let exit = run.trouble(Stop::new(Exit::Findings, wrong.clone()));
            run.end(State::Before, exit, format!("validation failed: {wrong}"))
        }
        Err(stop) => {
            let outcome = stop.trouble.message.clone();
            let exit = run.trouble(stop);
            run.end(State::Before, exit, outcome)
        }
    }
}

/// The end of a run that a signal came to while it had changed nothing.
fn stopped(mut run: Run<'_>, signal: Signal) -> Account {
    run.ends(Ended::Failed);
    run.end(State::Before, signal.exit(), "interrupted before anything was changed")
}

async fn look(run: &mut Run<'_>, request: &Request) -> Result<Option<String>, Stop> {
    let exit = Exit::PreflightRefused;
    let asked =
        |error: &PostgresError| Stop::postgres(exit, "the database can't be looked at", error);
    let (site, mut session) =
        Site::find(request).await.map_err(|error| asked(&error).help(REACH))?;
    run.account.server = Some(site.version.to_string());
    let has_audit = steps::has_audit(&mut session).await.map_err(|e| asked(&e))?;
    let last = if has_audit {
        steps::last_schema(&mut session).await.map_err(|e| asked(&e))?
    } else {
        None
    };
    let _ = session.close().await;
    let seen = site.look().await.map_err(|error| Stop::new(exit, error.to_string()))?;
    let from = Place(seen.applied.len());
    let revision = revision_at(&request.history, from);
    // Where the tool itself moved it since, the last run does not say what it should be.
    let last = last.filter(|(left, _)| *left == revision);
    let last = last.and_then(|(_, text)| Snapshot::parse(&text).ok());
    let last = last.filter(|last| last.major() == site.version.major);
    run.account.from = Some(revision);
    let way = Way { from, moves: Vec::new(), schemas: vec![last], invalid: Vec::new() };
    let checked = validate(run, &site, &way, &Earlier::default()).await;
    Ok(checked.map_err(|error| Stop::new(exit, error.to_string()))?.1)
}

/// Writes into the version table that a database is at a revision, without running anything.
pub async fn stamp(
    request: &Request,
    reason: &str,
    mut signal: impl Future<Output = Signal> + Unpin,
    listener: &mut dyn Listener,
) -> Account {
    let mut run = Run::new(request, "stamp", listener);
    run.begins("stamp");
    // Once it writes it is brought to its end: those are moments.
    let written = match stage(Box::pin(stand(&mut run, request)), &mut signal).await {
        Stage::Done(Ok(stand)) => write_stamp(&mut run, request, stand, reason).await,
        Stage::Done(Err(stop)) => Err(stop),
        Stage::Stopped(signal) => return stopped(run, signal),
    };
    match written {
        Ok(()) => {
            recover::close_all(&mut run, request, State::After).await;
            let to = run.account.to.clone().unwrap_or_default();
            run.end(State::After, Exit::Clean, format!("the version table says {to}"))
        }
        Err(stop) => {
            let outcome = stop.trouble.message.clone();
            let exit = run.trouble(stop);
            run.end(State::Before, exit, outcome)
        }
    }
}

/// A database that is ready to be stamped: what it was seen to be, the place that is meant, and the
/// session that holds the lock.
struct Stand {
    seen: Seen,
    to: Place,
    worker: Session,
}

fn unwritten(error: &PostgresError) -> Stop {
    Stop::postgres(Exit::PreflightRefused, "the version table can't be written", error)
}

async fn stand(run: &mut Run<'_>, request: &Request) -> Result<Stand, Stop> {
    let (site, session) =
        Site::find(request).await.map_err(|error| unwritten(&error).help(REACH))?;
    let _ = session.close().await;
    let (mut worker, _) = site.worker(&run.id()).await.map_err(|error| unwritten(&error))?;
    lock(&mut worker, request).await?;
    let seen = site.look().await;
    let seen = seen.map_err(|error| Stop::new(Exit::PreflightRefused, error.to_string()))?;
    let history = &request.history;
    astray(run, request, &seen.ledger);
    refuse(run)?;
    // Rows without a file and those of half a migration stand for no place.
    let stands = |row: &&Applied| row.whole && history.position(&row.version).is_some();
    let from = Place(seen.applied.iter().filter(stands).count());
    let to = resolve(&request.goal, history, from).map_err(|error| {
        Stop::new(Exit::Usage, format!("can't locate revision {:?}: {error}", request.goal))
            .help("`stairway history` lists the revisions")
    })?;
    run.account.from = Some(revision_at(history, from));
    run.account.to = Some(revision_at(history, to));
    Ok(Stand { seen, to, worker })
}

async fn write_stamp(
    run: &mut Run<'_>,
    request: &Request,
    Stand { seen, to, mut worker }: Stand,
    reason: &str,
) -> Result<(), Stop> {
    let history = &request.history;
    let (was, is) = (run.account.from.clone(), run.account.to.clone());
    let (was, is) = (was.unwrap_or_default(), is.unwrap_or_default());
    let id = run.id();
    let work = async {
        steps::make_audit(&mut worker).await?;
        let ledger = Ledger::ensure(&mut worker, &history.records).await?;
        steps::begin_run(&mut worker, (&id, "stamp"), (&was, &is), Some(reason)).await?;
        let kept = history.migrations.get(..to.0).unwrap_or_default();
        steps::stamp(&mut worker, &ledger, kept, &seen.applied).await?;
        steps::end_run(&mut worker, &id, ("AFTER", 0), &seen.schema.render()).await?;
        steps::unlock(&mut worker).await
    };
    work.await.map_err(|error| unwritten(&error))?;
    let _ = worker.close().await;
    run.note(format!("from {was} to {is}, because: {reason}"));
    Ok(())
}

async fn lock(worker: &mut Session, request: &Request) -> Result<(), Stop> {
    match steps::lock(worker, request.patience.runner).await {
        Ok(()) => Ok(()),
        Err(LockError::Postgres(error)) => {
            Err(Stop::postgres(Exit::PreflightRefused, "the lock can't be taken", &error))
        }
        Err(held) => Err(Stop::new(Exit::AlreadyRunning, held.to_string())),
    }
}

/// Restores a backup by hand: into a new database, proven, and swapped; what was there is kept.
/// `which` is a file, the name of one in the folder of backups, or `latest`.
pub async fn restore_now(
    request: &Request,
    which: &Path,
    signal: impl Future<Output = Signal> + Unpin,
    listener: &mut dyn Listener,
) -> Account {
    let mut run = Run::new(request, "restore", listener);
    if let Some(settled) = recover::earlier(&mut run, request).await {
        // This may be what settles it.
        run.warn(format!("an earlier run is not settled: {}", settled.outcome));
        run.account.trouble = None;
    }
    run.begins("restore");
    let swaps = run.swaps();
    let result = match unless_stopped(restore(&mut run, request, which), signal, &swaps).await {
        Stage::Done(result) => result,
        Stage::Stopped(signal) => {
            clean(&mut run, request).await;
            return stopped(run, signal);
        }
    };
    match result {
        Ok(Fallback::Restored) => {
            recover::close_all(&mut run, request, State::Before).await;
            run.end(State::After, Exit::Clean, "the backup is in place, proven")
        }
        Ok(Fallback::Refused(refusal)) => {
            let why = refusal.to_string();
            let stop = Stop::new(Exit::RollbackRefused, why.clone()).help(refusal.help);
            let exit = run.trouble(stop);
            run.end(State::Before, exit, why)
        }
        Ok(Fallback::Failed(why) | Fallback::Unswapped(why)) => {
            let exit = run.trouble(Stop::new(Exit::BackupFailed, why.clone()));
            run.end(State::Before, exit, why)
        }
        Ok(Fallback::Unknown(why)) => {
            let help = "`stairway recover` looks at it, and opens it, once the server answers";
            let exit = run.trouble(Stop::new(Exit::Unknown, why.clone()).help(help));
            run.end(State::Unknown, exit, why)
        }
        Err(stop) => {
            let outcome = stop.trouble.message.clone();
            let exit = run.trouble(stop);
            run.end(State::Before, exit, outcome)
        }
    }
}

/// Does the work, unless a signal comes before the swap: that is brought to its end.
async fn unless_stopped<T>(
    work: impl Future<Output = T>,
    signal: impl Future<Output = Signal> + Unpin,
    swaps: &AtomicBool,
) -> Stage<T> {
    let mut work = Box::pin(work);
    tokio::select! {
        biased;
        signal = signal => if swaps.load(Ordering::SeqCst) {
            Stage::Done(work.await)
        } else {
            Stage::Stopped(signal)
        },
        done = &mut work => Stage::Done(done),
    }
}

/// Drops the database that a restore was being made into when it was given up.
async fn clean(run: &mut Run<'_>, request: &Request) {
    let entries = run.journal.as_ref().map(Journal::entries).unwrap_or_default();
    let into = entries.iter().find_map(|entry| match entry {
        Entry::Restoring { into } => Some(into.clone()),
        _ => None,
    });
    let Some(into) = into else { return };
    let dropped = async {
        let mut admin = fallback::admin(request).await?;
        // Whoever makes it still does not know yet that nobody waits for it.
        let end = format!(
            "SELECT pg_catalog.pg_terminate_backend(pid, 5000) FROM pg_catalog.pg_stat_activity \
             WHERE pid <> pg_catalog.pg_backend_pid() AND usename = session_user AND state = 'active' \
             AND pg_catalog.strpos(query, {}) > 0",
            quote_literal(&into)
        );
        admin.execute(&end).await?;
        steps::drop_restored(&mut admin, &into).await?;
        admin.close().await
    };
    if let Err(error) = dropped.await {
        run.warn(format!("{into} is left, and can be dropped: {}", discreet(&error)));
    }
}

async fn restore(run: &mut Run<'_>, request: &Request, which: &Path) -> Result<Fallback, Stop> {
    let exit = Exit::PreflightRefused;
    let asked =
        |error: &PostgresError| Stop::postgres(exit, "the database can't be reached", error);
    let (site, mut session) =
        Site::find(request).await.map_err(|error| asked(&error).help(REACH))?;
    run.account.server = Some(site.version.to_string());
    let known = preflight_of(run, &site).await?;
    let (store, backup) = find(request, which, &known.name, &mut session).await?;
    let manifest = &backup.manifest;
    run.account.backup = Some(BackupAccount::of(&backup));
    run.note(format!("{}, made {}", backup.path.display(), manifest.created_at));
    if known.name != manifest.database {
        let message = format!("the backup is of {}, not of {}", manifest.database, known.name);
        return Err(Stop::new(exit, message));
    }
    let foreign = steps::foreign(&mut session, manifest).await.map_err(|e| asked(&e))?;
    let _ = session.close().await;
    if let Some(foreign) = foreign.as_ref().filter(|_| !request.switches.from_other_server) {
        let help = "if it is wanted all the same: --from-other-server, with --accept-loss all";
        return Err(Stop::new(exit, foreign.clone()).help(help));
    }
    let mut session = site.reader("restore").await.map_err(|e| asked(&e))?;
    lock(&mut session, request).await?;
    run.begin_alone(request, known, "restore")?;
    let wanted = Wanted { store: &store, backup: &backup, foreign, by_hand: true };
    let result = fallback::put_back(run, &site, &wanted, session).await;
    run.ends(if matches!(result, Ok(Fallback::Restored)) { Ended::Done } else { Ended::Failed });
    result.map_err(|error| Stop::postgres(Exit::BackupFailed, "the restore failed", &error))
}

/// The backup that is meant; `latest` is the newest one of this database on this server.
async fn find(
    request: &Request,
    which: &Path,
    database: &str,
    session: &mut Session,
) -> Result<(Store, Backup), Stop> {
    let failed = |message: String| {
        Stop::new(Exit::BackupFailed, message).help("`stairway backup --list` shows what there is")
    };
    let is_file = which.components().count() > 1 || which.exists();
    let folder = match which.parent().filter(|_| is_file) {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) if which.exists() => Path::new("."),
        _ => &request.backups,
    };
    let store = Store::open(folder).map_err(|error| failed(error.to_string()))?;
    let listing = store.list().map_err(|error| failed(error.to_string()))?;
    if which == Path::new("latest") {
        let mut others = 0;
        for backup in listing.backups {
            let is_named = backup.manifest.database == database;
            let foreign = steps::foreign(session, &backup.manifest).await;
            let foreign = foreign.map_err(|error| {
                Stop::postgres(Exit::PreflightRefused, "the database can't be reached", &error)
            })?;
            if is_named && (foreign.is_none() || request.switches.from_other_server) {
                return Ok((store, backup));
            }
            others += 1;
        }
        let message = format!(
            "there is no backup of {database} on this server in {}, and {others} others",
            folder.display()
        );
        return Err(failed(message));
    }
    let wanted = which.file_name();
    let found = listing.backups.into_iter().find(|backup| backup.path.file_name() == wanted);
    let unverified = listing.unverified.iter().find(|it| it.path.file_name() == wanted);
    match (found, unverified) {
        (Some(backup), _) => Ok((store, backup)),
        (None, Some(it)) => {
            Err(failed(format!("{} is no backup to trust: {}", it.path.display(), it.reason)))
        }
        (None, None) => Err(failed(format!("there is no backup {}", which.display()))),
    }
}
