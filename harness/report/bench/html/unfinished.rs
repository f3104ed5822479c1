//! The page of a bench that ended before it had a verdict.
//!
//! Knows an error. Must not know what was measured until then.

use maud::html;

use crate::report::ErrorReport;

/// The page of a bench that `error` ended after so many seconds.
pub fn bench_html_unfinished(error: &ErrorReport, seconds: f64) -> String {
    super::page(
        "stairway bench: not finished",
        &html! {
            main {
                p.tool { "stairway bench" }
                div.verdict.inconclusive {
                    h1 #verdict { span.sign aria-hidden="true" { "?" } " inconclusive" }
                    p #reason { "The bench did not finish: " (error.message) }
                }
                @for cause in &error.causes { p.cause { "caused by: " (cause) } }
                p.about { "It ended after " (format!("{seconds:.1}")) " s. Nothing was judged." }
            }
        },
    )
}
