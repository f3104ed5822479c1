//! A measurement of a workload.

use std::time::Duration;

use crate::runs::{Benched, Impact};

use super::families::{LATENCY_BUDGET, LOCK_WAIT, QUERY_LATENCY};
use super::{Samples, findings, verdict};

/// What a bench has to say.
pub fn bench(benched: &Benched) -> Samples {
    let mut samples = Samples::default();
    let (gate, curve) = (&benched.overall.gate, &benched.curve);
    for (quantile, latency) in
        [("0.5", curve.at(0.5)), ("0.95", gate.p95), ("0.99", curve.at(0.99))]
    {
        samples.set(&QUERY_LATENCY, &[quantile], latency);
    }
    samples.summed(&QUERY_LATENCY, curve.sum(), curve.count());
    samples.set(&LATENCY_BUDGET, &[], gate.rule.limit);
    verdict(&mut samples, benched.verdict.as_str());
    findings(&mut samples, benched.findings.iter());
    // Where nothing was watched, nobody knows.
    samples.set_if(&LOCK_WAIT, benched.impacts.iter().map(waited).max());
    samples
}

/// How long somebody waited at most: a probe or a request of the workload.
fn waited(impact: &Impact) -> Duration {
    let probes = impact.blocked.iter().flat_map(|it| [it.reads, it.writes]);
    probes.chain(impact.beside.as_ref().map(|it| it.longest)).max().unwrap_or_default()
}
