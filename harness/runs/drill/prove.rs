//! The proofs: a restored copy held against all that is known of what was backed up, and looked through
//! for what no backup should bring.

use crate::backup::Amchecked;
use crate::migrations::History;
use crate::postgres::{PostgresError, Session};
use crate::steps::{self, Ledger, Orphans, RestoreError};

use super::copy::{Copy, discreet, unasked};
use super::outcome::{Fault, Stop};
use super::queries;
use super::run::Drill;

/// Makes all of them. False if one says that the backup is bad.
pub(super) async fn prove(
    drill: &mut Drill<'_>,
    copy: &Copy,
    history: Option<&History>,
) -> Result<bool, Stop> {
    drill.begins("prove");
    let mut session = copy.session("prove").await?;
    let proven = Box::pin(each(drill, copy, &mut session, history)).await;
    proven.map_err(|error| unasked(&error))?;
    session.close().await.map_err(|error| unasked(&error))?;
    amchecked(drill, copy).await?;
    drill.ends();
    Ok(drill.exam.wrong().is_none())
}

async fn each(
    drill: &mut Drill<'_>,
    copy: &Copy,
    session: &mut Session,
    history: Option<&History>,
) -> Result<(), PostgresError> {
    rows(drill, copy, session).await?;
    schema(drill, copy, session, history).await?;
    foreign_keys(drill, session).await?;
    if drill.wants("indexes") {
        let invalid = steps::invalid_index_names(session).await?;
        none_of(drill, "indexes", "invalid", &invalid);
    }
    if drill.wants("sequences") {
        let behind = steps::behind(session).await?;
        none_of(drill, "sequences", "behind", &behind);
    }
    matviews(drill, copy, session).await?;
    tables(drill, session).await?;
    asked(drill, session, history).await
}

fn none_of(drill: &mut Drill<'_>, name: &'static str, word: &str, found: &[String]) {
    if found.is_empty() {
        drill.held(name, format!("none is {word}"));
    } else {
        drill.failed(name, Fault::Backup, format!("{word}: {}", found.join(", ")));
    }
}

/// Rows, hashes, sequences, large objects, and the versions of extensions.
async fn rows(
    drill: &mut Drill<'_>,
    copy: &Copy,
    session: &mut Session,
) -> Result<(), PostgresError> {
    let Some(backup) = &copy.ours else {
        if drill.wants("rows") {
            drill.absent("rows", "there is no manifest: nothing says which rows there were");
        }
        return extensions(drill, copy, session).await;
    };
    if drill.wants("rows") {
        let manifest = &backup.manifest;
        match steps::compare_copy(session, manifest, &[]).await {
            Ok(differences) => {
                drill.exam.mismatches = Some(differences.len());
                match differences.as_slice() {
                    [] => {
                        let contents = &manifest.contents;
                        let (tables, rows) = (contents.tables.len(), contents.rows());
                        drill.held("rows", format!("{rows} rows in {tables} tables"));
                    }
                    [first, rest @ ..] => {
                        let more = match rest.len() {
                            0 => String::new(),
                            more => format!(" ({more} more differences)"),
                        };
                        drill.failed("rows", Fault::Backup, format!("{first}{more}"));
                    }
                }
            }
            Err(PostgresError::Sql(failure)) => {
                drill.skipped("rows", failure.discreet().to_string());
            }
            Err(error) => return Err(error),
        }
    }
    extensions(drill, copy, session).await
}

async fn extensions(
    drill: &mut Drill<'_>,
    copy: &Copy,
    session: &mut Session,
) -> Result<(), PostgresError> {
    if !drill.wants("extensions") {
        return Ok(());
    }
    let found = steps::extensions(session).await?;
    let shown = found.iter().map(|(name, version)| format!("{name} {version}"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    let Some(backup) = &copy.ours else {
        drill.held("extensions", format!("{shown}; nothing says which versions there were"));
        return Ok(());
    };
    let wanted = &backup.manifest.contents.extensions;
    let others = wanted.iter().filter_map(|(name, version)| {
        let here = found.get(name).filter(|here| *here != version)?;
        Some(format!("{name} is {here} here and was {version}"))
    });
    let others: Vec<String> = others.collect();
    if others.is_empty() {
        drill.held("extensions", shown);
    } else {
        drill.failed("extensions", Fault::Environment, others.join(", "));
    }
    Ok(())
}

/// The schema by its digest, where a run took one.
async fn schema(
    drill: &mut Drill<'_>,
    copy: &Copy,
    session: &mut Session,
    history: Option<&History>,
) -> Result<(), PostgresError> {
    if !drill.wants("schema") {
        return Ok(());
    }
    let digest = copy.ours.as_ref().and_then(|backup| backup.manifest.schema_digest.clone());
    let Some(digest) = digest else {
        let why = match copy.ours {
            Some(_) => "its manifest has no digest of the schema: `stairway upgrade` takes one",
            None => "there is no manifest",
        };
        drill.absent("schema", why);
        return Ok(());
    };
    let Some(history) = history else {
        drill.skipped("schema", "no migrations say which table is their tool's own");
        return Ok(());
    };
    let (ledger, _) = Ledger::find(session, &history.records).await?;
    match steps::deployed(session, copy.server.version().major, &ledger).await {
        Ok(found) if found.schema.digest() == digest => {
            drill.held("schema", format!("digest {digest}"));
        }
        Ok(_) => drill.failed("schema", Fault::Backup, "it is not the one that was backed up"),
        Err(error) => drill.skipped("schema", error.to_string()),
    }
    Ok(())
}

async fn foreign_keys(drill: &mut Drill<'_>, session: &mut Session) -> Result<(), PostgresError> {
    if !drill.wants("foreign-keys") {
        return Ok(());
    }
    let found = steps::orphans(session).await?;
    // Of some alone nobody knows how many there are.
    drill.exam.orphans = found.iter().map(|it| it.count.as_ref().ok().copied()).sum();
    let (wrong, unread) = told(&found);
    match (wrong.as_slice(), unread.as_slice()) {
        ([], []) => drill.held("foreign-keys", format!("{} keys", found.len())),
        ([], unread) => drill.skipped("foreign-keys", unread.join(", ")),
        (wrong, _) => drill.failed("foreign-keys", Fault::Backup, wrong.join(", ")),
    }
    Ok(())
}

/// What is wrong with foreign keys, and which could not be counted.
pub(super) fn told(found: &[Orphans]) -> (Vec<String>, Vec<String>) {
    let (mut wrong, mut unread) = (Vec::new(), Vec::new());
    for Orphans { constraint, count } in found {
        match count {
            Ok(0) => {}
            Ok(1) => wrong.push(format!("1 row without a parent in {constraint}")),
            Ok(count) => wrong.push(format!("{count} rows without a parent in {constraint}")),
            Err(state) => unread.push(format!("{constraint} (SQLSTATE {state})")),
        }
    }
    (wrong, unread)
}

/// A restore fills those again that were filled; the manifest says which.
async fn matviews(
    drill: &mut Drill<'_>,
    copy: &Copy,
    session: &mut Session,
) -> Result<(), PostgresError> {
    if !drill.wants("matviews") {
        return Ok(());
    }
    let empty = steps::unpopulated(session).await?;
    let Some(backup) = &copy.ours else {
        let detail = match empty.as_slice() {
            [] => "all are populated".to_owned(),
            empty => format!("not populated, as they were dumped: {}", empty.join(", ")),
        };
        drill.held("matviews", detail);
        return Ok(());
    };
    let views = &backup.manifest.contents.matviews;
    let held = views.iter().filter(|view| view.populated).count();
    let is_lost = |name: &String| {
        let named = |it: &&crate::backup::MatviewContents| {
            it.populated && crate::postgres::qualified(&it.schema, &it.name) == **name
        };
        views.iter().any(|view| named(&view))
    };
    let lost: Vec<String> = empty.into_iter().filter(is_lost).collect();
    if lost.is_empty() {
        drill.held("matviews", format!("{held} populated, as they were"));
    } else {
        drill.failed("matviews", Fault::Backup, format!("not populated: {}", lost.join(", ")));
    }
    Ok(())
}

async fn tables(drill: &mut Drill<'_>, session: &mut Session) -> Result<(), PostgresError> {
    let wanted = drill.options.critical_tables.clone();
    if !drill.wants("tables") {
        return Ok(());
    }
    if wanted.is_empty() {
        drill.absent("tables", "none is named as critical");
        return Ok(());
    }
    for table in &wanted {
        let why = match steps::has_rows(session, table).await {
            Ok(true) => continue,
            Ok(false) => format!("{table} is empty"),
            Err(PostgresError::Sql(failure)) => {
                format!("{table} can't be read: SQLSTATE {}", failure.sqlstate)
            }
            Err(error) => return Err(error),
        };
        drill.failed("tables", Fault::Backup, why);
        return Ok(());
    }
    drill.held("tables", wanted.join(", "));
    Ok(())
}

/// The team's own queries. Those that were written for what is pending have to wait.
async fn asked(
    drill: &mut Drill<'_>,
    session: &mut Session,
    history: Option<&History>,
) -> Result<(), PostgresError> {
    if !drill.wants("queries") {
        return Ok(());
    }
    let files = match queries::files(drill) {
        Ok(files) if files.is_empty() => {
            drill.absent("queries", "no query tests are given");
            return Ok(());
        }
        Ok(files) => files,
        Err(why) => {
            drill.skipped("queries", why);
            return Ok(());
        }
    };
    let tests = queries::all(session, &files).await?;
    let is_pending = match history {
        Some(history) => {
            let (ledger, exists) = Ledger::find(session, &history.records).await?;
            let applied = if exists { ledger.read(session, history).await?.len() } else { 0 };
            applied < history.migrations.len()
        }
        None => false,
    };
    match queries::wrong(&tests) {
        Some(why) if is_pending => {
            drill.skipped("queries", format!("before the pending migrations: {why}"));
        }
        _ => queries::judge(drill, &tests),
    }
    Ok(())
}

/// Tables and indexes as such. A restore has just written them; those of a physical backup are held
/// against the rows one by one.
async fn amchecked(drill: &mut Drill<'_>, copy: &Copy) -> Result<(), Stop> {
    if !drill.wants("amcheck") {
        return Ok(());
    }
    let jobs = drill.options.jobs;
    match steps::amcheck(&copy.server, &copy.database, jobs, copy.is_physical).await {
        Ok(Amchecked::Sound) => drill.held("amcheck", "nothing is wrong"),
        Ok(Amchecked::Damaged(what)) => {
            drill.failed("amcheck", Fault::Backup, format!("damaged: {}", what.join(", ")));
        }
        Ok(Amchecked::Unable(why)) => drill.skipped("amcheck", why),
        Err(RestoreError::Postgres(error)) => drill.skipped("amcheck", discreet(&error)),
        Err(error) => drill.skipped("amcheck", error.discreet()),
    }
    Ok(())
}
