//! Both databases in turns: before, after, after, before, and so on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::workload::{
    self, Burst, Clients, Compared, Curve, Outcome, Pair, Plan, Sample, percentile,
};

use super::{Bench, RunError};
use crate::runs::{Event, Watch};

/// Requests of one turn.
const REQUESTS: usize = 200;
/// From so many requests of a query in one turn on, its p95 is compared; else its median.
const FOR_P95: usize = 100;
/// How often one of all queries may be called slower, or faster, by mistake.
const ALPHA: f64 = 0.05;

/// A query on both databases in turns.
#[derive(Clone, Debug)]
pub struct Turned {
    /// How its latency changed.
    pub compared: Compared,
    /// Its service times before.
    pub before: Curve,
    /// And after.
    pub after: Curve,
}

/// Why a query is not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncompared {
    /// There is nothing to compare with.
    NothingPending,
    /// Nobody wants it.
    Unwanted,
    /// The database of before does not know it.
    New,
    /// Too few turns have a request of it.
    Rare,
}

impl Uncompared {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NothingPending => "nothing is pending",
            Self::Unwanted => "not compared (--pairs 0)",
            Self::New => "new: the database of before does not know it",
            Self::Rare => "too rare to be compared",
        }
    }
}

/// How each query's latency changed, or why it can't be compared.
pub(super) async fn compare(
    bench: &Bench<'_>,
    watch: &mut (dyn Watch + Send),
) -> Result<Vec<Result<Turned, Uncompared>>, RunError> {
    let count = bench.load.queries.len();
    let none = |why| Ok((0..count).map(|_| Err(why)).collect());
    if !bench.ground.has_pending() {
        return none(Uncompared::NothingPending);
    }
    if bench.options.pairs == 0 {
        return none(Uncompared::Unwanted);
    }
    let known: Vec<usize> = (0..count).filter(|at| bench.is_known(*at)).collect();
    if known.is_empty() {
        return none(Uncompared::New);
    }
    watch.event(Event::Part(&format!(
        "before and after in {} turns of {REQUESTS} requests",
        bench.options.pairs * 2
    )));
    let mut sides = [
        bench.connect(bench.ground.before(), &bench.old).await?,
        bench.connect(bench.ground.after(), &bench.load).await?,
    ];
    // What the database of before does not know is not sent to any of the two.
    let shares = bench.shares.only(&known);
    for side in &mut sides {
        workload::warm_up(side, &shares, &bench.tuples, bench.options.seed).await?;
    }
    let mut pairs: BTreeMap<usize, Vec<Pair>> = BTreeMap::new();
    let mut all: [Vec<Sample>; 2] = Default::default();
    for turn in 0..bench.options.pairs {
        let seed = bench.options.seed ^ (u64::try_from(turn + 1).unwrap_or_default() << 16);
        let plan = Arc::new(Plan::new(&shares, REQUESTS, &bench.tuples, seed));
        let [before, after] = &mut sides;
        let grace = bench.load.timeout;
        let (one, two) = if turn % 2 == 0 {
            let one = before.send(&plan, grace).await?;
            (one, after.send(&plan, grace).await?)
        } else {
            let two = after.send(&plan, grace).await?;
            (before.send(&plan, grace).await?, two)
        };
        for place in &known {
            let limit = bench.patience;
            let pair = typical(&one, *place, limit).zip(typical(&two, *place, limit));
            let pair = pair.map(|(before, after)| Pair { before, after });
            pairs.entry(*place).or_default().extend(pair);
        }
        for (side, burst) in all.iter_mut().zip([one, two]) {
            side.extend(burst.samples);
        }
    }
    for side in sides {
        Clients::close(side).await?;
    }
    let alpha = ALPHA / f64::from(u32::try_from(known.len()).unwrap_or(1));
    let of = |place: usize| {
        if !known.contains(&place) {
            return Err(Uncompared::New);
        }
        let pairs = pairs.get(&place).filter(|pairs| pairs.len() > 1).ok_or(Uncompared::Rare)?;
        let compared = workload::compare(pairs, bench.options.floor, alpha);
        let [before, after] = all.each_ref().map(|samples| curve(samples, place));
        Ok(Turned { compared, before, after })
    };
    Ok((0..count).map(of).collect())
}

/// The service times of one query's answers.
fn curve(samples: &[Sample], place: usize) -> Curve {
    let is_own = |it: &&Sample| it.query == place && it.outcome == Outcome::Answered;
    let own = samples.iter().filter(is_own);
    Curve::of(own.map(Sample::service_time))
}

/// The p95 of a query's requests in one turn, or their median where they are few: from the moment at
/// which each was sent, since a slow neighbour makes a query no slower. What failed took ten times
/// `limit`.
fn typical(burst: &Burst, place: usize, limit: Duration) -> Option<Duration> {
    let own = burst.samples.iter().filter(|sample| sample.query == place);
    let took = |sample: &Sample| match sample.outcome {
        Outcome::Answered => sample.service_time(),
        Outcome::Failed(_) | Outcome::Unsent => sample.latency_in(limit).max(limit),
    };
    let mut latencies: Vec<Duration> = own.map(took).collect();
    let share = if latencies.len() >= FOR_P95 { 0.95 } else { 0.5 };
    (!latencies.is_empty()).then(|| percentile(&mut latencies, share))
}
