//! What is written, what is left as it is, and that both are what was said.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use stairway::config::Config;

use crate::place::{FAULTY, Place, SOUND};

const CARGO: (&str, &str) =
    ("Cargo.toml", "[package]\nname = \"shop\"\nversion = \"0.0.0\"\nedition = \"2024\"\n");

/// The files of a dry run.
fn printed(stdout: &str) -> BTreeMap<PathBuf, String> {
    let mut files: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut current = None;
    for line in stdout.split_inclusive('\n') {
        let name = line.strip_prefix("==> ").and_then(|line| line.strip_suffix(" <==\n"));
        match (name, &current) {
            (Some(name), _) => current = Some(PathBuf::from(name)),
            (None, Some(file)) => files.entry(file.clone()).or_default().push_str(line),
            (None, None) => panic!("{line:?} is in no file"),
        }
    }
    // An empty line parts them.
    let last = current.unwrap();
    for (name, text) in &mut files {
        if *name != last {
            *text = text.strip_suffix('\n').unwrap().to_owned();
        }
    }
    files
}

#[test]
fn a_dry_run_prints_what_is_written_and_writes_nothing() {
    let place = Place::new(&SOUND);
    place.write(&[
        CARGO,
        (".gitlab-ci.yml", "stages: [test]\n"),
        (".github/CODEOWNERS", "* @shop\n"),
    ]);
    let before = place.tree();
    let dry = place.run(&["init", "--dry-run"]);
    assert_eq!(dry.code, 0, "{}", dry.stderr);
    assert_eq!(place.tree(), before);
    let files = printed(&dry.stdout);
    let names: Vec<&str> = files.keys().map(|name| name.to_str().unwrap()).collect();
    let all = [
        ".github/workflows/stairway.yml",
        ".gitlab/stairway.yml",
        "stairway.toml",
        "tests/migrations.rs",
    ];
    assert_eq!(names, all);
    for name in all {
        assert!(dry.stderr.contains(&format!("would write {name}: ")), "{}", dry.stderr);
    }
    assert!(dry.stderr.contains("\nnext:\n  stairway verify\n"), "{}", dry.stderr);
    assert_eq!(place.run(&["init", "--print"]).stdout, dry.stdout);

    let said = place.init(&[]);
    let mut written = place.tree();
    written.retain(|name, _| !before.contains_key(name));
    assert_eq!(written, files);
    for name in all {
        assert!(said.contains(&format!("wrote {name}: ")), "{said}");
    }
    // What is there is printed as well, and said to be left.
    let dry = place.run(&["init", "--dry-run"]);
    assert_eq!(printed(&dry.stdout), files);
    assert!(dry.stderr.contains("would leave stairway.toml"), "{}", dry.stderr);
    assert!(!dry.stderr.contains("would write"), "{}", dry.stderr);
}

#[test]
fn a_second_time_changes_nothing() {
    let place = Place::new(&SOUND);
    place.write(&[CARGO, (".github/CODEOWNERS", "* @shop\n")]);
    place.init(&[]);
    let before = place.tree();
    let said = place.init(&[]);
    assert_eq!(place.tree(), before);
    for name in ["stairway.toml", "tests/migrations.rs", ".github/workflows/stairway.yml"] {
        assert!(said.contains(&format!("left {name} as it is")), "{said}");
    }
    assert!(!said.contains("wrote "), "{said}");
}

#[test]
fn nothing_that_is_there_is_written_over() {
    let place = Place::new(&SOUND);
    let own = [
        CARGO,
        ("stairway.toml", "postgres = 16\n"),
        ("tests/migrations.rs", "// ours\n"),
        (".github/workflows/stairway.yml", "name: ours\n"),
    ];
    place.write(&own);
    let before = place.tree();
    let said = place.init(&[]);
    assert_eq!(place.tree(), before);
    assert!(said.contains("server: PostgreSQL 16"), "{said}");
    for (name, _) in &own[1..] {
        assert!(said.contains(&format!("left {name} as it is")), "{said}");
    }
    // One that is missing is written beside the others, and a link that leads nowhere is something.
    std::fs::remove_file(place.path().join("tests/migrations.rs")).unwrap();
    std::fs::remove_file(place.path().join("stairway.toml")).unwrap();
    symlink("elsewhere", place.path().join("stairway.toml")).unwrap();
    let said = place.init(&[]);
    assert!(said.contains("left stairway.toml as it is"), "{said}");
    assert!(said.contains("wrote tests/migrations.rs"), "{said}");
    assert!(!place.has("elsewhere"));
    assert_eq!(place.read(".github/workflows/stairway.yml"), "name: ours\n");
}

#[test]
fn a_place_that_can_t_be_written_to_is_named() {
    let place = Place::new(&SOUND);
    place.write(&[(".github", "a file\n")]);
    let ran = place.run(&["init", "--ci", "github"]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(ran.stderr.contains("can't write .github/workflows/stairway.yml: "), "{}", ran.stderr);
    assert!(ran.stdout.contains("wrote stairway.toml"), "{}", ran.stdout);
}

#[test]
fn settings_that_are_there_are_followed() {
    let place = Place::new(&SOUND);
    place.layout("goose", "other");
    place.write(&[("stairway.toml", "migrations = \"other\"\n")]);
    assert!(place.init(&[]).contains("found other: 4 migrations"));
    assert!(place.init(&["--migrations", "migrations"]).contains("found migrations: 2 migrations"));
    place.write(&[("stairway.toml", "migration = \"other\"\n")]);
    assert!(place.refused(&[]).contains("unknown field `migration`"));
}

#[test]
fn every_line_of_the_settings_means_something() {
    let place = Place::new(&SOUND);
    place.init(&[]);
    let text = place.read("stairway.toml");
    Config::parse(&text).unwrap();
    // Lines that are left out by `# ` hold as well, all of them together.
    let is_setting = |line: &&str| {
        let line = line.trim_start_matches("# ");
        line.starts_with("[[") || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
    };
    let lines: Vec<&str> =
        text.lines().filter(is_setting).map(|line| line.trim_start_matches("# ")).collect();
    assert!(lines.len() >= 8, "{lines:?}");
    let config = Config::parse(&lines.join("\n")).unwrap();
    assert_eq!(config.claims().unwrap().len(), 1);
    assert!(text.lines().count() <= 30, "it is to be small:\n{text}");
}

#[test]
fn a_folder_may_have_any_name() {
    let name = r#"data "base"\ü/migrations"#;
    let place = Place::new(&[]);
    place.layout("plain", name);
    place.init(&["--ci", "none"]);
    let listed = place.run(&["history"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    assert!(listed.stderr.contains("history: 4 migrations (plain"), "{}", listed.stderr);
}

#[test]
fn a_package_of_cargo_s_gets_a_suite_and_is_told_what_it_needs() {
    let place = Place::new(&SOUND);
    place.write(&[CARGO]);
    let said = place.init(&[]);
    assert!(place.read("tests/migrations.rs").contains("    Suite::new(\"migrations\").main()\n"));
    let told =
        said.split_once("\nadd to Cargo.toml:\n\n").unwrap().1.split_once("\nnext:").unwrap().0;
    let lines: Vec<&str> = told.lines().map(str::trim_start).collect();
    // Those lines are what was lacking, and Cargo.toml is one with them.
    let manifest = format!("{}\n{}\n", CARGO.1, lines.join("\n"));
    let table: toml::Table = manifest.parse().unwrap();
    assert_eq!(table["dev-dependencies"]["stairway"]["features"][0].as_str(), Some("testing"));
    place.write(&[("Cargo.toml", &manifest)]);
    assert!(!place.init(&[]).contains("add to"));
}

#[test]
fn a_dependency_names_the_repository_that_was_named() {
    let place = Place::new(&SOUND);
    place.write(&[CARGO]);
    let said = place.init(&["--source", "https://git.example.org/stairway.git"]);
    assert!(
        said.contains("stairway = { git = \"https://git.example.org/stairway.git\", "),
        "{said}"
    );
}

#[test]
fn the_suite_goes_to_the_package_that_has_the_migrations() {
    let workspace = ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\n");
    let place = Place::new(&[workspace, ("crates/store/Cargo.toml", CARGO.1)]);
    place.layout("sqlx-reversible", "crates/store/db");
    let said = place.init(&[]);
    assert!(said.contains("wrote crates/store/tests/migrations.rs"), "{said}");
    assert!(said.contains("\nadd to crates/store/Cargo.toml:\n"), "{said}");
    assert!(place.read("crates/store/tests/migrations.rs").contains("Suite::new(\"db\")"));
    assert!(place.read("stairway.toml").contains("\nmigrations = \"crates/store/db\"\n"));
    // A workspace without a package around them.
    let place = Place::new(&[workspace, ("crates/store/Cargo.toml", CARGO.1)]);
    place.layout("sqlx-reversible", "migrations");
    let said = place.init(&[]);
    assert!(said.contains("note: no test for `cargo test`: Cargo.toml has no [package]"), "{said}");
    assert!(!place.has("tests"));
    // One that can't be read.
    place.write(&[("Cargo.toml", "[package\n")]);
    assert!(place.refused(&[]).contains("Cargo.toml: "));
}

#[test]
fn a_project_of_another_kind_is_told_what_its_test_is() {
    let place = Place::new(&SOUND);
    let said = place.init(&[]);
    assert!(said.contains("note: no test file: `stairway verify`"), "{said}");
    assert!(!place.has("tests"));
}

#[test]
fn tests_in_python_pass_and_fail_with_the_migrations() {
    let python = Command::new("python3").arg("--version").stdin(Stdio::null()).output();
    if !python.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: there is no python3 here, nothing is tested with it");
        return;
    }
    let place = Place::new(&SOUND);
    place.write(&[("pyproject.toml", "[tool.pytest.ini_options]\n")]);
    let said = place.init(&[]);
    assert!(said.contains("since pyproject.toml speaks of pytest"), "{said}");
    let line = "python3 -B -m unittest tests/test_migrations.py";
    let passed = place.shell(".", line, &[]);
    assert_eq!(passed.code, 0, "{}", passed.stderr);
    assert!(
        passed.stderr.contains("Ran 1 test") && !passed.stderr.contains("skipped"),
        "{}",
        passed.stderr
    );
    place.write(&FAULTY);
    let failed = place.shell(".", line, &[]);
    assert_eq!(failed.code, 1, "{}", failed.stdout);
    assert!(failed.stderr.contains("error[schema-drift]"), "{}", failed.stderr);
    // Whoever has no Stairway is told so.
    let real = "$(python3 -c 'import sys; print(sys.executable)')";
    let without = format!("PATH=/nowhere {real}{}", line.strip_prefix("python3").unwrap());
    let skipped = place.shell(".", &without, &[]);
    assert_eq!(skipped.code, 0, "{}", skipped.stderr);
    assert!(skipped.stderr.contains("skipped=1"), "{}", skipped.stderr);
}
