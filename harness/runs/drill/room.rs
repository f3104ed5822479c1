//! How far something is that fills a disk, and an end to it where it fills too much of one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::statvfs::statvfs;

use crate::exit::Exit;
use crate::postgres::{Session, Target, quote_literal};
use crate::runs::Event;

use super::outcome::Stop;
use super::run::Drill;

/// Between two looks.
const PULSE: Duration = Duration::from_millis(500);
/// So many bytes stay free, for whoever else uses the disk.
const LEAST: u64 = 256 << 20;

/// What is being filled.
#[derive(Debug)]
pub(super) struct Filling {
    /// `fetched`, `unpacked` or `restored`.
    word: &'static str,
    /// A folder on the file system in question, if that is this machine's.
    folder: Option<PathBuf>,
    /// A database and where to ask how large it is; else it is the folder that grows.
    database: Option<(Target, String)>,
}

impl Filling {
    pub(super) fn folder(word: &'static str, folder: &Path) -> Self {
        Self { word, folder: Some(folder.to_owned()), database: None }
    }

    pub(super) fn database(admin: &Target, name: &str, data: Option<PathBuf>) -> Self {
        let database = Some((admin.clone(), name.to_owned()));
        Self { word: "restored", folder: data, database }
    }
}

/// Waits for `work`, tells meanwhile how much it has written, and gives it up where that is more than
/// it may be or the disk is nearly full.
pub(super) async fn watched<T>(
    drill: &mut Drill<'_>,
    filling: Filling,
    work: impl Future<Output = T>,
) -> Result<T, Stop> {
    let Filling { word, folder, database } = filling;
    let mut eye = match &database {
        Some((admin, _)) => Session::connect(admin, "look").await.ok(),
        None => None,
    };
    let mut pulse = tokio::time::interval(PULSE);
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            _ = pulse.tick() => {}
        }
        let bytes = match (&database, &mut eye) {
            (Some((_, name)), Some(session)) => {
                let size = format!("SELECT pg_catalog.pg_database_size({})", quote_literal(name));
                // The work goes on while the server answers.
                let asked = tokio::select! {
                    biased;
                    done = &mut work => return Ok(done),
                    asked = session.value(&size) => asked,
                };
                asked.ok().flatten().and_then(|bytes| bytes.parse().ok())
            }
            (Some(_), None) => None,
            (None, _) => folder.as_deref().map(size),
        };
        if let Some(bytes) = bytes {
            drill.event(Event::Amount { word, bytes });
        }
        refuse(drill, word, bytes, folder.as_deref())?;
    }
}

fn refuse(
    drill: &Drill<'_>,
    word: &str,
    bytes: Option<u64>,
    folder: Option<&Path>,
) -> Result<(), Stop> {
    if let Some((bytes, most)) = bytes.zip(drill.options.max_disk).filter(|(it, most)| it > most) {
        let reason = format!("{bytes} bytes were {word}, more than the {most} that it may be");
        return Err(Stop::here(Exit::RehearsalFailed, reason).help("allow more with --max-disk"));
    }
    let free = folder.and_then(free);
    if let Some((free, folder)) = free.zip(folder).filter(|(free, _)| *free < LEAST) {
        let reason = format!("the disk of {} is full: {free} bytes are free", folder.display());
        return Err(Stop::here(Exit::RehearsalFailed, reason)
            .help("make room, or name another place with STAIRWAY_RUNTIME or --server"));
    }
    Ok(())
}

/// Whether a copy of so many bytes has a place in a folder.
pub(super) fn for_copy(folder: &Path, bytes: u64) -> Result<(), Stop> {
    let free = free(folder);
    if let Some(free) = free.filter(|free| free.saturating_sub(LEAST) < bytes) {
        let reason = format!(
            "a copy takes {bytes} bytes in {}, and {free} bytes are free",
            folder.display()
        );
        return Err(Stop::here(Exit::RehearsalFailed, reason)
            .help("make room, or name another place with STAIRWAY_RUNTIME"));
    }
    Ok(())
}

/// How many bytes are free on the file system of a folder.
fn free(folder: &Path) -> Option<u64> {
    let about = statvfs(folder).ok()?;
    Some(about.blocks_available().saturating_mul(about.fragment_size()))
}

/// How many bytes are in a folder.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() => size(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
