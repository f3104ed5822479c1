//! Migrations that are wrong, and some that only look so: each wrong one is found by the check that
//! it names, and none of the right ones is called wrong.
//!
//! `STAIRWAY_CASES` names another file of such cases.

mod servers;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use stairway::finding::{Finding, Severity};
use stairway::runs::{Options, Silent, Verification, verify};

#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    kind: String,
    oracle: String,
    #[serde(default)]
    also: Vec<String>,
    setup: String,
    up: String,
    down: String,
    transaction: bool,
    #[serde(default)]
    intent: Vec<String>,
    #[serde(default)]
    min_pg: u32,
}

/// What only a measurement can show.
const MEASURED: &[&str] = &["lock", "rewrite", "slow-plan"];

/// The checks that find what a case names, the check itself or a stronger one.
fn checks(word: &str) -> &[&str] {
    match word {
        "down-failure" => &["downgrade-failed", "data-dependent-failure"],
        "up-failure" => &["upgrade-failed", "data-dependent-failure"],
        "non-idempotent" => &["reupgrade-failed", "reupgrade-drift", "data-added"],
        "fails-with-data" => &["data-dependent-failure"],
        "data-loss" => &["data-loss"],
        "data-added" => &["data-added"],
        "sequence-capacity" | "sequence-position" => &["sequence-behind"],
        "broken-function" => &["broken-object", "refused-row"],
        "refused-row" => &["refused-row", "broken-object"],
        "order-dependence" => &["order-dependent"],
        "schema-drift" => &["schema-drift"],
        "invalid-index" => &["invalid-index"],
        _ => &[],
    }
}

fn cases() -> Vec<Case> {
    let path =
        std::env::var("STAIRWAY_CASES").unwrap_or_else(|_| "fixtures/rows/cases.jsonl".to_owned());
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn climb(case: &Case, major: u32, folder: &Path) -> Verification {
    let write = |name: &str, sql: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, sql).unwrap();
    };
    let mut head = String::new();
    if !case.transaction {
        head.push_str("-- stairway: no-transaction\n");
    }
    for claim in &case.intent {
        head.push_str(&format!("-- stairway: {claim}\n"));
    }
    write("up/1_setup.sql", &case.setup);
    write("down/1_setup.sql", "-- only the second one is looked at");
    write("up/2_change.sql", &format!("{head}{}", case.up));
    let mark = if case.transaction { "" } else { "-- stairway: no-transaction\n" };
    write("down/2_change.sql", &format!("{mark}{}", case.down));
    let mut options = Options::new(folder);
    options.server = servers::spec(major);
    options.repro = Some(folder.join("repro"));
    verify(&options, &mut Silent).await.unwrap()
}

fn errors(verification: &Verification) -> Vec<&Finding> {
    let judged = verification.migrations.last().unwrap();
    judged.findings.iter().filter(|finding| finding.counts(Severity::Error)).collect()
}

#[tokio::test]
async fn the_wrong_are_found_and_the_right_are_not() {
    let mut wrong = Vec::new();
    for case in cases() {
        for &major in servers::majors().iter().filter(|major| **major >= case.min_pg) {
            let folder = tempfile::tempdir().unwrap();
            let verification = climb(&case, major, folder.path()).await;
            let found = errors(&verification);
            let ids: BTreeSet<&str> = found.iter().map(|finding| finding.check.as_str()).collect();
            let rows: Vec<usize> = found.iter().map(|finding| finding.rows.len()).collect();
            let verdict = if case.kind == "correct" {
                if ids.is_empty() { "ok" } else { "FALSE ALARM" }
            } else if MEASURED.contains(&case.oracle.as_str()) {
                "not of rows"
            } else {
                let words = std::iter::once(&case.oracle).chain(&case.also);
                let wanted: BTreeSet<&str> = words.flat_map(|word| checks(word)).copied().collect();
                if wanted.iter().any(|id| ids.contains(id)) { "ok" } else { "MISSED" }
            };
            let line = format!(
                "{} on {major}: {verdict}: {} wants {}, found {ids:?}, rows {rows:?}",
                case.id, case.kind, case.oracle
            );
            println!("{line}");
            if std::env::var_os("STAIRWAY_SHOW").is_some() {
                for finding in &found {
                    println!(
                        "    {}: {}\n      {}\n      {:?}",
                        finding.check,
                        finding.message,
                        finding.detail.as_deref().unwrap_or_default().replace('\n', "\n      "),
                        finding.rows.iter().map(|row| &row.insert).collect::<Vec<_>>()
                    );
                }
            }
            if verdict == "MISSED" || verdict == "FALSE ALARM" {
                wrong.push(line);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
