//! `verify`: a whole history climbed on an ephemeral server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::checks;
use crate::finding::{Claim, Finding, Severity};
use crate::migrations::{History, Migration, Tool, compare};
use crate::server::{Server, ServerSpec};
use crate::steps::{Ground, Reading};

use super::climb::Climb;
use super::outcome::{Judged, Seconds, Verification};
use super::{Event, RunError, Watch, batch, repro};

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

/// What to verify and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of migrations.
    pub folder: PathBuf,
    /// Forces a layout.
    pub tool: Option<Tool>,
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
}

impl Options {
    /// The defaults for a folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            tool: None,
            server: ServerSpec::default(),
            backup: None,
            transaction: TransactionMode::default(),
            fail_on: Severity::Error,
            fail_fast: false,
            repro: None,
            reading: Reading::default(),
            claims: Vec::new(),
        }
    }
}

/// Climbs the history in `options.folder` and says what is wrong with it. Findings are in the
/// result; an error means that the run could not be finished. Nothing is left on the machine but
/// the repro scripts.
pub async fn verify(
    options: &Options,
    watch: &mut (dyn Watch + Send),
) -> Result<Verification, RunError> {
    let start = Instant::now();
    let history = load(options)?;
    let layout = format!("{}, since {}", history.tool, history.because);
    watch.event(Event::Loaded { migrations: history.migrations.len(), layout: &layout });
    for path in &history.lone {
        let note = format!("{} is a downgrade without an upgrade; nothing runs it", path.display());
        watch.event(Event::Note(&note));
    }
    let server = Server::acquire(&options.server).await?;
    watch.event(Event::Server(server.reason()));
    // Boxed: what it holds over its waits is large.
    let result = Box::pin(followed_or_whole(&server, options, &history, watch)).await;
    let stopped = server.stop().await;
    let mut verification = result?;
    stopped?;
    verification.seconds = start.elapsed().as_secs_f64();
    Ok(verification)
}

fn load(options: &Options) -> Result<History, RunError> {
    let mut history = History::load(&options.folder, options.tool)?;
    if options.transaction == TransactionMode::PerMigration {
        batch::wrap_each(&mut history);
    }
    for (revision, claim) in &options.claims {
        let place = crate::migrations::resolve(revision, &history, crate::migrations::Place(0))?;
        let migration = place.0.checked_sub(1).and_then(|at| history.migrations.get_mut(at));
        if let Some(migration) = migration {
            migration.claims.push(claim.clone());
        }
    }
    Ok(history)
}

/// Follows the schema from step to step; should that not lead to the schema that is there at the
/// end, everything is done again with whole reads.
async fn followed_or_whole(
    server: &Server,
    options: &Options,
    history: &History,
    watch: &mut (dyn Watch + Send),
) -> Result<Verification, RunError> {
    let reading = options.reading;
    let followed = Box::pin(on_server(server, options, history, reading, watch)).await?;
    if let Some(verification) = followed {
        return Ok(verification);
    }
    watch
        .event(Event::Note("the schema was not followed rightly; climbing again with whole reads"));
    let whole = Box::pin(on_server(server, options, history, Reading::Whole, watch)).await?;
    whole.ok_or_else(|| RunError::Unsteady)
}

/// `None` if the schema at the end is not the one that was followed.
async fn on_server(
    server: &Server,
    options: &Options,
    history: &History,
    reading: Reading,
    watch: &mut (dyn Watch + Send),
) -> Result<Option<Verification>, RunError> {
    let (mut ground, restored) =
        Ground::open(server, history.tool, options.backup.as_deref(), reading).await?;
    let mut findings = history.findings.clone();
    let (session, ledger) = ground.climber()?;
    let applied = ledger.read(session, history).await?;
    if let (Some(restored), Some(backup)) = (&restored, &options.backup) {
        findings.extend(checks::restore_failed(backup, restored));
        let seconds = restored.took.as_secs_f64();
        watch.event(Event::Restored { seconds, applied: applied.len() });
        if !restored.roles.is_empty() {
            let roles = restored.roles.join(", ");
            watch.event(Event::Note(&format!("made roles without login for the backup: {roles}")));
        }
    }
    findings.extend(compare(&applied, history));
    let is_applied =
        |migration: &&Migration| applied.iter().any(|row| row.version == migration.version);
    let pending: Vec<&Migration> =
        history.migrations.iter().filter(|migration| !is_applied(migration)).collect();
    let origin = history.migrations.iter().rfind(is_applied);
    let (pending, doubles) = without_doubles(pending);
    let mut verification = Verification {
        server_version: server.version().to_string(),
        backend: server.backend().as_str(),
        tool: history.tool.as_str(),
        folder: history.folder.clone(),
        applied: history.migrations.len() - pending.len() - doubles.len(),
        migrations: Vec::new(),
        left_out: 0,
        findings,
        sources: BTreeMap::new(),
        seconds: 0.0,
    };
    let climb = Climb::begin(ground, origin).await?;
    if !Box::pin(climb_all(climb, &pending, options, &mut verification, watch)).await? {
        return Ok(None);
    }
    verification.migrations.extend(doubles);
    if options.transaction == TransactionMode::All {
        let together = batch::together(server, options, history, &pending).await?;
        place(together, &mut verification);
    }
    place(std::mem::take(&mut verification.findings), &mut verification);
    verification.sources = sources(history, &verification);
    if let Some(folder) = &options.repro {
        repro::write(folder, history, &pending, options.backup.as_deref(), &mut verification)?;
    }
    Ok(Some(verification))
}

/// Gives whether the schema was followed rightly.
async fn climb_all<'h>(
    mut climb: Climb<'_, 'h>,
    pending: &[&'h Migration],
    options: &Options,
    verification: &mut Verification,
    watch: &mut (dyn Watch + Send),
) -> Result<bool, RunError> {
    for (index, migration) in pending.iter().enumerate() {
        let name = format!("{} {}", migration.revision, migration.name);
        watch.event(Event::Begins { index, total: pending.len(), name: &name });
        let judged = climb.one(migration).await?;
        let errors =
            judged.findings.iter().filter(|finding| finding.counts(options.fail_on)).count();
        watch.event(Event::Judged { name: &name, errors });
        verification.migrations.push(judged);
        if errors > 0 && options.fail_fast {
            verification.left_out = pending.len() - index - 1;
            break;
        }
    }
    climb.end().await
}

/// Takes out every migration whose version another one before it has: no tool runs both.
fn without_doubles<'h>(all: Vec<&'h Migration>) -> (Vec<&'h Migration>, Vec<Judged>) {
    let mut pending: Vec<&'h Migration> = Vec::new();
    let mut doubles = Vec::new();
    for migration in all {
        match pending.last().filter(|before| before.version == migration.version) {
            None => pending.push(migration),
            Some(before) => doubles.push(Judged {
                revision: migration.revision.clone(),
                name: migration.name.clone(),
                file: migration.upgrade.path.clone(),
                seconds: Seconds::default(),
                findings: Vec::new(),
                unjudged: Some(format!("it was not run: {} has its version", before.name)),
            }),
        }
    }
    (pending, doubles)
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
        .map(|script| (script.path.clone(), script.text.clone()))
        .collect()
}
