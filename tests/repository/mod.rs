//! Histories in repositories of their own, and the program run on them.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::{program, servers};

/// A temporary folder; the servers' user gets there.
pub(crate) fn scratch() -> tempfile::TempDir {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Writes files below `folder`, and their folders.
pub(crate) fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Copies a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if entry.path().is_dir() {
            // Python leaves those.
            if name != "__pycache__" {
                copy(&entry.path(), &to.join(name));
            }
        } else {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

/// A repository with `migrations/` on the branch `main`.
pub(crate) struct Repository {
    scratch: tempfile::TempDir,
}

/// Three sound migrations of sqlx.
pub(crate) const SOUND: &[(&str, &str)] = &[
    ("migrations/20240101000000_a.up.sql", "CREATE TABLE a (\n    id int\n);\n"),
    ("migrations/20240101000000_a.down.sql", "DROP TABLE a;\n"),
    ("migrations/20240201000000_b.up.sql", "CREATE TABLE b (\n    id int\n);\n"),
    ("migrations/20240201000000_b.down.sql", "DROP TABLE b;\n"),
    ("migrations/20240301000000_c.up.sql", "CREATE TABLE c (\n    id int\n);\n"),
    ("migrations/20240301000000_c.down.sql", "DROP TABLE c;\n"),
];

impl Repository {
    /// With `files` in the first commit of main; HEAD is at the branch `work` then.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let new = Self { scratch: scratch() };
        new.git(&["init", "--quiet", "--initial-branch=main"]);
        new.write(files);
        new.commit();
        new.git(&["switch", "--quiet", "--create", "work"]);
        new
    }

    pub(crate) fn path(&self) -> &Path {
        self.scratch.path()
    }

    pub(crate) fn write(&self, files: &[(&str, &str)]) {
        write(self.path(), files);
    }

    pub(crate) fn remove(&self, file: &str) {
        fs::remove_file(self.path().join(file)).unwrap();
    }

    pub(crate) fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "x"]);
    }

    pub(crate) fn git(&self, args: &[&str]) {
        git(self.path(), args);
    }

    /// The program at the top of the work tree.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        run(self.path(), &[], args)
    }

    /// `verify` on a local server, as JSON.
    pub(crate) fn verify(&self, more: &[&str]) -> Ran {
        verify(self.path(), &[], more)
    }
}

/// Nothing of this machine's settings of git takes part.
pub(crate) fn git(folder: &Path, args: &[&str]) {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=test", "-c", "user.email=test@example.org"])
        .args(["-c", "commit.gpgSign=false"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn run(folder: &Path, variables: &[(&str, &str)], args: &[&str]) -> Ran {
    let mut command = program::program_with(&["STAIRWAY_RUNTIME", "STAIRWAY_POSTGRES_BIN"]);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    command.envs(variables.iter().copied()).args(args).current_dir(folder);
    Ran::of(&command.stdin(Stdio::null()).output().unwrap())
}

/// What says that servers are to come from installed binaries, of the oldest major.
pub(crate) fn local() -> [(&'static str, String); 3] {
    [
        ("STAIRWAY_SERVER", "local".to_owned()),
        ("STAIRWAY_POSTGRES", servers::majors()[0].to_string()),
        ("STAIRWAY_NO_CACHE", "1".to_owned()),
    ]
}

/// A shell with these words, with the program on PATH.
pub(crate) fn bash(folder: &Path, variables: &[(&str, String)], words: &[&str]) -> Ran {
    let mut command = Command::new("/bin/bash");
    as_here(&mut command, folder, variables);
    Ran::of(&command.args(words).output().unwrap())
}

/// The program on PATH, and nothing else of this machine's environment that it would follow.
pub(crate) fn as_here(command: &mut Command, folder: &Path, variables: &[(&str, String)]) {
    for variable in stairway::env::ALL {
        let stays = ["STAIRWAY_RUNTIME", "STAIRWAY_POSTGRES_BIN", "PATH"].contains(&variable.name);
        if !stays {
            command.env_remove(variable.name);
        }
    }
    command.current_dir(folder).env("PATH", path()).stdin(Stdio::null());
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    command.envs(variables.iter().map(|(name, value)| (name, value)));
}

/// PATH with the program before all others.
pub(crate) fn path() -> OsString {
    let program = Path::new(env!("CARGO_BIN_EXE_stairway")).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths([program].into_iter().chain(std::env::split_paths(&path))).unwrap()
}

/// `verify` in `folder` on a local server, as JSON. Nothing is kept unless a variable says where.
pub(crate) fn verify(folder: &Path, variables: &[(&str, &str)], more: &[&str]) -> Ran {
    let mut args = vec!["verify", "--no-repro", "--format", "json"];
    let major = servers::majors()[0].to_string();
    if !more.contains(&"--server") {
        args.extend(["--server", "local", "--postgres", &major]);
    }
    if variables.is_empty() {
        args.push("--no-cache");
    }
    args.extend(more);
    run(folder, variables, &args)
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.stdout, self.stderr))
    }

    /// The revisions that were judged, shortened to what tells them apart.
    pub(crate) fn judged(&self) -> Vec<String> {
        let report = self.report();
        let migrations = report["migrations"].as_array().unwrap().iter();
        migrations.map(|migration| migration["revision"].as_str().unwrap().to_owned()).collect()
    }

    /// All findings: those of the run first.
    pub(crate) fn findings(&self) -> Vec<Value> {
        let report = self.report();
        let of_migrations = report["migrations"].as_array().unwrap().iter();
        let of_migrations = of_migrations.flat_map(|it| it["findings"].as_array().unwrap());
        report["findings"].as_array().unwrap().iter().chain(of_migrations).cloned().collect()
    }

    /// Their checks.
    pub(crate) fn checks(&self) -> Vec<String> {
        self.findings().iter().map(|it| it["check"].as_str().unwrap().to_owned()).collect()
    }
}

/// A folder in which no program is.
pub(crate) fn no_programs(scratch: &Path) -> PathBuf {
    let folder = scratch.join("no-programs");
    fs::create_dir_all(&folder).unwrap();
    folder
}
