//! Which of the pending migrations made a query slower, or faster.
//!
//! They are applied one by one to a third database, and the query is timed after each: the first that
//! brings it half way, by factors, from before to after is the one.

use std::time::Duration;

use crate::postgres::Session;
use crate::steps;
use crate::workload::{self, Change};

use super::ground::Walk;
use super::{Bench, Benched, RunError, SILENCE};
use crate::runs::{Event, Watch};

/// What is to blame, or to thank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blamed {
    /// Which of the pending migrations.
    pub place: usize,
    /// Its revision and name.
    pub migration: String,
    /// Indexes that the query's plan used before and that are gone since: their definitions.
    pub lost_indexes: Vec<String>,
}

/// Finds for each query that changed the migration that did it.
pub(super) async fn blame(
    bench: &Bench<'_>,
    benched: &mut Benched,
    watch: &mut (dyn Watch + Send),
) -> Result<(), RunError> {
    let changed: Vec<usize> = benched
        .queries
        .iter()
        .enumerate()
        .filter(|(_, query)| {
            let change = query.compared().map(|it| it.change);
            matches!(change, Some(Change::Worse | Change::Better))
        })
        .map(|(place, _)| place)
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    let pending = bench.ground.pending();
    if let ([_], false) = (pending.as_slice(), changed.is_empty()) {
        for place in changed {
            set(bench, benched, place, 0).await?;
        }
        return Ok(());
    }
    watch.event(Event::Part("looking for the migration that did it"));
    let walk = bench.ground.walk().await?;
    let found = walked(bench, benched, &walk, &changed).await;
    walk.end().await?;
    for (place, at) in found? {
        set(bench, benched, place, at).await?;
    }
    Ok(())
}

/// For each of these queries the migration after which it takes as long as at the end.
async fn walked(
    bench: &Bench<'_>,
    benched: &Benched,
    walk: &Walk<'_>,
    changed: &[usize],
) -> Result<Vec<(usize, usize)>, RunError> {
    let mut times: Vec<Vec<Option<Duration>>> = vec![timed(bench, walk, changed).await?];
    for migration in bench.ground.pending() {
        walk.step(migration).await?;
        times.push(timed(bench, walk, changed).await?);
    }
    let first = times.first().cloned().unwrap_or_default();
    let last = times.last().cloned().unwrap_or_default();
    let mut found = Vec::new();
    for (nth, place) in changed.iter().enumerate() {
        let of = |row: &Vec<Option<Duration>>| row.get(nth).copied().flatten();
        let (Some(before), Some(after)) = (of(&first), of(&last)) else { continue };
        // What these few executions do not show they can't put down to anybody.
        let shown = (after.as_secs_f64() / before.as_secs_f64().max(1e-9)).ln();
        let wanted = bench_ratio(benched, *place).ln();
        if shown.signum() != wanted.signum() || shown.abs() * 2.0 < wanted.abs() {
            continue;
        }
        let middle = (before.as_secs_f64() * after.as_secs_f64()).sqrt();
        let is_over = |time: Duration| (time.as_secs_f64() > middle) == (after > before);
        let at = times.iter().skip(1).position(|row| of(row).is_some_and(is_over));
        found.extend(at.map(|at| (*place, at)));
    }
    Ok(found)
}

/// How often the latency before is in the one after.
fn bench_ratio(benched: &Benched, place: usize) -> f64 {
    let query = benched.queries.get(place);
    query.and_then(|query| query.compared()).map_or(1.0, |compared| compared.ratio)
}

/// How long each of these queries takes now; `None` for one that fails in between.
async fn timed(
    bench: &Bench<'_>,
    walk: &Walk<'_>,
    changed: &[usize],
) -> Result<Vec<Option<Duration>>, RunError> {
    let mut session = Session::connect(walk.target(), "blame").await?;
    let limit = bench.load.timeout;
    session.give_up_after(limit + SILENCE);
    let mut times = Vec::new();
    for place in changed {
        let query = bench.load.queries.get(*place);
        let tuples = bench.load.values.get(*place).map(|values| values.tuples.as_slice());
        times.push(match query.zip(tuples) {
            Some((query, tuples)) => workload::alone(&mut session, query, tuples, limit).await,
            None => None,
        });
    }
    session.close().await?;
    Ok(times)
}

/// Notes the migration, and which indexes the plan of before had that are gone.
async fn set(
    bench: &Bench<'_>,
    benched: &mut Benched,
    place: usize,
    at: usize,
) -> Result<(), RunError> {
    let migration = bench.ground.pending().get(at).map(|it| super::named(it)).unwrap_or_default();
    let Some(query) = benched.queries.get_mut(place) else { return Ok(()) };
    let mut lost_indexes = Vec::new();
    if let Some((before, _)) = &query.shapes {
        let mut old = Session::connect(bench.ground.before(), "indexes").await?;
        let mut new = Session::connect(bench.ground.after(), "indexes").await?;
        for index in before.indexes() {
            let was = steps::index_definition(&mut old, index).await?;
            if steps::index_definition(&mut new, index).await?.is_none() {
                lost_indexes.extend(was);
            }
        }
        old.close().await?;
        new.close().await?;
    }
    query.blamed = Some(Blamed { place: at, migration, lost_indexes });
    Ok(())
}
