//! Locks beside backups, which the kernel lets go of when their holder ends, however it ended.
//!
//! A backup's lease is a file of its own: the manifest is replaced when something is recorded, and
//! locks belong to files, not to names.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A backup that nobody deletes as long as this lives.
#[derive(Debug)]
pub struct Lease {
    file: File,
    path: PathBuf,
}

/// Who else may hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// Others that use the backup.
    Shared,
    /// Nobody: it is being written or deleted.
    Alone,
}

impl Lease {
    /// Takes the lease, which is made if it is not there; `None` if somebody else has it.
    pub(super) fn take(path: &Path, hold: Hold) -> io::Result<Option<Self>> {
        loop {
            let file = open(path, OpenOptions::new().create(true))?;
            if !lock(&file, hold)? {
                return Ok(None);
            }
            if is_there(path, &file)? {
                return Ok(Some(Self { file, path: path.to_owned() }));
            }
        }
    }

    /// Makes a lease that is ours alone; `None` if there is one.
    pub(super) fn make(path: &Path) -> io::Result<Option<Self>> {
        let file = match open(path, OpenOptions::new().create_new(true)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(error),
        };
        // Whoever sweeps may have been faster than this lock.
        let is_ours = lock(&file, Hold::Alone)? && is_there(path, &file)?;
        Ok(is_ours.then(|| Self { file, path: path.to_owned() }))
    }

    /// Whether somebody holds it.
    pub(super) fn is_held(path: &Path) -> bool {
        File::open(path).is_ok_and(|file| !matches!(file.try_lock_shared(), Ok(())))
    }

    /// Lets go of it for good: the backup is gone.
    pub(super) fn remove(self) -> io::Result<()> {
        let Self { file, path } = self;
        fs::remove_file(path)?;
        drop(file);
        Ok(())
    }
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.read(true).write(true).truncate(false).mode(0o600).open(path)
}

fn lock(file: &File, hold: Hold) -> io::Result<bool> {
    let locked = match hold {
        Hold::Shared => file.try_lock_shared(),
        Hold::Alone => file.try_lock(),
    };
    match locked {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether the file is still the one of that name: the last holder may have removed it.
fn is_there(path: &Path, file: &File) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(there) => Ok(there.ino() == file.metadata()?.ino()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
