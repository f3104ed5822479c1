//! The gate before a release: one answer from facts, each with what was seen.
//!
//! Knows which facts there are, where each comes from and what they come to together. Changes nothing in
//! the database, and believes a report only as far as it is about these files and this database.

mod allowances;
mod backups;
mod database;
mod drilled;
mod evidence;
mod latency;
mod outcome;
mod policy;
mod statement;
mod verification;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::migrations::{History, MigrationDigest};
use crate::postgres::Target;

pub use evidence::EvidenceError;
pub use outcome::{Asked, Counted, Ended, FACTS, Fact, Gated, Named, PendingMigration};
pub use policy::{Policy, Reviewed};
pub use statement::statement;

use super::{Options, RunError, Watch};
use database::Looked;
use outcome::State;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// The database that the release is for.
    pub target: Target,
    /// For how long it may stay silent.
    pub connect: Duration,
    /// `production`, `staging` or `development`.
    pub environment: String,
    /// The history, and how what is pending is verified where no report says it.
    pub verify: Options,
    /// Reports of `verify` as JSON, for example one of each shard.
    pub verifications: Vec<PathBuf>,
    /// Reports of `bench` as JSON.
    pub benches: Vec<PathBuf>,
    /// Reports of `drill` as JSON, or folders of them: the newest one counts.
    pub drills: Vec<PathBuf>,
    /// The folder of backups.
    pub backups: PathBuf,
    /// The folder of queries whose p95 is measured, if there is one.
    pub workload: Option<PathBuf>,
    /// What is required.
    pub policy: Policy,
}

/// Looks at all facts and says what they come to.
///
/// # Errors
///
/// [`GateError`] where the database can't be looked at, or where a file that was named is no report.
pub async fn gate(request: &Request, watch: &mut (dyn Watch + Send)) -> Result<Gated, GateError> {
    let start = Instant::now();
    let mut history = super::load(&request.verify)?;
    let found = evidence::read(request)?;
    let looked = Box::pin(database::look(request, &mut history)).await?;
    let mut gated = Gated::new(request, &history, &looked);
    let pending = pending(&history, &looked);
    gated.pending = pending.iter().map(PendingMigration::from).collect();
    let verified = Box::pin(verification::verified(request, &found, &pending, watch)).await?;
    gated.say("verification", verification::judge(request, &verified, &pending, &looked));
    gated.say("allowances", allowances::judge(&request.policy, &verified, &pending));
    gated.say("latency", latency::judge(request, &found, &pending));
    let now = gated.began;
    gated.say("drill", drilled::judge(request, &found, &looked, now));
    let (state, backup) = backups::judge(request, &found, &looked, now);
    gated.say("backup", state);
    gated.backup = backup;
    gated.say("history", database::history(&history, &looked));
    gated.say("one-head", database::one_head(&history));
    gated.say("drift", looked.drift.clone());
    gated.judge();
    gated.seconds = start.elapsed().as_secs_f64();
    Ok(gated)
}

/// The migrations that a release would apply, in order.
fn pending(history: &History, looked: &Looked) -> Vec<MigrationDigest> {
    let is_applied = |version: &str| looked.applied.iter().any(|row| row.version == version);
    let both = history.migrations.iter().zip(history.digests());
    both.filter(|(migration, _)| !is_applied(&migration.version)).map(|(_, it)| it).collect()
}

/// Why the gate could not even be asked.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The folder of migrations or the verification.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A report that was named.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The database.
    #[error("the database can't be looked at: {0}")]
    Database(String),
}

impl GateError {
    /// What the process exits with.
    pub fn exit(&self) -> crate::exit::Exit {
        match self {
            Self::Run(error) => error.exit(),
            Self::Evidence(_) => crate::exit::Exit::Usage,
            Self::Database(_) => crate::exit::Exit::PreflightRefused,
        }
    }
}

/// Shorthand for the judges.
fn held(detail: impl Into<String>) -> State {
    State { ended: Ended::Held, detail: detail.into(), help: None }
}

fn failed(detail: impl Into<String>) -> State {
    State { ended: Ended::Failed, detail: detail.into(), help: None }
}

fn unknown(detail: impl Into<String>) -> State {
    State { ended: Ended::Unknown, detail: detail.into(), help: None }
}

fn absent(detail: impl Into<String>) -> State {
    State { ended: Ended::Absent, detail: detail.into(), help: None }
}
