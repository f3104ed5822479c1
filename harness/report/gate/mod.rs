//! What a gate saw, as text for people, as JSON for programs, as a comment in markdown, and as a page.
//!
//! Knows the outcome of a gate and nothing else: no value of a row is in it.

mod html;
mod json;
mod markdown;
#[cfg(test)]
mod tests;
mod text;

pub use html::{gate_html, gate_html_unfinished};
pub use json::{gate_json, gate_json_unfinished};
pub use markdown::gate_markdown;
pub use text::gate_text;

use crate::finding::Verdict;
use crate::runs::gate::{Ended, Fact, Gated};

/// How a fact is, in a table.
fn word(fact: &Fact) -> &'static str {
    match (fact.ended, fact.required) {
        (Ended::Held, _) => "ok",
        (Ended::Absent, _) => "-",
        (Ended::Failed, true) => "FAIL",
        (Ended::Unknown, true) => "UNKNOWN",
        (Ended::Failed, false) => "fails, not required",
        (Ended::Unknown, false) => "unknown, not required",
    }
}

/// One line: what it comes to.
fn closing(gated: &Gated) -> String {
    let (name, server) = (&gated.database.name, &gated.database.server);
    let what = match gated.pending.len() {
        0 => format!("nothing is pending on {name} (PostgreSQL {server})"),
        1 => format!("1 migration is pending on {name} (PostgreSQL {server})"),
        count => format!("{count} migrations are pending on {name} (PostgreSQL {server})"),
    };
    let obstacles: Vec<&str> = gated.obstacles().map(|it| it.name).collect();
    match gated.verdict {
        Verdict::Pass => format!("gate: pass; {what}"),
        Verdict::Fail => format!("gate: FAIL, for {}; {what}", obstacles.join(", ")),
        Verdict::Inconclusive => {
            format!("gate: inconclusive, for {}; {what}", obstacles.join(", "))
        }
    }
}
