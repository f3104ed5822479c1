//! Backups: dumps with a manifest in a folder of their own, how PostgreSQL's own programs make and
//! restore them, what kind a foreign one is, which of them may be deleted.
//!
//! Knows archives, files and the client programs. Must not know migrations, nor where a server came
//! from.

mod about;
mod amcheck;
mod archive;
mod child;
mod contents;
mod draft;
mod dump;
mod error;
mod expects;
mod fetch;
mod foreign;
mod lease;
mod listing;
mod manifest;
mod names;
mod packed;
mod physical;
mod restore;
mod retain;
mod store;
mod stream;
mod wal;

pub use about::About;
pub use amcheck::{Amchecked, amcheck};
pub use archive::{Archive, ArchiveKind};
pub use contents::{Contents, MatviewContents, SequenceContents, TableContents};
pub use draft::Draft;
pub use dump::{Dump, Format, decode, dump};
pub use error::BackupError;
pub use expects::{Expects, roles_made};
pub use fetch::fetch;
pub use foreign::{Foreign, foreign, is_physical, one_foreign};
pub use lease::Lease;
pub use listing::{Listing, Partial, Unverified};
pub use manifest::{FORMAT, FileSum, Kind, Level, Manifest};
pub use packed::Packing;
pub use physical::{Physical, Tablespace, Verified};
pub use restore::{Problem, is_starved, restore, restore_by};
pub use retain::{Retained, Retention};
pub use store::{Backup, Store};
pub use wal::{Fetched, Segment, fetch_wal, tablespaces_made};

/// The first line of what a program said.
fn first_line(said: &[u8]) -> String {
    String::from_utf8_lossy(said).trim().lines().next().unwrap_or_default().to_owned()
}
