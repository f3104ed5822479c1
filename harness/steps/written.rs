//! What was written since a snapshot, other than by us: what a restore of that snapshot would lose.
//!
//! A row tells by the number of the transaction that wrote it. What our own moves changed hides what
//! others wrote there before them: such tables are told apart, and nothing is said of them.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::backup::{Contents, SequenceContents, TableContents};
use crate::migrations::Script;
use crate::postgres::{PostgresError, Session, qualified, quote_literal};
use crate::sql::{self, StatementKind};

use super::audit::{self, Trace};
use super::contents::{Relations, contents};
use super::deploy::is_atomic;

/// What was written into one table since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Schema and name.
    pub table: (String, String),
    /// Row versions that would be lost: new ones, and those that are gone.
    pub rows: u64,
    /// Whether that is all: where our moves changed rows, or the table itself, it may be more.
    pub is_all: bool,
}

/// What was there just before the first move of a run: whoever restores its backup must know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    tables: Vec<Known>,
    /// Where sequences stood.
    pub sequences: Vec<SequenceContents>,
    /// Whether the audit trail says of all scripts of the run in which tables they change rows.
    is_traced: bool,
}

/// A table, however it is called later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    oid: String,
    /// Another one after TRUNCATE and after what rewrites all rows.
    file: String,
    schema: String,
    name: String,
}

/// Since when, and what is not counted.
#[derive(Clone, Copy, Debug)]
pub struct SinceBackup<'s> {
    /// `pg_current_snapshot()` of the backup.
    pub snapshot: &'s str,
    /// What the backup holds.
    pub held: &'s Contents,
    /// The runs that are undone.
    pub runs: &'s [String],
    /// Transactions of theirs that the audit trail may not have.
    pub xids: &'s [String],
    /// What was there before them, if somebody looked.
    pub before: Option<&'s Before>,
    /// Tables that are not looked at, pairs of schema and name.
    pub ignore: &'s [(String, String)],
}

const TABLES: &str = "SELECT c.oid, pg_catalog.pg_relation_filenode(c.oid), n.nspname, c.relname \
    FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' \
    AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 3, 4";
const MAY_READ_LARGE_OBJECTS: &str =
    "SELECT pg_catalog.has_table_privilege('pg_catalog.pg_largeobject', 'SELECT')";
/// Rows that policies hide would not be counted.
const ALL_ROWS: &str = "SET row_security = off";
/// The number that the next transaction gets, read once for all rows.
const NOW: &str = "(SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint \
    AS xid OFFSET 0) AS now8";
/// The full number of the transaction that wrote a row: rows have its lower half, and nobody's is
/// greater than the next one to be given.
const WRITER: &str = "(CASE WHEN ((now8.xid >> 32) << 32) + t.xmin::text::bigint > now8.xid \
    THEN ((now8.xid >> 32) << 32) + t.xmin::text::bigint - 4294967296 \
    ELSE ((now8.xid >> 32) << 32) + t.xmin::text::bigint END)";

/// Which rows `snapshot` may not see. Those of every transaction from the oldest one on that was open
/// then: a snapshot does not list the savepoints of open transactions, whose numbers rows may have.
fn is_new(snapshot: &str) -> String {
    format!(
        "(t.xmin::text::bigint > 2 AND {WRITER} >= pg_catalog.pg_snapshot_xmin({})::text::bigint)",
        quote_literal(snapshot)
    )
}

fn is_ours(ours: &[Trace]) -> String {
    let xids: Vec<&str> = ours.iter().map(|it| it.xid.as_str()).collect();
    if xids.is_empty() { "false".to_owned() } else { format!("{WRITER} IN ({})", xids.join(", ")) }
}

/// Looks at what is there before a run makes its first move, by these scripts or back by them.
pub async fn before<'h>(
    session: &mut Session,
    mut scripts: impl Iterator<Item = &'h Script>,
) -> Result<Before, PostgresError> {
    let tables = tables(session).await?;
    let sequences = Relations::find(session).await?.sequences(session).await?;
    Ok(Before { tables, sequences, is_traced: scripts.all(is_traced) })
}

/// Whether nothing changes rows of a table that was there, and is not written down with the move.
fn is_traced(script: &Script) -> bool {
    use StatementKind as K;
    let changes = |text: &str| {
        matches!(
            sql::kind(text),
            K::Select
                | K::With
                | K::Insert
                | K::Update
                | K::Delete
                | K::Merge
                | K::Copy
                | K::Do
                | K::Call
                | K::Explain
                | K::CommitPrepared
                | K::Other
        )
    };
    is_atomic(script)
        || sql::split(&script.text).is_ok_and(|statements| {
            !statements.iter().any(|it| script.text.get(it.bytes.clone()).is_none_or(changes))
        })
}

async fn tables(session: &mut Session) -> Result<Vec<Known>, PostgresError> {
    let known = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || cells.next().unwrap_or_default();
        Known { oid: next(), file: next(), schema: next(), name: next() }
    };
    Ok(session.rows(TABLES).await?.into_iter().map(known).collect())
}

/// Looks at every table but those of the schema `stairway`, and at large objects. Reads all rows.
pub async fn written_since(
    session: &mut Session,
    since: &SinceBackup<'_>,
) -> Result<Vec<Written>, PostgresError> {
    session.execute(ALL_ROWS).await?;
    let ours = since.ours(session).await?;
    let now = tables(session).await?;
    let mut found = Vec::new();
    for table in now.iter().filter(|it| since.looks_at(it)) {
        let counts = count(session, since, &ours, &qualified(&table.schema, &table.name)).await?;
        found.extend(since.judge(table, &counts, &ours));
    }
    found.extend(since.missing(&now, &ours));
    found.extend(large_objects(session, since, &ours).await?);
    Ok(found)
}

/// How many rows are new, how many of our moves, and how many are as old as the snapshot.
#[derive(Debug, Default)]
struct Counts {
    new: u64,
    ours: u64,
    old: u64,
}

async fn count(
    session: &mut Session,
    since: &SinceBackup<'_>,
    ours: &[Trace],
    table: &str,
) -> Result<Counts, PostgresError> {
    let sql = format!(
        "SELECT pg_catalog.count(*) FILTER (WHERE is_new AND NOT is_ours), \
           pg_catalog.count(*) FILTER (WHERE is_new AND is_ours), \
           pg_catalog.count(*) FILTER (WHERE NOT is_new) \
         FROM (SELECT {} AS is_new, {} AS is_ours FROM {NOW}, ONLY {table} t) r",
        is_new(since.snapshot),
        is_ours(ours)
    );
    let row = session.rows(&sql).await?.into_iter().next().unwrap_or_default();
    let mut cells = row.into_iter().flatten().map(|text| text.parse::<u64>().ok());
    let mut next = || cells.next().flatten();
    match (next(), next(), next()) {
        (Some(new), Some(ours), Some(old)) => Ok(Counts { new, ours, old }),
        _ => Err(PostgresError::Unexpected("rows can't be counted".to_owned())),
    }
}

impl SinceBackup<'_> {
    /// The transactions of the runs that are undone.
    async fn ours(&self, session: &mut Session) -> Result<Vec<Trace>, PostgresError> {
        let mut ours = audit::traces(session, self.runs).await?;
        let more = self.xids.iter().filter(|xid| ours.iter().all(|it| it.xid != **xid));
        let more: Vec<Trace> = more.map(|xid| Trace { xid: xid.clone(), touched: None }).collect();
        ours.extend(more);
        Ok(ours)
    }

    fn looks_at(&self, table: &Known) -> bool {
        self.looks_at_name(&table.schema, &table.name)
    }

    fn looks_at_name(&self, schema: &String, name: &String) -> bool {
        schema != super::AUDIT_SCHEMA
            && !self.ignore.iter().any(|it| (&it.0, &it.1) == (schema, name))
    }

    /// How many rows the backup has of a table, if that was there.
    fn held(&self, table: &Known) -> Option<u64> {
        let held = |table: &Known| {
            let mut held = self.held.tables.iter();
            let held = held.find(|it| (&it.schema, &it.name) == (&table.schema, &table.name));
            held.map(|it| it.rows)
        };
        match self.before {
            // A move may have given it another name, or its name to another one.
            Some(before) => {
                let known = before.tables.iter().find(|it| it.oid == table.oid)?;
                Some(held(known).unwrap_or_default())
            }
            None => held(table),
        }
    }

    fn judge(&self, table: &Known, counts: &Counts, ours: &[Trace]) -> Option<Written> {
        let held = self.held(table);
        let is_touched = held.is_some() && self.is_touched(table, counts, ours);
        // What is gone was deleted or became another version; the new versions are counted anyway.
        let gone = held.unwrap_or_default().saturating_sub(counts.old);
        // Rows that are old enough and not in the backup: then it is none of this database.
        let foreign = held.map_or(0, |held| counts.old.saturating_sub(held));
        let rows = (counts.new + foreign).max(if is_touched { 0 } else { gone });
        let table = (table.schema.clone(), table.name.clone());
        (rows > 0 || is_touched).then_some(Written { table, rows, is_all: !is_touched })
    }

    /// Whether our moves changed rows of a table that was there.
    fn is_touched(&self, table: &Known, counts: &Counts, ours: &[Trace]) -> bool {
        let is_written =
            |trace: &Trace| trace.touched.as_ref().is_none_or(|oids| oids.contains(&table.oid));
        let is_other_file = |before: &Before| {
            !before.is_traced
                || before.tables.iter().any(|it| it.oid == table.oid && it.file != table.file)
        };
        match self.before {
            Some(before) => counts.ours > 0 || ours.iter().any(is_written) || is_other_file(before),
            // TRUNCATE leaves no trace by which it could be told.
            None => !ours.is_empty(),
        }
    }

    /// Tables that were there and are not any more.
    fn missing(&self, now: &[Known], ours: &[Trace]) -> Vec<Written> {
        let written = |(schema, name): (&String, &String), rows: u64, is_all: bool| {
            let table = (schema.clone(), name.clone());
            (rows > 0 || !is_all).then_some(Written { table, rows, is_all })
        };
        if let Some(before) = self.before {
            let gone = before.tables.iter().filter(|it| self.looks_at(it));
            let gone = gone.filter(|it| !now.iter().any(|now| now.oid == it.oid));
            return gone.filter_map(|it| written((&it.schema, &it.name), 0, false)).collect();
        }
        let is_there = |schema: &String, name: &String| {
            now.iter().any(|now| (&now.schema, &now.name) == (schema, name))
        };
        let held = self.held.tables.iter();
        held.filter(|it| self.looks_at_name(&it.schema, &it.name))
            .filter(|it| !is_there(&it.schema, &it.name))
            .filter_map(|it| written((&it.schema, &it.name), it.rows, ours.is_empty()))
            .collect()
    }
}

/// Proves that tables in which nothing seems to be `written` since have the very rows of the backup, where
/// nothing was moved since. Gives those that have not. Reads and hashes all rows.
pub async fn not_as_backed_up(
    session: &mut Session,
    since: &SinceBackup<'_>,
    written: &[Written],
) -> Result<Vec<Written>, PostgresError> {
    session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let found = contents(session, since.ignore).await;
    session.execute("ROLLBACK").await?;
    let found = found?;
    let is_told = |it: &TableContents| {
        written.iter().any(|known| (&known.table.0, &known.table.1) == (&it.schema, &it.name))
    };
    let same = |it: &&TableContents| {
        let mut held = since.held.tables.iter();
        let held = held.find(|held| (&held.schema, &held.name) == (&it.schema, &it.name));
        held.is_none_or(|held| held == *it)
    };
    let tables = found.tables.iter().filter(|it| since.looks_at_name(&it.schema, &it.name));
    let others = tables.filter(|it| !is_told(it) && !same(it));
    let written = |it: &TableContents| Written {
        table: (it.schema.clone(), it.name.clone()),
        rows: 0,
        is_all: false,
    };
    Ok(others.map(written).collect())
}

/// Large objects are in no table that a database has for itself: their pages are counted, and where the
/// role may not see those, only how many objects there are.
async fn large_objects(
    session: &mut Session,
    since: &SinceBackup<'_>,
    ours: &[Trace],
) -> Result<Option<Written>, PostgresError> {
    let objects = count(session, since, ours, "pg_catalog.pg_largeobject_metadata").await?;
    let held = since.held.large_objects;
    if held == 0 && objects.new + objects.ours + objects.old == 0 {
        return Ok(None);
    }
    let is_readable = session.value(MAY_READ_LARGE_OBJECTS).await?.as_deref() == Some("t");
    let pages = if is_readable {
        count(session, since, ours, "pg_catalog.pg_largeobject").await?
    } else {
        Counts::default()
    };
    let gone = held.saturating_sub(objects.old);
    let is_touched = objects.ours + pages.ours > 0 || (gone > 0 && !ours.is_empty());
    let rows = objects.new.max(pages.new).max(if is_touched { 0 } else { gone });
    let table = ("pg_catalog".to_owned(), "pg_largeobject".to_owned());
    let is_all = is_readable && !is_touched;
    Ok((rows > 0 || !is_all).then_some(Written { table, rows, is_all }))
}

/// What other runs moved since, the first one first.
pub async fn moves_since(
    session: &mut Session,
    snapshot: &str,
    runs: &[String],
) -> Result<Vec<String>, PostgresError> {
    if !audit::has_audit(session).await? {
        return Ok(Vec::new());
    }
    // By the row, not by what it says: a trail may come from another server.
    let sql = format!(
        "SELECT pg_catalog.format('%s of %s by run %s', t.direction, t.revision, t.run) \
         FROM {NOW}, stairway.move t WHERE t.run NOT IN ({}) AND {} ORDER BY t.at",
        audit::list(runs),
        is_new(snapshot)
    );
    Ok(session.rows(&sql).await?.into_iter().flatten().flatten().collect())
}

/// Writes the rows of `table` that were written since, other than by us, into `file` as CSV with a
/// head line.
pub async fn export(
    session: &mut Session,
    (schema, name): &(String, String),
    since: &SinceBackup<'_>,
    file: &Path,
) -> Result<(), PostgresError> {
    let ours = since.ours(session).await?;
    let statement = format!(
        "COPY (SELECT t.* FROM {NOW}, ONLY {} t WHERE {} AND NOT {}) \
         TO STDOUT WITH (FORMAT csv, HEADER)",
        qualified(schema, name),
        is_new(since.snapshot),
        is_ours(&ours)
    );
    session.copy_out(&statement, file).await
}
