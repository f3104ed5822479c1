//! What the pending migrations do to everybody else while they run: which tables are locked and for how
//! long, who waits behind it, what becomes of the workload.
//!
//! Each is applied to a third database to which the workload is sent meanwhile, and on which probes ask
//! by a fixed schedule for what a reader and a writer of each table that its text names ask for, and for
//! the same of a table that it does not touch. What a migration takes and writes by itself was measured
//! before, when nobody else was at work.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::migrations::Migration;
use crate::postgres::{Session, Target, ident};
use crate::sql;
use crate::steps::{self, CONTROL, Footprint, Rewrite};
use crate::workload::{
    self, Burst, Clients, Curve, Faults, Held, Holds, Load, Outcome, Plan, Protocol, Query, Sample,
    Shares, Span, Stop, Values, Wait,
};

use super::forecast::{Forecast, Scale};
use super::ground::{MIGRATOR, Walk};
use super::quiet::Quiet;
use super::{Bench, RunError, named};
use crate::runs::{Event, Watch};

/// Requests of one probe a second.
const RATE: f64 = 100.0;
/// So many requests of a plan are sent again and again.
const ROUND: usize = 2000;
/// So many tables are probed at most: each takes two connections.
const TABLES: usize = 12;
/// Everybody is at work for so long before and after.
const CALM: Duration = Duration::from_millis(200);

/// What one migration did.
#[derive(Clone, Debug)]
pub struct Impact {
    /// Which of the pending migrations.
    pub place: usize,
    /// Its revision and name.
    pub migration: String,
    /// What it takes and writes when nobody else is at work.
    pub quiet: Quiet,
    /// How long it took beside the workload.
    pub took: Duration,
    /// What the server said if it failed beside the workload, which it does not alone.
    pub failed: Option<String>,
    /// The tables whose readers or writers waited, the longest first.
    pub blocked: Vec<BlockedTable>,
    /// The longest latency on a table that it names, waits for locks taken off.
    pub slowed: Duration,
    /// The longest latency on a table that nobody touches: what the disk and the processor did.
    pub control: Duration,
    /// The locks that were seen, the longest first.
    pub held: Vec<Held>,
    /// Locks that keep writers out of tables for which nobody asked.
    pub unprobed: Vec<Held>,
    /// The tables that the server wrote anew and why, as its event tells; `None` where it may not be
    /// asked for that.
    pub rewrites: Option<Vec<Rewrite>>,
    /// The workload beside it; `None` if the database of before knows none of its queries.
    pub beside: Option<Beside>,
    /// The same in production.
    pub forecast: Forecast,
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
    /// When anybody waited, counted from the migration's start.
    pub spans: Vec<Span>,
}

/// What became of the workload while a migration ran.
#[derive(Clone, Debug)]
pub struct Beside {
    /// The latencies of the requests that were due or on their way meanwhile.
    pub curve: Curve,
    /// How many of them waited for a lock of the migration, or behind somebody who did.
    pub blocked: usize,
    /// How long one waited for that at most.
    pub longest: Duration,
    /// How many failed.
    pub failed: usize,
    /// What those waited for, and who held it.
    pub waited_for: BTreeSet<String>,
}

/// Applies the pending migrations one by one and watches.
pub(super) async fn impact(
    bench: &Bench<'_>,
    watch: &mut (dyn Watch + Send),
) -> Result<Vec<Impact>, RunError> {
    if !bench.ground.has_pending() {
        return Ok(Vec::new());
    }
    watch.event(Event::Part("watching what the migrations lock while the workload goes on"));
    let walk = bench.ground.walk().await?;
    let watched = all(bench, &walk).await;
    walk.end().await?;
    watched
}

async fn all(bench: &Bench<'_>, walk: &Walk<'_>) -> Result<Vec<Impact>, RunError> {
    let mut eye = Session::connect(walk.target(), "impact").await?;
    steps::make_control(&mut eye).await?;
    let notes = steps::note_rewrites(&mut eye).await?;
    let mut scene = Scene { bench, walk, eye, notes };
    let mut impacts = Vec::new();
    let pending = bench.ground.pending();
    for (place, (migration, quiet)) in pending.iter().zip(&bench.ground.quiet).enumerate() {
        let one = scene.one(place, migration, quiet.clone());
        let impact = Box::pin(one).await?;
        let has_failed = impact.failed.is_some();
        impacts.push(impact);
        if has_failed {
            // What comes after it has no ground to stand on.
            break;
        }
    }
    scene.eye.close().await?;
    Ok(impacts)
}

/// A database on which migrations are watched.
struct Scene<'a> {
    bench: &'a Bench<'a>,
    walk: &'a Walk<'a>,
    eye: Session,
    /// Whether rewrites are noted.
    notes: bool,
}

impl Scene<'_> {
    async fn one(
        &mut self,
        place: usize,
        migration: &Migration,
        quiet: Quiet,
    ) -> Result<Impact, RunError> {
        let before = steps::footprint(&mut self.eye).await?;
        let mut tables = touched(migration, &before);
        tables.truncate(TABLES);
        let probed: Vec<&str> = tables.iter().map(String::as_str).chain([CONTROL]).collect();
        let mut probes = Probes::open(self.walk.target(), &probed).await?;
        let mut others = Others::open(self.bench, self.walk.target()).await?;
        let stop: Stop = Arc::new(OnceLock::new());
        let start = Clients::soon();
        let work = async {
            tokio::time::sleep(CALM).await;
            let done = watched(self.walk, migration, start).await;
            tokio::time::sleep(CALM).await;
            // Set once and nowhere else.
            let _ = stop.set(Instant::now());
            done
        };
        let (asked, beside, done) =
            tokio::join!(probes.ask(start, &stop), others.send(start, &stop), work);
        let Watched { begun, took, held, failed } = done?;
        let begun = begun.saturating_duration_since(start);
        let mut impact = Impact {
            place,
            migration: named(migration),
            took,
            failed,
            blocked: Vec::new(),
            slowed: Duration::ZERO,
            control: Duration::ZERO,
            unprobed: unprobed(&held, &tables, &before),
            held,
            rewrites: None,
            beside: beside?.map(|burst| Beside::of(&burst, begun, begun + took)),
            forecast: Forecast::default(),
            quiet,
        };
        let asked = asked?;
        for (at, table) in probed.iter().enumerate() {
            let (reads, writes) = (asked.of_connection(2 * at), asked.of_connection(2 * at + 1));
            impact.take(table, &reads, &writes, begun);
        }
        probes.close().await?;
        others.close().await?;
        impact.blocked.sort_by_key(|it| std::cmp::Reverse(it.reads.max(it.writes)));
        if self.notes {
            impact.rewrites = Some(steps::noted_rewrites(&mut self.eye).await?);
        }
        let scale = Scale::new(&self.bench.options.production_rows, self.bench.ground.has_backup);
        impact.forecast = scale.forecast(&impact, &tables, &before);
        steps::analyse(&mut self.eye).await?;
        Ok(impact)
    }
}

impl Impact {
    /// Takes what a reader and a writer of `table` met.
    fn take(&mut self, table: &str, reads: &Burst, writes: &Burst, begun: Duration) {
        if table == CONTROL {
            let all = reads.samples.iter().chain(&writes.samples);
            self.control = all.map(Sample::latency).max().unwrap_or_default();
            return;
        }
        let (by_reads, by_writes) = (longest(reads), longest(writes));
        for burst in [reads, writes] {
            let slowed = burst.samples.iter().zip(burst.faults.of_locks(&burst.samples));
            let slowed = slowed.map(|(sample, locks)| sample.latency().saturating_sub(locks)).max();
            self.slowed = self.slowed.max(slowed.unwrap_or_default());
        }
        if (by_reads + by_writes).is_zero() {
            return;
        }
        let waits = reads.faults.waits.iter().chain(&writes.faults.waits);
        let spans = waits.map(|wait| Span { from: wait.from, until: wait.until });
        let mut spans: Vec<Span> = spans.map(|span| since(span, begun)).collect();
        spans.sort_unstable();
        let (table, reads, writes) = (table.to_owned(), by_reads, by_writes);
        self.blocked.push(BlockedTable { table, reads, writes, spans });
    }
}

impl Beside {
    /// Of the requests that were due or on their way between the two moments.
    fn of(burst: &Burst, from: Duration, until: Duration) -> Self {
        let faults =
            Faults { waits: due_to_the_migration(&burst.faults.waits), ..burst.faults.clone() };
        let locks = faults.of_locks(&burst.samples);
        let meanwhile = burst.samples.iter().zip(locks);
        let meanwhile = meanwhile.filter(|(it, _)| it.at <= until && it.done >= from);
        let meanwhile: Vec<(&Sample, Duration)> = meanwhile.collect();
        let is_failed = |it: &Sample| matches!(it.outcome, Outcome::Failed(_));
        Self {
            curve: Curve::of(meanwhile.iter().map(|(sample, _)| sample.latency())),
            blocked: meanwhile.iter().filter(|(_, locks)| !locks.is_zero()).count(),
            longest: meanwhile.iter().map(|(_, locks)| *locks).max().unwrap_or_default(),
            failed: meanwhile.iter().filter(|(sample, _)| is_failed(sample)).count(),
            waited_for: faults.waits.iter().map(Wait::words).collect(),
        }
    }
}

/// Those who waited for the migration, and those who waited meanwhile, since they stood behind one of them.
fn due_to_the_migration(waits: &[Wait]) -> Vec<Wait> {
    let migrator = crate::postgres::application(MIGRATOR);
    let is_direct = |wait: &&Wait| wait.blockers.contains(&migrator);
    let direct: Vec<&Wait> = waits.iter().filter(is_direct).collect();
    let overlaps = |wait: &&Wait| {
        direct.iter().any(|other| wait.from < other.until && other.from < wait.until)
    };
    waits.iter().filter(|wait| is_direct(wait) || overlaps(wait)).cloned().collect()
}

/// The same from the moment at which a migration began.
fn since(span: Span, begun: Duration) -> Span {
    Span { from: span.from.saturating_sub(begun), until: span.until.saturating_sub(begun) }
}

/// Locks that keep writers out of tables of before for which nobody asked.
fn unprobed(held: &[Held], probed: &[String], before: &Footprint) -> Vec<Held> {
    let old = |it: &Held| before.relations.values().find(|old| old.name == it.relation);
    let is_probed = |name: &String| probed.contains(name);
    // A writer of a partitioned table asks for its partitions as well.
    let is_open = |it: &&Held| {
        old(it)
            .is_some_and(|old| !is_probed(&old.name) && !old.root.as_ref().is_some_and(is_probed))
    };
    let kept_out = held.iter().filter(|it| it.keeps_writers_out());
    kept_out.filter(is_open).cloned().collect()
}

/// How a migration went.
struct Watched {
    begun: Instant,
    took: Duration,
    held: Vec<Held>,
    failed: Option<String>,
}

/// Applies a migration and watches its locks.
async fn watched(
    walk: &Walk<'_>,
    migration: &Migration,
    clock: Instant,
) -> Result<Watched, RunError> {
    let (mut session, ledger) = walk.session().await?;
    let backend = session.backend().await?;
    let holds = Holds::begin(walk.target(), backend, clock).await?;
    let begun = Instant::now();
    let done = walk.upgrade(&mut session, &ledger, migration).await;
    let took = begun.elapsed();
    let mut held = holds.end().await?;
    let before = begun.saturating_duration_since(clock);
    for span in held.iter_mut().flat_map(|it| &mut it.spans) {
        *span = since(*span, before);
    }
    // The tool's own table is nobody else's, and so are ours.
    let (schema, name) = ledger.names();
    let own = format!("{}.{}", ident(&schema), ident(&name));
    held.retain(|it| it.relation != own && !it.relation.starts_with(steps::CONTROL_SCHEMA));
    let failed = match done {
        Ok(()) => None,
        Err(RunError::Upgrade { source, .. }) => Some(source.to_string()),
        Err(other) => return Err(other),
    };
    session.close().await?;
    Ok(Watched { begun, took, held, failed })
}

/// The tables that a migration's upgrade names, as far as they are there before.
fn touched(migration: &Migration, before: &Footprint) -> Vec<String> {
    let names = sql::names(&migration.upgrade.sql());
    let spoken: BTreeSet<String> = names.into_iter().filter_map(|mut it| it.parts.pop()).collect();
    let named = before.relations.values().filter(|relation| spoken.contains(&relation.bare));
    named.map(|relation| relation.name.clone()).collect()
}

/// The longest that a request of a burst waited for a lock.
fn longest(burst: &Burst) -> Duration {
    burst.faults.of_locks(&burst.samples).into_iter().max().unwrap_or_default()
}

/// The workload that goes on meanwhile, as the database of before knows it.
struct Others {
    clients: Option<Clients>,
    plan: Arc<Plan>,
}

impl Others {
    async fn open(bench: &Bench<'_>, target: &Target) -> Result<Self, RunError> {
        let known: Vec<usize> =
            (0..bench.old.queries.len()).filter(|at| bench.is_known(*at)).collect();
        let shares = bench.shares.only(&known);
        let plan = Arc::new(Plan::new(&shares, ROUND, &bench.tuples, bench.options.seed));
        // A table that changes spoils what was prepared, which is no matter of locks.
        let load = Arc::new(Load { protocol: Protocol::Simple, ..Load::clone(&bench.old) });
        let clients =
            if known.is_empty() { None } else { Some(bench.connect(target, &load).await?) };
        Ok(Self { clients, plan })
    }

    async fn send(&mut self, start: Instant, stop: &Stop) -> Result<Option<Burst>, RunError> {
        let Some(clients) = &mut self.clients else { return Ok(None) };
        Ok(Some(clients.send_until(&self.plan, start, stop).await?))
    }

    async fn close(self) -> Result<(), RunError> {
        match self.clients {
            Some(clients) => Ok(clients.close().await?),
            None => Ok(()),
        }
    }
}

/// A reader and a writer of each table, with connections of their own: one that waits must not keep others
/// from asking.
struct Probes {
    clients: Clients,
    plan: Arc<Plan>,
}

impl Probes {
    /// Of each table first the reader.
    async fn open(target: &Target, tables: &[&str]) -> Result<Self, RunError> {
        let load = |query: Query| {
            Arc::new(Load {
                queries: vec![query],
                values: vec![Values::none()],
                // What is prepared does not survive a change of the table.
                protocol: Protocol::Simple,
                timeout: Duration::from_hours(1),
            })
        };
        let asked =
            tables.iter().flat_map(|table| [workload::reader(table), workload::writer(table)]);
        let loads: Vec<Arc<Load>> = asked.map(load).collect();
        let clients = Clients::open_each(target, &loads).await?;
        let plan = Arc::new(Plan::new(&Shares::of_one(RATE), ROUND, &[1], 0));
        Ok(Self { clients, plan })
    }

    async fn ask(&mut self, start: Instant, stop: &Stop) -> Result<Burst, RunError> {
        Ok(self.clients.send_until(&self.plan, start, stop).await?)
    }

    async fn close(self) -> Result<(), RunError> {
        Ok(self.clients.close().await?)
    }
}
