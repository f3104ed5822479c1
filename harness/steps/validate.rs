//! Looking at a database after it was moved: rows without a parent, indexes, sequences, what a
//! team's own queries say. Reads only, and gives counts, never values.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::postgres::{PostgresError, Session};
use crate::sql;

/// Rows that a foreign key should not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphans {
    /// Table and constraint.
    pub constraint: String,
    /// How many; `None` if they could not be counted.
    pub count: Result<u64, String>,
}

/// A query test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryTest {
    /// The file, and which statement of it if it has several.
    pub name: String,
    /// `Ok(None)` if it passed, `Ok(Some(..))` with what it says, `Err` if it could not be run.
    pub result: Result<Option<String>, String>,
}

/// For each foreign key a query that counts its orphans, whatever the key says of itself: NOT VALID,
/// or with its triggers switched off. The parts that partitions inherit are left to their parents.
const FOREIGN_KEYS: &str = r"
SELECT format('%s: %s', con.conrelid::regclass, con.conname),
       format('SELECT count(*) FROM %s c WHERE %s AND NOT EXISTS (SELECT FROM %s p WHERE %s)%s',
              CASE WHEN rel.relkind = 'p' THEN '' ELSE 'ONLY ' END || con.conrelid::regclass,
              (SELECT string_agg(format('c.%I IS NOT NULL', a.attname), ' AND ' ORDER BY k.n)
                 FROM unnest(con.conkey) WITH ORDINALITY k(num, n)
                 JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.num),
              CASE WHEN parent.relkind = 'p' THEN '' ELSE 'ONLY ' END || con.confrelid::regclass,
              (SELECT string_agg(format('p.%I OPERATOR(%I.%s) c.%I', f.attname, n.nspname, o.oprname,
                                        a.attname), ' AND ' ORDER BY k.n)
                 FROM unnest(con.conkey, con.confkey, con.conpfeqop)
                      WITH ORDINALITY k(num, fnum, op, n)
                 JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.num
                 JOIN pg_attribute f ON f.attrelid = con.confrelid AND f.attnum = k.fnum
                 JOIN pg_operator o ON o.oid = k.op
                 JOIN pg_namespace n ON n.oid = o.oprnamespace),
              CASE WHEN con.confmatchtype = 'f' AND cardinality(con.conkey) > 1 THEN
                format(' OR (num_nulls(%s) BETWEEN 1 AND %s)',
                       (SELECT string_agg(format('c.%I', a.attname), ', ')
                          FROM unnest(con.conkey) k(num)
                          JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.num),
                       cardinality(con.conkey) - 1)
              ELSE '' END)
  FROM pg_catalog.pg_constraint con
  JOIN pg_catalog.pg_class rel ON rel.oid = con.conrelid
  JOIN pg_catalog.pg_class parent ON parent.oid = con.confrelid
 WHERE con.contype = 'f' AND con.conparentid = 0
 ORDER BY 1";

/// How often a foreign key is counted while others hold the lock of its tables.
const TRIES: u32 = 3;

/// Counts the orphans of every foreign key. One that may not be read or takes longer than the
/// session's `statement_timeout` says so, and one whose tables others keep locked.
pub async fn orphans(session: &mut Session) -> Result<Vec<Orphans>, PostgresError> {
    let path = "SET search_path = pg_catalog";
    session.execute(path).await?;
    let mut found = Vec::new();
    for row in session.rows(FOREIGN_KEYS).await? {
        let mut cells = row.into_iter().flatten();
        let (Some(constraint), Some(query)) = (cells.next(), cells.next()) else { continue };
        let mut tries = 0;
        let count = loop {
            tries += 1;
            match session.value(&query).await {
                Ok(count) => break Ok(count.and_then(|it| it.parse().ok()).unwrap_or_default()),
                // lock_not_available: each try waits for it.
                Err(PostgresError::Sql(it)) if it.sqlstate == "55P03" && tries < TRIES => {}
                Err(PostgresError::Sql(failure)) => break Err(failure.sqlstate),
                Err(error) => return Err(error),
            }
        };
        found.push(Orphans { constraint, count });
    }
    session.execute("RESET search_path").await?;
    Ok(found)
}

/// The installed extensions and their versions.
pub async fn extensions(session: &mut Session) -> Result<BTreeMap<String, String>, PostgresError> {
    let sql = "SELECT extname, extversion FROM pg_catalog.pg_extension";
    let pair = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter().flatten();
        Some((cells.next()?, cells.next()?))
    };
    Ok(session.rows(sql).await?.into_iter().filter_map(pair).collect())
}

/// Whether a table can be read, and whether any row is in it.
pub async fn has_rows(session: &mut Session, table: &str) -> Result<bool, PostgresError> {
    let name: String = sql::tokens(table).filter_map(|token| table.get(token.bytes)).collect();
    let sql = format!("SELECT EXISTS (SELECT FROM {name})");
    Ok(session.value(&sql).await?.as_deref() == Some("t"))
}

/// The table with the most pages, as SQL; `None` where there is no table.
pub async fn largest_table(session: &mut Session) -> Result<Option<String>, PostgresError> {
    let sql = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) \
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' \
          AND n.nspname <> 'information_schema' \
        ORDER BY pg_catalog.pg_relation_size(c.oid) DESC, 1 LIMIT 1";
    session.value(sql).await
}

/// The materialized views that can't be read, as SQL.
pub async fn unpopulated(session: &mut Session) -> Result<Vec<String>, PostgresError> {
    let sql = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) \
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relkind = 'm' AND NOT c.relispopulated ORDER BY 1";
    Ok(session.rows(sql).await?.into_iter().flatten().flatten().collect())
}

/// The `.sql` files of a folder, by name.
pub fn query_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let is_sql = |path: &PathBuf| path.extension().is_some_and(|end| end == "sql");
    let mut files: Vec<_> = entries.iter().map(std::fs::DirEntry::path).filter(is_sql).collect();
    files.sort();
    Ok(files)
}

/// Runs the query tests of one file, each in a read-only transaction that is rolled back. A query
/// passes if it gives no row, or only `true`.
pub async fn query_tests(
    session: &mut Session,
    file: &Path,
) -> Result<Vec<QueryTest>, PostgresError> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let unread = |why: String| vec![QueryTest { name: name.clone(), result: Err(why) }];
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return Ok(unread(error.to_string())),
    };
    let statements = match sql::split(&text) {
        Ok(statements) => statements,
        Err(error) => return Ok(unread(error.to_string())),
    };
    if statements.is_empty() {
        return Ok(unread("it holds no query".to_owned()));
    }
    let several = statements.len() > 1;
    let mut tests = Vec::new();
    for (nth, statement) in statements.into_iter().enumerate() {
        let query = text.get(statement.bytes).unwrap_or_default();
        session.execute("BEGIN READ ONLY").await?;
        let result = match session.rows(query).await {
            Ok(rows) => Ok(verdict(&rows)),
            // The server's words may quote a value.
            Err(PostgresError::Sql(failure)) => Err(failure.discreet().to_string()),
            Err(error) => return Err(error),
        };
        session.execute("ROLLBACK").await?;
        let name = if several { format!("{name}, query {}", nth + 1) } else { name.clone() };
        tests.push(QueryTest { name, result });
    }
    Ok(tests)
}

fn verdict(rows: &[Vec<Option<String>>]) -> Option<String> {
    let is_true = |row: &Vec<Option<String>>| matches!(row.as_slice(), [Some(cell)] if cell == "t");
    let against = rows.iter().filter(|row| !is_true(row)).count();
    (against > 0).then(|| format!("{against} rows speak against it"))
}

/// Sequences that a column draws its default from and that would hand out a value that the column
/// has: sequence and column, without the value.
pub async fn behind(session: &mut Session) -> Result<Vec<String>, PostgresError> {
    let sql = "SELECT format('%s for %s.%I', s.oid::regclass, t.oid::regclass, a.attname), \
        format('SELECT coalesce((SELECT max(%I)::numeric FROM %s), 0) >= \
          CASE WHEN is_called THEN last_value + %s ELSE last_value END AND %s > 0 FROM %s', \
          a.attname, t.oid::regclass, q.seqincrement, q.seqincrement, s.oid::regclass) \
        FROM pg_catalog.pg_class s \
        JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid \
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
          AND d.objid = s.oid AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0 \
        JOIN pg_catalog.pg_class t ON t.oid = d.refobjid \
        JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid \
        WHERE s.relkind = 'S' AND NOT q.seqcycle ORDER BY 1";
    let mut found = Vec::new();
    for row in session.rows(sql).await? {
        let mut cells = row.into_iter().flatten();
        let (Some(name), Some(query)) = (cells.next(), cells.next()) else { continue };
        if session.value(&query).await?.as_deref() == Some("t") {
            found.push(name);
        }
    }
    Ok(found)
}
