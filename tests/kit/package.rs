//! A package of Cargo's with a suite of migrations and other tests, for jobs that come by the second door.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::place::Project;
use crate::repository;

const MANIFEST: &str = r#"[package]
name = "clinic"
version = "0.0.0"
edition = "2024"
publish = false

[dev-dependencies]
stairway = { path = "@HERE@", default-features = false, features = ["container", "testing"] }

[[test]]
name = "migrations"
harness = false

# As in fixtures/projects, so that what is built for those is used here.
[profile.dev]
debug = "line-tables-only"

[profile.dev.package]
insta.opt-level = 3
similar.opt-level = 3
sha2.opt-level = 3
"#;

/// A package whose suite has four migrations; `last` is the way back of the last one.
pub(crate) fn new(last: &str) -> Project {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lock = std::fs::read_to_string(here.join("Cargo.lock")).unwrap();
    let manifest = MANIFEST.replace("@HERE@", here.to_str().unwrap());
    let suite = "use stairway::testing::Suite;\nfn main() -> std::process::ExitCode {\n    \
                 Suite::new(\"migrations\").main()\n}\n";
    let other = "#[test]\nfn one() {}\n\n#[test]\nfn two() {}\n";
    let project = Project::new(&[
        ("Cargo.toml", &manifest),
        ("Cargo.lock", &lock),
        ("src/lib.rs", ""),
        ("tests/migrations.rs", suite),
        ("tests/other.rs", other),
    ]);
    for nth in 1..=4 {
        let up = format!("CREATE TABLE t{nth} (id int);\n");
        let down = if nth == 4 { last.to_owned() } else { format!("DROP TABLE t{nth};\n") };
        let name = |end: &str| format!("migrations/{nth}_t.{end}.sql");
        project.write(&[(&name("up"), &up), (&name("down"), &down)]);
    }
    project.commit();
    project
}

pub(crate) fn has_nextest() -> bool {
    let version = Command::new(env!("CARGO")).args(["nextest", "--version"]).output();
    let is_there = version.is_ok_and(|output| output.status.success());
    if !is_there {
        println!("SKIPPED: cargo nextest is not installed, no suite is run");
    }
    is_there
}

/// What leads cargo to what is built already, and nowhere else.
pub(crate) fn variables() -> Vec<(&'static str, String)> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("target");
    let cargo = Path::new(env!("CARGO")).parent().unwrap().to_owned();
    let path = repository::path();
    let folders = [cargo].into_iter().chain(std::env::split_paths(&path));
    vec![
        // Shared with fixtures/projects.
        ("CARGO_TARGET_DIR", target.display().to_string()),
        ("CARGO_NET_OFFLINE", "true".to_owned()),
        ("CARGO_TERM_COLOR", "never".to_owned()),
        ("PATH", std::env::join_paths(folders).unwrap().into_string().unwrap()),
    ]
}

/// The tests that nextest says passed or failed, by their name without the binary's.
pub(crate) fn tests(said: &str, word: &str) -> Vec<String> {
    let lines = said.lines().filter(|line| line.trim_start().starts_with(word));
    let names = lines.filter_map(|line| line.split_whitespace().last());
    names.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The migrations that these tests are of.
pub(crate) fn migrations(tests: &[String]) -> Vec<&str> {
    let names = tests.iter().filter_map(|name| Some(name.split_once("::")?.0));
    names.collect::<BTreeSet<_>>().into_iter().collect()
}
