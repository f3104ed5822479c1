//! A folder for servers that a test leads itself, as somebody who may start them. However the test ends, all
//! servers in it end and it goes.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::unistd::{Uid, User};
use stairway::server::survey;

use crate::servers;

/// Waits for the end of a pipe that the test holds, and cleans up.
const GUARD: &str = r#"
cat >/dev/null
for file in "$1"/*/postmaster.pid; do
    read -r leader <"$file" || continue
    kill -CONT "$leader" $(cat "/proc/$leader/task/$leader/children")
    "$2" --pgdata="${file%/postmaster.pid}" --mode=immediate stop
done
rm -rf "$1"
"#;

pub(crate) struct Home {
    pub(crate) path: PathBuf,
    /// Where the programs of its major version are.
    pub(crate) programs: PathBuf,
    guard: Child,
    user: Option<User>,
}

impl Home {
    /// An empty one, for servers of `major`.
    pub(crate) fn new(major: u32, mode: u32) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(survey(&servers::spec(major)));
        let programs = PathBuf::from(found.taken.unwrap().from);
        let user = Uid::effective().is_root().then(|| {
            let found = ["postgres", "nobody"].iter().find_map(|it| User::from_name(it).unwrap());
            found.unwrap()
        });
        let path = tempfile::Builder::new().prefix("home-").tempdir_in("/tmp").unwrap().keep();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        if let Some(user) = &user {
            chown(&path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        }
        let mut guard = as_user(user.as_ref(), Path::new("sh"));
        let guard = guard
            .args(["-c", GUARD, "guard"])
            .args([&path, &programs.join("pg_ctl")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        Self { path, programs, guard, user }
    }

    /// A program, as the user who may start servers.
    pub(crate) fn command(&self, program: &Path) -> Command {
        as_user(self.user.as_ref(), program)
    }

    /// Gives a file or folder to that user.
    pub(crate) fn give(&self, path: &Path) {
        if let Some(user) = &self.user {
            chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        }
    }

    /// Makes the data directory `name`, with `settings` besides those of initdb.
    pub(crate) fn initdb(&self, name: &str, settings: &str) {
        let mut command = self.command(&self.programs.join("initdb"));
        let command = command
            .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"])
            .args(["--no-sync", "--wal-segsize=1", "--pgdata", name])
            .current_dir(&self.path)
            .stdin(Stdio::null());
        let output = command.output().unwrap();
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        let file = self.path.join(name).join("postgresql.conf");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text + settings).unwrap();
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
        let is_left = self.path.exists() && !std::thread::panicking();
        assert!(!is_left, "{} is left", self.path.display());
    }
}

fn as_user(user: Option<&User>, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C").current_dir("/");
    if let Some(user) = user {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}
