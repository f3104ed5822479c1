//! As whom servers run: `PostgreSQL` refuses root, so root hands its servers to another user.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{User, geteuid};

use super::ServerError;
use crate::env;

/// The user that servers run as.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    gid: u32,
    /// Whether it is another user than ours, because ours is root.
    pub(super) dropped: bool,
}

impl Account {
    /// Ourselves; for root the user `postgres`, else `nobody`.
    pub(super) fn of_servers() -> Result<Self, ServerError> {
        let own = geteuid();
        let named = |user: User, dropped| Self {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            dropped,
        };
        if !own.is_root() {
            return Ok(match User::from_uid(own) {
                Ok(Some(user)) => named(user, false),
                _ => Self {
                    name: own.to_string(),
                    uid: own.as_raw(),
                    gid: nix::unistd::getegid().as_raw(),
                    dropped: false,
                },
            });
        }
        ["postgres", "nobody"]
            .iter()
            .filter_map(|name| User::from_name(name).ok().flatten())
            .find(|user| !user.uid.is_root())
            .map(|user| named(user, true))
            .ok_or(ServerError::NoAccount)
    }

    /// A child program that runs as this user and gets only the variables it needs.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
        for variable in [env::PATH, env::LD_LIBRARY_PATH] {
            if let Some(value) = variable.get() {
                command.env(variable.name, value);
            }
        }
        if self.dropped {
            // This also leaves all of root's supplementary groups.
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Gives `path` to this user.
    pub(super) fn own(&self, path: &Path) -> io::Result<()> {
        if self.dropped { chown(path, Some(self.uid), Some(self.gid)) } else { Ok(()) }
    }

    /// Fails with the first folder on the way to `path` (itself included, if it exists) that this
    /// user may not pass through.
    pub(super) fn may_enter(&self, path: &Path) -> Result<(), PathBuf> {
        let mut way: Vec<&Path> = path.ancestors().collect();
        way.reverse();
        for folder in way {
            let Ok(about) = folder.metadata() else { return Ok(()) };
            let bit = if about.uid() == self.uid {
                0o100
            } else if about.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            if about.is_dir() && about.mode() & bit == 0 {
                return Err(folder.to_owned());
            }
        }
        Ok(())
    }
}
