//! A drill as one page.
//!
//! Each number that JSON has stands beside its words, in the same unit.

use maud::{Markup, html};

use crate::report::ErrorReport;
use crate::report::page::{
    self, Column, Lap, Tone, count, facts, known, named_count, named_seconds, paragraphs, problem,
    seconds, section, size, table,
};
use crate::runs::drill::{CHECKS, Check, Drilled, Ended, Fault, Moved, Tried, Verdict};

use super::{closing, span, word};

const CHECKED: [Column; 4] =
    [("check", false), ("asks whether", false), ("ended", false), ("seen", false)];
const TRIED: [Column; 8] = [
    ("backup", false),
    ("verdict", false),
    ("kind", false),
    ("of", false),
    ("age", true),
    ("size", true),
    ("manifest", false),
    ("level", true),
];
const PENDING: [Column; 3] = [("migration", false), ("name", false), ("upgrade on the copy", true)];
const TIMES: [Column; 3] = [("part", false), ("took", true), ("when", false)];

/// The page of a drill.
pub fn drill_html(drilled: &Drilled) -> String {
    let title = format!("stairway drill: {}", closing(drilled));
    let content = html! {
        header { (opening(drilled)) }
        main {
            (problems(drilled))
            (page::unchecked(&unchecked(drilled), "Nothing: each check was made."))
            (checks(drilled))
            (backups(drilled))
            (pending(drilled))
            (latency(drilled))
            (times(drilled))
            (notes(drilled))
        }
    };
    page::document(&title, "", &content)
}

/// The page of a drill that `error` ended after so many seconds.
pub fn drill_html_unfinished(error: &ErrorReport, seconds: f64) -> String {
    page::unfinished(("drill", "drill"), error, seconds, "")
}

fn opening(drilled: &Drilled) -> Markup {
    let tone = match drilled.verdict {
        Verdict::Ok => Tone::Pass,
        Verdict::BadBackup | Verdict::BadMigration => Tone::Fail,
        Verdict::Environment => Tone::Inconclusive,
    };
    let reason = drilled.reason.as_deref().and_then(|it| it.lines().next());
    let reason = reason.unwrap_or(
        "the newest backup restores, proves what it should, and what is pending can be applied to it",
    );
    let next: Vec<String> = drilled.help.iter().cloned().collect();
    html! {
        (page::opening("drill", tone, drilled.verdict.as_str(), &html! { (reason) }))
        (page::next(&next))
        p.about { (closing(drilled).lines().next().unwrap_or_default()) }
        (facts(&numbers(drilled)))
        (about(drilled))
    }
}

/// What a drill is made for.
fn numbers(drilled: &Drilled) -> Vec<(&'static str, Markup)> {
    let rto = drilled.rto.as_ref().map(|it| {
        html! {
            (named_seconds("rto", it.seconds))
            div.small { "until " (it.query) " was answered" }
        }
    });
    let rpo = drilled.rpo.map(|it| {
        html! {
            (named_seconds("rpo", it))
            div.small { "age of the newest good backup" }
        }
    });
    let server = drilled.server.as_ref().map(|it| html! {
        "PostgreSQL " (it.version) " (" (it.backend) ")"
        div.small { @if it.cut_off { "in a network of its own" } @else { "not cut off from the network" } }
    });
    let uncounted = "nobody could count";
    let mismatches = drilled.mismatches.map(|it| named_count("mismatches", it));
    let orphans = drilled.orphans.map(|it| named_count("orphans", it));
    let exit = drilled.exit.code();
    vec![
        ("recovery time (RTO)", known(rto, "not measured")),
        ("recovery point (RPO)", known(rpo, "no good backup, or of unknown age")),
        ("not as the manifest says", known(mismatches, uncounted)),
        ("rows without a parent", known(orphans, uncounted)),
        ("server of the copy", known(server, "none was started")),
        ("took", named_seconds("seconds", drilled.seconds)),
        ("exit code", html! { data #exit value=(exit) { (exit) } }),
    ]
}

/// Which drill of which backup it was.
fn about(drilled: &Drilled) -> Markup {
    let good =
        known(drilled.last_good.as_ref().map(|it| it.display().to_string()), "none was found");
    page::pairs(&[
        ("last good backup", good),
        ("run", html! { span #run { (drilled.run) } }),
        ("began", html! { (drilled.began) }),
    ])
}

/// What does not hold, in full.
fn problems(drilled: &Drilled) -> Markup {
    let mut cards = Vec::new();
    for check in &drilled.checks {
        let whose = match check.fault {
            Some(Fault::Backup) => "the backup is at fault",
            Some(Fault::Migration) => "what is pending is at fault",
            Some(Fault::Environment) => "the machine or the server is at fault",
            None => "whose fault it is can't be told",
        };
        if check.ended == Ended::Failed {
            cards.push(problem("error", check.name, &check.detail, (Some(whose), None)));
        }
    }
    // What stopped a drill is no check.
    if let Some(reason) = drilled.reason.as_deref().filter(|_| cards.is_empty()) {
        cards.push(problem("error", drilled.verdict.as_str(), reason, (None, None)));
    }
    page::problems(&cards, "Nothing.")
}

fn unchecked(drilled: &Drilled) -> Vec<(String, String)> {
    let mut parts = Vec::new();
    for check in &drilled.checks {
        let why = match check.ended {
            Ended::Held | Ended::Failed => continue,
            Ended::Skipped => format!("could not be made: {}", check.detail),
            Ended::LeftOut => format!("left out, as was asked: {}", check.detail),
            Ended::Absent => format!("nothing to hold it against: {}", check.detail),
        };
        parts.push((check.name.to_owned(), why));
    }
    for (name, _) in CHECKS {
        if !drilled.checks.iter().any(|it| it.name == *name) {
            parts.push(((*name).to_owned(), "the drill did not come to it".to_owned()));
        }
    }
    parts
}

fn checks(drilled: &Drilled) -> Markup {
    let rows: Vec<Vec<Markup>> = drilled.checks.iter().map(check).collect();
    let content = html! {
        @if rows.is_empty() {
            p.unknown { "The drill did not come to its checks." }
        } @else {
            (table("Of the newest backup, in the order in which they were made", &CHECKED, &rows))
        }
    };
    section("checks", "Checks", &content)
}

fn check(check: &Check) -> Vec<Markup> {
    let (sign, class) = match check.ended {
        Ended::Held => ("✓", "pass"),
        Ended::Failed => ("✕", "fail"),
        Ended::Skipped => ("?", "inconclusive"),
        Ended::LeftOut | Ended::Absent => ("–", "none"),
    };
    let asks = CHECKS.iter().find(|(name, _)| *name == check.name).map_or("", |(_, asks)| asks);
    // The whole of what failed stands above.
    let first = check.detail.lines().next().unwrap_or_default();
    vec![
        html! { code { (check.name) } },
        html! { (asks) },
        html! { b.word.(class) { (sign) " " @if check.ended == Ended::Absent { "absent" } @else { (word(check.ended)) } } },
        html! { @if check.ended == Ended::Failed { (first) } @else { (paragraphs(&check.detail)) } },
    ]
}

fn backups(drilled: &Drilled) -> Markup {
    let rows: Vec<Vec<Markup>> = drilled.tried.iter().map(backup).collect();
    let content = html! {
        @if rows.is_empty() {
            p.unknown { "There was no backup to look at." }
        } @else {
            (table("Looked at, the newest first", &TRIED, &rows))
        }
    };
    section("backups", "Backups", &content)
}

fn backup(tried: &Tried) -> Vec<Markup> {
    let (word, class) = if tried.good { ("✓ good", "pass") } else { ("✕ not good", "fail") };
    let of = tried.database.as_ref().map(|it| {
        html! {
            (it)
            @if let Some(system) = &tried.system_identifier { div.small { "system " (system) } }
        }
    });
    let level = tried.level.map(|it| html! { data value=(it) { (it) " of 4" } });
    vec![
        html! {
            (tried.file.display())
            @if let Some(made) = tried.made { div.small { "made " (made) } }
            @if let Some(at) = tried.recovered { div.small { "replayed up to " (at) } }
        },
        html! {
            b.word.(class) { (word) }
            @if let Some(reason) = &tried.reason { div { (paragraphs(reason)) } }
        },
        known(tried.kind.as_ref(), "of no known kind"),
        known(of, "not told"),
        known(tried.age.map(seconds), "unknown"),
        size(tried.bytes),
        html! { @if tried.manifest { "with" } @else { "without" } },
        known(level, "unknown"),
    ]
}

fn pending(drilled: &Drilled) -> Markup {
    let row = |it: &Moved| {
        let took = known(it.seconds.map(seconds), "did not end");
        vec![html! { (it.revision) }, html! { (it.name) }, took]
    };
    let rows: Vec<Vec<Markup>> = drilled.pending.iter().map(row).collect();
    let content = html! {
        @if rows.is_empty() {
            p.unknown { "Nothing is pending on the backup, or the drill did not come to it." }
        } @else {
            (table("Pending on the backup, in order", &PENDING, &rows))
        }
    };
    section("pending", "Pending migrations", &content)
}

fn latency(drilled: &Drilled) -> Markup {
    let ms = |value: f64| html! { data value=(value) { (format!("{value:.2}")) " ms" } };
    let content = match &drilled.latency {
        None => html! { p.unknown { "No workload was measured." } },
        Some(it) => html! {
            p {
                "p95 " (ms(it.p95)) " of " (count(it.requests)) " requests, " (ms(it.interval[0])) " to "
                (ms(it.interval[1])) " for a run (90 %), budget " (ms(it.budget)) ": " b { (it.verdict) } "."
            }
        },
    };
    section("latency", "Latency", &content)
}

fn times(drilled: &Drilled) -> Markup {
    let laps = drilled.phases.iter().map(|it| Lap {
        cells: vec![html! { (it.name) }],
        seconds: it.seconds,
        has_failed: false,
    });
    let laps: Vec<Lap> = laps.collect();
    let all = format!(
        "The parts of the work on the newest backup; all of it took {}",
        span(drilled.seconds)
    );
    let content = html! {
        @if laps.is_empty() {
            p.unknown { "No part of the work was begun." }
        } @else {
            (page::laps(&all, &TIMES, laps))
        }
    };
    section("times", "Times", &content)
}

fn notes(drilled: &Drilled) -> Markup {
    if drilled.notes.is_empty() {
        return html! {};
    }
    section(
        "notes",
        "Notes",
        &html! { ul { @for note in &drilled.notes { li { (paragraphs(note)) } } } },
    )
}
