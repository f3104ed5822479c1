//! The report for programs.
//!
//! Knows that the shape of the data is the form. Must not add to it.

use serde::Serialize;

/// Indented JSON with a newline at its end. The shape is that of [`Report`](super::Report), or of
/// [`Unfinished`](super::Unfinished).
pub fn json<R: Serialize>(report: &R) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(report).map(|text| text + "\n")
}
