//! What is kept between runs, shelf by shelf, and how it goes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::survey::Ground;
use super::{ServerError, kept, lease, place};

/// Things of one kind in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// What they are.
    pub what: &'static str,
    /// How many.
    pub entries: usize,
    /// Their size.
    pub bytes: u64,
}

const KEPT: &str = "kept-";

/// A kind of things: how its folders are called, what they hold, how deep the things are, and
/// whether they are made again by themselves.
const KINDS: [(&str, &str, usize, bool); 4] = [
    ("verdicts-", "verdicts", 2, true),
    (KEPT, "states of a history", 1, true),
    ("clusters-", "initialised data directories", 1, true),
    ("wheels", "server programs", 1, false),
];

const KEPT_SERVERS: &str = "servers that failing tests left";

/// What is in the cache, and what failing tests left running.
pub fn shelves(cache: &Path) -> Result<Vec<Shelf>, ServerError> {
    let mut shelves: Vec<Shelf> = KINDS.iter().map(|kind| shelf(cache, kind)).collect();
    let servers = lease::kept(&Ground::find()?.runtime);
    shelves.push(Shelf { what: KEPT_SERVERS, entries: servers.len(), bytes: 0 });
    shelves.retain(|shelf| shelf.entries > 0);
    Ok(shelves)
}

/// Ends the servers that failing tests left.
fn end_kept() -> Result<Shelf, ServerError> {
    let runtime = Ground::find()?.runtime;
    let kept = lease::kept(&runtime);
    for home in &kept {
        let path = home.join(lease::KEEP);
        fs::remove_file(&path).or_else(unless_gone).map_err(ServerError::at("remove", &path))?;
    }
    lease::reap(&runtime, Some(&place::memory_root()));
    Ok(Shelf { what: KEPT_SERVERS, entries: kept.len(), bytes: 0 })
}

/// Removes what runs make again by themselves, ends what failing tests left, and gives what that
/// was. Runs that are under way
/// go on: they have copied what they need, or make it anew.
pub fn clear_cache(cache: &Path) -> Result<Vec<Shelf>, ServerError> {
    let mut cleared = vec![end_kept()?];
    for kind in KINDS.iter().filter(|kind| kind.3) {
        let shelf = shelf(cache, kind);
        for folder in folders(cache, kind.0) {
            if kind.0 == KEPT {
                kept::trim(&folder, 0);
                continue;
            }
            // Renamed first, so that nobody finds half of it.
            let gone = folder.with_extension(format!("gone-{}", std::process::id()));
            fs::rename(&folder, &gone)
                .and_then(|()| fs::remove_dir_all(&gone))
                .or_else(unless_gone)
                .map_err(ServerError::at("remove", &folder))?;
        }
        cleared.push(shelf);
    }
    cleared.retain(|shelf| shelf.entries > 0);
    Ok(cleared)
}

fn unless_gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn shelf(cache: &Path, (prefix, what, depth, _): &(&str, &'static str, usize, bool)) -> Shelf {
    let mut shelf = Shelf { what, entries: 0, bytes: 0 };
    for folder in folders(cache, prefix) {
        count(&folder, *depth, &mut shelf);
    }
    shelf
}

fn folders(cache: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(cache).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect()
}

/// Adds what is in `folder`; the things themselves are `depth` levels below. Locks and marks are
/// no things.
fn count(folder: &Path, depth: usize, shelf: &mut Shelf) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(about) = fs::symlink_metadata(entry.path()) else { continue };
        let is_thing = depth == 1
            && (about.is_dir() || entry.file_name().to_string_lossy().ends_with(".json"));
        shelf.entries += usize::from(is_thing);
        if about.is_dir() {
            count(&entry.path(), depth.saturating_sub(1), shelf);
        } else {
            shelf.bytes += about.len();
        }
    }
}
