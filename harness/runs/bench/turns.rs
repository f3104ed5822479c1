//! Both databases in turns: before, after, after, before, and so on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::workload::{self, Burst, Clients, Compared, Outcome, Pair, Plan, Sample, percentile};

use super::{Bench, RunError};
use crate::runs::{Event, Watch};

/// Requests of one turn.
const REQUESTS: usize = 200;
/// From so many requests of a query in one turn on, its p95 is compared; else its median.
const FOR_P95: usize = 100;
/// How often one of all queries may be called slower, or faster, by mistake.
const ALPHA: f64 = 0.05;

/// How each query's latency changed; `None` for one that can't be compared.
pub(super) async fn compare(
    bench: &Bench<'_>,
    watch: &mut (dyn Watch + Send),
) -> Result<Vec<Option<Compared>>, RunError> {
    let count = bench.load.queries.len();
    if !bench.ground.has_pending() || bench.options.pairs == 0 {
        return Ok(vec![None; count]);
    }
    let known: Vec<usize> = (0..count).filter(|at| bench.is_known(*at)).collect();
    if known.is_empty() {
        return Ok(vec![None; count]);
    }
    watch.event(Event::Note(&format!(
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
    }
    for side in sides {
        Clients::close(side).await?;
    }
    let alpha = ALPHA / f64::from(u32::try_from(known.len()).unwrap_or(1));
    let of = |place: usize| {
        let pairs = pairs.get(&place).filter(|pairs| pairs.len() > 1)?;
        Some(workload::compare(pairs, bench.options.floor, alpha))
    };
    Ok((0..count).map(of).collect())
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
