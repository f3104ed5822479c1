//! The folder of backups: its counter, what is recorded of a backup, who uses one.
//!
//! Knows names of files. Must not know what is in a dump, nor when it is time to delete one.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::lease::{Hold, Lease};
use super::manifest::{Level, Manifest};
use super::names::{Names, Part};
use super::{BackupError, stream};

/// Counts the backups of a folder; whoever changes what is recorded there has it locked.
const COUNTER: &str = ".sequence";
/// Proves that files can be written.
const PROBE: &str = ".probe";

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

impl Store {
    /// Opens the folder, makes it if need be (for its owner only), and proves that files can be
    /// written there.
    pub fn open(folder: &Path) -> Result<Self, BackupError> {
        let make = || {
            if !folder.is_dir() {
                DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
                fs::set_permissions(folder, Permissions::from_mode(0o700))?;
            }
            let probe = folder.join(format!("{PROBE}-{}", std::process::id()));
            let written = stream::new_file(&probe).and_then(|mut file| file.write_all(b"\n"));
            let removed = stream::remove(&probe);
            written.and(removed)
        };
        make().map_err(BackupError::write(folder))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The folder as it is, to be looked at: nothing is made or proven.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Records what has been proven of a backup; never less than was proven before.
    pub fn set_level(&self, backup: &mut Backup, level: Level) -> Result<(), BackupError> {
        self.change(backup, |manifest| manifest.level = manifest.level.max(level))
    }

    /// Has it stay for a reason, for example because a run failed after it.
    pub fn pin(&self, backup: &mut Backup, reason: &str) -> Result<(), BackupError> {
        self.change(backup, |manifest| manifest.pinned = Some(reason.to_owned()))
    }

    /// Keeps everybody from deleting it until the lease is dropped or this process ends.
    pub fn hold(&self, backup: &Backup) -> Result<Lease, BackupError> {
        let names = backup.names()?;
        let lease = Lease::take(&names.lease(), Hold::Shared);
        let in_use = || BackupError::InUse { path: backup.path.clone() };
        let lease = lease.map_err(BackupError::write(&names.lease()))?.ok_or_else(in_use)?;
        // It may have been deleted before we had the lease.
        Manifest::read(&names.manifest())?;
        Ok(lease)
    }

    fn change(
        &self,
        backup: &mut Backup,
        change: impl FnOnce(&mut Manifest),
    ) -> Result<(), BackupError> {
        let _counter = self.lock()?;
        let names = backup.names()?;
        // Another process may have recorded something meanwhile.
        backup.manifest = Manifest::read(&names.manifest())?;
        change(&mut backup.manifest);
        backup.record(&names)
    }

    /// All files of backups that are there, in no order.
    pub(super) fn files(&self) -> Result<Vec<(Names, Part)>, BackupError> {
        let read = || -> io::Result<Vec<(Names, Part)>> {
            let mut files = Vec::new();
            for entry in fs::read_dir(&self.folder)? {
                files.extend(Names::of(&entry?.path()));
            }
            Ok(files)
        };
        read().map_err(BackupError::read(&self.folder))
    }

    /// Waits until nobody else changes what is recorded.
    pub(super) fn lock(&self) -> Result<Counter, BackupError> {
        let path = self.folder.join(COUNTER);
        let open = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            let file = options.open(&path)?;
            file.lock()?;
            Ok(file)
        };
        let file = open().map_err(BackupError::write(&path))?;
        Ok(Counter { file, path })
    }
}

/// The counter of a folder, locked.
#[derive(Debug)]
pub(super) struct Counter {
    file: File,
    path: PathBuf,
}

impl Counter {
    /// The next number: more than the last one, and more than any manifest has.
    pub(super) fn next(&self, store: &Store) -> Result<u64, BackupError> {
        let mut text = String::new();
        let mut file = &self.file;
        file.read_to_string(&mut text).map_err(BackupError::read(&self.path))?;
        let mut last = text.trim().parse().unwrap_or(0);
        for (names, part) in store.files()? {
            if part == Part::Manifest
                && let Ok(manifest) = Manifest::read(&names.manifest())
            {
                last = last.max(manifest.sequence);
            }
        }
        let next = last.saturating_add(1);
        let mut write = || {
            file.rewind()?;
            file.set_len(0)?;
            writeln!(file, "{next}")?;
            file.sync_all()
        };
        write().map_err(BackupError::write(&self.path))?;
        Ok(next)
    }
}

impl Backup {
    /// Writes its manifest.
    pub(super) fn record(&self, names: &Names) -> Result<(), BackupError> {
        let path = names.manifest();
        let text = self.manifest.seal().map_err(io::Error::from);
        text.and_then(|text| stream::replace(&path, &names.partial_manifest(), &text))
            .map_err(BackupError::write(&path))
    }

    pub(super) fn names(&self) -> Result<Names, BackupError> {
        let names = Names::of(&self.path).filter(|(_, part)| *part == Part::Dump);
        names.map(|(names, _)| names).ok_or_else(|| BackupError::Unknown {
            path: self.path.clone(),
            problem: "it is not in a folder of backups".to_owned(),
        })
    }
}
