//! A session in which rows are given to tables, read, and taken back: all in one transaction.
//!
//! Knows what is sent when. Must not know which scripts run between.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::DataError;
use super::catalog::{self, Builtin, Model, Wanted};
use super::fill::{Fill, Filled, literal};
use super::model::{Table, TableKind};
use super::order::levels;
use super::pool::{Recipe, Shelf};
use super::rows::{Cell, Name, Rows, TableRows};
use super::seen::{Clock, Drawn, drawn};
use super::sequences::{Tops, moved, put_back, sequences, settled, tops};
use super::told::{Answers, tell};
use crate::postgres::{Session, ident, quote_ident, quote_literal};

/// How values are printed, whatever the database or a script says.
const PINS: &str = "SET LOCAL search_path TO ''; SET LOCAL datestyle TO 'ISO, YMD'; \
    SET LOCAL intervalstyle TO 'postgres'; SET LOCAL timezone TO 'UTC'; \
    SET LOCAL bytea_output TO 'hex'; SET LOCAL extra_float_digits TO 1; \
    SET LOCAL plan_cache_mode TO 'force_generic_plan'";
/// How many statements those are.
const PINNED: usize = 7;

/// How the catalog is planned for: a few rows by index, as large as it may have become since.
const LOOK_UP: &str = "SET LOCAL enable_seqscan TO off; SET LOCAL enable_hashjoin TO off; \
    SET LOCAL enable_mergejoin TO off; SET LOCAL jit TO off";

/// What a session begins a script with, as far as a transaction lets it.
pub const AFRESH: &str = "RESET SESSION AUTHORIZATION; RESET ALL";

/// What a COMMIT would check is checked; then each constraint is deferred again as a new transaction
/// would have it.
const SETTLED: &str = "SET CONSTRAINTS ALL IMMEDIATE; DO LANGUAGE plpgsql $stairway$ \
    DECLARE deferred text := (SELECT pg_catalog.string_agg(\
        DISTINCT pg_catalog.format('%I.%I', n.nspname, k.conname), ', ') \
      FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace \
      WHERE k.condeferred); \
    BEGIN IF deferred IS NOT NULL THEN \
      EXECUTE 'SET CONSTRAINTS ' || deferred || ' DEFERRED'; \
    END IF; END $stairway$";

/// The same where no constraint is deferred.
const CHECKED: &str = "SET CONSTRAINTS ALL IMMEDIATE";

/// What checks as a COMMIT does; `may_defer` says that a script may have deferred something.
pub fn settle(model: &Model, may_defer: bool) -> &'static str {
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
    session: Session,
    builtin: Builtin,
    shelf: Shelf,
    is_prepared: bool,
    /// What the server said of types that nobody knows.
    told: Answers,
    /// Where sequences stood when that was asked, until rows are given.
    standing: Vec<Position>,
}

impl Loader {
    /// Takes a session of its own.
    pub fn new(session: Session) -> Self {
        Self {
            session,
            builtin: Builtin::default(),
            shelf: Shelf::default(),
            is_prepared: false,
            told: Answers::new(),
            standing: Vec::new(),
        }
    }

    /// The session.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Gives the session back.
    pub fn into_session(self) -> Session {
        self.session
    }

    /// Begins the transaction, and gives the tables that are wanted and the newest object id.
    pub async fn begin(&mut self, wanted: &Wanted) -> Result<(Model, u32), DataError> {
        let mut first = String::new();
        if !std::mem::replace(&mut self.is_prepared, true) {
            first = catalog::prepare();
            let _ = write!(
                first,
                ";PREPARE stairway_state(oid[]) AS {};PREPARE stairway_sequences(oid[]) AS {};",
                include_str!("state.sql"),
                include_str!("sequences.sql"),
            );
        }
        let newest = "SELECT max(oid::bigint) FROM pg_catalog.pg_class";
        let begin = format!("{first}{AFRESH};BEGIN;{PINS};{LOOK_UP};{newest}");
        let newest = self.session.value(&begin).await?;
        self.shelf.forget_own();
        let mut model = catalog::read(&mut self.session, &mut self.builtin, wanted).await?;
        tell(&mut self.session, &mut self.told, &mut model).await?;
        Ok((model, newest.and_then(|oid| oid.parse().ok()).unwrap_or(u32::MAX)))
    }

    /// Begins a transaction without asking for tables.
    pub async fn open(&mut self) -> Result<(), DataError> {
        Ok(self.session.execute("BEGIN").await?)
    }

    /// The rows of one table for which a predicate is true.
    pub async fn rows_where(
        &mut self,
        (name, columns, key): &(Name, Vec<String>, Vec<usize>),
        predicate: Option<&str>,
    ) -> Result<TableRows, DataError> {
        let names: Vec<String> = columns.iter().map(|name| quote_ident(name)).collect();
        // Settings first: the predicate reads as the author's session reads it.
        let condition = predicate.map(|it| format!(" WHERE ({it})")).unwrap_or_default();
        let view = format!("SELECT {} FROM ONLY {}{condition}", names.join(", "), name.sql());
        let pins = PINS.split("; ").skip(1).collect::<Vec<_>>().join("; ");
        let mut sets = self.session.query(&format!("{pins};{view};RESET ALL")).await?;
        let rows = if sets.len() > 1 { sets.swap_remove(PINNED - 1) } else { Vec::new() };
        Ok(TableRows { columns: columns.clone(), key: key.clone(), rows })
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
        // A row that refers to nothing is turned away at once, whatever its key says.
        let settled = settled(&std::mem::take(&mut self.standing), &tops(model, before));
        let first = format!("RESET ALL;SET CONSTRAINTS ALL IMMEDIATE;{settled}");
        self.session.execute(&first).await?;
        let Self { session, shelf, .. } = self;
        let filled = Fill::new(session, shelf, model, recipe, before, script).run().await?;
        self.session.execute(settle(model, false)).await?;
        Ok(filled)
    }

    /// Where the sequences of `model`'s columns stand.
    pub async fn positions(&mut self, model: &Model) -> Result<Vec<Position>, DataError> {
        let names: BTreeSet<&str> =
            sequences(&model.tables).map(|(_, _, sequence)| sequence).collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
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
        let rows = self.session.rows(&parts.join(" UNION ALL ")).await?;
        let position = |row: Vec<Cell>| {
            let mut cells = row.into_iter().flatten();
            let (sequence, last) = (cells.next()?, cells.next()?);
            let is_called = cells.next()? == "t";
            let mut number = || cells.next()?.parse().ok();
            Some(Position { sequence, last, is_called, start: number()?, increment: number()? })
        };
        let positions: Vec<Position> = rows.into_iter().filter_map(position).collect();
        self.standing.clone_from(&positions);
        Ok(positions)
    }

    /// The rows of these tables; columns that are not there are an error of the caller.
    pub async fn rows(
        &mut self,
        tables: &[(Name, Vec<String>, Vec<usize>)],
    ) -> Result<Rows, DataError> {
        let mut message = PINS.to_owned();
        for (name, columns, _) in tables {
            let names: Vec<String> = columns.iter().map(|name| quote_ident(name)).collect();
            let _ = write!(message, ";SELECT {} FROM ONLY {}", names.join(", "), name.sql());
        }
        message.push_str(";RESET ALL");
        let sets = self.session.query(&message).await?;
        let read =
            tables.iter().zip(sets.into_iter().skip(PINNED)).map(|((name, columns, key), rows)| {
                (name.clone(), TableRows { columns: columns.clone(), key: key.clone(), rows })
            });
        Ok(Rows(read.collect()))
    }

    /// The tables `oids` as they are in the open transaction.
    pub async fn model(&mut self, oids: impl IntoIterator<Item = u32>) -> Result<Model, DataError> {
        let wanted = Wanted { oids: oids.into_iter().collect(), ..Wanted::default() };
        self.session.execute(&format!("{PINS};{LOOK_UP}")).await?;
        self.shelf.forget_own();
        let mut model = catalog::read(&mut self.session, &mut self.builtin, &wanted).await?;
        tell(&mut self.session, &mut self.told, &mut model).await?;
        self.session.execute("RESET ALL").await?;
        Ok(model)
    }

    /// When the open transaction began and what time it is, in UTC.
    pub async fn clock(&mut self) -> Result<Clock, DataError> {
        let ask = "SELECT now() AT TIME ZONE 'UTC', clock_timestamp() AT TIME ZONE 'UTC', \
                   now()::timestamp, clock_timestamp()::timestamp";
        let pins = "SET LOCAL datestyle TO 'ISO, YMD'";
        let row = self.session.rows(&format!("{pins};{ask}")).await?.pop().unwrap_or_default();
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || cells.next().unwrap_or_default();
        Ok(Clock { utc: (next(), next()), local: (next(), next()) })
    }

    /// The sequences that columns of the tables `oids` draw from, and where they stand.
    pub async fn drawn(&mut self, oids: &[u32]) -> Result<Vec<Drawn>, DataError> {
        let list = oids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let ask = format!(
            "SET LOCAL plan_cache_mode TO 'force_generic_plan';{LOOK_UP};\
             EXECUTE stairway_sequences('{{{list}}}')"
        );
        let mut drawn: Vec<Drawn> =
            self.session.rows(&ask).await?.into_iter().filter_map(drawn).collect();
        let positions: Vec<String> = drawn
            .iter()
            .map(|it| {
                let (column, table) = (quote_ident(&it.column), it.table.sql());
                format!(
                    "SELECT last_value, is_called, (SELECT max({column}) FROM ONLY {table}) FROM {}",
                    it.sequence
                )
            })
            .collect();
        let positions = positions.join(";");
        let sets = self.session.query(&format!("RESET ALL;{positions}")).await?;
        for (it, rows) in drawn.iter_mut().zip(sets.into_iter().skip(1)) {
            let mut cells = rows.into_iter().flatten();
            let mut number = || cells.next().flatten();
            it.last = number().and_then(|text| text.parse().ok()).unwrap_or_default();
            it.is_called = number().is_some_and(|flag| flag == "t");
            it.top = number().and_then(|text| text.parse().ok());
        }
        Ok(drawn)
    }

    /// What the transaction has to do with, and the tables `oids` besides.
    pub async fn state(&mut self, oids: &[u32]) -> Result<State, DataError> {
        let oids = oids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let ask = format!(
            "SET LOCAL plan_cache_mode TO 'force_generic_plan';{LOOK_UP};EXECUTE stairway_state('{{{oids}}}');RESET ALL"
        );
        let mut sets = self.session.query(&ask).await?;
        let rows = if sets.len() > 5 { sets.swap_remove(5) } else { Vec::new() };
        let mut state = State::default();
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

    /// Gives exactly these rows, as they are: no trigger and no foreign key looks at them. Sequences
    /// are brought to `tops`.
    pub async fn put(&mut self, model: &Model, rows: &Rows, tops: &Tops) -> Result<(), DataError> {
        let mut message = "SET LOCAL session_replication_role TO replica;".to_owned();
        for (name, held) in &rows.0 {
            let Some(table) = model.tables.iter().find(|table| table.name == *name) else {
                continue;
            };
            message.push_str(&insert(table, held, held.rows.iter()));
        }
        let _ = write!(message, "{}RESET ALL;{}", moved(tops), settle(model, false));
        Ok(self.session.execute(&message).await?)
    }

    /// Ends the transaction as if nothing had been, and puts sequences back, which no transaction
    /// does.
    pub async fn end(&mut self, positions: &[Position]) -> Result<(), DataError> {
        let back = put_back(positions);
        Ok(self.session.execute(&format!("ROLLBACK;{back}{AFRESH}")).await?)
    }

    /// Brings sequences, which stood at `positions` once, to where rows with these tops bring them.
    pub async fn stand(&mut self, positions: &[Position], tops: &Tops) -> Result<(), DataError> {
        let message = format!("{}{}", put_back(positions), settled(positions, tops));
        Ok(self.session.execute(&message).await?)
    }

    /// Puts sequences back.
    pub async fn restore(&mut self, positions: &[Position]) -> Result<(), DataError> {
        Ok(self.session.execute(&put_back(positions)).await?)
    }
}

/// The statement that inserts rows, generated columns left out; nothing for no rows.
pub fn insert<'r>(
    table: &Table,
    held: &TableRows,
    rows: impl Iterator<Item = &'r Vec<Cell>>,
) -> String {
    let given: Vec<usize> = (0..held.columns.len())
        .filter(|at| {
            let name = held.columns.get(*at);
            let column = name.and_then(|name| table.column(name));
            column.is_some_and(|column| !column.is_generated)
        })
        .collect();
    let names: Vec<String> =
        given.iter().filter_map(|at| held.columns.get(*at)).map(|name| quote_ident(name)).collect();
    let mut out = String::new();
    for row in rows {
        if names.is_empty() {
            let _ = write!(out, "INSERT INTO {} DEFAULT VALUES;", table.name.sql());
            continue;
        }
        if out.is_empty() {
            let columns = names.join(", ");
            let _ = write!(
                out,
                "INSERT INTO {} ({columns}) OVERRIDING SYSTEM VALUE VALUES ",
                table.name.sql()
            );
        } else {
            out.push_str(", ");
        }
        let cells: Vec<String> =
            given.iter().map(|at| literal(row.get(*at).and_then(Option::as_deref))).collect();
        let _ = write!(out, "({})", cells.join(", "));
    }
    if !out.is_empty() && !names.is_empty() {
        out.push(';');
    }
    out
}

/// One row as a statement to be read: columns that are NULL and have no default are left out, and
/// so are those that say what the default says.
pub fn insert_readably(table: &Table, held: &TableRows, row: &[Cell]) -> String {
    let mut names = Vec::new();
    let mut values = Vec::new();
    let mut overrides = false;
    for (name, cell) in held.columns.iter().zip(row) {
        let Some(column) = table.column(name).filter(|column| !column.is_generated) else {
            continue;
        };
        if cell.is_none() && column.default.is_none() && column.identity.is_none() {
            continue;
        }
        overrides |= column.identity == Some(super::model::Identity::Always);
        names.push(ident(name));
        values.push(readable(cell.as_deref()));
    }
    let table = table.name.sql();
    if names.is_empty() {
        return format!("INSERT INTO {table} DEFAULT VALUES;");
    }
    let overriding = if overrides { " OVERRIDING SYSTEM VALUE" } else { "" };
    format!(
        "INSERT INTO {table} ({}){overriding} VALUES ({});",
        names.join(", "),
        values.join(", ")
    )
}

/// A literal; numbers stand without quotes.
fn readable(cell: Option<&str>) -> String {
    let is_number = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_plain = digits.len() < 19 && digits.bytes().all(|byte| byte.is_ascii_digit());
        !digits.is_empty() && is_plain && (digits == "0" || !digits.starts_with('0'))
    };
    match cell {
        Some(text) if is_number(text) => text.to_owned(),
        other => literal(other),
    }
}

/// The tables that hold rows, by place, those first that others refer to.
pub fn in_order(model: &Model) -> Vec<usize> {
    levels(&model.tables).into_iter().flatten().flatten().collect()
}

/// What [`Loader::rows`] takes, for the tables of a model.
pub fn all_columns(model: &Model) -> Vec<(Name, Vec<String>, Vec<usize>)> {
    let plain = model.tables.iter().filter(|table| table.kind == TableKind::Plain);
    plain
        .map(|table| {
            let columns: Vec<String> = table.columns.iter().map(|it| it.name.clone()).collect();
            let key = table.key().map(|key| key.columns.as_slice()).unwrap_or_default();
            let place = |name: &String| columns.iter().position(|it| it == name);
            let key = key.iter().filter_map(place).collect();
            (table.name.clone(), columns, key)
        })
        .collect()
}
