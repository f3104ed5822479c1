//! The page of hand-made outcomes: strings that mean something in HTML, and nothing at all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use roxmltree::Document;

use super::bench_html;
use crate::finding::{CheckId, Finding, Span, Verdict};
use crate::migrations::{Script, Wrap};
use crate::report::page::STYLE;
use crate::report::page::read::{NASTY, closed, read};
use crate::runs::{
    Benched, BenchedQuery, Beside, Blamed, BlockedTable, Forecast, Impact, Quiet, Turned,
    Uncompared,
};
use crate::steps::{Relation, Rewrite};
use crate::workload::{
    Change, Compared, Curve, Gate, Held, Measured, MissingIndex, Rule, Shape, Span as Time,
};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn curve(latencies: &[u64]) -> Curve {
    Curve::of(latencies.iter().copied().map(ms))
}

fn measured(word: &str) -> Measured {
    let gate = Gate {
        rule: Rule { limit: ms(150) },
        requests: 12_345,
        over: 7,
        runs: 5,
        design_effect: 1.5,
        p95: Duration::from_micros(12_345),
        interval: (ms(11), Duration::MAX),
        verdict: Verdict::Inconclusive,
        reason: None,
    };
    let failed = BTreeMap::from([(word.to_owned(), 3)]);
    let waited_for = BTreeSet::from([word.to_owned()]);
    Measured { gate, blocked: 1, late: 2, failed, unsent: 4, waited_for }
}

/// Nothing was sent, nothing is pending.
fn empty() -> Benched {
    let overall = Measured { failed: BTreeMap::new(), waited_for: BTreeSet::new(), ..measured("") };
    Benched {
        server_version: "15.1".to_owned(),
        backend: "local".to_owned(),
        migrations: Vec::new(),
        digests: Vec::new(),
        scripts: Vec::new(),
        rate: 200.0,
        overall,
        curve: curve(&[]),
        queries: Vec::new(),
        impacts: Vec::new(),
        calibrations: Vec::new(),
        stolen: None,
        findings: Vec::new(),
        verdict: Verdict::Pass,
        seconds: 1.25,
    }
}

fn query(word: &str, file: &str) -> BenchedQuery {
    let compared = Compared {
        before: ms(1),
        after: ms(9),
        ratio: 9.0,
        interval: (4.5, f64::INFINITY),
        change: Change::Worse,
    };
    let turned = Turned { compared, before: curve(&[1, 1, 2]), after: curve(&[8, 9, 30]) };
    BenchedQuery {
        name: word.to_owned(),
        file: file.into(),
        text: format!("SELECT '{word}'"),
        rate: 12.5,
        curve: curve(&[8, 9, 40]),
        measured: Some(measured(word)),
        turned: Ok(turned),
        shapes: Some((Shape::default(), Shape::default())),
        blamed: Some(Blamed {
            place: 0,
            migration: word.to_owned(),
            lost_indexes: vec![word.to_owned()],
        }),
        missing: Some(MissingIndex { definition: word.to_owned(), without: ms(9), with: ms(1) }),
        failed: 2,
    }
}

fn impact(word: &str) -> Impact {
    let span = |from, until| Time { from: ms(from), until: ms(until) };
    let held = |mode: &str, is_granted| Held {
        relation: word.to_owned(),
        mode: mode.to_owned(),
        is_granted,
        spans: vec![span(0, 30), span(40, 41)],
        least: ms(26),
    };
    let relation =
        Relation { name: word.to_owned(), rows: 1e6, bytes: 5_000_000, ..Relation::default() };
    Impact {
        place: 0,
        migration: word.to_owned(),
        quiet: Quiet {
            took: ms(20),
            rewritten: vec![relation],
            wal: 5,
            temporary: 2_000_000,
            size: (1, 2),
            invalid_indexes: vec![word.to_owned()],
        },
        took: ms(50),
        failed: Some(word.to_owned()),
        blocked: vec![BlockedTable {
            table: word.to_owned(),
            reads: ms(29),
            writes: ms(31),
            spans: vec![span(1, 30)],
        }],
        slowed: ms(3),
        control: ms(2),
        held: vec![
            held("AccessExclusiveLock", true),
            held("AccessExclusiveLock", false),
            held(word, true),
        ],
        unprobed: vec![held(word, true)],
        rewrites: Some(vec![Rewrite {
            table: word.to_owned(),
            reasons: vec!["a column's type changes"],
        }]),
        beside: Some(Beside {
            curve: curve(&[1, 50]),
            blocked: 1,
            longest: ms(31),
            failed: 1,
            waited_for: BTreeSet::from([word.to_owned()]),
        }),
        forecast: Forecast::default(),
    }
}

/// One of everything, in which each text of a user is `word`.
fn full(word: &str) -> Benched {
    let file = format!("{word}.sql");
    let sql = format!("-- {word}\r\nSELECT 1;\n");
    let at = Span::new(&file, &sql, 0..4);
    let accepted = Finding::new(CheckId::TableRewrite, word).in_file("none.sql");
    Benched {
        migrations: vec![word.to_owned()],
        digests: Vec::new(),
        scripts: vec![Script::of_sql(PathBuf::from(&file), sql.into(), Wrap::Transaction)],
        queries: vec![
            query(word, &format!("{word}_query.sql")),
            BenchedQuery {
                turned: Err(Uncompared::New),
                shapes: None,
                curve: curve(&[]),
                ..query(word, "b.sql")
            },
        ],
        overall: measured(word),
        curve: curve(&[1, 2, 3, 4, 200]),
        impacts: vec![
            impact(word),
            Impact { beside: None, held: Vec::new(), blocked: Vec::new(), ..impact(word) },
        ],
        calibrations: vec![ms(10), ms(11)],
        stolen: Some(ms(5)),
        findings: vec![
            Finding::new(CheckId::BlockingLock, word).at(at).detail(word).help(word),
            Finding { allowed: Some(word.to_owned()), ..accepted },
        ],
        verdict: Verdict::Fail,
        ..empty()
    }
}

#[test]
fn no_text_becomes_anything_but_text() {
    let (plain, _) = read(&bench_html(&full("x")));
    let (nasty, text) = read(&bench_html(&full(NASTY)));
    assert_eq!(plain, nasty, "the same elements, whatever the words are");
    assert!(!nasty.contains(&"script".to_owned()));
    assert!(text.matches(NASTY).count() > 20, "all of it can be read: {text}");
    assert!(text.contains(&format!("SELECT '{NASTY}'")) && text.contains("SQL of b.sql"));
    assert!(text.contains(&format!("-- {NASTY}\nSELECT 1;")), "lines of a script end as lines do");
}

#[test]
fn what_hides_in_a_text_is_shown() {
    let (_, text) = read(&bench_html(&full("a\u{0}b\u{1b}[2Jc\u{202e}d")));
    assert!(text.contains("a␀b␛[2Jc\u{fffd}d"), "{text}");
}

#[test]
fn an_empty_outcome_is_a_page_that_says_so() {
    let page = bench_html(&empty());
    let (elements, text) = read(&page);
    for part in [
        "pass",
        "nothing is pending",
        "None.",
        "there are no percentiles",
        "is unknown",
        "no bound",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!elements.contains(&"path".to_owned()), "nothing is drawn");
    assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
}

#[test]
fn what_is_unknown_is_said() {
    let (_, text) = read(&bench_html(&full("x")));
    for part in [
        "new: the database of before does not know it",
        "Plans are not compared",
        "No request of it was sent",
        "nothing to send",
        "how long others wait was not asked",
        "No lock on a table was seen",
        "nobody can tell how long it takes",
        "accepted by a claim: x",
        "no bound",
        "counts as ten budgets",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_long_script_is_cut_and_that_is_said() {
    let mut benched = full("x");
    let lines: Vec<String> = (0..5000).map(|at| format!("SELECT {at};")).collect();
    benched.scripts[0].text = lines.join("\n").into();
    let (_, text) = read(&bench_html(&benched));
    assert!(text.contains("SELECT 399;") && !text.contains("SELECT 400;"));
    assert!(text.contains("4\u{202f}600 more lines of it are not shown."));
}

#[test]
fn many_short_locks_are_counted_and_not_drawn() {
    let mut benched = full("x");
    let held = benched.impacts[0].held[0].clone();
    let table = |at: u64, until| Held {
        relation: format!("public.t{at}"),
        spans: vec![Time { from: ms(0), until: ms(until) }],
        ..held.clone()
    };
    benched.impacts[0].held = (0..40).map(|at| table(at, 1 + at)).collect();
    // Waits are drawn, however short they are.
    benched.impacts[0].held.push(Held { is_granted: false, ..table(98, 2) });
    benched.impacts[0].blocked[0].spans = vec![Time { from: ms(0), until: ms(3) }];
    benched.impacts[0].blocked[0].table = "public.t99".to_owned();
    let (_, text) = read(&bench_html(&benched));
    assert!(text.contains("19 locks of less than 20.0 ms are not drawn."), "{text}");
    assert!(text.contains("public.t19") && !text.contains("public.t18"));
    assert!(text.contains("public.t98") && text.contains("public.t99"), "{text}");
}

#[test]
fn a_bound_that_nobody_knows_has_no_end() {
    let mut benched = full("x");
    let ends = |benched: &Benched| bench_html(benched).matches("<line class=\"interval\"").count();
    assert_eq!(ends(&benched), 1, "only the lower one is known");
    assert!(bench_html(&benched).contains("p95 12.3 ms, no bound"));
    benched.overall.gate.interval.1 = ms(14);
    assert_eq!(ends(&benched), 2);
    assert!(!bench_html(&benched).contains("ms, no bound"));
}

#[test]
fn what_is_laid_out_as_something_else_still_has_the_roles_of_a_table() {
    let text = closed(&bench_html(&full("x")));
    let page = Document::parse(&text).unwrap();
    let parts = ["table", "thead", "tbody", "tfoot", "tr", "th", "td"];
    for part in page.descendants().filter(|it| parts.contains(&it.tag_name().name())) {
        assert!(part.attribute("role").is_some(), "{part:?}");
    }
}

/// From 1 to 21, as the guidelines for accessibility have it.
fn contrast(one: &str, two: &str) -> f64 {
    let light = |colour: &str| {
        let channel = |at: usize| {
            let value =
                f64::from(u8::from_str_radix(colour.get(at..at + 2).unwrap(), 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4) + 0.05
    };
    let (one, two) = (light(one), light(two));
    one.max(two) / one.min(two)
}

#[test]
fn bars_are_told_apart_without_their_colours_and_seen_on_a_card() {
    let page = bench_html(&full("x"));
    let key =
        page.split("<ul class=\"legend\"><li><svg class=\"key\" width=\"28\" height=\"18\"").nth(1);
    let key = key.unwrap().split("</ul>").next().unwrap();
    let heights = ["exclusive", "share", "weak"].map(|class| {
        let bar = key.split(&format!("<rect class=\"bar {class}\"")).nth(1).unwrap();
        bar.split("height=\"").nth(1).unwrap().split('"').next().unwrap()
    });
    assert_eq!(heights, ["14", "8", "3"], "in the key as in the timelines");
    assert!(page.matches("y=\"2\" height=\"14\"").count() > 1, "{page}");
    // Light, dark, and on paper.
    let colours = |name: &str| -> Vec<&str> {
        STYLE.split(&format!("--{name}: #")).skip(1).map(|rest| rest.get(..6).unwrap()).collect()
    };
    let cards = colours("card");
    assert_eq!(cards.len(), 3);
    for name in ["exclusive", "share", "weak", "others", "before"] {
        for (card, colour) in cards.iter().zip(colours(name)) {
            let contrast = contrast(card, colour);
            assert!(contrast >= 3.0, "{name}, #{colour} on #{card}: {contrast:.2}");
        }
    }
}
