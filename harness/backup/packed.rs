//! Backups that another program has compressed: which one, told by the first bytes, and out again.
//!
//! Knows programs of the system. Must not know what is inside.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::child::{Child, command};
use super::{BackupError, stream};

/// What compressed a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// `gzip`
    Gzip,
    /// `zstd`
    Zstd,
    /// `lz4`
    Lz4,
    /// `bzip2`
    Bzip2,
    /// `xz`
    Xz,
}

const SIGNS: [(Packing, &[u8]); 5] = [
    (Packing::Gzip, &[0x1f, 0x8b]),
    (Packing::Zstd, &[0x28, 0xb5, 0x2f, 0xfd]),
    (Packing::Lz4, &[0x04, 0x22, 0x4d, 0x18]),
    (Packing::Bzip2, b"BZh"),
    (Packing::Xz, &[0xfd, b'7', b'z', b'X', b'Z', 0]),
];

impl Packing {
    /// Looks at the first bytes of `path`; `None` for a folder and for what is not compressed.
    pub fn of(path: &Path) -> Result<Option<Self>, BackupError> {
        if path.is_dir() {
            return Ok(None);
        }
        let mut head = Vec::new();
        File::open(path)
            .and_then(|file| file.take(6).read_to_end(&mut head))
            .map_err(BackupError::read(path))?;
        let found = SIGNS.iter().find(|(_, sign)| head.starts_with(sign));
        Ok(found.map(|(packing, _)| *packing))
    }

    /// The program that made it and reads it.
    pub fn program(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        }
    }

    /// Writes what is inside of `path` into the new file `to`. All of these programs have sums over
    /// what they packed: what is damaged, or cut off, is an error.
    pub async fn unpack(self, path: &Path, to: &Path) -> Result<(), BackupError> {
        let program = self.program();
        let file = File::open(path).map_err(BackupError::read(path))?;
        let out = stream::new_file(to).map_err(BackupError::write(to))?;
        let mut command = command(Path::new(program));
        command.arg("-dc").stdout(out);
        let child = Child::start_reading(command, file.into());
        let child = child.map_err(|source| BackupError::NoUnpacker { program, source })?;
        let output = child.output().await.map_err(BackupError::read(path))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        // Of its words the last ones: what lies between names a file that we gave it.
        let said = said.trim().rsplit(": ").next().unwrap_or_default();
        let problem = format!("{program} can't unpack it: {said}");
        Err(BackupError::Damaged { path: path.to_owned(), problem })
    }
}

#[cfg(test)]
mod tests {
    use super::Packing;

    #[test]
    fn packings_are_told_by_their_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it");
        for (bytes, packing) in [
            (&b"\x1f\x8b\x08\0\0"[..], Some(Packing::Gzip)),
            (b"\x28\xb5\x2f\xfd\0", Some(Packing::Zstd)),
            (b"\x04\x22\x4d\x18", Some(Packing::Lz4)),
            (b"BZh91AY", Some(Packing::Bzip2)),
            (b"\xfd7zXZ\0\0", Some(Packing::Xz)),
            (b"PGDMP", None),
            (b"", None),
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(Packing::of(&path).unwrap(), packing, "{bytes:?}");
        }
        assert_eq!(Packing::of(folder.path()).unwrap(), None);
    }
}
