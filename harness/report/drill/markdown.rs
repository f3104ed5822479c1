//! A drill as markdown, for the summary of a job.

use std::fmt::Write as _;

use crate::report::markdown::inline;
use crate::runs::drill::Drilled;

use super::{closing, span, word};

/// A heading, a table of the checks, and the times.
pub fn drill_markdown(drilled: &Drilled) -> String {
    let mut out = format!("### Stairway drill: {}\n\n", drilled.verdict.as_str());
    let _ = writeln!(out, "{}\n", inline(&closing(drilled)));
    if let Some(help) = &drilled.help {
        let _ = writeln!(out, "{}\n", inline(help));
    }
    if !drilled.checks.is_empty() {
        out.push_str("| check | | |\n|---|---|---|\n");
        for check in &drilled.checks {
            let detail = inline(check.detail.lines().next().unwrap_or_default());
            let _ = writeln!(out, "| {} | {} | {detail} |", check.name, word(check.ended));
        }
        out.push('\n');
    }
    if let Some(rto) = &drilled.rto {
        let _ = writeln!(out, "- RTO {}, until {}", span(rto.seconds), inline(&rto.query));
    }
    if let Some(rpo) = drilled.rpo {
        let _ = writeln!(out, "- RPO {}", span(rpo));
    }
    for tried in drilled.tried.iter().skip(1) {
        let verdict = tried.reason.as_deref().unwrap_or("good");
        let _ =
            writeln!(out, "- {}: {}", inline(&tried.file.display().to_string()), inline(verdict));
    }
    out
}
