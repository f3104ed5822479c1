//! The report for programs.

use super::Report;

/// Indented JSON with a newline at its end. The shape is that of [`Report`].
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(report).map(|text| text + "\n")
}
