//! Reading: all sections in one message, or only what was touched since the last time.
//!
//! Knows one session, its prepared statements and what it read before. Must not know what a section
//! says.

use std::fmt::Write;

use super::SchemaError;
use super::catalog::{Pinned, SECTIONS, Section, pins, unmodelled};
use super::follow;
use super::forest::Forest;
use super::marks::{Changes, Marks, counted};
use super::memory::Memory;
use super::model::Snapshot;
use super::rows::{Classes, row};
use crate::postgres::{PostgresError, ResultSet, Session};

pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const INSUFFICIENT_PRIVILEGE: &str = "42501";
/// The first version whose counters of written rows can be made to be up to date.
pub const COUNTS_AT_ONCE: u32 = 15;

/// How the session plans, to look up a few rows in catalogs that were empty when it planned.
const LOOK_UP: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; \
    SET enable_mergejoin = off; SET max_parallel_workers_per_gather = 0";
/// How it plans to read all of them, as large as they are.
const WHOLE: &str = "SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; \
    SET LOCAL enable_mergejoin = on; SET LOCAL plan_cache_mode = force_custom_plan";

/// What the session that changes a database sends before [`Reader::reread`], so that the counters
/// of the catalogs hold all that it wrote. For servers since 15.
pub const FLUSH: &str = "SELECT pg_catalog.pg_stat_force_next_flush()";

/// Reads snapshots of one database again and again: the server plans the queries once.
#[derive(Debug)]
pub struct Reader {
    pub(super) session: Session,
    major: u32,
    is_prepared: bool,
    counted: Counted,
    pub(super) scope: Scope,
    memory: Option<Box<Memory>>,
}

/// The catalogs whose written rows are counted.
#[derive(Debug, Default)]
struct Counted {
    /// With commas, in the order of the names.
    oids: String,
    names: Vec<String>,
}

impl Counted {
    fn from_rows(rows: ResultSet) -> Self {
        let mut counted = Self::default();
        for row in rows {
            let mut cells = row.into_iter().flatten();
            if let (Some(oid), Some(name)) = (cells.next(), cells.next()) {
                if !counted.oids.is_empty() {
                    counted.oids.push(',');
                }
                counted.oids.push_str(&oid);
                counted.names.push(name);
            }
        }
        counted
    }
}

/// What the role may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    All,
    /// Without what only superusers may read: secrets, which are shown as hashes.
    Unrestricted,
}

impl Reader {
    /// Takes a connection of its own to a server of `major`.
    pub fn new(session: Session, major: u32) -> Self {
        Self {
            session,
            major,
            is_prepared: false,
            counted: Counted::default(),
            scope: Scope::All,
            memory: None,
        }
    }

    /// Reads the whole schema in one round trip; see [`Snapshot::read`].
    pub async fn read(&mut self, ignore: &[(String, String)]) -> Result<Snapshot, SchemaError> {
        self.memory = None;
        loop {
            let prepare = !std::mem::replace(&mut self.is_prepared, false);
            if prepare {
                // The session is the reader's own: what is pinned stays, and so do plans made with it.
                self.session.execute(&pins(Pinned::Session)).await?;
                self.session.execute(LOOK_UP).await?;
                if self.major >= COUNTS_AT_ONCE {
                    let mut sets = self.session.query(&counted()).await?;
                    self.counted = Counted::from_rows(sets.pop().unwrap_or_default());
                }
            }
            let message =
                prepared_message(self.major, self.scope, prepare.then_some(&self.counted));
            if let Some(mut sets) = ask(&mut self.session, &message, self.scope).await? {
                self.is_prepared = true;
                let marks =
                    (self.major >= COUNTS_AT_ONCE).then(|| take_marks(&mut sets)).transpose()?;
                let (answers, unmodelled) = answers(self.scope, sets);
                let Some(marks) = marks else {
                    return planted(self.major, ignore, answers, unmodelled);
                };
                let memory = Memory::new(self.major, marks, ignore, answers, unmodelled)?;
                return Ok(self.memory.insert(Box::new(memory)).snapshot());
            }
            self.scope = Scope::Unrestricted;
        }
    }

    /// Reads what was touched since the last read, in up to three round trips; the whole schema
    /// where that can't be told, for example before 15.
    ///
    /// Whoever changed the database must have sent [`FLUSH`] since, and be idle.
    pub async fn reread(&mut self, ignore: &[(String, String)]) -> Result<Snapshot, SchemaError> {
        let Some(mut memory) = self.memory.take().filter(|memory| memory.ignore == ignore) else {
            return self.read(ignore).await;
        };
        let mut sets = self.session.query("EXECUTE stairway_marks").await?;
        let now = take_marks(&mut sets)?;
        let memory = match memory.marks.changes(&now, &self.counted.names) {
            Changes::Nothing => {
                memory.marks = now;
                Some(memory)
            }
            Changes::Everything => None,
            Changes::In(touched) => Box::pin(self.follow(memory, now, touched)).await?,
        };
        match memory {
            Some(memory) => Ok(self.memory.insert(memory).snapshot()),
            None => self.read(ignore).await,
        }
    }

    /// Gives the connection back.
    pub fn into_session(self) -> Session {
        self.session
    }
}

/// Takes the marks out of the answers, of which they are the last but COMMIT's.
fn take_marks(sets: &mut Vec<ResultSet>) -> Result<Marks, SchemaError> {
    let at = sets.iter().rposition(|set| !set.is_empty());
    let row = at.map(|at| sets.remove(at)).and_then(|set| set.into_iter().next());
    row.and_then(Marks::read).ok_or_else(|| {
        PostgresError::Unexpected("the counters of the catalogs can't be read".to_owned()).into()
    })
}

impl Snapshot {
    /// Reads the whole schema in one round trip and one transaction on `session`, a connection of
    /// its own to a server of `major` (it must not stand in a transaction). Tables in `ignore`,
    /// pairs of schema and name, are left out with everything that hangs on them: what a
    /// migration tool keeps for itself. What only superusers may read is left out for others, who
    /// pay a second round trip.
    pub async fn read(
        session: &mut Session,
        major: u32,
        ignore: &[(String, String)],
    ) -> Result<Self, SchemaError> {
        let mut scope = Scope::All;
        loop {
            if let Some(sets) = ask(session, &plain_message(major, scope), scope).await? {
                let (answers, unmodelled) = answers(scope, sets);
                return planted(major, ignore, answers, unmodelled);
            }
            scope = Scope::Unrestricted;
        }
    }
}

/// Sends `message`; `None` if a smaller scope should be asked for. After an error no transaction
/// is left open and nothing is prepared.
async fn ask(
    session: &mut Session,
    message: &str,
    scope: Scope,
) -> Result<Option<Vec<ResultSet>>, SchemaError> {
    let error = match session.query(message).await {
        Ok(sets) => return Ok(Some(sets)),
        Err(error) => error,
    };
    let Some(failure) = error.sql() else { return Err(error.into()) };
    let is_refused = failure.sqlstate == INSUFFICIENT_PRIVILEGE && scope == Scope::All;
    session.execute("ROLLBACK; DEALLOCATE ALL").await?;
    if is_refused { Ok(None) } else { Err(error.into()) }
}

pub(super) fn sections(scope: Scope) -> impl Iterator<Item = &'static Section> {
    SECTIONS.iter().filter(move |section| scope == Scope::All || !section.is_restricted)
}

fn plain_message(major: u32, scope: Scope) -> String {
    let mut message = format!("{BEGIN};\n{};\n", pins(Pinned::Transaction));
    for section in sections(scope) {
        message.push_str(&section.sql(major));
        message.push_str(";\n");
    }
    message.push_str(&unmodelled());
    message.push_str(";\nCOMMIT");
    message
}

fn prepared_message(major: u32, scope: Scope, prepare: Option<&Counted>) -> String {
    let mut message = String::new();
    if let Some(counted) = prepare {
        prepare_all(&mut message, major, scope, counted);
    }
    let _ = writeln!(message, "{BEGIN};\n{WHOLE};");
    for section in sections(scope) {
        let _ = writeln!(message, "EXECUTE stairway_{};", section.name);
    }
    message.push_str("EXECUTE stairway_unmodelled;\n");
    if major >= COUNTS_AT_ONCE {
        message.push_str("EXECUTE stairway_marks;\n");
    }
    message.push_str("COMMIT");
    message
}

fn prepare_all(message: &mut String, major: u32, scope: Scope, counted: &Counted) {
    let _ = writeln!(message, "{BEGIN};");
    for section in sections(scope) {
        let _ = writeln!(message, "PREPARE stairway_{} AS {};", section.name, section.sql(major));
    }
    let _ = writeln!(message, "PREPARE stairway_unmodelled AS {};", unmodelled());
    if major >= COUNTS_AT_ONCE {
        follow::prepare(message, major, scope, &counted.oids);
    }
    message.push_str("COMMIT;\n");
}

type Answers = Vec<(&'static Section, ResultSet)>;

/// The answers end with one set for each section, the unmodelled classes and COMMIT's empty set.
fn answers(scope: Scope, mut sets: Vec<ResultSet>) -> (Answers, Vec<String>) {
    sets.pop();
    let unmodelled = sets.pop().unwrap_or_default();
    let answers = sets.split_off(sets.len().saturating_sub(sections(scope).count()));
    let mut missing: Vec<String> = unmodelled.into_iter().map(sentence).collect();
    missing.sort();
    (sections(scope).zip(answers).collect(), missing)
}

/// The snapshot of one reading that nothing follows.
fn planted(
    major: u32,
    ignore: &[(String, String)],
    answers: Answers,
    unmodelled: Vec<String>,
) -> Result<Snapshot, SchemaError> {
    let mut forest = Forest::new(ignore);
    let mut classes = Classes::default();
    for (section, set) in answers {
        for cells in set {
            forest.add(row(section.name, cells, &mut classes)?);
        }
    }
    Ok(Snapshot { major, nodes: forest.nodes(), unmodelled })
}

fn sentence(cells: Vec<Option<String>>) -> String {
    let mut cells = cells.into_iter().map(Option::unwrap_or_default);
    let (class, count) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
    format!("{count} rows of {class} are not modelled")
}
