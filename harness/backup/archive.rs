//! Telling the kinds of backup apart by their first bytes.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::BackupError;

/// How a backup is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveKind {
    /// `pg_dump -Fc`: one compressed file.
    Custom,
    /// `pg_dump -Fd`: a folder with `toc.dat`.
    Directory,
    /// `pg_dump -Ft`: a tar file.
    Tar,
    /// `pg_dump -Fp`: SQL for psql.
    Plain,
}

/// A backup on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The file or folder.
    pub path: PathBuf,
    /// How it is stored.
    pub kind: ArchiveKind,
}

impl Archive {
    /// Looks at the first bytes of `path`.
    pub fn open(path: &Path) -> Result<Self, BackupError> {
        let read = |source| BackupError::Read { path: path.to_owned(), source };
        let unknown = |problem: &str| BackupError::Unknown {
            path: path.to_owned(),
            problem: problem.to_owned(),
        };
        let metadata = std::fs::metadata(path).map_err(read)?;
        if metadata.is_dir() {
            return if path.join("toc.dat").is_file() {
                Ok(Self { path: path.to_owned(), kind: ArchiveKind::Directory })
            } else {
                Err(unknown("the folder has no toc.dat"))
            };
        }
        let mut head = Vec::new();
        File::open(path).and_then(|file| file.take(512).read_to_end(&mut head)).map_err(read)?;
        let kind = if head.starts_with(b"PGDMP") {
            ArchiveKind::Custom
        } else if head.starts_with(b"toc.dat\0") {
            ArchiveKind::Tar
        } else if head.is_empty() {
            return Err(unknown("the file is empty"));
        } else if head.contains(&0) {
            return Err(unknown("it is neither an archive of pg_dump nor SQL text"));
        } else {
            ArchiveKind::Plain
        };
        Ok(Self { path: path.to_owned(), kind })
    }
}

#[cfg(test)]
mod tests {
    use super::{Archive, ArchiveKind, PathBuf};

    #[test]
    fn kinds_are_told_by_their_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let kind = |path: PathBuf| Archive::open(&path).map(|archive| archive.kind).ok();
        assert_eq!(kind(write("a", b"PGDMP\x01\x0e")), Some(ArchiveKind::Custom));
        assert_eq!(
            kind(write("b", b"--\n-- PostgreSQL database dump\n")),
            Some(ArchiveKind::Plain)
        );
        assert_eq!(kind(write("c", b"\x1f\x8b\x00\x00")), None);
        assert_eq!(kind(write("d", b"")), None);
        assert_eq!(kind(folder.path().to_owned()), None);
        write("toc.dat", b"PGDMP");
        assert_eq!(kind(folder.path().to_owned()), Some(ArchiveKind::Directory));
    }
}
