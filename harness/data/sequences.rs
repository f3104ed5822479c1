//! Sequences brought to where rows have brought them.
//!
//! Knows which column draws from which sequence. Must not know when that matters. Ascending ones
//! only: the others are as rare as they are unlikely to be behind.

use std::collections::BTreeMap;

use super::catalog::Model;
use super::load::Position;
use super::model::{Table, TableKind};
use super::rows::{Cell, Rows};
use crate::postgres::quote_literal;

/// The largest values that rows have in columns that draw from sequences, by sequence.
pub type Tops = BTreeMap<String, i64>;

/// The tops of rows.
pub fn tops(model: &Model, rows: &Rows) -> Tops {
    let mut tops = Tops::new();
    for table in &model.tables {
        if let Some(held) = rows.0.get(&table.name) {
            raise(&mut tops, table, &held.rows);
            raise_to(&mut tops, table, held.rest.iter().flat_map(|rest| &rest.tops));
        }
    }
    tops
}

/// Raises `tops` to those of one table's rows, which have all of its columns in order.
pub(super) fn raise(tops: &mut Tops, table: &Table, rows: &[Vec<Cell>]) {
    for (_, column, sequence) in sequences([table]) {
        let Some(place) = table.columns.iter().position(|it| it.name == column) else { continue };
        let values = rows.iter().filter_map(|row| row.get(place)?.as_deref()?.parse::<i64>().ok());
        if let Some(top) = values.max() {
            let known = tops.entry(sequence.to_owned()).or_insert(top);
            *known = top.max(*known);
        }
    }
}

/// Raises `tops` to those of columns of one table whose rows were not fetched.
pub(super) fn raise_to<'r>(
    tops: &mut Tops,
    table: &Table,
    known: impl Iterator<Item = (&'r String, &'r i64)>,
) {
    for (name, top) in known {
        let Some(sequence) = table.column(name).and_then(|column| column.sequence.as_ref()) else {
            continue;
        };
        let known = tops.entry(sequence.clone()).or_insert(*top);
        *known = (*top).max(*known);
    }
}

/// The statement that moves sequences to where their columns are; empty for none.
pub(super) fn moved(tops: &Tops) -> String {
    let calls = tops
        .iter()
        // Below 1 there is nothing that an ascending sequence hands out.
        .filter(|(_, top)| **top > 0)
        .map(|(sequence, top)| format!("pg_catalog.setval({}, {top})", quote_literal(sequence)));
    select(calls)
}

/// The statement that brings sequences to where the rows that are there have brought them: how often
/// they were drawn from in earlier climbs must not be seen. Empty if they are there.
pub(super) fn settled(positions: &[Position], tops: &Tops) -> String {
    let calls = positions.iter().filter_map(|position| {
        let top = tops.get(&position.sequence).filter(|top| **top >= position.start);
        let (last, is_called) = top.map_or((position.start, false), |top| (*top, true));
        let is_there = position.last == last.to_string() && position.is_called == is_called;
        (!is_there && position.increment > 0).then(|| {
            format!("pg_catalog.setval({}, {last}, {is_called})", quote_literal(&position.sequence))
        })
    });
    select(calls)
}

/// The statement that puts sequences back.
pub(super) fn put_back(positions: &[Position]) -> String {
    select(positions.iter().map(|position| {
        let Position { sequence, last, is_called, .. } = position;
        format!("pg_catalog.setval({}, {last}, {is_called})", quote_literal(sequence))
    }))
}

fn select(calls: impl Iterator<Item = String>) -> String {
    let calls = calls.collect::<Vec<_>>();
    if calls.is_empty() { String::new() } else { format!("SELECT {}", calls.join(", ")) }
}

/// Columns with the sequences that they draw from.
pub(super) fn sequences<'t>(
    tables: impl IntoIterator<Item = &'t Table>,
) -> impl Iterator<Item = (&'t Table, &'t str, &'t str)> {
    tables.into_iter().filter(|table| table.kind == TableKind::Plain).flat_map(|table| {
        table.columns.iter().filter_map(move |column| {
            Some((table, column.name.as_str(), column.sequence.as_deref()?))
        })
    })
}
