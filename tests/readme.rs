//! What README shows is what the program does: its console blocks are run, so is the example of each tool in
//! its table of tools, its table of variables is the one in the code, and its settings are those of the book.
//!
//! `STAIRWAY_README=write cargo test --test readme` writes them anew.

mod servers;
mod shown;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use stairway::config::Config;
use stairway::migrations::Tool;

use shown::run;

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

fn variables() -> String {
    let mut table = String::from("| variable | meaning |\n|---|---|\n");
    for variable in stairway::env::ALL {
        // What is between angle brackets would be taken for HTML.
        let meaning = variable.meaning.replace('<', "&lt;");
        writeln!(table, "| `{}` | {meaning} |", variable.name).unwrap();
    }
    table
}

/// The settings with a word on each, which the book shows as well.
fn settings() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/reference/stairway.toml");
    let text = std::fs::read_to_string(path).unwrap();
    Config::parse(&text).unwrap();
    text
}

/// The README as it should be.
fn anew(readme: &str) -> String {
    let mut text = shown::anew(readme);
    let start = text.find("| variable |").unwrap();
    let end = start + text[start..].find("\n\n").unwrap() + 1;
    text.replace_range(start..end, &variables());
    let open = "variables over `stairway.toml`:\n\n```toml\n";
    let start = text.find(open).unwrap() + open.len();
    let end = start + text[start..].find("```\n").unwrap();
    text.replace_range(start..end, &settings());
    text
}

#[test]
fn the_readme_shows_what_the_program_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let wanted = anew(&readme);
    let differs = shown::held(&path, &wanted, "STAIRWAY_README", shown::comparable);
    let again = "write it anew with\n  STAIRWAY_README=write cargo test --test readme";
    assert!(differs.is_none(), "{again}\n{}", differs.unwrap());
    // What is compared has no numbers in it, and those of the settings count.
    let readme = std::fs::read_to_string(&path).unwrap();
    assert!(
        readme.contains(&settings()),
        "the settings of README.md are not those of the book; {again}"
    );
}
