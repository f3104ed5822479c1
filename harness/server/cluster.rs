//! Data directories: `initdb` once into the cache, then a copy for each server.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::account::Account;
use super::error::tail;
use super::install::Installation;
use super::{Profile, ServerError, place};

/// The superuser of every server that we make.
pub(super) const SUPERUSER: &str = "postgres";
/// Sorting by code point with Unicode's letters; where the system lacks it, plain C.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

/// The options of `initdb` for servers of this profile.
fn options(profile: Profile) -> Vec<&'static str> {
    let mut options = vec![
        "--no-sync",
        "--no-instructions",
        "--auth=trust",
        "--username=postgres",
        "--encoding=UTF8",
    ];
    if profile == Profile::Fast {
        // Small files: what is copied for each server is mostly these.
        options.push("--wal-segsize=1");
    }
    options
}

/// An initialised data directory in the cache, made now if it was not there. Any number of
/// processes may ask at once; one of them makes it, and only a whole one has the final name.
pub(super) fn prepared(
    installation: &Installation,
    profile: Profile,
    cache: &Path,
    account: &Account,
) -> Result<PathBuf, ServerError> {
    let clusters = cache.join(format!("clusters-{}", account.uid));
    place::make_open(cache).map_err(ServerError::at("make", cache))?;
    match DirBuilder::new().mode(0o700).create(&clusters) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(ServerError::at("make", &clusters)(error));
        }
        _ => account.own(&clusters).map_err(ServerError::at("give away", &clusters))?,
    }
    let key = key(installation, profile)?;
    let ready = clusters.join(&key);
    if ready.is_dir() {
        return Ok(ready);
    }
    let path = clusters.join(format!("{key}.lock"));
    let lock = File::create(&path).map_err(ServerError::at("make", &path))?;
    lock.lock().map_err(ServerError::at("lock", &path))?;
    if ready.is_dir() {
        return Ok(ready);
    }
    let fresh = clusters.join(format!("{key}.new"));
    initialise(installation, profile, &fresh, &lock, account)?;
    fs::rename(&fresh, &ready).map_err(ServerError::at("rename", &fresh))?;
    Ok(ready)
}

/// How data directories are made, in one line.
pub(super) fn settings(profile: Profile) -> String {
    format!("{LOCALES:?} {:?}", options(profile))
}

/// The name in the cache: the version for people, and a digest of all that matters.
fn key(installation: &Installation, profile: Profile) -> Result<String, ServerError> {
    let program = installation.bin.join("postgres");
    let about = fs::metadata(&program).map_err(ServerError::at("look at", &program))?;
    let text = format!(
        "{} {} {} {} {}",
        installation.version,
        program.display(),
        about.len(),
        about.mtime(),
        settings(profile),
    );
    let digest = Sha256::digest(text.as_bytes());
    Ok(format!("{}-{}", installation.version, place::hex(digest.iter().take(8))))
}

fn initialise(
    installation: &Installation,
    profile: Profile,
    folder: &Path,
    lock: &File,
    account: &Account,
) -> Result<(), ServerError> {
    let program = installation.bin.join("initdb");
    let mut output = String::new();
    for locale in LOCALES {
        // What an interrupted run left; we hold the lock.
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(ServerError::at("remove", folder))?;
        }
        let done = account
            .command(&program)
            .arg("-D")
            .arg(folder)
            .arg(format!("--locale={locale}"))
            .args(options(profile))
            // If we are killed it works on, and nobody else may begin before it has ended: it
            // has the lock too.
            .stdin(lock.try_clone().map_err(ServerError::at("share the lock on", folder))?)
            .output()
            .map_err(ServerError::at("run", &program))?;
        if done.status.success() {
            return Ok(());
        }
        output = String::from_utf8_lossy(&done.stderr).into_owned();
    }
    Err(ServerError::Initdb { program, output: tail(&output, 10) })
}

/// Belongs to the running server, not to its data.
const OF_THE_PROCESS: [&str; 2] = ["postmaster.pid", "postmaster.opts"];

/// Copies a data directory; on file systems that can, the copy shares its blocks.
pub(super) fn copy(from: &Path, to: &Path, account: &Account) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(to)?;
    account.own(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if OF_THE_PROCESS.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        // Tablespaces lie elsewhere; whoever has one copies it there.
        if from.ends_with("pg_tblspc") && entry.file_type()?.is_symlink() {
            continue;
        }
        let target = to.join(entry.file_name());
        // WAL may lie elsewhere as well, and becomes a folder.
        if entry.path().is_dir() {
            copy(&entry.path(), &target, account)?;
        } else {
            fs::copy(entry.path(), &target)?;
            account.own(&target)?;
        }
    }
    Ok(())
}
