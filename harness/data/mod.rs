//! Rows: what a table may hold, generated from the live catalog, and what became of it.
//!
//! Knows types, constraints, the order in which tables are filled, how rows are read and compared,
//! and how a counterexample is made small. Must not know migrations, nor what a difference means to
//! a user.

pub mod constraints;
mod model;
mod rows;

pub use model::{
    Attribute, Column, Exclusion, ForeignKey, Identity, Partition, Table, TableKind, Type,
    TypeKind, Types, Unique,
};
pub use rows::{Cell, Name, Rows, TableRows};
