//! Programs of others that know the form of a file: schemas of GitHub, GitLab, Compose and Kubernetes, pre-commit
//! itself, and shellcheck. `ci/test` installs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::place::{kit, text, value};
use crate::repository;

/// A program on PATH or in one of the folders of `STAIRWAY_TOOLS`, or nothing where there is none (which is
/// then said).
pub(crate) fn checker(name: &str) -> Option<PathBuf> {
    let tools = stairway::env::TOOLS.get().unwrap_or_default();
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&tools).chain(std::env::split_paths(&path));
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        let is_required = stairway::env::REQUIRE_CHECKERS.is_on();
        assert!(!is_required, "{name} is required and is on no path");
        eprintln!(
            "SKIPPED: there is no {name} here, nothing is checked by it; ci/test installs it"
        );
    }
    found
}

/// What a program says to a file.
pub(crate) fn says(program: &Path, words: &[&str], file: &Path) -> Output {
    Command::new(program)
        .args(words)
        .arg(file)
        .current_dir(file.parent().unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The program takes the file, and refuses it where these words are others.
#[track_caller]
fn takes(program: &Path, words: &[&str], file: &str, [right, wrong]: [&str; 2]) {
    let output = says(program, words, &kit().join(file));
    assert!(output.status.success(), "{file}: {output:?}");
    let scratch = repository::scratch();
    let broken = scratch.path().join(Path::new(file).file_name().unwrap());
    let text = text(file);
    assert!(text.contains(right), "{right:?} is not in {file}");
    fs::write(&broken, text.replacen(right, wrong, 1)).unwrap();
    let output = says(program, words, &broken);
    assert!(!output.status.success(), "{file} may say {wrong:?}");
}

#[test]
fn jobs_are_what_the_schemas_of_their_runners_ask_for() {
    let Some(program) = checker("check-jsonschema") else { return };
    let wrong = ["    runs-on: ", "    run-on: "];
    for file in [crate::pull_request::FILE, crate::nightly::FILE, crate::release::FILE] {
        takes(&program, &["--builtin-schema", "vendor.github-workflows"], file, wrong);
    }
    let words = ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"];
    takes(&program, &words, crate::gitlab::FILE, ["when: manual", "when: by-hand"]);
    let words = ["--builtin-schema", "vendor.compose-spec"];
    takes(&program, &words, "docker/compose.yml", ["command: [drill", "comand: [drill"]);
}

#[test]
fn resources_are_what_the_schemas_of_kubernetes_ask_for() {
    let Some(program) = checker("kubernetes-validate") else { return };
    for file in crate::kubernetes::FILES {
        let wrong = ["  concurrencyPolicy: ", "  concurencyPolicy: "];
        takes(&program, &["--strict"], file, wrong);
    }
}

#[test]
fn hooks_are_what_pre_commit_asks_for() {
    let Some(program) = checker("pre-commit") else { return };
    let wrong = ["entry: ", "enter: "];
    takes(&program, &["validate-config"], "pre-commit/pre-commit-config.yaml", wrong);
    takes(&program, &["validate-manifest"], "pre-commit/.pre-commit-hooks.yaml", wrong);
}

/// All that a shell is to run.
fn scripts() -> Vec<(String, String)> {
    let mut found = vec![("deploy.sh".to_owned(), text("deploy/deploy.sh"))];
    for file in [crate::pull_request::FILE, crate::nightly::FILE, crate::release::FILE] {
        for (name, job) in value(file)["jobs"].as_object().unwrap() {
            for step in job["steps"].as_array().unwrap() {
                if let Some(run) = step["run"].as_str() {
                    found.push((format!("{file} {name}"), format!("#!/bin/bash\n{run}")));
                }
            }
        }
    }
    for job in crate::gitlab::jobs() {
        found.push((job.name.clone(), format!("#!/bin/bash\n{}", job.lines.join("\n"))));
    }
    for (name, script) in crate::kubernetes::engine() {
        found.push((name, script));
    }
    found
}

#[test]
fn scripts_are_what_shellcheck_asks_for() {
    let Some(program) = checker("shellcheck") else { return };
    let scratch = repository::scratch();
    let file = scratch.path().join("script");
    let scripts = scripts();
    assert!(scripts.len() > 20, "{}", scripts.len());
    for (name, script) in scripts {
        fs::write(&file, &script).unwrap();
        let output = says(&program, &["--severity", "style"], &file);
        assert!(output.status.success(), "{name}:\n{}", String::from_utf8_lossy(&output.stdout));
    }
    fs::write(&file, "#!/bin/sh\nrm -rf $1/*\n").unwrap();
    assert!(!says(&program, &["--severity", "style"], &file).status.success());
}
