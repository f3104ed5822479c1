//! A database on which queries are measured: made as a server leaves it after hours of work, and asked
//! about its indexes.
//!
//! Knows the statements. Must not know what is measured.

use std::time::Duration;

use crate::postgres::{PostgresError, Session, milliseconds, quote_literal};

/// Sequences as after an application that gave the rows itself.
const PAST: &str = "DO LANGUAGE plpgsql $stairway$ DECLARE s record; BEGIN \
    FOR s IN SELECT a.attrelid::pg_catalog.regclass AS owner, a.attname, \
        pg_catalog.pg_get_serial_sequence(a.attrelid::pg_catalog.regclass::text, a.attname) AS name \
      FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
      WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND c.oid >= 16384 \
    LOOP IF s.name IS NOT NULL THEN \
      EXECUTE pg_catalog.format('SELECT pg_catalog.setval(%L, m) FROM (SELECT max(%I) AS m FROM %s) t \
        WHERE m IS NOT NULL', s.name, s.attname, s.owner); \
    END IF; END LOOP; END $stairway$";

/// What begins the name of whatever is made to watch a migration.
pub const CONTROL_SCHEMA: &str = "stairway_control.";
/// A table that no migration touches.
pub const CONTROL: &str = "stairway_control.control";

/// Brings all sequences past the rows that were given.
pub async fn pass_rows(session: &mut Session) -> Result<(), PostgresError> {
    session.execute(PAST).await
}

/// Does what a server does by itself in the hours after rows came.
pub async fn settle_rows(session: &mut Session) -> Result<(), PostgresError> {
    session.execute("VACUUM (ANALYZE)").await?;
    match session.execute("CHECKPOINT").await {
        // On a server where that is not allowed it comes by itself, when it comes.
        Err(PostgresError::Sql(failure)) if failure.sqlstate == FORBIDDEN => Ok(()),
        other => other,
    }
}

/// Has the planner know what is there now.
pub async fn analyse(session: &mut Session) -> Result<(), PostgresError> {
    session.execute("ANALYZE").await
}

/// Has this session's counters be seen by others at once.
pub async fn flush_statistics(session: &mut Session) -> Result<(), PostgresError> {
    // Before 15 they are sent when the session ends.
    let known = "SELECT 1 FROM pg_catalog.pg_proc WHERE proname = 'pg_stat_force_next_flush'";
    if session.value(known).await?.is_some() {
        session.execute("SELECT pg_catalog.pg_stat_force_next_flush()").await?;
    }
    Ok(())
}

/// Makes [`CONTROL`].
pub async fn make_control(session: &mut Session) -> Result<(), PostgresError> {
    session
        .execute(
            "CREATE SCHEMA stairway_control; \
             CREATE TABLE stairway_control.control AS SELECT 1 AS id",
        )
        .await
}

/// Why the server writes a table anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// As SQL.
    pub table: String,
    /// The reasons, in words.
    pub reasons: Vec<&'static str>,
}

/// What an event trigger is told, by its bit.
const REASONS: [(u32, &str); 4] = [
    (1, "it becomes logged or unlogged"),
    (2, "a new column's default is no constant"),
    (4, "a column's type changes"),
    (8, "its access method changes"),
];

const NOTE_REWRITES: &str = "CREATE TABLE stairway_control.rewrite (table_id oid, reason int); \
    CREATE FUNCTION stairway_control.note() RETURNS event_trigger LANGUAGE plpgsql \
      SECURITY DEFINER SET search_path = pg_catalog AS $stairway$ BEGIN \
      INSERT INTO stairway_control.rewrite VALUES \
        (pg_event_trigger_table_rewrite_oid(), pg_event_trigger_table_rewrite_reason()); \
    END $stairway$; \
    CREATE EVENT TRIGGER stairway_rewrite ON table_rewrite EXECUTE FUNCTION stairway_control.note(); \
    ALTER EVENT TRIGGER stairway_rewrite ENABLE ALWAYS";

/// Has the server note why it writes a table anew, beside [`CONTROL`]. Gives whether it does: event
/// triggers are for superusers.
pub async fn note_rewrites(session: &mut Session) -> Result<bool, PostgresError> {
    match session.execute(NOTE_REWRITES).await {
        Ok(()) => Ok(true),
        Err(PostgresError::Sql(failure)) if failure.sqlstate == FORBIDDEN => Ok(false),
        Err(other) => Err(other),
    }
}

/// What was noted since the last time.
pub async fn noted_rewrites(session: &mut Session) -> Result<Vec<Rewrite>, PostgresError> {
    let taken = "WITH taken AS (DELETE FROM stairway_control.rewrite RETURNING table_id, reason) \
        SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.bit_or(t.reason) \
        FROM taken t JOIN pg_catalog.pg_class c \
          ON c.oid = coalesce(pg_catalog.pg_partition_root(t.table_id), t.table_id) \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relpersistence <> 't' GROUP BY 1 ORDER BY 1";
    let rewrite = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter().flatten();
        let (table, bits) = (cells.next()?, cells.next()?.parse::<u32>().ok()?);
        let reasons = REASONS.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, words)| *words);
        Some(Rewrite { table, reasons: reasons.collect() })
    };
    Ok(session.rows(taken).await?.into_iter().filter_map(rewrite).collect())
}

/// The definition of the index with this name, whatever its schema; `None` if there is none.
pub async fn index_definition(
    session: &mut Session,
    name: &str,
) -> Result<Option<String>, PostgresError> {
    let name = quote_literal(name);
    let asked = format!(
        "SELECT indexdef FROM pg_catalog.pg_indexes WHERE indexname = {name} \
         AND schemaname !~ '^pg_' ORDER BY schemaname LIMIT 1"
    );
    session.value(&asked).await
}

/// The SQLSTATE of what a role may not do.
const FORBIDDEN: &str = "42501";
const MADE: &str = "stairway_made_index";

/// Makes the index of `definition`, a `CREATE INDEX ON ..`, until [`drop_made_index`]; gives whether the
/// server can make it within `limit`.
pub async fn make_index(
    session: &mut Session,
    definition: &str,
    limit: Duration,
) -> Result<bool, PostgresError> {
    let named = definition.replacen("INDEX ON", &format!("INDEX {MADE} ON"), 1);
    session.execute(&format!("SET statement_timeout = {}", milliseconds(limit))).await?;
    let made = session.execute(&named).await;
    session.execute("RESET statement_timeout").await?;
    match made {
        Ok(()) => Ok(true),
        Err(PostgresError::Sql(_)) => Ok(false),
        Err(other) => Err(other),
    }
}

/// Drops what [`make_index`] made.
pub async fn drop_made_index(session: &mut Session) -> Result<(), PostgresError> {
    // In the schema of its table, whichever that is.
    let asked = format!(
        "SELECT pg_catalog.format('DROP INDEX %I.%I', n.nspname, c.relname) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relname = '{MADE}'"
    );
    for drop in session.rows(&asked).await?.into_iter().flatten().flatten() {
        session.execute(&drop).await?;
    }
    Ok(())
}

/// The indexes that the server calls invalid, as SQL.
pub async fn invalid_index_names(session: &mut Session) -> Result<Vec<String>, PostgresError> {
    let asked = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) \
        FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE NOT x.indisvalid ORDER BY 1";
    Ok(session.rows(asked).await?.into_iter().flatten().flatten().collect())
}
