//! A gate as JSON, for programs.

use serde_json::{Value, json};

use crate::finding::Verdict;
use crate::report::ErrorReport;
use crate::runs::gate::Gated;

/// The JSON of a gate, with a line break at its end. Times are in seconds.
pub fn gate_json(gated: &Gated) -> String {
    // Plain data: this can't fail.
    let mut report = serde_json::to_value(gated).unwrap_or_default();
    if let Value::Object(keys) = &mut report {
        keys.insert("tool".to_owned(), tool());
    }
    printed(&report)
}

/// The same of a gate that `error` ended after so many seconds: no fact was seen.
pub fn gate_json_unfinished(error: &ErrorReport, seconds: f64) -> String {
    printed(&json!({
        "schema": 1,
        "tool": tool(),
        "verdict": Verdict::Inconclusive,
        "exit": error.exit,
        "pending": [],
        "facts": [],
        "backup": null,
        "seconds": seconds,
        "error": error,
    }))
}

fn tool() -> Value {
    json!({"name": "stairway", "version": env!("CARGO_PKG_VERSION")})
}

fn printed(report: &Value) -> String {
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}
