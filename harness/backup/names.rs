//! How the files of a backup are named.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

const BEGIN: &str = "pre-migration-";
const DUMP: &str = ".dump";
const MANIFEST: &str = ".manifest.json";
const PARTIAL: &str = ".partial";
const LEASE: &str = ".lease";

/// What the files of one backup have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Names {
    folder: PathBuf,
    stem: String,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Dump,
    Manifest,
    Partial,
    PartialManifest,
    Lease,
}

impl Names {
    /// The names of a backup of this time, the `nth` one within its second.
    pub(super) fn new(folder: &Path, time: Timestamp, nth: u32) -> Self {
        let time = time.strftime("%Y%m%dT%H%M%SZ");
        let nth = if nth > 1 { format!("-{nth}") } else { String::new() };
        Self { folder: folder.to_owned(), stem: format!("{BEGIN}{time}{nth}") }
    }

    /// The backup that a file belongs to, and which of its files it is.
    pub(super) fn of(path: &Path) -> Option<(Self, Part)> {
        let (folder, name) = (path.parent()?, path.file_name()?.to_str()?);
        let parts = [
            (LEASE, Part::Lease),
            (DUMP, Part::Dump),
            (MANIFEST, Part::Manifest),
            (".dump.partial", Part::Partial),
            (".manifest.json.partial", Part::PartialManifest),
        ];
        let visible = name.strip_prefix('.').filter(|_| name.ends_with(LEASE)).unwrap_or(name);
        let (stem, part) =
            parts.iter().find_map(|(end, part)| Some((visible.strip_suffix(end)?, *part)))?;
        let names = Self { folder: folder.to_owned(), stem: stem.to_owned() };
        stem.starts_with(BEGIN).then_some((names, part))
    }

    /// The name of the dump without its folder.
    pub(super) fn file(&self) -> String {
        format!("{}{DUMP}", self.stem)
    }

    pub(super) fn dump(&self) -> PathBuf {
        self.folder.join(self.file())
    }

    pub(super) fn manifest(&self) -> PathBuf {
        self.with(MANIFEST)
    }

    pub(super) fn partial(&self) -> PathBuf {
        self.with(&format!("{DUMP}{PARTIAL}"))
    }

    pub(super) fn partial_manifest(&self) -> PathBuf {
        self.with(&format!("{MANIFEST}{PARTIAL}"))
    }

    /// Hidden, since it says nothing to people.
    pub(super) fn lease(&self) -> PathBuf {
        self.folder.join(format!(".{}{LEASE}", self.stem))
    }

    fn with(&self, end: &str) -> PathBuf {
        self.folder.join(format!("{}{end}", self.stem))
    }
}

#[cfg(test)]
mod tests {
    use super::{Names, Part, Path, Timestamp};

    #[test]
    fn files_are_known_by_their_names() {
        let time: Timestamp = "2026-11-24T03:53:23.7Z".parse().unwrap();
        let names = Names::new(Path::new("b"), time, 1);
        assert_eq!(names.dump(), Path::new("b/pre-migration-20261124T035323Z.dump"));
        assert_eq!(
            Names::new(Path::new("b"), time, 2).file(),
            "pre-migration-20261124T035323Z-2.dump"
        );
        for (path, part) in [
            (names.dump(), Part::Dump),
            (names.manifest(), Part::Manifest),
            (names.partial(), Part::Partial),
            (names.partial_manifest(), Part::PartialManifest),
            (names.lease(), Part::Lease),
        ] {
            assert_eq!(Names::of(&path), Some((names.clone(), part)), "{}", path.display());
        }
        for other in ["b/nightly.dump", "b/pre-migration-1.txt", "b/.sequence"] {
            assert_eq!(Names::of(Path::new(other)), None);
        }
    }
}
