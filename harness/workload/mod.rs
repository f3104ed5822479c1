//! A workload: queries with parameters, sent at a fixed rate, and what their latencies say.
//!
//! Knows the files of a folder of queries, the schedule of an open loop, the threads that keep it, and
//! the statistics of a p95. Must not know what a migration is, nor where a database comes from.

mod clients;
mod error;
mod fault;
mod folder;
mod gate;
mod header;
mod histogram;
mod query;
mod schedule;
mod sample;
mod values;

pub use clients::{Clients, Protocol};
pub use error::WorkloadError;
pub use fault::{Faults, Wait};
pub use folder::Workload;
pub use gate::{Gate, Reason, Rule, RunOf, Verdict};
pub use histogram::{Curve, percentile};
pub use query::{Effect, Query, Share, Source};
pub use sample::{Outcome, Sample};
pub use schedule::{Plan, Request, Shares};
pub use values::{Values, Tuple};
