//! A physical backup: what `pg_basebackup` leaves, or a server that was stopped.
//!
//! Knows the files in it that say what it is, and `pg_verifybackup`. Must not know how it is started.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::child::{Child, command};
use super::{BackupError, Segment, first_line};

/// What a data directory says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Physical {
    /// Where it is.
    pub path: PathBuf,
    /// The major version of its server.
    pub major: Option<u32>,
    /// When it was begun, as if the clock there showed UTC.
    pub clock: Option<Timestamp>,
    /// Whether that clock did.
    pub is_utc: bool,
    /// The parts of it that lie elsewhere.
    pub tablespaces: Vec<Tablespace>,
    /// Whether there is a manifest by `pg_basebackup`.
    pub has_manifest: bool,
    /// The segment from which on WAL must be replayed; `None` for a server that was stopped.
    pub first_wal: Option<Segment>,
    /// Whether that segment is not in it.
    pub lacks_wal: bool,
}

/// A folder that holds a part of a server's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tablespace {
    /// Its object id, which is its name in `pg_tblspc`.
    pub oid: String,
    /// Where it is said to be.
    pub path: PathBuf,
    /// Whether it is there.
    pub is_there: bool,
}

/// What PostgreSQL's own check of a physical backup says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// All files are what the manifest says.
    Whole,
    /// They are not, in the program's words.
    Damaged(String),
    /// Nobody could look.
    Unable(String),
}

impl Physical {
    /// Looks at `path`; `None` if it is no data directory.
    pub fn open(path: &Path) -> Option<Self> {
        if !super::is_physical(path) {
            return None;
        }
        let version = fs::read_to_string(path.join("PG_VERSION")).unwrap_or_default();
        let label = fs::read_to_string(path.join("backup_label")).unwrap_or_default();
        let said = |what: &str| label.lines().find_map(|line| line.strip_prefix(what));
        let (mut clock, mut is_utc) = (None, false);
        if let Some(at) = said("START TIME: ") {
            let read = at.get(..19).and_then(|at| at.parse::<DateTime>().ok());
            clock = read.and_then(|clock| clock.to_zoned(TimeZone::UTC).ok());
            is_utc = matches!(at.get(19..).map(str::trim), Some("UTC" | "GMT"));
        }
        let file = said("START WAL LOCATION: ").and_then(|at| at.split_once("(file "));
        let file = file.and_then(|(_, file)| file.split(')').next()).unwrap_or_default();
        let first_wal = Segment::parse(file);
        Some(Self {
            path: path.to_owned(),
            major: version.trim().parse().ok(),
            clock: clock.map(|zoned| zoned.timestamp()),
            is_utc,
            tablespaces: tablespaces(path),
            has_manifest: path.join("backup_manifest").is_file(),
            first_wal,
            lacks_wal: first_wal.is_some() && !path.join("pg_wal").join(file).is_file(),
        })
    }

    /// The bytes of its tablespaces, which lie elsewhere.
    pub fn elsewhere(&self) -> u64 {
        self.tablespaces.iter().map(|it| super::foreign::size(&it.path)).sum()
    }

    /// Reads all of it, held against its manifest, by `pg_verifybackup` of the folder `programs`.
    /// WAL is not looked at if it is to come from elsewhere.
    pub async fn verify(&self, programs: &Path, wal: bool) -> Result<Verified, BackupError> {
        let program = programs.join("pg_verifybackup");
        if !program.is_file() {
            let why = format!("there is no pg_verifybackup in {}", programs.display());
            return Ok(Verified::Unable(why));
        }
        let mut command = command(&program);
        command.arg("--quiet").args((!wal).then_some("--no-parse-wal"));
        command.arg(&self.path).stdout(Stdio::null());
        let child = Child::start(command).map_err(BackupError::program(&program))?;
        let output = child.output().await.map_err(BackupError::program(&program))?;
        if output.status.success() {
            return Ok(Verified::Whole);
        }
        let said = first_line(&output.stderr);
        let said = said.strip_prefix("pg_verifybackup: error: ").map(str::to_owned).unwrap_or(said);
        Ok(Verified::Damaged(said))
    }
}

/// Those that `pg_tblspc` leads to, and those that `tablespace_map` names besides: the server would make
/// their links.
fn tablespaces(data: &Path) -> Vec<Tablespace> {
    let mut found = BTreeMap::new();
    let map = fs::read_to_string(data.join("tablespace_map")).unwrap_or_default();
    for (oid, path) in map.lines().filter_map(|line| line.split_once(' ')) {
        found.insert(oid.to_owned(), PathBuf::from(path));
    }
    for entry in fs::read_dir(data.join("pg_tblspc")).into_iter().flatten().flatten() {
        let oid = entry.file_name().to_string_lossy().into_owned();
        if !oid.bytes().all(|it| it.is_ascii_digit()) {
            continue;
        }
        // A folder, not a link, is one that lies within.
        if entry.file_type().is_ok_and(|it| it.is_symlink()) {
            let link = fs::read_link(entry.path()).unwrap_or_default();
            found.insert(oid, data.join("pg_tblspc").join(link));
        } else {
            found.remove(&oid);
        }
    }
    let there = |(oid, path): (String, PathBuf)| Tablespace { oid, is_there: path.is_dir(), path };
    found.into_iter().map(there).collect()
}

#[cfg(test)]
mod tests {
    use super::Physical;

    #[test]
    fn a_data_directory_says_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        assert_eq!(Physical::open(folder.path()), None);
        write("PG_VERSION", "15\n");
        write("global/pg_control", "x");
        write(
            "backup_label",
            "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n\
             START TIME: 2026-11-24 03:53:23 UTC\n",
        );
        let found = Physical::open(folder.path()).unwrap();
        assert_eq!((found.major, found.has_manifest, found.lacks_wal), (Some(15), false, true));
        assert!(found.first_wal.is_some() && found.tablespaces.is_empty());
        assert_eq!(found.clock, Some("2026-11-24T03:53:23Z".parse().unwrap()));
        assert!(found.is_utc);
        write("pg_wal/000000010000000000000002", "x");
        assert!(!Physical::open(folder.path()).unwrap().lacks_wal);
        write("backup_label", "START TIME: 2026-11-24 03:53:23 CET\n");
        assert!(!Physical::open(folder.path()).unwrap().is_utc);
    }

    #[test]
    fn tablespaces_lie_elsewhere_or_within() {
        let folder = tempfile::tempdir().unwrap();
        let (data, space) = (folder.path().join("data"), folder.path().join("space"));
        for made in ["global", "pg_tblspc/16384"] {
            std::fs::create_dir_all(data.join(made)).unwrap();
        }
        std::fs::create_dir(&space).unwrap();
        std::fs::write(space.join("file"), "12345").unwrap();
        std::fs::write(data.join("PG_VERSION"), "15\n").unwrap();
        std::fs::write(data.join("global/pg_control"), "x").unwrap();
        std::fs::write(data.join("tablespace_map"), "16384 /in/it\n16386 /not here\n16385 /was\n")
            .unwrap();
        std::os::unix::fs::symlink(&space, data.join("pg_tblspc/16385")).unwrap();
        let found = Physical::open(&data).unwrap();
        let told = found.tablespaces.iter().map(|it| (it.oid.as_str(), it.is_there));
        assert_eq!(told.collect::<Vec<_>>(), [("16385", true), ("16386", false)]);
        assert_eq!(found.tablespaces[0].path, space);
        assert_eq!(found.elsewhere(), 5);
    }
}
