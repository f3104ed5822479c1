//! What others wrote into tables and columns that a run has made: what taking those away would lose.

use std::path::Path;

use crate::postgres::{PostgresError, Session, qualified, quote_literal};

/// Rows of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newer {
    /// Schema and name.
    pub table: (String, String),
    /// Rows that others put into a table that the run has made, or with values in its new columns.
    pub rows: u64,
    condition: String,
}

/// The tables with columns that are not older than the run: schema, name, whether all of them are, and
/// how a row of an older table shows a value in the new ones. A default that calls something can't be
/// told from a value.
const TABLES: &str = "SELECT n.nspname, c.relname, pg_catalog.bool_and(a.is_new), \
    pg_catalog.string_agg(CASE WHEN a.is_new AND pg_catalog.strpos(a.expression, '(') = 0 THEN \
      pg_catalog.format('t.%1$I IS NOT NULL AND t.%1$I::text IS DISTINCT FROM (%2$s)::%3$s::text', \
        a.attname, a.expression, a.type) END, ' OR ') \
    FROM (SELECT a.attrelid, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, \
        pg_catalog.age(a.xmin) <= pg_catalog.age({first}::xid) AS is_new, \
        coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), 'NULL') AS expression \
      FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d \
        ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
      WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') a \
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\\_%' \
      AND n.nspname NOT IN ('information_schema', 'stairway') \
    GROUP BY 1, 2 HAVING pg_catalog.bool_or(a.is_new) ORDER BY 1, 2";

/// Looks at what `runs`, the same one under the names that it had, made so far. Reads all rows of tables
/// that have new columns.
pub async fn written_into_new(
    session: &mut Session,
    runs: &[String],
    ignore: &(String, String),
) -> Result<Vec<Newer>, PostgresError> {
    let runs: Vec<String> = runs.iter().map(|run| quote_literal(run)).collect();
    let runs = runs.join(", ");
    let first = "SELECT r.xmin FROM stairway.run r WHERE r.run IN ({runs}) \
                 ORDER BY pg_catalog.age(r.xmin) DESC LIMIT 1";
    let Some(first) = session.value(&first.replace("{runs}", &runs)).await? else {
        return Ok(Vec::new());
    };
    let first = quote_literal(&first);
    let others = format!(
        "t.xmin::text::bigint > 2 AND pg_catalog.age(t.xmin) <= pg_catalog.age({first}::xid) \
         AND NOT EXISTS (SELECT FROM stairway.move m \
           WHERE m.run IN ({runs}) AND m.xid::xid = t.xmin)"
    );
    let mut found = Vec::new();
    for row in session.rows(&TABLES.replace("{first}", &first)).await? {
        let mut cells = row.into_iter();
        let mut next = || cells.next().flatten();
        let (Some(schema), Some(name), Some(is_new)) = (next(), next(), next()) else { continue };
        let table = (schema, name);
        let condition = match next() {
            _ if table == *ignore => continue,
            _ if is_new == "t" => others.clone(),
            Some(values) => format!("{others} AND ({values})"),
            None => continue,
        };
        let sql = format!(
            "SELECT count(*) FROM ONLY {} t WHERE {condition}",
            qualified(&table.0, &table.1)
        );
        let rows = session.value(&sql).await?.and_then(|text| text.parse().ok()).unwrap_or(0);
        if rows > 0 {
            found.push(Newer { table, rows, condition });
        }
    }
    Ok(found)
}

/// Writes these rows into `file` as CSV with a head line.
pub async fn export_newer(
    session: &mut Session,
    newer: &Newer,
    file: &Path,
) -> Result<(), PostgresError> {
    let (schema, name) = &newer.table;
    let statement = format!(
        "COPY (SELECT t.* FROM ONLY {} t WHERE {}) TO STDOUT WITH (FORMAT csv, HEADER)",
        qualified(schema, name),
        newer.condition
    );
    session.copy_out(&statement, file).await
}
