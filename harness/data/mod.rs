//! Rows: what a table may hold, generated from the live catalog, and what became of it.
//!
//! Knows types, constraints, the order in which tables are filled, how rows are read and compared,
//! and how a counterexample is made small. Must not know migrations, nor what a difference means to
//! a user.

mod bulk;
mod catalog;
mod compare;
mod complete;
mod compose;
pub mod constraints;
mod copies;
mod fill;
mod frame;
mod generated;
mod insert;
mod lacking;
mod large;
mod load;
mod model;
mod order;
mod parents;
mod pool;
mod question;
mod read;
mod rows;
mod seen;
mod sequences;
pub mod shrink;
mod strategy;
mod through;
mod told;
pub mod types;
mod wire;
mod written;

pub use catalog::{Model, Wanted};
pub use compare::{Changed, Difference, RestDifference, compare, table as compare_table};
pub use fill::{Filled, Unfilled};
pub use generated::{GeneratedRows, NoStrategy};
pub use insert::{Instead, insert_readably, insert_written};
pub use load::{
    AFRESH, Loader, Now, Position, State, ask_clock, ask_state, in_order, pin, pins, settle,
};
pub use model::{
    Attribute, Column, Exclusion, ForeignKey, Identity, Partition, Table, TableKind, Type,
    TypeKind, Types, Unique,
};
pub use order::holders;
pub use pool::{Effort, Recipe, Shelf};
pub use read::{LARGE, Reach, ToRead, all_columns, ask_rows, beside};
pub use rows::{Cell, ColumnPrint, Name, Print, Rows, TableRows, without};
pub use seen::{Clock, Drawn};
pub use sequences::{Tops, tops};
pub use strategy::TableStrategy;
pub use through::{fires_triggers, without_written};
pub use types::canonical;
pub use written::Misfit;

use crate::postgres::PostgresError;

/// Rows could not be given or read.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The server refused a query of ours or the connection broke.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The catalog gave something that can't be read.
    #[error("the catalog gave a row that can't be read: {0}")]
    Shape(String),
}
