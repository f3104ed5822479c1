//! A physical backup: what `pg_basebackup` leaves, or a server that was stopped.
//!
//! Knows the files in it that say what it is, and `pg_verifybackup`. Must not know how it is started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::child::{Child, command};
use super::{BackupError, first_line};

/// What a data directory says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Physical {
    /// Where it is.
    pub path: PathBuf,
    /// The major version of its server.
    pub major: Option<u32>,
    /// When it was begun, as if the clock there showed UTC.
    pub clock: Option<Timestamp>,
    /// Whether parts of it lie elsewhere.
    pub has_tablespaces: bool,
    /// Whether there is a manifest by `pg_basebackup`.
    pub has_manifest: bool,
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
        let clock = label.lines().find_map(|line| line.strip_prefix("START TIME: "));
        let clock = clock.and_then(|at| at.get(..19)?.parse::<DateTime>().ok());
        let clock = clock.and_then(|clock| clock.to_zoned(TimeZone::UTC).ok());
        let mut links = fs::read_dir(path.join("pg_tblspc")).into_iter().flatten();
        Some(Self {
            path: path.to_owned(),
            major: version.trim().parse().ok(),
            clock: clock.map(|zoned| zoned.timestamp()),
            has_tablespaces: links.next().is_some(),
            has_manifest: path.join("backup_manifest").is_file(),
        })
    }

    /// Reads all of it, held against its manifest, by `pg_verifybackup` of the folder `programs`.
    pub async fn verify(&self, programs: &Path) -> Result<Verified, BackupError> {
        let program = programs.join("pg_verifybackup");
        if !program.is_file() {
            let why = format!("there is no pg_verifybackup in {}", programs.display());
            return Ok(Verified::Unable(why));
        }
        let mut command = command(&program);
        command.arg("--quiet").arg(&self.path).stdout(Stdio::null());
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
            "START WAL LOCATION: 0/2000028\nSTART TIME: 2026-11-24 03:53:23 UTC\n",
        );
        let found = Physical::open(folder.path()).unwrap();
        assert_eq!(
            (found.major, found.has_tablespaces, found.has_manifest),
            (Some(15), false, false)
        );
        assert_eq!(found.clock, Some("2026-11-24T03:53:23Z".parse().unwrap()));
    }
}
