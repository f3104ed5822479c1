//! The hook of pre-commit: what it starts is run on what is staged, by itself and by pre-commit.

use std::path::Path;

use serde_json::Value;

use crate::checkers::checker;
use crate::place::{self, Project};
use crate::repository::{self, Ran};

const CONFIG: &str = "pre-commit/pre-commit-config.yaml";
const HOOKS: &str = "pre-commit/.pre-commit-hooks.yaml";

fn hooks() -> [Value; 2] {
    let offered = place::value(HOOKS)[0].clone();
    let own = place::value(CONFIG)["repos"][0]["hooks"][0].clone();
    [offered, own]
}

fn project() -> Project {
    let project = Project::new(&[
        ("migrations/1_room.up.sql", "CREATE TABLE room (id int PRIMARY KEY, name text);\n"),
        ("migrations/1_room.down.sql", "DROP TABLE room;\n"),
    ]);
    project.write(&[(".pre-commit-config.yaml", &place::text(CONFIG))]);
    project.commit();
    project
}

/// Stages a second migration with this way back.
fn staged(project: &Project, down: &str) {
    project.write(&[
        ("migrations/2_seats.up.sql", "ALTER TABLE room ADD COLUMN seats int;\n"),
        ("migrations/2_seats.down.sql", down),
    ]);
    project.git(&["add", "--all"]);
}

fn ran(project: &Project, words: &[&str]) -> Ran {
    repository::bash(project.path(), &repository::local(), words)
}

#[test]
fn both_are_one_hook_and_the_first_stands_where_pre_commit_looks() {
    let [offered, own] = hooks();
    for key in ["id", "name", "entry", "pass_filenames", "require_serial"] {
        assert_eq!(offered[key], own[key], "{key}");
    }
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let there = std::fs::read_to_string(top.join(".pre-commit-hooks.yaml")).unwrap();
    assert_eq!(there, place::text(HOOKS));
    // It is built by cargo from the top of this repository, and the program has the name of the entry.
    assert_eq!(offered["language"], "rust");
    assert!(top.join("Cargo.toml").is_file());
    assert!(offered["entry"].as_str().unwrap().starts_with("stairway "));
}

#[test]
fn what_is_staged_is_climbed() {
    let project = project();
    let entry = hooks()[0]["entry"].as_str().unwrap().to_owned();
    let unchanged = ran(&project, &["-c", &entry]);
    assert_eq!(unchanged.code, 0, "{}", unchanged.stderr);
    staged(&project, "ALTER TABLE room DROP COLUMN seats;\n");
    let green = ran(&project, &["-c", &entry]);
    assert_eq!(green.code, 0, "{}{}", green.stdout, green.stderr);
    assert!(green.stdout.contains("1 migration climbed"), "only what is new: {}", green.stdout);
    staged(&project, "SELECT 1;\n");
    let red = ran(&project, &["-c", &entry]);
    assert_eq!(red.code, 1, "{}", red.stderr);
    assert!(red.stdout.contains("--> migrations/2_seats.up.sql:1:"), "{}", red.stdout);
}

#[test]
fn pre_commit_runs_it_where_migrations_are_staged() {
    let Some(program) = checker("pre-commit") else { return };
    let project = project();
    let home = repository::scratch();
    let home = home.path().to_str().unwrap();
    let line = format!("PRE_COMMIT_HOME='{home}' '{}' run", program.display());
    let run = || ran(&project, &["-c", &line]);
    project.write(&[("README.md", "more of it\n")]).git(&["add", "--all"]);
    let skipped = run();
    assert!(
        skipped.code == 0 && skipped.stdout.contains("Skipped"),
        "{}{}",
        skipped.stdout,
        skipped.stderr
    );
    staged(&project, "ALTER TABLE room DROP COLUMN seats;\n");
    let passed = run();
    assert!(
        passed.code == 0 && passed.stdout.contains("Passed"),
        "{}{}",
        passed.stdout,
        passed.stderr
    );
    staged(&project, "SELECT 1;\n");
    // What is not staged does not help.
    project.write(&[("migrations/2_seats.down.sql", "ALTER TABLE room DROP COLUMN seats;\n")]);
    let failed = run();
    assert_eq!(failed.code, 1, "{}{}", failed.stdout, failed.stderr);
    assert!(failed.stdout.contains("error[schema-drift]"), "{}", failed.stdout);
}
