//! `bench`: whether queries keep their p95 after the pending migrations, on a copy of the data.
//!
//! Two databases stand on one faithful server: as it was, and migrated. The migrated one is measured
//! against the budget; then both are measured in turns, and a query that became slower is followed
//! through the migrations up to the one that did it.

mod blame;
mod forecast;
mod ground;
mod impact;
mod judge;
mod missing;
mod outcome;
mod quiet;
mod turns;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::checks::Budgets;
use crate::finding::Verdict;
use crate::migrations::{AlembicOptions, History, Migration, Tool};
use crate::postgres::{PostgresError, Session, Target};
use crate::server::{Database, Profile, Server, ServerSpec};
use crate::workload::{
    self, Burst, Clients, Curve, Load, Outcome, Plan, Protocol, Rule, Shape, Shares, Values,
    Workload,
};

use super::{Event, RunError, Watch};

/// A server that says nothing so long after it should have given up by itself is gone.
const SILENCE: Duration = Duration::from_secs(30);

pub use blame::Blamed;
pub use forecast::{Basis, Forecast, Scaled};
use ground::{Ground, made_up};
pub use impact::{Beside, BlockedTable, Impact};
pub use judge::why;
pub use outcome::{Benched, BenchedQuery};
pub use quiet::Quiet;
pub use turns::{Turned, Uncompared};

/// What to measure and how.
#[derive(Clone, Debug)]
pub struct BenchOptions {
    /// The folder of migrations.
    pub folder: PathBuf,
    /// Forces a layout.
    pub tool: Option<Tool>,
    /// What an environment of Alembic's is told.
    pub alembic: AlembicOptions,
    /// Which server; it is set up as servers are by default.
    pub server: ServerSpec,
    /// A backup to measure on; without one rows are made up.
    pub backup: Option<PathBuf>,
    /// So many rows are made up for each table.
    pub rows: usize,
    /// The migrations after this one are measured; without a backup the last one, if nothing is said.
    pub since: Option<String>,
    /// The folder of queries.
    pub workload: PathBuf,
    /// The p95 of all requests must be under this.
    pub budget: Duration,
    /// Requests a second.
    pub rate: f64,
    /// Requests in one run.
    pub requests: usize,
    /// Independent runs.
    pub runs: usize,
    /// Pairs of runs on both databases.
    pub pairs: usize,
    /// Connections.
    pub connections: usize,
    /// How queries are sent.
    pub protocol: Protocol,
    /// Differences of latencies up to this are none.
    pub floor: Duration,
    /// What migrations may do to others while they run; `None` does not look.
    pub impact: Option<Budgets>,
    /// How many rows tables have in production, by `schema.table`: what the forecast is made by.
    pub production_rows: BTreeMap<String, u64>,
    /// What values, rows and the order of requests are drawn by.
    pub seed: u64,
}

impl BenchOptions {
    /// The defaults for a folder of migrations and one of queries.
    pub fn new(folder: impl Into<PathBuf>, workload: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            tool: None,
            alembic: AlembicOptions::default(),
            server: ServerSpec { profile: Profile::Faithful, ..ServerSpec::default() },
            backup: None,
            rows: 10_000,
            since: None,
            workload: workload.into(),
            budget: Duration::from_millis(150),
            rate: 200.0,
            requests: 1000,
            runs: 5,
            pairs: 10,
            connections: 8,
            protocol: Protocol::default(),
            floor: Duration::from_micros(500),
            impact: Some(Budgets::default()),
            production_rows: BTreeMap::new(),
            seed: 0,
        }
    }
}

/// Measures the queries of `options.workload` on the data before and after the pending migrations.
pub async fn bench(
    options: &BenchOptions,
    watch: &mut (dyn Watch + Send),
) -> Result<Benched, RunError> {
    let start = Instant::now();
    let workload = Workload::load(&options.workload)?;
    let shares = Shares::new(&workload.queries, options.rate)?;
    let ground = Box::pin(Ground::prepare(options, watch)).await?;
    Box::pin(on(options, (workload, &shares), ground, start, watch)).await
}

/// The same on a database that holds a restored backup; the server is ended with it. What `options` say
/// of a server and a backup does not count.
pub(super) async fn bench_on(
    options: &BenchOptions,
    (server, database): (Server, Database),
    watch: &mut (dyn Watch + Send),
) -> Result<Benched, RunError> {
    let start = Instant::now();
    let loaded = Workload::load(&options.workload).map_err(RunError::from).and_then(|workload| {
        let shares = Shares::new(&workload.queries, options.rate)?;
        let history = History::load_with(&options.folder, options.tool, &options.alembic)?;
        Ok((workload, shares, history))
    });
    let (workload, shares, history) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            let _ = Box::pin(server.stop()).await;
            return Err(error);
        }
    };
    let ground = Box::pin(Ground::on(history, server, database)).await?;
    Box::pin(on(options, (workload, &shares), ground, start, watch)).await
}

async fn on(
    options: &BenchOptions,
    (workload, shares): (Workload, &Shares),
    ground: Ground,
    start: Instant,
    watch: &mut (dyn Watch + Send),
) -> Result<Benched, RunError> {
    let measured = Box::pin(measure(options, workload, shares, &ground, watch)).await;
    let version = ground.server.version().to_string();
    let backend = ground.server.backend().to_string();
    let names = ground.pending().iter().map(|it| named(it)).collect();
    let scripts = ground.pending().iter().map(|it| it.upgrade.clone()).collect();
    let digests = ground.digests();
    let ended = Box::pin(ground.close()).await;
    let mut benched = measured?;
    ended?;
    (benched.server_version, benched.backend, benched.migrations) = (version, backend, names);
    (benched.scripts, benched.digests) = (scripts, digests);
    benched.seconds = start.elapsed().as_secs_f64();
    Ok(benched)
}

/// A migration's revision and name.
fn named(migration: &Migration) -> String {
    format!("{} {}", migration.revision, migration.name).trim_end().to_owned()
}

/// What is sent, to whom, and by which schedule.
struct Bench<'a> {
    options: &'a BenchOptions,
    ground: &'a Ground,
    shares: &'a Shares,
    /// What is sent to the migrated database.
    load: Arc<Load>,
    /// The same for the database of before, in which types may be others; a query that it does not know
    /// has no values.
    old: Arc<Load>,
    /// How many sets of values each query has.
    tuples: Vec<usize>,
    /// The longest budget of all: nothing is given up before.
    patience: Duration,
    calibrations: Vec<Duration>,
}

async fn measure(
    options: &BenchOptions,
    workload: Workload,
    shares: &Shares,
    ground: &Ground,
    watch: &mut (dyn Watch + Send),
) -> Result<Benched, RunError> {
    forecast::check(&options.production_rows, ground).await?;
    let stolen = workload::stolen();
    let mut calibrator = Session::connect(ground.after(), "calibrate").await?;
    let budgets = workload.queries.iter().filter_map(|query| query.budget);
    let patience = budgets.fold(options.budget, Duration::max);
    let (load, old) = Box::pin(draw(options, workload, ground, patience)).await?;
    let tuples = load.values.iter().map(|values| values.tuples.len()).collect();
    let calibrations = Vec::new();
    let mut bench = Bench {
        options,
        ground,
        shares,
        load: Arc::new(load),
        old: Arc::new(old),
        tuples,
        patience,
        calibrations,
    };
    // Both databases are compared first: the runs after that are on one of them only.
    bench.calibrations.push(workload::calibrate(&mut calibrator).await?);
    let turned = Box::pin(turns::compare(&bench, watch)).await?;
    bench.calibrations.push(workload::calibrate(&mut calibrator).await?);
    let bursts = Box::pin(bench.runs(&mut calibrator, watch)).await?;
    bench.calibrations.push(workload::calibrate(&mut calibrator).await?);
    let shapes = bench.shapes(&mut calibrator).await?;
    calibrator.close().await?;
    let mut benched = bench.assemble(&bursts, turned, shapes);
    benched.stolen = workload::stolen().zip(stolen).map(|(now, then)| now.saturating_sub(then));
    Box::pin(blame::blame(&bench, &mut benched, watch)).await?;
    Box::pin(missing::look(&bench, &mut benched, watch)).await?;
    if options.impact.is_some() {
        benched.impacts = Box::pin(impact::impact(&bench, watch)).await?;
    }
    benched.findings = judge::findings(options, &benched, ground);
    benched.verdict = judge::verdict(&benched);
    Ok(benched)
}

/// What is sent to the migrated database, and to the one of before.
async fn draw(
    options: &BenchOptions,
    workload: Workload,
    ground: &Ground,
    patience: Duration,
) -> Result<(Load, Load), RunError> {
    let mut before = Session::connect(ground.before(), "values").await?;
    let mut after = Session::connect(ground.after(), "values").await?;
    let (mut new, mut old) = (Vec::new(), Vec::new());
    let made = made_up(ground, &workload, options.seed).await?;
    for query in &workload.queries {
        let made = |column: &str| match made.get(column) {
            Some(values) => values.clone(),
            None => Err("nothing was made up".to_owned()),
        };
        // The migrated database must know the query in any case.
        if let Ok(values) = Values::ask(&mut before, query, &made, options.seed).await {
            new.push(values.rebound(&mut after, query).await?);
            old.push(values);
        } else {
            new.push(Values::ask(&mut after, query, &made, options.seed).await?);
            old.push(Values::default());
        }
    }
    before.close().await?;
    after.close().await?;
    let timeout = (patience * 20).max(Duration::from_secs(10));
    let Workload { queries } = workload;
    let load = |values| {
        let (queries, protocol) = (queries.clone(), options.protocol);
        Load { queries, values, protocol, timeout }
    };
    Ok((load(new), load(old)))
}

impl Bench<'_> {
    /// The independent runs on the migrated database: each on connections of its own.
    async fn runs(
        &mut self,
        calibrator: &mut Session,
        watch: &mut (dyn Watch + Send),
    ) -> Result<Vec<Burst>, RunError> {
        let mut bursts = Vec::new();
        for run in 0..self.options.runs {
            if run > 0 && run == self.options.runs / 2 {
                self.calibrations.push(workload::calibrate(calibrator).await?);
            }
            let seed = self.options.seed ^ u64::try_from(run + 1).unwrap_or_default();
            let mut clients = self.connect(self.ground.after(), &self.load).await?;
            let warm = workload::warm_up(&mut clients, self.shares, &self.tuples, seed).await?;
            let plan = Plan::new(self.shares, self.options.requests, &self.tuples, seed);
            let which = format!("run {} of {}", run + 1, self.options.runs);
            let begins = format!("{which}: warm after {warm} requests");
            watch.event(Event::Part(&begins));
            let burst = clients.send(&Arc::new(plan), self.patience).await?;
            clients.close().await?;
            let curve = Curve::of(burst.samples.iter().map(workload::Sample::latency));
            watch.event(Event::Note(&format!(
                "{which}: p50 {:.3} ms, p95 {:.3} ms of {} requests",
                curve.at(0.5).as_secs_f64() * 1e3,
                curve.at(0.95).as_secs_f64() * 1e3,
                burst.samples.len(),
            )));
            bursts.push(burst);
        }
        Ok(bursts)
    }

    async fn connect(&self, target: &Target, load: &Arc<Load>) -> Result<Clients, RunError> {
        Ok(Clients::open(target, load, self.options.connections).await?)
    }

    /// Whether the database of before knows the query at `place`.
    fn is_known(&self, place: usize) -> bool {
        self.old.values.get(place).is_some_and(|values| !values.tuples.is_empty())
    }

    /// The plans of all queries on both databases; `None` for one that only the migrated one knows, or
    /// that can't be explained with its first values.
    async fn shapes(&self, after: &mut Session) -> Result<Vec<Option<(Shape, Shape)>>, RunError> {
        let mut before = Session::connect(self.ground.before(), "plans").await?;
        let mut shapes = Vec::new();
        for (place, query) in self.load.queries.iter().enumerate() {
            let values = self.load.values.get(place).and_then(|it| it.tuples.first());
            let Some(values) = values.filter(|_| self.is_known(place)) else {
                shapes.push(None);
                continue;
            };
            let one = explained(workload::shape(&mut before, query, values).await)?;
            let two = explained(workload::shape(after, query, values).await)?;
            shapes.push(one.zip(two));
        }
        before.close().await?;
        Ok(shapes)
    }

    fn assemble(
        &self,
        bursts: &[Burst],
        turned: Vec<Result<Turned, Uncompared>>,
        shapes: Vec<Option<(Shape, Shape)>>,
    ) -> Benched {
        let rule = Rule { limit: self.options.budget };
        let overall = workload::judge(rule, bursts, |_| true);
        let latencies = |place: Option<usize>| {
            let samples = bursts.iter().flat_map(|burst| &burst.samples);
            let meant = samples.filter(move |it| place.is_none_or(|place| it.query == place));
            Curve::of(meant.map(workload::Sample::latency))
        };
        let parts = self.load.queries.iter().zip(turned).zip(shapes).enumerate();
        let queries = parts.map(|(place, ((query, turned), shapes))| {
            let is_it = move |sample: &workload::Sample| sample.query == place;
            let fails = |sample: &&workload::Sample| {
                is_it(sample) && matches!(sample.outcome, Outcome::Failed(_))
            };
            BenchedQuery {
                name: query.name.clone(),
                file: query.file.clone(),
                text: query.text.clone(),
                rate: self.shares.of(place),
                curve: latencies(Some(place)),
                measured: query.budget.map(|limit| workload::judge(Rule { limit }, bursts, is_it)),
                turned,
                shapes,
                blamed: None,
                missing: None,
                failed: bursts.iter().flat_map(|it| &it.samples).filter(fails).count(),
            }
        });
        Benched {
            server_version: String::new(),
            backend: String::new(),
            migrations: Vec::new(),
            digests: Vec::new(),
            scripts: Vec::new(),
            rate: self.shares.rate,
            curve: latencies(None),
            queries: queries.collect(),
            overall,
            impacts: Vec::new(),
            calibrations: self.calibrations.clone(),
            stolen: None,
            findings: Vec::new(),
            verdict: Verdict::Inconclusive,
            seconds: 0.0,
        }
    }
}

/// What the server refuses to plan has no plan; its words may quote values.
fn explained(shape: Result<Shape, PostgresError>) -> Result<Option<Shape>, PostgresError> {
    match shape {
        Ok(shape) => Ok(Some(shape)),
        Err(PostgresError::Sql(_)) => Ok(None),
        Err(other) => Err(other),
    }
}
