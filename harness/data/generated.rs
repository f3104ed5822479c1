//! Rows that were made up, and why there may be none.
//!
//! Knows how they are inserted. Must not know how they were made.

use std::fmt::Write as _;

use super::DataError;
use super::insert::literal;
use super::rows::{Cell, Name};
use crate::postgres::ident;

/// No rows can be made up for a table.
#[derive(Debug, thiserror::Error)]
pub enum NoStrategy {
    /// There is no such table.
    #[error("there is no table {0}")]
    NoTable(String),
    /// It holds no rows of its own.
    #[error("{0} holds no rows of its own: name one of its partitions")]
    Partitioned(String),
    /// A column needs a value of a type that nobody knows.
    #[error("{column} needs a value, and none of its type is known")]
    NoValue {
        /// The column, as SQL.
        column: String,
    },
    /// A foreign key has nothing to refer to.
    #[error("{table} refers to {parent}, which has no rows: insert some there first")]
    NoParent {
        /// The table, as SQL.
        table: String,
        /// What it refers to.
        parent: String,
    },
    /// Nothing that was tried satisfies the constraints.
    #[error("no values were found for {columns} that the constraints agree to")]
    Refused {
        /// The columns, as SQL.
        columns: String,
    },
    /// The database can't be read.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// Rows of one table: values as text, in the form that the type's input function takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedRows {
    pub(super) table: Name,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Cell>>,
}

impl GeneratedRows {
    /// The columns that are given, without quotes: the server fills in the others.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The rows, each as long as [`GeneratedRows::columns`].
    pub fn rows(&self) -> &[Vec<Cell>] {
        &self.rows
    }

    /// The value of a column in one row; `None` for NULL, and for what is not there.
    pub fn cell(&self, row: usize, column: &str) -> Option<&str> {
        let place = self.columns.iter().position(|name| name == column)?;
        self.rows.get(row)?.get(place)?.as_deref()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// One INSERT statement for each row.
    pub fn insert_sql(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|name| ident(name)).collect();
        let (table, names) = (self.table.sql(), names.join(", "));
        let mut text = String::new();
        for row in &self.rows {
            let values: Vec<String> = row.iter().map(|cell| literal(cell.as_deref())).collect();
            let values = match values.as_slice() {
                [] => "DEFAULT VALUES".to_owned(),
                values => format!("({names}) VALUES ({})", values.join(", ")),
            };
            // Writing to a String can't fail.
            let _ = writeln!(text, "INSERT INTO {table} {values};");
        }
        text
    }
}
