//! What stands beside a dump, and says what it is: without it a dump is no backup.
//!
//! Knows its form on disk and whether somebody edited it. Must not know where it lies.

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{BackupError, Contents};

/// The form that this program writes, and the only one that it reads.
pub const FORMAT: u32 = 2;
/// The key of the digest over everything else.
const SEAL: &str = "seal";

/// How a dump is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `pg_dump -Fc`: one file.
    Custom,
    /// `pg_dump -Fd`: a folder.
    Directory,
}

/// What has been proven of a backup; each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
#[repr(u8)]
pub enum Level {
    /// It was written without an error.
    Written = 0,
    /// What is on disk has the digest of what was written.
    Checksummed = 1,
    /// `pg_restore` could read all of it.
    Decoded = 2,
    /// It was restored, with the rows and hashes that the manifest names.
    Restored = 3,
    /// The restored copy passed more checks.
    Proven = 4,
}

impl From<Level> for u8 {
    fn from(level: Level) -> Self {
        level as Self
    }
}

impl TryFrom<u8> for Level {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        let levels =
            [Self::Written, Self::Checksummed, Self::Decoded, Self::Restored, Self::Proven];
        let level = levels.get(usize::from(number)).copied();
        level.ok_or_else(|| format!("there is no level {number}"))
    }
}

/// One file of a dump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSum {
    /// Its name; in a folder of `-Fd` the name within that.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 of what was written, in 64 hexadecimal digits.
    pub sha256: String,
}

/// What is known of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The file or folder beside the manifest.
    pub file: String,
    /// How it is stored.
    pub kind: Kind,
    /// When it was begun, by this machine's clock: just before the snapshot.
    pub created_at: Timestamp,
    /// Counts the backups of a folder: what tells their order where a clock went wrong.
    pub sequence: u64,
    /// The database's name.
    pub database: String,
    /// The run that made it.
    pub run: String,
    /// The version of this program.
    pub stairway: String,
    /// The server's version, for example `15.18`.
    pub server: String,
    /// The server's major version, for example 15.
    pub major: u32,
    /// The version of `pg_dump`.
    pub pg_dump: String,
    /// Which cluster it is, as `pg_control_system()` tells.
    pub system_identifier: Option<String>,
    /// The timeline; `None` on a standby.
    pub timeline: Option<u32>,
    /// Where the write-ahead log was just before the dump, for example `0/15D68A8`; `None` on a
    /// standby.
    pub lsn: Option<String>,
    /// `pg_current_snapshot()`: which transactions the dump sees.
    pub snapshot: String,
    /// The size of all files together.
    pub bytes: u64,
    /// All files: one, or those of the folder by name.
    pub files: Vec<FileSum>,
    /// What the dump holds.
    pub contents: Contents,
    /// The digest of the schema, if the caller gave one.
    pub schema_digest: Option<String>,
    /// The versions of the migrations that were applied, if the caller gave them.
    pub applied: Vec<String>,
    /// What has been proven of it.
    pub level: Level,
    /// Why it must stay, for example because a run failed after it.
    pub pinned: Option<String>,
}

impl Manifest {
    /// The digest of a backup that is one file; of a folder, that of all digests and names.
    pub fn sha256(&self) -> String {
        if let ([file], Kind::Custom) = (self.files.as_slice(), self.kind) {
            return file.sha256.clone();
        }
        let lines = self.files.iter().map(|it| format!("{}  {}\n", it.sha256, it.name));
        hex(&Sha256::digest(lines.collect::<String>()))
    }

    /// The text of the file, with a digest over all that it says.
    pub fn seal(&self) -> serde_json::Result<String> {
        let mut value = serde_json::to_value(self)?;
        if let Value::Object(fields) = &mut value {
            let seal = digest(fields);
            fields.insert(SEAL.to_owned(), Value::String(seal));
        }
        serde_json::to_string_pretty(&value).map(|text| text + "\n")
    }

    /// Reads the file at `path`.
    pub(super) fn read(path: &Path) -> Result<Self, BackupError> {
        let text = std::fs::read_to_string(path).map_err(BackupError::read(path))?;
        Self::unseal(&text, path)
    }

    /// Reads the text of the file at `path`, if nobody edited it.
    fn unseal(text: &str, path: &Path) -> Result<Self, BackupError> {
        let wrong = |problem: String| BackupError::Manifest { path: path.to_owned(), problem };
        let mut value: Value =
            serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let fields = value.as_object_mut().ok_or_else(|| wrong("it is no object".to_owned()))?;
        let format = fields.get("format").and_then(Value::as_u64);
        if format != Some(u64::from(FORMAT)) {
            let found = format.map_or("no format".to_owned(), |format| format!("format {format}"));
            return Err(wrong(format!(
                "it is of {found}, and this version reads format {FORMAT} only: the dump beside it is \
                 one for pg_restore"
            )));
        }
        let seal = fields.remove(SEAL);
        if seal.as_ref().and_then(Value::as_str) != Some(digest(fields).as_str()) {
            return Err(wrong("it was edited".to_owned()));
        }
        serde_json::from_value(value).map_err(|error| wrong(error.to_string()))
    }
}

fn digest(fields: &Map<String, Value>) -> String {
    // By name, whatever the order in which this build of the library keeps them.
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    let mut hasher = Sha256::new();
    for (name, value) in sorted {
        hasher.update(format!("{name}={value}\n"));
    }
    hex(&hasher.finalize())
}

/// Bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
