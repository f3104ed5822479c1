//! Whether a p95 is under its limit: pass, fail, or inconclusive, which is never a pass.
//!
//! Two rules must agree. The first counts: of `n` requests at most so many may be over the limit, by
//! the binomial distribution, where `n` and their number are divided by the design effect, since
//! neighbours are alike. The second takes independent runs: the one-sided t-interval of the logarithm
//! of their p95 must lie on the same side. What waited for a lock is no noise: if those requests alone
//! are too many, the gate fails.
//!
//! Knows counts and times. Must not know where they come from.

use std::time::Duration;

use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, StudentsT};

use crate::finding::Verdict;

use super::percentile;

/// Of all requests so many may be over the limit.
const SHARE: f64 = 0.05;
/// How often each side may be wrong.
const ALPHA: f64 = 0.05;
/// The design effect is taken from so many blocks of time.
const BLOCKS: usize = 20;
/// Fewer requests than these can't show that so few of all are over the limit.
const FEWEST: f64 = 59.0;
/// A pass takes at least so many runs of so many requests.
const RUNS: usize = 5;
const REQUESTS: usize = 200;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The p95 must be under this.
    pub limit: Duration,
}

/// One run: its requests in the order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunOf {
    /// Whether each was over the limit.
    pub over: Vec<bool>,
    /// How long each took; one that failed took longer than any limit.
    pub latencies: Vec<Duration>,
}

/// Why nobody can tell, or why it fails beside the two rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is too near to the limit for so many requests.
    Near,
    /// There were too few requests or runs for a pass.
    Few,
    /// Too many requests waited for a lock.
    Blocked,
    /// Requests were sent late, since this process did not come to it.
    LateClient,
}

/// What came of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// What was asked.
    pub rule: Rule,
    /// How many requests there were.
    pub requests: usize,
    /// How many of them were over the limit.
    pub over: usize,
    /// How many runs.
    pub runs: usize,
    /// How many requests count for one, since neighbours are alike.
    pub design_effect: f64,
    /// The p95 of all requests.
    pub p95: Duration,
    /// The two-sided 90 % interval of the p95 of a run.
    pub interval: (Duration, Duration),
    /// What the two rules say together.
    pub verdict: Verdict,
    /// Why it is not a plain pass or fail.
    pub reason: Option<Reason>,
}

impl Rule {
    /// Judges `runs`, which are independent of each other.
    pub fn judge(self, runs: &[RunOf]) -> Gate {
        let requests: usize = runs.iter().map(|run| run.over.len()).sum();
        let over = runs.iter().flat_map(|run| &run.over).filter(|over| **over).count();
        let design_effect = design_effect(runs);
        let mut all: Vec<Duration> = runs.iter().flat_map(|run| run.latencies.clone()).collect();
        let p95 = percentile(&mut all, 0.95);
        let (low, high) = interval(runs);
        let by_count = by_count(real(requests) / design_effect, real(over) / design_effect);
        let limit = self.limit.as_secs_f64();
        let by_runs = match () {
            () if high < limit => Verdict::Pass,
            () if low > limit => Verdict::Fail,
            () => Verdict::Inconclusive,
        };
        let is_enough = runs.len() >= RUNS && requests >= RUNS * REQUESTS;
        let (verdict, reason) = match (by_count, by_runs) {
            (Verdict::Pass, Verdict::Pass) if is_enough => (Verdict::Pass, None),
            (Verdict::Fail, Verdict::Fail) => (Verdict::Fail, None),
            (Verdict::Pass, Verdict::Pass) => (Verdict::Inconclusive, Some(Reason::Few)),
            _ => (Verdict::Inconclusive, Some(Reason::Near)),
        };
        Gate {
            rule: self,
            requests,
            over,
            runs: runs.len(),
            design_effect,
            p95,
            interval: (seconds(low), seconds(high)),
            verdict,
            reason,
        }
    }

    /// Whether so many requests of all are too many, whatever the others did.
    pub fn is_too_many(self, over: usize, requests: usize) -> bool {
        by_count(real(requests), real(over)) == Verdict::Fail
    }
}

/// The binomial rule: too few over the limit, or too many, for the share to be what it may be.
fn by_count(requests: f64, over: f64) -> Verdict {
    let count = whole(requests.floor());
    if requests < FEWEST {
        return Verdict::Inconclusive;
    }
    let Ok(binomial) = Binomial::new(SHARE, count) else { return Verdict::Inconclusive };
    let at_least = whole(over.floor());
    // P(X >= k) = 1 - P(X <= k - 1)
    let above = at_least.checked_sub(1).map_or(1.0, |below| binomial.sf(below));
    match () {
        () if binomial.cdf(whole(over.ceil())) <= ALPHA => Verdict::Pass,
        () if above <= ALPHA => Verdict::Fail,
        () => Verdict::Inconclusive,
    }
}

/// How much more the number over the limit differs from block to block than chance would have it.
fn design_effect(runs: &[RunOf]) -> f64 {
    let blocks = BLOCKS.div_ceil(runs.len().max(1));
    let mut counts = Vec::new();
    let mut sizes = 0;
    for run in runs {
        let size = run.over.len() / blocks;
        if size == 0 {
            continue;
        }
        for block in run.over.chunks_exact(size).take(blocks) {
            counts.push(real(block.iter().filter(|over| **over).count()));
            sizes += size;
        }
    }
    if counts.len() < 2 {
        return 1.0;
    }
    let mean_size = real(sizes) / real(counts.len());
    // By chance alone blocks differ more where more are over the limit.
    let share = (counts.iter().sum::<f64>() / real(sizes)).max(SHARE);
    if share >= 1.0 {
        return 1.0;
    }
    (variance(&counts) / (mean_size * share * (1.0 - share))).max(1.0)
}

/// The two one-sided 95 % bounds of the mean of log p95 over runs, in seconds.
fn interval(runs: &[RunOf]) -> (f64, f64) {
    let logs: Vec<f64> = runs
        .iter()
        .map(|run| percentile(&mut run.latencies.clone(), 0.95).as_secs_f64().max(1e-9).ln())
        .collect();
    let bounds = bounds(&logs, ALPHA);
    (bounds.0.exp(), bounds.1.exp())
}

/// The one-sided bounds of the mean of `values`, below and above; each is wrong once in `1 / alpha`.
pub(super) fn bounds(values: &[f64], alpha: f64) -> (f64, f64) {
    let count = real(values.len());
    let Ok(student) = StudentsT::new(0.0, 1.0, count - 1.0) else {
        return (f64::NEG_INFINITY, f64::INFINITY);
    };
    let mean = values.iter().sum::<f64>() / count;
    let margin = student.inverse_cdf(1.0 - alpha) * (variance(values) / count).sqrt();
    (mean - margin, mean + margin)
}

/// The variance of a sample.
fn variance(values: &[f64]) -> f64 {
    let count = real(values.len());
    let mean = values.iter().sum::<f64>() / count;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "numbers of requests are far below 2^52")]
pub(super) fn real(count: usize) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count, not negative"
)]
fn whole(count: f64) -> u64 {
    count.max(0.0) as u64
}

#[cfg(test)]
mod tests;
