//! What earlier runs said, kept by the content of what they climbed.
//!
//! One small file for each migration, named by a digest of everything that its verdict depends on:
//! itself and what is before it, the server, the way it is run, and the sources of this program.
//! Files are whole as soon as they have their name, so any number of processes may share them, and
//! anybody may throw them away.

use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::finding::Finding;
use crate::migrations::{History, Migration, Program, Script};

use super::climb::Verdicted;
use super::outcome::Judged;
use super::rows::Kept;
use super::verify::Options;

/// What was not used for so long is removed.
const FORGOTTEN: Duration = Duration::from_hours(30 * 24);
/// How long others may climb the same before we do it as well.
const PATIENCE: Duration = Duration::from_mins(10);
/// Between two looks at a lock.
const PAUSE: Duration = Duration::from_millis(20);
const DAY: Duration = Duration::from_hours(24);

/// Digests of the prefixes of a history, one for each migration that a prefix ends with.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// What a verdict depends on.
    pub(super) verdicts: Vec<String>,
    /// What the state of a database depends on: upgrades only.
    pub(super) data: Vec<String>,
}

impl Keys {
    /// Of `migrations`, those of `history` that are run; `server` is all that is known about it, and
    /// `rows` are kept from earlier runs.
    pub(super) fn new(
        migrations: &[&Migration],
        history: &History,
        options: &Options,
        server: &str,
        rows: &Kept,
    ) -> Self {
        let folder = &history.folder;
        let about = format!(
            "{} {} {} {:?} {:?} {server}",
            env!("CARGO_PKG_VERSION"),
            env!("STAIRWAY_SOURCES"),
            history.tool,
            options.transaction,
            options.caching,
        );
        let mut verdicts = Chain::new(&format!("{about} {:?}", options.rows));
        let mut data = Chain::new(&about);
        let mut keys = Self { verdicts: Vec::new(), data: Vec::new() };
        for migration in migrations {
            let upgrade = script(&migration.upgrade);
            let facts = [&migration.revision, &migration.version, &migration.name];
            let facts = facts.map(String::as_str);
            keys.data.push(data.link(facts.into_iter().chain([upgrade.as_str()])));
            let paths = std::iter::once(&migration.upgrade).chain(&migration.downgrade);
            let paths: Vec<String> =
                paths.map(|script| relative(&script.path, folder).display().to_string()).collect();
            let downgrade = migration.downgrade.as_ref().map(script).unwrap_or_default();
            let claims = format!("{:?}", claims(migration));
            let rest = [upgrade.as_str(), &downgrade, &claims];
            let paths = paths.iter().map(String::as_str);
            let key = verdicts.link(facts.into_iter().chain(rest).chain(paths));
            // Nothing that comes after it depends on the rows that it is tried on.
            keys.verdicts.push(match rows.of(&migration.revision) {
                Some(file) => Chain(key).link(file.content().iter().map(String::as_str)),
                None => key,
            });
        }
        keys
    }
}

fn script(script: &Script) -> String {
    let about = script.program.as_ref().map(Program::about).unwrap_or_default();
    format!("{:?} {} {about}", script.wrap, script.text)
}

/// Claims without their places, which follow from the texts.
fn claims(migration: &Migration) -> Vec<(String, &str)> {
    migration.claims.iter().map(|claim| (claim.words(), claim.reason.as_str())).collect()
}

/// Each link is a digest of the one before it and of its own parts.
struct Chain(String);

impl Chain {
    fn new(about: &str) -> Self {
        Self(about.to_owned())
    }

    fn link<'a>(&mut self, parts: impl Iterator<Item = &'a str>) -> String {
        let mut digest = Sha256::new_with_prefix(&self.0);
        for part in parts {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        self.0.clear();
        for byte in digest.finalize().iter().take(16) {
            // Writing to a String can't fail.
            let _ = write!(self.0, "{byte:02x}");
        }
        self.0.clone()
    }
}

/// What is known about one migration.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) judged: Judged,
    pub(super) upgraded: bool,
}

/// The folder of what is known.
#[derive(Clone, Debug)]
pub(super) struct Store {
    root: PathBuf,
    /// The folder of migrations: files are kept without it.
    migrations: PathBuf,
}

impl Store {
    pub(super) fn new(cache: &Path, migrations: &Path) -> Self {
        let root = cache.join(format!("verdicts-{}", nix::unistd::geteuid()));
        Self { root, migrations: migrations.to_owned() }
    }

    pub(super) fn get(&self, key: &str) -> Option<Known> {
        let path = self.path(key);
        let text = fs::read(&path).ok()?;
        let mut known: Known = serde_json::from_slice(&text).ok()?;
        let age = fs::metadata(&path).and_then(|about| about.modified()).ok().and_then(age);
        if age.is_some_and(|age| age > DAY) {
            // Only for what is removed first.
            let _ = File::options()
                .append(true)
                .open(&path)
                .and_then(|file| file.set_modified(SystemTime::now()));
        }
        paths(&mut known.judged, |path| self.migrations.join(path));
        known.judged.cached = true;
        Some(known)
    }

    pub(super) fn put(&self, key: &str, verdicted: &Verdicted) -> io::Result<()> {
        let mut judged = verdicted.judged.clone();
        paths(&mut judged, |path| relative(path, &self.migrations).to_owned());
        let known = Known { judged, upgraded: verdicted.upgraded };
        self.write(&self.path(key), &serde_json::to_vec(&known)?)
    }

    /// The schema that was kept under `key`, as text.
    pub(super) fn schema(&self, key: &str) -> Option<String> {
        fs::read_to_string(self.path(key).with_extension("schema")).ok()
    }

    pub(super) fn put_schema(&self, key: &str, text: &str) -> io::Result<()> {
        self.write(&self.path(key).with_extension("schema"), text.as_bytes())
    }

    /// The file has its name only when it is whole.
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(content)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    /// Waits until nobody else has the lock of this name, and takes it until the file is dropped;
    /// `None` if it can't be had.
    pub(super) async fn lock(&self, key: &str) -> Option<File> {
        let path = self.path(key).with_extension("lock");
        fs::create_dir_all(path.parent()?).ok()?;
        let file = File::create(path).ok()?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Some(file),
                // Its holder may be stopped: to climb the same twice does no harm.
                Err(TryLockError::WouldBlock) if begun.elapsed() > PATIENCE => return None,
                // Asked again and again: a thread that waits could not be interrupted.
                Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
                Err(TryLockError::Error(_)) => return None,
            }
        }
    }

    /// Removes, once a day, what nobody used for a month.
    pub(super) fn trim(&self) {
        let mark = self.root.join("trimmed");
        let since = fs::metadata(&mark).and_then(|about| about.modified()).ok().and_then(age);
        if since.is_some_and(|since| since < DAY) || fs::write(&mark, "").is_err() {
            return;
        }
        for folder in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            for entry in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
                let used = entry.metadata().and_then(|about| about.modified()).ok().and_then(age);
                if used.is_some_and(|used| used > FORGOTTEN) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        let shard = key.get(..2).unwrap_or_default();
        self.root.join(shard).join(format!("{key}.json"))
    }
}

fn age(moment: SystemTime) -> Option<Duration> {
    SystemTime::now().duration_since(moment).ok()
}

fn relative<'a>(path: &'a Path, folder: &Path) -> &'a Path {
    path.strip_prefix(folder).unwrap_or(path)
}

/// Changes every path in it.
fn paths(judged: &mut Judged, change: impl Fn(&Path) -> PathBuf) {
    judged.file = change(&judged.file);
    for Finding { span, file, .. } in &mut judged.findings {
        if let Some(span) = span {
            span.file = change(&span.file);
        }
        if let Some(file) = file {
            *file = change(file);
        }
    }
}
