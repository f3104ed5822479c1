//! Asking for the rows of tables.
//!
//! Knows which tables with which columns. Must not know a session.

use super::catalog::Model;
use super::model::TableKind;
use super::rows::{Name, Rows, TableRows};
use crate::postgres::{Answers, Asked, Batch, quote_ident};

/// A table to be read: its name, its columns, and which of them are its key.
pub type ToRead = (Name, Vec<String>, Vec<usize>);

/// A question that is sent with others, and how its answer is read.
#[derive(Debug)]
pub struct RowsAsked(Vec<(ToRead, Asked)>);

/// Asks for the rows of tables; how values are printed must be settled.
pub fn ask_rows(batch: &mut Batch, tables: &[ToRead]) -> RowsAsked {
    let select = |(name, columns, _): &ToRead| {
        let names: Vec<String> = columns.iter().map(|name| quote_ident(name)).collect();
        format!("SELECT {} FROM ONLY {}", names.join(", "), name.sql())
    };
    RowsAsked(tables.iter().map(|table| (table.clone(), batch.say(&select(table)))).collect())
}

impl RowsAsked {
    /// Takes the rows out of the answers.
    pub fn read(self, answers: &mut Answers) -> Rows {
        let read = self.0.into_iter().map(|((name, columns, key), asked)| {
            (name, TableRows { columns, key, rows: answers.take(asked) })
        });
        Rows(read.collect())
    }
}

/// What [`Loader::rows`] takes, for the tables of a model.
pub fn all_columns(model: &Model) -> Vec<ToRead> {
    let plain = model.tables.iter().filter(|table| table.kind == TableKind::Plain);
    plain
        .map(|table| {
            let columns: Vec<String> = table.columns.iter().map(|it| it.name.clone()).collect();
            let key = table.key().map(|key| key.columns.as_slice()).unwrap_or_default();
            let place = |name: &String| columns.iter().position(|it| it == name);
            let key = key.iter().filter_map(place).collect();
            (table.name.clone(), columns, key)
        })
        .collect()
}

/// The same tables and columns once more.
pub fn to_read(rows: &Rows) -> Vec<ToRead> {
    let tables = rows.0.iter();
    tables.map(|(name, held)| (name.clone(), held.columns.clone(), held.key.clone())).collect()
}
