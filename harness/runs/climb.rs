//! The climb: each migration up, down and up again, judged from the state that the upgrades before
//! it give and nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::checks::{self, Climbed, Whose};
use crate::finding::{CheckId, Finding, Severity};
use crate::migrations::Migration;
use crate::schema::Snapshot;
use crate::server::Server;
use crate::steps::{self, Ground, Refusal, StepFailure};

use super::RunError;
use super::coverage::Head;
use super::discreet::{discreet, discreet_head, without_lines};
use super::outcome::{Judged, Seconds};
use super::rows::{self, Kept, RowOptions};

/// A climb under way.
#[derive(Debug)]
pub(super) struct Climb<'h> {
    ground: Ground,
    /// The schema that the upgrades so far give, unless it was not looked at since the last one.
    state: Option<Arc<Snapshot>>,
    /// What was applied when the climb began: the last of it is where a downgrade leads back to.
    origin: Option<&'h Migration>,
    /// The upgrades that ran since then.
    linear: Vec<&'h Migration>,
    /// The first migration whose upgrade failed.
    missing: Option<&'h Migration>,
    /// Whether verdicts say what each migration changes.
    says_changes: bool,
    /// How rows are given, if they are.
    rows: Option<RowOptions>,
    /// Rows that are tried before those.
    kept: Option<&'h Kept>,
    /// Whether rows may be those of a backup.
    has_backup: bool,
}

/// What a climb says about one migration.
#[derive(Debug)]
pub(super) struct Verdicted {
    pub(super) judged: Judged,
    /// Whether its upgrade ran.
    pub(super) upgraded: bool,
}

type Outcome = Option<Result<Duration, StepFailure>>;

impl<'h> Climb<'h> {
    /// Begins on `ground`, where `origin` was the last migration applied when a backup was restored,
    /// the upgrades of `linear` have run since, and that of `missing` was the first to fail.
    pub(super) fn begin(
        ground: Ground,
        origin: Option<&'h Migration>,
        linear: Vec<&'h Migration>,
        missing: Option<&'h Migration>,
    ) -> Self {
        Self {
            ground,
            state: None,
            origin,
            linear,
            missing,
            says_changes: false,
            rows: None,
            kept: None,
            has_backup: false,
        }
    }

    /// Has each migration tried on rows, first on those that are kept.
    pub(super) fn try_rows(&mut self, rows: Option<RowOptions>, kept: &'h Kept, has_backup: bool) {
        (self.rows, self.kept, self.has_backup) = (rows, Some(kept), has_backup);
    }

    /// Has verdicts say what each migration changes.
    pub(super) fn say_changes(&mut self, says: bool) {
        self.says_changes = says;
    }

    /// Runs the upgrade of a migration that nobody asks about.
    pub(super) async fn pass(&mut self, migration: &'h Migration) -> Result<(), RunError> {
        self.state = None;
        match self.ground.pass(migration).await? {
            Ok(()) => self.linear.push(migration),
            Err(nothing_stays) => {
                self.missing.get_or_insert(migration);
                if !nothing_stays {
                    self.ground.put_back(&self.linear).await?;
                }
            }
        }
        Ok(())
    }

    /// The upgrades that have run.
    pub(super) fn passed(&self) -> &[&'h Migration] {
        &self.linear
    }

    /// The server that it stands on.
    pub(super) fn server(&self) -> &Server {
        self.ground.server()
    }

    /// The ground, in the state that the upgrades give.
    pub(super) fn into_ground(self) -> Ground {
        self.ground
    }

    /// The schema that the upgrades so far give.
    pub(super) async fn state(&mut self) -> Result<Arc<Snapshot>, RunError> {
        if let Some(state) = &self.state {
            return Ok(Arc::clone(state));
        }
        // Settings of the database apply to sessions that begin now.
        if !self.linear.is_empty() {
            self.ground.reconnect().await?;
        }
        let state = Arc::new(self.look().await?);
        self.state = Some(Arc::clone(&state));
        Ok(state)
    }

    /// Climbs one migration and judges it.
    pub(super) async fn one(&mut self, migration: &'h Migration) -> Result<Verdicted, RunError> {
        let start = Instant::now();
        let worn = self.ground.is_worn();
        let before = self.state().await?;
        let rows = match &self.rows {
            Some(options) => {
                let (session, _) = self.ground.climber()?;
                if let Err(error) = steps::listen(session, migration).await {
                    about_the_script(Err(error))?.ok();
                }
                let kept = self.kept.and_then(|kept| kept.of(&migration.revision));
                let loader = self.ground.loader().await?;
                let about = (migration, before.as_ref());
                let tried = rows::try_rows(loader, about, options, kept, self.has_backup);
                Some(Box::pin(tried).await?)
            }
            None => None,
        };
        let whose = rows.as_ref().map(|rows| untold(&rows.findings));
        let mut climbed = self.attempt(migration, &before, whose).await?;
        if worn && failed(&climbed) {
            // Rows and sequences that earlier cycles left may be to blame: only what happens on a
            // clean database is said.
            self.ground.put_back(&self.linear).await?;
            climbed = self.attempt(migration, &before, whose).await?;
        }
        let mut findings = checks::judge(&climbed);
        if self.has_backup {
            findings = findings.into_iter().map(discreet).collect();
        }
        let came_true = rows.as_ref().map(|rows| rows.came_true.clone());
        let tried = rows.as_ref().map(rows::RowVerdict::tried);
        if let (Some(rows), Ok(_)) = (rows, &climbed.upgrade) {
            let new: Vec<Finding> =
                rows.findings.into_iter().filter(|it| !is_said(&findings, it)).collect();
            findings.extend(new);
        }
        let unjudged = self.unjudged(&climbed, &mut findings);
        let seconds = seconds(&climbed);
        let upgraded = climbed.upgrade.is_ok();
        let changes = (upgraded && self.says_changes)
            .then(|| climbed.before.diff(&climbed.upgraded).render());
        let printed = migration.printed();
        self.settle(migration, Stood::after(climbed), before).await?;
        let judged = Judged {
            revision: migration.revision.clone(),
            name: migration.name.clone(),
            file: migration.upgrade.path.clone(),
            seconds: Seconds { total: start.elapsed().as_secs_f64(), ..seconds },
            findings: checks::settle(migration, findings, came_true.as_deref()),
            unjudged,
            changes,
            models: None,
            printed: if self.has_backup { without_lines(&printed) } else { printed },
            tried,
            kept: None,
            cached: false,
        };
        Ok(Verdicted { judged, upgraded })
    }

    /// What could be given to the tables as they are now, if rows are tried.
    pub(super) async fn head(&mut self) -> Result<Option<Head>, RunError> {
        let Some(options) = self.rows else { return Ok(None) };
        let version_table = self.ground.version_table();
        let loader = self.ground.loader().await?;
        let head = Box::pin(rows::head(loader, &version_table, &options)).await?;
        Ok(Some(if self.has_backup { discreet_head(head) } else { head }))
    }

    /// Whether each upgrade so far has run.
    pub(super) fn is_complete(&self) -> bool {
        self.missing.is_none()
    }

    /// Compares the application's models with the schema as it is now, where its tool knows models.
    pub(super) async fn models(
        &mut self,
        migration: &Migration,
    ) -> Result<Option<Finding>, RunError> {
        let Some(program) = migration.upgrade.program.as_ref().filter(|it| it.models().is_some())
        else {
            return Ok(None);
        };
        let (session, _) = self.ground.climber()?;
        let models = steps::compare_models(session, program).await?;
        Ok(checks::models_differ(&models))
    }

    /// Drops what the climb stood on. Gives whether the schema that was followed from step to step
    /// is the one that is there: if it is not, no verdict can be trusted.
    pub(super) async fn end(mut self) -> Result<bool, RunError> {
        let followed = match self.state.take() {
            Some(state) => {
                let whole = self.ground.whole_snapshot().await?;
                trust(&whole)?;
                whole == *state
            }
            None => true,
        };
        self.ground.close().await?;
        Ok(followed)
    }

    /// Climbs one migration. `whose` defaults are asked for, if rows are tried.
    async fn attempt<'a>(
        &mut self,
        migration: &'a Migration,
        before: &'a Snapshot,
        whose: Option<Whose>,
    ) -> Result<Climbed<'a>, RunError> {
        let upgrade = self.up(migration).await?;
        let upgraded = self.look().await?;
        let mut climbed = Climbed {
            migration,
            before,
            upgrade,
            upgraded,
            downgrade: None,
            downgraded: None,
            reupgrade: None,
            reupgraded: None,
            routines: Vec::new(),
            refused_before: BTreeSet::new(),
            refused: Vec::new(),
        };
        if climbed.upgrade.is_err() {
            return Ok(climbed);
        }
        self.ground.follow_settings(&migration.upgrade).await?;
        if checks::may_break(before, &climbed.upgraded) {
            let lost = checks::lost_routines(before, &climbed.upgraded);
            let (session, _) = self.ground.climber()?;
            climbed.routines = steps::probe_routines(session, &lost).await?;
        }
        if let Some(whose) = whose {
            climbed.refused = self.refused(before, &climbed.upgraded, whose).await?;
        }
        climbed.downgrade = self.down(migration).await?;
        if !matches!(climbed.downgrade, Some(Ok(_))) {
            return Ok(climbed);
        }
        let downgraded = self.look().await?;
        if let Some(script) = &migration.downgrade {
            self.ground.follow_settings(script).await?;
        }
        climbed.downgraded = Some(downgraded);
        if checks::may_be_older(&climbed) {
            let (session, _) = self.ground.climber()?;
            let routines = steps::probe_routines(session, &BTreeSet::new()).await?;
            let refused = routines.into_iter().filter(|it| it.refused.is_some());
            climbed.refused_before = refused.map(|it| it.signature).collect();
        }
        let again = self.up(migration).await?;
        if again.is_ok() {
            self.ground.follow_settings(&migration.upgrade).await?;
            climbed.reupgraded = Some(self.look().await?);
        }
        climbed.reupgrade = Some(again);
        Ok(climbed)
    }

    async fn up(
        &mut self,
        migration: &Migration,
    ) -> Result<Result<Duration, StepFailure>, RunError> {
        let (session, ledger) = self.ground.climber()?;
        let done = about_the_script(steps::apply(session, ledger, migration).await)?;
        match done {
            Ok(_) => self.ground.is_recorded(),
            // Rows of it may stay, although the schema is the one before.
            Err(_) if !steps::is_all_or_nothing(&migration.upgrade) => self.ground.wear(),
            Err(_) => {}
        }
        Ok(done)
    }

    async fn down(&mut self, migration: &Migration) -> Result<Outcome, RunError> {
        let Some(script) = migration.downgrade.as_ref().filter(|script| !script.is_blank()) else {
            return Ok(None);
        };
        self.ground.wear();
        let before = self.linear.last().copied().or(self.origin);
        let (session, ledger) = self.ground.climber()?;
        let result = steps::revert(session, ledger, migration, script, before).await;
        let done = about_the_script(result)?;
        if done.is_ok() {
            self.ground.is_recorded();
        }
        Ok(Some(done))
    }

    /// What is refused of the defaults that an upgrade brings; few bring any that may be.
    async fn refused(
        &mut self,
        before: &Snapshot,
        upgraded: &Snapshot,
        whose: Whose,
    ) -> Result<Vec<Refusal>, RunError> {
        let doubts = checks::doubts(before, upgraded, whose);
        if doubts.is_empty() {
            return Ok(Vec::new());
        }
        let (session, _) = self.ground.climber()?;
        Ok(steps::probe_defaults(session, &doubts).await?)
    }

    async fn look(&mut self) -> Result<Snapshot, RunError> {
        let snapshot = self.ground.snapshot().await?;
        trust(&snapshot)?;
        Ok(snapshot)
    }

    /// Leaves the ground in the state that the upgrades give: usually it is there already.
    async fn settle(
        &mut self,
        migration: &'h Migration,
        stood: Stood,
        before: Arc<Snapshot>,
    ) -> Result<(), RunError> {
        let now = match stood.now {
            Some(now) => now,
            None => self.look().await?,
        };
        if stood.upgraded {
            self.linear.push(migration);
        } else if self.missing.is_none() {
            self.missing = Some(migration);
        }
        let wanted = stood.wanted.unwrap_or(before);
        let is_there = now == *wanted;
        self.state = Some(wanted);
        if !is_there {
            self.ground.put_back(&self.linear).await?;
            // Not always the same: `timestamp 'now'` in a view is another one each time.
            self.state = Some(Arc::new(self.look().await?));
        }
        Ok(())
    }

    /// A failed upgrade after another failed one may be for want of the first.
    fn unjudged(&self, climbed: &Climbed<'_>, findings: &mut [Finding]) -> Option<String> {
        let missing = self.missing.filter(|_| climbed.upgrade.is_err())?;
        let why = format!(
            "its upgrade fails, and so did the upgrade of {} before it, which it may need",
            missing.revision
        );
        let failures =
            findings.iter_mut().filter(|finding| finding.check == CheckId::UpgradeFailed);
        for finding in failures {
            finding.severity = Severity::Note;
            finding.message =
                format!("not judged, since {} failed: {}", missing.revision, finding.message);
        }
        Some(why)
    }
}

/// Where an attempt left the ground.
struct Stood {
    /// Whether the upgrade ran.
    upgraded: bool,
    /// The schema that the ground must have for the next migration; `None` for the one before.
    wanted: Option<Arc<Snapshot>>,
    /// The schema that it has, where it was read last.
    now: Option<Snapshot>,
}

impl Stood {
    fn after(climbed: Climbed<'_>) -> Self {
        if climbed.upgrade.is_err() {
            return Self { upgraded: false, wanted: None, now: Some(climbed.upgraded) };
        }
        let wanted = Arc::new(climbed.upgraded);
        let now = match (climbed.downgrade, climbed.reupgraded) {
            (None, _) => Some(Snapshot::clone(&wanted)),
            // A step that failed may have committed a part: it is looked at again.
            (Some(_), reupgraded) => reupgraded,
        };
        Self { upgraded: true, wanted: Some(wanted), now }
    }
}

fn trust(snapshot: &Snapshot) -> Result<(), RunError> {
    match snapshot.unmodelled() {
        [] => Ok(()),
        classes => Err(RunError::Unmodelled(classes.join(", "))),
    }
}

/// A broken connection says nothing about a script: it ends the run.
fn about_the_script(
    result: Result<Duration, StepFailure>,
) -> Result<Result<Duration, StepFailure>, RunError> {
    match result {
        Err(StepFailure::Postgres(error)) => Err(error.into()),
        Err(StepFailure::Environment(error)) => Err(error.into()),
        other => Ok(other),
    }
}

fn failed(climbed: &Climbed<'_>) -> bool {
    climbed.upgrade.is_err()
        || matches!(climbed.downgrade, Some(Err(_)))
        || matches!(climbed.reupgrade, Some(Err(_)))
}

/// Whether a failure that needs no rows of ours was said of the empty schema already.
fn is_said(findings: &[Finding], of_rows: &Finding) -> bool {
    let same = of_rows.message.replacen(" fails with rows: ", " fails: ", 1);
    of_rows.check == CheckId::DataDependentFailure
        && of_rows.rows.is_empty()
        && findings.iter().any(|it| it.message == same)
}

/// The tables whose defaults are still to be asked for: none of before where rows tell of a failure or
/// a refusal, which is said once.
fn untold(of_rows: &[Finding]) -> Whose {
    let tells =
        |it: &Finding| matches!(it.check, CheckId::RefusedRow | CheckId::DataDependentFailure);
    if of_rows.iter().any(tells) { Whose::New } else { Whose::All }
}

fn seconds(climbed: &Climbed<'_>) -> Seconds {
    let of = |step: &Option<Result<Duration, StepFailure>>| {
        step.as_ref().and_then(|result| result.as_ref().ok()).map(Duration::as_secs_f64)
    };
    Seconds {
        upgrade: climbed.upgrade.as_ref().ok().map(Duration::as_secs_f64),
        downgrade: of(&climbed.downgrade),
        reupgrade: of(&climbed.reupgrade),
        total: 0.0,
    }
}
