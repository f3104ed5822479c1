//! The copy: the backup restored on a server of its own, held against its manifest, and the moves
//! rehearsed on it.

use std::time::Instant;

use crate::backup::{Backup, Level, Store};
use crate::exit::Exit;
use crate::finding::ClaimKind;
use crate::postgres::Session;
use crate::server::{Database, Server, Template, causes};
use crate::steps::{self, Back, Copy, Ledger, Orphans, Rehearsed};

use super::growth;
use super::journal::Entry;
use super::preflight::Known;
use super::run::{Run, Stop};
use super::site::schema_file;

/// What the copy showed.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) rehearsed: Rehearsed,
    /// Rows without a parent that were there before.
    pub(super) orphans: Vec<Orphans>,
}

/// Restores the backup on another server, rehearses there and stops that server again.
pub(super) async fn rehearse(
    run: &mut Run<'_>,
    known: &Known<'_>,
    store: &Store,
    backup: &mut Backup,
) -> Result<Shown, Stop> {
    let exit = Exit::RehearsalFailed;
    run.begins("restore");
    let mut spec = known.site.request.copy.clone();
    spec.major = Some(known.site.version.major);
    let server = Server::acquire(&spec).await.map_err(|error| {
        Stop::new(exit, format!("no server for the copy could be had: {}", causes(&error))).help(
            "`stairway doctor` shows what was looked for; --skip-test goes without a rehearsal",
        )
    })?;
    run.note(server.reason().to_owned());
    let result = match server.create_database(Template::Empty).await {
        Ok(database) => on(run, known, (&server, &database), store, backup).await,
        Err(error) => Err(Stop::new(exit, causes(&error))),
    };
    if let Err(error) = server.stop().await {
        run.warn(format!("the copy's server was not stopped: {}", causes(&error)));
    }
    result
}

async fn on(
    run: &mut Run<'_>,
    known: &Known<'_>,
    (server, database): (&Server, &Database),
    store: &Store,
    backup: &mut Backup,
) -> Result<Shown, Stop> {
    let exit = Exit::RehearsalFailed;
    let asked = |error: &crate::postgres::PostgresError| {
        Stop::postgres(exit, "the copy can't be asked", error)
    };
    let restoring = Box::pin(steps::restore(server, database, &backup.path));
    let name = database.target.database_name().unwrap_or_default();
    let start = Instant::now();
    let restored = growth::told(run, (server.admin(), name, known.facts.size), restoring)
        .await
        .map_err(|error| Stop::new(exit, format!("backup not restorable: {error}")))?;
    if let Some(problem) = restored.problems.first() {
        let command = problem.command.as_deref().unwrap_or_default();
        let more = restored.problems.len() - 1;
        return Err(Stop::new(
            exit,
            format!("backup not restorable: {} ({more} more errors): {command}", problem.message),
        )
        .help(
            "what refuses to come back would be missing after a restore: mend it in the database",
        ));
    }
    let tool = known.site.request.history.tool;
    let mut mover = Session::connect(&database.target, "rehearse").await.map_err(|e| asked(&e))?;
    let mut eye = Session::connect(&database.target, "look").await.map_err(|e| asked(&e))?;
    let (ledger, _) = Ledger::find(&mut eye, tool).await.map_err(|e| asked(&e))?;
    let differences =
        steps::compare_copy(&mut eye, &backup.manifest, &[]).await.map_err(|e| asked(&e))?;
    if let Some(first) = differences.first() {
        let more = differences.len() - 1;
        let message = format!("the restored copy is not what was backed up: {first} ({more} more)");
        return Err(Stop::new(Exit::BackupFailed, message));
    }
    store
        .set_level(backup, Level::Restored)
        .map_err(|error| Stop::new(Exit::BackupFailed, error.to_string()))?;
    if let Some(account) = &mut run.account.backup {
        account.level = Level::Restored.into();
    }
    run.note(format!(
        "{} tables with {} rows are as they were backed up, restored in {:.1} s",
        backup.manifest.contents.tables.len(),
        backup.manifest.contents.rows(),
        start.elapsed().as_secs_f64()
    ));
    run.begins("rehearse");
    let orphans = steps::orphans(&mut eye).await.map_err(|e| asked(&e))?;
    let ledger = if ledger_exists(&mut mover, tool).await.map_err(|e| asked(&e))? {
        ledger
    } else {
        Ledger::ensure(&mut mover, tool).await.map_err(|e| asked(&e))?
    };
    let mut copy = Copy { mover, eye, ledger, major: server.version().major };
    let found = copy.schema().await.map_err(|error| Stop::new(exit, error.to_string()))?;
    if found != known.schema {
        let message = format!(
            "the copy is not like the database, so a rehearsal on it proves nothing:\n{}",
            known.schema.diff(&found).render()
        );
        return Err(Stop::new(exit, message)
            .help("use a server with the same extensions for the copy, or --copy-on same-server"));
    }
    let patience = known.site.request.patience.timeout;
    let rehearsal = copy.rehearse(&known.way.moves);
    let rehearsed = if let Ok(result) = tokio::time::timeout(patience, rehearsal).await {
        result.map_err(|error| Stop::rehearsal(&error))?
    } else {
        let message = format!("the rehearsal took longer than {} s", patience.as_secs());
        return Err(Stop::new(exit, message).help("allow more with --timeout"));
    };
    judge(run, known, &rehearsed.back)?;
    Ok(Shown { rehearsed, orphans })
}

async fn ledger_exists(
    session: &mut Session,
    tool: crate::migrations::Tool,
) -> Result<bool, crate::postgres::PostgresError> {
    Ok(Ledger::find(session, tool).await?.1)
}

/// What the way back is like decides what is possible later; an upgrade that takes data with it that
/// nobody claimed does not pass.
fn judge(run: &mut Run<'_>, known: &Known<'_>, back: &Back) -> Result<(), Stop> {
    let request = known.site.request;
    let exit = Exit::RehearsalFailed;
    let claims = |is: fn(&ClaimKind) -> bool| {
        let moves = known.way.moves.iter();
        moves.flat_map(|one| &one.migration.claims).any(|claim| is(&claim.kind))
    };
    let is_up = request.verb == crate::migrations::Direction::Upgrade;
    match back {
        Back::Sound => {
            run.note("there and back and there again: the schema and all rows came back");
        }
        Back::Missing(revision) if claims(|it| matches!(it, ClaimKind::Irreversible)) => {
            if !request.switches.fence {
                let message =
                    format!("{revision} has no way back, and nothing keeps others from writing");
                return Err(Stop::new(exit, message)
                    .help("run with --fence, so that a restore loses nothing, or with --force"));
            }
            run.warn(format!("{revision} has no way back: only a restore leads back"));
        }
        Back::Missing(revision) if is_up => {
            let message = format!("{revision} has no downgrade");
            return Err(Stop::new(exit, message).help(
                "write one, or claim `-- stairway: irreversible reason: ..` and run with --fence",
            ));
        }
        Back::Missing(revision) => run.warn(format!("{revision} has no upgrade")),
        Back::Loses(what) => {
            let what = what.join("; ");
            if is_up
                && !claims(|it| {
                    matches!(
                        it,
                        ClaimKind::Lossy
                            | ClaimKind::Deletes(_)
                            | ClaimKind::Backfills(_)
                            | ClaimKind::Inserts
                    )
                })
            {
                let message = format!("the way back loses data: {what}");
                return Err(Stop::new(exit, message).help(
                    "keep the data, or claim what is lost: `stairway verify --explain data-loss`",
                ));
            }
            run.warn(format!("the way back loses data, so only a restore leads back: {what}"));
        }
    }
    Ok(())
}

/// Keeps the schemas that were learnt, so that whoever settles the run knows them.
pub(super) fn keep(run: &mut Run<'_>, shown: &Shown) -> Result<(), Stop> {
    if let Some(journal) = &run.journal {
        for (made, schema) in shown.rehearsed.schemas.iter().enumerate() {
            let kept = journal.keep(&schema_file(made), &schema.render());
            kept.map_err(|error| Stop::journal(&error))?;
        }
    }
    run.journal(Entry::Learnt { way_back: shown.rehearsed.back == Back::Sound })
}
