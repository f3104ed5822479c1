//! What lies in a folder and looks like a backup, but is none of ours.
//!
//! Knows first bytes and endings of names. Must not know whether any of it can be restored.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::archive::{Archive, ArchiveKind};
use super::names::Names;
use super::{BackupError, Packing};

/// A file or folder that looks like a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Where it is.
    pub path: PathBuf,
    /// When it was written last.
    pub modified: Timestamp,
    /// Its size, with all that is in a folder.
    pub bytes: u64,
}

/// Endings of what people call backups, whatever is in them.
const ENDINGS: [&str; 13] = [
    "dump", "sql", "backup", "bak", "pgdump", "pgc", "tar", "gz", "zst", "lz4", "bz2", "xz", "tgz",
];
/// Endings of what is not there yet.
const UNFINISHED: [&str; 4] = ["partial", "part", "tmp", "crdownload"];

/// All of them, in no order. Hidden ones, those that are being written and those of ours are left out.
pub fn foreign(folder: &Path) -> Result<Vec<Foreign>, BackupError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(BackupError::read(folder))? {
        let path = entry.map_err(BackupError::read(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ending = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        let is_other = name.starts_with('.') || UNFINISHED.contains(&ending);
        if is_other || Names::of(&path).is_some() || !looks_like_one(&path, ending) {
            continue;
        }
        let about = fs::metadata(&path).map_err(BackupError::read(&path))?;
        let modified = about.modified().map_err(BackupError::read(&path))?;
        // The time of a folder is that of the last file in it that came or went.
        let modified = Timestamp::try_from(modified).unwrap_or(Timestamp::UNIX_EPOCH);
        found.push(Foreign { bytes: size(&path), modified, path });
    }
    Ok(found)
}

/// One that was named.
pub fn one_foreign(path: &Path) -> Result<Foreign, BackupError> {
    let about = fs::metadata(path).map_err(BackupError::read(path))?;
    let modified = about.modified().map_err(BackupError::read(path))?;
    let modified = Timestamp::try_from(modified).unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(Foreign { path: path.to_owned(), modified, bytes: size(path) })
}

/// Whether it is the data directory of a server, as `pg_basebackup` and a stopped server leave it.
pub fn is_physical(path: &Path) -> bool {
    path.join("PG_VERSION").is_file() && path.join("global/pg_control").is_file()
}

fn looks_like_one(path: &Path, ending: &str) -> bool {
    if path.is_dir() {
        return path.join("toc.dat").is_file() || is_physical(path);
    }
    // One of such a name may be damaged from its first byte on.
    let is_named = ENDINGS.contains(&ending);
    let is_archive = || {
        let archive = Archive::open(path);
        archive.is_ok_and(|it| matches!(it.kind, ArchiveKind::Custom | ArchiveKind::Tar))
    };
    is_named || is_archive() || matches!(Packing::of(path), Ok(Some(_)))
}

pub(super) fn size(path: &Path) -> u64 {
    let Ok(about) = fs::symlink_metadata(path) else { return 0 };
    if !about.is_dir() {
        return fs::metadata(path).map_or(0, |about| about.len());
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| size(&entry.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::foreign;

    #[test]
    fn backups_of_others_are_known_by_name_or_content() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        for (name, bytes) in [
            ("nightly", &b"PGDMP\x01"[..]),
            ("empty.dump", b""),
            ("shop.sql.gz", b"\x1f\x8b\x08"),
            ("packed", b"\x28\xb5\x2f\xfd"),
            ("folder/toc.dat", b"PGDMP"),
            ("base/PG_VERSION", b"15\n"),
            ("base/global/pg_control", b"x"),
            // None of these.
            ("readme.txt", b"hello"),
            ("late.dump.partial", b"PGDMP"),
            (".hidden.dump", b"PGDMP"),
            ("pre-migration-20261124T035323Z.dump", b"PGDMP"),
            ("pre-migration-20261124T035323Z.manifest.json", b"{}"),
            ("other/file", b"PGDMP"),
        ] {
            write(name, bytes);
        }
        let mut found: Vec<String> = foreign(folder.path())
            .unwrap()
            .iter()
            .map(|it| it.path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        found.sort();
        assert_eq!(found, ["base", "empty.dump", "folder", "nightly", "packed", "shop.sql.gz"]);
    }
}
