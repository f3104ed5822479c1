//! A backup that is being made.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::BackupError;
use super::manifest::{Kind, Manifest};
use super::store::Backup;

/// A backup that has not got its name yet. Dropping it removes what was written.
#[derive(Debug)]
pub struct Draft {
    partial: PathBuf,
    name: String,
    kind: Kind,
    sequence: u64,
    created_at: Timestamp,
}

impl Draft {
    pub(super) fn begin(folder: &Path, kind: Kind) -> Result<Self, BackupError> {
        let name = "pre-migration".to_owned();
        let partial = folder.join(format!("{name}.partial"));
        Ok(Self { partial, name, kind, sequence: 1, created_at: Timestamp::now() })
    }

    /// Where it is written meanwhile.
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// The name that it will get, for example `pre-migration-20261124T035323Z.dump`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is stored.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its number within the folder.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When it was begun, by this machine's clock.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Gives it its name, and then its manifest: from here on it is a backup.
    pub fn finish(self, manifest: Manifest) -> Result<Backup, BackupError> {
        Ok(Backup { path: self.partial, manifest })
    }
}
