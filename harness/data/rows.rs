//! Rows as the server prints them.
//!
//! Knows cells, rows and tables of rows, and what stands for rows that are too many to fetch. Must not know where they come from.

use std::collections::BTreeMap;
use std::fmt;

use crate::postgres::ident;

/// One value as text in the form that the type's input function takes; `None` is NULL.
pub type Cell = Option<String>;

/// Schema and name of a table, without quotes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// For example `public`.
    pub schema: String,
    /// For example `orders`.
    pub name: String,
}

impl Name {
    /// Both parts, without quotes.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }

    /// As SQL: qualified, and quoted where it must be.
    pub fn sql(&self) -> String {
        format!("{}.{}", ident(&self.schema), ident(&self.name))
    }

    /// One of its columns, as SQL.
    pub fn column(&self, name: &str) -> String {
        format!("{}.{}", self.sql(), ident(name))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.sql())
    }
}

/// The rows of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableRows {
    /// The names of the columns, without quotes.
    pub columns: Vec<String>,
    /// Which of them are the key, by place; none if the table has no key.
    pub key: Vec<usize>,
    /// The rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
    /// What is known of the rows that were not fetched, where a table has too many.
    pub rest: Option<Print>,
}

impl TableRows {
    /// Whether the table has no rows, fetched or not.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.rest.is_none()
    }
}

/// What the server says of rows that are not fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Print {
    /// How many there are, or that there are more than this where nothing else was asked.
    pub rows: u64,
    /// Their columns, by name; none where only their number was asked.
    pub columns: BTreeMap<String, ColumnPrint>,
    /// The sum of the hashes of whole rows, whose columns are put in the order of their names.
    pub whole: Cell,
    /// The largest values, from before, of the columns that draw from sequences or are keys, by name.
    pub tops: BTreeMap<String, i64>,
}

/// What the server says of the values of a column: equal ones are the same multiset of texts, as
/// far as 64 bits of hash for each tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnPrint {
    /// How many are not NULL.
    pub filled: u64,
    /// The sum of their hashes.
    pub sum: Cell,
    /// The last of them as texts, by bytes; no more than its beginning.
    pub last: Cell,
}

/// The rows of several tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows(pub BTreeMap<Name, TableRows>);

impl Rows {
    /// How many there are in all.
    pub fn count(&self) -> usize {
        self.0.values().map(|table| table.rows.len()).sum()
    }
}

/// Rows by table, those of `of` without those of `without`; equal rows count.
pub fn without(of: &Rows, without: &Rows) -> Rows {
    let mut left = BTreeMap::new();
    for (name, held) in &of.0 {
        let mut gone: Vec<&Vec<Cell>> =
            without.0.get(name).map(|it| it.rows.iter().collect()).unwrap_or_default();
        let mut rows = Vec::new();
        for row in &held.rows {
            match gone.iter().position(|other| *other == row) {
                Some(at) => {
                    gone.swap_remove(at);
                }
                None => rows.push(row.clone()),
            }
        }
        left.insert(name.clone(), TableRows { rows, ..held.clone() });
    }
    Rows(left)
}
