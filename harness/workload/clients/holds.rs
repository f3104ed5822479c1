//! A session that looks every few milliseconds which relations another one has locked, and how.
//!
//! From outside, since what commits by itself on the way (CONCURRENTLY) can be seen in no other way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::postgres::{PostgresError, ResultSet, Session, Target};
use crate::workload::WorkloadError;

use super::thread::beside;
use super::{gone, since};

const EVERY: Duration = Duration::from_millis(5);

/// From one moment to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Since when.
    pub from: Duration,
    /// Until when.
    pub until: Duration,
}

/// A relation that was locked, or that was waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// As SQL.
    pub relation: String,
    /// For example `AccessExclusiveLock`.
    pub mode: String,
    /// Whether it was had; else it was waited for.
    pub is_granted: bool,
    /// When it was seen, each time since the look before.
    pub spans: Vec<Span>,
    /// How long it was there at least: from the first look that saw it to the last.
    pub least: Duration,
}

/// Table locks, the weakest first.
const MODES: [&str; 8] = [
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
];

/// From here on they keep writers out.
const SHARE: usize = 4;

impl Held {
    /// How strong it is: what conflicts with more is stronger.
    pub fn strength(&self) -> usize {
        MODES.iter().position(|mode| *mode == self.mode).unwrap_or_default()
    }

    /// Whether nobody else can write meanwhile.
    pub fn keeps_writers_out(&self) -> bool {
        self.is_granted && self.strength() >= SHARE
    }

    /// For how long it was seen.
    pub fn time(&self) -> Duration {
        self.spans.iter().map(|span| span.until.saturating_sub(span.from)).sum()
    }
}

/// Looks until it is told to end, or dropped.
#[derive(Debug)]
pub struct Holds {
    ends: Arc<AtomicBool>,
    seen: oneshot::Receiver<Result<Vec<Held>, PostgresError>>,
}

impl Holds {
    /// Begins to look at the locks of the server's process `backend` in the database of `target`; moments
    /// count from `start`.
    pub async fn begin(
        target: &Target,
        backend: u32,
        start: Instant,
    ) -> Result<Self, WorkloadError> {
        let ends = Arc::new(AtomicBool::new(false));
        let (answer, seen) = oneshot::channel();
        let asked = Arc::clone(&ends);
        // It ends by itself once it is told to.
        let _thread = beside("holds", target, async move |mut session| {
            let _ = answer.send(sampled(&mut session, backend, start, &asked).await);
            let _ = session.close().await;
        })
        .await?;
        Ok(Self { ends, seen })
    }

    /// Ends looking: what was held, the longest first.
    pub async fn end(mut self) -> Result<Vec<Held>, WorkloadError> {
        self.ends.store(true, Ordering::Relaxed);
        Ok((&mut self.seen).await.map_err(|_| gone())??)
    }
}

impl Drop for Holds {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}

async fn sampled(
    session: &mut Session,
    backend: u32,
    start: Instant,
    ends: &AtomicBool,
) -> Result<Vec<Held>, PostgresError> {
    // Indexes and what the catalog holds are nobody's queries.
    let asked = format!(
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), l.mode, l.granted \
         FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE l.pid = {backend} AND l.locktype = 'relation' \
           AND c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_'"
    );
    let mut seen = Seen::default();
    while !ends.load(Ordering::Relaxed) {
        let rows = session.rows(&asked).await?;
        seen.take(rows, since(start));
        std::thread::sleep(EVERY);
    }
    Ok(seen.held())
}

/// Locks that were seen, by relation, mode and whether they were granted.
#[derive(Default)]
struct Seen {
    spans: BTreeMap<(String, String, bool), Vec<(Span, Duration)>>,
    /// When it was looked at last.
    last: Duration,
}

impl Seen {
    /// Takes what is there at this moment: it is there since the look before.
    fn take(&mut self, rows: ResultSet, now: Duration) {
        let last = std::mem::replace(&mut self.last, now);
        for row in rows {
            let mut cells = row.into_iter().flatten();
            let (Some(relation), Some(mode), Some(granted)) =
                (cells.next(), cells.next(), cells.next())
            else {
                continue;
            };
            let spans = self.spans.entry((relation, mode, granted == "t")).or_default();
            match spans.last_mut() {
                Some((span, _)) if span.until >= last => span.until = now,
                _ => spans.push((Span { from: last, until: now }, now)),
            }
        }
    }

    fn held(self) -> Vec<Held> {
        let held = self.spans.into_iter().map(|((relation, mode, is_granted), spans)| Held {
            relation,
            mode,
            is_granted,
            least: spans.iter().map(|(span, first)| span.until.saturating_sub(*first)).sum(),
            spans: spans.into_iter().map(|(span, _)| span).collect(),
        });
        let mut held: Vec<Held> = held.collect();
        held.sort_by_key(|it| std::cmp::Reverse(it.time()));
        held
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Seen, Span};

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn row(relation: &str, mode: &str, granted: &str) -> Vec<Option<String>> {
        [relation, mode, granted].iter().map(|cell| Some((*cell).to_owned())).collect()
    }

    #[test]
    fn looks_are_put_together_to_spans() {
        let mut seen = Seen::default();
        seen.take(vec![], ms(5));
        seen.take(vec![row("t", "AccessExclusiveLock", "f")], ms(10));
        seen.take(vec![row("t", "AccessExclusiveLock", "t"), row("u", "ShareLock", "t")], ms(15));
        seen.take(vec![row("t", "AccessExclusiveLock", "t")], ms(20));
        seen.take(vec![], ms(25));
        seen.take(vec![row("t", "AccessExclusiveLock", "t")], ms(31));
        let held = seen.held();
        let span = |from, until| Span { from: ms(from), until: ms(until) };
        assert_eq!(held[0].spans, [span(10, 20), span(25, 31)]);
        assert_eq!((held[0].time(), held[0].strength()), (ms(16), 7));
        assert_eq!(held[0].least, ms(5), "it was seen at 15 and 20, and once at 31");
        assert!(held[0].keeps_writers_out() && held.iter().all(|it| it.spans.len() < 3));
        let waited = held.iter().find(|it| !it.is_granted).unwrap();
        assert_eq!(waited.spans, [span(5, 10)]);
        assert!(!waited.keeps_writers_out(), "nobody is kept out by one that waits itself");
    }
}
