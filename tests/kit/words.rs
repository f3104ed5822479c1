//! Every verb, option and variable that a file of the kit names is one of the program.

use std::collections::{BTreeMap, BTreeSet};

use crate::place::{files, text};
use crate::program::program;

/// Variables of the kit's own: the CI's, and what scripts are told.
const OF_THE_KIT: [&str; 3] = ["STAIRWAY_GIT_URL", "STAIRWAY_FETCH", "STAIRWAY_DRILL"];

fn printed(words: &[&str]) -> String {
    let output = program().args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn options(text: &str) -> BTreeSet<String> {
    let words = text.split(|it: char| !(it.is_ascii_lowercase() || it == '-'));
    words.filter(|word| word.len() > 2 && word.starts_with("--")).map(str::to_owned).collect()
}

/// The verbs with their options, as `--help` has them.
fn known() -> BTreeMap<String, BTreeSet<String>> {
    let help = printed(&["--help"]);
    let list = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let verbs = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let verbs = verbs.map(|line| line.split_whitespace().next().unwrap());
    let verbs: Vec<&str> = verbs.filter(|verb| *verb != "help").collect();
    assert!(verbs.len() > 10, "{verbs:?}");
    verbs.into_iter().map(|verb| (verb.to_owned(), options(&printed(&[verb, "--help"])))).collect()
}

/// What follows the word `stairway` in a text, up to where its command ends.
fn commands(text: &str) -> Vec<String> {
    // One line each, also of a command that goes on in the next one.
    let text = text.replace("\\\n", " ");
    let mut found = Vec::new();
    for line in text.lines() {
        for (at, _) in line.match_indices("stairway ") {
            let before = line[..at].strip_suffix("/usr/local/bin/").unwrap_or(&line[..at]);
            let is_word = before
                .chars()
                .next_back()
                .is_none_or(|it| !it.is_alphanumeric() && !"-/".contains(it));
            let rest = &line[at + "stairway ".len()..];
            let end = rest.find(['`', '\\', '|', ';', '&', ')', '>', ':']).unwrap_or(rest.len());
            let is_told = rest.starts_with(|it: char| it.is_ascii_lowercase() || "-/".contains(it));
            if is_word && is_told {
                found.push(rest[..end].trim().to_owned());
            }
        }
    }
    found
}

#[test]
fn every_verb_and_every_option_is_there() {
    let known = known();
    let mut seen = BTreeMap::new();
    for file in files() {
        for command in commands(&text(&file)) {
            let verb = command.split([' ', '"']).next().unwrap();
            // The name of a workflow, a title, a subject.
            let is_verb = known.contains_key(verb);
            let is_prose = ["pull", "nightly", "release", "cache", "ended"].contains(&verb);
            assert!(is_verb || is_prose, "{file}: stairway {command}");
            if !is_verb {
                continue;
            }
            for option in options(&command) {
                assert!(known[verb].contains(&option), "{file}: stairway {verb} has no {option}");
                seen.entry(verb.to_owned()).or_insert_with(BTreeSet::new).insert(option);
            }
        }
    }
    assert!(seen["verify"].contains("--shard") && seen["drill"].contains("--max-age"), "{seen:?}");
    assert!(seen["upgrade"].contains("--dry-run"), "{seen:?}");
}

#[test]
fn every_variable_is_there() {
    let known: BTreeSet<&str> =
        stairway::env::ALL.iter().map(|it| it.name).chain(OF_THE_KIT).collect();
    let mut count = 0;
    for file in files() {
        let text = text(&file);
        let words = text.split(|it: char| !(it.is_ascii_uppercase() || it == '_'));
        for word in words.filter(|word| word.starts_with("STAIRWAY_")) {
            assert!(known.contains(word), "{file}: {word}");
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn what_is_not_there_is_seen() {
    let found = commands(
        "# `stairway verify --frobnicate`, or\n  stairway drill \\\n    --later; stairway-drill x\n",
    );
    assert_eq!(found, ["verify --frobnicate", "drill      --later"]);
    assert!(!known()["verify"].contains("--frobnicate"));
    assert!(options("drill --max-age 26h -q").contains("--max-age"));
}
