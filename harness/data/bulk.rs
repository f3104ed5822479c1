//! Many rows of one table, put in by COPY.
//!
//! Knows for which tables COPY does what INSERT does, and what to read back of rows that no RETURNING
//! tells of. Must not know how rows are composed, nor what becomes of those that COPY refuses.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::DataError;
use super::compose::{Planned, part, places};
use super::fill::Fill;
use super::model::{Column, Table, TableKind, TypeKind, Types};
use super::order::holders;
use super::rows::Cell;
use crate::postgres::{Batch, PostgresError, copy_from, copy_line, quote_ident};

/// From so many rows on; below, INSERT is as fast, and tells by itself what it has put in.
const MANY: usize = 64;

/// What must be read back of rows that COPY has put in, by place.
#[derive(Debug, Default)]
struct Back {
    /// A key whose values the server gives back as they were sent.
    key: Vec<usize>,
    columns: Vec<usize>,
}

impl Fill<'_> {
    /// Whether COPY is worth trying.
    pub(super) fn is_for_copy(&self, at: usize, planned: &Planned) -> bool {
        let is_many = planned.rows.len().min(self.recipe.enough) >= MANY;
        // What it puts in is read back, with all rows that are there.
        let is_small = !self.large.contains_key(&at);
        is_many
            && is_small
            && !planned.columns.is_empty()
            && self.model.tables.get(at).is_some_and(is_plain)
    }

    /// Puts the rows of one table in by COPY; `false` if they must be inserted.
    pub(super) async fn copied(&mut self, at: usize, planned: &Planned) -> Result<bool, DataError> {
        let Some(table) = self.model.tables.get(at) else { return Ok(false) };
        let sent = planned.rows.get(..self.recipe.enough).unwrap_or(&planned.rows);
        let Some(back) = self.back(at, table, &planned.columns, sent) else { return Ok(false) };
        let mut rows: Vec<&Vec<Cell>> = sent.iter().collect();
        let mut result = self.copy(table, &planned.columns, &rows).await?;
        if result == Err("23505".to_owned()) {
            // ON CONFLICT DO NOTHING would have left these out.
            let count = rows.len();
            let held = self.held.get(&at).map(Vec::as_slice).unwrap_or_default();
            rows = unlike(table, held, rows);
            if (1..count).contains(&rows.len()) {
                result = self.copy(table, &planned.columns, &rows).await?;
            }
        }
        if result.is_err() {
            return Ok(false);
        }
        let mut rows: Vec<Vec<Cell>> = rows.into_iter().cloned().collect();
        self.read_back(table, &back, &mut rows).await?;
        self.filled.copied += rows.len();
        self.took(at, rows, sent.len(), None);
        Ok(true)
    }

    /// Copies into a table, or leaves it as it was and gives the SQLSTATE of the refusal.
    async fn copy(
        &mut self,
        table: &Table,
        columns: &[usize],
        rows: &[&Vec<Cell>],
    ) -> Result<Result<(), String>, DataError> {
        let names = columns.iter().filter_map(|place| table.columns.get(*place));
        let statement = copy_from(&table.name.sql(), names.map(|column| column.name.as_str()));
        let mut lines = String::new();
        for row in rows {
            let cells = columns.iter().map(|place| row.get(*place).and_then(Option::as_deref));
            copy_line(&mut lines, cells);
        }
        self.wire.later("SAVEPOINT stairway_copy");
        match self.wire.session().await?.copy_in(&statement, &lines).await {
            Ok(_) => {
                self.wire.later("RELEASE stairway_copy");
                Ok(Ok(()))
            }
            Err(PostgresError::Sql(failure)) => {
                self.wire.later("ROLLBACK TO stairway_copy");
                Ok(Err(failure.sqlstate))
            }
            Err(other) => Err(other.into()),
        }
    }

    /// What must be read back; `None` if there is no telling which row is which.
    fn back(&self, at: usize, table: &Table, given: &[usize], rows: &[Vec<Cell>]) -> Option<Back> {
        let types = &self.model.types;
        let stays = |place: usize| {
            let column = table.columns.get(place);
            column.is_some_and(|column| {
                let cells = rows.iter().filter_map(|row| row.get(place));
                given.contains(&place)
                    && cells.flatten().all(|text| is_verbatim(types, column, text))
            })
        };
        let referred = self.referred(at, table);
        let is_needed = |(place, column): &(usize, &Column)| {
            let is_given = given.contains(place);
            let is_made = column.is_generated || column.default.is_some();
            (!is_given && (is_made || column.identity.is_some()))
                || (referred.contains(place) && !stays(*place))
        };
        let needed = table.columns.iter().enumerate().filter(is_needed);
        let columns: Vec<usize> = needed.map(|(place, _)| place).collect();
        if columns.is_empty() {
            return Some(Back::default());
        }
        let keys = table.uniques.iter().filter(|it| it.predicate.is_none() && !it.has_expression);
        let is_whole = |place: &usize| {
            rows.iter().all(|row| row.get(*place).is_some_and(Option::is_some)) && stays(*place)
        };
        let mut keys = keys.map(|key| places(table, &key.columns));
        let key = keys.find(|key| !key.is_empty() && key.iter().all(is_whole))?;
        Some(Back { key, columns })
    }

    /// The columns that foreign keys refer to, by place.
    fn referred(&self, at: usize, table: &Table) -> BTreeSet<usize> {
        let tables = &self.model.tables;
        let keys = tables.iter().flat_map(|table| &table.foreign_keys);
        let keys = keys.filter(|key| holders(tables, key.parent).contains(&at));
        keys.flat_map(|key| places(table, &key.parent_columns)).collect()
    }

    /// Brings rows to what the server has made of them.
    async fn read_back(
        &mut self,
        table: &Table,
        back: &Back,
        rows: &mut [Vec<Cell>],
    ) -> Result<(), DataError> {
        if back.columns.is_empty() {
            return Ok(());
        }
        let asked = back.key.iter().chain(&back.columns);
        let names = asked.filter_map(|place| table.columns.get(*place));
        let names: Vec<String> = names.map(|column| quote_ident(&column.name)).collect();
        let mut batch = Batch::default();
        let asked =
            batch.say(&format!("SELECT {} FROM ONLY {}", names.join(", "), table.name.sql()));
        let found = self.wire.send(&batch).await?.take(asked).into_iter();
        let found: HashMap<Vec<Cell>, Vec<Cell>> = found
            .map(|mut key| {
                let cells = key.split_off(back.key.len().min(key.len()));
                (key, cells)
            })
            .collect();
        for row in rows {
            let cells = found.get(&part(row, &back.key)).into_iter().flatten();
            for (place, cell) in back.columns.iter().zip(cells) {
                if let Some(slot) = row.get_mut(*place) {
                    slot.clone_from(cell);
                }
            }
        }
        Ok(())
    }
}

/// Whether COPY does there what INSERT does.
fn is_plain(table: &Table) -> bool {
    table.kind == TableKind::Plain && !table.has_insert_trigger && !table.has_insert_rule
}

/// Whether the server gives this text back as it is.
fn is_verbatim(types: &Types, column: &Column, text: &str) -> bool {
    if types.base(column.type_oid).is_some_and(|it| matches!(it.kind, TypeKind::Enum(_))) {
        return true;
    }
    match types.base_name(column.type_oid) {
        Some("int2" | "int4" | "int8") => {
            text.parse::<i64>().is_ok_and(|number| number.to_string() == text)
        }
        // Spaces at the end may be more than fit.
        Some("text" | "varchar") => !text.ends_with(' '),
        Some("uuid") => text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => at < 36 && matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        }),
        _ => false,
    }
}

/// The rows without those that have a key of another one before them, or of one that is held.
fn unlike<'r>(table: &Table, held: &[Vec<Cell>], rows: Vec<&'r Vec<Cell>>) -> Vec<&'r Vec<Cell>> {
    let uniques = table.uniques.iter().filter(|it| it.predicate.is_none() && !it.has_expression);
    let keys: Vec<(Vec<usize>, bool)> =
        uniques.map(|it| (places(table, &it.columns), it.nulls_not_distinct)).collect();
    let mut seen: HashSet<(usize, Vec<Cell>)> = HashSet::new();
    let own = |row: &Vec<Cell>| -> Vec<(usize, Vec<Cell>)> {
        let keys = keys.iter().enumerate();
        let keys = keys.map(|(nth, (places, nulls))| (nth, part(row, places), *nulls));
        let whole = keys.filter(|(_, key, nulls)| *nulls || !key.contains(&None));
        whole.map(|(nth, key, _)| (nth, key)).collect()
    };
    seen.extend(held.iter().flat_map(&own));
    let is_new = |row: &&Vec<Cell>| {
        let own = own(row);
        let is_new = !own.iter().any(|key| seen.contains(key));
        if is_new {
            seen.extend(own);
        }
        is_new
    };
    rows.into_iter().filter(is_new).collect()
}
