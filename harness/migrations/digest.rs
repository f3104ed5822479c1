//! Digests of migrations: what a verdict is about, so that it can't pass for another one.
//!
//! Knows which bytes make a migration what it is. Must not know who asks, nor sign anything.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::history::{History, Migration, Script};

/// A file of a migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileDigest {
    /// Its path within the folder of migrations.
    pub file: PathBuf,
    /// The SHA-256 of its text, in 64 hexadecimal digits.
    pub sha256: String,
}

/// What a migration is, with all that comes before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationDigest {
    /// Its id.
    pub revision: String,
    /// Its files, the upgrade's first.
    pub files: Vec<FileDigest>,
    /// The SHA-256, in 64 hexadecimal digits, of its scripts and of the digests of those that it comes
    /// after: one that differs in anything before it differs here.
    pub digest: String,
}

impl History {
    /// The digests of all migrations, base first.
    pub fn digests(&self) -> Vec<MigrationDigest> {
        let mut known: BTreeMap<&str, String> = BTreeMap::new();
        let mut before: Option<&str> = None;
        let mut digests = Vec::with_capacity(self.migrations.len());
        for migration in &self.migrations {
            let parents: Vec<&str> = if self.tool.knows_parents() {
                migration.lineage.parents.iter().map(String::as_str).collect()
            } else {
                before.into_iter().collect()
            };
            let parents = parents.iter().filter_map(|parent| known.get(parent));
            let digest = digest(self.tool.as_str(), migration, parents);
            digests.push(MigrationDigest {
                revision: migration.revision.clone(),
                files: files(migration, &self.folder),
                digest: digest.clone(),
            });
            known.insert(&migration.version, digest);
            before = Some(&migration.version);
        }
        digests
    }
}

fn scripts(migration: &Migration) -> impl Iterator<Item = &Script> {
    std::iter::once(&migration.upgrade).chain(&migration.downgrade)
}

fn files(migration: &Migration, folder: &Path) -> Vec<FileDigest> {
    let mut files: Vec<FileDigest> = Vec::new();
    for script in scripts(migration) {
        let file = script.path.strip_prefix(folder).unwrap_or(&script.path).to_owned();
        if files.iter().all(|known| known.file != file) {
            files.push(FileDigest { file, sha256: sha256(script.file.as_bytes()) });
        }
    }
    files
}

/// Over parts of known lengths, so that no two lists of parts give the same bytes.
fn digest<'d>(
    tool: &str,
    migration: &Migration,
    parents: impl Iterator<Item = &'d String>,
) -> String {
    let mut hasher = Sha256::new();
    let mut part = |text: &str| {
        hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(text);
    };
    let mut parents: Vec<&String> = parents.collect();
    parents.sort();
    for text in ["stairway migration 1", tool, &migration.revision, &migration.version] {
        part(text);
    }
    part(&parents.len().to_string());
    for parent in parents {
        part(parent);
    }
    for script in scripts(migration) {
        part(&script.file);
        // What is sent, where that is not the file itself.
        part(&script.text);
    }
    hex(&hasher.finalize())
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{MigrationDigest, sha256};
    use crate::migrations::History;

    fn digests(files: &[(&str, &str)]) -> Vec<MigrationDigest> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        History::load(folder.path(), None).unwrap().digests()
    }

    const TWO: [(&str, &str); 4] = [
        ("1_a.up.sql", "CREATE TABLE a ();"),
        ("1_a.down.sql", "DROP TABLE a;"),
        ("2_b.up.sql", "CREATE TABLE b ();"),
        ("2_b.down.sql", "DROP TABLE b;"),
    ];

    #[test]
    fn it_is_the_same_wherever_the_folder_is_and_follows_every_byte_before() {
        let was = digests(&TWO);
        assert_eq!(was, digests(&TWO));
        assert_eq!(was[0].files[0].file.to_str(), Some("1_a.up.sql"));
        assert_eq!(was[0].files[0].sha256, sha256(b"CREATE TABLE a ();"));
        for at in 0..4 {
            let mut files = TWO;
            files[at].1 = "SELECT 1;";
            let is = digests(&files);
            assert_eq!(was[0].digest == is[0].digest, at > 1, "{at}");
            assert_ne!(was[1].digest, is[1].digest, "{at}");
            let touched = usize::from(at > 1);
            assert_eq!(was[1 - touched].files, is[1 - touched].files, "{at}");
        }
    }

    #[test]
    fn what_moves_from_one_script_to_the_other_is_something_else() {
        let mut files = TWO;
        (files[0].1, files[1].1) = (files[1].1, files[0].1);
        assert_ne!(digests(&TWO)[0].digest, digests(&files)[0].digest);
    }
}
