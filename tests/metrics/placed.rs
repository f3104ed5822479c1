//! Where metrics go: the flag, the environment, `stairway.toml`, in this order; and where they do not.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use jiff::Timestamp;

use crate::page::{Page, names};
use crate::program;

/// A verification that ends at once, since its folder is not there.
fn command(project: &Path, words: &[&str]) -> Command {
    let mut command = program::program();
    command
        .args(["verify", "no/such/folder"])
        .args(words)
        .current_dir(project)
        .stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let project = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let folder = project.path().join(name);
        fs::create_dir(&folder).unwrap();
        folder
    };
    let (flag, variable, file) = (folder("flag"), folder("variable"), folder("file"));
    let settings = project.path().join("stairway.toml");
    fs::write(&settings, "metrics = \"file\"\n").unwrap();
    let run = |command: &mut Command| assert_eq!(command.output().unwrap().status.code(), Some(2));
    let since = Timestamp::now();
    run(&mut command(project.path(), &[]));
    Page::of(&file, "verify").ended("usage", since);
    run(command(project.path(), &[]).env("STAIRWAY_METRICS", &variable));
    Page::of(&variable, "verify").ended("usage", since);
    run(command(project.path(), &["--metrics", "flag"]).env("STAIRWAY_METRICS", &variable));
    Page::of(&flag, "verify").ended("usage", since);
    // Settings that can't be read are an error of the run, which its metrics say as well.
    fs::write(&settings, "metrics = 7\n").unwrap();
    let since = Timestamp::now();
    run(&mut command(project.path(), &["--metrics", "flag"]));
    Page::of(&flag, "verify").ended("usage", since);
    for folder in [&flag, &variable, &file] {
        assert_eq!(names(folder), ["stairway_verify.prom"]);
    }
}

#[test]
fn what_is_no_run_leaves_no_metrics() {
    let metrics = tempfile::tempdir().unwrap();
    let folder = metrics.path().to_str().unwrap();
    for words in [
        &["verify", "--list-checks"][..],
        &["verify", "--explain", "column-order"],
        &["backup", "--list"],
    ] {
        let mut command = program::program();
        command.args(words).args(["--metrics", folder]).current_dir(metrics.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    for words in [&["history"][..], &["doctor"], &["verify", "--list-checks"]] {
        let mut command = program::program();
        command.args(words).env("STAIRWAY_METRICS", folder).current_dir(metrics.path());
        command.output().unwrap();
    }
    assert!(names(metrics.path()).is_empty());
}

#[test]
fn a_folder_that_can_t_be_written_to_is_named_before_anything_is_done() {
    let project = tempfile::tempdir().unwrap();
    fs::write(project.path().join("file"), "").unwrap();
    for place in ["none", "file"] {
        let output = command(project.path(), &["--metrics", place]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = said(&output);
        assert!(said.starts_with(&format!("error: can't write metrics to {place}: ")), "{said}");
        assert!(said.contains("--collector.textfile.directory"), "{said}");
        assert!(!said.contains("no/such/folder"), "the work was begun: {said}");
    }
}

/// The file is the same on a machine of whoever writes migrations.
#[test]
fn a_folder_that_only_the_settings_name_stops_nobody() {
    let project = tempfile::tempdir().unwrap();
    fs::write(project.path().join("stairway.toml"), "metrics = \"none\"\n").unwrap();
    let output = command(project.path(), &[]).output().unwrap();
    let said = said(&output);
    assert!(said.starts_with("warning: can't write metrics to none: "), "{said}");
    assert!(said.contains("error: can't read no/such/folder"), "the work was not begun: {said}");
    assert_eq!(said.matches("metrics").count(), 1, "{said}");
}

#[test]
fn a_file_that_can_t_be_read_is_replaced_and_that_is_said() {
    let metrics = tempfile::tempdir().unwrap();
    let path = metrics.path().join("stairway_verify.prom");
    let folder = metrics.path().to_str().unwrap();
    fs::write(&path, "stairway_last_success_timestamp_seconds 7\n").unwrap();
    let since = Timestamp::now();
    let output = command(metrics.path(), &["--metrics", folder]).output().unwrap();
    let warning = format!("warning: {} was replaced", path.display());
    assert!(said(&output).contains(&warning), "{}", said(&output));
    assert!(said(&output).contains("line 1: it has no labels"), "{}", said(&output));
    let page = Page::of(metrics.path(), "verify");
    assert_eq!(page.ended("usage", since).find("last_success_timestamp_seconds"), None);
    let again = command(metrics.path(), &["--metrics", folder]).output().unwrap();
    assert!(!said(&again).contains("replaced"), "{}", said(&again));
    // One that is in the way is no file to be replaced.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let blocked = command(metrics.path(), &["--metrics", folder]).output().unwrap();
    assert_eq!(blocked.status.code(), Some(2));
    let why = format!("can't write metrics to {}", path.display());
    assert!(said(&blocked).contains(&why), "{}", said(&blocked));
    assert_eq!(names(metrics.path()), ["stairway_verify.prom"], "a temporary file was left");
}
