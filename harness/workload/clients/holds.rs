//! A session that looks every few milliseconds which relations another one has locked, and how.
//!
//! From outside, since what commits by itself on the way (CONCURRENTLY) can be seen in no other way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::postgres::{PostgresError, Session, Target};
use crate::workload::WorkloadError;

use super::gone;

const EVERY: Duration = Duration::from_millis(5);
/// A server that does not answer for so long is gone.
const SILENCE: Duration = Duration::from_mins(1);

/// A relation that was locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// As SQL.
    pub relation: String,
    /// For example `AccessExclusiveLock`.
    pub mode: String,
    /// For how long it was seen.
    pub time: Duration,
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

impl Held {
    /// How strong it is: what conflicts with more is stronger.
    pub fn strength(&self) -> usize {
        MODES.iter().position(|mode| *mode == self.mode).unwrap_or_default()
    }
}

/// Looks until it is told to end, or dropped.
#[derive(Debug)]
pub struct Holds {
    ends: Arc<AtomicBool>,
    seen: oneshot::Receiver<Result<Vec<Held>, PostgresError>>,
}

impl Holds {
    /// Begins to look at the locks of the server's process `backend` in the database of `target`.
    pub async fn begin(target: &Target, backend: u32) -> Result<Self, WorkloadError> {
        let ends = Arc::new(AtomicBool::new(false));
        let (tell, told) = oneshot::channel();
        let (answer, seen) = oneshot::channel();
        let (target, asked) = (target.clone(), Arc::clone(&ends));
        std::thread::Builder::new()
            .name("holds".to_owned())
            .spawn(move || look(&target, backend, &asked, tell, answer))
            .map_err(|error| WorkloadError::Threads(error.to_string()))?;
        told.await.map_err(|_| gone())??;
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

fn look(
    target: &Target,
    backend: u32,
    ends: &AtomicBool,
    tell: oneshot::Sender<Result<(), WorkloadError>>,
    answer: oneshot::Sender<Result<Vec<Held>, PostgresError>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = tell.send(Err(WorkloadError::Threads(error.to_string())));
            return;
        }
    };
    runtime.block_on(async {
        match Session::connect(target, "holds").await {
            Ok(mut session) => {
                session.give_up_after(SILENCE);
                let _ = tell.send(Ok(()));
                let _ = answer.send(sampled(&mut session, backend, ends).await);
                let _ = session.close().await;
            }
            Err(error) => {
                let _ = tell.send(Err(error.into()));
            }
        }
    });
}

async fn sampled(
    session: &mut Session,
    backend: u32,
    ends: &AtomicBool,
) -> Result<Vec<Held>, PostgresError> {
    // Indexes and what the catalog holds are nobody's queries.
    let asked = format!(
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), l.mode \
         FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE l.pid = {backend} AND l.locktype = 'relation' AND l.granted \
           AND c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_'"
    );
    let mut times: BTreeMap<(String, String), Duration> = BTreeMap::new();
    let mut last = Instant::now();
    while !ends.load(Ordering::Relaxed) {
        let rows = session.rows(&asked).await?;
        let now = Instant::now();
        let since = now.duration_since(last);
        last = now;
        for row in rows {
            let mut cells = row.into_iter().flatten();
            if let (Some(relation), Some(mode)) = (cells.next(), cells.next()) {
                *times.entry((relation, mode)).or_default() += since;
            }
        }
        std::thread::sleep(EVERY);
    }
    let held = times.into_iter().map(|((relation, mode), time)| Held { relation, mode, time });
    let mut held: Vec<Held> = held.collect();
    held.sort_by_key(|it| std::cmp::Reverse(it.time));
    Ok(held)
}
