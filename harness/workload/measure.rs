//! From requests to an answer: what counts as over the limit, and whose fault it was.
//!
//! Knows samples and faults. Must not send anything but what warms up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::finding::Verdict;

use super::clients::{Burst, Clients};
use super::{
    Gate, Outcome, Plan, Reason, Rule, RunOf, Sample, Shares, Wait, WorkloadError, percentile,
};

/// What came of several runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// What the rules say, locks and lateness considered.
    pub gate: Gate,
    /// How many were over the limit only because they waited for a lock.
    pub blocked: usize,
    /// How many were over the limit only because this process was late.
    pub late: usize,
    /// How many failed, by SQLSTATE.
    pub failed: BTreeMap<String, usize>,
    /// How many were never sent.
    pub unsent: usize,
    /// What connections waited for, and who held it.
    pub waited_for: BTreeSet<String>,
}

/// One request, seen three ways.
struct Seen {
    latency: Duration,
    is_over: bool,
    /// Without what this process held up.
    mild_latency: Duration,
    is_over_mildly: bool,
    is_blocked: bool,
}

/// Judges the requests of `bursts`, each a run of its own, for which `is_meant` says so.
pub fn judge(rule: Rule, bursts: &[Burst], is_meant: impl Fn(&Sample) -> bool) -> Measured {
    let mut runs = Vec::new();
    let mut mild = Vec::new();
    let (mut blocked, mut late, mut unsent) = (0, 0, 0);
    let mut failed: BTreeMap<String, usize> = BTreeMap::new();
    for burst in bursts {
        let (mut run, mut mild_run) = (RunOf::default(), RunOf::default());
        let held = burst.faults.of_client(&burst.samples);
        let locks = burst.faults.of_locks(&burst.samples);
        let samples = burst.samples.iter().zip(held).zip(locks);
        for ((sample, held), locks) in samples.filter(|((sample, _), _)| is_meant(sample)) {
            let seen = see(rule.limit, sample, held, locks);
            run.over.push(seen.is_over);
            run.latencies.push(seen.latency);
            mild_run.over.push(seen.is_over_mildly);
            mild_run.latencies.push(seen.mild_latency);
            blocked += usize::from(seen.is_blocked);
            late += usize::from(seen.is_over && !seen.is_over_mildly);
            match &sample.outcome {
                Outcome::Failed(sqlstate) => *failed.entry(sqlstate.clone()).or_default() += 1,
                Outcome::Unsent => unsent += 1,
                Outcome::Answered => {}
            }
        }
        runs.push(run);
        mild.push(mild_run);
    }
    let gate = settle(rule.judge(&runs), &rule.judge(&mild), blocked);
    let waits = bursts.iter().flat_map(|burst| &burst.faults.waits);
    let waited_for = waits.map(Wait::words).collect();
    Measured { gate, blocked, late, failed, unsent, waited_for }
}

fn see(limit: Duration, sample: &Sample, held: Duration, locks: Duration) -> Seen {
    let is_over = sample.is_over(limit);
    let latency = sample.latency_in(limit);
    let may_be_late = !matches!(sample.outcome, Outcome::Failed(_));
    let mild_latency = latency.saturating_sub(held);
    let is_over_mildly = is_over && !(may_be_late && mild_latency <= limit);
    // The two may overlap: what is taken off is taken off once.
    let is_blocked =
        is_over_mildly && !locks.is_zero() && latency.saturating_sub(locks.max(held)) <= limit;
    Seen { latency, is_over, mild_latency, is_over_mildly, is_blocked }
}

/// A verdict stands if it does not hang on when this process was late; what waited for locks counts
/// for itself.
fn settle(seen: Gate, mild: &Gate, blocked: usize) -> Gate {
    if seen.rule.is_too_many(blocked, seen.requests) {
        return Gate { verdict: Verdict::Fail, reason: Some(Reason::Blocked), ..seen };
    }
    if seen.verdict == mild.verdict {
        return seen;
    }
    Gate { verdict: Verdict::Inconclusive, reason: Some(Reason::LateClient), ..seen }
}

/// So many requests are a block of the warm-up.
const BLOCK: usize = 100;
/// After so many blocks it is warm, whatever the medians say.
const MOST_BLOCKS: usize = 10;
/// Two neighbours' medians are the same if they differ by less.
const SAME: f64 = 0.05;
/// It may go faster than what is measured.
const FASTEST: f64 = 200.0;

/// Sends requests until the medians of two blocks are the same. Gives how many requests it took.
pub async fn warm_up(
    clients: &mut Clients,
    shares: &Shares,
    tuples: &[usize],
    seed: u64,
) -> Result<usize, WorkloadError> {
    let shares = shares.at_least(FASTEST);
    let mut last: Option<f64> = None;
    for block in 1..=MOST_BLOCKS {
        let number = u64::try_from(block).unwrap_or_default();
        let plan = Arc::new(Plan::new(&shares, BLOCK, tuples, seed ^ (number << 32)));
        let burst = clients.send(&plan, Duration::from_secs(1)).await?;
        let mut times: Vec<Duration> = burst.samples.iter().map(Sample::service_time).collect();
        let median = percentile(&mut times, 0.5).as_secs_f64();
        if last.is_some_and(|last| (median - last).abs() <= last * SAME) {
            return Ok(block * BLOCK);
        }
        last = Some(median);
    }
    Ok(MOST_BLOCKS * BLOCK)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Burst, judge};
    use crate::finding::Verdict;
    use crate::workload::{Faults, Outcome, Reason, Rule, Sample, Wait};

    const LIMIT: Duration = Duration::from_millis(150);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// 400 requests a second on 4 connections, each of 1 to 4 ms.
    fn calm() -> Burst {
        let sample = |at: u64| {
            let begin = Duration::from_micros(at * 2500);
            let took = Duration::from_micros(1000 + (at * 37) % 3000);
            Sample {
                query: 0,
                connection: usize::try_from(at % 4).unwrap(),
                at: begin,
                free: Duration::ZERO,
                sent: begin,
                done: begin + took,
                outcome: Outcome::Answered,
            }
        };
        Burst { samples: (0..1000).map(sample).collect(), faults: Faults::default() }
    }

    /// Nothing is answered between these two moments.
    fn stand_still(burst: &mut Burst, from: Duration, until: Duration) {
        for sample in &mut burst.samples {
            if sample.done > from && sample.at < until {
                let late = until.saturating_sub(sample.sent.max(from));
                sample.done += late;
                if sample.sent > from {
                    (sample.sent, sample.free) = (until, until);
                }
            }
        }
    }

    fn of(bursts: &[Burst]) -> (Verdict, Option<Reason>) {
        let measured = judge(Rule { limit: LIMIT }, bursts, |_| true);
        (measured.gate.verdict, measured.gate.reason)
    }

    #[test]
    fn calm_runs_pass() {
        let bursts = vec![calm(); 5];
        assert_eq!(of(&bursts), (Verdict::Pass, None));
    }

    #[test]
    fn a_lock_fails_and_a_client_that_stood_still_proves_nothing() {
        let mut bursts = vec![calm(); 5];
        stand_still(&mut bursts[2], ms(200), ms(2200));
        let mut blocked = bursts.clone();
        let wait = |connection| Wait {
            connection,
            from: ms(201),
            until: ms(2200),
            relation: Some("public.t".to_owned()),
            mode: "AccessShareLock".to_owned(),
            blockers: Vec::new(),
        };
        blocked[2].faults.waits = (0..4).map(wait).collect();
        blocked[2].faults.connections = 4;
        assert_eq!(of(&blocked), (Verdict::Fail, Some(Reason::Blocked)));
        let mut late = bursts.clone();
        late[2].faults.stalls = vec![(ms(200), ms(2200))];
        assert_eq!(of(&late), (Verdict::Inconclusive, Some(Reason::LateClient)));
        // Nobody knows why: once is no p95, but it is no pass either.
        assert_eq!(of(&bursts).0, Verdict::Inconclusive);
    }

    #[test]
    fn what_fails_or_is_never_sent_is_over_the_limit() {
        let mut bursts = vec![calm(); 5];
        for burst in &mut bursts {
            for sample in burst.samples.iter_mut().step_by(10) {
                sample.outcome = Outcome::Failed("40001".to_owned());
            }
            for sample in burst.samples.iter_mut().skip(3).step_by(100) {
                sample.outcome = Outcome::Unsent;
            }
        }
        let measured = judge(Rule { limit: LIMIT }, &bursts, |_| true);
        assert_eq!((measured.failed["40001"], measured.unsent), (500, 50));
        assert_eq!(measured.gate.over, 550);
        assert_eq!(measured.gate.verdict, Verdict::Fail);
        assert_eq!(measured.gate.p95, LIMIT * 10);
    }
}
