//! Bar 2: a drill that is killed. What it had made goes with it, or with the next one; what it was
//! given, and what an earlier one has written, stays as it is.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use stairway::backup::Format;

use crate::ground::eventually;
use crate::servers;
use crate::yard::{Ran, Yard};

const OFFSETS: usize = 10;

/// Processes that work in a folder below this one.
fn workers(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let works =
        |path: &PathBuf| fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
    entries.filter(works).collect()
}

/// Names and sizes of all that is in a folder.
fn listing(folder: &Path) -> Vec<(String, u64)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut all: Vec<(String, u64)> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len()))
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn nothing_is_left_of_a_drill_that_is_killed() {
    for major in servers::majors() {
        let yard = Yard::new(*major).await;
        yard.migration(
            2,
            "ALTER TABLE orders ADD COLUMN x int;\n",
            "ALTER TABLE orders DROP COLUMN x;\n",
        );
        let backup = yard.ours("shop", "store", Format::Custom).await;
        let store = backup.path.parent().unwrap().to_owned();
        let runtime = tempfile::tempdir_in("/tmp").unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(runtime.path(), open).unwrap();
        let report = yard.project.path().join("last.json");
        let fetch = format!("cp -r {}/. .", store.display());
        let words =
            ["--fetch", fetch.as_str(), "--output", report.to_str().unwrap(), "--jobs", "2"];
        let command = || {
            let mut command = yard.command(&words);
            command.env("STAIRWAY_RUNTIME", runtime.path()).stdout(Stdio::null());
            command
        };
        // Once to its end: how much it says, and a report that must stay.
        let whole = command().output().unwrap();
        let lines = String::from_utf8_lossy(&whole.stderr).lines().count();
        assert!(whole.status.success() && lines >= OFFSETS, "{whole:?}");
        let (written, kept) = (fs::read_to_string(&report).unwrap(), listing(&store));
        for offset in 0..OFFSETS {
            let mut child = command().spawn().unwrap();
            let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
            let line = said.by_ref().nth(offset * lines / OFFSETS).unwrap().unwrap();
            child.kill().unwrap();
            assert_eq!(child.wait().unwrap().code(), None, "it ended before it was killed: {line}");
            eventually("its processes end", async || workers(runtime.path()).is_empty()).await;
            assert_eq!(fs::read_to_string(&report).unwrap(), written, "after {line}");
            assert_eq!(listing(&store), kept, "after {line}");
        }
        let again = command().stdout(Stdio::piped()).output().unwrap();
        assert!(again.status.success(), "{again:?}");
        assert_eq!(fs::read_dir(runtime.path()).unwrap().count(), 0, "something is left");
        assert!(workers(runtime.path()).is_empty());
        let ran: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(&report).unwrap()).unwrap();
        assert_eq!(ran["verdict"], "ok");
        yard.end().await;
    }
}

/// A drill that is told to end says so, and what it holds is held by nobody then.
#[tokio::test]
async fn a_drill_that_is_interrupted_leaves_nothing() {
    let yard = Yard::new(servers::majors()[0]).await;
    let backup = yard.ours("shop", "store", Format::Custom).await;
    let mut child = yard.command(&["--backup", backup.path.to_str().unwrap()]).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.by_ref().any(|line| line.unwrap() == "step: restore"));
    let number = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(number, nix::sys::signal::Signal::SIGTERM).unwrap();
    let rest: Vec<String> = said.map(Result::unwrap).collect();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{rest:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert!(report.is_null() || report["verdict"] == "environment", "{report}");
    assert!(rest.iter().any(|line| line.contains("terminated; the server is stopped")), "{rest:?}");
    let again =
        Ran::of(&yard.command(&["--backup", backup.path.to_str().unwrap()]).output().unwrap());
    again.is(0, "ok");
    yard.end().await;
}
