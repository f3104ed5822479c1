//! The schema snapshot: read the catalog, render canonical text, digest, diff.
//!
//! Knows the system catalogs of `PostgreSQL` 14 to 18 and what of them is schema. Must not know
//! what a migration is, which server it runs on, or what a difference means to anyone.
//!
//! The catalog is read by one SELECT per class of objects (`catalog/*.sql`), all in one message and
//! one transaction. Each gives rows of one shape; rows become a tree of [`Node`]s; text, digest and
//! differences are rendered from that tree and from nothing else.

mod catalog;
mod diff;
mod follow;
mod forest;
mod kinds;
mod marks;
mod memory;
mod model;
mod privileges;
mod read;
mod rows;
#[cfg(test)]
mod tests;
mod text;
mod touched;

pub use diff::{Change, Difference, DriftClass};
pub use model::{Node, Snapshot};
pub use read::{COUNTS_AT_ONCE, FLUSH, Reader};

use crate::postgres::PostgresError;

/// A snapshot could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The server refused a query or the connection broke.
    #[error("can't read the schema")]
    Read(#[from] PostgresError),
    /// A row of the catalog has not the shape that was asked for.
    #[error("the catalog section {section} gave a row that can't be read: {row}")]
    Row {
        /// Which file under `catalog/`.
        section: &'static str,
        /// The row as it came.
        row: String,
    },
    /// The text is not a snapshot.
    #[error("line {line} of the snapshot can't be read: {reason}")]
    Text {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}
