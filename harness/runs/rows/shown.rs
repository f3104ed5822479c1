//! The rows of a counterexample as statements.
//!
//! Knows which of their values may be those of rows that others gave: where there is a backup, these
//! are not written out.

use std::collections::BTreeMap;

use super::Stage;
use crate::data::{
    Cell, ForeignKey, Instead, Name, Rows, Table, TableRows, Unfilled, holders, in_order,
    insert_readably, insert_written, without,
};
use crate::finding::Row;
use crate::postgres::ident;

/// Values that are shorter tell nothing of a row; in characters.
const TELLING: usize = 4;

/// The rows as statements, those that others refer to first.
pub(super) fn inserts(stage: &Stage, rows: &Rows, has_backup: bool) -> Vec<Row> {
    let mut shown = Vec::new();
    let mut keys = Keys::default();
    for at in in_order(&stage.model) {
        let Some(table) = stage.model.tables.get(at) else { continue };
        let Some(held) = rows.0.get(&table.name) else { continue };
        for row in &held.rows {
            let mut instead = Instead::new();
            if has_backup {
                instead.extend(copied(stage, table, held, row));
                instead.extend(keys.referring(stage, rows, table, held, row));
            }
            let insert = insert_readably(table, held, row, &instead);
            shown.push(Row { table: table.name.sql(), insert });
        }
    }
    shown
}

/// A row that is refused after the upgrade, last, and those that were there before which it refers to.
pub(super) fn refused(stage: &Stage, refused: &Unfilled) -> Vec<Row> {
    if refused.row.is_empty() {
        return Vec::new();
    }
    let (columns, row): (Vec<String>, Vec<Cell>) = refused.row.iter().cloned().unzip();
    let held = TableRows { columns, rows: vec![row], ..TableRows::default() };
    let mut parents = Rows::default();
    if let Some(table) = stage.model.tables.iter().find(|it| it.name == refused.table) {
        for row in &held.rows {
            add_parents(stage, table, &held, row, &mut parents);
        }
    }
    let mut shown = inserts(stage, &without(&parents, &stage.seeds), false);
    let insert = insert_written(&refused.table, &held);
    shown.extend(insert.map(|insert| Row { table: refused.table.sql(), insert }));
    shown
}

/// The rows of before that a row refers to, and those that they refer to.
fn add_parents(stage: &Stage, table: &Table, held: &TableRows, row: &[Cell], found: &mut Rows) {
    let tables = &stage.model.tables;
    for key in &table.foreign_keys {
        let own = values(held, row, &key.columns);
        for parent in holders(tables, key.parent).into_iter().filter_map(|at| tables.get(at)) {
            let Some(there) = stage.before.0.get(&parent.name) else { continue };
            let is_it = |row: &&Vec<Cell>| values(there, row, &key.parent_columns) == own;
            let Some(row) = there.rows.iter().find(is_it) else { continue };
            let bare = || TableRows { rows: Vec::new(), rest: None, ..there.clone() };
            let known = found.0.entry(parent.name.clone()).or_insert_with(bare);
            if !known.rows.contains(row) {
                known.rows.push(row.clone());
                add_parents(stage, parent, there, row, found);
            }
        }
    }
}

/// Keys of rows that were there, numbered by parent: each has its own row.
#[derive(Default)]
struct Keys(BTreeMap<(Name, Vec<String>), Vec<Vec<Cell>>>);

impl Keys {
    /// What refers to rows that were there: any of these does as well.
    fn referring(
        &mut self,
        stage: &Stage,
        rows: &Rows,
        table: &Table,
        held: &TableRows,
        row: &[Cell],
    ) -> Instead {
        let mut instead = Instead::new();
        for key in &table.foreign_keys {
            let own = values(held, row, &key.columns);
            let tables = &stage.model.tables;
            let parent = tables.iter().find(|parent| parent.oid == key.parent);
            let Some(parent) = parent.filter(|_| own.iter().any(Option::is_some)) else { continue };
            if is_given(stage, rows, key, &own) {
                continue;
            }
            let known =
                self.0.entry((parent.name.clone(), key.parent_columns.clone())).or_default();
            let nth = known.iter().position(|other| *other == own).unwrap_or_else(|| {
                known.push(own.clone());
                known.len() - 1
            });
            let names: Vec<String> = key.parent_columns.iter().map(|name| ident(name)).collect();
            let (table, order) = (parent.name.sql(), names.join(", "));
            for ((column, name), cell) in key.columns.iter().zip(&names).zip(&own) {
                let any =
                    format!("(SELECT {name} FROM {table} ORDER BY {order} LIMIT 1 OFFSET {nth})");
                // NULL refers to nothing.
                if cell.is_some() {
                    instead.insert(column.clone(), Some(any));
                }
            }
        }
        instead
    }
}

/// Whether the row that is referred to is one of these.
fn is_given(stage: &Stage, rows: &Rows, key: &ForeignKey, own: &[Cell]) -> bool {
    let tables = &stage.model.tables;
    let given = holders(tables, key.parent).into_iter().filter_map(|at| {
        let held = rows.0.get(&tables.get(at)?.name)?;
        Some(held.rows.iter().map(move |row| values(held, row, &key.parent_columns)))
    });
    given.flatten().any(|other| other == own)
}

/// What a trigger may have copied from rows that were there: it is left to the trigger.
fn copied(stage: &Stage, table: &Table, held: &TableRows, row: &[Cell]) -> Instead {
    if !table.has_insert_trigger {
        return Instead::new();
    }
    let is_seed = |value: &String| {
        let seeds = stage.seeds.0.values().flat_map(|held| &held.rows).flatten();
        value.chars().count() >= TELLING && seeds.flatten().any(|seed| seed.contains(value))
    };
    let copied =
        held.columns.iter().zip(row).filter(|(_, cell)| cell.as_ref().is_some_and(is_seed));
    copied.map(|(column, _)| (column.clone(), None)).collect()
}

fn values(held: &TableRows, row: &[Cell], columns: &[String]) -> Vec<Cell> {
    let place = |name: &String| held.columns.iter().position(|it| it == name);
    columns.iter().map(|name| row.get(place(name)?).cloned().flatten()).collect()
}
