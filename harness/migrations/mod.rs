//! What a folder of migrations is: its files in order, and the table in which its tool records
//! what was applied.
//!
//! Knows layouts, markers and version tables, one file per tool since they change together. It
//! *gives* scripts and SQL; it must not send any of it to a server, nor know servers or snapshots.

mod alembic;
mod annotations;
mod applied;
mod branch;
mod changed;
mod dbmate;
mod detect;
mod diesel;
mod digest;
mod error;
mod flyway;
mod flyway_settings;
mod folder;
mod golang_migrate;
mod goose;
mod history;
mod interpolate;
mod plain;
mod records;
mod refinery;
mod revision;
mod route;
mod search;
mod section;
mod sqlx;
mod tool;

pub use alembic::{AlembicOptions, Call, DriverError, Models, Program, Statement, Told};
pub use applied::{Applied, compare, parse_applied};
pub use branch::{order, order_at, order_to};
pub use changed::{Before, Changes, changes};
pub use detect::{Detection, detect};
pub use digest::{FileDigest, MigrationDigest};
pub use error::MigrationsError;
pub use history::{History, Lineage, Migration, Script, Wrap};
pub use records::Records;
pub use revision::{Place, find, reach, resolve};
pub use route::{Direction, Move, route};
pub use search::{Candidate, Search, Standing};
pub use tool::{Tool, VersionTable};
