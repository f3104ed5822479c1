//! What is said of a bench that ended before it had a verdict: the keys of its JSON, and the words of an
//! error. The page is in `html`.
//!
//! Knows an error. Must not know how far the bench came: nothing that it measured counts.

use serde_json::json;

use crate::finding::Verdict;
use crate::report::ErrorReport;

/// The JSON of a bench that `error` ended after so many seconds: the keys of any other, without content.
pub fn bench_json_unfinished(error: &ErrorReport, seconds: f64) -> String {
    let report = json!({
        "schema": 1,
        "tool": {"name": "stairway", "version": env!("CARGO_PKG_VERSION")},
        "verdict": Verdict::Inconclusive.as_str(),
        "reason": error.message,
        "server": null,
        "migrations": [],
        "digests": [],
        "rate": null,
        "gate": null,
        "latency": null,
        "queries": [],
        "impact": [],
        "calibration": {"milliseconds": [], "moved": null, "stolen_milliseconds": null},
        "findings": [],
        "seconds": seconds,
        "error": error,
    });
    // Plain data: this can't fail.
    let mut text = serde_json::to_string_pretty(&report).unwrap_or_default();
    text.push('\n');
    text
}

/// The same as text.
pub fn bench_text_unfinished(error: &ErrorReport) -> String {
    format!("error: {}\n", error.text())
}
