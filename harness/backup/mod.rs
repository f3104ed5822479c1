//! Backups: dumps with a manifest in a folder of their own, how PostgreSQL's own programs make and
//! restore them, what kind a foreign one is, which of them may be deleted.
//!
//! Knows archives, files and the client programs. Must not know migrations, nor where a server came
//! from.

mod archive;
mod child;
mod contents;
mod draft;
mod dump;
mod error;
mod expects;
mod lease;
mod listing;
mod manifest;
mod names;
mod restore;
mod retain;
mod store;
mod stream;

pub use archive::{Archive, ArchiveKind};
pub use contents::{Contents, MatviewContents, SequenceContents, TableContents};
pub use draft::Draft;
pub use dump::{Dump, Format, decode, dump};
pub use error::BackupError;
pub use expects::Expects;
pub use lease::Lease;
pub use listing::{Listing, Partial, Unverified};
pub use manifest::{FORMAT, FileSum, Kind, Level, Manifest};
pub use restore::{Problem, restore};
pub use retain::{Retained, Retention};
pub use store::{Backup, Store};
