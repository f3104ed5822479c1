//! Whether there is a backup of this database that is fresh and proven.

use std::path::Path;

use jiff::Timestamp;

use crate::backup::{Backup, Listing, Store};

use super::database::Looked;
use super::drilled::{SLACK, hours, is_within, span};
use super::evidence::Found;
use super::outcome::{Counted, State};
use super::{Request, failed, held, unknown};

/// What helps where there is none.
const MAKE: &str = "`stairway backup` makes one";

/// The fact, and the backup that counts.
pub(super) fn judge(
    request: &Request,
    found: &Found,
    looked: &Looked,
    now: Timestamp,
) -> (State, Option<Counted>) {
    let folder = &request.backups;
    let listing = match folder.is_dir().then(|| Store::at(folder).list()).transpose() {
        Ok(listing) => listing.unwrap_or_default(),
        Err(error) => return (unknown(crate::server::causes(&error)), None),
    };
    let Some(newest) = newest(&listing, looked) else {
        return (of_drill(request, found, looked, now), None);
    };
    let (file, made) = (newest.path.display(), newest.manifest.created_at);
    let state = fresh(request, &file.to_string(), made, now);
    if state.ended != super::Ended::Held {
        return (state, None);
    }
    let (level, least) = (newest.manifest.level, request.policy.backup_level);
    if level < least {
        let proven =
            format!("{file}: level {} is proven, {} at least", u8::from(level), u8::from(least));
        return (failed(proven).help("`stairway drill` proves it"), None);
    }
    let counted = Counted {
        file: newest.path.file_name().map_or_else(|| newest.path.clone(), Into::into),
        sha256: newest.manifest.sha256(),
        made,
    };
    (state, Some(counted))
}

/// The newest one of this database on this server.
fn newest<'l>(listing: &'l Listing, looked: &Looked) -> Option<&'l Backup> {
    let (name, system) = (&looked.identity.name, &looked.identity.system_identifier);
    listing.backups.iter().find(|it| {
        let other = it.manifest.system_identifier.as_ref();
        let is_here = other.is_none_or(|other| system.is_empty() || other == system);
        it.manifest.database == *name && is_here
    })
}

/// Of backups without manifests a drill knows the age.
fn of_drill(request: &Request, found: &Found, looked: &Looked, now: Timestamp) -> State {
    let name = &looked.identity.name;
    let folder = request.backups.display();
    let good = found.drill.as_ref().and_then(|(_, drill)| drill.tried.iter().find(|it| it.good));
    let is_of_other = |database: &String| database != name;
    match good.and_then(|it| Some((it, it.made?))) {
        Some((tried, made)) if !tried.database.as_ref().is_some_and(is_of_other) => {
            fresh(request, &file_name(&tried.file), made, now)
        }
        _ => failed(format!("there is no backup of {name} with a manifest in {folder}")).help(MAKE),
    }
}

fn fresh(request: &Request, file: &str, made: Timestamp, now: Timestamp) -> State {
    let age = now.duration_since(made);
    let most = request.policy.backup_max_age;
    if age < -SLACK {
        unknown(format!("{file} was made at {made}, which is not yet: check the clocks"))
    } else if is_within(age, most) {
        held(format!("{} old ({file})", hours(age)))
    } else {
        failed(format!("the newest one is {} old, {} at most ({file})", hours(age), span(most)))
            .help(MAKE)
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
