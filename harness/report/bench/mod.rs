//! What was measured, as text for people, as JSON for programs, and as a page.
//!
//! Knows the outcome of a bench and nothing else: no value of a row or a parameter is in it.

mod html;
mod json;
mod text;
mod unfinished;

pub use html::{bench_html, bench_html_unfinished};
pub use json::bench_json;
pub use text::bench_text;
pub use unfinished::{bench_json_unfinished, bench_text_unfinished};

use crate::finding::{CheckId, Verdict};
use crate::runs::{Benched, why};
use crate::workload::{Measured, has_moved};

/// Why the whole is inconclusive, if it is.
fn reason(benched: &Benched) -> Option<String> {
    if benched.verdict != Verdict::Inconclusive {
        return None;
    }
    if has_moved(&benched.calibrations) {
        return Some(format!(
            "the machine became faster or slower by {:.0} % meanwhile",
            benched.moved() * 100.0
        ));
    }
    if benched.findings.iter().any(|it| it.check == CheckId::RestoreFailed) {
        return Some("the backup was not restored as a whole".to_owned());
    }
    let open = |it: &&Measured| it.gate.verdict == Verdict::Inconclusive;
    if let Some(why) = Some(&benched.overall).filter(open).and_then(why) {
        return Some(why.to_owned());
    }
    let mut queries = benched.queries.iter();
    let of_query = queries.find_map(|it| Some((&it.name, it.measured.as_ref().filter(open)?)));
    Some(match of_query {
        Some((name, measured)) => {
            let why = why(measured).unwrap_or_default();
            format!("{name} against its own budget: {why}; --requests gives it more")
        }
        None => "whether a query became slower can't be told; --pairs gives more turns".to_owned(),
    })
}
