//! The migrations: what each takes, writes and locks, alone and beside the workload.
//!
//! Knows what was measured of a migration. Must not judge.

use maud::{Markup, html};

use crate::checks::{megabytes, millis as told};
use crate::report::page::{Column, bytes, grouped, plural, sql, table, time};
use crate::runs::{Benched, Beside, Impact, Scaled};
use crate::steps::Relation;

use super::timeline;

const COLUMNS: [Column; 9] = [
    ("migration", false),
    ("alone", true),
    ("beside the workload", true),
    ("requests that waited", false),
    ("rewritten", false),
    ("WAL, temporary files", true),
    ("size before and after", true),
    ("invalid indexes", false),
    ("in production", false),
];

/// All pending migrations.
pub(super) fn all(benched: &Benched) -> Markup {
    html! {
        section #migrations aria-labelledby="migrations-title" {
            h2 #migrations-title { "Migrations" }
            @if benched.migrations.is_empty() {
                p.unknown { "Nothing is pending: there is no migration to watch." }
            } @else if benched.impacts.is_empty() {
                p.unknown { "What they lock, rewrite and write was not watched (--no-impact)." }
                ul { @for name in &benched.migrations { li { (name) } } }
            } @else {
                (watched(benched))
            }
        }
    }
}

fn watched(benched: &Benched) -> Markup {
    let rows: Vec<Vec<Markup>> = benched.impacts.iter().map(row).collect();
    let scaled = benched.impacts.iter().filter(|it| !it.forecast.tables.is_empty());
    let mut assumptions: Vec<&str> = scaled.map(|it| it.forecast.basis.assumption()).collect();
    assumptions.dedup();
    html! {
        (table("On copies of the data, on this machine", &COLUMNS, &rows))
        @for assumption in assumptions { p.note { "In production: " (assumption) "." } }
        h3 #locks { "Locks" }
        (key())
        @for impact in &benched.impacts {
            article.card.locks {
                h4 { (impact.migration) }
                (timeline::of(impact))
                (others(impact))
                @if let Some(script) = benched.scripts.get(impact.place) {
                    (sql(&format!("SQL of {}", script.path.display()), script.text.trim_end(), None))
                }
            }
        }
    }
}

fn row(impact: &Impact) -> Vec<Markup> {
    let quiet = &impact.quiet;
    vec![
        html! { (impact.migration) },
        time(quiet.took),
        took(impact),
        waited(impact.beside.as_ref()),
        rewritten(impact),
        html! { (bytes(quiet.wal)) br; (bytes(quiet.temporary)) },
        html! { (bytes(quiet.size.0)) br; (bytes(quiet.size.1)) },
        html! {
            @if quiet.invalid_indexes.is_empty() { "none" }
            @for name in &quiet.invalid_indexes { b { (name) } " " }
        },
        forecast(impact),
    ]
}

/// How long it took beside the workload, or why it did not end there.
fn took(impact: &Impact) -> Markup {
    html! {
        @if let Some(why) = &impact.failed { b { "failed" } ": " (why) } @else { (time(impact.took)) }
    }
}

fn waited(beside: Option<&Beside>) -> Markup {
    let Some(beside) = beside else {
        return html! { span.unknown { "nothing to send: the database of before knows none of the queries" } };
    };
    html! {
        @if beside.blocked == 0 {
            "none of " (grouped(beside.curve.count()))
        } @else {
            (grouped(beside.blocked)) " of " (grouped(beside.curve.count())) ", up to " (time(beside.longest))
        }
        @if beside.failed > 0 { ", " b { (grouped(beside.failed)) " failed" } }
    }
}

fn rewritten(impact: &Impact) -> Markup {
    html! {
        @if impact.quiet.rewritten.is_empty() { "nothing" }
        @for table in &impact.quiet.rewritten { div { (table.name) ", " (rows(table)) (reasons(impact, table)) } }
        @if impact.rewrites.is_none() { div.unknown { "the reasons could not be asked for" } }
    }
}

fn rows(table: &Relation) -> String {
    format!("{}, {}", plural(format!("{:.0}", table.rows).as_str(), "row"), megabytes(table.bytes))
}

fn reasons(impact: &Impact, table: &Relation) -> Markup {
    let noted = impact.rewrites.iter().flatten().find(|it| it.table == table.name);
    html! {
        @if let Some(noted) = noted.filter(|it| !it.reasons.is_empty()) { ": " (noted.reasons.join(", ")) }
    }
}

fn forecast(impact: &Impact) -> Markup {
    let forecast = &impact.forecast;
    html! {
        div {
            @match forecast.took {
                Some(took) => { "takes " (time(took)) },
                None => span.unknown { "nobody can tell how long it takes" },
            }
        }
        @if let Some(wal) = forecast.wal { div { (bytes(wal)) " of WAL" } }
        @for table in &forecast.tables { div { (scaled(table)) } }
    }
}

fn scaled(table: &Scaled) -> Markup {
    html! {
        (table.table) ": "
        @match table.rows {
            Some(count) => { (plural(count, "row")) ", " (grouped(table.here)) " here" },
            None => { (plural(table.here, "row")) " here, unknown there" },
        }
        @if let Some(blocked) = table.blocked.filter(|it| !it.is_zero()) { ", others wait " (time(blocked)) }
    }
}

/// What slowed others down beside locks, and what they waited for.
fn others(impact: &Impact) -> Markup {
    html! {
        p {
            "Beside locks, the longest that a probe took was " (time(impact.slowed)) " on a table that it names and "
            (time(impact.control)) " on one that nobody touches."
        }
        @if let Some(beside) = &impact.beside {
            p {
                "The workload meanwhile: p50 " (told(beside.curve.at(0.5))) ", p95 " (told(beside.curve.at(0.95)))
                ", longest " (told(beside.curve.longest())) " of " (plural(beside.curve.count(), "request")) "."
            }
            @if !beside.waited_for.is_empty() {
                ul { @for what in &beside.waited_for { li { "waited for " (what) } } }
            }
        } @else {
            p.unknown { "There was no workload beside it: nothing to send." }
        }
    }
}

/// What the bars mean.
fn key() -> Markup {
    let bars = [
        ("exclusive", "keeps everybody out"),
        ("share", "keeps writers out"),
        ("weak", "keeps out neither readers nor writers"),
        ("waits", "the migration waits for it"),
        ("others", "others wait"),
    ];
    html! {
        ul.legend {
            @for (class, words) in bars {
                li {
                    svg.key width="28" height="18" aria-hidden="true" { (timeline::bar(class, 0.0, 100.0)) }
                    (words)
                }
            }
        }
    }
}
