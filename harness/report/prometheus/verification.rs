//! A verification.

use crate::report::Report;

use super::families::RUN_DURATION;
use super::{Samples, findings};

/// What a verification has to say. Its stages are added up over the lanes that climb side by side.
pub fn verification(report: &Report) -> Samples {
    let mut samples = Samples::default();
    findings(&mut samples, report.all_findings());
    let parts = &report.parts;
    for (stage, seconds) in [
        ("plan", parts.plan),
        ("start", parts.start),
        ("pass", parts.pass),
        ("climb", parts.climb),
        ("end", parts.end),
        ("keep", parts.keep),
    ] {
        samples.set(&RUN_DURATION, &[stage], seconds);
    }
    samples
}
