//! Metrics of a run as Prometheus reads them: one page for each job, which is the file that the textfile
//! collector of node_exporter takes.
//!
//! Knows outcomes and the text format. Must not know where a page is kept, nor read a clock.

mod backup;
mod bench;
mod drill;
mod earlier;
pub mod families;
mod gate;
mod production;
mod sample;
mod verification;

pub use backup::{backup, retained};
pub use bench::bench;
pub use drill::drill;
pub use earlier::{Unreadable, read};
pub use families::{FAMILIES, Family, Kind};
pub use gate::gate;
pub use production::production;
pub use sample::{Sample, Samples, Value};
pub use verification::verification;

use jiff::Timestamp;

use crate::exit::Exit;
use crate::finding::{Finding, Severity, Verdict};

use families::{
    BUILD_INFO, FINDINGS, GATE_VERDICT, LAST_RUN, LAST_SUCCESS, RUN_DURATION, RUN_OUTCOME,
};

/// The stage that is all of a run.
const TOTAL: &str = "total";

/// A run that has ended.
#[derive(Clone, Copy, Debug)]
pub struct JobRun<'r> {
    /// What was run: the verb.
    pub job: &'r str,
    /// How it ended.
    pub exit: Exit,
    /// When.
    pub at: Timestamp,
    /// How long it took.
    pub seconds: f64,
}

/// The whole page of a job after a run: how it ended, what it has to say, and of `earlier` what it does
/// not know.
pub fn page(run: &JobRun<'_>, samples: &Samples, earlier: &[Sample]) -> String {
    let mut all = Samples::default();
    all.set(&BUILD_INFO, &[env!("CARGO_PKG_VERSION")], true);
    all.set(&LAST_RUN, &[], run.at);
    if run.exit.is_done() {
        all.set(&LAST_SUCCESS, &[], run.at);
    }
    all.states(&RUN_OUTCOME, Exit::ALL.iter().map(|it| it.as_str()), run.exit.as_str());
    all.set(&RUN_DURATION, &[TOTAL], run.seconds);
    all.extend(samples.clone());
    let is_counter = |it: &&Sample| it.family.kind == Kind::Counter;
    let is_known = |it: &&Sample| all.has(it.family) || all.gone.contains(&it.family);
    let unknown = earlier.iter().filter(|it| it.family.is_kept && !is_counter(it));
    let kept: Vec<Sample> = unknown.filter(|it| !is_known(it)).cloned().collect();
    all.given.extend(kept);
    for before in earlier.iter().filter(is_counter) {
        all.count_on(before);
    }
    sample::render(run.job, &all.given)
}

/// How many of these findings nobody accepts, by severity.
fn findings<'f>(samples: &mut Samples, found: impl Iterator<Item = &'f Finding>) {
    let counted: Vec<Severity> =
        found.filter(|it| it.allowed.is_none()).map(|it| it.severity).collect();
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let count = counted.iter().filter(|it| **it == severity).count();
        samples.set(&FINDINGS, &[severity.as_str()], count);
    }
}

/// One of the verdicts.
fn verdict(samples: &mut Samples, is: &str) {
    let all = [Verdict::Pass, Verdict::Fail, Verdict::Inconclusive];
    samples.states(&GATE_VERDICT, all.map(Verdict::as_str), is);
}

#[cfg(test)]
mod tests;
