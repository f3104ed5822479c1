//! A drill as JSON, for programs.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::report::ErrorReport;
use crate::runs::drill::{Drilled, Verdict};

/// The JSON of a drill, with a line break at its end. Times are in seconds, latencies in milliseconds,
/// sizes in bytes.
pub fn drill_json(drilled: &Drilled) -> String {
    // Plain data: this can't fail.
    let mut report = serde_json::to_value(drilled).unwrap_or_default();
    if let Value::Object(keys) = &mut report {
        keys.insert("tool".to_owned(), tool());
    }
    printed(&report)
}

/// The same of a drill that `error` ended after so many seconds: the verdict, and no keys of what was seen.
pub fn drill_json_unfinished(error: &ErrorReport, seconds: f64) -> String {
    let took = SignedDuration::try_from_secs_f64(seconds).unwrap_or_default();
    printed(&json!({
        "schema": 1,
        "tool": tool(),
        "began": Timestamp::now() - took,
        "verdict": Verdict::Environment,
        "exit": error.exit,
        "reason": error.message,
        "checks": [],
        "tried": [],
        "last_good": null,
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
