//! Whether there is room for what a run writes: for the backup, for its copy, and beside the database
//! itself, each file system looked at with all that goes to it.
//!
//! Knows folders and sizes. Must not know who fills them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

use crate::checks::size;
use crate::postgres::Target;
use crate::server::{Choice, Chosen};
use crate::steps::Facts;

use super::account::{Remark, Room, Weight};
use super::request::Request;

/// Something that a run may write.
struct Wanted {
    about: &'static str,
    folder: PathBuf,
    bytes: u64,
    /// How much it weighs if it does not fit.
    weight: Weight,
    help: &'static str,
}

/// What is to be said of the room for a backup, for the copy that is made of it, if one is, and for the
/// database that a restore makes beside this one.
pub(super) fn look(request: &Request, facts: &Facts, copy: Option<&Chosen>) -> Vec<Remark> {
    let own = data_folder(facts, &request.target);
    let mut wanted = vec![Wanted {
        about: "disk for the backup",
        folder: request.backups.clone(),
        // Text may take more room than pages do, and compression makes it less; half is on the safe
        // side.
        bytes: facts.size / 2,
        weight: Weight::Refused,
        help: "make room, or name another folder with BACKUP_DIR",
    }];
    let is_on_own = is_same_server(request, facts);
    let root = copy.and_then(Chosen::data_root);
    let root = root.or_else(|| own.clone().filter(|_| copy.is_some() && is_on_own));
    wanted.extend(root.map(|folder| Wanted {
        about: "disk for the copy",
        folder,
        bytes: facts.size,
        weight: Weight::Refused,
        help: "make room, or name another folder with STAIRWAY_RUNTIME; --skip-test makes no copy",
    }));
    // A copy on the same server is gone before anything is restored there.
    let is_had = copy.is_some() && is_on_own;
    wanted.extend(own.filter(|_| !is_had).map(|folder| Wanted {
        about: "disk for the database",
        folder,
        bytes: facts.size,
        weight: Weight::Warning,
        help: "make room: a restore, or a migration that rewrites its tables, may not fit",
    }));
    remarks(&wanted)
}

/// What comes first on a file system is had first; a tenth of it stays free.
fn remarks(wanted: &[Wanted]) -> Vec<Remark> {
    let mut told = Vec::new();
    let mut taken: Vec<(u64, u64)> = Vec::new();
    for Wanted { about, folder, bytes, weight, help } in wanted {
        let Some((device, mount, free)) = file_system(folder) else {
            let message = format!("the room in {} can't be told", folder.display());
            told.push(Remark::new(about, Weight::Warning, message, None));
            continue;
        };
        let earlier = taken.iter().filter(|(on, _)| *on == device).map(|(_, bytes)| bytes).sum();
        taken.push((device, *bytes));
        let needed = bytes.saturating_add(earlier);
        let fits = free.saturating_sub(free / 10) >= needed;
        let mut message = format!(
            "{} (on {}) has {} free, {} are needed",
            folder.display(),
            mount.display(),
            size(free),
            size(needed)
        );
        if earlier > 0 {
            message = format!("{message}, with what is written there before");
        }
        let weight = if fits { Weight::Fine } else { *weight };
        let room = Room { folder: folder.clone(), mount, needed, free };
        let remark = Remark::new(about, weight, message, (!fits).then_some(help));
        told.push(Remark { room: Some(room), ..remark });
    }
    told
}

/// The file system that a folder is on, or would be: its number, where it is mounted, and how many
/// bytes are free.
fn file_system(folder: &Path) -> Option<(u64, PathBuf, u64)> {
    let there = folder.ancestors().find(|it| it.exists())?.canonicalize().ok()?;
    let device = fs::metadata(&there).ok()?.dev();
    let is_on = |it: &&Path| fs::metadata(it).is_ok_and(|about| about.dev() == device);
    let mount = there.ancestors().take_while(is_on).last()?.to_owned();
    let about = statvfs(&there).ok()?;
    let free = about.blocks_available().saturating_mul(about.fragment_size());
    Some((device, mount, free))
}

/// Where the database's own files are, if that is known and is on this machine.
fn data_folder(facts: &Facts, target: &Target) -> Option<PathBuf> {
    let root = facts.data_directory.as_deref().map(Path::new)?;
    let is_here = match fs::read(root.join("global/pg_control")) {
        // The same path may be another server's, where ours is in a container or elsewhere.
        Ok(bytes) => bytes.first_chunk().is_some_and(|first| {
            u64::from_ne_bytes(*first).to_string() == facts.identity.system_identifier
        }),
        Err(error) => error.kind() == std::io::ErrorKind::PermissionDenied && target.is_socket(),
    };
    is_here.then(|| facts.tablespace.as_ref().map_or_else(|| root.to_owned(), PathBuf::from))
}

fn is_same_server(request: &Request, facts: &Facts) -> bool {
    let Choice::Existing(target) = &request.copy.choice else { return false };
    let there = |target: &Target| target.database(&facts.identity.name).to_string();
    there(target) == there(&request.target)
}

#[cfg(test)]
mod tests {
    use super::{Wanted, file_system, remarks};
    use crate::runs::production::Weight;

    #[test]
    fn what_goes_to_one_file_system_is_added_up() {
        let folder = std::env::temp_dir();
        let (_, mount, free) = file_system(&folder).unwrap();
        let wanted = |weight, part: u64| Wanted {
            about: "disk",
            folder: folder.join("not/there/yet"),
            bytes: free / 100 * part,
            weight,
            help: "make room",
        };
        // A third fits, two as well, and three don't.
        let each = [Weight::Refused, Weight::Refused, Weight::Warning].map(|it| wanted(it, 33));
        let told = remarks(&each);
        let weights = told.iter().map(|it| it.weight).collect::<Vec<_>>();
        assert_eq!(weights, [Weight::Fine, Weight::Fine, Weight::Warning]);
        assert!(told.iter().all(|it| it.room.as_ref().is_some_and(|room| room.mount == mount)));
        assert_eq!(remarks(&[wanted(Weight::Refused, 95)])[0].weight, Weight::Refused);
    }
}
