//! Stairway tells a team, before they deploy, whether a `PostgreSQL` migration is safe to run and
//! whether they can get back.
//!
//! It climbs every migration of a history up, down and up again on an ephemeral server, reads the
//! whole schema from the catalog after each step and reports what it saw as [`finding::Finding`]s.
//!
//! The rooms stand on floors: an import may only point down (see `DESIGN.md`; `tests/floors.rs`
//! holds it).

// What a caller must never meet: tests and benches may.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::todo,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit
)]

pub mod alert;
pub mod attest;
pub mod backup;
pub mod checks;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod data;
pub mod env;
pub mod exit;
pub mod finding;
pub mod git;
mod http;
pub mod migrations;
pub mod postgres;
pub mod report;
pub mod runs;
#[cfg(feature = "cli")]
pub mod scaffold;
pub mod schema;
pub mod secret;
pub mod server;
pub mod sql;
pub mod steps;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "cli")]
mod trace;
pub mod workload;

/// The examples of the README are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
