//! One session with a `PostgreSQL` server: connect, send text, read rows, name what went wrong.
//!
//! Knows the protocol through sqlx, SQLSTATEs, identifiers and server versions. Must not know
//! where the server came from, what a migration is, or what a schema holds.

mod address;
mod backend;
mod batch;
mod copy;
mod discreet;
mod failure;
mod ident;
mod profile;
mod relay;
mod session;
mod target;
mod timed;
mod version;

pub use address::{Address, Part};
pub use backend::{Backend, SYNC_REP};
pub use batch::{Answers, Asked, Batch};
pub use copy::{copy_from, copy_line};
pub use discreet::Speaker;
pub use failure::{PostgresError, SqlFailure};
pub use ident::{ident, qualified, quote_ident, quote_literal};
pub use profile::{Profile, milliseconds};
pub use relay::{Door, Heard, Lease, Manner};
pub use session::{ResultSet, Session, application};
pub use target::Target;
pub use timed::BinaryValue;
pub use version::Version;
