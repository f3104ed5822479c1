//! What README shows is what the program does: its console blocks are run, so is the example of each tool in
//! its table of tools, and its table of variables is the one in the code.
//!
//! `STAIRWAY_README=write cargo test --test readme` writes both anew.

mod servers;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use stairway::migrations::Tool;

const OPEN: &str = "```console\n";
const CLOSE: &str = "```\n";

fn run(command: &str, python: Option<&Path>) -> Output {
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("stairway"));
    Command::new(env!("CARGO_BIN_EXE_stairway"))
        .args(words)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("STAIRWAY_MIGRATIONS")
        .env("STAIRWAY_SERVER", "local")
        .env("STAIRWAY_POSTGRES", servers::majors()[0].to_string())
        .env("STAIRWAY_NO_CACHE", "1")
        // Nothing is to be left beside the fixtures.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .envs(python.map(|path| ("STAIRWAY_PYTHON", path)))
        .output()
        .unwrap()
}

fn console(command: &str) -> String {
    let output = run(command, None);
    assert!(output.status.code().is_some_and(|code| code < 2), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The cells of each row of the table of tools.
fn tools(readme: &str) -> Vec<Vec<&str>> {
    let start = readme.find("\n| `--tool` |").unwrap() + 1;
    let rows = readme[start..].lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// The Python that has Alembic, or nothing where there is none (which is then said).
fn python() -> Option<PathBuf> {
    let folders = stairway::env::TOOLS.get().unwrap_or_default();
    let found = std::env::split_paths(&folders).find(|folder| folder.join("alembic").is_file());
    if found.is_none() {
        let is_required = stairway::env::REQUIRE_TOOLS.is_on();
        assert!(!is_required, "alembic is required and is in none of {folders:?}");
        eprintln!("SKIPPED: there is no Alembic here, its example is not run; ci/test installs it");
    }
    found.map(|folder| folder.join("python"))
}

#[test]
fn the_example_of_each_tool_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let rows = tools(&readme);
    let bare = |cell: &str| cell.trim_matches('`').to_owned();
    let mut named: Vec<String> = rows.iter().map(|row| bare(row[0])).collect();
    let mut known = Tool::ALL.map(|tool| tool.as_str().to_owned()).to_vec();
    // A variant, which the text below the table names.
    known.retain(|tool| tool != "refinery-int8");
    named.sort();
    known.sort();
    assert_eq!(named, known, "each tool has a row");
    for row in rows {
        let (tool, way_back, command) = (bare(row[0]), row[2], bare(row[4]));
        let fixture = command.split_whitespace().nth(2).unwrap();
        assert!(fixture.starts_with("fixtures/") && root.join(fixture).is_dir(), "{command}");
        let python = if tool == "alembic" { python() } else { None };
        if tool == "alembic" && python.is_none() {
            continue;
        }
        let output = run(&command, python.as_deref());
        let (said, status) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(
            status.contains(&format!("history: 4 migrations ({tool}, ")),
            "{command}: {status}"
        );
        assert_eq!(output.status.code(), Some(0), "{command}: {said}{status}");
        // Where there is no way back, somebody must have said so of each migration.
        let missing = if way_back == "none" { 4 } else { 0 };
        assert_eq!(said.matches("error[").count(), missing, "{command}: {said}");
        assert_eq!(said.matches("error[downgrade-missing]").count(), missing, "{command}: {said}");
        assert_eq!(said.matches("note: accepted by a claim").count(), missing, "{command}: {said}");
    }
}

/// Times and versions are not what is being tested.
fn comparable(text: &str) -> String {
    let lines = text.lines().map(|line| {
        line.split_whitespace()
            .map(|word| if word.parse::<f64>().is_ok() { "<n>" } else { word })
            .collect::<Vec<_>>()
            .join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn variables() -> String {
    let mut table = String::from("| variable | meaning |\n|---|---|\n");
    for variable in stairway::env::ALL {
        writeln!(table, "| `{}` | {} |", variable.name, variable.meaning).unwrap();
    }
    table
}

/// The README as it should be.
fn anew(readme: &str) -> String {
    let mut parts = readme.split(OPEN);
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (block, rest) = part.split_once(CLOSE).unwrap();
        let command = block.lines().next().unwrap();
        let shown = console(command.strip_prefix("$ ").unwrap());
        write!(text, "{OPEN}{command}\n{shown}{CLOSE}{rest}").unwrap();
    }
    let start = text.find("| variable |").unwrap();
    let end = start + text[start..].find("\n\n").unwrap() + 1;
    text.replace_range(start..end, &variables());
    text
}

#[test]
fn the_readme_shows_what_the_program_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let wanted = anew(&readme);
    if std::env::var("STAIRWAY_README").is_ok_and(|what| what == "write") {
        std::fs::write(&path, &wanted).unwrap();
        return;
    }
    assert!(
        comparable(&readme) == comparable(&wanted),
        "README.md is not what the program prints; write it anew with\n  \
         STAIRWAY_README=write cargo test --test readme\n{}",
        similar::TextDiff::from_lines(comparable(&readme), comparable(&wanted)).unified_diff()
    );
}
