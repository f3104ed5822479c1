//! What all pages have in common: a document that needs nothing else (no script, no font, no picture from
//! anywhere), its style, and the parts that it is put together from.
//!
//! Knows HTML, words, units and findings. Must not know what a run is, nor judge: who has a page in this
//! room's form says what stands in it. Every text is escaped by the templates.

mod bars;
mod finding;
#[cfg(test)]
pub(super) mod read;
mod scrub;
mod table;
#[cfg(test)]
mod tests;
mod words;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::finding::Verdict;
use crate::secret::Scrubber;

use super::ErrorReport;

pub(super) use bars::{Span, bar, of_parts};
pub(super) use finding::{Shown, card, problem, sql};
pub(super) use table::{Column, table};
pub(super) use words::{
    bound, bytes, count, grouped, known, listed, named_count, named_seconds, named_time,
    paragraphs, percentile, plural, seconds, size, time,
};

/// The colours and the general parts; a page may add what only it has.
pub(super) const STYLE: &str = include_str!("style.css");
/// A browser holds the page to what it says of itself.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// How a page as a whole is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Pass,
    Fail,
    Inconclusive,
}

impl From<Verdict> for Tone {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Fail => Self::Fail,
            Verdict::Inconclusive => Self::Inconclusive,
        }
    }
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }

    /// What says the same without a colour.
    fn sign(self) -> &'static str {
        match self {
            Self::Pass => "✓",
            Self::Fail => "✕",
            Self::Inconclusive => "?",
        }
    }
}

/// A whole document around what it has to say, with `style` besides the general one.
pub(super) fn document(title: &str, style: &str, content: &Markup) -> String {
    readable(&whole(title, style, content))
}

/// The same without secrets: they are taken out of each text and each attribute as it was before it was
/// escaped.
pub(super) fn scrubbed_document(title: &str, content: &Markup, scrubber: &Scrubber) -> String {
    readable(&scrub::scrubbed(&whole(title, "", content), scrubber))
}

fn whole(title: &str, style: &str, content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content=(concat!("stairway ", env!("CARGO_PKG_VERSION")));
                style { (PreEscaped(STYLE)) (PreEscaped(style)) }
                title { (title) }
            }
            body {
                (content)
                footer { p { "stairway " (env!("CARGO_PKG_VERSION")) } }
            }
        }
    };
    page.into_string()
}

fn readable(page: &str) -> String {
    page.replace("\r\n", "\n").chars().map(words::visible).collect()
}

/// What a page opens with: which verb, the verdict in a word with a sign, and why.
pub(super) fn opening(verb: &str, tone: Tone, word: &str, reason: &Markup) -> Markup {
    html! {
        p.tool { "stairway " (verb) }
        div.verdict.(tone.class()) {
            h1 #verdict { span.sign aria-hidden="true" { (tone.sign()) } " " (word) }
            p #reason { (reason) }
        }
    }
}

/// What to do next, where there is anything to do.
pub(super) fn next(steps: &[String]) -> Markup {
    html! {
        @match steps {
            [] => {},
            [one] => p #next .help { b { "next: " } (one) },
            more => div #next {
                p { b { "next:" } }
                ul { @for step in more { li.help { (step) } } }
            },
        }
    }
}

/// A section with its heading; `id` is where a link leads.
pub(super) fn section(id: &str, title: &str, content: &Markup) -> Markup {
    let heading = format!("{id}-title");
    html! {
        section id=(id) aria-labelledby=(heading) {
            h2 id=(heading) { (title) }
            (content)
        }
    }
}

/// What is wrong, each thing as a card; where there is nothing that is said.
pub(super) fn problems(cards: &[Markup], none: &str) -> Markup {
    let content = html! {
        @if cards.is_empty() { p { (none) } }
        @for card in cards { (card) }
    };
    section("findings", "What is wrong", &content)
}

/// One of the times that came one after the other.
pub(super) struct Lap {
    /// Its name and what else is told of it.
    pub(super) cells: Vec<Markup>,
    pub(super) seconds: f64,
    pub(super) has_failed: bool,
}

/// A table of them, in which how long each took and its bar are the last columns.
pub(super) fn laps(caption: &str, columns: &[Column], laps: Vec<Lap>) -> Markup {
    let spans = of_parts(laps.iter().map(|it| (it.seconds, it.has_failed)));
    let end = spans.last().map_or(0.0, |it| it.until);
    let row = |(lap, span): (Lap, &Span)| {
        let times = [seconds(lap.seconds), bar(*span, end)];
        lap.cells.into_iter().chain(times).collect()
    };
    let rows: Vec<Vec<Markup>> = laps.into_iter().zip(&spans).map(row).collect();
    html! {
        (table(caption, columns, &rows))
        p.note {
            "Bars stand in time from the first to the last."
            @if spans.iter().any(|it| it.has_failed) { " A hollow one failed." }
        }
    }
}

/// What is known by name, side by side.
pub(super) fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! { dl.facts { @for (name, value) in facts { div { dt { (name) } dd { (value) } } } } }
}

/// The same one below the other, for what is long: paths, times, digests.
pub(super) fn pairs(pairs: &[(&str, Markup)]) -> Markup {
    html! { dl.pairs { @for (name, value) in pairs { div { dt { (name) } dd { (value) } } } } }
}

/// What was not looked at, each with the reason. Where nothing is missing that is said.
pub(super) fn unchecked(parts: &[(String, String)], none: &str) -> Markup {
    let content = html! {
        @if parts.is_empty() {
            p { (none) }
        } @else {
            ul.unchecked { @for (what, why) in parts { li { b { (what) } ": " (paragraphs(why)) } } }
        }
    };
    section("unchecked", "Not checked", &content)
}

/// The page of a run that `error` ended after so many seconds, before it had a verdict.
pub(super) fn unfinished(
    (verb, what): (&str, &str),
    error: &ErrorReport,
    seconds: f64,
    style: &str,
) -> String {
    let (first, rest) = error.message.split_once('\n').unwrap_or((&error.message, ""));
    let reason = html! { "The " (what) " did not finish: " (first) };
    let content = html! {
        main {
            (opening(verb, Tone::Inconclusive, "inconclusive", &reason))
            @if !rest.trim().is_empty() { pre.detail { (rest.trim_end()) } }
            @for cause in &error.causes { p.cause { "caused by: " (cause) } }
            p.about {
                "It ended after " (format!("{seconds:.1}")) " s"
                @if let Some(exit) = error.exit { " with exit code " data #exit value=(exit) { (exit) } }
                ". Nothing was judged."
            }
        }
    };
    document(&format!("stairway {verb}: not finished"), style, &content)
}
