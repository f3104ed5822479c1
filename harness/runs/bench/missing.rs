//! The index that a slow query wants, where none is gone: made on a copy, and named only if it helps.

use std::time::Duration;

use crate::finding::Verdict;
use crate::postgres::{PostgresError, Session};
use crate::steps;
use crate::workload::{self, Candidate, Change, MissingIndex, candidates};

use super::{Bench, Benched, BenchedQuery, RunError, SILENCE};
use crate::runs::{Event, Watch};

/// An index that takes longer to make is not tried.
const LONGEST: Duration = Duration::from_mins(10);
/// It helps if the query takes no more than this part of what it took.
const HELPS: f64 = 0.5;
/// One with more columns must be better than one with fewer by this part.
const BETTER: f64 = 0.9;

/// Looks for indexes for queries that are too slow.
pub(super) async fn look(
    bench: &Bench<'_>,
    benched: &mut Benched,
    watch: &mut (dyn Watch + Send),
) -> Result<(), RunError> {
    let fails = benched.overall.gate.verdict == Verdict::Fail;
    let is_slow = |query: &BenchedQuery| {
        let is_over = query.measured.as_ref().is_some_and(|it| it.gate.verdict == Verdict::Fail);
        let is_one_of_them = fails && query.curve.at(0.95) > bench.options.budget;
        let is_worse = query.compared().is_some_and(|it| it.change == Change::Worse);
        let has_lost = query.blamed.as_ref().is_some_and(|it| !it.lost_indexes.is_empty());
        (is_over || is_one_of_them || is_worse) && !has_lost
    };
    let slow = benched.queries.iter().enumerate().filter(|(_, query)| is_slow(query));
    let slow: Vec<usize> = slow.map(|(place, _)| place).collect();
    if slow.is_empty() {
        return Ok(());
    }
    watch.event(Event::Part("looking for an index that is missing"));
    let copy = bench.ground.copy().await?;
    let mut session = Session::connect(&copy.target, "indexes").await?;
    session.give_up_after(bench.load.timeout.max(LONGEST) + SILENCE);
    let mut found = Vec::new();
    for place in slow {
        found.push((place, tried(bench, &mut session, place).await?));
    }
    session.close().await?;
    bench.ground.drop_copy(copy).await?;
    for (place, missing) in found {
        if let Some(query) = benched.queries.get_mut(place) {
            query.missing = missing;
        }
    }
    Ok(())
}

/// The best of all candidates for one query.
async fn tried(
    bench: &Bench<'_>,
    session: &mut Session,
    place: usize,
) -> Result<Option<MissingIndex>, RunError> {
    let query = bench.load.queries.get(place);
    let values = bench.load.values.get(place).map(|it| it.tuples.as_slice());
    let Some((query, tuples)) = query.zip(values) else { return Ok(None) };
    let Some(first) = tuples.first() else { return Ok(None) };
    let shape = match workload::shape(session, query, first).await {
        Ok(shape) => shape,
        Err(PostgresError::Sql(_)) => return Ok(None),
        Err(other) => return Err(other.into()),
    };
    let wanted = candidates(&shape);
    if wanted.is_empty() {
        return Ok(None);
    }
    let Some(without) = workload::alone(session, query, tuples, bench.load.timeout).await else {
        return Ok(None);
    };
    let mut best: Option<(Candidate, Duration)> = None;
    for candidate in wanted {
        if !steps::make_index(session, &candidate.definition(), LONGEST).await? {
            continue;
        }
        let with = workload::alone(session, query, tuples, bench.load.timeout).await;
        steps::drop_made_index(session).await?;
        let Some(with) = with else { continue };
        let is_better = match &best {
            None => true,
            Some((_, least)) => with < least.mul_f64(BETTER),
        };
        if is_better {
            best = Some((candidate, with));
        }
    }
    let saves = |with: Duration| {
        with < without.mul_f64(HELPS) && without.saturating_sub(with) > bench.options.floor
    };
    let best = best.filter(|(_, with)| saves(*with));
    Ok(best.map(|(candidate, with)| MissingIndex {
        definition: candidate.definition(),
        without,
        with,
    }))
}
