//! `bench`: whether queries keep their p95 after the pending migrations, on a copy of the data.
//!
//! Two databases stand on one faithful server: as it was, and migrated. The migrated one is measured
//! against the budget; then both are measured in turns, and a query that became slower is followed
//! through the migrations up to the one that did it.

mod blame;
mod ground;
mod impact;
mod turns;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::checks::{self, Budgets, Waited};
use crate::finding::{CheckId, Finding, Severity};
use crate::migrations::{Migration, Tool};
use crate::postgres::{PostgresError, Session, Target};
use crate::server::{Profile, ServerSpec};
use crate::workload::{
    self, Burst, Clients, Compared, Curve, Load, Measured, Outcome, Plan, Protocol, Reason, Rule,
    Shape, Shares, Values, Verdict, Workload,
};

use super::{Event, RunError, Watch};

pub use blame::Blamed;
use ground::{Ground, made_up};
pub use impact::{BlockedTable, Impact};

/// What to measure and how.
#[derive(Clone, Debug)]
pub struct BenchOptions {
    /// The folder of migrations.
    pub folder: PathBuf,
    /// Forces a layout.
    pub tool: Option<Tool>,
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
    /// What values, rows and the order of requests are drawn by.
    pub seed: u64,
}

impl BenchOptions {
    /// The defaults for a folder of migrations and one of queries.
    pub fn new(folder: impl Into<PathBuf>, workload: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            tool: None,
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
            seed: 0,
        }
    }
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Benched {
    /// The server's version.
    pub server_version: String,
    /// Where it comes from.
    pub backend: String,
    /// The pending migrations that were measured.
    pub migrations: Vec<String>,
    /// Requests a second.
    pub rate: f64,
    /// All requests on the migrated database.
    pub overall: Measured,
    /// Their latencies.
    pub curve: Curve,
    /// Each query.
    pub queries: Vec<BenchedQuery>,
    /// What each pending migration did to others while it ran.
    pub impacts: Vec<Impact>,
    /// The same fixed work, before, between and after.
    pub calibrations: Vec<Duration>,
    /// What a hypervisor took from the machine meanwhile, if it says so.
    pub stolen: Option<Duration>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What it comes to.
    pub verdict: Verdict,
    /// How long all of it took.
    pub seconds: f64,
}

/// One query.
#[derive(Clone, Debug)]
pub struct BenchedQuery {
    /// Its name.
    pub name: String,
    /// Its file.
    pub file: PathBuf,
    /// Requests a second.
    pub rate: f64,
    /// Its latencies on the migrated database.
    pub curve: Curve,
    /// Against its own budget, if it has one.
    pub measured: Option<Measured>,
    /// Before and after, where both databases know it and anything is pending.
    pub compared: Option<Compared>,
    /// Its plans before and after.
    pub shapes: Option<(Shape, Shape)>,
    /// The migration that made it slower or faster.
    pub blamed: Option<Blamed>,
    /// How often it failed.
    pub failed: usize,
}

impl Benched {
    /// Whether the machine became faster or slower meanwhile, and by how much.
    pub fn moved(&self) -> f64 {
        workload::moved(&self.calibrations)
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
    let measured = Box::pin(measure(options, workload, &shares, &ground, watch)).await;
    let version = ground.server.version().to_string();
    let backend = ground.server.backend().to_string();
    let names = ground.pending().iter().map(|it| named(it)).collect();
    let ended = Box::pin(ground.close()).await;
    let mut benched = measured?;
    ended?;
    (benched.server_version, benched.backend, benched.migrations) = (version, backend, names);
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
    let compared = Box::pin(turns::compare(&bench, watch)).await?;
    bench.calibrations.push(workload::calibrate(&mut calibrator).await?);
    let bursts = Box::pin(bench.runs(&mut calibrator, watch)).await?;
    bench.calibrations.push(workload::calibrate(&mut calibrator).await?);
    let shapes = bench.shapes(&mut calibrator).await?;
    calibrator.close().await?;
    let mut benched = bench.assemble(&bursts, compared, shapes);
    benched.stolen = workload::stolen().zip(stolen).map(|(now, then)| now.saturating_sub(then));
    Box::pin(blame::blame(&bench, &mut benched, watch)).await?;
    if options.impact.is_some() {
        benched.impacts = Box::pin(impact::impact(&bench, watch)).await?;
    }
    benched.findings = findings(options, &benched, ground);
    benched.verdict = verdict(&benched);
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
            watch.event(Event::Note(&begins));
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
        compared: Vec<Option<Compared>>,
        shapes: Vec<Option<(Shape, Shape)>>,
    ) -> Benched {
        let rule = Rule { limit: self.options.budget };
        let overall = workload::judge(rule, bursts, |_| true);
        let latencies = |place: Option<usize>| {
            let samples = bursts.iter().flat_map(|burst| &burst.samples);
            let meant = samples.filter(move |it| place.is_none_or(|place| it.query == place));
            Curve::of(meant.map(workload::Sample::latency))
        };
        let parts = self.load.queries.iter().zip(compared).zip(shapes).enumerate();
        let queries = parts.map(|(place, ((query, compared), shapes))| {
            let is_it = move |sample: &workload::Sample| sample.query == place;
            let fails = |sample: &&workload::Sample| {
                is_it(sample) && matches!(sample.outcome, Outcome::Failed(_))
            };
            BenchedQuery {
                name: query.name.clone(),
                file: query.file.clone(),
                rate: self.shares.of(place),
                curve: latencies(Some(place)),
                measured: query.budget.map(|limit| workload::judge(Rule { limit }, bursts, is_it)),
                compared,
                shapes,
                blamed: None,
                failed: bursts.iter().flat_map(|it| &it.samples).filter(fails).count(),
            }
        });
        Benched {
            server_version: String::new(),
            backend: String::new(),
            migrations: Vec::new(),
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

fn findings(options: &BenchOptions, benched: &Benched, ground: &Ground) -> Vec<Finding> {
    let mut findings = ground.findings.clone();
    findings.extend(checks::over_budget(None, &benched.overall, benched.rate));
    for query in &benched.queries {
        if let Some(measured) = &query.measured {
            let file = Some(query.file.as_path());
            findings.extend(checks::over_budget(file, measured, query.rate));
        }
        let Some(compared) = &query.compared else { continue };
        let differences = match &query.shapes {
            Some((before, after)) => before.differences(after),
            None => Vec::new(),
        };
        let migration =
            query.blamed.as_ref().and_then(|it| ground.pending().get(it.place).copied());
        let lost = query.blamed.as_ref().map(|it| it.lost_indexes.as_slice()).unwrap_or_default();
        let slower = checks::Slower {
            query: &query.name,
            file: &query.file,
            compared,
            differences: &differences,
            migration,
            lost_indexes: lost,
            failed: query.failed,
        };
        findings.extend(checks::slower(&slower));
    }
    if let Some(budgets) = options.impact {
        findings.extend(of_impacts(benched, ground, budgets));
    }
    findings
}

fn of_impacts(benched: &Benched, ground: &Ground, budgets: Budgets) -> Vec<Finding> {
    let mut findings = Vec::new();
    for impact in &benched.impacts {
        let Some(migration) = ground.pending().get(impact.place).copied() else { continue };
        for blocked in &impact.blocked {
            let held = impact.held.iter().filter(|it| it.relation == blocked.table);
            let held = held.max_by_key(|it| it.strength());
            let waited = Waited {
                table: &blocked.table,
                reads: blocked.reads,
                writes: blocked.writes,
                mode: held.map(|it| it.mode.as_str()),
            };
            findings.extend(checks::blocking_lock(migration, &waited, budgets));
        }
        for table in &impact.rewritten {
            let size = (rows(table.rows), table.bytes);
            findings.push(checks::table_rewrite(migration, &table.name, size, budgets));
        }
    }
    findings
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of rows")]
fn rows(rows: f64) -> u64 {
    rows.max(0.0) as u64
}

/// What all of it comes to: what nobody can tell is no pass.
fn verdict(benched: &Benched) -> Verdict {
    let is_damaged = |it: &Finding| it.check == CheckId::RestoreFailed;
    if workload::has_moved(&benched.calibrations) || benched.findings.iter().any(is_damaged) {
        return Verdict::Inconclusive;
    }
    let own = benched.queries.iter().filter_map(|it| it.measured.as_ref());
    let gates = std::iter::once(&benched.overall).chain(own).map(|it| it.gate.verdict);
    let changes = benched.queries.iter().filter_map(|it| it.compared.as_ref());
    let changes = changes.map(|it| match it.change {
        workload::Change::Worse => Verdict::Fail,
        workload::Change::Unclear => Verdict::Inconclusive,
        workload::Change::Same | workload::Change::Better => Verdict::Pass,
    });
    let is_over = benched.findings.iter().any(|it| it.counts(Severity::Error));
    let findings = is_over.then_some(Verdict::Fail);
    let all: Vec<Verdict> = gates.chain(changes).chain(findings).collect();
    match () {
        () if all.contains(&Verdict::Fail) => Verdict::Fail,
        () if all.contains(&Verdict::Inconclusive) => Verdict::Inconclusive,
        () => Verdict::Pass,
    }
}

/// Why a gate is not a plain pass or fail, in words.
pub fn why(measured: &Measured) -> Option<&'static str> {
    measured.gate.reason.map(|reason| match reason {
        Reason::Near => "too near to the budget for so many requests, or runs that differ too much",
        Reason::Few => "too few requests or runs for a pass: it takes 5 runs of 200",
        Reason::Blocked => "too many requests waited for a lock",
        Reason::LateClient => "requests were sent late, since this process did not come to it",
    })
}
