//! How long a query takes when nothing else is sent.
//!
//! Knows one session. Must not know why anybody asks.

use std::time::{Duration, Instant};

use crate::postgres::{Session, milliseconds};

use super::percentile;
use super::query::Query;
use super::values::Tuple;

/// How often it is timed.
const TIMES: u32 = 15;

/// The median of some executions with these values in turn, in transactions that are rolled back; `None`
/// if one of them fails or takes longer than `limit`.
pub async fn alone(
    session: &mut Session,
    query: &Query,
    tuples: &[Tuple],
    limit: Duration,
) -> Option<Duration> {
    let begin = format!("BEGIN; SET LOCAL statement_timeout = {}", milliseconds(limit));
    let mut took = Vec::new();
    // Each is sent twice in a row: what is cold says nothing.
    for (_, tuple) in (0..TIMES).zip(tuples.iter().cycle()) {
        for is_warm in [false, true] {
            session.execute(&begin).await.ok()?;
            let start = Instant::now();
            let done = session.execute(&query.with_literals(tuple)).await;
            let time = start.elapsed();
            session.execute("ROLLBACK").await.ok()?;
            done.ok()?;
            took.extend(is_warm.then_some(time));
        }
    }
    Some(percentile(&mut took, 0.5))
}
