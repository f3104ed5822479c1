//! `bench`: whether queries keep their p95 after the pending migrations, on a copy of the data.
//!
//! Two databases stand on one faithful server: as it was, and migrated. The migrated one is measured
//! against the budget; then both are measured in turns, and a query that became slower is followed
//! through the migrations up to the one that did it.

mod blame;
mod ground;
mod turns;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::checks;
use crate::finding::Finding;
use crate::migrations::{Migration, Tool};
use crate::postgres::Session;
use crate::server::{Profile, ServerSpec};
use crate::workload::{
    self, Burst, Clients, Compared, Curve, Load, Measured, Outcome, Plan, Protocol, Reason, Rule,
    Shape, Shares, Values, Verdict, Workload,
};

use super::{Event, RunError, Watch};

pub use blame::Blamed;
use ground::{Ground, made_up};

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
    load: Arc<Load>,
    /// How many sets of values each query has.
    tuples: Vec<usize>,
    /// Whether each query is one that the database of before knows.
    is_known: Vec<bool>,
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
    let (load, is_known) = Box::pin(draw(options, workload, ground)).await?;
    let tuples = load.values.iter().map(|values| values.tuples.len()).collect();
    let load = Arc::new(load);
    let mut bench =
        Bench { options, ground, shares, load, tuples, is_known, calibrations: Vec::new() };
    bench.calibrations.push(workload::calibrate(&mut calibrator).await?);
    let bursts = Box::pin(bench.runs(&mut calibrator, watch)).await?;
    bench.calibrations.push(workload::calibrate(&mut calibrator).await?);
    let compared = Box::pin(turns::compare(&bench, watch)).await?;
    bench.calibrations.push(workload::calibrate(&mut calibrator).await?);
    let shapes = bench.shapes(&mut calibrator).await?;
    calibrator.close().await?;
    let mut benched = bench.assemble(&bursts, compared, shapes);
    benched.stolen = workload::stolen().zip(stolen).map(|(now, then)| now.saturating_sub(then));
    Box::pin(blame::blame(&bench, &mut benched, watch)).await?;
    benched.findings = findings(&benched, ground);
    benched.verdict = verdict(&benched);
    Ok(benched)
}

/// Values for all queries, and which of them the database of before knows.
async fn draw(
    options: &BenchOptions,
    workload: Workload,
    ground: &Ground,
) -> Result<(Load, Vec<bool>), RunError> {
    let mut before = Session::connect(ground.before(), "values").await?;
    let mut after = Session::connect(ground.after(), "values").await?;
    let (mut values, mut is_known) = (Vec::new(), Vec::new());
    let made = made_up(ground.before(), &workload, options.seed).await?;
    for query in &workload.queries {
        let made = |column: &str| match made.get(column) {
            Some(values) => values.clone(),
            None => Err("nothing was made up".to_owned()),
        };
        let mut found = Values::ask(&mut before, query, &made, options.seed).await;
        is_known.push(found.is_ok());
        if found.is_err() || ground.has_pending() {
            // The migrated one must know it in any case; its words are those of the user's next day.
            let asked = Values::ask(&mut after, query, &made, options.seed).await?;
            found = found.or(Ok(asked));
        }
        values.push(found?);
    }
    before.close().await?;
    after.close().await?;
    let timeout = (options.budget * 20).max(Duration::from_secs(10));
    let Workload { queries } = workload;
    Ok((Load { queries, values, protocol: options.protocol, timeout }, is_known))
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
            let mut clients = self.connect(self.ground.after()).await?;
            let warm = workload::warm_up(&mut clients, self.shares, &self.tuples, seed).await?;
            let plan = Plan::new(self.shares, self.options.requests, &self.tuples, seed);
            let which = format!("run {} of {}", run + 1, self.options.runs);
            let begins = format!("{which}: warm after {warm} requests");
            watch.event(Event::Note(&begins));
            let burst = clients.send(&Arc::new(plan), self.options.budget).await?;
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

    async fn connect(&self, target: &crate::postgres::Target) -> Result<Clients, RunError> {
        Ok(Clients::open(target, &self.load, self.options.connections).await?)
    }

    /// The plans of all queries on both databases; `None` for one that only the migrated one knows.
    async fn shapes(&self, after: &mut Session) -> Result<Vec<Option<(Shape, Shape)>>, RunError> {
        let mut before = Session::connect(self.ground.before(), "plans").await?;
        let mut shapes = Vec::new();
        for (place, query) in self.load.queries.iter().enumerate() {
            let values = self.load.values.get(place).and_then(|it| it.tuples.first());
            let both = match values.filter(|_| self.is_known.get(place) == Some(&true)) {
                Some(values) => {
                    let one = workload::shape(&mut before, query, values).await?;
                    Some((one, workload::shape(after, query, values).await?))
                }
                None => None,
            };
            shapes.push(both);
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
            calibrations: self.calibrations.clone(),
            stolen: None,
            findings: Vec::new(),
            verdict: Verdict::Inconclusive,
            seconds: 0.0,
        }
    }
}

fn findings(benched: &Benched, ground: &Ground) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        checks::over_budget(None, &benched.overall, benched.rate).into_iter().collect();
    for query in &benched.queries {
        if let Some(measured) = &query.measured {
            let file = Some(query.file.as_path());
            findings.extend(checks::over_budget(file, measured, query.rate));
        }
        let (Some(compared), Some((before, after))) = (&query.compared, &query.shapes) else {
            continue;
        };
        let migration =
            query.blamed.as_ref().and_then(|it| ground.pending().get(it.place).copied());
        let lost = query.blamed.as_ref().map(|it| it.lost_indexes.as_slice()).unwrap_or_default();
        let slower = checks::Slower {
            query: &query.name,
            file: &query.file,
            compared,
            before,
            after,
            migration,
            lost_indexes: lost,
        };
        findings.extend(checks::slower(&slower));
    }
    findings
}

/// What all of it comes to: what nobody can tell is no pass.
fn verdict(benched: &Benched) -> Verdict {
    if workload::has_moved(&benched.calibrations) {
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
    let all: Vec<Verdict> = gates.chain(changes).collect();
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
        Reason::Moved => "the machine became faster or slower meanwhile",
    })
}
