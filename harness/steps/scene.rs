//! A database on which queries are measured: made as a server leaves it after hours of work, and asked
//! about its indexes.
//!
//! Knows the statements. Must not know what is measured.

use crate::postgres::{PostgresError, Session, quote_literal};

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

/// A table that no migration touches.
pub const CONTROL: &str = "stairway_control.control";

/// Brings all sequences past the rows that were given.
pub async fn pass_rows(session: &mut Session) -> Result<(), PostgresError> {
    session.execute(PAST).await
}

/// Does what a server does by itself in the hours after rows came.
pub async fn settle_rows(session: &mut Session) -> Result<(), PostgresError> {
    session.execute("VACUUM (ANALYZE)").await?;
    session.execute("CHECKPOINT").await
}

/// Has the planner know what is there now.
pub async fn analyse(session: &mut Session) -> Result<(), PostgresError> {
    session.execute("ANALYZE").await
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

/// The indexes that the server calls invalid, as SQL.
pub async fn invalid_index_names(session: &mut Session) -> Result<Vec<String>, PostgresError> {
    let asked = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) \
        FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE NOT x.indisvalid ORDER BY 1";
    Ok(session.rows(asked).await?.into_iter().flatten().flatten().collect())
}
