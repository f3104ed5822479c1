//! The last way back: the backup restored into a new database, proven, and put in the place of the
//! one that failed. Never over it, and never where it would lose what others wrote.

use std::fmt::Write;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use crate::backup::{self, Archive, Backup, Store};
use crate::migrations::History;
use crate::postgres::{PostgresError, Session, Target};
use crate::server::client_programs;
use crate::steps::{self, Ledger, Written};

use super::fence::Fence;
use super::growth;
use super::journal::Entry;
use super::run::{Run, discreet};
use super::settle::Case;
use super::site::Site;

/// How a restore ended.
#[derive(Debug)]
pub(super) enum Fallback {
    /// The database is what it was when the backup was made.
    Restored,
    /// It was not tried, since it would lose something.
    Refused(String),
    /// It can't be done, or went wrong. The database is as it was before.
    Failed(String),
    /// The restored database is there and proven, and could not be put in the place of the other.
    /// Both have their names.
    Unswapped(String),
}

/// Names that go with a run; both fit `PostgreSQL`'s 63 bytes.
fn names(database: &str, run: &str) -> (String, String) {
    let stem: String = database.chars().take(20).collect();
    let run = run.to_lowercase();
    (format!("{stem}_restore_{run}"), format!("{stem}_failed_{run}"))
}

/// Restores the backup of a run in place of its database.
pub(super) async fn restore(run: &mut Run<'_>, case: &Case<'_, '_>) -> Fallback {
    run.begins("restore");
    let Some((store, backup)) = case.backup else {
        return Fallback::Failed("there is no backup to restore".to_owned());
    };
    match put_back(run, case.site, store, backup).await {
        Ok(fallback) => fallback,
        Err(error) => Fallback::Failed(format!("the restore failed: {}", discreet(&error))),
    }
}

/// A session in the server's maintenance database.
pub(super) async fn admin(target: &Target) -> Result<Session, PostgresError> {
    let own = target.database_name().unwrap_or_else(|| target.role());
    let other = if own == "postgres" { "template1" } else { "postgres" };
    Session::connect(&target.database(other), "restore").await
}

/// Restores `backup` into a new database, proves it and swaps. The database is as it was before
/// unless this gives [`Fallback::Restored`].
pub(super) async fn put_back(
    run: &mut Run<'_>,
    site: &Site<'_>,
    store: &Store,
    backup: &Backup,
) -> Result<Fallback, PostgresError> {
    let failed = |why: String| Ok(Fallback::Failed(why));
    if let Err(error) = store.verify(backup).await {
        return failed(format!("the backup can't be used: {error}"));
    }
    let Ok(lease) = store.hold(backup) else {
        return failed("the backup can't be held".to_owned());
    };
    let mut session = site.reader("restore").await?;
    if let Some(refused) = refused(run, site, &mut session, backup).await? {
        return Ok(Fallback::Refused(refused));
    }
    let database = steps::identity(&mut session).await?.name;
    let (restored, kept) = names(&database, &run.id());
    let mut admin = admin(&site.request.target).await?;
    let written = run.write(Entry::Restoring { into: restored.clone() });
    if let Err(error) = written {
        return failed(format!("the journal can't be written: {error}"));
    }
    let made = make(run, site, (&mut session, &mut admin), backup, &restored).await;
    let result = match made {
        Ok(()) => {
            swap(run, site, (session, &mut admin), backup, (&database, &restored, &kept)).await
        }
        Err(why) => Ok(Fallback::Failed(why)),
    };
    if !matches!(result, Ok(Fallback::Restored | Fallback::Unswapped(_))) {
        let dropped = steps::drop_restored(&mut admin, &restored).await;
        if let Err(error) = dropped {
            run.warn(format!("{restored} is left: {}", discreet(&error)));
        }
    }
    drop(lease);
    result
}

/// Counts what a restore would lose. Gives why it is refused, if it is.
async fn refused(
    run: &mut Run<'_>,
    site: &Site<'_>,
    session: &mut Session,
    backup: &Backup,
) -> Result<Option<String>, PostgresError> {
    let (written, ours) = written(site, session, backup).await?;
    let rows: u64 = written.iter().map(|it| it.rows).sum();
    let rewritten: Vec<&Written> = written.iter().filter(|it| it.rewritten > 0).collect();
    let accepted = site.request.switches.accept_loss;
    // A run that was killed may have been fenced, whatever this one is.
    let is_fenced = run.fence().is_some();
    if !rewritten.is_empty() && !is_fenced && accepted.is_none() {
        let tables: Vec<String> = rewritten.iter().map(|it| dotted(&it.table)).collect();
        return Ok(Some(format!(
            "restore blocked: the migration rewrote rows of {}, so what others wrote there since the \
             backup can't be told",
            tables.join(", ")
        )));
    }
    if rows <= accepted.unwrap_or(0) {
        if rows > 0 {
            run.warn(format!(
                "--accept-loss: {rows} row versions written since the backup are lost"
            ));
        }
        return Ok(None);
    }
    let tables = written.iter().filter(|it| it.rows > 0).count();
    let mut message =
        format!("restore blocked: {rows} row versions in {tables} tables would be lost");
    match export(run, session, backup, &written, &ours).await {
        Ok(Some(folder)) => {
            let _ = write!(message, ", exported to {}", folder.display());
        }
        Ok(None) => {}
        Err(error) => run.warn(format!("the rows can't be exported: {}", discreet(&error))),
    }
    Ok(Some(message))
}

fn dotted((schema, name): &(String, String)) -> String {
    format!("{schema}.{name}")
}

async fn written(
    site: &Site<'_>,
    session: &mut Session,
    backup: &Backup,
) -> Result<(Vec<Written>, Vec<String>), PostgresError> {
    let History { tool, .. } = &site.request.history;
    let (ledger, _) = Ledger::find(session, *tool).await?;
    let ours = if steps::has_audit(session).await? {
        steps::transactions(session).await?
    } else {
        Vec::new()
    };
    let manifest = &backup.manifest;
    let ignore = [ledger.names()];
    let found =
        steps::written_since(session, &manifest.snapshot, &manifest.contents, &ours, &ignore);
    Ok((found.await?, ours))
}

/// Where rows are exported that would be lost, beside the journal; for their owner only.
pub(super) fn written_folder(run: &Run<'_>) -> Option<PathBuf> {
    let folder = run.folder()?.join("written");
    DirBuilder::new().recursive(true).mode(0o700).create(&folder).ok()?;
    Some(folder)
}

/// Writes the rows that would be lost beside the journal.
async fn export(
    run: &mut Run<'_>,
    session: &mut Session,
    backup: &Backup,
    written: &[Written],
    ours: &[String],
) -> Result<Option<PathBuf>, PostgresError> {
    let Some(folder) = written_folder(run) else { return Ok(None) };
    for table in written.iter().filter(|it| it.rows > 0) {
        let file = folder.join(format!("{}.csv", dotted(&table.table).replace('/', "_")));
        let _ = std::fs::remove_file(&file);
        steps::export(session, &table.table, &backup.manifest.snapshot, ours, &file).await?;
    }
    Ok(Some(folder))
}

/// Makes the new database and proves that it holds what was backed up.
async fn make(
    run: &mut Run<'_>,
    site: &Site<'_>,
    (session, admin): (&mut Session, &mut Session),
    backup: &Backup,
    into: &str,
) -> Result<(), String> {
    let major = site.version.major;
    let asked = |error: PostgresError| discreet(&error);
    let programs = client_programs(major).map_err(|error| error.to_string())?;
    let create = steps::creation_of(session, major, into).await.map_err(asked)?;
    admin.execute(&create).await.map_err(asked)?;
    let target = site.request.target.database(into);
    let archive = Archive::open(&backup.path).map_err(|error| error.to_string())?;
    let restoring = backup::restore(&archive, &target, &programs.folder);
    let of = steps::size(session).await.map_err(asked)?;
    let problems = growth::told(run, (admin.target(), into, of), restoring).await;
    let problems = problems.map_err(|error| error.discreet())?;
    if let Some(first) = problems.first() {
        return Err(format!("{} ({} errors)", first.discreet(), problems.len()));
    }
    for statement in steps::settings_of(session, into, true).await.map_err(asked)? {
        admin.execute(&statement).await.map_err(asked)?;
    }
    let mut eye = Session::connect(&target, "restore").await.map_err(asked)?;
    let differences = steps::compare_copy(&mut eye, &backup.manifest, &[]).await.map_err(asked)?;
    if let Some(first) = differences.first() {
        return Err(format!("{first} ({} differences)", differences.len()));
    }
    eye.execute("ANALYZE").await.map_err(asked)?;
    let (ledger, _) = site.ledger(&mut eye).await.map_err(asked)?;
    let found = steps::deployed(&mut eye, major, &ledger).await;
    let found = found.map_err(|error| error.to_string())?;
    let wanted = &backup.manifest.schema_digest;
    if wanted.as_ref().is_some_and(|wanted| *wanted != found.schema.digest()) {
        return Err("the restored schema is not the one that was backed up".to_owned());
    }
    eye.close().await.map_err(asked)?;
    run.note(format!(
        "{} tables with {} rows are as they were backed up, and analyzed",
        backup.manifest.contents.tables.len(),
        backup.manifest.contents.rows()
    ));
    Ok(())
}

/// Closes the database, looks once more for writes that came meanwhile, and swaps.
async fn swap(
    run: &mut Run<'_>,
    site: &Site<'_>,
    (mut session, admin): (Session, &mut Session),
    backup: &Backup,
    (database, restored, kept): (&str, &str, &str),
) -> Result<Fallback, PostgresError> {
    let entry = Entry::Swapping { from: restored.to_owned(), kept: kept.to_owned() };
    if let Err(error) = run.write(entry) {
        return Ok(Fallback::Failed(format!("the journal can't be written: {error}")));
    }
    let result: Result<Fallback, PostgresError> = async {
        let fence = run.fence();
        let acl = fence.as_ref().map(Fence::acl);
        let grants = steps::grants_of(&mut session, database, acl, restored).await?;
        steps::allow_connections(admin, database, false).await?;
        end_others(admin, database, &mut session).await?;
        let late = refused(run, site, &mut session, backup).await?;
        if let Some(late) = late {
            return Ok(Fallback::Refused(late));
        }
        for grant in grants {
            admin.execute(&grant).await?;
        }
        drop(session);
        steps::swap(admin, database, restored, kept).await?;
        Ok(Fallback::Restored)
    }
    .await;
    let result = match result {
        Err(error) if is_cut_off(&error) => {
            swap_again(run, site, admin, (database, restored, kept)).await
        }
        other => other,
    };
    let result = match result {
        Err(error) if is_cut_off(&error) || is_in_use(&error) => Ok(Fallback::Unswapped(format!(
            "the two databases can't change names: {}; {database} is what the run left, and \
             {restored} beside it is the backup, restored and proven",
            discreet(&error)
        ))),
        other => other,
    };
    let open = if matches!(result, Ok(Fallback::Restored)) { kept } else { database };
    if steps::allow_connections(admin, open, true).await.is_err() {
        *admin = self::admin(&site.request.target).await?;
        steps::allow_connections(admin, open, true).await?;
    }
    if matches!(result, Ok(Fallback::Restored)) {
        run.account.kept_database = Some(kept.to_owned());
        run.note(format!("{database} is the restored one; what was there is kept as {kept}"));
    }
    result
}

/// The session that swaps was ended: both renames were undone with it. Once more.
async fn swap_again(
    run: &mut Run<'_>,
    site: &Site<'_>,
    admin: &mut Session,
    (database, restored, kept): (&str, &str, &str),
) -> Result<Fallback, PostgresError> {
    *admin = self::admin(&site.request.target).await?;
    if steps::is_there(admin, restored).await? {
        run.note("the session that changes the names was ended: they are changed once more");
        steps::swap(admin, database, restored, kept).await?;
    }
    // Else it was done, and only the answer is missing.
    Ok(Fallback::Restored)
}

/// Whether a session was ended by somebody else.
fn is_cut_off(error: &PostgresError) -> bool {
    error.sql().is_none_or(|failure| failure.sqlstate.starts_with("57P"))
}

/// `object_in_use`: clients came back for as long as the swap was tried.
fn is_in_use(error: &PostgresError) -> bool {
    error.sql().is_some_and(|failure| failure.sqlstate == "55006")
}

async fn end_others(
    admin: &mut Session,
    database: &str,
    own: &mut Session,
) -> Result<(), PostgresError> {
    let own = own.value("SELECT pg_catalog.pg_backend_pid()").await?.unwrap_or_default();
    let sql = format!(
        "SELECT pg_catalog.pg_terminate_backend(pid, 5000) FROM pg_catalog.pg_stat_activity \
         WHERE datname = {} AND pid <> {own} AND pid <> pg_catalog.pg_backend_pid()",
        crate::postgres::quote_literal(database)
    );
    admin.execute(&sql).await
}
