//! What a folder of backups holds, what can be relied on, and where a clock was wrong.
//!
//! Knows manifests and sizes; only [`Store::verify`] reads dumps.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::lease::{Hold, Lease};
use super::manifest::{FileSum, Kind, Level, Manifest};
use super::names::{Names, Part};
use super::store::{Backup, Store};
use super::{BackupError, stream};

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

/// Clocks of two machines are never quite the same.
const SLACK: SignedDuration = SignedDuration::from_mins(1);
/// 2024-01-01: a clock that is earlier was never set.
const EARLIEST: i64 = 1_704_067_200;

impl Store {
    /// What is there. Nothing is read but manifests and sizes.
    pub fn list(&self) -> Result<Listing, BackupError> {
        self.list_at(Timestamp::now())
    }

    pub(super) fn list_at(&self, now: Timestamp) -> Result<Listing, BackupError> {
        let mut parts: BTreeMap<Names, Vec<Part>> = BTreeMap::new();
        for (names, part) in self.files()? {
            parts.entry(names).or_default().push(part);
        }
        let mut listing = Listing::default();
        for (names, parts) in parts {
            listing.add(&names, &parts);
        }
        listing.backups.sort_by_key(|it| std::cmp::Reverse(it.manifest.sequence));
        listing.anomalies = anomalies(&listing.backups, now);
        Ok(listing)
    }

    /// The newest backup of this database, by sequence, of which this much is proven.
    pub fn newest_good(&self, database: &str, level: Level) -> Result<Option<Backup>, BackupError> {
        let is_good = |it: &Backup| it.manifest.database == database && it.manifest.level >= level;
        Ok(self.list()?.backups.into_iter().find(is_good))
    }

    /// Reads all of a backup and holds it against its manifest, which must be on disk as it is
    /// here but for level and pin. To be called before every use.
    pub async fn verify(&self, backup: &Backup) -> Result<(), BackupError> {
        let (backup, path) = (backup.clone(), backup.path.clone());
        let verified = tokio::task::spawn_blocking(move || verify(&backup)).await;
        verified.map_err(|error| BackupError::Read { path, source: error.into() })?
    }

    /// Removes what dead writers left; gives what it was.
    pub fn sweep_partials(&self) -> Result<Vec<PathBuf>, BackupError> {
        let mut swept = Vec::new();
        // Somebody may be recording something in a manifest.
        let _counter = self.lock()?;
        for (names, part) in self.files()? {
            let path = match part {
                Part::Partial => names.partial(),
                Part::PartialManifest => names.partial_manifest(),
                // Of a backup that is gone, or never began.
                Part::Lease if !names.dump().exists() && !names.manifest().exists() => {
                    names.lease()
                }
                Part::Lease | Part::Dump | Part::Manifest => continue,
            };
            let lease = Lease::take(&names.lease(), Hold::Alone);
            let Some(lease) = lease.map_err(BackupError::write(&names.lease()))? else { continue };
            if part == Part::Partial && !names.dump().exists() {
                // It was being deleted: whoever makes one writes the manifest last.
                stream::remove(&names.manifest()).map_err(BackupError::write(&path))?;
            }
            if part != Part::Lease {
                stream::remove(&path).map_err(BackupError::write(&path))?;
                swept.push(path);
            }
            if !names.dump().exists() {
                lease.remove().map_err(BackupError::write(&names.lease()))?;
            }
        }
        swept.sort();
        Ok(swept)
    }
}

impl Listing {
    fn add(&mut self, names: &Names, parts: &[Part]) {
        let has = |part| parts.contains(&part);
        let in_use = Lease::is_held(&names.lease());
        if has(Part::Partial) {
            self.partial.push(Partial { path: names.partial(), in_use });
        }
        match (has(Part::Dump), has(Part::Manifest)) {
            // It gets its manifest in a moment.
            (true, false) if in_use => {
                self.partial.push(Partial { path: names.dump(), in_use });
            }
            (true, false) => self.doubt(names.dump(), "it has no manifest"),
            (false, true) if !has(Part::Partial) => {
                self.doubt(names.manifest(), "there is no dump beside it");
            }
            (true, true) => match reliable(names) {
                Ok(backup) => self.backups.push(backup),
                Err(error) => self.doubt(names.dump(), &error.to_string()),
            },
            (false, _) => {}
        }
    }

    fn doubt(&mut self, path: PathBuf, reason: &str) {
        self.unverified.push(Unverified { path, reason: reason.to_owned() });
    }
}

/// A backup as its manifest says, with files of the right sizes.
fn reliable(names: &Names) -> Result<Backup, BackupError> {
    let (path, manifest) = (names.dump(), Manifest::read(&names.manifest())?);
    if manifest.file != names.file() {
        let problem = format!("it is the one of {}", manifest.file);
        return Err(BackupError::Manifest { path: names.manifest(), problem });
    }
    let damaged = |problem| BackupError::Damaged { path: path.clone(), problem };
    for (file, place) in files(&path, &manifest) {
        let bytes = fs::metadata(&place).map_err(BackupError::read(&place))?.len();
        if bytes != file.bytes {
            let problem = format!("{} has {bytes} bytes instead of {}", file.name, file.bytes);
            return Err(damaged(problem));
        }
    }
    Ok(Backup { path, manifest })
}

/// The files of a backup and where they are.
fn files<'m>(path: &Path, manifest: &'m Manifest) -> impl Iterator<Item = (&'m FileSum, PathBuf)> {
    let is_folder = manifest.kind == Kind::Directory;
    manifest
        .files
        .iter()
        .map(move |it| (it, if is_folder { path.join(&it.name) } else { path.to_owned() }))
}

fn verify(backup: &Backup) -> Result<(), BackupError> {
    let names = backup.names()?;
    let found = reliable(&names)?;
    let damaged = |problem| BackupError::Damaged { path: backup.path.clone(), problem };
    let Manifest { level, pinned, .. } = backup.manifest.clone();
    if (Manifest { level, pinned, ..found.manifest }) != backup.manifest {
        return Err(damaged("its manifest is another one than it was".to_owned()));
    }
    if backup.manifest.kind == Kind::Directory {
        let mut there: Vec<String> = fs::read_dir(&backup.path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(BackupError::read(&backup.path))?
            .iter()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        there.sort();
        let known = backup.manifest.files.iter().map(|file| &file.name);
        if !there.iter().eq(known) {
            return Err(damaged("it has other files than it had".to_owned()));
        }
    }
    for (file, place) in files(&backup.path, &backup.manifest) {
        let (bytes, sha256) = stream::sum(&place).map_err(BackupError::read(&place))?;
        if (bytes, &sha256) != (file.bytes, &file.sha256) {
            return Err(damaged(format!("{} has not the SHA-256 that it had", file.name)));
        }
    }
    Ok(())
}

/// Where the clock can't have been right, for backups that are the newest first.
pub(super) fn anomalies(backups: &[Backup], now: Timestamp) -> Vec<String> {
    let mut told = Vec::new();
    let mut later: Option<&Backup> = None;
    for backup in backups {
        let (name, at) = (&backup.manifest.file, backup.manifest.created_at);
        if at > now.saturating_add(SLACK).unwrap_or(now) {
            told.push(format!("{name} says that it was made in the future, at {at}"));
        } else if at.as_second() < EARLIEST {
            told.push(format!("{name} says that it was made at {at}, by a clock that was not set"));
        } else {
            if let Some(later) = later.map(|it| &it.manifest) {
                if later.sequence == backup.manifest.sequence {
                    told.push(format!("{name} and {} have one number", later.file));
                } else if later.created_at < at {
                    told.push(format!(
                        "{name} was made before {} and says that it was made after it",
                        later.file
                    ));
                }
            }
            later = Some(backup);
        }
    }
    told
}
