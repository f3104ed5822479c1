//! A verification.

use crate::report::Report;

use super::families::RUN_DURATION;
use super::{Samples, findings};

/// What a verification has to say. Its stages are added up over the lanes that climb side by side.
pub fn verification(report: &Report) -> Samples {
    let mut samples = Samples::default();
    findings(&mut samples, report.all_findings());
    for (stage, seconds) in report.parts.named() {
        samples.set(&RUN_DURATION, &[stage], seconds);
    }
    samples
}
