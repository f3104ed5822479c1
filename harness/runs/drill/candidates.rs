//! Which backups there are, the newest first: ours by the number in their manifests, those of others by
//! their time, put together by time.
//!
//! Knows folders. Must not restore anything.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::backup::{self, Archive, Backup, BackupError, Foreign, Packing, Physical, Store};
use crate::server::newest_programs;

/// One backup, before anything of it was proven.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    pub(super) made: Option<Timestamp>,
    pub(super) bytes: u64,
    pub(super) source: Source,
}

/// What is known of it.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// One of ours, with a manifest that can be relied on.
    Ours(Box<Backup>),
    /// One of ours that can't be relied on, and why.
    Doubted(String),
    /// A dump of somebody else's.
    Foreign,
    /// A server's data directory.
    Physical,
}

/// What is in a folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) candidates: Vec<Candidate>,
    /// What a person should know of the rest.
    pub(super) notes: Vec<String>,
}

/// No two clocks are further apart than their time zones.
const ZONES: SignedDuration = SignedDuration::from_hours(14);
/// So many archives are asked when they were made; the others are taken by the time of their files.
const ASKED: usize = 64;

/// All of a folder; of `database` only, if that is named and known of a backup.
pub(super) async fn in_folder(folder: &Path, database: Option<&str>) -> Result<Found, BackupError> {
    let mut notes = Vec::new();
    let listing = Store::at(folder).list()?;
    notes.extend(listing.anomalies.iter().map(|it| format!("clock: {it}")));
    for partial in &listing.partial {
        let what = if partial.in_use { "is being written" } else { "was never finished" };
        notes.push(format!("{} {what}", partial.path.display()));
    }
    let is_meant = |it: &Backup| database.is_none_or(|name| it.manifest.database == name);
    let ours: Vec<Candidate> = listing.backups.into_iter().filter(is_meant).map(ours).collect();
    let mut others: Vec<Candidate> =
        listing.unverified.into_iter().map(|it| doubted(it.path, it.reason)).collect();
    let mut dumps = backup::foreign(folder)?;
    dumps.sort_by_key(|it| std::cmp::Reverse(it.modified));
    for (nth, dump) in dumps.into_iter().enumerate() {
        let asked = nth < ASKED;
        others.extend(of_others(dump, asked, database).await);
    }
    others.sort_by_key(|it| std::cmp::Reverse(it.made));
    Ok(Found { candidates: merged(ours, others), notes })
}

/// What a command put into a folder: backups, or the files of one data directory.
pub(super) async fn fetched(folder: &Path, database: Option<&str>) -> Result<Found, BackupError> {
    if !backup::is_physical(folder) {
        return in_folder(folder, database).await;
    }
    let dump = backup::one_foreign(folder)?;
    let candidates = of_others(dump, false, None).await.into_iter().collect();
    Ok(Found { candidates, ..Found::default() })
}

/// The one of this path.
pub(super) async fn at(path: &Path) -> Result<Candidate, BackupError> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    if path.exists() && folder.is_dir() {
        let is_it = |other: &Path| other.file_name() == path.file_name();
        let listing = Store::at(folder).list()?;
        if let Some(backup) = listing.backups.into_iter().find(|it| is_it(&it.path)) {
            return Ok(ours(backup));
        }
        // A dump of such a name without a manifest may have been brought here by hand.
        let is_alone = |it: &backup::Unverified| is_it(&it.path) && it.reason == NO_MANIFEST;
        let doubt = listing.unverified.iter().find(|it| is_it(&it.path) && !is_alone(it));
        if let Some(doubt) = doubt {
            return Ok(doubted(path.to_owned(), doubt.reason.clone()));
        }
    }
    let dump = backup::one_foreign(path)?;
    // Of one that is named it does not matter which database it is of.
    Ok(of_others(dump.clone(), true, None).await.unwrap_or_else(|| foreign(&dump, None)))
}

const NO_MANIFEST: &str = "it has no manifest";

/// The databases that our manifests name.
pub(super) fn databases(found: &Found) -> Vec<String> {
    let names = found.candidates.iter().filter_map(|it| match &it.source {
        Source::Ours(backup) => Some(backup.manifest.database.clone()),
        _ => None,
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names.dedup();
    names
}

fn ours(backup: Backup) -> Candidate {
    Candidate {
        path: backup.path.clone(),
        made: Some(backup.manifest.created_at),
        bytes: backup.manifest.bytes,
        source: Source::Ours(Box::new(backup)),
    }
}

fn doubted(path: PathBuf, reason: String) -> Candidate {
    let (made, bytes) = match backup::one_foreign(&path) {
        Ok(it) => (Some(it.modified), it.bytes),
        Err(_) => (None, 0),
    };
    Candidate { path, made, bytes, source: Source::Doubted(reason) }
}

/// `None` for one of another database.
async fn of_others(dump: Foreign, asked: bool, database: Option<&str>) -> Option<Candidate> {
    if let Some(physical) = Physical::open(&dump.path) {
        let mut candidate = foreign(&dump, physical.clock);
        if physical.is_utc {
            candidate.made = physical.clock;
        }
        return Some(Candidate { source: Source::Physical, ..candidate });
    }
    let is_packed = !matches!(Packing::of(&dump.path), Ok(None));
    let programs = newest_programs().filter(|_| asked && !is_packed);
    let archive = Archive::open(&dump.path).ok();
    let about = match (archive, programs) {
        (Some(archive), Some(programs)) => archive.about(&programs.folder).await.ok(),
        _ => None,
    };
    let about = about.unwrap_or_default();
    let is_other = about.database.as_deref().zip(database).is_some_and(|(is, meant)| is != meant);
    (!is_other).then(|| foreign(&dump, about.clock))
}

/// The time of a file is that of its last copy, which may be young; the clock in an archive has no time
/// zone.
fn foreign(dump: &Foreign, clock: Option<Timestamp>) -> Candidate {
    let is_copy = |clock: &Timestamp| dump.modified.duration_since(*clock) > ZONES;
    let made = clock.filter(is_copy).unwrap_or(dump.modified);
    Candidate {
        path: dump.path.clone(),
        made: Some(made),
        bytes: dump.bytes,
        source: Source::Foreign,
    }
}

/// Both in their own order, and by time among each other.
fn merged(ours: Vec<Candidate>, others: Vec<Candidate>) -> Vec<Candidate> {
    let (mut ours, mut others) = (ours.into_iter().peekable(), others.into_iter().peekable());
    let mut all = Vec::new();
    loop {
        let first = match (ours.peek(), others.peek()) {
            (Some(one), Some(other)) if other.made > one.made => others.next(),
            (None, _) => others.next(),
            (Some(_), _) => ours.next(),
        };
        match first {
            Some(candidate) => all.push(candidate),
            None => return all,
        }
    }
}

/// How old it is, and whether that can be believed: a backup of the future has a clock that is wrong.
pub(super) fn age(made: Timestamp, now: Timestamp) -> Result<Duration, String> {
    /// Clocks of two machines are never quite the same.
    const SLACK: SignedDuration = SignedDuration::from_mins(1);
    let age = now.duration_since(made);
    if age < -SLACK {
        return Err(format!("it says that it was made in the future, at {made}"));
    }
    Ok(Duration::try_from(age).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{Candidate, Foreign, PathBuf, Source, Timestamp, age, foreign, merged};

    fn at(name: &str, second: i64) -> Candidate {
        let made = Timestamp::from_second(second).unwrap();
        let source = Source::Foreign;
        Candidate { path: PathBuf::from(name), made: Some(made), bytes: 1, source }
    }

    #[test]
    fn ours_keep_their_order_whatever_a_clock_said() {
        let ours = vec![at("c", 30), at("b", 99), at("a", 10)];
        let others = vec![at("z", 40), at("y", 20), at("x", 5)];
        let names: Vec<String> =
            merged(ours, others).iter().map(|it| it.path.display().to_string()).collect();
        assert_eq!(names, ["z", "c", "b", "y", "a", "x"]);
    }

    #[test]
    fn a_file_that_was_copied_is_as_old_as_its_archive() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let dump = Foreign { path: PathBuf::from("x"), modified: now, bytes: 1 };
        for (clock, made) in [
            ("2026-11-24T04:00:00Z", "2026-11-24T12:00:00Z"),
            ("2026-11-24T20:00:00Z", "2026-11-24T12:00:00Z"),
            ("2026-11-01T04:00:00Z", "2026-11-01T04:00:00Z"),
        ] {
            let clock = Some(clock.parse().unwrap());
            assert_eq!(foreign(&dump, clock).made, Some(made.parse().unwrap()));
        }
        assert_eq!(age("2026-11-24T11:59:00Z".parse().unwrap(), now).unwrap().as_secs(), 60);
        assert_eq!(age("2026-11-24T12:00:30Z".parse().unwrap(), now).unwrap().as_secs(), 0);
        assert!(age("2026-11-24T13:00:00Z".parse().unwrap(), now).unwrap_err().contains("future"));
    }
}
