//! The recipes: ordinary async functions that call steps in order and hand what they saw to the
//! checks.
//!
//! Knows the order of things. Must not print, nor speak SQL itself.

mod baseline;
mod batch;
mod bench;
mod changed;
mod climb;
mod coverage;
mod discreet;
pub mod drill;
mod error;
mod event;
pub mod gate;
mod keep;
mod known;
mod lane;
mod lanes;
mod outcome;
mod place;
mod plan;
pub mod production;
mod repro;
mod rows;
mod scope;
mod verify;

pub use crate::steps::Reading;
pub use baseline::{BASELINE_FILE, Baseline, BaselineError, Entry};
pub use bench::{
    Basis, BenchOptions, Benched, BenchedQuery, Beside, Blamed, BlockedTable, Forecast, Impact,
    Quiet, Scaled, Turned, Uncompared, bench, why,
};
pub use coverage::{Gap, Head, Tried};
pub use error::RunError;
pub use event::{Event, Silent, Watch};
pub use outcome::{Judged, Parts, Seconds, Verification};
pub use place::{head_schema, migrate, migrate_into};
pub use rows::{KeptRows, NoRowOptions, RowOptions};
pub use scope::{NoShard, Scope, Shard};
pub use verify::{Caching, Options, TransactionMode, load, verify};
