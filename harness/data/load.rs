//! A session in which rows are given to tables, read, and taken back: all in one transaction.
//!
//! Knows what is sent when. Must not know which scripts run between.

use std::collections::BTreeSet;

use super::DataError;
use super::catalog::{self, Builtin, Model, Wanted};
use super::fill::{Fill, Filled};
use super::insert::insert;
use super::model::Table;
use super::order::levels;
use super::pool::{Recipe, Shelf};
use super::read::{ToRead, ask_rows, sampled};
use super::rows::{Cell, Name, Rows};
use super::seen::{Clock, Drawn, drawn};
use super::sequences::{Tops, moved, put_back, sequences, settled};
use super::told::{Told, tell};
use super::wire::Wire;
use crate::postgres::{Answers, Asked, Batch, ResultSet, Session, quote_ident, quote_literal};

/// How values are printed, whatever the database or a script says.
pub(super) const PINS: &[(&str, &str)] = &[
    ("search_path", ""),
    ("datestyle", "ISO, YMD"),
    ("intervalstyle", "postgres"),
    ("timezone", "UTC"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
];
pub(super) const PIN: &str = "EXECUTE stairway_pin";

/// How the catalog is planned for: a few rows by index, as large as it may have become since.
const PLANS: &[(&str, &str)] = &[
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    ("max_parallel_workers_per_gather", "0"),
];
const LOOK_UP: &str = "EXECUTE stairway_look_up";

pub(super) const RESET: &str = "RESET ALL";

/// What a session begins a script with, as far as a transaction lets it.
pub const AFRESH: &[&str] = &["RESET SESSION AUTHORIZATION", RESET, "DISCARD TEMP"];

/// What a COMMIT would check is checked.
const CHECKED: &[&str] = &["SET CONSTRAINTS ALL IMMEDIATE"];

/// The same; then each constraint is deferred again as a new transaction would have it.
const SETTLED: &[&str] = &[
    "SET CONSTRAINTS ALL IMMEDIATE",
    "DO LANGUAGE plpgsql $stairway$ \
    DECLARE deferred text := (SELECT pg_catalog.string_agg(\
        DISTINCT pg_catalog.format('%I.%I', n.nspname, k.conname), ', ') \
      FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace \
      WHERE k.condeferred); \
    BEGIN IF deferred IS NOT NULL THEN \
      EXECUTE 'SET CONSTRAINTS ' || deferred || ' DEFERRED'; \
    END IF; END $stairway$",
];

/// What checks as a COMMIT does; `may_defer` says that a script may have deferred something.
pub fn settle(model: &Model, may_defer: bool) -> &'static [&'static str] {
    let defers = |table: &Table| {
        table.foreign_keys.iter().any(|key| key.is_deferrable)
            || table.uniques.iter().any(|unique| unique.is_deferrable)
    };
    if may_defer || model.tables.iter().any(defers) { SETTLED } else { CHECKED }
}

/// A table as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Now {
    /// Its object id.
    pub oid: u32,
    /// Its name.
    pub name: Name,
    /// Its live columns, with their numbers.
    pub columns: Vec<(String, i16)>,
}

/// The tables that a transaction has to do with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Those that are there.
    pub tables: Vec<Now>,
    /// Locked relations that are not.
    pub gone: Vec<u32>,
}

/// Where a sequence stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Qualified and quoted.
    pub sequence: String,
    /// `last_value`.
    pub last: String,
    /// `is_called`.
    pub is_called: bool,
    /// `START`.
    pub start: i64,
    /// `INCREMENT`.
    pub increment: i64,
}

/// Gives rows in one session.
#[derive(Debug)]
pub struct Loader {
    wire: Wire,
    builtin: Builtin,
    shelf: Shelf,
    is_prepared: bool,
    /// What the server said of types that nobody knows.
    told: Told,
    /// A table that is nobody's to fill or to look at.
    apart: Option<Name>,
}

impl Loader {
    /// Takes a session of its own.
    pub fn new(session: Session) -> Self {
        Self {
            wire: Wire::new(session),
            builtin: Builtin::default(),
            shelf: Shelf::default(),
            is_prepared: false,
            told: Told::new(),
            apart: None,
        }
    }

    /// Leaves a table out of everything: the one in which a tool records what it applied.
    pub fn leave_out(&mut self, table: Name) {
        self.apart = Some(table);
    }

    /// Whether it is left out.
    pub fn is_left_out(&self, table: &Name) -> bool {
        self.apart.as_ref() == Some(table)
    }

    /// The session; what was still to be sent is sent.
    pub async fn session(&mut self) -> Result<&mut Session, DataError> {
        self.wire.session().await
    }

    /// Gives the session back, which must have nothing open.
    pub fn into_session(self) -> Session {
        self.wire.into_session()
    }

    /// Sends a batch.
    pub async fn send(&mut self, batch: &Batch) -> Result<Answers, DataError> {
        self.wire.send(batch).await
    }

    /// Sends a batch and gives the answers of the statements before an error as well.
    pub async fn send_so_far(&mut self, batch: &Batch) -> (Answers, Result<(), DataError>) {
        self.wire.send_so_far(batch).await
    }

    /// Begins the transaction, and gives the tables that are wanted and the newest object id.
    pub async fn begin(&mut self, wanted: &Wanted) -> Result<(Model, u32), DataError> {
        let mut batch = Batch::default();
        if !std::mem::replace(&mut self.is_prepared, true) {
            batch.say_all(&[
                &catalog::prepare_tables(),
                &catalog::prepare_types(),
                concat!("PREPARE stairway_state(oid[]) AS ", include_str!("state.sql")),
                concat!("PREPARE stairway_sequences(oid[]) AS ", include_str!("sequences.sql")),
                // One statement is cheaper than one for each setting.
                &format!("PREPARE stairway_pin AS {}", set_local(PINS)),
                &format!("PREPARE stairway_look_up AS {}", set_local(PLANS)),
            ]);
        }
        batch.say("BEGIN");
        batch.say(PIN);
        batch.say(LOOK_UP);
        let newest = batch.say("SELECT oid FROM pg_catalog.pg_class ORDER BY oid DESC LIMIT 1");
        let tables = batch.say(&catalog::ask_tables(wanted));
        let mut answers = self.send(&batch).await?;
        let newest = answers.take(newest).pop().and_then(|row| row.into_iter().next().flatten());
        let model = self.model_of(answers.take(tables)).await?;
        Ok((model, newest.and_then(|oid| oid.parse().ok()).unwrap_or(u32::MAX)))
    }

    async fn model_of(&mut self, tables: ResultSet) -> Result<Model, DataError> {
        self.shelf.forget_own();
        let mut model = catalog::read(&mut self.wire, &mut self.builtin, tables).await?;
        model.tables.retain(|table| !self.is_left_out(&table.name));
        tell(&mut self.wire, &mut self.told, &mut model).await?;
        Ok(model)
    }

    /// Begins a transaction, when the next thing is asked.
    pub fn open(&mut self) {
        self.wire.later("BEGIN");
    }

    /// Makes the transaction ready for rows, when the next thing is asked.
    pub fn ready(&mut self) {
        // A row that refers to nothing is turned away at once, whatever its key says.
        for statement in [RESET, "SET CONSTRAINTS ALL IMMEDIATE"] {
            self.wire.later(statement);
        }
    }

    /// Gives rows to the tables of `model` beside those that they hold; `script` is what is about to
    /// run.
    pub async fn fill(
        &mut self,
        model: &Model,
        before: &Rows,
        script: &str,
        recipe: Recipe,
    ) -> Result<Filled, DataError> {
        self.ready();
        let Self { wire, shelf, .. } = self;
        let filled = Fill::new(wire, shelf, model, recipe, before, script).run().await?;
        for statement in settle(model, false) {
            self.wire.later(statement);
        }
        Ok(filled)
    }

    /// Where the sequences of `model`'s columns stand, and the rows of tables; of those with many a
    /// few. To be asked between [`Loader::begin`] and [`Loader::fill`].
    pub async fn look(
        &mut self,
        model: &Model,
        tables: &[ToRead],
    ) -> Result<(Vec<Position>, Rows), DataError> {
        let mut batch = Batch::default();
        let positions = batch.say(&positions(model));
        let rows = ask_rows(&mut batch, &sampled(tables));
        let mut answers = self.send(&batch).await?;
        let positions = match sequences(&model.tables).next() {
            Some(_) => answers.take(positions).into_iter().filter_map(position).collect(),
            None => Vec::new(),
        };
        let mut rows = rows.read(&mut answers);
        self.measure(model, &mut rows).await?;
        Ok((positions, rows))
    }

    /// The tables `oids` as they are in the open transaction.
    pub async fn model(&mut self, oids: impl IntoIterator<Item = u32>) -> Result<Model, DataError> {
        let wanted = Wanted { oids: oids.into_iter().collect(), ..Wanted::default() };
        let mut batch = Batch::default();
        batch.say(PIN);
        batch.say(LOOK_UP);
        let tables = batch.say(&catalog::ask_tables(&wanted));
        let tables = self.send(&batch).await?.take(tables);
        let model = self.model_of(tables).await?;
        self.wire.later(RESET);
        Ok(model)
    }

    /// Which of these object ids are tables.
    pub async fn tables_among(&mut self, oids: &[u32]) -> Result<Vec<u32>, DataError> {
        let oids: Vec<String> = oids.iter().map(u32::to_string).collect();
        let apart = self.apart.as_ref().map_or_else(String::new, Name::sql);
        let mut batch = Batch::default();
        let asked = batch.say(&format!(
            "SELECT oid FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p') AND oid IN ({}) \
             AND oid IS DISTINCT FROM pg_catalog.to_regclass({})",
            oids.join(", "),
            quote_literal(&apart)
        ));
        let found = self.send(&batch).await?.take(asked).into_iter().flatten().flatten();
        Ok(found.filter_map(|oid| oid.parse().ok()).collect())
    }

    /// The sequences that columns of the tables `oids` draw from, and where they stand.
    pub async fn drawn(&mut self, oids: &[u32]) -> Result<Vec<Drawn>, DataError> {
        let list = oids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let mut batch = Batch::default();
        let asked = batch.say(&format!("EXECUTE stairway_sequences('{{{list}}}')"));
        let found = self.send(&batch).await?.take(asked);
        let mut drawn: Vec<Drawn> = found.into_iter().filter_map(drawn).collect();
        let mut batch = Batch::default();
        let stands = |it: &Drawn| {
            let (column, table) = (quote_ident(&it.column), it.table.sql());
            format!(
                "SELECT last_value, is_called, (SELECT max({column}) FROM ONLY {table}) FROM {}",
                it.sequence
            )
        };
        let asked: Vec<Asked> = drawn.iter().map(|it| batch.say(&stands(it))).collect();
        let mut answers = self.send(&batch).await?;
        for (it, asked) in drawn.iter_mut().zip(asked) {
            let mut cells = answers.take(asked).into_iter().flatten();
            let mut number = || cells.next().flatten();
            it.last = number().and_then(|text| text.parse().ok()).unwrap_or_default();
            it.is_called = number().is_some_and(|flag| flag == "t");
            it.top = number().and_then(|text| text.parse().ok());
        }
        Ok(drawn)
    }

    /// Gives exactly these rows, as they are, when the next thing is asked: no trigger looks at them.
    /// Sequences are brought to `tops`.
    pub fn put(&mut self, model: &Model, rows: &Rows, tops: &Tops) {
        let mut inserts = Vec::new();
        let mut as_they_are = false;
        for unit in levels(&model.tables).into_iter().flatten() {
            let mut given = 0;
            for table in unit.iter().filter_map(|at| model.tables.get(*at)) {
                let Some(held) = rows.0.get(&table.name) else { continue };
                let mut added = insert(table, held, held.rows.iter());
                given += usize::from(!added.is_empty());
                let may_have_orphans = table.foreign_keys.iter().any(|key| !key.is_validated);
                as_they_are |= !added.is_empty() && (table.has_insert_trigger || may_have_orphans);
                inserts.append(&mut added);
            }
            // Rows that refer to each other have no order.
            as_they_are |= given > 1;
        }
        inserts.push(moved(tops));
        // Only then: the server forgets all that it has planned in this session.
        if as_they_are {
            self.wire.later("SET LOCAL session_replication_role TO replica");
            inserts.push(RESET.to_owned());
        }
        for statement in
            inserts.iter().map(String::as_str).chain(settle(model, false).iter().copied())
        {
            self.wire.later(statement);
        }
    }

    /// Has a statement sent with the next message.
    pub fn later(&mut self, statement: &str) {
        self.wire.later(statement);
    }

    /// Has values printed as the database says again.
    pub fn unpin(&mut self) {
        self.wire.later(RESET);
    }

    /// Ends the transaction as if nothing had been, and puts sequences back, which no transaction
    /// does; all that when the next thing is asked.
    pub fn end(&mut self, positions: &[Position]) {
        self.wire.later("ROLLBACK");
        self.put_back(positions);
    }

    /// Brings sequences from `positions` to where rows with these tops bring them.
    pub fn align(&mut self, positions: &[Position], tops: &Tops) {
        self.wire.later(&settled(positions, tops));
    }

    /// Puts sequences back, when the next thing is asked.
    pub fn put_back(&mut self, positions: &[Position]) {
        self.wire.later(&put_back(positions));
    }

    /// Brings sequences, which stood at `positions` once, to where rows with these tops bring them.
    pub fn stand(&mut self, positions: &[Position], tops: &Tops) {
        self.put_back(positions);
        self.align(positions, tops);
    }

    /// Ends what is open after an error that nobody expected, and begins the session anew.
    pub fn recover(&mut self) {
        for statement in ["ROLLBACK", "DEALLOCATE ALL"] {
            self.wire.later(statement);
        }
        self.is_prepared = false;
    }

    /// Ends what is open, puts sequences back and waits until that is done.
    pub async fn restore(&mut self, positions: &[Position]) -> Result<(), DataError> {
        self.put_back(positions);
        self.wire.session().await.map(|_| ())
    }
}

/// Settles how values are printed, for what is asked next.
pub fn pin(batch: &mut Batch) {
    batch.say(PIN);
}

/// A statement that does the same without a [`Loader`], up to the end of the transaction.
pub fn pins() -> String {
    set_local(PINS)
}

/// Asks what the transaction has to do with, and about the tables `oids` besides.
pub fn ask_state(batch: &mut Batch, oids: &[u32]) -> Asked {
    let oids = oids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    batch.say(&format!("EXECUTE stairway_state('{{{oids}}}')"))
}

/// Asks when the open transaction began and what time it is, in UTC; how values are printed must be
/// settled.
pub fn ask_clock(batch: &mut Batch) -> Asked {
    batch.say(
        "SELECT now() AT TIME ZONE 'UTC', clock_timestamp() AT TIME ZONE 'UTC', \
         now()::timestamp, clock_timestamp()::timestamp, \
         (extract(epoch FROM now()) * 1000000)::bigint, \
         (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
    )
}

impl Clock {
    /// From the answer.
    pub fn from_rows(mut rows: ResultSet) -> Self {
        let mut cells = rows.pop().unwrap_or_default().into_iter().map(Option::unwrap_or_default);
        let mut next = || cells.next().unwrap_or_default();
        let (utc, local) = ((next(), next()), (next(), next()));
        let mut number = || next().parse().unwrap_or_default();
        Self { utc, local, since_1970: (number(), number()) }
    }
}

impl State {
    /// From the answer.
    pub fn from_rows(rows: ResultSet) -> Result<Self, DataError> {
        let mut state = Self::default();
        for row in rows {
            let mut cells = row.into_iter();
            let oid = cells.next().flatten().and_then(|oid| oid.parse().ok()).unwrap_or_default();
            let schema = cells.next().flatten();
            let name = cells.next().flatten();
            let kind = cells.next().flatten();
            let columns = cells.next().flatten().unwrap_or_else(|| "[]".to_owned());
            match (schema, name, kind.as_deref()) {
                (Some(schema), Some(name), Some("r")) => state.tables.push(Now {
                    oid,
                    name: Name::new(schema, name),
                    columns: serde_json::from_str(&columns)
                        .map_err(|error| DataError::Shape(error.to_string()))?,
                }),
                (Some(_), ..) => {}
                _ => state.gone.push(oid),
            }
        }
        Ok(state)
    }
}

/// The statement that gives settings these values up to the end of the transaction.
pub(super) fn set_local(settings: &[(&str, &str)]) -> String {
    let set = |(name, value): &(&str, &str)| {
        format!("pg_catalog.set_config('{name}', {}, true)", quote_literal(value))
    };
    format!("SELECT {}", settings.iter().map(set).collect::<Vec<_>>().join(", "))
}

/// The statement that asks where sequences stand; empty for none.
fn positions(model: &Model) -> String {
    let names: BTreeSet<&str> = sequences(&model.tables).map(|(_, _, sequence)| sequence).collect();
    let parts: Vec<String> = names
        .iter()
        .map(|name| {
            let literal = quote_literal(name);
            format!(
                "SELECT {literal}, s.last_value, s.is_called, q.start_value, q.increment \
                 FROM {name} s, pg_catalog.pg_sequence_parameters({literal}::pg_catalog.regclass) q"
            )
        })
        .collect();
    parts.join(" UNION ALL ")
}

fn position(row: Vec<Cell>) -> Option<Position> {
    let mut cells = row.into_iter().flatten();
    let (sequence, last) = (cells.next()?, cells.next()?);
    let is_called = cells.next()? == "t";
    let mut number = || cells.next()?.parse().ok();
    Some(Position { sequence, last, is_called, start: number()?, increment: number()? })
}

/// The tables that hold rows, by place, those first that others refer to.
pub fn in_order(model: &Model) -> Vec<usize> {
    levels(&model.tables).into_iter().flatten().flatten().collect()
}
