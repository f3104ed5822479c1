//! What an archive says of itself: of which database, by which version, when; and whether it ends
//! where `pg_dump` ended.
//!
//! Knows the head of `pg_restore --list`, and the first and last lines of plain dumps.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::Stdio;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::archive::{Archive, ArchiveKind};
use super::child::{Child, command};
use super::{BackupError, first_line};

/// What an archive says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The database that it was made of.
    pub database: Option<String>,
    /// The major version of that database's server.
    pub major: Option<u32>,
    /// When it was begun, as if the clock there showed UTC: an archive has no time zone.
    pub clock: Option<Timestamp>,
    /// Of a plain dump by `pg_dump`, whether its last line is there; of a tar file, whether its end is:
    /// `pg_restore` looks for the end of one that is cut off for ever.
    pub is_whole: Option<bool>,
}

/// So much of a plain dump is read at its head and at its end, in bytes.
const LOOK: u64 = 1 << 14;

impl Archive {
    /// Reads what it says of itself; `programs` is the folder of a `pg_restore` that is not older.
    pub async fn about(&self, programs: &Path) -> Result<About, BackupError> {
        if self.kind == ArchiveKind::Plain {
            return plain(&self.path).map_err(BackupError::read(&self.path));
        }
        let program = programs.join("pg_restore");
        let mut command = command(&program);
        command.arg("--list").arg(&self.path).stdout(Stdio::piped()).env("TZ", "UTC");
        let child = Child::start(command).map_err(BackupError::program(&program))?;
        let output = child.output().await.map_err(BackupError::program(&program))?;
        if !output.status.success() {
            return Err(BackupError::Unreadable {
                program: "pg_restore".to_owned(),
                path: self.path.clone(),
                message: first_line(&output.stderr),
            });
        }
        let about = listed(&String::from_utf8_lossy(&output.stdout));
        if self.kind != ArchiveKind::Tar {
            return Ok(about);
        }
        let is_whole = tar_is_whole(&self.path).map_err(BackupError::read(&self.path))?;
        Ok(About { is_whole: Some(is_whole), ..about })
    }
}

impl Archive {
    /// Fails if it is a tar file that is cut off: `pg_restore` looks for its end for ever.
    pub fn ends(&self) -> Result<(), BackupError> {
        let is_tar = self.kind == ArchiveKind::Tar;
        if !is_tar || tar_is_whole(&self.path).map_err(BackupError::read(&self.path))? {
            return Ok(());
        }
        Err(BackupError::Unreadable {
            program: "pg_restore".to_owned(),
            path: self.path.clone(),
            message: "the tar file is cut off".to_owned(),
        })
    }
}

/// Whether all members of a tar file are there, with the block of zeros behind them.
fn tar_is_whole(path: &Path) -> std::io::Result<bool> {
    const BLOCK: u64 = 512;
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let (mut at, mut head) = (0, [0; 512]);
    while at + BLOCK <= length {
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut head)?;
        if head.iter().all(|byte| *byte == 0) {
            return Ok(true);
        }
        let Some(size) = head.get(124..136).and_then(member_size) else { return Ok(false) };
        at += BLOCK + size.div_ceil(BLOCK) * BLOCK;
    }
    Ok(false)
}

/// In octal digits, or as a number of which the first bit says so.
fn member_size(field: &[u8]) -> Option<u64> {
    if field.first().is_some_and(|byte| byte & 0x80 != 0) {
        let bytes = field.last_chunk::<8>()?;
        return Some(u64::from_be_bytes(*bytes));
    }
    let digits = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(digits.trim_matches(['\0', ' ']), 8).ok()
}

/// Reads the comments that `pg_restore --list` begins with.
fn listed(text: &str) -> About {
    let mut about = About::default();
    for line in text.lines().map_while(|line| line.strip_prefix(';')) {
        let line = line.trim();
        if let Some(at) = line.strip_prefix("Archive created at ") {
            let clock = at.get(..19).and_then(|it| it.parse::<DateTime>().ok());
            about.clock = clock
                .and_then(|clock| clock.to_zoned(TimeZone::UTC).ok())
                .map(|zoned| zoned.timestamp());
        } else if let Some(name) = line.strip_prefix("dbname: ") {
            about.database = Some(name.to_owned());
        } else if let Some(version) = line.strip_prefix("Dumped from database version: ") {
            about.major = major(version);
        }
    }
    about
}

fn plain(path: &Path) -> std::io::Result<About> {
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    file.by_ref().take(LOOK).read_to_end(&mut head)?;
    let head = String::from_utf8_lossy(&head);
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOOK)))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    let end = String::from_utf8_lossy(&end);
    let after = |lead: &str| head.lines().find_map(|line| line.strip_prefix(lead));
    let is_dump = head.lines().any(|line| line == "-- PostgreSQL database dump");
    Ok(About {
        database: None,
        major: after("-- Dumped from database version ").and_then(major),
        clock: None,
        is_whole: is_dump
            .then(|| end.lines().any(|line| line == "-- PostgreSQL database dump complete")),
    })
}

fn major(version: &str) -> Option<u32> {
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{About, listed, plain};

    #[test]
    fn the_head_of_a_list_is_read() {
        let text = ";\n; Archive created at 2026-11-24 03:53:23 UTC\n;     dbname: shop\n\
                    ;     TOC Entries: 12\n;     Compression: -1\n;     Format: CUSTOM\n\
                    ;     Dumped from database version: 15.18 (Debian 15.18-0+deb12u1)\n\
                    ;     Dumped by pg_dump version: 18.6\n;\n;\n3; 2615 2200 SCHEMA - public ann\n";
        assert_eq!(
            listed(text),
            About {
                database: Some("shop".to_owned()),
                major: Some(15),
                clock: Some("2026-11-24T03:53:23Z".parse().unwrap()),
                is_whole: None,
            }
        );
    }

    #[test]
    fn a_tar_file_that_is_cut_off_is_told() {
        let member = |size: usize| {
            let mut bytes = vec![b'x'; 512 + size.div_ceil(512) * 512];
            let digits = format!("{size:011o}\0");
            bytes[124..136].copy_from_slice(digits.as_bytes());
            bytes
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.tar");
        let whole = [member(7), member(512), member(0), vec![0; 1024]].concat();
        for (length, is_whole) in [(whole.len(), true), (2560, false), (1000, false), (100, false)]
        {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(super::tar_is_whole(&path).unwrap(), is_whole, "{length}");
        }
        assert_eq!(super::member_size(&[0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]), Some(1 << 33));
    }

    #[test]
    fn a_plain_dump_that_is_cut_off_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.sql");
        let head =
            "--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 14.2\n\n";
        let end = "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict x\n";
        let rows = "1\tone\n".repeat(10_000);
        for (text, major, is_whole) in [
            (format!("{head}{rows}{end}"), Some(14), Some(true)),
            (format!("{head}{rows}"), Some(14), Some(false)),
            ("SELECT 1;\n".to_owned(), None, None),
        ] {
            std::fs::write(&path, &text).unwrap();
            let about = plain(&path).unwrap();
            assert_eq!((about.major, about.is_whole), (major, is_whole));
        }
    }
}
