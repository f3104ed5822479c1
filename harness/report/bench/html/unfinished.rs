//! The page of a bench that ended before it had a verdict.
//!
//! Knows an error. Must not know what was measured until then.

use crate::report::{ErrorReport, page};

/// The page of a bench that `error` ended after so many seconds.
pub fn bench_html_unfinished(error: &ErrorReport, seconds: f64) -> String {
    page::unfinished(("bench", "bench"), error, seconds, super::STYLE)
}
