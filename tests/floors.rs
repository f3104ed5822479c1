//! The house stands: imports point down, rooms on one floor don't import each other, files and
//! functions stay small, and every module says what its room knows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const FLOORS: &[(&str, u32)] = &[
    ("finding", 0),
    ("exit", 0),
    ("env", 0),
    ("secret", 0),
    ("sql", 0),
    ("attest", 1),
    ("postgres", 1),
    ("git", 1),
    ("http", 1),
    ("server", 2),
    ("migrations", 2),
    ("schema", 2),
    ("backup", 2),
    ("alert", 2),
    ("trace", 2),
    ("config", 3),
    ("scaffold", 3),
    ("data", 3),
    ("workload", 3),
    ("steps", 4),
    ("checks", 5),
    ("runs", 6),
    ("report", 7),
    ("cli", 8),
    ("testing", 8),
];

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push((path.clone(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("harness"), &mut found);
    found.sort();
    assert!(found.len() > 40, "the sources were not found");
    found
}

fn room(path: &Path) -> String {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("harness")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// The code without its test module: those may use what they like.
fn code(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod ").map_or(text, |at| &text[..at])
}

/// The rooms that a text names after `crate::`, also within `use crate::{a, b}`.
fn rooms_named(text: &str) -> Vec<String> {
    let mut named = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let list = list.split("};").next().unwrap();
            named.extend(list.split(',').map(|word| first_word(word.trim())));
        } else {
            named.push(first_word(rest));
        }
    }
    named
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn imports_only_point_down() {
    let floors: BTreeMap<&str, u32> = FLOORS.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (path, text) in sources() {
        let own = room(&path);
        let Some(floor) = floors.get(own.as_str()) else {
            assert!(own == "lib" || own == "main", "{own} stands on no floor");
            continue;
        };
        for other in rooms_named(code(&text)) {
            let Some(other_floor) = floors.get(other.as_str()) else { continue };
            seen += 1;
            if other != own && other_floor >= floor {
                wrong.push(format!(
                    "{}: {own} ({floor}) imports {other} ({other_floor})",
                    path.display()
                ));
            }
        }
    }
    assert!(seen > 50, "only {seen} imports were seen");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn modules_say_what_they_know() {
    let silent: Vec<_> = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path)
        .collect();
    assert!(silent.is_empty(), "no header: {silent:?}");
}

#[test]
fn only_the_printer_prints_and_only_steps_apply() {
    for (path, text) in sources() {
        // Examples in the documentation may print.
        let lines = code(&text).lines().filter(|line| !line.trim_start().starts_with("///"));
        let text = lines.collect::<Vec<_>>().join("\n");
        // A database that a failing test keeps is told of while the test unwinds.
        let printers = ["cli/printer.rs", "testing/database.rs"];
        let printer = printers.iter().any(|printer| path.ends_with(printer));
        for word in ["println!(", "eprintln!(", "print!(", "eprint!("] {
            assert!(printer || !text.contains(word), "{} prints", path.display());
        }
        if room(&path) != "steps" {
            let runs = text.contains("upgrade.text") && text.contains(".execute(");
            assert!(!runs, "{} executes a migration", path.display());
        }
    }
}

/// Lines of each function: from `fn` to the brace in the same column, as rustfmt puts it.
fn functions(text: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let mut lengths = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let starts = [
            "fn ",
            "pub fn ",
            "pub(super) fn ",
            "pub(crate) fn ",
            "async fn ",
            "pub async fn ",
            "pub(super) async fn ",
        ]
        .iter()
        .any(|lead| trimmed.starts_with(lead));
        if !starts || trimmed.ends_with(';') {
            continue;
        }
        let end = format!("{}}}", &line[..line.len() - trimmed.len()]);
        if let Some(length) = lines[at..].iter().position(|line| *line == end) {
            lengths.push(length + 1);
        }
    }
    lengths
}

#[test]
fn files_and_functions_stay_small() {
    let mut files: Vec<usize> = Vec::new();
    let mut lengths: Vec<usize> = Vec::new();
    for (path, text) in sources() {
        let text = code(&text);
        let lines = text.lines().count();
        assert!(lines <= 500, "{} has {lines} lines", path.display());
        files.push(lines);
        for length in functions(text) {
            assert!(length <= 80, "{} has a function of {length} lines", path.display());
            lengths.push(length);
        }
    }
    files.sort_unstable();
    lengths.sort_unstable();
    let (median, p90) = (files[files.len() / 2], lengths[lengths.len() * 9 / 10]);
    assert!(median <= 150, "the median file has {median} lines");
    assert!(p90 <= 30, "a tenth of all functions has over {p90} lines");
}
