//! Backups: dumps with a manifest in a folder of their own, how PostgreSQL's own programs make and
//! restore them, what kind a foreign one is, which of them may be deleted.
//!
//! Knows archives, files and the client programs. Must not know migrations, nor where a server came
//! from.

mod archive;
mod contents;
mod draft;
mod dump;
mod error;
mod expects;
mod lease;
mod manifest;
mod restore;
mod store;

pub use archive::{Archive, ArchiveKind};
pub use contents::{Contents, MatviewContents, SequenceContents, TableContents};
pub use draft::Draft;
pub use dump::{Dump, Format, decode, dump};
pub use error::BackupError;
pub use expects::Expects;
pub use lease::Lease;
pub use manifest::{FORMAT, FileSum, Kind, Level, Manifest};
pub use restore::{Problem, restore};
pub use store::{Backup, Listing, Partial, Retained, Retention, Store, Unverified};
