//! A session that looks every few milliseconds which of the load's connections wait for a lock.
//!
//! Slow for other reasons (the disk, the processor) is not waiting for a lock: only the server can tell.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::postgres::{PostgresError, ResultSet, Session, Target};
use crate::workload::{Wait, WorkloadError};

use super::thread::beside;
use super::{Backends, gone, since};

const EVERY: Duration = Duration::from_millis(10);

/// Backend, seconds since it waits, relation, mode, and who holds it. All locks are only looked at for
/// those that wait. Others feel what a look costs: the view of activity has joins that nobody needs here,
/// and the plan is made once.
const WAITING: &str = "DEALLOCATE ALL; SET plan_cache_mode = force_generic_plan; \
    PREPARE stairway_waits (int[]) AS SELECT a.pid, l.seconds, l.relation, l.mode, \
      (SELECT pg_catalog.string_agg(DISTINCT coalesce(NULLIF(b.application_name, ''), b.backend_type), ', ') \
       FROM pg_catalog.pg_stat_activity b WHERE b.pid = ANY (pg_catalog.pg_blocking_pids(a.pid))) \
    FROM pg_catalog.pg_stat_get_activity(NULL) a CROSS JOIN LATERAL ( \
      SELECT extract(epoch FROM pg_catalog.clock_timestamp() - l.waitstart) AS seconds, \
        l.relation::pg_catalog.regclass::text AS relation, l.mode \
      FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND NOT l.granted LIMIT 1) l \
    WHERE a.wait_event_type = 'Lock' AND a.pid = ANY ($1)";

#[derive(Debug)]
pub(super) struct Watcher {
    orders: mpsc::Sender<Order>,
    thread: JoinHandle<()>,
    looking: Option<Looking>,
}

/// How it is told to end, and what was seen then.
type Looking = (Arc<AtomicBool>, oneshot::Receiver<Result<Vec<Wait>, PostgresError>>);

struct Order {
    start: Instant,
    ends: Arc<AtomicBool>,
    answer: oneshot::Sender<Result<Vec<Wait>, PostgresError>>,
}

impl Watcher {
    /// Connects. `backends` are the server's processes of the connections.
    pub(super) async fn begin(target: &Target, backends: Backends) -> Result<Self, WorkloadError> {
        let (orders, work) = mpsc::channel::<Order>();
        let thread = beside("watch", target, async move |mut session| {
            while let Ok(order) = work.recv() {
                let seen = look(&mut session, &backends, &order).await;
                let _ = order.answer.send(seen);
            }
            let _ = session.close().await;
        });
        Ok(Self { orders, thread: thread.await?, looking: None })
    }

    /// Begins to look; moments count from `start`.
    pub(super) fn look(&mut self, start: Instant) {
        let (answer, waits) = oneshot::channel();
        let ends = Arc::new(AtomicBool::new(false));
        // If its thread is gone, nobody answers, and that is said then.
        let _ = self.orders.send(Order { start, ends: Arc::clone(&ends), answer });
        self.looking = Some((ends, waits));
    }

    /// Ends looking: what was seen.
    pub(super) async fn rest(&mut self) -> Result<Vec<Wait>, WorkloadError> {
        let Some((ends, waits)) = self.looking.take() else { return Ok(Vec::new()) };
        ends.store(true, Ordering::Relaxed);
        Ok(waits.await.map_err(|_| gone())??)
    }

    pub(super) async fn end(mut self) {
        let _ = self.rest().await;
        drop(self.orders);
        let _ = self.thread.join();
    }
}

/// Looks until it is told to end.
async fn look(
    session: &mut Session,
    backends: &Backends,
    order: &Order,
) -> Result<Vec<Wait>, PostgresError> {
    let mut seen = Seen::default();
    session.execute(WAITING).await?;
    while !order.ends.load(Ordering::Relaxed) {
        let now: Vec<u32> = backends.iter().map(|it| it.load(Ordering::Relaxed)).collect();
        let pids = now.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let rows = session.rows(&format!("EXECUTE stairway_waits ('{{{pids}}}')")).await?;
        seen.take(rows, &now, since(order.start));
        std::thread::sleep(EVERY);
    }
    seen.take(ResultSet::new(), &[], since(order.start));
    Ok(seen.waits)
}

/// Waits, those that have not ended by connection.
#[derive(Default)]
struct Seen {
    open: BTreeMap<usize, Wait>,
    waits: Vec<Wait>,
}

impl Seen {
    /// Takes what is waiting at this moment.
    fn take(&mut self, rows: ResultSet, backends: &[u32], now: Duration) {
        let mut waiting = BTreeMap::new();
        for wait in rows.into_iter().filter_map(|row| wait(row, backends, now)) {
            waiting.insert(wait.connection, wait);
        }
        let mut left = BTreeMap::new();
        for (connection, mut open) in std::mem::take(&mut self.open) {
            match waiting.get(&connection) {
                // It began before the last look: it is the same.
                Some(wait) if wait.from <= open.until => {
                    open.until = now;
                    left.insert(connection, open);
                }
                _ => {
                    // It ended at some time since the last look.
                    self.waits.push(open);
                }
            }
        }
        for (connection, wait) in waiting {
            left.entry(connection).or_insert(wait);
        }
        self.open = left;
        if self.open.values().all(|wait| wait.until < now) {
            self.waits.extend(std::mem::take(&mut self.open).into_values());
        }
    }
}

fn wait(row: Vec<Option<String>>, backends: &[u32], now: Duration) -> Option<Wait> {
    let mut cells = row.into_iter();
    let pid: u32 = cells.next().flatten()?.parse().ok()?;
    let connection = backends.iter().position(|backend| *backend == pid)?;
    let seconds: f64 = cells.next().flatten().and_then(|it| it.parse().ok()).unwrap_or_default();
    let waited = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let relation = cells.next().flatten();
    let mode = cells.next().flatten().unwrap_or_default();
    let blockers = cells.next().flatten().unwrap_or_default();
    Some(Wait {
        connection,
        from: now.saturating_sub(waited),
        until: now,
        relation,
        mode,
        blockers: blockers.split(", ").filter(|it| !it.is_empty()).map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Seen;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn row(pid: u32, seconds: &str) -> Vec<Option<String>> {
        let cells = [&pid.to_string(), seconds, "public.t", "RowShareLock", "psql"];
        cells.iter().map(|cell| Some((*cell).to_owned())).collect()
    }

    #[test]
    fn looks_are_put_together_to_waits() {
        let mut seen = Seen::default();
        let backends = [7, 8];
        seen.take(vec![row(8, "0.004")], &backends, ms(10));
        seen.take(vec![row(8, "0.014"), row(7, "0.001"), row(99, "1")], &backends, ms(20));
        seen.take(vec![row(7, "0.011")], &backends, ms(30));
        // Another wait of the same connection.
        seen.take(vec![row(7, "0.002")], &backends, ms(45));
        seen.take(Vec::new(), &backends, ms(50));
        let waits: Vec<_> =
            seen.waits.iter().map(|it| (it.connection, it.from, it.until)).collect();
        assert_eq!(waits, [(1, ms(6), ms(20)), (0, ms(19), ms(30)), (0, ms(43), ms(45))]);
        assert_eq!(seen.waits[0].relation.as_deref(), Some("public.t"));
        assert_eq!(seen.waits[0].blockers, ["psql"]);
    }
}
