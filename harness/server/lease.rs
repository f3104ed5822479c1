//! Who owns what: each server has a folder of its own with a lease in it, a file that its owner
//! keeps locked. The kernel lets go of the lock when the owner ends, however it ended; what a
//! dead owner left is removed by whoever comes next.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::{ServerError, place, watchdog};

/// The file that says that a folder is ours to remove. What it holds is the folder of the lease.
pub(super) const MARKER: &str = ".stairway";
const LEASE: &str = "lease";
/// The file that says that a server stays although its owner has gone, for a day.
pub(super) const KEEP: &str = "keep";
const KEPT: Duration = Duration::from_hours(24);
/// After this long a folder that never got its final name was left by a dead owner.
const ABANDONED: Duration = Duration::from_mins(10);

/// What a lease says about its server; for the reaper and for curious people.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) backend: String,
    pub(super) owner: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) postmaster: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) container: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) destroy: Option<String>,
}

/// Whose end ends a server.
#[derive(Clone, Debug)]
pub(super) enum Owner {
    /// Ours.
    Us,
    /// That of another process; the folder gets this name, so that others find the server.
    Runner {
        /// The process.
        process: u32,
        /// 12 hexadecimal digits.
        name: String,
    },
}

/// A folder for one server, and the locked file in it.
#[derive(Debug)]
pub(super) struct Lease {
    /// The server's folder, for example `/tmp/stairway-1000/s-0f1e2d3c4b5a`.
    pub(super) home: PathBuf,
    pub(super) facts: Facts,
    file: File,
}

impl Lease {
    /// Makes a folder in `root` with a lease that we hold; the folder belongs to the user that
    /// servers run as if a server works in it, else to ourselves.
    pub(super) fn take(
        root: &Path,
        account: &Account,
        for_server: bool,
        facts: Facts,
    ) -> Result<Self, ServerError> {
        let name = place::random(6)?;
        Self::take_named(root, account, for_server, facts, &name)
    }

    /// The same for a server that `owner`'s end ends.
    pub(super) fn take_for(
        owner: &Owner,
        root: &Path,
        account: &Account,
        facts: Facts,
    ) -> Result<Self, ServerError> {
        match owner {
            Owner::Us => Self::take(root, account, true, facts),
            Owner::Runner { process, name } => {
                let facts = Facts { owner: *process, ..facts };
                Self::take_named(root, account, true, facts, name)
            }
        }
    }

    /// The same with a name of 12 hexadecimal digits. If somebody has it already, the error has
    /// the kind of [`io::ErrorKind::DirectoryNotEmpty`].
    fn take_named(
        root: &Path,
        account: &Account,
        for_server: bool,
        facts: Facts,
        name: &str,
    ) -> Result<Self, ServerError> {
        let home = root.join(format!("s-{name}"));
        let unnamed = make_unnamed(root, account)?;
        let path = unnamed.join(LEASE);
        let make = || {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            file.try_lock().map_err(io::Error::from)?;
            fs::write(unnamed.join(MARKER), home.display().to_string())?;
            if for_server {
                for path in [&path, &unnamed.join(MARKER), &unnamed] {
                    account.own(path)?;
                }
            }
            // Only now can others see it, with its lock held.
            fs::rename(&unnamed, &home)?;
            Ok(file)
        };
        let made = make();
        if made.is_err() {
            for file in [LEASE, MARKER] {
                let _ = fs::remove_file(unnamed.join(file));
            }
            let _ = fs::remove_dir(&unnamed);
        }
        let file = made.map_err(ServerError::at("make the lease", &path))?;
        let mut lease = Self { home, facts: Facts::default(), file };
        lease.record(|known| *known = facts)?;
        Ok(lease)
    }

    /// The lock, for another process to hold as well: it is let go of when all have ended.
    pub(super) fn lock(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Changes what the lease says.
    pub(super) fn record(&mut self, change: impl FnOnce(&mut Facts)) -> Result<(), ServerError> {
        change(&mut self.facts);
        let write = |file: &mut File, facts: &Facts| {
            let text = serde_json::to_string(facts)?;
            file.rewind()?;
            file.set_len(0)?;
            file.write_all(text.as_bytes())
        };
        write(&mut self.file, &self.facts)
            .map_err(ServerError::at("write the lease in", &self.home))
    }

    /// Removes the folder and, if it was the last one, the root that it is in.
    pub(super) fn remove(&self) -> Result<(), ServerError> {
        remove_marked(&self.home).map_err(ServerError::at("remove", &self.home))?;
        if let Some(root) = self.home.parent() {
            let _ = fs::remove_dir(root);
        }
        Ok(())
    }
}

/// Makes a folder in `root` that says who is at work on it, until all is in it that others must
/// see and it gets its final name.
pub(super) fn make_unnamed(root: &Path, account: &Account) -> Result<PathBuf, ServerError> {
    let folder = root.join(format!("n-{}-{}", std::process::id(), place::random(6)?));
    let mut tries = 0;
    loop {
        place::make_root(root, account)?;
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            // Another owner was the last one out and removed the root.
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries < 100 => tries += 1,
            Err(error) => return Err(ServerError::at("make", &folder)(error)),
        }
    }
}

/// Removes a folder of ours with all that is in it, its marker last, so that half of it is still
/// known as ours. Nothing happens to a folder without a marker.
pub(super) fn remove_marked(folder: &Path) -> io::Result<()> {
    if !folder.join(MARKER).is_file() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() == MARKER {
            continue;
        }
        let removed = if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())
        } else {
            fs::remove_file(entry.path())
        };
        removed.or_else(unless_gone)?;
    }
    fs::remove_dir_all(folder).or_else(unless_gone)
}

fn unless_gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Removes what dead owners left in `root` and in memory: their servers first, by the process
/// that works in the data directory, then their folders. Gives the facts of each.
pub(super) fn reap(root: &Path, memory: Option<&Path>) -> Vec<Facts> {
    let mut reaped = Vec::new();
    for folder in folders(root, "s-") {
        if let Some((lock, facts)) = abandoned(&folder) {
            watchdog::clean(&folder, memory, &facts);
            drop(lock);
            reaped.push(facts);
        }
    }
    for folder in memory.map(|memory| folders(memory, "s-")).unwrap_or_default() {
        let home = fs::read_to_string(folder.join(MARKER)).map(PathBuf::from);
        if home.is_ok_and(|home| home.is_absolute() && !home.exists()) {
            watchdog::clean(&folder, None, &Facts::default());
        }
    }
    for root in [Some(root), memory].into_iter().flatten() {
        tidy(root);
    }
    reaped
}

/// The folders in `root` of servers that stay although their owners have gone.
pub(super) fn kept(root: &Path) -> Vec<PathBuf> {
    folders(root, "s-").into_iter().filter(|folder| folder.join(KEEP).is_file()).collect()
}

/// Removes what was left half made or half removed in `root`, and `root` if it is empty.
fn tidy(root: &Path) {
    for folder in folders(root, "n-") {
        if never_named(&folder) {
            for file in [LEASE, MARKER] {
                let _ = fs::remove_file(folder.join(file));
            }
            let _ = fs::remove_dir(&folder);
        }
    }
    for folder in folders(root, "s-") {
        // Only an empty one goes: whoever removed it ended after the marker was gone.
        let _ = fs::remove_dir(&folder);
    }
    let _ = fs::remove_dir(root);
}

/// Whether the folder's owner died, or must have, before it gave the folder its final name.
fn never_named(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let owner = name.split('-').nth(1).and_then(|number| number.parse().ok());
    let is_dead = owner.is_some_and(|owner| kill(Pid::from_raw(owner), None) == Err(Errno::ESRCH));
    let age = fs::metadata(folder).and_then(|about| about.modified());
    let age = age.map(|made| SystemTime::now().duration_since(made).unwrap_or_default());
    is_dead || age.is_ok_and(|age| age > ABANDONED)
}

fn folders(root: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// The lease of a folder whose owner is dead, locked by us from now on.
fn abandoned(folder: &Path) -> Option<(Option<File>, Facts)> {
    if is_kept(folder) {
        return None;
    }
    let path = folder.join(LEASE);
    let file = match OpenOptions::new().read(true).write(true).open(&path) {
        Ok(file) => file,
        // Its removal was interrupted after the lease was gone.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return folder.join(MARKER).is_file().then(|| (None, Facts::default()));
        }
        Err(_) => return None,
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => return None,
    }
    // A server of a test run has the same name again: the lock must be on the file that is there.
    let is_there = fs::metadata(&path).ok().zip(file.metadata().ok());
    if is_there.is_none_or(|(there, ours)| there.ino() != ours.ino()) {
        return None;
    }
    let facts = fs::read_to_string(&path).ok();
    let facts = facts.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    Some((Some(file), facts))
}

/// Which file the lease in `folder` is: one of the same name may take its place.
pub(super) fn identity(folder: &Path) -> Option<u64> {
    fs::metadata(folder.join(LEASE)).ok().map(|about| about.ino())
}

/// Whether a person may still want to look at the server of a dead owner.
fn is_kept(folder: &Path) -> bool {
    let kept = fs::metadata(folder.join(KEEP)).and_then(|about| about.modified()).ok();
    kept.is_some_and(|since| since.elapsed().is_ok_and(|age| age < KEPT))
}

/// Whether somebody holds the lease in `folder`, or may hold it: what we can't look at is theirs.
#[cfg(feature = "container")]
pub(super) fn is_held(folder: &Path) -> bool {
    match File::open(folder.join(LEASE)) {
        Ok(file) => is_kept(folder) || !matches!(file.try_lock_shared(), Ok(())),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Says from where our folders can be seen: this boot of this machine, and this view of its files.
#[cfg(feature = "container")]
pub(super) fn host_id() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let view = fs::read_link("/proc/self/ns/mnt").unwrap_or_default();
    format!("{} {} {}", host_name(), boot.trim(), view.display())
}

/// The name of this machine, for people.
pub(super) fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = if name.trim().is_empty() { "this machine" } else { name.trim() };
    name.to_owned()
}
