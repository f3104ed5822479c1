//! The report for programs.
//!
//! Knows that the shape of the data is the form. Must not add to it.

use std::time::Duration;

use serde::Serialize;

/// Indented JSON with a newline at its end. The shape is that of [`Report`](super::Report), or of
/// [`Unfinished`](super::Unfinished).
pub fn json<R: Serialize>(report: &R) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(report).map(|text| text + "\n")
}

/// A time in milliseconds.
pub(super) fn millis(time: Duration) -> f64 {
    // To the microsecond: more is noise.
    (time.as_secs_f64() * 1e6).round() / 1e3
}
