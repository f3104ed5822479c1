//! Data directories in the cache, each with one database that somebody made at some cost.
//!
//! A server that begins on a copy of one pays for the copy only, which is far cheaper than
//! `CREATE DATABASE .. TEMPLATE`. A folder here is whole as soon as it has its name; it may be
//! removed at any time by anybody.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::survey::Ground;
use super::{ServerError, cluster, place};

const ABOUT: &str = "about.json";
const DATA: &str = "data";
/// No more than this many are kept, the last used ones.
const MOST: usize = 12;

/// A data directory that can be started on.
#[derive(Clone, Debug)]
pub struct Kept {
    folder: PathBuf,
    about: About,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct About {
    database: String,
    note: String,
}

impl Kept {
    pub(super) fn find(ground: &Ground, key: &str) -> Option<Self> {
        let folder = root(ground).join(key);
        let text = fs::read_to_string(folder.join(ABOUT)).ok()?;
        Some(Self { about: serde_json::from_str(&text).ok()?, folder })
    }

    /// What was noted when it was kept.
    pub fn note(&self) -> &str {
        &self.about.note
    }

    /// Whether nobody has removed it meanwhile.
    pub fn is_there(&self) -> bool {
        self.folder.join(ABOUT).exists()
    }

    /// Removes it, unless somebody is copying it.
    pub fn discard(&self) {
        remove(&self.folder);
    }

    pub(super) fn database(&self) -> &str {
        &self.about.database
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.join(DATA)
    }

    /// Keeps it from being removed as long as the file is open, and says that it was used;
    /// `None` if it is gone.
    pub(super) fn hold(&self) -> Option<File> {
        let file = File::options().read(true).write(true).open(self.folder.join(ABOUT)).ok()?;
        file.lock_shared().ok()?;
        // Only for the order in which they are removed.
        let _ = file.set_modified(SystemTime::now());
        self.folder.join(ABOUT).exists().then_some(file)
    }
}

fn root(ground: &Ground) -> PathBuf {
    ground.cache.join(format!("kept-{}", ground.account.uid))
}

/// Copies `data`, on which nobody works, and removes what is over the limit. Gives whether it
/// could be kept: one with tablespaces is more than its folder.
pub(super) fn put(
    ground: &Ground,
    data: &Path,
    key: &str,
    database: &str,
    note: &str,
) -> Result<bool, ServerError> {
    let outside =
        fs::read_dir(data.join("pg_tblspc")).is_ok_and(|mut links| links.next().is_some());
    if outside {
        return Ok(false);
    }
    let root = root(ground);
    place::make_open(&root).map_err(ServerError::at("make", &root))?;
    let folder = root.join(key);
    if Kept::find(ground, key).is_some() {
        return Ok(true);
    }
    // Half of one, that somebody left.
    let _ = fs::remove_dir_all(&folder);
    let fresh = root.join(format!("{key}.new-{}", place::random(4)?));
    let about = About { database: database.to_owned(), note: note.to_owned() };
    let fill = || -> io::Result<()> {
        fs::create_dir(&fresh)?;
        cluster::copy(data, &fresh.join(DATA), &ground.account)?;
        fs::write(fresh.join(ABOUT), serde_json::to_string(&about)?)?;
        fs::rename(&fresh, &folder)
    };
    let filled = fill();
    if let Err(error) = filled {
        let _ = fs::remove_dir_all(&fresh);
        // Somebody else kept the same at the same time.
        return if folder.exists() {
            Ok(true)
        } else {
            Err(ServerError::at("make", &folder)(error))
        };
    }
    trim(&root, MOST);
    Ok(true)
}

/// Removes all but the `most` that were used last, and what was left half made.
pub(super) fn trim(root: &Path, most: usize) {
    let mut entries: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let path = entry.path();
        let used = fs::metadata(path.join(ABOUT)).and_then(|about| about.modified());
        match used {
            Ok(used) if !is_unnamed(&path) => entries.push((used, path)),
            _ => remove_abandoned(&path),
        }
    }
    entries.sort_by(|a, b| b.cmp(a));
    for (_, path) in entries.into_iter().skip(most) {
        remove(&path);
    }
}

fn is_unnamed(path: &Path) -> bool {
    path.extension().is_some()
}

/// What nobody has named within an hour was left by somebody who ended.
fn remove_abandoned(path: &Path) {
    let age = fs::metadata(path).and_then(|about| about.modified());
    let age = age.map(|made| SystemTime::now().duration_since(made).unwrap_or_default());
    if age.is_ok_and(|age| age.as_secs() > 3600) {
        let _ = fs::remove_dir_all(path);
    }
}

/// Removes one, unless somebody is copying it.
fn remove(folder: &Path) {
    let Ok(file) = File::open(folder.join(ABOUT)) else { return };
    if file.try_lock().is_ok() {
        let gone = folder.with_extension("gone");
        if fs::rename(folder, &gone).is_ok() {
            let _ = fs::remove_dir_all(&gone);
        }
    }
}
