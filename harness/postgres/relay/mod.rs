//! A session that others may speak in: programs with a driver of their own connect to a [`Door`] and
//! find themselves in the session that is lent to them, with all that it has set, locked and not yet
//! committed.
//!
//! Knows the protocol's messages and how a transaction of a guest becomes a savepoint of ours. Must not
//! know who the guests are, nor what they are for.

mod door;
mod guest;
mod line;
mod tls;
mod wire;

pub use door::{Door, Lease};
pub use guest::{Heard, Manner};
pub(super) use line::Line;
