//! Who else is told how a run went: whoever reads metrics, and whoever collects traces.
//!
//! Knows which verbs are runs. Must not know what is said of them.

use super::args::Verb;
use super::metrics::Metrics;
use super::printer::Printer;
use super::traces::Traces;
use super::{Failure, Outcome};

/// What a run says to others than the one who started it.
#[derive(Debug)]
pub(super) struct Monitor {
    pub(super) metrics: Metrics,
    pub(super) traces: Traces,
}

impl Monitor {
    pub(super) fn begin(verb: Option<&Verb>, printer: &mut Printer) -> Result<Self, Failure> {
        let metrics = Metrics::begin(verb, printer)?;
        let traces = Traces::begin(metrics.job(), printer);
        Ok(Self { metrics, traces })
    }

    /// The end of a run.
    pub(super) fn end(self, outcome: Outcome, printer: &mut Printer) -> Outcome {
        let outcome = self.metrics.end(outcome, printer);
        self.traces.end(&outcome, printer);
        outcome
    }
}
