//! What is being made small.
//!
//! Knows tables of rows and the links between them. Must not know how they are searched.

use std::collections::BTreeSet;

use crate::data::rows::{Cell, Name};

/// Tables with rows, and which rows point at which.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Case {
    /// The tables, in any order.
    pub tables: Vec<CaseTable>,
    /// The links between them.
    pub links: Vec<Link>,
}

/// One table.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseTable {
    /// Its name.
    pub name: Name,
    /// Its columns.
    pub columns: Vec<CaseColumn>,
    /// Its rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseColumn {
    /// Its name, without quotes.
    pub name: String,
    /// Whether it takes NULL.
    pub is_nullable: bool,
    /// Simple values as text, the simplest first. If all are numbers, other numbers are tried; if
    /// one is empty or `a`, any other text is.
    pub canonical: Vec<String>,
    /// Values that are as good as the simplest: those that the scripts themselves speak of.
    pub known: Vec<String>,
    /// Whether it is part of a unique key: what differs must go on to differ.
    pub is_key: bool,
    /// Whether a value is given; one that is generated or defaulted is left alone.
    pub is_given: bool,
    /// Whether its values can be renumbered 1, 2, 3.
    pub is_number: bool,
}

/// Rows of `child` point at rows of `parent` where all columns are equal and none is NULL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The table that points, by place.
    pub child: usize,
    /// Its columns, by place.
    pub child_columns: Vec<usize>,
    /// The table that is pointed at, by place.
    pub parent: usize,
    /// Its columns, in the same order.
    pub parent_columns: Vec<usize>,
}

impl Case {
    /// How many rows there are in all.
    pub fn count(&self) -> usize {
        self.tables.iter().map(|table| table.rows.len()).sum()
    }

    /// All columns as table, place, column.
    pub(super) fn columns(&self) -> impl Iterator<Item = (usize, usize, &CaseColumn)> {
        self.tables.iter().enumerate().flat_map(|(table, it)| {
            it.columns.iter().enumerate().map(move |(place, column)| (table, place, column))
        })
    }

    pub(super) fn column(&self, table: usize, place: usize) -> Option<&CaseColumn> {
        self.tables.get(table)?.columns.get(place)
    }

    /// The columns that hold links together, on either side.
    pub(super) fn linked(&self) -> BTreeSet<(usize, usize)> {
        let ends = self.links.iter().flat_map(|link| {
            let child = link.child_columns.iter().map(|place| (link.child, *place));
            child.chain(link.parent_columns.iter().map(|place| (link.parent, *place)))
        });
        ends.collect()
    }

    /// The cells of a column, from the first row on.
    pub(super) fn cells(&self, table: usize, place: usize) -> impl Iterator<Item = &Cell> {
        let rows = self.tables.get(table).map_or(&[][..], |table| &table.rows);
        rows.iter().filter_map(move |row| row.get(place))
    }

    /// Changes the cells of a column; the row's number comes with each.
    pub(super) fn change(
        &mut self,
        table: usize,
        place: usize,
        mut new: impl FnMut(usize, &Cell) -> Option<Cell>,
    ) {
        let rows = self.tables.get_mut(table).map_or(&mut [][..], |table| &mut table.rows);
        for (number, row) in rows.iter_mut().enumerate() {
            if let Some(cell) = row.get_mut(place)
                && let Some(changed) = new(number, cell)
            {
                *cell = changed;
            }
        }
    }
}

impl CaseColumn {
    /// What an unneeded value becomes: NULL, or else the simplest value.
    pub(super) fn blank(&self) -> Option<Cell> {
        if self.is_nullable { Some(None) } else { self.canonical.first().cloned().map(Some) }
    }

    /// Whether other text than the canonical can be tried.
    pub(super) fn is_text(&self) -> bool {
        self.canonical.iter().any(|value| value.is_empty() || value == "a")
    }

    /// Whether other numbers than the canonical can be tried.
    pub(super) fn is_numeric(&self) -> bool {
        !self.canonical.is_empty()
            && self.canonical.iter().all(|value| value.parse::<i128>().is_ok())
    }
}
