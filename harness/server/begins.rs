//! What the data directory of a server begins as: one of `initdb`, one that was kept, or a physical
//! backup, whose settings are not taken along.
//!
//! Knows files. Must not know who made them.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::account::Account;
use super::cluster::{self, SUPERUSER};

/// How long a server may take to come up.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same for one that has to replay what was written while a backup was made.
const RECOVERY: Duration = Duration::from_hours(1);

/// What a data directory begins as.
#[derive(Clone, Debug)]
pub(super) enum Begins {
    /// As `initdb` leaves one.
    Fresh,
    /// As this one was kept.
    Kept(PathBuf),
    /// As `pg_basebackup` or a stopped server left this one, with a superuser of this name.
    Backup(PathBuf, String),
}

/// What a server of a backup must not go by: settings that somebody made there, and what has it wait for
/// another server.
const LEFT: [&str; 5] = [
    "postgresql.auto.conf",
    "standby.signal",
    "recovery.signal",
    "postmaster.pid",
    "postmaster.opts",
];

impl Begins {
    /// The data directory that is copied, if it is not to be a fresh one.
    pub(super) fn from(&self) -> Option<&Path> {
        match self {
            Self::Fresh => None,
            Self::Kept(folder) | Self::Backup(folder, _) => Some(folder),
        }
    }

    /// The superuser in it.
    pub(super) fn role(&self) -> &str {
        match self {
            Self::Fresh | Self::Kept(_) => SUPERUSER,
            Self::Backup(_, role) => role,
        }
    }

    pub(super) fn patience(&self) -> Duration {
        match self {
            Self::Fresh | Self::Kept(_) => PATIENCE,
            Self::Backup(..) => RECOVERY,
        }
    }

    /// Copies it.
    pub(super) fn copy(&self, from: &Path, to: &Path, account: &Account) -> io::Result<()> {
        cluster::copy(from, to, account)?;
        if let Self::Backup(..) = self {
            for name in LEFT {
                match fs::remove_file(to.join(name)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The settings that say where settings are: those of a backup stay in it, wherever they were.
    pub(super) fn settings(&self, home: &Path, account: &Account) -> io::Result<Vec<OsString>> {
        let Self::Backup(..) = self else { return Ok(Vec::new()) };
        let files = [
            ("config_file", "postgresql.conf", ""),
            ("hba_file", "pg_hba.conf", "local all all trust\n"),
            ("ident_file", "pg_ident.conf", ""),
        ];
        let mut settings = Vec::new();
        for (setting, name, text) in files {
            let path = home.join(name);
            fs::write(&path, text)?;
            account.own(&path)?;
            let mut value = OsString::from(format!("{setting}="));
            value.push(&path);
            settings.extend([OsString::from("-c"), value]);
        }
        Ok(settings)
    }
}
