//! The page of hand-made reports.

use super::{html, unfinished};
use crate::finding::{CheckId, Finding, Row, Span, Verdict};
use crate::report::page::read::{escapes_everything, read, verdict};
use crate::report::{GapReport, Report, samples};

/// One of everything, in which each text of a user is `word`.
fn full(word: &str) -> Report {
    let mut report = samples::empty();
    let file = format!("{word}.sql");
    let sql = format!("-- {word}\r\nSELECT 1;\n");
    let at = || Span::new(&file, &sql, 0..sql.find('\r').unwrap());
    let mut wrong = Finding::new(CheckId::DataLoss, word).at(at()).detail(word).help(word);
    wrong.rows = vec![Row { table: word.to_owned(), insert: word.to_owned() }];
    wrong.repro = Some(word.into());
    let accepted = Finding::new(CheckId::TableRewrite, word).in_file(&*file);
    let accepted = Finding { allowed: Some(word.to_owned()), ..accepted };
    let mut migration = samples::migration(word, word, vec![accepted, wrong]);
    migration.printed = vec![word.to_owned()];
    let mut unjudged = samples::migration("2", word, Vec::new());
    unjudged.verdict = Verdict::Inconclusive;
    unjudged.unjudged = Some(word.to_owned());
    report.migrations = vec![migration, unjudged];
    report.history.folder = word.into();
    report.history.left_out = 2;
    report.history.passed = 1;
    report.coverage.unfilled =
        vec![GapReport { table: word.to_owned(), column: None, why: word.to_owned() }];
    report.coverage.has_rows = true;
    report.coverage.at_head = true;
    report.sources = std::iter::once((file.into(), sql.into())).collect();
    report
}

#[test]
fn no_text_becomes_anything_but_text() {
    escapes_everything(|word| html(&full(word)));
    let (elements, text) = read(&html(&samples::nasty()));
    assert!(!elements.contains(&"script".to_owned()) && text.contains("@team <script>"), "{text}");
}

#[test]
fn each_verdict_says_why_and_what_is_next() {
    let mut report = full("x");
    let page = html(&report);
    assert_eq!(verdict(&page), ("✕ fail".to_owned(), "verdict fail".to_owned()));
    let (_, text) = read(&page);
    assert!(text.contains("`stairway verify --explain data-loss`"), "{text}");

    report.verdict = Verdict::Inconclusive;
    for migration in &mut report.migrations {
        migration.findings.clear();
    }
    let page = html(&report);
    assert_eq!(verdict(&page).0, "? inconclusive");
    let (_, text) = read(&page);
    assert!(text.contains("2 can't be judged: x") && text.contains("did not pass: mend"), "{text}");

    let mut report = samples::empty();
    report.verdict = Verdict::Pass;
    let page = html(&report);
    assert_eq!(verdict(&page), ("✓ pass".to_owned(), "verdict pass".to_owned()));
    let (_, text) = read(&page);
    assert!(text.contains("no migration was climbed") && !page.contains("id=\"next\""), "{text}");
}

#[test]
fn what_is_not_checked_is_said() {
    let (_, text) = read(&html(&full("x")));
    for part in [
        "migration 2: x",
        "2 migrations: left out after the first one that failed",
        "1 migration: only run, since nobody asked about them",
        "1 table or column: rows did not reach them",
        "did not end",
        "accepted by a claim: x",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (_, text) = read(&html(&samples::empty()));
    for part in ["data: no migration was tried on rows", "nothing is said about data", "None."] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_counts_comes_first_with_its_place() {
    let (_, text) = read(&html(&full("x")));
    let [counts, accepted] =
        ["error data-loss", "accepted by a claim: "].map(|it| text.find(it).unwrap());
    assert!(counts < accepted, "{text}");
    assert!(text.contains("x.sql:1") && text.contains("   1 -- x\n   2 SELECT 1;"), "{text}");
}

#[test]
fn a_verification_that_did_not_finish_says_so() {
    let page = unfinished(&samples::unfinished());
    let (_, text) = read(&page);
    assert!(text.contains("The verification did not finish: no 100% server"), "{text}");
    assert!(text.contains("caused by: <&>\n::end"), "{text}");
}
