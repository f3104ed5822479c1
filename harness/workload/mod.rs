//! A workload: queries with parameters, sent at a fixed rate, and what their latencies say.
//!
//! Knows the files of a folder of queries, the schedule of an open loop, the threads that keep it, and
//! the statistics of a p95. Must not know what a migration is, nor where a database comes from.

mod alone;
mod calibrate;
mod candidate;
mod clients;
mod error;
mod fault;
mod folder;
mod gate;
mod header;
mod histogram;
mod import;
mod measure;
mod probe;
mod query;
mod regression;
mod sample;
mod schedule;
mod shape;
mod values;

pub use alone::alone;
pub use calibrate::{calibrate, has_moved, moved, stolen};
pub use candidate::{Candidate, MissingIndex, candidates};
pub use clients::{Burst, Clients, Held, Holds, Load, Protocol, Span, Stop};
pub use error::WorkloadError;
pub use fault::{Faults, Wait};
pub use folder::Workload;
pub use gate::{Gate, Reason, Rule, RunOf};
pub use header::duration;
pub use histogram::{Curve, percentile};
pub use import::{
    By, ImportError, ImportOptions, Imported, Made as ImportedQuery, Skip, from_logs,
    from_statements, write as write_imported,
};
pub use measure::{Measured, judge, warm_up};
pub use probe::{reader, writer};
pub use query::{Effect, Query, Share, Source};
pub use regression::{Change, Compared, Pair, compare};
pub use sample::{Outcome, Sample};
pub use schedule::{Plan, Request, Shares};
pub use shape::{Node, Shape, shape};
pub use values::{Made, Tuple, Values};
