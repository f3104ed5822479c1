//! A backup that is being made.
//!
//! Knows in which order files must reach the disk. Must not know who writes the dump.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::lease::Lease;
use super::manifest::{Kind, Manifest};
use super::names::Names;
use super::store::{Backup, Store};
use super::{BackupError, stream};

/// A backup that has not got its name yet. Dropping it removes what was written.
#[derive(Debug)]
pub struct Draft {
    names: Names,
    kind: Kind,
    sequence: u64,
    created_at: Timestamp,
    lease: Option<Lease>,
    /// What is to be removed.
    written: Vec<PathBuf>,
}

impl Store {
    /// Begins a backup that gets its name when it is whole; it is ours until it is dropped.
    pub fn begin(&self, kind: Kind) -> Result<Draft, BackupError> {
        let counter = self.lock()?;
        let sequence = counter.next(self)?;
        // Of the same order as the numbers, as far as the clock is right.
        let created_at = Timestamp::now();
        let created_at =
            Timestamp::from_millisecond(created_at.as_millisecond()).unwrap_or(created_at);
        let mut nth = 1;
        loop {
            let names = Names::new(self.folder(), created_at, nth);
            let is_free = !names.dump().exists() && !names.manifest().exists();
            let lease = if is_free { Lease::make(&names.lease()) } else { Ok(None) };
            let lease = lease.map_err(BackupError::write(&names.lease()))?;
            if lease.is_some() {
                let written = vec![names.partial()];
                return Ok(Draft { names, kind, sequence, created_at, lease, written });
            }
            nth += 1;
        }
    }
}

impl Draft {
    /// Where it is to be written meanwhile; nothing is there yet.
    pub fn path(&self) -> PathBuf {
        self.names.partial()
    }

    /// The name that it will get, for example `pre-migration-20261124T035323Z.dump`.
    pub fn name(&self) -> String {
        self.names.file()
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

    /// Gives it its name, and then its manifest: from here on it is a backup. What was written must
    /// be on disk.
    pub fn finish(mut self, manifest: Manifest) -> Result<Backup, BackupError> {
        let (partial, path) = (self.names.partial(), self.names.dump());
        self.written.push(path.clone());
        std::fs::rename(&partial, &path).map_err(BackupError::write(&path))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        stream::settle_names(folder).map_err(BackupError::write(folder))?;
        let backup = Backup { path, manifest };
        self.written.push(self.names.manifest());
        backup.record(&self.names)?;
        self.written.clear();
        Ok(backup)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let is_backup = self.written.is_empty();
        // The manifest first: without it the rest is no backup.
        for path in self.written.drain(..).rev() {
            let _ = stream::remove(&path);
        }
        if let Some(lease) = self.lease.take().filter(|_| !is_backup) {
            let _ = lease.remove();
        }
    }
}
