//! Rows given through the triggers of their tables, as an application would have put them.
//!
//! Knows how they are sent, and which tables triggers write to. Must not know why that matters.

use super::catalog::Model;
use super::insert::{LEAVE_OUT, insert, may_leave_out};
use super::load::{Loader, settle};
use super::model::Table;
use super::order::{levels, written};
use super::rows::Rows;
use super::sequences::{Tops, moved};

/// Whether triggers fire when rows are given to these tables.
pub fn fires_triggers(model: &Model) -> bool {
    model.tables.iter().any(|table| table.has_insert_trigger)
}

/// The rows without those of tables that triggers of other tables insert into.
pub fn without_written(model: &Model, rows: &Rows) -> Rows {
    let mut left = rows.clone();
    let written = written(&model.tables).into_iter().flatten();
    for table in written.filter_map(|at| model.tables.get(at)) {
        left.0.remove(&table.name);
    }
    left
}

impl Loader {
    /// Gives rows as [`Loader::put`] does, but triggers fire; what these have put there already is
    /// left as it is. Sequences are brought to `tops` first, so that triggers draw what is free.
    pub fn put_through(&mut self, model: &Model, rows: &Rows, tops: &Tops) {
        self.later(&moved(tops));
        for unit in levels(&model.tables).into_iter().flatten() {
            let tables = unit.iter().filter_map(|at| model.tables.get(*at));
            let inserts: Vec<String> = tables.flat_map(|table| insert_new(table, rows)).collect();
            match inserts.as_slice() {
                // Rows that refer to each other have no order: foreign keys are checked at the end.
                [_, _, ..] if unit.len() > 1 => self.later(&together(&inserts)),
                inserts => inserts.iter().for_each(|insert| self.later(insert)),
            }
        }
        for statement in settle(model, false) {
            self.later(statement);
        }
    }
}

fn insert_new(table: &Table, rows: &Rows) -> Vec<String> {
    let Some(held) = rows.0.get(&table.name) else { return Vec::new() };
    let end = if may_leave_out(table) { LEAVE_OUT } else { "" };
    let inserts = insert(table, held, held.rows.iter()).into_iter();
    inserts.map(|insert| format!("{insert}{end}")).collect()
}

fn together(inserts: &[String]) -> String {
    let parts = inserts.iter().enumerate();
    let parts: Vec<String> =
        parts.map(|(nth, insert)| format!("s{nth} AS ({insert} RETURNING 1)")).collect();
    format!("WITH {} SELECT 1", parts.join(", "))
}
