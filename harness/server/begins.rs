//! What the data directory of a server begins as: one of `initdb`, one that was kept, or a physical
//! backup, whose settings are not taken along.
//!
//! Knows files. Must not know who made them.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::account::Account;
use super::cluster::{self, SUPERUSER};

/// How long a server may take to come up.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same for one that has to replay what was written while a backup was made.
const RECOVERY: Duration = Duration::from_hours(1);

/// Where WAL that is replayed lies in the server's folder.
const ARCHIVE: &str = "archive";

/// What a data directory begins as.
#[derive(Clone, Debug)]
pub(super) enum Begins {
    /// As `initdb` leaves one.
    Fresh,
    /// As this one was kept.
    Kept(PathBuf),
    /// As `pg_basebackup` or a stopped server left it.
    Backup(BaseBackup),
}

/// A physical backup that a server is started on, and what belongs to it.
#[derive(Clone, Debug)]
pub struct BaseBackup {
    /// The data directory, which is copied.
    pub folder: PathBuf,
    /// The name of a superuser that it has.
    pub superuser: String,
    /// Its tablespaces, which are copied as well: the object id and the folder of each.
    pub tablespaces: Vec<(String, PathBuf)>,
    /// A folder of WAL that is replayed to its end, on the newest timeline; its files are taken away.
    pub wal: Option<PathBuf>,
}

/// What a server of a backup must not go by: settings that somebody made there, and what has it wait for
/// another server.
const LEFT: [&str; 6] = [
    "postgresql.auto.conf",
    "standby.signal",
    "recovery.signal",
    "postmaster.pid",
    "postmaster.opts",
    // The server would make links to where the tablespaces were.
    "tablespace_map",
];

impl Begins {
    /// The data directory that is copied, if it is not to be a fresh one.
    pub(super) fn from(&self) -> Option<&Path> {
        match self {
            Self::Fresh => None,
            Self::Kept(folder) => Some(folder),
            Self::Backup(backup) => Some(&backup.folder),
        }
    }

    /// The superuser in it.
    pub(super) fn role(&self) -> &str {
        match self {
            Self::Fresh | Self::Kept(_) => SUPERUSER,
            Self::Backup(backup) => &backup.superuser,
        }
    }

    pub(super) fn patience(&self) -> Duration {
        match self {
            Self::Fresh | Self::Kept(_) => PATIENCE,
            Self::Backup(..) => RECOVERY,
        }
    }

    /// Copies it to `to`, and what belongs to it into `home`.
    pub(super) fn copy(
        &self,
        from: &Path,
        to: &Path,
        home: &Path,
        account: &Account,
    ) -> io::Result<()> {
        cluster::copy(from, to, account)?;
        let Self::Backup(backup) = self else { return Ok(()) };
        for name in LEFT {
            match fs::remove_file(to.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        for (oid, folder) in &backup.tablespaces {
            let spaces = home.join("tablespaces");
            fs::create_dir_all(&spaces)?;
            account.own(&spaces)?;
            let (space, link) = (spaces.join(oid), to.join("pg_tblspc").join(oid));
            cluster::copy(folder, &space, account)?;
            symlink(&space, &link)?;
        }
        let Some(wal) = &backup.wal else { return Ok(()) };
        let archive = home.join(ARCHIVE);
        fs::create_dir(&archive)?;
        account.own(&archive)?;
        for entry in fs::read_dir(wal)? {
            let entry = entry?;
            let (from, place) = (entry.path(), archive.join(entry.file_name()));
            if fs::rename(&from, &place).is_err() {
                fs::copy(&from, &place)?;
                fs::remove_file(&from)?;
            }
            account.own(&place)?;
        }
        let signal = to.join("recovery.signal");
        fs::write(&signal, "")?;
        account.own(&signal)
    }

    /// The settings that say where settings are: those of a backup stay in it, wherever they were.
    pub(super) fn settings(&self, home: &Path, account: &Account) -> io::Result<Vec<OsString>> {
        let Self::Backup(backup) = self else { return Ok(Vec::new()) };
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
        if backup.wal.is_some() {
            let archive = home.join(ARCHIVE);
            let restore = format!("restore_command=cp '{}/%f' '%p'", archive.display());
            // Read by nobody meanwhile, it need not have the settings of where it was.
            for setting in [restore.as_str(), "recovery_target_timeline=latest", "hot_standby=off"]
            {
                settings.extend([OsString::from("-c"), setting.into()]);
            }
        }
        Ok(settings)
    }
}
