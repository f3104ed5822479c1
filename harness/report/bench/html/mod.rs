//! A bench as one page that needs nothing else: no script, no font, no picture from anywhere.
//!
//! Knows the outcome of a bench and nothing else. Each number that JSON has stands beside its words, in
//! the same unit. Every text is escaped by the templates.

mod curves;
mod findings;
mod migrations;
mod plot;
mod queries;
mod scale;
mod table;
#[cfg(test)]
mod tests;
mod timeline;
mod unfinished;
mod words;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::checks::millis as told;
use crate::finding::{Finding, Severity, Verdict};
use crate::runs::{Benched, why};
use crate::workload::Measured;

pub use unfinished::bench_html_unfinished;

use super::reason;
use words::{bound, grouped, named_count, named_time, plural, time};

const STYLE: &str = include_str!("style.css");
/// A browser holds the page to what it says of itself.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The page of a bench.
pub fn bench_html(benched: &Benched) -> String {
    page(
        &format!("stairway bench: {}, {}", word(benched.verdict), what(benched)),
        &html! {
            header { (opening(benched)) }
            main {
                (findings::all(benched))
                (queries::all(benched))
                (queries::overall(benched))
                (migrations::all(benched))
                (machine(benched))
            }
        },
    )
}

/// A whole document around what it has to say.
fn page(title: &str, content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content=(concat!("stairway ", env!("CARGO_PKG_VERSION")));
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (content)
                footer { p { "stairway " (env!("CARGO_PKG_VERSION")) } }
            }
        }
    };
    page.into_string().replace("\r\n", "\n").chars().map(words::visible).collect()
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Inconclusive => "inconclusive",
    }
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
    let sign = match benched.verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✕",
        Verdict::Inconclusive => "?",
    };
    html! {
        p.tool { "stairway bench" }
        div.verdict.(word(benched.verdict)) {
            h1 #verdict { span.sign aria-hidden="true" { (sign) } " " (word(benched.verdict)) }
            p #reason { (because(benched)) }
        }
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
    html! { data id=(name) value=(super::millis(time)) { (bound(time)) } }
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
