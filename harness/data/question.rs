//! Which values of tied columns the server agrees to: asked with the constraints' own expressions.
//!
//! Knows candidates for rows and one question for each set of columns. Must not know a session.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::catalog::Model;
use super::compose::{Planned, part, places};
use super::constraints::Tied;
use super::insert::literal;
use super::model::Table;
use super::rows::Cell;
use crate::postgres::quote_ident;

/// One set of tied columns of one table, and the values that the server agreed to.
pub(super) struct Question {
    /// Which plan, and which table of it.
    pub(super) of: (usize, usize),
    places: Vec<usize>,
    /// Distinct values of the places, in the order of the candidates.
    values: Vec<Vec<Cell>>,
    /// What asks the server.
    pub(super) sql: String,
    good: Option<BTreeSet<usize>>,
    is_unique: bool,
}

impl Question {
    pub(super) fn new(
        of: (usize, usize),
        model: &Model,
        table: &Table,
        planned: &Planned,
        set: Tied,
    ) -> Self {
        let mut columns = set.columns;
        // A key that is partly in it belongs to it.
        for key in &table.foreign_keys {
            if key.columns.len() > 1 && key.columns.iter().any(|name| columns.contains(name)) {
                for name in &key.columns {
                    if !columns.contains(name) {
                        columns.push(name.clone());
                    }
                }
            }
        }
        let places = places(table, &columns);
        let mut seen = BTreeSet::new();
        let values = planned.rows.iter().map(|row| part(row, &places));
        let values: Vec<_> = values.filter(|value| seen.insert(value.clone())).collect();
        let within = |name: &String| columns.contains(name);
        let is_unique = table.uniques.iter().any(|unique| unique.columns.iter().all(within));
        let sql = ask(model, table, &places, &values, &set.predicates);
        Self { of, places, values, sql, good: None, is_unique }
    }

    pub(super) fn take(&mut self, rows: &[Vec<Cell>]) {
        let nth = |row: &Vec<Cell>| row.first().cloned().flatten()?.parse().ok();
        self.good = Some(rows.iter().filter_map(nth).collect());
    }

    /// Rows keep values that are good and are given others where theirs are not; those that nothing
    /// is left for go.
    pub(super) fn apply(self, planned: &mut Planned) {
        let Some(good) = &self.good else { return };
        let good: Vec<&Vec<Cell>> = good.iter().filter_map(|at| self.values.get(*at)).collect();
        let known: BTreeSet<&Vec<Cell>> = good.iter().copied().collect();
        let mut used: BTreeSet<Vec<Cell>> = BTreeSet::new();
        let (mut turn, mut next) = (0, 0);
        planned.rows.retain_mut(|row| {
            let own = part(row, &self.places);
            if known.contains(&own) && (!self.is_unique || used.insert(own)) {
                return true;
            }
            let value = if self.is_unique {
                // What was used once stays used.
                let unused = good.iter().skip(next).position(|value| !used.contains(*value));
                next = unused.map_or(good.len(), |nth| next + nth);
                good.get(next).copied()
            } else {
                turn += 1;
                good.get((turn - 1) % good.len().max(1)).copied()
            };
            let Some(value) = value else { return false };
            used.insert(value.clone());
            for (place, cell) in self.places.iter().zip(value) {
                if let Some(slot) = row.get_mut(*place) {
                    slot.clone_from(cell);
                }
            }
            true
        });
    }
}

/// The numbers of those values that all predicates agree to.
pub(super) fn ask(
    model: &Model,
    table: &Table,
    places: &[usize],
    values: &[Vec<Cell>],
    predicates: &[String],
) -> String {
    let mut out = "SELECT r.stairway_nth FROM (SELECT v.stairway_nth".to_owned();
    for (nth, place) in places.iter().enumerate() {
        let Some(column) = table.columns.get(*place) else { continue };
        // By these names alone one sign is all that they hold.
        let base = model.types.base(column.type_oid).map_or("text", |it| match it.sql.as_str() {
            "character" => "pg_catalog.bpchar",
            "bit" => "pg_catalog.\"bit\"",
            other => other,
        });
        let _ = write!(out, ", v.c{nth}::{base} AS {}", quote_ident(&column.name));
    }
    out.push_str(" FROM (VALUES ");
    for (nth, value) in values.iter().enumerate() {
        let _ = write!(out, "{}({nth}", if nth == 0 { "" } else { ", " });
        for cell in value {
            let _ = write!(out, ", {}", literal(cell.as_deref()));
            if nth == 0 {
                out.push_str("::text");
            }
        }
        out.push(')');
    }
    out.push_str(") v(stairway_nth");
    for nth in 0..places.len() {
        let _ = write!(out, ", c{nth}");
    }
    out.push_str(")) r WHERE ");
    for (nth, predicate) in predicates.iter().enumerate() {
        let _ = write!(out, "{}(({predicate}) IS NOT FALSE)", if nth == 0 { "" } else { " AND " });
    }
    out
}
