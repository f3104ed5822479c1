//! What README shows is what the program does: its console blocks are run, its table of variables
//! is the one in the code.
//!
//! `STAIRWAY_README=write cargo test --test readme` writes both anew.

mod servers;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

const OPEN: &str = "```console\n";
const CLOSE: &str = "```\n";

fn console(command: &str) -> String {
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("stairway"));
    let output = Command::new(env!("CARGO_BIN_EXE_stairway"))
        .args(words)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("STAIRWAY_MIGRATIONS")
        .env("STAIRWAY_SERVER", "local")
        .env("STAIRWAY_POSTGRES", servers::majors()[0].to_string())
        .env("STAIRWAY_NO_CACHE", "1")
        .output()
        .unwrap();
    assert!(output.status.code().is_some_and(|code| code < 2), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
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
