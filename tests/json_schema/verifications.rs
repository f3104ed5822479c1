//! `verify`: a history full of faults, and a run that ended before it had a verdict.

use std::process::{Command, Output};

use crate::servers;
use crate::shape::Schema;

fn verify(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stairway"));
    for variable in ["STAIRWAY_MIGRATIONS", "STAIRWAY_SERVER", "STAIRWAY_POSTGRES"] {
        command.env_remove(variable);
    }
    command
        .args(["verify", "fixtures/clinic-faulty/migrations", "--format", "json", "--no-cache"])
        .args(words)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}

#[test]
fn of_findings() {
    let major = servers::majors()[0].to_string();
    let output = verify(&["--server", "local", "--postgres", &major, "--no-repro"]);
    let report = Schema::of("verify").fits_text(&output.stdout);
    assert_eq!((output.status.code(), &report["verdict"]), (Some(1), &"fail".into()));
    let migrations = report["migrations"].as_array().unwrap();
    let findings: Vec<_> =
        migrations.iter().flat_map(|it| it["findings"].as_array().unwrap()).collect();
    // What is not there was not held against anything.
    for key in ["file", "line", "detail", "help", "allowed"] {
        assert!(findings.iter().any(|finding| !finding[key].is_null()), "{key}");
    }
    assert!(findings.iter().any(|finding| finding["rows"][0].is_object()));
}

#[test]
fn of_a_run_without_a_verdict() {
    // Nobody listens there.
    let output = verify(&["--server", "postgres://127.0.0.1:1/none"]);
    let report = Schema::of("verify").fits_text(&output.stdout);
    assert_eq!((output.status.code(), &report["error"]["exit"]), (Some(3), &3.into()));
}
