//! `order-dependent`: the same rows in another physical order give another result.

use std::collections::BTreeSet;

use crate::data::{Model, Name, Rows, TableRows, compare_table};
use crate::finding::{CheckId, Finding};
use crate::migrations::Migration;

use super::data_loss::{list, written};
use super::{Class, Suspicion};

/// What an upgrade gave three times from the same rows.
#[derive(Clone, Copy, Debug)]
pub struct Orders<'a> {
    /// The migration.
    pub migration: &'a Migration,
    /// From the rows in one order.
    pub first: &'a Rows,
    /// From the same rows in the same order: what differs here is another each time.
    pub again: &'a Rows,
    /// From the same rows in the opposite order.
    pub reversed: &'a Rows,
    /// The tables that hold them.
    pub model: &'a Model,
}

/// The tables whose rows depend on the order.
pub fn order_dependent(orders: &Orders<'_>) -> Vec<Suspicion> {
    let mut found = Vec::new();
    for (name, first) in &orders.first.0 {
        let (Some(again), Some(reversed)) = (orders.again.0.get(name), orders.reversed.0.get(name))
        else {
            continue;
        };
        let left_out = left_out(orders.model, name, first, again);
        let (one, other) = (only(first, &left_out), only(reversed, &left_out));
        let difference = compare_table(&one, &other);
        if difference.is_empty() {
            continue;
        }
        let changed = difference.changed.iter().filter_map(|row| {
            let (from, to) = (one.rows.get(row.before)?, other.rows.get(row.after)?);
            Some(format!("{name}: {} or {}", all(&one, from), all(&other, to)))
        });
        let lost = difference.lost.iter().filter_map(|at| {
            Some(format!("{name}: {} in one order only", all(&one, one.rows.get(*at)?)))
        });
        let added = difference.added.iter().filter_map(|at| {
            Some(format!("{name}: {} in the other order only", all(&other, other.rows.get(*at)?)))
        });
        let lines: Vec<String> = changed.chain(lost).chain(added).collect();
        let count = lines.len();
        let message =
            format!("what the upgrade puts into {name} depends on the physical order of rows");
        let finding = Finding::new(CheckId::OrderDependent, message)
            .in_file(&orders.migration.upgrade.path)
            .about([name.sql()])
            .detail(list(lines.into_iter(), count))
            .help("add to ORDER BY, down to a unique column, what is to decide between equal rows");
        let class = Class::Order(name.clone());
        found.push(Suspicion { class, finding, hint: Vec::new() });
    }
    found
}

fn all(held: &TableRows, row: &[Option<String>]) -> String {
    written(&TableRows { key: Vec::new(), ..held.clone() }, row)
}

/// Columns that differ each time, that sequences fill, or that refer to such a column.
fn left_out(model: &Model, name: &Name, first: &TableRows, again: &TableRows) -> BTreeSet<String> {
    let difference = compare_table(first, again);
    let mut left_out: BTreeSet<String> =
        difference.columns().into_iter().map(str::to_owned).collect();
    let table = |oid: u32| model.tables.iter().find(|table| table.oid == oid);
    let is_drawn = |oid: u32, column: &String| {
        let column = table(oid).and_then(|table| table.column(column));
        column.is_some_and(|column| column.sequence.is_some())
    };
    if let Some(own) = model.tables.iter().find(|table| table.name == *name) {
        let drawn = own.columns.iter().filter(|column| column.sequence.is_some());
        left_out.extend(drawn.map(|column| column.name.clone()));
        for key in &own.foreign_keys {
            let pairs = key.columns.iter().zip(&key.parent_columns);
            let drawn = pairs.filter(|(_, parent)| is_drawn(key.parent, parent));
            left_out.extend(drawn.map(|(column, _)| column.clone()));
        }
    }
    left_out
}

/// The rows without some columns, as they are without a key.
fn only(held: &TableRows, without: &BTreeSet<String>) -> TableRows {
    let kept: Vec<usize> = (0..held.columns.len())
        .filter(|at| held.columns.get(*at).is_some_and(|name| !without.contains(name)))
        .collect();
    let cells =
        |row: &Vec<Option<String>>| kept.iter().filter_map(|at| row.get(*at).cloned()).collect();
    TableRows {
        columns: kept.iter().filter_map(|at| held.columns.get(*at).cloned()).collect(),
        key: Vec::new(),
        rows: held.rows.iter().map(cells).collect(),
        rest: None,
    }
}
