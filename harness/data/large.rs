//! Giving rows to tables of whose rows only a few are known.
//!
//! Knows which tables these are. Of the keys that rows have there only the largest numbers are known:
//! the server turns a row away that has one. Must not know how rows are composed.

use std::collections::BTreeMap;

use super::catalog::Model;
use super::fill::Fill;
use super::model::Table;
use super::rows::{Rows, TableRows};
use super::sequences::{Tops, raise_to};

/// A table of whose rows only a few are known.
#[derive(Debug)]
pub(super) struct Large {
    /// How many.
    known: usize,
    /// The largest values of the columns that draw from sequences or are keys, by name.
    tops: BTreeMap<String, i64>,
}

impl Large {
    /// The largest value of a column, if it is known and no negative one.
    pub(super) fn top(&self, column: &str) -> Option<u64> {
        self.tops.get(column).and_then(|top| u64::try_from(*top).ok())
    }
}

/// The tables of whose rows not all were fetched, by place.
pub(super) fn large(model: &Model, before: &Rows) -> BTreeMap<usize, Large> {
    let large = model.tables.iter().enumerate().filter_map(|(at, table)| {
        let held = before.0.get(&table.name)?;
        let tops = held.rest.as_ref()?.tops.clone();
        Some((at, Large { known: held.rows.len(), tops }))
    });
    large.collect()
}

impl Fill<'_> {
    /// What large tables took.
    pub(super) fn beside(&self) -> Rows {
        let beside = self.large.iter().filter_map(|(at, large)| {
            let rows = self.held.get(at)?.get(large.known..).unwrap_or_default().to_vec();
            let name = self.model.tables.get(*at)?.name.clone();
            Some((name, TableRows { rows, ..TableRows::default() }))
        });
        Rows(beside.collect())
    }

    /// Raises `tops` to those of the rows that are not known.
    pub(super) fn raise_large(&self, tops: &mut Tops, at: usize, table: &Table) {
        if let Some(large) = self.large.get(&at) {
            raise_to(tops, table, large.tops.iter());
        }
    }
}
