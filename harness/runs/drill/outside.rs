//! A backup looked at from outside: how old it is, whether its files are what was written, what is in
//! them.
//!
//! Knows files and archives. Must not know servers.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use crate::backup::{Archive, ArchiveKind, BackupError, Lease, Packing, Store};
use crate::exit::Exit;
use crate::server::{Scratch, causes, newest_programs};

use super::candidates::{Candidate, Source, age};
use super::outcome::{Fault, Stop};
use super::room::{self, Filling};
use super::run::Drill;

/// How old it is, of the newest.
pub(super) fn old(drill: &mut Drill<'_>, made: Option<Timestamp>) {
    if !drill.wants("age") {
        return;
    }
    let now = drill.drilled.began;
    let seen = match made {
        Some(made) => age(made, now),
        None => Err("nothing says when it was made".to_owned()),
    };
    match (seen, drill.options.max_age) {
        (Ok(age), Some(most)) if age > most => {
            let (age, most) = (hours(age), hours(most));
            drill.failed("age", Fault::Backup, format!("stale: {age} old, {most} are allowed"));
        }
        (Ok(age), Some(most)) => {
            drill.held("age", format!("{} old, {} are allowed", hours(age), hours(most)));
        }
        (Ok(age), None) => drill.absent("age", format!("{} old; no limit is set", hours(age))),
        (Err(why), Some(_)) => drill.failed("age", Fault::Backup, why),
        (Err(why), None) => drill.skipped("age", why),
    }
}

fn hours(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{}.{} h", seconds / 3600, seconds % 3600 * 10 / 3600),
    }
}

/// Reads all of a backup of ours, held against its manifest. Fails if it is bad.
pub(super) async fn verified(
    drill: &mut Drill<'_>,
    candidate: &Candidate,
) -> Result<Option<Lease>, ()> {
    let backup = match &candidate.source {
        Source::Ours(backup) => backup,
        Source::Doubted(reason) => {
            drill.failed("digest", Fault::Backup, reason.clone());
            return Err(());
        }
        Source::Physical | Source::Foreign => return Ok(None),
    };
    let folder = backup.path.parent().unwrap_or_else(|| Path::new("."));
    let store = Store::at(folder);
    let lease = match store.hold(backup) {
        Ok(lease) => Some(lease),
        Err(BackupError::Write { .. }) => {
            drill.note("the backup can't be held: nothing can be written beside it");
            None
        }
        Err(error) => {
            drill.failed("digest", Fault::Backup, causes(&error));
            return Err(());
        }
    };
    if !drill.wants("digest") {
        return Ok(lease);
    }
    match store.verify(backup).await {
        Ok(()) => {
            drill.held("digest", format!("sha256 {}", backup.manifest.sha256()));
            Ok(lease)
        }
        Err(error) => {
            drill.failed("digest", Fault::Backup, causes(&error));
            Err(())
        }
    }
}

/// The archive itself, unpacked if need be. `None` if it is bad.
pub(super) async fn opened(
    drill: &mut Drill<'_>,
    candidate: &Candidate,
) -> Result<Option<(Archive, Option<Scratch>)>, Stop> {
    let packing = match Packing::of(&candidate.path) {
        Ok(packing) => packing,
        Err(error) => return Ok(bad(drill, "restore", &error)),
    };
    let (mut path, mut scratch) = (candidate.path.clone(), None);
    if let Some(packing) = packing {
        drill.begins("unpack");
        let folder = Scratch::make();
        let folder = folder.map_err(|it| Stop::here(Exit::RehearsalFailed, causes(&it)))?;
        path = unpacked_name(&candidate.path, folder.folder());
        let filling = Filling::folder("unpacked", folder.folder());
        let unpacking = packing.unpack(&candidate.path, &path);
        match room::watched(drill, filling, unpacking).await? {
            Ok(()) => scratch = Some(folder),
            Err(error @ (BackupError::NoUnpacker { .. } | BackupError::Write { .. })) => {
                return Err(Stop::here(Exit::RehearsalFailed, causes(&error)));
            }
            Err(error) => return Ok(bad(drill, "restore", &error)),
        }
    }
    let archive = match Archive::open(&path) {
        Ok(archive) => archive,
        Err(error) => return Ok(bad(drill, "restore", &error)),
    };
    if let Some(tried) = drill.drilled.tried.last_mut() {
        let word = match archive.kind {
            ArchiveKind::Custom => "custom",
            ArchiveKind::Directory => "directory",
            ArchiveKind::Tar => "tar",
            ArchiveKind::Plain => "plain",
        };
        let packed = packing.map(|it| format!(", {}", it.program())).unwrap_or_default();
        tried.kind = Some(format!("{word}{packed}"));
    }
    Ok(Some((archive, scratch)))
}

/// The name without the ending that says how it is packed: messages name it.
fn unpacked_name(packed: &Path, folder: &Path) -> PathBuf {
    let stem = packed.file_stem().unwrap_or_else(|| OsStr::new("backup"));
    folder.join(stem)
}

/// It can't be used, which is its own fault.
fn bad<T>(drill: &mut Drill<'_>, check: &'static str, error: &BackupError) -> Option<T> {
    drill.failed(check, Fault::Backup, error.discreet());
    None
}

/// For which major version of a server it is, if that is known; `None` if it is bad.
pub(super) async fn archive_major(
    drill: &mut Drill<'_>,
    candidate: &Candidate,
    archive: &Archive,
) -> Result<Option<Option<u32>>, Stop> {
    let Some(programs) = newest_programs() else {
        return Err(Stop::here(Exit::NoServer, "no pg_restore and psql were found").help(
            "install the client programs of PostgreSQL, or name their folder in STAIRWAY_POSTGRES_BIN",
        ));
    };
    let about = match archive.about(&programs.folder).await {
        Ok(about) => about,
        Err(error @ BackupError::Program { .. }) => {
            return Err(Stop::here(Exit::NoServer, causes(&error)));
        }
        Err(error) => return Ok(bad(drill, "restore", &error)),
    };
    if let Source::Ours(backup) = &candidate.source {
        return Ok(Some(Some(backup.manifest.major)));
    }
    let is_wanted = drill.wants("digest");
    match about.is_whole {
        _ if !is_wanted => {}
        Some(false) => {
            let why = "it was cut off: what pg_dump writes at its end is not there";
            drill.failed("digest", Fault::Backup, why);
            return Ok(None);
        }
        None if archive.kind == ArchiveKind::Plain => {
            drill.skipped("digest", "nothing in it says where it ends: pg_dump did not write it");
        }
        _ => drill.absent("digest", "there is no manifest: what is damaged shows only if it fails"),
    }
    Ok(Some(about.major))
}
