//! Reading: all sections in one message, or only what was touched since the last time.
//!
//! Knows one session, its prepared statements and what it read before. Must not know what a section
//! says.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Write;
use std::sync::LazyLock;

use super::SchemaError;
use super::assemble::{Grown, assemble};
use super::catalog::{Pinned, SECTIONS, Section, pins, unmodelled};
use super::model::Snapshot;
use super::rows::{Address, Classes, Row, row};
use super::touched::{Changes, Marks, TOUCHED, WITH_PARTS, counted, marks};
use crate::postgres::{PostgresError, ResultSet, Session};

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const INSUFFICIENT_PRIVILEGE: &str = "42501";
/// The first version whose counters of written rows can be made to be up to date.
pub const COUNTS_AT_ONCE: u32 = 15;

/// What the session that changes a database sends before [`Reader::reread`], so that the counters
/// of the catalogs hold all that it wrote. For servers since 15.
pub const FLUSH: &str = "SELECT pg_catalog.pg_stat_force_next_flush()";

/// Reads snapshots of one database again and again: the server plans the queries once.
#[derive(Debug)]
pub struct Reader {
    session: Session,
    major: u32,
    is_prepared: bool,
    counted: Counted,
    /// How many times something was read.
    readings: u64,
    scope: Scope,
    memory: Option<Memory>,
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

/// The catalogs that each section follows, by its name.
static READS: LazyLock<HashMap<&str, BTreeSet<&str>>> =
    LazyLock::new(|| SECTIONS.iter().map(|section| (section.name, section.catalogs())).collect());

/// What the role may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    All,
    /// Without what only superusers may read: secrets, which are shown as hashes.
    Unrestricted,
}

/// The last read.
#[derive(Clone, Debug)]
struct Memory {
    marks: Marks,
    classes: Classes,
    /// The rows of each section, in the order of the list.
    sections: Vec<Vec<Row>>,
    ignore: Vec<(String, String)>,
    snapshot: Snapshot,
    grown: Grown,
}

impl Reader {
    /// Takes a connection of its own to a server of `major`.
    pub fn new(session: Session, major: u32) -> Self {
        Self {
            session,
            major,
            is_prepared: false,
            counted: Counted::default(),
            readings: 0,
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
                let mut classes = Classes::default();
                let (sections, unmodelled) = rows(self.scope, sets, &mut classes)?;
                let mut grown = Grown::default();
                let nodes = assemble(sections.iter().flatten(), ignore, &mut grown);
                let snapshot = Snapshot { major: self.major, nodes: nodes.into(), unmodelled };
                self.memory = marks.map(|marks| Memory {
                    marks,
                    classes,
                    sections,
                    ignore: ignore.to_vec(),
                    snapshot: snapshot.clone(),
                    grown,
                });
                return Ok(snapshot);
            }
            self.scope = Scope::Unrestricted;
        }
    }

    /// Reads what was touched since the last read, in up to three round trips; the whole schema
    /// where that can't be told, for example before 15.
    ///
    /// Whoever changed the database must have sent [`FLUSH`] since, and be idle.
    pub async fn reread(&mut self, ignore: &[(String, String)]) -> Result<Snapshot, SchemaError> {
        let Some(memory) = self.memory.take().filter(|memory| memory.ignore == ignore) else {
            return self.read(ignore).await;
        };
        let mut sets = self.session.query("EXECUTE stairway_marks").await?;
        let now = take_marks(&mut sets)?;
        self.readings += 1;
        match memory.marks.changes(&now, &self.counted.names) {
            Changes::Nothing => {
                let snapshot = memory.snapshot.clone();
                self.memory = Some(Memory { marks: now, ..memory });
                Ok(snapshot)
            }
            Changes::Everything => self.read(ignore).await,
            Changes::In { catalogs, lost } => {
                match self.follow(memory, now, &catalogs, &lost).await? {
                    Some(memory) => Ok(self.memory.insert(memory).snapshot.clone()),
                    None => self.read(ignore).await,
                }
            }
        }
    }

    /// Brings `memory` up to `now`; `None` if everything must be read.
    async fn follow(
        &mut self,
        mut memory: Memory,
        now: Marks,
        catalogs: &BTreeSet<String>,
        gone_from: &[&'static str],
    ) -> Result<Option<Memory>, SchemaError> {
        let mut message = format!("{BEGIN};\n");
        let list: Vec<&str> = catalogs.iter().map(String::as_str).collect();
        let horizon = &memory.marks.horizon;
        let _ =
            writeln!(message, "EXECUTE stairway_touched('{horizon}', '{{{}}}');", list.join(","));
        for class in gone_from {
            let _ = writeln!(message, "EXECUTE stairway_present_{class};");
        }
        let mut sets = self.session.query(&message).await?.into_iter().skip(1);
        let mut touched = oids(&sets.next().unwrap_or_default());
        if touched.iter().any(|oid| *oid < 16384) {
            self.session.execute("COMMIT").await?;
            return Ok(None);
        }
        for (class, set) in gone_from.iter().zip(sets) {
            touched.extend(memory.forget(class, &oids(&set)));
        }
        let sections: Vec<&Section> = sections(self.scope).collect();
        let reading = self.readings;
        let is_due = |section: &Section| {
            let reads = READS.get(section.name);
            reads.is_some_and(|reads| catalogs.iter().any(|name| reads.contains(name.as_str())))
                && (!section.is_by_relation() || !touched.is_empty())
        };
        let mut message = String::new();
        let list = touched.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        for section in sections.iter().filter(|section| is_due(section)) {
            let _ = if section.is_by_relation() {
                writeln!(message, "EXECUTE stairway_of_{}('{{{list}}}');", section.name)
            } else {
                writeln!(message, "EXECUTE stairway_{};", section.name)
            };
        }
        message.push_str("COMMIT");
        let mut sets = self.session.query(&message).await?.into_iter();
        let mut is_renamed = false;
        for (at, section) in sections.iter().enumerate() {
            if is_due(section) {
                let fresh = sets.next().unwrap_or_default();
                is_renamed |= memory.replace(at, section, fresh, &touched, reading)?;
            }
        }
        if is_renamed {
            return Ok(None);
        }
        memory.marks = now;
        let rows = memory.sections.iter().flatten();
        let nodes = assemble(rows, &memory.ignore, &mut memory.grown);
        memory.snapshot.nodes = nodes.into();
        Ok(Some(memory))
    }

    /// Gives the connection back.
    pub fn into_session(self) -> Session {
        self.session
    }
}

impl Memory {
    /// Drops the rows of objects of `class` that are not `present` any more, with all that is read
    /// with a relation that is gone. Gives the relations that lost a part.
    fn forget(&mut self, class: &str, present: &HashSet<u32>) -> HashSet<u32> {
        let number = self.classes.number(class);
        let is_gone = |address: &Address| address.0 == number && !present.contains(&address.1);
        let relations = class == "pg_class";
        let mut touched = HashSet::new();
        for rows in &mut self.sections {
            rows.retain(|row| {
                let Some(relation) = row.relation else { return true };
                if relations && !present.contains(&relation) {
                    return false;
                }
                let gone = is_gone(&row.address) || row.parent.as_ref().is_some_and(is_gone);
                if gone {
                    touched.insert(relation);
                }
                !gone
            });
        }
        touched
    }

    /// Puts fresh rows of a section in the place of those of `touched` relations. Gives whether
    /// something that others are shown by has another name now.
    fn replace(
        &mut self,
        at: usize,
        section: &Section,
        fresh: ResultSet,
        touched: &HashSet<u32>,
        reading: u64,
    ) -> Result<bool, SchemaError> {
        let fresh: Vec<Row> = fresh
            .into_iter()
            .map(|cells| row(section.name, cells, &mut self.classes, reading))
            .collect::<Result<_, _>>()?;
        let Some(rows) = self.sections.get_mut(at) else { return Ok(true) };
        if !section.is_by_relation() {
            let is_same = rows.len() == fresh.len()
                && rows.iter().zip(&fresh).all(|(old, new)| old.is_same(new));
            if !is_same {
                *rows = fresh;
            }
            return Ok(false);
        }
        let is_touched =
            |row: &Row| row.relation.is_some_and(|relation| touched.contains(&relation));
        let names: HashMap<Address, &str> = rows
            .iter()
            .filter(|row| is_touched(row) && is_shown_elsewhere(row))
            .map(|row| (row.address, row.name.as_str()))
            .collect();
        let is_renamed = fresh.iter().any(|row| {
            is_shown_elsewhere(row) && names.get(&row.address).is_some_and(|name| *name != row.name)
        });
        rows.retain(|row| !is_touched(row));
        rows.extend(fresh);
        Ok(is_renamed)
    }
}

/// Whether the texts of other objects may hold this one's name.
fn is_shown_elsewhere(row: &Row) -> bool {
    row.address.2 >= 0
        && matches!(
            row.kind.as_str(),
            "table" | "view" | "materialized view" | "foreign table" | "sequence" | "column"
        )
}

/// The numbers of one row each, or of lists with commas.
fn oids(set: &ResultSet) -> HashSet<u32> {
    let cells = set.iter().flatten().flatten();
    cells.flat_map(|cell| cell.split(',')).filter_map(|oid| oid.parse().ok()).collect()
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
                let (sections, unmodelled) = rows(scope, sets, &mut Classes::default())?;
                let nodes =
                    assemble(sections.iter().flatten(), ignore, &mut Grown::default()).into();
                return Ok(Self { major, nodes, unmodelled });
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

fn sections(scope: Scope) -> impl Iterator<Item = &'static Section> {
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
    let _ = writeln!(message, "{BEGIN};");
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
        if let Some(sql) = section.sql_of_relations(major) {
            let _ = writeln!(message, "PREPARE stairway_of_{} (oid[]) AS {sql};", section.name);
        }
    }
    let _ = writeln!(message, "PREPARE stairway_unmodelled AS {};", unmodelled());
    if major >= COUNTS_AT_ONCE {
        let _ = writeln!(message, "PREPARE stairway_marks AS {};", marks(&counted.oids));
        let _ = writeln!(message, "PREPARE stairway_touched (text, text[]) AS {TOUCHED};");
        for class in WITH_PARTS {
            let _ = writeln!(
                message,
                "PREPARE stairway_present_{class} AS \
                 SELECT pg_catalog.string_agg(o.oid::text, ',') FROM pg_catalog.{class} o \
                 WHERE o.oid >= 16384;"
            );
        }
    }
    message.push_str("COMMIT;\n");
}

type Sections = (Vec<Vec<Row>>, Vec<String>);

/// The answers end with one set for each section, the unmodelled classes and COMMIT's empty set.
fn rows(
    scope: Scope,
    mut sets: Vec<ResultSet>,
    classes: &mut Classes,
) -> Result<Sections, SchemaError> {
    sets.pop();
    let unmodelled = sets.pop().unwrap_or_default();
    let answers = sets.split_off(sets.len().saturating_sub(sections(scope).count()));
    let mut read = Vec::with_capacity(answers.len());
    for (section, answer) in sections(scope).zip(answers) {
        let rows = answer.into_iter().map(|cells| row(section.name, cells, classes, 0));
        read.push(rows.collect::<Result<Vec<Row>, _>>()?);
    }
    let mut missing: Vec<String> = unmodelled.into_iter().map(sentence).collect();
    missing.sort();
    Ok((read, missing))
}

fn sentence(cells: Vec<Option<String>>) -> String {
    let mut cells = cells.into_iter().map(Option::unwrap_or_default);
    let (class, count) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
    format!("{count} rows of {class} are not modelled")
}
