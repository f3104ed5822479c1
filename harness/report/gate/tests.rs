//! The page of hand-made outcomes.

use super::{gate_html, gate_html_unfinished};
use crate::exit::Exit;
use crate::finding::Verdict;
use crate::migrations::FileDigest;
use crate::report::ErrorReport;
use crate::report::page::read::{escapes_everything, read, verdict};
use crate::runs::gate::{Asked, Counted, Ended, Fact, Gated, PendingMigration};

/// One of everything, in which each text of a user is `word`.
fn full(word: &str) -> Gated {
    let at = "2026-01-31T00:00:00Z".parse().unwrap();
    let text = || word.to_owned();
    let fact = |name, ended, required| {
        let (detail, help) = (format!("{word}\nmore {word}"), Some(text()));
        Fact { name, ended, required, detail, help }
    };
    Gated {
        schema: 1,
        began: at,
        verdict: Verdict::Fail,
        exit: Exit::GateFailed,
        environment: text(),
        database: Asked { name: text(), system_identifier: text(), server: text(), applied: 3 },
        layout: "plain",
        pending: vec![PendingMigration {
            revision: text(),
            digest: text(),
            files: vec![FileDigest { file: word.into(), sha256: text() }],
        }],
        facts: vec![
            fact("verification", Ended::Held, true),
            fact("drill", Ended::Failed, true),
            fact("backup", Ended::Unknown, true),
            fact("drift", Ended::Failed, false),
            fact("latency", Ended::Absent, false),
        ],
        backup: Some(Counted { file: word.into(), sha256: text(), made: at }),
        holds: 86_400.0,
        seconds: 0.5,
        required: Vec::new(),
    }
}

#[test]
fn no_text_becomes_anything_but_text() {
    escapes_everything(|word| gate_html(&full(word)));
}

#[test]
fn each_verdict_has_its_word_and_what_an_attestation_says() {
    for (outcome, words, part) in [
        (
            Verdict::Pass,
            "✓ pass",
            "signs holds for this database and these digests, for 24 h 0 min",
        ),
        (Verdict::Fail, "✕ fail", "A gate that does not pass attests nothing"),
        (Verdict::Inconclusive, "? inconclusive", "A gate that does not pass attests nothing"),
    ] {
        let page = gate_html(&Gated { verdict: outcome, ..full("x") });
        assert_eq!(verdict(&page).0, words);
        let (_, text) = read(&page);
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_is_not_so_is_told_apart_from_what_nobody_can_tell() {
    let (_, text) = read(&gate_html(&full("x")));
    for part in [
        "drill: x; and backup",
        "error drill x",
        "not so, and it is required",
        "nobody can tell, and it is required",
        "warning drift x",
        "latency: there is nothing that it could be about: x",
        "history: not looked at",
        "more x",
        "help: x",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_gate_that_did_not_finish_says_so() {
    let (_, text) = read(&gate_html_unfinished(&ErrorReport::interrupted(), 1.0));
    assert!(text.contains("The gate did not finish: the run was interrupted"), "{text}");
}
