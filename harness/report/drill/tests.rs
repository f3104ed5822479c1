//! The page of hand-made outcomes.

use super::{drill_html, drill_html_unfinished};
use crate::exit::Exit;
use crate::report::ErrorReport;
use crate::report::page::read::{escapes_everything, read, verdict};
use crate::runs::drill::{
    Check, Drilled, Ended, Fault, Latency, Moved, Phase, Rto, Tried, Verdict, Where,
};

/// One of everything, in which each text of a user is `word`.
fn full(word: &str) -> Drilled {
    let at = "2026-01-31T00:00:00Z".parse().unwrap();
    let text = || word.to_owned();
    let check =
        |name, ended, fault| Check { name, ended, detail: format!("{word}\n{word}"), fault };
    let tried = Tried {
        file: word.into(),
        kind: Some(text()),
        manifest: true,
        database: Some(text()),
        system_identifier: Some(text()),
        made: Some(at),
        age: Some(90_000.0),
        recovered: None,
        bytes: 12_345_678,
        level: Some(3),
        good: false,
        reason: Some(text()),
    };
    Drilled {
        schema: 1,
        run: text(),
        began: at,
        seconds: 12.5,
        verdict: Verdict::BadBackup,
        exit: Exit::BackupFailed,
        reason: Some(format!("rows: {word}\nmore")),
        help: Some(text()),
        server: Some(Where { version: text(), backend: "local", cut_off: false }),
        rto: Some(Rto { seconds: 0.25, query: text() }),
        rpo: Some(90_000.0),
        phases: vec![Phase { name: "restore", seconds: 2.0 }],
        checks: vec![
            check("age", Ended::Held, None),
            check("rows", Ended::Failed, Some(Fault::Backup)),
            check("amcheck", Ended::Skipped, None),
            check("queries", Ended::LeftOut, None),
            check("schema", Ended::Absent, None),
        ],
        mismatches: Some(2),
        orphans: None,
        pending: vec![Moved { revision: text(), name: text(), digest: None, seconds: None }],
        latency: Some(Latency {
            p95: 12.345,
            interval: [11.0, 14.0],
            sum: 1.0,
            budget: 150.0,
            requests: 1000,
            verdict: "pass",
        }),
        tried: vec![tried.clone(), Tried { good: true, level: None, age: None, ..tried }],
        last_good: Some(word.into()),
        notes: vec![text()],
    }
}

#[test]
fn no_text_becomes_anything_but_text() {
    escapes_everything(|word| drill_html(&full(word)));
}

#[test]
fn each_verdict_has_its_word_and_tone() {
    for (outcome, words, class) in [
        (Verdict::Ok, "✓ ok", "verdict pass"),
        (Verdict::BadBackup, "✕ bad backup", "verdict fail"),
        (Verdict::BadMigration, "✕ bad migration", "verdict fail"),
        (Verdict::Environment, "? environment", "verdict inconclusive"),
    ] {
        let page = drill_html(&Drilled { verdict: outcome, ..full("x") });
        assert_eq!(verdict(&page), (words.to_owned(), class.to_owned()));
    }
}

#[test]
fn what_was_not_looked_at_is_said() {
    let (_, text) = read(&drill_html(&full("x")));
    for part in [
        "amcheck: could not be made: x",
        "queries: left out, as was asked: x",
        "schema: nothing to hold it against: x",
        "rehearsal: the drill did not come to it",
        "not cut off from the network",
        "nobody could count",
        "the backup is at fault",
        "25 h 0 min",
        "12 MB",
        "12.35 ms",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let empty = Drilled {
        checks: Vec::new(),
        tried: Vec::new(),
        phases: Vec::new(),
        pending: Vec::new(),
        latency: None,
        rto: None,
        rpo: None,
        server: None,
        last_good: None,
        ..full("x")
    };
    let (_, text) = read(&drill_html(&empty));
    for part in [
        "error bad backup rows: x",
        "not measured",
        "none was found",
        "none was started",
        "did not come to its checks",
        "no backup to look at",
        "No workload was measured",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_drill_that_did_not_finish_says_so() {
    let (_, text) = read(&drill_html_unfinished(&ErrorReport::interrupted(), 1.0));
    assert!(text.contains("The drill did not finish: the run was interrupted"), "{text}");
}
