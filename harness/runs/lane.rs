//! One lane: a server of its own, on which neighbouring migrations are climbed.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc::UnboundedSender;

use crate::checks;
use crate::finding::Finding;
use crate::migrations::{Applied, History, Migration, compare};
use crate::server::{Chosen, Kept, Server};
use crate::steps::{Ground, Origin, Reading};

use super::RunError;
use super::baseline::Baseline;
use super::climb::{Climb, Verdicted};
use super::outcome::{Judged, Parts};
use super::plan::{Plan, Stage, Task};
use super::scope::Asked;
use super::verify::Options;

/// What all lanes work on.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) options: Options,
    pub(super) history: History,
    /// What is asked about the history.
    pub(super) asked: Asked,
    /// What was known before.
    pub(super) baseline: Option<Baseline>,
    pub(super) chosen: Chosen,
    pub(super) plan: Plan,
}

/// What a lane says while it works.
#[derive(Debug)]
pub(super) enum Said {
    /// Its server is there.
    Server(String),
    /// A backup was restored.
    Restored { seconds: f64, applied: usize },
    /// It begins with a stage.
    Begins(usize),
    /// It has judged a stage.
    Judged(usize, Box<Verdicted>),
    /// Something that a person should know.
    Note(String),
    /// It has ended.
    Ended(Box<Result<Ended, RunError>>),
}

/// What a lane leaves.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// The stages that were its own.
    pub(super) range: Range<usize>,
    /// Whether it came to its end, where what it says is proven.
    pub(super) is_proven: bool,
    /// The server's version.
    pub(super) version: String,
    /// The versions that the backup had applied.
    pub(super) applied: BTreeSet<String>,
    /// Findings about the backup.
    pub(super) findings: Vec<Finding>,
    pub(super) parts: Parts,
}

/// A lane at work.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) work: Arc<Work>,
    /// The stages that are its own.
    pub(super) range: Range<usize>,
    pub(super) says: UnboundedSender<Said>,
    /// What it has measured.
    pub(super) ended: Ended,
}

impl Lane {
    /// Follows the schema from step to step; should that not lead to the schema that is there at
    /// the end, everything is done again with whole reads. `server` is one that was started already.
    pub(super) async fn run(mut self, server: Option<Server>) -> Result<Ended, RunError> {
        let reading = self.work.options.reading;
        // Boxed: what it holds over its waits is large.
        self.ended.is_proven = true;
        if Box::pin(self.attempt(server, reading)).await? {
            return Ok(self.ended);
        }
        self.say(Said::Note(
            "the schema was not followed rightly; climbing again with whole reads".to_owned(),
        ));
        if Box::pin(self.attempt(None, Reading::Whole)).await? {
            return Ok(self.ended);
        }
        Err(RunError::Unsteady)
    }

    /// Gives whether the schema was followed rightly.
    async fn attempt(
        &mut self,
        server: Option<Server>,
        reading: Reading,
    ) -> Result<bool, RunError> {
        let work = Arc::clone(&self.work);
        let begun = Instant::now();
        let opened = self.open(&work, server, reading).await?;
        self.ended.parts.start += begun.elapsed().as_secs_f64();
        let (mut climb, first) = opened;
        climb.say_changes(work.options.changes);
        let has_backup = work.options.backup.is_some();
        climb.try_rows(work.options.rows, &work.plan.rows, has_backup);
        for at in first..self.range.end {
            let Some((stage, migration)) = work.stage(at) else { break };
            if self.ended.applied.contains(&migration.version) {
                continue;
            }
            let begun = Instant::now();
            if at < self.range.start || !matches!(stage.task, Task::Climb) {
                climb.pass(migration).await?;
                self.ended.parts.pass += begun.elapsed().as_secs_f64();
                continue;
            }
            self.say(Said::Begins(at));
            let mut verdicted = climb.one(migration).await?;
            if at + 1 == work.plan.stages.len() {
                let judged = &mut verdicted.judged;
                // What is missing would differ, and that is said.
                if verdicted.upgraded && climb.is_complete() {
                    judged.findings.extend(climb.models(migration).await?);
                }
                judged.models = migration.models().map(str::to_owned);
                if let Some(tried) = &mut judged.tried {
                    tried.head = climb.head().await?;
                }
            }
            self.ended.parts.climb += begun.elapsed().as_secs_f64();
            let fails = work.failures(&verdicted.judged) > 0;
            self.say(Said::Judged(at, Box::new(verdicted)));
            if fails && work.options.fail_fast {
                break;
            }
        }
        let begun = Instant::now();
        let followed = Box::pin(climb.end()).await?;
        self.ended.parts.end += begun.elapsed().as_secs_f64();
        Ok(followed)
    }

    /// The ground that the first own stage needs most of, and which stage comes next on it.
    async fn open<'w>(
        &mut self,
        work: &'w Work,
        server: Option<Server>,
        reading: Reading,
    ) -> Result<(Climb<'w>, usize), RunError> {
        let (chosen, records) = (&work.chosen, &work.history.records);
        if let (None, Some((count, kept))) = (&server, work.plan.base(self.range.start))
            && let Some(climb) = on_kept(work, *count, kept, reading).await?
        {
            self.met(climb.server());
            return Ok((climb, *count));
        }
        let server = match server {
            Some(server) => server,
            None => chosen.start().await?,
        };
        self.met(&server);
        let backup = work.options.backup.as_deref();
        let origin = backup.map_or(Origin::Empty, Origin::Backup);
        let (mut ground, restored) = Ground::open(chosen, server, records, origin, reading).await?;
        let mut last = None;
        if let (Some(backup), Some(restored)) = (backup, restored) {
            let (session, ledger) = ground.climber()?;
            let applied = ledger.read(session, &work.history).await?;
            let seconds = restored.took.as_secs_f64();
            self.say(Said::Restored { seconds, applied: applied.len() });
            if !restored.roles.is_empty() {
                let roles = restored.roles.join(", ");
                self.say(Said::Note(format!("made roles without login for the backup: {roles}")));
            }
            self.ended.findings = checks::restore_failed(backup, &restored);
            self.ended.findings.extend(compare(&applied, &work.history));
            last = self.is_applied(work, &applied);
        }
        Ok((Climb::begin(ground, last, Vec::new(), None), 0))
    }

    /// Notes what a backup had applied; gives the last of it.
    fn is_applied<'w>(&mut self, work: &'w Work, applied: &[Applied]) -> Option<&'w Migration> {
        self.ended.applied = applied.iter().map(|row| row.version.clone()).collect();
        let migrations = &work.history.migrations;
        migrations.iter().rfind(|migration| self.ended.applied.contains(&migration.version))
    }

    fn met(&mut self, server: &Server) {
        self.ended.version = server.version().to_string();
        self.say(Said::Server(server.reason().to_owned()));
    }

    fn say(&self, said: Said) {
        // Nobody listens any more when the run is being broken off.
        let _ = self.says.send(said);
    }
}

/// A climb on a data directory in which the first `count` stages are applied; `None` if it is gone.
pub(super) async fn on_kept<'w>(
    work: &'w Work,
    count: usize,
    kept: &Kept,
    reading: Reading,
) -> Result<Option<Climb<'w>>, RunError> {
    let Ok(note) = serde_json::from_str::<Applies>(kept.note()) else { return Ok(None) };
    let Ok(Some((server, database))) = work.chosen.start_on(kept).await else {
        // Cut short by a crash, say: it is made again.
        kept.discard();
        return Ok(None);
    };
    let origin = Origin::Database(Box::new(database));
    let (ground, _) =
        Ground::open(&work.chosen, server, &work.history.records, origin, reading).await?;
    let before: Vec<&Migration> =
        (0..count).filter_map(|at| work.stage(at)).map(|(_, migration)| migration).collect();
    let failed = |migration: &&&Migration| note.failed.contains(&migration.version);
    let missing = before.iter().find(failed).copied();
    let linear = before.iter().filter(|migration| !failed(migration)).copied().collect();
    Ok(Some(Climb::begin(ground, None, linear, missing)))
}

/// The note beside a kept data directory.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Applies {
    /// The folder that it was made from, for people.
    pub(super) folder: String,
    /// How many migrations were run.
    pub(super) count: usize,
    /// The versions whose upgrades failed.
    pub(super) failed: BTreeSet<String>,
}

impl Work {
    /// How many findings fail it.
    pub(super) fn failures(&self, judged: &Judged) -> usize {
        let threshold = self.options.fail_on;
        match &self.baseline {
            Some(baseline) => baseline.news(judged, threshold),
            None => judged.findings.iter().filter(|finding| finding.counts(threshold)).count(),
        }
    }

    /// A stage with its migration.
    pub(super) fn stage(&self, at: usize) -> Option<(&Stage, &Migration)> {
        let stage = self.plan.stages.get(at)?;
        Some((stage, self.history.migrations.get(stage.at)?))
    }
}
