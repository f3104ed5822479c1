//! Folders: the cache that stays, and the runtime folder that is empty when no server runs.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access, geteuid};

use super::ServerError;
use super::account::Account;
use crate::env;

/// A socket's whole path must fit in 100 bytes or so on every system; this is what we append.
const SOCKET_ROOM: usize = 100 - "/stairway-4294967295/s-0123456789ab/.s.PGSQL.5432".len();
/// What must be free in memory before data is put there, in bytes.
const MEMORY_ROOM: u64 = 1 << 30;

/// Where initialised data directories and unpacked wheels are kept between runs.
pub(super) fn cache(account: &Account) -> Result<PathBuf, ServerError> {
    if let Some(named) = env::CACHE.get() {
        let path = std::path::absolute(&named).map_err(ServerError::io("read STAIRWAY_CACHE"))?;
        return account
            .may_enter(&path)
            .map(|()| path)
            .map_err(|closed| closed_to(account, closed));
    }
    let xdg = env::XDG_CACHE_HOME.get().map(PathBuf::from).filter(|path| path.is_absolute());
    let home = env::HOME.get().map(|home| PathBuf::from(home).join(".cache"));
    let own = xdg.or(home).map(|path| path.join("stairway"));
    let good = |path: &PathBuf| account.may_enter(path).is_ok() && can_be_made(path);
    if let Some(own) = own.filter(good) {
        return Ok(own);
    }
    if account.dropped {
        return Ok(PathBuf::from("/var/cache/stairway"));
    }
    // A user without a home; what others put there in our name is not ours.
    let path = temporary().join(format!("stairway-cache-{}", geteuid()));
    match fs::symlink_metadata(&path) {
        Ok(about) if !about.is_dir() || about.uid() != geteuid().as_raw() => {
            let reason = "it is not a folder of ours; set STAIRWAY_CACHE".to_owned();
            Err(ServerError::Folder { path, reason })
        }
        _ => Ok(path),
    }
}

/// Whether `path` is a folder that we can write to, or could be made into one.
fn can_be_made(path: &Path) -> bool {
    let known = path.ancestors().find(|folder| folder.exists());
    known.is_some_and(|known| access(known, AccessFlags::W_OK | AccessFlags::X_OK).is_ok())
}

fn closed_to(account: &Account, path: PathBuf) -> ServerError {
    let reason = format!("user {}, as whom servers run, may not enter it", account.name);
    ServerError::Folder { path, reason }
}

/// Makes a folder and those above it, open to the user that servers run as, whatever our umask.
pub(super) fn make_open(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        make_open(above)?;
    }
    match fs::create_dir(path) {
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(0o755)),
        Err(_) if path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

fn temporary() -> PathBuf {
    env::TMPDIR.get().map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
}

/// Where running servers live: a folder of our own inside of `STAIRWAY_RUNTIME`, `TMPDIR` or `/tmp`.
pub(super) fn runtime(account: &Account) -> Result<PathBuf, ServerError> {
    let named = env::RUNTIME.get().map(PathBuf::from);
    if let Some(path) = &named {
        make_open(path).map_err(ServerError::at("make", path))?;
    }
    let explicit = named.is_some();
    let base = named.unwrap_or_else(temporary);
    let base = base.canonicalize().map_err(ServerError::at("find", &base))?;
    let fits = base.as_os_str().len() <= SOCKET_ROOM;
    let base = match account.may_enter(&base) {
        Ok(()) if fits => base,
        Err(closed) if explicit => return Err(closed_to(account, closed)),
        _ => Path::new("/tmp").canonicalize().map_err(ServerError::io("find /tmp"))?,
    };
    Ok(base.join(format!("stairway-{}", geteuid())))
}

/// The folder in memory for data directories of `room` bytes and what a server adds to them, or why
/// there is none.
pub(super) fn memory(room: u64) -> Result<PathBuf, String> {
    let needed = MEMORY_ROOM.max(room.saturating_mul(2));
    let base = Path::new("/dev/shm");
    let about = statvfs(base).map_err(|_| "no /dev/shm here".to_owned())?;
    let free = about.blocks_available().saturating_mul(about.fragment_size());
    if free < needed {
        let (free, needed) = (free >> 20, needed >> 20);
        return Err(format!("/dev/shm has {free} MiB free, {needed} are needed"));
    }
    match spare_memory() {
        Some(spare) if spare < needed => {
            let (spare, needed) = (spare >> 20, needed >> 20);
            Err(format!("{spare} MiB of memory are available, {needed} are needed"))
        }
        _ => Ok(memory_root()),
    }
}

/// The folder in memory, whether or not there is room.
pub(super) fn memory_root() -> PathBuf {
    Path::new("/dev/shm").join(format!("stairway-{}", geteuid()))
}

/// Bytes of memory that this machine, or the control group we are in, can still give.
fn spare_memory() -> Option<u64> {
    let about = fs::read_to_string("/proc/meminfo").ok()?;
    let line = about.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let machine = line.trim().trim_end_matches(" kB").parse::<u64>().ok()?.saturating_mul(1024);
    let number = |path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let group = number("/sys/fs/cgroup/memory.max")
        .zip(number("/sys/fs/cgroup/memory.current"))
        .map_or(u64::MAX, |(most, used)| most.saturating_sub(used));
    Some(machine.min(group))
}

/// Makes `root`, or makes sure that it is a folder of ours that nobody else put there.
pub(super) fn make_root(root: &Path, account: &Account) -> Result<(), ServerError> {
    match DirBuilder::new().mode(0o700).create(root) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(ServerError::at("make", root)(error));
        }
        _ => {}
    }
    let about = match fs::symlink_metadata(root) {
        Ok(about) => about,
        // Whoever removed the last server in it also removed it; the caller makes it again.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(ServerError::at("look at", root)(error)),
    };
    if !about.is_dir() || ![geteuid().as_raw(), account.uid].contains(&about.uid()) {
        let reason = "it is not a folder of ours; set STAIRWAY_RUNTIME to another one".to_owned();
        return Err(ServerError::Folder { path: root.to_owned(), reason });
    }
    match account.own(root) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ServerError::at("give away", root)(error))
        }
        _ => Ok(()),
    }
}

/// `bytes` random bytes as hexadecimal digits.
pub(super) fn random(bytes: usize) -> Result<String, ServerError> {
    let mut buffer = vec![0; bytes];
    fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut buffer))
        .map_err(ServerError::io("read /dev/urandom"))?;
    Ok(hex(buffer.iter()))
}

/// Bytes as hexadecimal digits.
pub(super) fn hex<'a>(bytes: impl Iterator<Item = &'a u8>) -> String {
    bytes.fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
