//! What was written since a snapshot, other than by us: what a restore of that snapshot would lose.

use std::path::Path;

use crate::backup::Contents;
use crate::postgres::{PostgresError, Session, qualified, quote_literal};

/// What was written into one table since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Schema and name.
    pub table: (String, String),
    /// Row versions that would be lost: new ones, and those that are gone.
    pub rows: u64,
    /// Rows that we wrote ourselves since: what others wrote into them before can't be told any more.
    pub rewritten: u64,
}

const TABLES: &str = "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' \
    AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1, 2";

/// Which rows are newer than `snapshot`; `ours` are numbers of our own transactions.
fn newer(snapshot: &str, ours: &[String]) -> (String, String) {
    // Rows have the lower half of the number; nobody's is greater than the next one to be given.
    let full = "(SELECT CASE WHEN x > now8 THEN x - 4294967296 ELSE x END FROM (SELECT \
        (now8 / 4294967296) * 4294967296 + t.xmin::text::bigint AS x, now8 FROM (SELECT \
        pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint AS now8) n) f)";
    let is_new = format!(
        "(t.xmin::text::bigint > 2 AND NOT pg_catalog.pg_visible_in_snapshot({full}::text::xid8, {}))",
        quote_literal(snapshot)
    );
    let ours = ours.iter().map(|xid| quote_literal(xid)).collect::<Vec<_>>().join(", ");
    let is_ours =
        if ours.is_empty() { "false".to_owned() } else { format!("{full}::text IN ({ours})") };
    (is_new, is_ours)
}

/// Looks at every table but those in `ignore` and those of the schema `stairway`. Reads all rows.
pub async fn written_since(
    session: &mut Session,
    snapshot: &str,
    before: &Contents,
    ours: &[String],
    ignore: &[(String, String)],
) -> Result<Vec<Written>, PostgresError> {
    let (is_new, is_ours) = newer(snapshot, ours);
    let mut found = Vec::new();
    for row in session.rows(TABLES).await? {
        let mut cells = row.into_iter().flatten();
        let (Some(schema), Some(name)) = (cells.next(), cells.next()) else { continue };
        let table = (schema, name);
        if table.0 == super::AUDIT_SCHEMA || ignore.contains(&table) {
            continue;
        }
        let held = before.tables.iter().find(|it| (&it.schema, &it.name) == (&table.0, &table.1));
        let sql = format!(
            "SELECT count(*) FILTER (WHERE is_new AND NOT is_ours), \
               count(*) FILTER (WHERE is_new AND is_ours), count(*) FILTER (WHERE NOT is_new) \
             FROM (SELECT {is_new} AS is_new, {is_ours} AS is_ours FROM ONLY {} t) r",
            qualified(&table.0, &table.1)
        );
        let row = session.rows(&sql).await?.into_iter().next().unwrap_or_default();
        let mut counts = row
            .into_iter()
            .map(|cell| cell.and_then(|text| text.parse::<u64>().ok()).unwrap_or_default());
        let mut next = || counts.next().unwrap_or_default();
        let (new, rewritten, old) = (next(), next(), next());
        // What is gone was deleted or became another version; the new versions are counted anyway.
        let gone = held.map_or(0, |held| held.rows.saturating_sub(old + rewritten));
        let rewritten = if held.is_some_and(|held| held.rows > 0) { rewritten } else { 0 };
        let rows = new.max(gone);
        if rows > 0 || rewritten > 0 {
            found.push(Written { table, rows, rewritten });
        }
    }
    Ok(found)
}

/// Writes the rows of `table` that are newer than `snapshot` into `file` as CSV with a head line.
pub async fn export(
    session: &mut Session,
    (schema, name): &(String, String),
    snapshot: &str,
    ours: &[String],
    file: &Path,
) -> Result<(), PostgresError> {
    let (is_new, is_ours) = newer(snapshot, ours);
    let statement = format!(
        "COPY (SELECT t.* FROM ONLY {} t WHERE {is_new} AND NOT {is_ours}) \
         TO STDOUT WITH (FORMAT csv, HEADER)",
        qualified(schema, name)
    );
    session.copy_out(&statement, file).await
}
