//! A session that holds one snapshot of a database for a backup.
//!
//! Tables are locked before the snapshot is taken, so that none is rewritten between the two: rows of
//! a rewritten table are in no older snapshot, and the dump would not have them.

use std::time::Duration;

use crate::backup::{Contents, Manifest, SequenceContents};
use crate::postgres::{PostgresError, Session, Target, Version, quote_literal};

use super::backup::{BackupFailure, BackupRequest};
use super::contents::Relations;

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// The session may wait for the dump for hours. Its server notices within seconds that we are gone.
const SETTINGS: &[&str] = &[
    "SET search_path = ''",
    "SET statement_timeout = 0",
    "SET idle_in_transaction_session_timeout = 0",
];
/// Not every server can: before 17, or on some platforms.
const SETTINGS_IF_THERE: &[&str] =
    &["SET transaction_timeout = 0", "SET client_connection_check_interval = '2s'"];
const SYSTEM: &str = "SELECT system_identifier FROM pg_catalog.pg_control_system()";
const EXPORT: &str = "\
SELECT pg_catalog.pg_export_snapshot(), pg_catalog.pg_current_snapshot(), \
  pg_catalog.current_database(), \
  CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_wal_lsn() END, \
  CASE WHEN NOT pg_catalog.pg_is_in_recovery() \
    THEN pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()) END";
/// Who has a lock that readers wait for.
const HOLDERS: &str = "\
SELECT pg_catalog.format('%I.%I by process %s', n.nspname, c.relname, l.pid) \
FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation \
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
WHERE l.mode = 'AccessExclusiveLock' AND l.granted AND c.relkind = 'r' AND c.relpersistence <> 't' \
  AND n.nspname !~ '^pg_' \
  AND l.database = (SELECT oid FROM pg_catalog.pg_database \
    WHERE datname = pg_catalog.current_database()) \
ORDER BY 1 LIMIT 3";

const NO_TABLE: &str = "42P01";
const NO_SCHEMA: &str = "3F000";
const LOCK_TIMEOUT: &str = "55P03";
/// So often tables may be dropped before they are locked.
const TRIES: usize = 5;

/// A session with a snapshot that others can take part in.
#[derive(Debug)]
pub(super) struct View {
    session: Session,
    relations: Relations,
    sequences: Vec<SequenceContents>,
    pub(super) facts: Facts,
}

/// What is known of the database when the snapshot is taken.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// What others take part by.
    pub(super) exported: String,
    pub(super) snapshot: String,
    pub(super) database: String,
    pub(super) server: Version,
    pub(super) system_identifier: Option<String>,
    pub(super) timeline: Option<u32>,
    pub(super) lsn: Option<String>,
}

impl View {
    /// Connects, locks all tables in the mode of readers and takes the snapshot.
    pub(super) async fn open(
        target: &Target,
        request: &BackupRequest,
    ) -> Result<Self, BackupFailure> {
        let mut session = Session::connect(target, "backup").await?;
        for setting in SETTINGS {
            session.execute(setting).await?;
        }
        for setting in SETTINGS_IF_THERE {
            match session.execute(setting).await {
                Err(error) if error.sql().is_none() => return Err(error.into()),
                Ok(()) | Err(_) => {}
            }
        }
        let wait = request.lock_wait.as_millis().max(1);
        session.execute(&format!("SET lock_timeout = {wait}")).await?;
        let server = session.version().await?;
        let system_identifier = readable(session.value(SYSTEM).await)?.flatten();
        let locked = begin(&mut session, request).await?;
        let facts = export(&mut session, server, system_identifier).await?;
        let relations = Relations::find(&mut session).await?;
        // Those that came between.
        lock(&mut session, &relations.lock(Some(&locked)), request.lock_wait).await?;
        let sequences = relations.sequences(&mut session).await?;
        let relations = relations.without(&request.ignore);
        Ok(Self { session, relations, sequences, facts })
    }

    /// Counts and hashes what the snapshot sees.
    pub(super) async fn count(&mut self) -> Result<Contents, PostgresError> {
        self.relations.count(&mut self.session, self.sequences.clone()).await
    }

    /// Ends the transaction, after the dump: sequences went on meanwhile, and the dump has them as
    /// they were some time between.
    pub(super) async fn close(mut self, contents: &mut Contents) -> Result<Facts, PostgresError> {
        let now = self.relations.sequences(&mut self.session).await?;
        for (sequence, now) in contents.sequences.iter_mut().zip(now) {
            if *sequence != now {
                sequence.until = Some(now.last_value);
            }
        }
        self.session.execute("COMMIT").await?;
        self.session.close().await?;
        Ok(self.facts)
    }
}

/// Begins the transaction and locks what is there. What only the transaction's first query does is
/// left to the caller: there is no snapshot yet.
async fn begin(session: &mut Session, request: &BackupRequest) -> Result<Relations, BackupFailure> {
    let mut tries = 0;
    loop {
        let relations = Relations::find(session).await?;
        session.execute(BEGIN).await?;
        tries += 1;
        match lock(session, &relations.lock(None), request.lock_wait).await {
            Ok(()) => return Ok(relations),
            Err(error) if is_gone(&error) && tries < TRIES => session.execute("ROLLBACK").await?,
            Err(error) => return Err(error),
        }
    }
}

async fn lock(session: &mut Session, sql: &str, wait: Duration) -> Result<(), BackupFailure> {
    if sql.is_empty() {
        return Ok(());
    }
    let Err(error) = session.execute(sql).await else { return Ok(()) };
    if error.sql().is_none_or(|failure| failure.sqlstate != LOCK_TIMEOUT) {
        return Err(error.into());
    }
    session.execute("ROLLBACK").await?;
    let holders: Vec<String> =
        session.rows(HOLDERS).await?.into_iter().flatten().flatten().collect();
    if holders.is_empty() {
        return Err(error.into());
    }
    Err(BackupFailure::Locked { wait, holders })
}

fn is_gone(error: &BackupFailure) -> bool {
    let BackupFailure::Postgres(error) = error else { return false };
    error.sql().is_some_and(|failure| [NO_TABLE, NO_SCHEMA].contains(&failure.sqlstate.as_str()))
}

/// `None` where the role may not ask.
fn readable<T>(answer: Result<T, PostgresError>) -> Result<Option<T>, PostgresError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.sql().is_some() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn export(
    session: &mut Session,
    server: Version,
    system_identifier: Option<String>,
) -> Result<Facts, PostgresError> {
    let mut cells = session.rows(EXPORT).await?.into_iter().flatten();
    let mut next = || cells.next().flatten();
    let (exported, snapshot, database) = (next(), next(), next());
    let (lsn, file) = (next(), next());
    let timeline = file.and_then(|name| u32::from_str_radix(name.get(..8)?, 16).ok());
    Ok(Facts {
        exported: exported.unwrap_or_default(),
        snapshot: snapshot.unwrap_or_default(),
        database: database.unwrap_or_default(),
        server,
        system_identifier,
        timeline,
        lsn,
    })
}

/// Why a backup is of another server than the database of `session`, so that its numbers of
/// transactions mean nothing here; `None` if it is of this one.
pub async fn foreign(
    session: &mut Session,
    manifest: &Manifest,
) -> Result<Option<String>, PostgresError> {
    let here = readable(session.value(SYSTEM).await)?.flatten();
    let there = manifest.system_identifier.as_ref();
    match (here, there) {
        (Some(here), Some(there)) if here == *there => {}
        (Some(here), Some(there)) => {
            return Ok(Some(format!(
                "the backup is of another server: system identifier {there}, and here {here}"
            )));
        }
        _ => return Ok(Some("nobody can tell whether the backup is of this server".to_owned())),
    }
    // A copy of the whole server has the same identifier, and went another way from then on.
    let (lsn, timeline) = (manifest.lsn.as_deref(), manifest.timeline.unwrap_or_default());
    let sql = format!(
        "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint \
             >= pg_catalog.pg_snapshot_xmax({})::text::bigint \
           AND (pg_catalog.pg_is_in_recovery() OR {timeline} <= ('x' || pg_catalog.substr( \
             pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::int) \
           AND (pg_catalog.pg_is_in_recovery() \
             OR pg_catalog.pg_current_wal_lsn() >= {}::pg_catalog.pg_lsn)",
        quote_literal(&manifest.snapshot),
        quote_literal(lsn.unwrap_or("0/0"))
    );
    let is_earlier = session.value(&sql).await?.as_deref() == Some("t");
    Ok((!is_earlier)
        .then(|| "the backup is of a copy of this server that went another way".to_owned()))
}
