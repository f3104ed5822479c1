//! The pages of the reference, written out of the code.

use std::fmt::Write as _;

use stairway::checks::explain;
use stairway::env;
use stairway::exit::Exit;
use stairway::finding::CheckId;
use stairway::migrations::Tool;
use stairway::runs::{drill, gate};

use crate::commands::helps;
use crate::json;
use crate::pages::root;
use crate::{AGAIN, VARIABLE, shown};

/// What every one of them begins with.
const HEAD: &str =
    "<!-- Written by the test `book` out of the code, which is what is to be changed. -->\n";

/// Each page by its path, as it should be.
fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("reference/verbs.md", verbs()),
        ("reference/findings.md", findings()),
        ("reference/facts.md", facts()),
        ("reference/drill-checks.md", drill_checks()),
        ("reference/tools.md", tools()),
        ("reference/exit-codes.md", exits()),
        ("reference/environment.md", environment()),
        ("reference/configuration.md", configuration()),
        ("reference/json.md", json::page()),
    ]
}

#[test]
fn the_reference_is_what_the_code_says() {
    let mut wrong = Vec::new();
    for (name, text) in pages() {
        let text = format!("{HEAD}{text}");
        wrong.extend(shown::held(&root().join(name), &text, VARIABLE, str::to_owned));
    }
    assert!(wrong.is_empty(), "{AGAIN}\n{}", wrong.join("\n"));
}

/// A table with the cells of each row.
pub(crate) fn table<const N: usize>(
    heads: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut text = format!("| {} |\n|{}\n", heads.join(" | "), "---|".repeat(N));
    for row in rows {
        assert!(row.iter().all(|cell| !cell.contains(['|', '\n'])), "{row:?}");
        writeln!(text, "| {} |", row.join(" | ")).unwrap();
    }
    text
}

pub(crate) fn code(word: impl std::fmt::Display) -> String {
    format!("`{word}`")
}

/// A line as a sentence of its own; the name of a program stays as it is.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = match letters.next() {
        Some(first) if !text.starts_with("pg_") => first.to_uppercase().collect(),
        first => first.into_iter().collect(),
    };
    format!("{first}{}.", letters.as_str())
}

fn verbs() -> String {
    let mut text = "# Verbs\n\nWhat `--help` says of each. `stairway man` gives the same as pages of the manual.\n\n"
        .to_owned();
    // In the order of the program's own help.
    let top = &helps()[""];
    let place = |verb: &str| {
        let first = verb.split(' ').next().unwrap();
        (top.find(&format!("\n  {first} ")), verb.len())
    };
    let mut names: Vec<&String> = helps().keys().collect();
    names.sort_by_key(|verb| if verb.is_empty() { (None, 0) } else { place(verb) });
    for verb in &names {
        let name = format!("stairway {verb}");
        writeln!(text, "## {}\n\n```text\n{}\n```\n", name.trim(), helps()[*verb].trim_end())
            .unwrap();
    }
    text.trim_end().to_owned() + "\n"
}

fn findings() -> String {
    let mut text = "# Findings\n\nEach has a stable id. `stairway verify --list-checks` prints this list, and \
         `stairway verify --explain ID` one of the pages below. The SQL in them is run by a test: what is wrong is \
         found, and what is right is not.\n\nFindings that are marked with * come from `stairway bench`, which \
         measures.\n\n"
        .to_owned();
    let rows = CheckId::ALL.iter().map(|check| {
        let star = if check.is_measured() { " *" } else { "" };
        let link = format!("[`{check}`](#{check}){star}");
        [link, check.severity().as_str().to_owned(), check.summary().to_owned()]
    });
    text.push_str(&table(["id", "severity", "means"], rows));
    for check in CheckId::ALL {
        // A heading of its page stands one below that of this one.
        let mut is_code = false;
        text.push('\n');
        for line in explain(*check).trim_end().lines() {
            is_code ^= line.starts_with("```");
            let deeper = if line.starts_with('#') && !is_code { "#" } else { "" };
            writeln!(text, "{deeper}{line}").unwrap();
        }
    }
    text
}

fn facts() -> String {
    let mut text = "# Facts of the gate\n\n`stairway gate` looks at each. A fact is *held*, *failed*, *unknown* \
         (nobody can tell) or *absent* (there is nothing that it could be about). Failed facts that are required \
         make exit code 14, unknown ones 15. `require` in `[gate]`, or `--require`, names those that are required; \
         without it all are, `latency` only if there is a workload.\n\n"
        .to_owned();
    let rows = gate::FACTS.iter().map(|(name, says)| [code(name), sentence(says)]);
    text.push_str(&table(["fact", "holds if"], rows));
    text.push_str("\nSee [A gate before a release](../how-to/gate.md) and [What the gate's numbers mean](../explanation/gate.md).\n");
    text
}

fn drill_checks() -> String {
    let mut text = "# Checks of a drill\n\n`stairway drill` makes them in this order. A check is *held*, *failed*, \
         *skipped* (it could not be made, so the drill is not ok), *left out* (somebody said so by name, with \
         `--leave-out` or `leave-out` in `[drill]`) or *absent* (there is nothing that it could be held against, \
         such as a manifest).\n\n"
        .to_owned();
    let rows = drill::CHECKS.iter().map(|(name, says)| {
        let can = if drill::ALWAYS.contains(name) { "no" } else { "yes" };
        [code(name), sentence(says), can.to_owned()]
    });
    text.push_str(&table(["check", "holds if", "can be left out"], rows));
    text.push_str("\nSee [Drill every night](../how-to/drill.md).\n");
    text
}

fn tools() -> String {
    let mut text = "# Tools\n\nThe layouts that are read, by their word for `--tool`, and the tables in which the \
         tools record what was applied. A checksum that a table keeps is compared with the file.\n\n"
        .to_owned();
    let yes = |is| if is { "yes" } else { "no" }.to_owned();
    let rows = Tool::ALL.iter().map(|tool| {
        let layout = tool.layout();
        let files = layout.split_once(": ").map_or(layout, |(_, files)| files);
        let table = tool.version_table().name;
        [code(tool), files.to_owned(), code(table), yes(tool.keeps_checksums())]
    });
    text.push_str(&table(["`--tool`", "files", "table", "keeps checksums"], rows));
    text
}

fn exits() -> String {
    let mut text = "# Exit codes\n\nOne meaning each, for all verbs. The help of a verb says which of them it has.\n\n".to_owned();
    let rows = Exit::ALL.iter().map(|exit| [exit.code().to_string(), exit.meaning().to_owned()]);
    text.push_str(&table(["code", "meaning"], rows));
    text
}

fn environment() -> String {
    let mut text =
        "# Environment\n\nFlags win over variables, variables over `stairway.toml`.\n\n".to_owned();
    let of = |is_of_tests| {
        let those = env::ALL.iter().filter(move |it| it.is_of_tests() == is_of_tests);
        // What is between angle brackets would be taken for HTML.
        those.map(|it| [code(it.name), it.meaning.replace('<', "&lt;")])
    };
    text.push_str(&table(["variable", "meaning"], of(false)));
    text.push_str("\n## In tests of Stairway itself\n\n");
    text.push_str(&table(["variable", "meaning"], of(true)));
    text.push_str(
        "\nBesides these the variables of libpq are read where a database is named (`PGHOST`, `PGPORT`, `PGUSER`, \
         `PGPASSWORD`, `PGDATABASE`, `PGPASSFILE` and those for TLS; `PGSERVICE` is not), and the system's own `PATH`, `HOME`, `TMPDIR` and \
         `XDG_CACHE_HOME`.\n",
    );
    text
}

fn configuration() -> String {
    let file = std::fs::read_to_string(root().join("reference/stairway.toml")).unwrap();
    format!(
        "# Configuration\n\n`stairway.toml` stands in the folder in which `stairway` is run. All of it is optional, \
         and what is unknown in it is an error. Flags win over variables, and variables over this file. This one has every \
         key:\n\n```toml\n{file}```\n"
    )
}
