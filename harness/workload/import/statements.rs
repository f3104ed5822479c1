//! What `pg_stat_statements` has counted in one database.
//!
//! Knows its views in all versions from 13 to 18. It may be production: the session reads only, and no
//! query may take long. Must not know what becomes of the texts.

use std::time::Duration;

use super::ImportError;
use super::skip::Skip;
use super::tally::{Sent, Tally};
use crate::postgres::{PostgresError, Session, quote_ident};
use crate::workload::Query;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Must be done before anything is asked: up to [`leave`] the session can't write. All of it is one
/// transaction, since through a pooler the next one may be another session's: what is set lives no longer.
pub(super) async fn settle(session: &mut Session) -> Result<(), PostgresError> {
    session.give_up_after(PATIENCE);
    let settings = "BEGIN READ ONLY; SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '2s'; \
                    SET LOCAL idle_in_transaction_session_timeout = '30s'";
    session.execute(settings).await
}

/// Ends what [`settle`] began, whatever has failed in between.
pub(super) async fn leave(session: &mut Session) -> Result<(), PostgresError> {
    session.execute("ROLLBACK").await
}

/// What was read, besides the statements.
#[derive(Debug, Default)]
pub(super) struct Since {
    pub(super) database: String,
    /// Since when it counts, as the server says it.
    pub(super) reset: Option<String>,
    /// For how many seconds.
    pub(super) seconds: Option<f64>,
    /// How many entries were thrown out since then, for want of room.
    pub(super) lost: u64,
}

/// Counts all statements of the session's database.
pub(super) async fn count(session: &mut Session, tally: &mut Tally) -> Result<Since, ImportError> {
    let database = session.value("SELECT pg_catalog.current_database()").await?.unwrap_or_default();
    let schema = session.value(
        "SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace \
         WHERE e.extname = 'pg_stat_statements'",
    );
    let Some(schema) = schema.await? else {
        return Err(ImportError::NoExtension { database, how: how(session).await? });
    };
    let schema = quote_ident(&schema);
    let columns = format!(
        "SELECT attname FROM pg_catalog.pg_attribute WHERE attnum > 0 AND NOT attisdropped \
         AND attrelid = pg_catalog.to_regclass('{}.pg_stat_statements')",
        schema.replace('\'', "''")
    );
    let columns: Vec<String> =
        session.rows(&columns).await?.into_iter().flatten().flatten().collect();
    let has = |name: &str| columns.iter().any(|column| column == name);
    // Before 13 the time of planning was not told apart.
    let time = if has("total_exec_time") { "total_exec_time" } else { "total_time" };
    let top = if has("toplevel") { "toplevel" } else { "true" };
    let asked = format!(
        "SELECT query, calls, {time}, {top} FROM {schema}.pg_stat_statements s \
         WHERE dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
         ORDER BY calls DESC, query"
    );
    let rows = match session.rows(&asked).await {
        // object_not_in_prerequisite_state: the extension is there and its library is not.
        Err(PostgresError::Sql(failure)) if failure.sqlstate == "55000" => {
            return Err(ImportError::NoExtension { database, how: PRELOAD });
        }
        other => other?,
    };
    for row in rows {
        let mut cells = row.into_iter();
        let mut next = || cells.next().flatten();
        let (text, calls, millis, top) = (next(), next(), next(), next());
        let text = text.unwrap_or_default();
        let number = |cell: Option<String>| {
            cell.and_then(|cell| cell.parse::<u64>().ok()).unwrap_or_default()
        };
        if text.is_empty() || text == "<insufficient privilege>" {
            tally.skip(Skip::Hidden);
        } else if top.as_deref() == Some("f") {
            tally.skip(Skip::Nested);
        } else {
            let millis = millis.and_then(|cell| cell.parse().ok());
            tally.add(&Sent { text: &text, calls: number(calls), millis, bound: Vec::new() });
        }
    }
    since(session, database, &schema).await
}

const PRELOAD: &str = "set shared_preload_libraries = 'pg_stat_statements' in postgresql.conf and start the \
                       server again";

/// What is missing.
async fn how(session: &mut Session) -> Result<&'static str, PostgresError> {
    let setting =
        "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'shared_preload_libraries'";
    // Hidden from roles that may not see it.
    let is_loaded =
        session.value(setting).await?.is_some_and(|it| it.contains("pg_stat_statements"));
    Ok(if is_loaded {
        "run CREATE EXTENSION pg_stat_statements in it"
    } else {
        "set shared_preload_libraries = 'pg_stat_statements' in postgresql.conf, start the server again, run \
         CREATE EXTENSION pg_stat_statements in the database"
    })
}

/// Since when it counts; before 14 nobody knows.
async fn since(
    session: &mut Session,
    database: String,
    schema: &str,
) -> Result<Since, ImportError> {
    let info = format!("{schema}.pg_stat_statements_info").replace('\'', "''");
    let is_there = format!("SELECT pg_catalog.to_regclass('{info}')");
    if session.value(&is_there).await?.is_none() {
        return Ok(Since { database, ..Since::default() });
    }
    let asked = format!(
        "SELECT pg_catalog.date_trunc('second', stats_reset), \
         EXTRACT(epoch FROM pg_catalog.now() - stats_reset), dealloc FROM {schema}.pg_stat_statements_info"
    );
    let row = session.rows(&asked).await?.pop().unwrap_or_default();
    let mut cells = row.into_iter();
    let mut next = || cells.next().flatten();
    let (reset, seconds, lost) = (next(), next(), next());
    let seconds = seconds.and_then(|cell| cell.parse::<f64>().ok()).filter(|it| *it >= 1.0);
    let lost = lost.and_then(|cell| cell.parse().ok()).unwrap_or_default();
    Ok(Since { database, reset, seconds, lost })
}

/// Why the server would not prepare a query, if it would not.
pub(super) async fn refusal(
    session: &mut Session,
    query: &Query,
) -> Result<Option<(String, String)>, PostgresError> {
    // What is prepared outlives a rollback, but its locks do not.
    const BACK: &str = "ROLLBACK TO SAVEPOINT stairway_import; RELEASE SAVEPOINT stairway_import";
    session.execute("SAVEPOINT stairway_import").await?;
    let prepared =
        session.execute(&format!("PREPARE stairway_import AS {}", query.numbered())).await;
    let failure = match prepared {
        Ok(()) => {
            session.execute(&format!("DEALLOCATE stairway_import; {BACK}")).await?;
            return Ok(None);
        }
        Err(PostgresError::Sql(failure)) => failure,
        Err(other) => return Err(other),
    };
    session.execute(BACK).await?;
    // Privileges of this role are not those of the application.
    let is_denied = failure.sqlstate == "42501";
    let told = failure.discreet();
    Ok((!is_denied).then_some((told.sqlstate.clone(), told.message)))
}
