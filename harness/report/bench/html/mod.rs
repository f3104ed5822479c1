//! A bench as one page that needs nothing else: no script, no font, no picture from anywhere.
//!
//! Knows the outcome of a bench and nothing else. Each number that JSON has stands beside its words, in
//! the same unit. Every text is escaped by the templates.

mod curves;
mod migrations;
mod plot;
mod queries;
mod scale;
#[cfg(test)]
mod tests;
mod timeline;
mod unfinished;

use maud::{Markup, html};

use crate::checks::millis as told;
use crate::finding::{Finding, Severity, Verdict};
use crate::runs::{Benched, why};
use crate::workload::Measured;

pub use unfinished::bench_html_unfinished;

use super::reason;
use crate::report::json::millis;
use crate::report::page::{
    self, Shown, bound, document, grouped, named_count, named_time, plural, time,
};

/// The plots and timelines.
const STYLE: &str = include_str!("style.css");

/// The page of a bench.
pub fn bench_html(benched: &Benched) -> String {
    document(
        &format!("stairway bench: {}, {}", benched.verdict.as_str(), what(benched)),
        STYLE,
        &html! {
            header { (opening(benched)) }
            main {
                (findings(benched))
                (queries::all(benched))
                (queries::overall(benched))
                (migrations::all(benched))
                (machine(benched))
            }
        },
    )
}

/// Which migrations it is about.
fn what(benched: &Benched) -> String {
    match benched.migrations.as_slice() {
        [] => "nothing is pending".to_owned(),
        [one] => format!("1 migration, {one}"),
        [first, .., last] => format!("{} migrations, {first} to {last}", benched.migrations.len()),
    }
}

/// The verdict, why, and the numbers that it hangs on.
fn opening(benched: &Benched) -> Markup {
    let tone = benched.verdict.into();
    html! {
        (page::opening("bench", tone, benched.verdict.as_str(), &html! { (because(benched)) }))
        p.about {
            (what(benched)) "; PostgreSQL " (benched.server_version) " (" (benched.backend) ") in "
            (format!("{:.1}", benched.seconds)) " s"
        }
        (statement(benched))
        (facts(&benched.overall))
    }
}

/// Why it is what it is.
fn because(benched: &Benched) -> String {
    match benched.verdict {
        Verdict::Inconclusive => reason(benched).unwrap_or_default(),
        Verdict::Pass if benched.queries.iter().any(|it| it.compared().is_some()) => {
            "the budget is kept, and no query that was compared became slower".to_owned()
        }
        Verdict::Pass => "the budget is kept; no query was compared".to_owned(),
        Verdict::Fail => {
            let errors = benched.findings.iter().filter(|it| it.counts(Severity::Error));
            let errors: Vec<&Finding> = errors.collect();
            match errors.as_slice() {
                [] => why(&benched.overall).unwrap_or("the budget is not kept").to_owned(),
                [one] => one.message.clone(),
                [first, rest @ ..] => {
                    format!("{}; and {}", first.message, plural(rest.len(), "more error"))
                }
            }
        }
    }
}

fn statement(benched: &Benched) -> Markup {
    let gate = &benched.overall.gate;
    html! {
        p.statement {
            "p95 " b { (named_time("p95", gate.p95)) } " of " (named_count("requests", gate.requests))
            " requests in " (named_count("runs", gate.runs)) " runs at "
            data #rate value=(benched.rate) { (format!("{:.0}", benched.rate)) } " a second, "
            (named_bound("interval-low", gate.interval.0)) " to " (named_bound("interval-high", gate.interval.1))
            " for a run (90 %), budget " (named_time("budget", gate.rule.limit)) ": "
            b #gate { (gate.verdict.as_str()) }
            @if let Some(why) = why(&benched.overall) { ", " (why) }
            "."
        }
    }
}

fn named_bound(name: &str, time: std::time::Duration) -> Markup {
    html! { data id=(name) value=(millis(time)) { (bound(time)) } }
}

/// All of them, in the order of the report.
fn findings(benched: &Benched) -> Markup {
    let source = |finding: &Finding| benched.source(finding.file.as_ref()?);
    let content = html! {
        @if benched.findings.is_empty() { p { "None." } }
        @for finding in &benched.findings { (page::card(finding, source(finding), Shown::File)) }
    };
    page::section("findings", "Findings", &content)
}

/// What became of the requests.
fn facts(measured: &Measured) -> Markup {
    let gate = &measured.gate;
    let failed: usize = measured.failed.values().sum();
    html! {
        dl.facts {
            div { dt { "over the budget" } dd { (named_count("over", gate.over)) " of " (grouped(gate.requests)) } }
            div { dt { "only because of a lock" } dd { (named_count("blocked", measured.blocked)) } }
            div { dt { "sent late by this process" } dd { (named_count("late", measured.late)) } }
            div {
                dt { "failed" }
                dd {
                    (named_count("failed", failed))
                    @for (sqlstate, count) in &measured.failed { div.small { "SQLSTATE " (sqlstate) ": " (grouped(count)) } }
                }
            }
            div { dt { "never sent" } dd { (named_count("unsent", measured.unsent)) } }
            div { dt { "requests that count for one" } dd { (format!("{:.2}", gate.design_effect)) } }
        }
        @if !measured.waited_for.is_empty() {
            ul { @for what in &measured.waited_for { li { "waited for " (what) } } }
        }
    }
}

/// What it was measured on.
fn machine(benched: &Benched) -> Markup {
    html! {
        section #machine aria-labelledby="machine-title" {
            h2 #machine-title { "Machine" }
            p {
                "The same work took up to " (format!("{:.0}", benched.moved() * 100.0)) " % longer at one time than at another"
                @if !benched.calibrations.is_empty() {
                    ": " @for (at, took) in benched.calibrations.iter().enumerate() {
                        @if at > 0 { ", " } (time(*took))
                    }
                }
                ". "
                @match benched.stolen {
                    Some(stolen) => { (told(stolen)) " were stolen by its host." },
                    None => "Whether its host took time from it is unknown.",
                }
            }
        }
    }
}
