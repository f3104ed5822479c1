//! Bytes on their way to disk, and back from it, with their digest.
//!
//! Knows files. Must not know what is in them.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, PipeReader, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::manifest::{FileSum, hex};

/// For their owner only, whatever the umask.
const FILE: u32 = 0o600;
const FOLDER: u32 = 0o700;
/// So much is read at once, in bytes: as much as a pipe can be made to hold.
const CHUNK: usize = 1 << 20;

/// Copies `from` to `to` and tells `progress` how many bytes it were so far. Gives how many it were
/// and their SHA-256: of what was read, not of what is on disk.
pub(super) fn copy(
    mut from: impl Read,
    mut to: impl Write,
    mut progress: impl FnMut(u64),
) -> io::Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut bytes = 0;
    loop {
        let chunk = match from.read(&mut buffer) {
            Ok(0) => return Ok((bytes, hex(&hasher.finalize()))),
            Ok(count) => buffer.get(..count).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(chunk);
        to.write_all(chunk)?;
        bytes += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        progress(bytes);
    }
}

/// The size of a file and its SHA-256.
pub(super) fn sum(path: &Path) -> io::Result<(u64, String)> {
    copy(File::open(path)?, io::sink(), |_| {})
}

/// Makes a file that must not be there yet.
pub(super) fn new_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(FILE).open(path)?;
    file.set_permissions(Permissions::from_mode(FILE))?;
    Ok(file)
}

/// Makes a folder that must not be there yet.
pub(super) fn new_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, Permissions::from_mode(FOLDER))
}

/// Has all files of a folder, and their names, be on disk for their owner only; gives them by name.
pub(super) fn settle_folder(folder: &Path) -> io::Result<Vec<FileSum>> {
    let mut sums = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        fs::set_permissions(entry.path(), Permissions::from_mode(FILE))?;
        let (bytes, sha256) = sum(&entry.path())?;
        File::open(entry.path())?.sync_all()?;
        sums.push(FileSum { name, bytes, sha256 });
    }
    sums.sort_by(|a, b| a.name.cmp(&b.name));
    settle_names(folder)?;
    Ok(sums)
}

/// Has a pipe hold more than it usually does, where that can be had.
pub(super) fn widen(pipe: &PipeReader) {
    #[cfg(target_os = "linux")]
    if let Ok(size) = i32::try_from(CHUNK) {
        let _ = nix::fcntl::fcntl(pipe, nix::fcntl::FcntlArg::F_SETPIPE_SZ(size));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = pipe;
}

/// Has the names in a folder be on disk.
pub(super) fn settle_names(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Writes a file that others see whole or not at all.
pub(super) fn replace(path: &Path, meanwhile: &Path, text: &str) -> io::Result<()> {
    let _ = fs::remove_file(meanwhile);
    let mut file = new_file(meanwhile)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.and_then(|()| fs::rename(meanwhile, path)).inspect_err(|_| {
        let _ = fs::remove_file(meanwhile);
    })?;
    path.parent().map_or(Ok(()), settle_names)
}

/// Removes a file or a folder with all that is in it; it may be gone already.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    removed.or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })
}
