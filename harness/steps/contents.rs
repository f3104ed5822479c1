//! What a database holds, in numbers: what `pg_dump` dumps is counted and hashed where it is.
//!
//! The hash of a table is the sum of its rows' hashes, and the hash of a row that of its columns'
//! hashes, put together by XOR: neither the order of rows nor that of columns is in it, since a
//! restore may give others. A column's hash is keyed by its name, so that two columns that change
//! places don't undo each other; without the hash around them, two rows that swap values would.
//! The usual types are hashed as they are, in less than half of the time that their texts take; but
//! where PostgreSQL's hash is the same for values that look alike, texts are. A time of day and date
//! has 32 bits of hash, everything else 64.

use crate::backup::{Contents, Manifest, MatviewContents, SequenceContents, TableContents};
use crate::data;
use crate::postgres::{Answers, Batch, PostgresError, Session};

/// What `pg_dump` dumps of relations that hold something: `extconfig` names those that an extension
/// has it dump, and which rows of them.
const RELATIONS: &str = "\
SELECT n.nspname, c.relname, c.relkind, c.relispopulated, \
  pg_catalog.format('%I.%I', n.nspname, c.relname), \
  (SELECT pg_catalog.string_agg(pg_catalog.format('coalesce(' || CASE a.atttypid \
        WHEN 'pg_catalog.int2'::pg_catalog.regtype THEN 'hashint2extended(%1$I, %2$L)' \
        WHEN 'pg_catalog.int4'::pg_catalog.regtype THEN 'hashint4extended(%1$I, %2$L)' \
        WHEN 'pg_catalog.bool'::pg_catalog.regtype THEN 'hashint4extended(%1$I::int4, %2$L)' \
        WHEN 'pg_catalog.int8'::pg_catalog.regtype \
        THEN 'hashint8extended(%1$I, %2$L) # hashint8extended(%1$I >> 32, %3$L)' \
        WHEN 'pg_catalog.uuid'::pg_catalog.regtype THEN 'uuid_hash_extended(%1$I, %2$L)' \
        WHEN 'pg_catalog.timestamp'::pg_catalog.regtype \
        THEN 'timestamp_hash_extended(%1$I, %2$L)' \
        WHEN 'pg_catalog.timestamptz'::pg_catalog.regtype \
        THEN 'timestamp_hash_extended(timezone(''0''::interval, %1$I), %2$L)' \
        WHEN 'pg_catalog.float8'::pg_catalog.regtype \
        THEN 'CASE WHEN %1$I = 0 THEN hashtextextended(concat(%1$I) COLLATE \"C\", %2$L) \
            ELSE hashfloat8extended(%1$I, %2$L) END' \
        WHEN 'pg_catalog.text'::pg_catalog.regtype \
        THEN 'hashtextextended(%1$I COLLATE \"C\", %2$L)' \
        WHEN 'pg_catalog.varchar'::pg_catalog.regtype \
        THEN 'hashtextextended(%1$I COLLATE \"C\", %2$L)' \
        ELSE CASE WHEN t.typtype IN ('b', 'e', 'r', 'm') \
          THEN 'CASE WHEN %1$I IS NOT NULL \
              THEN hashtextextended(concat(%1$I) COLLATE \"C\", %2$L) END' \
          ELSE 'hashtextextended(ROW(%1$I)::text COLLATE \"C\", %2$L)' END END || ', %4$L)', \
      a.attname, pg_catalog.hashtextextended(a.attname::pg_catalog.text COLLATE \"C\", 1), \
      pg_catalog.hashtextextended(a.attname::pg_catalog.text COLLATE \"C\", 2), \
      pg_catalog.hashtextextended(a.attname::pg_catalog.text COLLATE \"C\", 3)), ' # ') \
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), \
  e.extcondition[pg_catalog.array_position(e.extconfig, c.oid)] \
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
  AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e' \
LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid \
WHERE c.relkind IN ('r', 'm', 'S') AND c.relpersistence <> 't' \
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
  AND (d.objid IS NULL OR c.oid = ANY (e.extconfig)) \
ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"";
const LARGE_OBJECTS: &str = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata";
const EXTENSIONS: &str = "SELECT extname, extversion FROM pg_catalog.pg_extension";
/// What is not about how values are printed: rows that policies hide are an error, as `pg_dump` has
/// it, and one process is enough, since the dump needs others.
const PINS: &[&str] = &[
    "SET LOCAL row_security = off",
    "SET LOCAL lc_monetary = 'C'",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL max_parallel_workers_per_gather = 0",
    "SET LOCAL jit = off",
];
/// So many statements are sent as one message.
const AT_ONCE: usize = 50;

/// Relations that hold something, by schema and name.
#[derive(Debug)]
pub(super) struct Relations(Vec<Relation>);

#[derive(Debug)]
struct Relation {
    schema: String,
    name: String,
    kind: Holds,
    /// Both names, in quotes where they must be.
    sql: String,
    /// What the columns of a row come to, for a `search_path` of nothing; `None` where there are none.
    columns: Option<String>,
    /// Which of its rows are dumped: empty, or `WHERE` and a condition.
    condition: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Rows,
    Number,
    Query { populated: bool },
}

/// Counts and hashes everything that `pg_dump` would dump, but for the tables in `ignore`, pairs of
/// schema and name. Must be called within a REPEATABLE READ transaction, whose settings it pins up
/// to its end.
///
/// A role that row security hides rows from gets an error.
pub async fn contents(
    session: &mut Session,
    ignore: &[(String, String)],
) -> Result<Contents, PostgresError> {
    let relations = Relations::find(session).await?.without(ignore);
    let sequences = relations.sequences(session).await?;
    relations.count(session, sequences).await
}

/// What the restored copy behind `session` holds otherwise than the manifest says, but for the
/// tables in `ignore`: a sentence for each difference, without any values.
pub async fn compare_copy(
    session: &mut Session,
    manifest: &Manifest,
    ignore: &[(String, String)],
) -> Result<Vec<String>, PostgresError> {
    session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let found = contents(session, ignore).await;
    session.execute("ROLLBACK").await?;
    let expected = manifest.contents.clone().without_tables(ignore);
    Ok(expected.differences(&found?))
}

impl Relations {
    /// Finds all of them.
    pub(super) async fn find(session: &mut Session) -> Result<Self, PostgresError> {
        Ok(Self(session.rows(RELATIONS).await?.into_iter().map(relation).collect()))
    }

    /// The same without these tables, pairs of schema and name.
    pub(super) fn without(mut self, ignore: &[(String, String)]) -> Self {
        self.0.retain(|it| {
            it.kind == Holds::Number
                || !ignore.iter().any(|(schema, name)| (schema, name) == (&it.schema, &it.name))
        });
        self
    }

    /// The statement that keeps their tables from being changed, but for those that `held` has;
    /// empty for none.
    pub(super) fn lock(&self, held: Option<&Self>) -> String {
        let is_held = |sql: &String| held.is_some_and(|held| held.tables().any(|it| it == sql));
        let tables: Vec<String> =
            self.tables().filter(|sql| !is_held(sql)).map(|sql| format!("ONLY {sql}")).collect();
        if tables.is_empty() {
            return String::new();
        }
        format!("LOCK TABLE {} IN ACCESS SHARE MODE", tables.join(", "))
    }

    fn tables(&self) -> impl Iterator<Item = &String> {
        self.0.iter().filter(|it| it.kind == Holds::Rows).map(|it| &it.sql)
    }

    /// Where sequences stand now: no snapshot holds them still.
    pub(super) async fn sequences(
        &self,
        session: &mut Session,
    ) -> Result<Vec<SequenceContents>, PostgresError> {
        let sequences: Vec<&Relation> =
            self.0.iter().filter(|it| it.kind == Holds::Number).collect();
        let ask = |it: &Relation| format!("SELECT last_value, is_called FROM {}", it.sql);
        let mut found = Vec::new();
        for some in sequences.chunks(AT_ONCE) {
            let answers = ask_all(session, some.iter().map(|it| ask(it))).await?;
            for (sequence, cells) in some.iter().zip(answers) {
                let last = cells.first().cloned().flatten().and_then(|text| text.parse().ok());
                found.push(SequenceContents {
                    schema: sequence.schema.clone(),
                    name: sequence.name.clone(),
                    last_value: last.unwrap_or_default(),
                    is_called: is_true(cells.get(1)),
                    until: None,
                });
            }
        }
        Ok(found)
    }

    /// Counts and hashes all of them in the session's transaction.
    pub(super) async fn count(
        &self,
        session: &mut Session,
        sequences: Vec<SequenceContents>,
    ) -> Result<Contents, PostgresError> {
        let mut batch = Batch::default();
        batch.say(&data::pins());
        batch.say_all(PINS);
        let large_objects = batch.say(LARGE_OBJECTS);
        let extensions = batch.say(EXTENSIONS);
        let mut answers = send(session, &batch).await?;
        let mut contents = Contents { sequences, ..Contents::default() };
        let count = answers.take(large_objects).into_iter().flatten().next();
        contents.large_objects = number(count.as_ref());
        for mut row in answers.take(extensions) {
            let (version, name) = (row.pop().flatten(), row.pop().flatten());
            contents.extensions.extend(name.zip(version));
        }
        let counted: Vec<&Relation> = self.0.iter().filter(|it| it.ask().is_some()).collect();
        for some in counted.chunks(AT_ONCE) {
            let answers = ask_all(session, some.iter().filter_map(|it| it.ask())).await?;
            for (relation, cells) in some.iter().zip(answers) {
                relation.tell(&cells, &mut contents);
            }
        }
        Ok(contents)
    }
}

impl Relation {
    /// The question for its rows and their hash.
    fn ask(&self) -> Option<String> {
        let Self { sql, condition, .. } = self;
        match (self.kind, &self.columns) {
            (Holds::Number, _) => None,
            (Holds::Query { populated: false }, _) => Some("SELECT 0".to_owned()),
            (Holds::Query { populated: true }, _) => {
                Some(format!("SELECT pg_catalog.count(*) FROM {sql}"))
            }
            (Holds::Rows, None) => {
                Some(format!("SELECT pg_catalog.count(*), '' FROM ONLY {sql} {condition}"))
            }
            (Holds::Rows, Some(columns)) => Some(format!(
                "SELECT pg_catalog.count(*), \
                 coalesce(pg_catalog.sum(pg_catalog.hashint8extended(0, {columns})), 0) \
                 FROM ONLY {sql} {condition}"
            )),
        }
    }

    fn tell(&self, cells: &[Option<String>], contents: &mut Contents) {
        let (schema, name) = (self.schema.clone(), self.name.clone());
        let rows = number(cells.first());
        match self.kind {
            Holds::Number => {}
            Holds::Query { populated } => {
                contents.matviews.push(MatviewContents { schema, name, populated, rows });
            }
            Holds::Rows => {
                let hash = cells.get(1).cloned().flatten().unwrap_or_default();
                contents.tables.push(TableContents { schema, name, rows, hash });
            }
        }
    }
}

fn relation(row: Vec<Option<String>>) -> Relation {
    let mut cells = row.into_iter();
    let mut next = || cells.next().flatten();
    let (schema, name) = (next().unwrap_or_default(), next().unwrap_or_default());
    let (kind, populated) = (next(), next().as_deref() == Some("t"));
    let kind = match kind.as_deref() {
        Some("S") => Holds::Number,
        Some("m") => Holds::Query { populated },
        _ => Holds::Rows,
    };
    let (sql, columns) = (next().unwrap_or_default(), next());
    Relation { schema, name, kind, sql, columns, condition: next().unwrap_or_default() }
}

/// Sends statements that give one row each, as one message.
async fn ask_all(
    session: &mut Session,
    statements: impl Iterator<Item = String>,
) -> Result<Vec<Vec<Option<String>>>, PostgresError> {
    let mut batch = Batch::default();
    let asked: Vec<_> = statements.map(|statement| batch.say(&statement)).collect();
    let mut answers = send(session, &batch).await?;
    Ok(asked.into_iter().map(|it| answers.take(it).pop().unwrap_or_default()).collect())
}

async fn send(session: &mut Session, batch: &Batch) -> Result<Answers, PostgresError> {
    let (answers, result) = session.send_so_far(batch).await;
    result.map(|()| answers)
}

fn number(cell: Option<&Option<String>>) -> u64 {
    cell.and_then(|text| text.as_deref()?.parse().ok()).unwrap_or_default()
}

fn is_true(cell: Option<&Option<String>>) -> bool {
    cell.is_some_and(|text| text.as_deref() == Some("t"))
}
