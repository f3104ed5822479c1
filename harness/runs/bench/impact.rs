//! What the pending migrations do to everybody else while they run: which tables are locked and for how
//! long, who waits behind it, what is rewritten, how much is written.
//!
//! Each is applied to a third database, on which probes ask by a fixed schedule for what a reader and a
//! writer of each table that its text names ask for, and for the same of a table that it does not touch.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::migrations::Migration;
use crate::postgres::{Session, Target, ident};
use crate::sql;
use crate::steps::{self, CONTROL, Footprint, Relation};
use crate::workload::{
    self, Burst, Clients, Held, Holds, Load, Plan, Protocol, Query, Sample, Shares, Values,
};

use super::ground::Walk;
use super::{Bench, RunError, named};
use crate::runs::{Event, Watch};

/// Requests of one probe a second.
const RATE: f64 = 100.0;
/// For how long probes are planned: no migration is watched longer.
const LONGEST: usize = 3600;
/// So many tables are probed at most: each takes two connections.
const TABLES: usize = 12;
/// Probes are at work for so long before and after.
const CALM: Duration = Duration::from_millis(200);
/// What one migration did.
#[derive(Clone, Debug, PartialEq)]
pub struct Impact {
    /// Which of the pending migrations.
    pub place: usize,
    /// Its revision and name.
    pub migration: String,
    /// How long it took.
    pub took: Duration,
    /// The tables whose readers or writers waited.
    pub blocked: Vec<BlockedTable>,
    /// The longest latency on a table that nobody touches: what the disk and the processor did.
    pub control: Duration,
    /// The locks that were seen, the longest first.
    pub held: Vec<Held>,
    /// The tables that are in another file, with their rows.
    pub rewritten: Vec<Relation>,
    /// Bytes of WAL.
    pub wal: u64,
    /// Bytes of temporary files.
    pub temporary: u64,
    /// The size of the database before and after, in bytes.
    pub size: (u64, u64),
    /// Indexes that the server calls invalid afterwards and not before.
    pub invalid_indexes: Vec<String>,
    /// Tables that it names and that were not probed, since there were too many.
    pub unprobed: usize,
}

/// A table that somebody waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockedTable {
    /// As SQL.
    pub table: String,
    /// How long a reader waited for a lock at most.
    pub reads: Duration,
    /// How long a writer did.
    pub writes: Duration,
}

/// Applies the pending migrations one by one and watches.
pub(super) async fn impact(
    bench: &Bench<'_>,
    watch: &mut (dyn Watch + Send),
) -> Result<Vec<Impact>, RunError> {
    let pending = bench.ground.pending();
    if pending.is_empty() {
        return Ok(Vec::new());
    }
    watch.event(Event::Note("watching what the migrations lock and write"));
    let walk = bench.ground.walk().await?;
    let watched = all(&walk, &pending).await;
    walk.end().await?;
    watched
}

async fn all(walk: &Walk<'_>, pending: &[&Migration]) -> Result<Vec<Impact>, RunError> {
    let mut eye = Session::connect(walk.target(), "impact").await?;
    steps::make_control(&mut eye).await?;
    let mut impacts = Vec::new();
    for (place, migration) in pending.iter().enumerate() {
        impacts.push(Box::pin(one(walk, &mut eye, place, migration)).await?);
    }
    eye.close().await?;
    Ok(impacts)
}

async fn one(
    walk: &Walk<'_>,
    eye: &mut Session,
    place: usize,
    migration: &Migration,
) -> Result<Impact, RunError> {
    let before = steps::footprint(eye).await?;
    let invalid = steps::invalid_index_names(eye).await?;
    let mut tables = touched(migration, &before);
    let unprobed = tables.len().saturating_sub(TABLES);
    tables.truncate(TABLES);
    let mut probes = Vec::new();
    for table in tables.iter().map(String::as_str).chain([CONTROL]) {
        probes.push(Probes::open(walk.target(), table).await?);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let count = LONGEST * 100;
    let work = async {
        tokio::time::sleep(CALM).await;
        let done = watched(walk, migration).await;
        tokio::time::sleep(CALM).await;
        stop.store(true, Ordering::Relaxed);
        done
    };
    let asking = join_all(probes.iter_mut().map(|probe| probe.ask(count, &stop)));
    let (asked, done) = tokio::join!(asking, work);
    let (took, held) = done?;
    let mut blocked = Vec::new();
    let mut control = Duration::ZERO;
    for (probe, asked) in probes.iter().zip(asked) {
        let (reads, writes) = asked?;
        if probe.table == CONTROL {
            let all = reads.samples.iter().chain(&writes.samples);
            control = all.map(Sample::latency).max().unwrap_or_default();
            continue;
        }
        let (reads, writes) = (longest(&reads), longest(&writes));
        if !(reads + writes).is_zero() {
            blocked.push(BlockedTable { table: probe.table.clone(), reads, writes });
        }
    }
    for probe in probes {
        probe.close().await?;
    }
    steps::analyse(eye).await?;
    let after = steps::footprint(eye).await?;
    let now_invalid = steps::invalid_index_names(eye).await?;
    blocked.sort_by_key(|it| std::cmp::Reverse(it.reads.max(it.writes)));
    Ok(Impact {
        place,
        migration: named(migration),
        took,
        blocked,
        control,
        held,
        rewritten: after.rewritten(&before),
        wal: after.wal.saturating_sub(before.wal),
        temporary: after.temporary.saturating_sub(before.temporary),
        size: (before.size, after.size),
        invalid_indexes: now_invalid.into_iter().filter(|it| !invalid.contains(it)).collect(),
        unprobed,
    })
}

/// Applies a migration and watches its locks.
async fn watched(
    walk: &Walk<'_>,
    migration: &Migration,
) -> Result<(Duration, Vec<Held>), RunError> {
    let (mut session, ledger) = walk.session().await?;
    let holds = Holds::begin(walk.target(), session.backend().await?).await?;
    let start = Instant::now();
    let done = walk.upgrade(&mut session, &ledger, migration).await;
    let took = start.elapsed();
    let mut held = holds.end().await?;
    // The tool's own table is nobody else's.
    let (schema, name) = ledger.names();
    let own = format!("{}.{}", ident(&schema), ident(&name));
    held.retain(|it| it.relation != own);
    done?;
    session.close().await?;
    Ok((took, held))
}

/// The tables that a migration's upgrade names, as far as they are there before.
fn touched(migration: &Migration, before: &Footprint) -> Vec<String> {
    let names = sql::names(&migration.upgrade.text);
    let spoken: BTreeSet<String> = names.into_iter().filter_map(|mut it| it.parts.pop()).collect();
    let is_named = |name: &&String| {
        let last = name.rsplit_once('.').map_or(name.as_str(), |(_, last)| last);
        spoken.contains(last.trim_matches('"'))
    };
    before.relations.values().map(|relation| &relation.name).filter(is_named).cloned().collect()
}

/// The longest that a request of a burst waited for a lock.
fn longest(burst: &Burst) -> Duration {
    burst.faults.of_locks(&burst.samples).into_iter().max().unwrap_or_default()
}

/// A reader and a writer of one table, each with a connection of its own: one that waits must not
/// keep others from asking.
struct Probes {
    table: String,
    reader: Clients,
    writer: Clients,
    shares: Shares,
}

impl Probes {
    async fn open(target: &Target, table: &str) -> Result<Self, RunError> {
        let (read, write) = (workload::reader(table), workload::writer(table));
        let shares = Shares::new(std::slice::from_ref(&read), RATE)?;
        let load = |query: Query| {
            Arc::new(Load {
                queries: vec![query],
                values: vec![Values::none()],
                // What is prepared does not survive a change of the table.
                protocol: Protocol::Simple,
                timeout: Duration::from_hours(1),
            })
        };
        let reader = Clients::open(target, &load(read), 1).await?;
        let writer = Clients::open(target, &load(write), 1).await?;
        Ok(Self { table: table.to_owned(), reader, writer, shares })
    }

    async fn ask(
        &mut self,
        count: usize,
        stop: &Arc<AtomicBool>,
    ) -> Result<(Burst, Burst), RunError> {
        let plan = Arc::new(Plan::new(&self.shares, count, &[1], 0));
        let grace = Duration::from_hours(1);
        let reads = self.reader.send_until(&plan, grace, stop);
        let writes = self.writer.send_until(&plan, grace, stop);
        let (reads, writes) = tokio::join!(reads, writes);
        Ok((reads?, writes?))
    }

    async fn close(self) -> Result<(), RunError> {
        self.reader.close().await?;
        Ok(self.writer.close().await?)
    }
}
