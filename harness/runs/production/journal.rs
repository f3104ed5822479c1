//! The journal of a run: what it is about to do and what it has learnt, a line of JSON each, on disk
//! before it happens. Whoever finds a journal that nobody holds and that does not say how it ended
//! settles the run.
//!
//! Knows files. Must not know a database.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::migrations::Direction;
use crate::postgres::Backend;
use crate::steps::{Blocker, Identity};

const FILE: &str = "journal.jsonl";

/// One move as it was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Of which migration.
    pub revision: String,
    /// Which script.
    pub direction: Direction,
    /// Of the script, SHA-384 in hexadecimal.
    pub checksum: String,
}

/// What a run set out to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The run's id.
    pub run: String,
    /// `upgrade` or `downgrade`.
    pub verb: String,
    /// Which database of which server.
    pub database: Identity,
    /// `production`, `staging` or `development`: a copy of a server has its system identifier too.
    #[serde(default)]
    pub environment: String,
    /// How many migrations were applied.
    pub from: usize,
    /// The moves, in order.
    pub moves: Vec<Planned>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Entry {
    /// It begins.
    Begun(Box<Begun>),
    /// This process of the server holds the lock and will move the database.
    Working(Backend),
    /// Others are about to be kept out; so it was before.
    Fencing {
        /// The privileges of the database as the server prints them; `None` for the default ones.
        acl: Option<String>,
    },
    /// The others are let in again.
    Opened,
    /// A backup stands.
    BackedUp {
        /// Its file.
        file: PathBuf,
    },
    /// The rehearsal is over; the schemas that it learnt stand beside this file.
    Learnt {
        /// Whether what goes forward comes back as it was, data included.
        way_back: bool,
    },
    /// A move is about to be made.
    Moving {
        /// Counted over the moves of the run, those of a rollback included.
        position: usize,
        /// Of which migration.
        revision: String,
        /// Which script.
        direction: Direction,
        /// Whether it is one transaction.
        atomic: bool,
    },
    /// A statement that commits by itself is about to be sent.
    Statement {
        /// Counted from 0.
        index: usize,
    },
    /// Somebody was in the way; everything of this try is undone.
    Blocked {
        /// The SQLSTATE.
        sqlstate: String,
        /// Who has a transaction open.
        blockers: Vec<Blocker>,
    },
    /// COMMIT is about to be sent.
    Committing {
        /// The transaction.
        xid: String,
    },
    /// It is committed on its server, and waits for standbys that are to confirm it.
    Unreplicated {
        /// As the setting names them.
        standbys: String,
    },
    /// The server was started again since the last line that says so, or since the run began.
    Restarted {
        /// What it is now.
        server: Box<Identity>,
    },
    /// Another server took its place.
    FailedOver {
        /// Which.
        server: Box<Identity>,
    },
    /// The move is made.
    Moved {
        /// As in `Moving`.
        position: usize,
    },
    /// Moves are about to be taken back.
    RollingBack {
        /// Why, without values of rows.
        why: String,
    },
    /// A backup is about to be restored into a new database.
    Restoring {
        /// The new database.
        into: String,
    },
    /// The new database is about to take the place of the old one.
    Swapping {
        /// The new database.
        from: String,
        /// The name that the old one gets.
        kept: String,
    },
    /// What the database is now.
    Settled {
        /// BEFORE, AFTER or UNKNOWN.
        state: String,
        /// The exit code.
        exit: u8,
    },
    /// Nothing is left to be done.
    Closed,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    at: String,
    #[serde(flatten)]
    entry: Entry,
}

/// A journal that is being written, in a folder of its own.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    file: File,
    entries: Vec<Entry>,
}

impl Journal {
    /// Begins one in `state`, under the run's id.
    pub fn begin(state: &Path, begun: Begun) -> io::Result<Self> {
        let folder = runs(state).join(&begun.run);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let mut options = OpenOptions::new();
        let file = options.append(true).create_new(true).mode(0o600).open(folder.join(FILE))?;
        file.try_lock().map_err(io::Error::from)?;
        let mut journal = Self { folder, file, entries: Vec::new() };
        journal.write(Entry::Begun(Box::new(begun)))?;
        sync_folder(&journal.folder)?;
        sync_folder(&runs(state))?;
        Ok(journal)
    }

    /// The journals in `state` that nobody holds and that are not closed, the oldest first; from now
    /// on they are ours.
    pub fn unfinished(state: &Path) -> io::Result<Vec<Self>> {
        let mut found = Vec::new();
        let folders = match fs::read_dir(runs(state)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            other => other?,
        };
        let mut folders =
            folders.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
        folders.sort();
        for folder in folders {
            found.extend(Self::reopen(folder)?);
        }
        Ok(found)
    }

    /// What the runs set out to do whose journals in `state` are not closed; of those that still go
    /// on as well. Only reads.
    pub fn open_runs(state: &Path) -> io::Result<Vec<Begun>> {
        let mut found = Vec::new();
        let folders = match fs::read_dir(runs(state)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            other => other?,
        };
        for folder in folders {
            let text = match fs::read(folder?.path().join(FILE)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            };
            let lines = text.split(|byte| *byte == b'\n').filter_map(|line| {
                serde_json::from_slice::<Line>(line).ok().map(|line| line.entry)
            });
            let entries: Vec<Entry> = lines.collect();
            if let (Some(Entry::Begun(begun)), Some(last)) = (entries.first(), entries.last())
                && *last != Entry::Closed
            {
                found.push(Begun::clone(begun));
            }
        }
        Ok(found)
    }

    fn reopen(folder: PathBuf) -> io::Result<Option<Self>> {
        let path = folder.join(FILE);
        let file = match OpenOptions::new().read(true).append(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut entries = Vec::new();
        for line in BufReader::new(&file).split(b'\n') {
            // The last line of a killed run may be half a line: what it announced was not done.
            if let Ok(line) = serde_json::from_slice::<Line>(&line?) {
                entries.push(line.entry);
            }
        }
        let is_open = !entries.is_empty() && entries.last() != Some(&Entry::Closed);
        if is_open {
            // Half a line must not swallow the next one.
            (&file).write_all(b"\n")?;
        }
        Ok(is_open.then_some(Self { folder, file, entries }))
    }

    /// Writes a line and waits until it is on disk.
    pub fn write(&mut self, entry: Entry) -> io::Result<()> {
        abort_before(self.entries.len());
        let at = jiff::Timestamp::now().to_string();
        let mut line = serde_json::to_vec(&Line { at, entry: entry.clone() })?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()?;
        self.entries.push(entry);
        abort_after(self.entries.len());
        Ok(())
    }

    /// What it says so far.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What the run set out to do.
    pub fn begun(&self) -> Option<&Begun> {
        match self.entries.first() {
            Some(Entry::Begun(begun)) => Some(begun),
            _ => None,
        }
    }

    /// The folder, in which other files of the run may stand.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file beside it and waits until it is on disk.
    pub fn keep(&self, name: &str, text: &str) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(self.folder.join(name))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        sync_folder(&self.folder)
    }

    /// Reads a file beside it, if it is there.
    pub fn kept(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(name)).ok()
    }
}

/// Reads a file beside the journal of any run in `state`, if it is there.
pub(super) fn kept_of(state: &Path, run: &str, name: &str) -> Option<String> {
    // What a manifest calls its run must not lead elsewhere.
    let run = Path::new(run).file_name().filter(|it| *it == run)?;
    fs::read_to_string(runs(state).join(run).join(name)).ok()
}

fn runs(state: &Path) -> PathBuf {
    state.join("runs")
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// In test builds a run can be made to die around each line: `N-` before the Nth is written, `N`
/// after it.
#[cfg(debug_assertions)]
fn abort_before(written: usize) {
    abort_at(&format!("{}-", written + 1));
}

#[cfg(debug_assertions)]
fn abort_after(written: usize) {
    abort_at(&written.to_string());
}

#[cfg(debug_assertions)]
fn abort_at(place: &str) {
    if crate::env::ABORT_AT.get().is_some_and(|wanted| wanted == place) {
        std::process::abort();
    }
}

#[cfg(not(debug_assertions))]
fn abort_before(_: usize) {}

#[cfg(not(debug_assertions))]
fn abort_after(_: usize) {}
