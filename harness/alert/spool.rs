//! What waits on disk: one file for each notice and channel, of mode 0600, without address and
//! secret.
//!
//! Knows names, age and locks of files. A file is written before anything is sent, so that a run
//! which is killed meanwhile has told nothing or left it; whoever sends it holds its lock. Must not
//! know how it is sent.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::notice::Notice;
use super::receivers::Payload;

/// How long it is worth telling.
const LIFE: Duration = Duration::from_hours(7 * 24);

/// How the names of files end.
const END: &str = ".json";

/// What a file holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    schema: u32,
    pub(super) channel: String,
    /// Scheme and host, for people.
    pub(super) address: String,
    pub(super) run: String,
    pub(super) event: String,
    service: String,
    environment: String,
    pub(super) payload: Payload,
}

impl Kept {
    pub(super) fn new(channel: &Channel, notice: &Notice, payload: Payload) -> Self {
        Self {
            schema: 1,
            channel: channel.name.clone(),
            address: channel.address(),
            run: notice.run.clone(),
            event: notice.event.clone(),
            service: notice.service.clone(),
            environment: notice.environment.clone(),
            payload,
        }
    }

    /// What a receiver may know the notice again by.
    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.run, self.event)
    }

    /// Whether both tell of the same thing to the same channel.
    fn is_about_same(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.channel.clone(), it.service.clone(), it.environment.clone());
        of(self) == of(other)
    }
}

/// A file that nobody else sends while this is held.
#[derive(Debug)]
pub(super) struct Entry {
    path: PathBuf,
    /// Closing it gives the lock back.
    _lock: File,
}

impl Entry {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// It needs no sending any more.
    pub(super) fn remove(self) {
        // Where it can't be removed it is sent again, with the same key.
        let _ = fs::remove_file(&self.path);
    }

    /// Takes the lock, unless somebody has it or the file is gone.
    fn take(path: &Path) -> Option<Self> {
        let lock = File::open(path).ok()?;
        lock.try_lock().ok()?;
        // Whoever had it may have removed it before giving the lock back.
        path.exists().then(|| Self { path: path.to_owned(), _lock: lock })
    }

    /// What it holds; `None` for what is no such file, or is half written.
    fn read(&self) -> Option<Kept> {
        let mut text = String::new();
        File::open(&self.path).ok()?.read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }
}

/// Writes it down, on disk when this returns.
pub(super) fn keep(folder: &Path, kept: &Kept) -> io::Result<Entry> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let text = serde_json::to_vec_pretty(kept)?;
    let mut millis = now().as_millis();
    loop {
        let path = folder.join(format!("{millis:014}-{}{END}", kept.channel));
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                millis += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        let written =
            file.lock().and_then(|()| file.write_all(&text)).and_then(|()| file.sync_all());
        if let Err(error) = written {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        return Ok(Entry { path, _lock: file });
    }
}

/// Files with what they hold, the oldest first.
pub(super) type Queue = Vec<(Entry, Kept)>;

/// What waits, each with its lock; and apart from it what waited too long.
pub(super) fn waiting(folder: &Path) -> (Queue, Queue) {
    let (mut fresh, mut old) = (Vec::new(), Vec::new());
    for (path, age) in files(folder) {
        let Some(entry) = Entry::take(&path) else { continue };
        match entry.read() {
            Some(kept) if age <= LIFE => fresh.push((entry, kept)),
            Some(kept) => old.push((entry, kept)),
            None if age > LIFE => entry.remove(),
            None => {}
        }
    }
    (fresh, old)
}

/// Removes what waits behind a notice that was delivered later and tells the state of the same.
pub(super) fn settle(folder: &Path, delivered: &Kept) {
    for (entry, kept) in waiting(folder).0 {
        if kept.is_about_same(delivered) {
            entry.remove();
        }
    }
}

/// The files and their ages, the oldest first.
fn files(folder: &Path) -> Vec<(PathBuf, Duration)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<(u64, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?.strip_suffix(END)?;
            let millis = name.split_once('-')?.0.parse().ok()?;
            Some((millis, path))
        })
        .collect();
    files.sort();
    let age = |millis| now().saturating_sub(Duration::from_millis(millis));
    files.into_iter().map(|(millis, path)| (path, age(millis))).collect()
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
