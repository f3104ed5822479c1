//! A gate as markdown, for the summary of a job.

use std::fmt::Write as _;

use crate::report::markdown::inline;
use crate::runs::gate::Gated;

use super::{closing, word};

/// A heading, one line, and a table of the facts.
pub fn gate_markdown(gated: &Gated) -> String {
    let mut out = format!("### Stairway gate: {}\n\n", gated.verdict.as_str());
    let _ = writeln!(out, "{}\n", inline(&closing(gated)));
    out.push_str("| fact | | |\n|---|---|---|\n");
    for fact in &gated.facts {
        let detail = inline(fact.detail.lines().next().unwrap_or_default());
        let _ = writeln!(out, "| {} | {} | {detail} |", fact.name, word(fact));
    }
    out.push('\n');
    for fact in gated.obstacles() {
        if let Some(help) = &fact.help {
            let _ = writeln!(out, "- {}: {}", fact.name, inline(help));
        }
    }
    out
}
