//! `verify`: a whole history climbed on ephemeral servers.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::finding::{CheckId, Claim, Finding, Severity};
use crate::migrations::{AlembicOptions, History, Migration, Tool};
use crate::server::{Backend, Chosen, Server, ServerSpec};
use crate::steps::{self, Reading};

use super::baseline::Baseline;
use super::climb::Verdicted;
use super::coverage::Head;
use super::lane::{Ended, Work};
use super::lanes::{self, Climbed};
use super::outcome::Verification;
use super::plan::{Plan, Task};
use super::rows::{self, KeptRows, RowOptions};
use super::scope::{Asked, Scope, Shard};
use super::{Event, RunError, Watch, batch, keep, repro};

/// How migrations are put into transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransactionMode {
    /// As the history's tool does it.
    #[default]
    AsIs,
    /// Each script in a transaction of its own, unless it can't be.
    PerMigration,
    /// Besides the climb, all upgrades are also run in one transaction.
    All,
}

/// Whether runs learn from each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Caching {
    /// Everything is climbed anew, and nothing is kept.
    #[default]
    Off,
    /// With all runs on this machine.
    On,
    /// Only with those that have the same word.
    Among(String),
}

/// What to verify and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of migrations.
    pub folder: PathBuf,
    /// Forces a layout.
    pub tool: Option<Tool>,
    /// What an environment of Alembic's is told.
    pub alembic: AlembicOptions,
    /// Which server.
    pub server: ServerSpec,
    /// A backup to begin from.
    pub backup: Option<PathBuf>,
    /// How migrations are put into transactions.
    pub transaction: TransactionMode,
    /// The severity from which a finding counts.
    pub fail_on: Severity,
    /// Stop after the first migration with findings that count.
    pub fail_fast: bool,
    /// The folder for scripts that show a finding again; `None` writes none.
    pub repro: Option<PathBuf>,
    /// How the schema is read after each step; whole reads cost more and say the same.
    pub reading: Reading,
    /// Claims from outside of the files: revision and claim.
    pub claims: Vec<(String, Claim)>,
    /// Which migrations are judged.
    pub scope: Scope,
    /// The file of findings that are known and fail nothing, as [`Baseline::record`] gives them.
    pub baseline: Option<PathBuf>,
    /// A part of those, for one of several machines.
    pub shard: Option<Shard>,
    /// How many lanes climb side by side; as many as there are cores if not said, and fewer where
    /// there is little to do.
    pub jobs: Option<usize>,
    /// Whether what earlier runs learnt is used, and what this one learns is kept.
    pub caching: Caching,
    /// Whether verdicts say what each migration changes.
    pub changes: bool,
    /// How rows are given to each migration; `None` tries none.
    pub rows: Option<RowOptions>,
    /// Where rows that show something are kept, to be tried first from then on; `None` neither
    /// keeps nor tries any. Of a climb from a backup nothing is kept.
    pub keep_rows: Option<KeptRows>,
}

impl Options {
    /// The defaults for a folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            tool: None,
            alembic: AlembicOptions::default(),
            server: ServerSpec::default(),
            backup: None,
            transaction: TransactionMode::default(),
            fail_on: Severity::Error,
            fail_fast: false,
            repro: None,
            reading: Reading::default(),
            claims: Vec::new(),
            scope: Scope::All,
            baseline: None,
            shard: None,
            jobs: None,
            caching: Caching::Off,
            changes: false,
            rows: Some(RowOptions::default()),
            keep_rows: None,
        }
    }
}

/// Climbs the history in `options.folder` and says what is wrong with it. Findings are in the
/// result; an error means that the run could not be finished. Nothing is left on the machine but
/// the repro scripts, rows where `options.keep_rows` says so, and what is kept for the next run if
/// `options.caching` does.
pub async fn verify(
    options: &Options,
    watch: &mut (dyn Watch + Send),
) -> Result<Verification, RunError> {
    let start = Instant::now();
    let history = load(options)?;
    announce(&history, watch);
    let baseline = known_before(options, watch)?;
    let asked = Box::pin(Asked::of(options, &history, watch)).await?;
    let is_climb_alone = options.backup.is_none() && options.transaction != TransactionMode::All;
    if asked.is_empty() && is_climb_alone {
        return Ok(nothing(options, &history, asked, baseline.as_ref(), start));
    }
    let chosen = Chosen::find(&options.server).await?;
    let (server, known) = identify(options, &chosen).await?;
    let make_plan = || Plan::new(options, &history, &asked, &chosen, known.as_deref());
    let plan = make_plan();
    let turn = plan.turn().await;
    // Whoever had the turn before may have climbed it all.
    let plan = if turn.is_some() { make_plan() } else { plan };
    let options = options.clone();
    let work = Arc::new(Work { options, history, asked, baseline, chosen, plan });
    let planned = start.elapsed().as_secs_f64();
    // Boxed: what they hold over their waits is large.
    let climbed = Box::pin(climb(&work, server, watch)).await?;
    let kept = Box::pin(keep::keep(&work, &climbed, watch)).await;
    let mut verification = Box::pin(assemble(&work, climbed)).await?;
    // Generated rows may refer to rows of a backup, which belong to nobody's repository.
    let keeps = work.options.keep_rows.as_ref().filter(|_| work.options.backup.is_none());
    if let Some(keeps) = keeps.filter(|keeps| keeps.writes) {
        for note in rows::keep(keeps, &mut verification) {
            watch.event(Event::Note(&note));
        }
    }
    // Whoever climbs next finds these rows.
    drop(turn);
    verification.parts.plan = planned;
    verification.parts.keep = kept;
    verification.seconds = start.elapsed().as_secs_f64();
    Ok(verification)
}

fn announce(history: &History, watch: &mut (dyn Watch + Send)) {
    let layout = format!("{}, since {}", history.tool, history.because);
    watch.event(Event::Loaded { migrations: history.migrations.len(), layout: &layout });
    for path in &history.lone {
        let note = format!("{} is a downgrade without an upgrade; nothing runs it", path.display());
        watch.event(Event::Note(&note));
    }
}

/// The history that `options` name, with the claims of `options`.
pub fn load(options: &Options) -> Result<History, RunError> {
    if let Some(rows) = &options.rows {
        rows.check()?;
    }
    let mut history = History::load_with(&options.folder, options.tool, &options.alembic)?;
    if options.transaction == TransactionMode::PerMigration {
        batch::wrap_each(&mut history.migrations);
    }
    history.add_claims(&options.claims)?;
    Ok(history)
}

/// What was known when the baseline was written.
fn known_before(
    options: &Options,
    watch: &mut (dyn Watch + Send),
) -> Result<Option<Baseline>, RunError> {
    let Some(path) = &options.baseline else { return Ok(None) };
    let baseline = Baseline::read(path)?;
    let known = match baseline.entries().len() {
        1 => "1 finding is known".to_owned(),
        count => format!("{count} findings are known"),
    };
    watch.event(Event::Note(&format!("baseline {}: {known}", path.display())));
    Ok(Some(baseline))
}

/// What there is to say where nothing has to be climbed: no server is needed for that.
fn nothing(
    options: &Options,
    history: &History,
    asked: Asked,
    baseline: Option<&Baseline>,
    start: Instant,
) -> Verification {
    let mut verification = Verification {
        passed: history.migrations.len(),
        ..Verification::empty(history, "none", asked.findings)
    };
    accept(baseline, options, history, &mut verification);
    verification.sources = sources(history, &verification);
    verification.seconds = start.elapsed().as_secs_f64();
    verification.parts.plan = verification.seconds;
    verification
}

/// All that is known about the server, if what is kept is to be used; some servers must be
/// started for that.
pub(super) async fn identify(
    options: &Options,
    chosen: &Chosen,
) -> Result<(Option<Server>, Option<String>), RunError> {
    // On a server of others there may be roles and rights that no key knows.
    if options.caching == Caching::Off || options.backup.is_some() || !chosen.is_plural() {
        return Ok((None, None));
    }
    if let Some(known) = chosen.fingerprint() {
        return Ok((None, Some(known)));
    }
    if chosen.backend() == Backend::Local {
        return Ok((None, None));
    }
    let server = chosen.start().await?;
    let known = steps::fingerprint(&server).await?;
    Ok((Some(server), Some(known)))
}

/// Climbs what no earlier run climbed.
async fn climb(
    work: &Arc<Work>,
    server: Option<Server>,
    watch: &mut (dyn Watch + Send),
) -> Result<Climbed, RunError> {
    let options = &work.options;
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let is_alone = options.backup.is_some() || !work.chosen.is_plural();
    let jobs = if is_alone { 1 } else { options.jobs.unwrap_or(cores) };
    if is_alone && options.jobs.is_some_and(|jobs| jobs > 1) {
        watch.event(Event::Note(
            "one lane: only local servers and containers without a backup can be several",
        ));
    }
    // Asked for by number, lanes are made for less.
    let least = match work.chosen.backend() {
        _ if options.jobs.is_some() => 1,
        Backend::Container => 64,
        _ => 16,
    };
    let ranges = match options.backup {
        // What it has applied is only known when it is restored.
        Some(_) => std::iter::once(0..work.plan.stages.len()).collect(),
        None => work.plan.lanes(jobs, least),
    };
    if ranges.is_empty() {
        // Started to be asked what it is.
        if let Some(server) = server {
            let reason = server.reason().to_owned();
            let version = server.version().to_string();
            Box::pin(server.stop()).await?;
            watch.event(Event::Server(&reason));
            let ended = Ended { version, ..Ended::default() };
            return Ok(Climbed { ended: vec![ended], ..Climbed::default() });
        }
        return Ok(Climbed::default());
    }
    lanes::climb(work, ranges, server, watch).await
}

/// Puts together what was climbed and what was known.
async fn assemble(work: &Work, climbed: Climbed) -> Result<Verification, RunError> {
    let (options, history) = (&work.options, &work.history);
    let Climbed { judged, ended } = climbed;
    let backend = work.chosen.backend().as_str();
    let mut verification = Verification {
        server_version: work.chosen.version().map(ToString::to_string).unwrap_or_default(),
        lanes: ended.iter().filter(|ended| ended.parts.climb > 0.0).count(),
        ..Verification::empty(history, backend, work.asked.findings.clone())
    };
    let mut applied = BTreeSet::new();
    for mut lane in ended {
        if !lane.version.is_empty() {
            verification.server_version = lane.version;
        }
        verification.parts.add(lane.parts);
        verification.findings.append(&mut lane.findings);
        applied.append(&mut lane.applied);
    }
    verification.has_rows = options.rows.is_some();
    let is_applied = |migration: &&Migration| applied.contains(&migration.version);
    verification.applied = history.migrations.iter().filter(is_applied).count();
    take_verdicts(work, judged, &applied, &mut verification)?;
    verification.migrations.extend(work.plan.doubles.iter().cloned());
    let pending: Vec<&Migration> = (0..work.plan.stages.len())
        .filter_map(|at| work.stage(at))
        .map(|(_, migration)| migration)
        .filter(|migration| !is_applied(migration))
        .collect();
    if options.transaction == TransactionMode::All {
        let together = batch::together(&work.chosen, options, history, &pending);
        let together = Box::pin(together).await?;
        place(together, &mut verification);
    }
    verification.findings.extend(verification.head.as_ref().and_then(Head::finding));
    verification.findings.extend(work.plan.rows.idle(history));
    place(std::mem::take(&mut verification.findings), &mut verification);
    accept(work.baseline.as_ref(), options, history, &mut verification);
    verification.sources = sources(history, &verification);
    if let Some(folder) = &options.repro {
        repro::write(folder, history, &pending, options.backup.as_deref(), &mut verification)?;
    }
    Ok(verification)
}

/// The verdicts in the order of the history, up to the first that fails if nothing after it is
/// asked for.
fn take_verdicts(
    work: &Work,
    mut judged: BTreeMap<usize, Verdicted>,
    applied: &BTreeSet<String>,
    verification: &mut Verification,
) -> Result<(), RunError> {
    let mut over = false;
    for at in 0..work.plan.stages.len() {
        let Some((stage, migration)) = work.stage(at) else { break };
        if applied.contains(&migration.version) {
            continue;
        }
        let verdict = match &stage.task {
            Task::Pass => {
                verification.passed += 1;
                continue;
            }
            Task::Known(known) => Some(known.judged.clone()),
            Task::Climb => judged.remove(&at).map(|verdicted| verdicted.judged),
        };
        if over {
            verification.left_out += 1;
            continue;
        }
        // A lane that had failed here was climbed again and had not: nothing can be said.
        let verdict = verdict.ok_or(RunError::Unsteady)?;
        over = work.options.fail_fast && work.failures(&verdict) > 0;
        if at + 1 == work.plan.stages.len() {
            verification.head = verdict.tried.as_ref().and_then(|tried| tried.head.clone());
        }
        verification.migrations.push(verdict);
    }
    Ok(())
}

/// Accepts what is known; what is kept for other runs has no part in it.
fn accept(
    baseline: Option<&Baseline>,
    options: &Options,
    history: &History,
    verification: &mut Verification,
) {
    let Some(baseline) = baseline else { return };
    let is_all = options.scope == Scope::All && options.shard.is_none();
    let is_whole = is_all && verification.left_out == 0;
    let has_file =
        |revision: &str| history.migrations.iter().any(|known| known.revision == revision);
    let is_gone = |revision: &str| is_whole && !has_file(revision);
    // Beside rows only a backup gives findings that belong to no migration.
    let has_head = verification.head.is_some();
    let is_said = |check: CheckId| {
        is_whole && if check == CheckId::SeedCoverage { has_head } else { options.backup.is_some() }
    };
    baseline.settle(verification, is_gone, is_said);
}

/// Gives each finding to the migration whose file it is about; the rest stays with the run.
fn place(findings: Vec<Finding>, verification: &mut Verification) {
    for finding in findings {
        let of_file = verification
            .migrations
            .iter_mut()
            .find(|judged| finding.file.as_ref() == Some(&judged.file));
        match of_file {
            Some(judged) => judged.findings.push(finding),
            None => verification.findings.push(finding),
        }
    }
}

fn sources(
    history: &History,
    verification: &Verification,
) -> BTreeMap<PathBuf, std::sync::Arc<str>> {
    let named: Vec<&Path> = verification
        .all_findings()
        .filter_map(|(_, finding)| finding.span.as_ref().map(|span| span.file.as_path()))
        .collect();
    let scripts = history
        .migrations
        .iter()
        .flat_map(|migration| std::iter::once(&migration.upgrade).chain(&migration.downgrade));
    scripts
        .filter(|script| named.contains(&script.path.as_path()))
        .map(|script| (script.path.clone(), script.file.clone()))
        .collect()
}
