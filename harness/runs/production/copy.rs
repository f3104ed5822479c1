//! The copy: the backup restored on a server of its own, held against its manifest, and the moves
//! rehearsed on it.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::backup::{Backup, Level, Store, is_starved};
use crate::exit::Exit;
use crate::finding::ClaimKind;
use crate::postgres::{PostgresError, Session, Target, quote_ident};
use crate::server::{Backend, Database, Server, Template, causes};
use crate::steps::{self, Back, Copy, Ledger, Orphans, Rehearsed};

use super::account::Class;
use super::growth;
use super::journal::Entry;
use super::preflight::{Known, copy_spec};
use super::run::{Run, Stop, discreet};
use super::site::schema_file;

/// What the copy showed.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) rehearsed: Rehearsed,
    /// Rows without a parent that were there before.
    pub(super) orphans: Vec<Orphans>,
    /// The versions of extensions afterwards, if they were the database's before.
    pub(super) extensions: Option<BTreeMap<String, String>>,
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
    let server = if let Some(chosen) = &known.copy {
        chosen.start().await
    } else {
        let spec = copy_spec(run, known.site.request, &known.site, &known.facts);
        Server::acquire(&spec).await
    };
    let server = server.map_err(|error| {
        Stop::new(exit, format!("no server for the copy could be had: {}", causes(&error))).help(
            "`stairway doctor` shows what was looked for; --skip-test goes without a rehearsal",
        )
    })?;
    run.note(server.reason().to_owned());
    let mut made = Vec::new();
    let result = match server.create_database(Template::Empty).await {
        Ok(database) => match alike(run, known, (&server, &database), &mut made).await {
            Ok(()) => Box::pin(on(run, known, (&server, &database), store, backup)).await,
            Err(stop) => Err(stop),
        },
        Err(error) => {
            let stop = Stop::new(exit, causes(&error));
            Err(if is_starved(&stop.trouble.message) { starved(stop) } else { stop })
        }
    };
    let (is_shared, admin) = (server.backend() == Backend::Existing, server.admin().clone());
    if let Err(error) = server.stop().await {
        run.warn(format!("the copy's server was not stopped: {}", causes(&error)));
    }
    if is_shared && let Err(error) = forget(&admin, &made).await {
        run.warn(format!(
            "{} are left on the copy's server: {}",
            made.join(", "),
            discreet(&error)
        ));
    }
    result.map_err(|stop| match stop.trouble.class {
        // It is the copy's server, not the database's.
        Some(Class::ServerResources) => starved(stop),
        _ => stop,
    })
}

/// The copy's server ran out of something: that says nothing about the migration or the backup.
fn starved(mut stop: Stop) -> Stop {
    stop.trouble.class = Some(Class::Environment);
    stop.trouble.message = format!("the copy's server ran out of room: {}", stop.trouble.message);
    stop.help(
        "nothing is said about the migration: make room where the copy's server runs (STAIRWAY_RUNTIME), \
         or name another one with --server",
    )
}

/// Makes the copy's database one like the original: owner, settings, the role that moves it. Puts the
/// roles that were made for it into `made`.
async fn alike(
    run: &mut Run<'_>,
    known: &Known<'_>,
    (server, database): (&Server, &Database),
    made: &mut Vec<String>,
) -> Result<(), Stop> {
    let (owner, mover) = (&known.facts.owner, &known.facts.role);
    let work = async {
        let mut admin = Session::connect(server.admin(), "copy").await?;
        *made = steps::give_to(&mut admin, &database.name, owner, mover).await?;
        let mut original = known.site.reader("copy").await?;
        let settings = steps::settings_of(&mut original, &database.name, false).await?;
        original.close().await?;
        for statement in settings {
            if let Err(error) = admin.execute(&statement).await {
                // One of a library that is not there, or that the role may not change.
                let error = discreet(&error);
                run.warn(format!("a setting of the database is not the copy's: {error}"));
            }
        }
        admin.close().await
    };
    work.await.map_err(|error| {
        let doing = format!("the copy can't be given to {owner}, whom the database belongs to");
        Stop::postgres(Exit::RehearsalFailed, &doing, &error)
            .help("name a server for the copy where the role is a superuser: --copy-on local")
    })
}

/// Drops the roles that were made on somebody's server.
async fn forget(admin: &Target, made: &[String]) -> Result<(), PostgresError> {
    if made.is_empty() {
        return Ok(());
    }
    let mut session = Session::connect(admin, "copy").await?;
    for role in made {
        session.execute(&format!("DROP ROLE {}", quote_ident(role))).await?;
    }
    session.close().await
}

/// Restores the backup and holds it against its manifest.
async fn restored(
    run: &mut Run<'_>,
    known: &Known<'_>,
    (server, database): (&Server, &Database),
    store: &Store,
    backup: &mut Backup,
) -> Result<(), Stop> {
    let exit = Exit::RehearsalFailed;
    let asked = |error: &PostgresError| Stop::postgres(exit, "the copy can't be asked", error);
    let restoring = Box::pin(steps::restore(server, database, &backup.path));
    let name = database.target.database_name().unwrap_or_default();
    let start = Instant::now();
    let restored = growth::told(run, (server.admin(), name, known.facts.size), restoring)
        .await
        .map_err(|error| Stop::new(exit, format!("backup not restorable: {}", error.discreet())))?;
    if let Some(problem) = restored.problems.first() {
        if let Some(starving) = restored.problems.iter().find(|it| is_starved(&it.message)) {
            return Err(starved(Stop::new(exit, starving.message.clone())));
        }
        let more = restored.problems.len() - 1;
        return Err(Stop::new(
            exit,
            format!("backup not restorable: {} ({more} more errors)", problem.discreet()),
        )
        .help(
            "what refuses to come back would be missing after a restore: mend it in the database",
        ));
    }
    let mut eye = Session::connect(&database.target, "look").await.map_err(|e| asked(&e))?;
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
    Ok(())
}

async fn on(
    run: &mut Run<'_>,
    known: &Known<'_>,
    (server, database): (&Server, &Database),
    store: &Store,
    backup: &mut Backup,
) -> Result<Shown, Stop> {
    let exit = Exit::RehearsalFailed;
    let asked = |error: &PostgresError| Stop::postgres(exit, "the copy can't be asked", error);
    restored(run, known, (server, database), store, backup).await?;
    let records = &known.site.request.history.records;
    look_alike(known, database).await.map_err(|e| asked(&e))?;
    let mut mover = mover(known, database).await?;
    let mut eye = Session::connect(&database.target, "look").await.map_err(|e| asked(&e))?;
    let (ledger, _) = Ledger::find(&mut eye, records).await.map_err(|e| asked(&e))?;
    run.begins("rehearse");
    let orphans = steps::orphans(&mut eye).await.map_err(|e| asked(&e))?;
    let ledger = if ledger_exists(&mut mover, records).await.map_err(|e| asked(&e))? {
        ledger
    } else {
        Ledger::ensure(&mut mover, records).await.map_err(|e| asked(&e))?
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
    let is_alike = same_extensions(run, known, &mut copy.eye).await.map_err(|e| asked(&e))?;
    let patience = known.site.request.patience.timeout;
    let rehearsal = copy.rehearse(&known.way.moves);
    let rehearsed = if let Ok(result) = tokio::time::timeout(patience, rehearsal).await {
        result.map_err(|error| Stop::rehearsal(&error))?
    } else {
        let message = format!("the rehearsal took longer than {} s", patience.as_secs());
        return Err(Stop::new(exit, message).help("allow more with --timeout"));
    };
    let way_back = rehearsed.back == Back::Sound;
    run.way_back = Some(way_back);
    // Whoever settles the run must know it, also where it goes on in spite of it.
    run.journal(Entry::Learnt { way_back })?;
    judge(run, known, &rehearsed.back)?;
    let extensions = steps::extensions(&mut copy.eye).await.map_err(|e| asked(&e))?;
    Ok(Shown { rehearsed, orphans, extensions: is_alike.then_some(extensions) })
}

/// Whether the copy has the extensions of the database in the same versions: a restore makes them in
/// those that the server of the copy has.
async fn same_extensions(
    run: &mut Run<'_>,
    known: &Known<'_>,
    eye: &mut Session,
) -> Result<bool, PostgresError> {
    let mut original = known.site.reader("look").await?;
    let (there, here) = (steps::extensions(&mut original).await?, steps::extensions(eye).await?);
    original.close().await?;
    let others = there.iter().filter(|(name, version)| here.get(*name) != Some(version));
    let other = |(name, version): (&String, &String)| {
        let copy = here.get(name).map_or("none", String::as_str);
        format!("{name} {version} ({copy} on the copy)")
    };
    let others: Vec<String> = others.map(other).collect();
    if !others.is_empty() {
        run.warn(format!("rehearsed with other versions of extensions: {}", others.join(", ")));
    }
    Ok(others.is_empty())
}

/// Has migrations on the copy find and make things in the schemas in which they will be there: what
/// says so belongs to the database or to the role, and is in no backup.
async fn look_alike(known: &Known<'_>, database: &Database) -> Result<(), PostgresError> {
    let mut session = Session::connect(&database.target, "rehearse").await?;
    let name = database.target.database_name().unwrap_or_default();
    session.execute(&steps::path_of(&known.facts.search_path, name)).await?;
    session.close().await
}

/// A session of the role that moves the original.
async fn mover(known: &Known<'_>, database: &Database) -> Result<Session, Stop> {
    let exit = Exit::RehearsalFailed;
    let asked = |error: &PostgresError| Stop::postgres(exit, "the copy can't be asked", error);
    let role = &known.facts.role;
    let tool = known.site.request.history.tool;
    let mover = steps::connect(tool, &database.target, "rehearse");
    let mut mover = mover.await.map_err(|e| asked(&e))?;
    if steps::become_role(&mut mover, role).await.map_err(|e| asked(&e))? {
        return Ok(mover);
    }
    let message =
        format!("role {role} is no superuser on the copy's server: it can't be rehearsed as it");
    Err(Stop::new(exit, message)
        .help("use another server for the copy: --copy-on local, or same-server"))
}

async fn ledger_exists(
    session: &mut Session,
    records: &crate::migrations::Records,
) -> Result<bool, PostgresError> {
    Ok(Ledger::find(session, records).await?.1)
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
    Ok(())
}
