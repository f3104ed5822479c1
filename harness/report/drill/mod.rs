//! What a drill found, as text for people, as JSON for programs, as a comment in markdown, and as a page.
//!
//! Knows the outcome of a drill and nothing else: no value of a row is in it.

mod html;
mod json;
mod markdown;
#[cfg(test)]
mod tests;
mod text;

pub use html::{drill_html, drill_html_unfinished};
pub use json::{drill_json, drill_json_unfinished};
pub use markdown::drill_markdown;
pub use text::drill_text;

use crate::runs::drill::{Drilled, Ended, Verdict};

use super::units::span;

fn word(ended: Ended) -> &'static str {
    match ended {
        Ended::Held => "ok",
        Ended::Failed => "FAIL",
        Ended::Skipped => "not checked",
        Ended::LeftOut => "left out",
        Ended::Absent => "-",
    }
}

/// One line: what it comes to.
fn closing(drilled: &Drilled) -> String {
    let newest = drilled.tried.first().map(|it| it.file.display().to_string());
    let what = newest.unwrap_or_else(|| "no backup".to_owned());
    let took = span(drilled.seconds);
    let on = drilled.server.as_ref();
    let on = on.map(|it| format!(" on PostgreSQL {} ({})", it.version, it.backend));
    let on = on.unwrap_or_default();
    match drilled.verdict {
        Verdict::Ok => format!("ok: {what}{on}, in {took}"),
        verdict => {
            let reason = drilled.reason.as_deref().unwrap_or_default();
            format!("FAIL: {}: {what}{on}, in {took}: {reason}", verdict.as_str())
        }
    }
}
