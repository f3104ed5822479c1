//! A migration tried on rows: up, down and up again inside one transaction that is rolled back, so
//! that nothing of it stays, whatever happens.
//!
//! Constraints that are checked at the end of a transaction are checked after each script. What a
//! transaction refuses and rows don't notice (CONCURRENTLY, BEGIN and COMMIT, VACUUM) is left out;
//! a script with anything else of that kind can't be tried.

use std::collections::BTreeSet;
use std::iter::once;
use std::ops::Range;

use crate::data::{
    AFRESH, Clock, DataError, Drawn, LARGE, Loader, Model, Now, Reach, Rows, State, ToRead,
    all_columns, ask_clock, ask_rows, ask_state, compare, pin, settle,
};
use crate::migrations::{Migration, Script, Wrap};
use crate::postgres::{Answers, Batch};
use crate::sql::{self, StatementKind};

use super::script::{StepFailure, one_message, outside};

/// What becomes of a row is at most so many rows of one table, or they are not followed.
const GROWTH: usize = 8;

/// Which script of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// The upgrade.
    Up,
    /// The downgrade.
    Down,
    /// The upgrade after the downgrade.
    Again,
}

/// The scripts of a migration, fit for a transaction that is open already.
#[derive(Clone, Debug)]
pub struct Trial {
    up: Script,
    down: Option<Script>,
    /// Whether a script speaks of deferred constraints.
    may_defer: bool,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looks {
    /// How far to go; the second upgrade is run only if the rows are not what they were.
    pub until: Way,
    /// Whether rows are read after the upgrades as well.
    pub at_upgraded: bool,
    /// Whether sequences are looked at before and after the upgrade.
    pub at_sequences: bool,
    /// Whether the tables are read from the catalog after the upgrade.
    pub at_model: bool,
    /// Whether what the upgrade had to do with is looked at before the downgrade, which may fail.
    pub at_tables: bool,
}

impl Looks {
    /// Nothing but whether the scripts run, up to this one.
    pub fn until(until: Way) -> Self {
        Self { until, at_upgraded: false, at_sequences: false, at_model: false, at_tables: false }
    }

    /// Whether anything is looked at after the upgrade.
    fn at_upgrade(self, trial: &Trial) -> bool {
        let is_last = self.until == Way::Up || !trial.goes_back();
        is_last || self.at_upgraded || self.at_sequences || self.at_model || self.at_tables
    }
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Tried {
    /// The script that failed, and how.
    pub failed: Option<(Way, StepFailure)>,
    /// The rows after the upgrade, if they were looked at.
    pub upgraded: Option<Rows>,
    /// The rows after the downgrade.
    pub downgraded: Option<Rows>,
    /// The rows after the second upgrade, if it was run and those after the first were looked at.
    pub reupgraded: Option<Rows>,
    /// Relations of before, by object id, that the scripts had to do with and the model lacks.
    pub strangers: BTreeSet<u32>,
    /// The tables after the downgrade, or after the upgrade if that was the last that ran and was
    /// looked at.
    pub tables: Vec<Now>,
    /// The time of the transaction, asked where there is nothing more to run.
    pub clock: Clock,
    /// The sequences before and after the upgrade, if they were looked at.
    pub sequences: Option<(Vec<Drawn>, Vec<Drawn>)>,
    /// The tables after the upgrade, if they were read.
    pub model: Option<Model>,
}

impl Trial {
    /// The scripts of `migration`, or why they can't be tried this way.
    pub fn of(migration: &Migration) -> Result<Self, String> {
        let up = fit(&migration.upgrade)?;
        let down = migration.downgrade.as_ref().filter(|script| !script.is_blank());
        let down = down.map(fit).transpose()?;
        let defers = |script: &Script| script.text.to_ascii_lowercase().contains("defer");
        let may_defer = defers(&up) || down.as_ref().is_some_and(defers);
        Ok(Self { up, down, may_defer })
    }

    /// Whether there is a way back.
    pub fn goes_back(&self) -> bool {
        self.down.is_some()
    }

    /// Runs the scripts in the transaction that is open. `newest` is the newest object id of before,
    /// `before` the rows.
    pub async fn run(
        &self,
        loader: &mut Loader,
        model: &Model,
        newest: u32,
        before: &Rows,
        looks: Looks,
    ) -> Result<Tried, DataError> {
        let tried = self.run_up(loader, model, newest, before, looks).await?;
        self.run_back(loader, model, newest, before, looks, tried).await
    }

    /// The first half of [`Trial::run`]: the upgrade.
    pub async fn run_up(
        &self,
        loader: &mut Loader,
        model: &Model,
        newest: u32,
        before: &Rows,
        looks: Looks,
    ) -> Result<Tried, DataError> {
        let mut tried = Tried::default();
        let known: Vec<u32> = model.tables.iter().map(|table| table.oid).collect();
        let drawn = if looks.at_sequences { loader.drawn(&known).await? } else { Vec::new() };
        if !looks.at_upgrade(self) {
            // Its locks are held to the end: what it had to do with is seen after the downgrade.
            self.step(loader, model, Way::Up, &Batch::default(), &mut tried).await?;
            return Ok(tried);
        }
        let Some(state) = self.look(loader, model, newest, Way::Up, &mut tried).await? else {
            return Ok(tried);
        };
        let oids = || state.tables.iter().map(|table| table.oid);
        if looks.at_sequences {
            tried.sequences = Some((drawn, loader.drawn(&oids().collect::<Vec<_>>()).await?));
        }
        if looks.at_model {
            tried.model = Some(loader.model(oids()).await?);
        }
        if looks.at_upgraded {
            tried.upgraded = Some(loader.rows(&all_readable(model, &state.tables, before)).await?);
        }
        tried.tables = state.tables;
        Ok(tried)
    }

    /// The second half: the downgrade, and the second upgrade where it is worth it.
    pub async fn run_back(
        &self,
        loader: &mut Loader,
        model: &Model,
        newest: u32,
        before: &Rows,
        looks: Looks,
        mut tried: Tried,
    ) -> Result<Tried, DataError> {
        if tried.failed.is_some() {
            return Ok(tried);
        }
        let mut batch = Batch::default();
        pin(&mut batch);
        if !self.goes_back() {
            let clock = ask_clock(&mut batch);
            tried.clock = Clock::from_rows(loader.send(&batch).await?.take(clock));
        }
        if looks.until == Way::Up || !self.goes_back() {
            return Ok(tried);
        }
        let Some(state) = self.look(loader, model, newest, Way::Down, &mut tried).await? else {
            return Ok(tried);
        };
        let rows = ask_rows(&mut batch, &all_readable(model, &state.tables, before));
        let clock = ask_clock(&mut batch);
        let mut answers = loader.send(&batch).await?;
        let downgraded = rows.read(&mut answers);
        tried.clock = Clock::from_rows(answers.take(clock));
        tried.tables = state.tables;
        // On the same rows it does again what it did.
        let goes_on = looks.until == Way::Again && !compare(before, &downgraded).is_empty();
        tried.downgraded = Some(downgraded);
        if goes_on {
            loader.unpin();
            self.run_again(loader, model, newest, before, &mut tried).await?;
        }
        Ok(tried)
    }

    /// The second upgrade, on rows that are not what they were.
    async fn run_again(
        &self,
        loader: &mut Loader,
        model: &Model,
        newest: u32,
        before: &Rows,
        tried: &mut Tried,
    ) -> Result<(), DataError> {
        if tried.upgraded.is_none() {
            self.step(loader, model, Way::Again, &Batch::default(), tried).await?;
            return Ok(());
        }
        let Some(state) = self.look(loader, model, newest, Way::Again, tried).await? else {
            return Ok(());
        };
        let mut batch = Batch::default();
        pin(&mut batch);
        let rows = ask_rows(&mut batch, &all_readable(model, &state.tables, before));
        let clock = ask_clock(&mut batch);
        let mut answers = loader.send(&batch).await?;
        tried.reupgraded = Some(rows.read(&mut answers));
        tried.clock = Clock::from_rows(answers.take(clock));
        Ok(())
    }

    /// Runs the scripts, looks at nothing on the way, and asks `then` at the end if none failed.
    pub async fn run_blindly(
        &self,
        loader: &mut Loader,
        model: &Model,
        until: Way,
        then: &Batch,
    ) -> Result<Result<Answers, (Way, StepFailure)>, DataError> {
        let mut tried = Tried::default();
        let nothing = Batch::default();
        let mut answers = None;
        for way in [Way::Up, Way::Down, Way::Again] {
            let is_last = way == until || way == Way::Up && !self.goes_back();
            let then = if is_last { then } else { &nothing };
            answers = self.step(loader, model, way, then, &mut tried).await?;
            if is_last || answers.is_none() {
                break;
            }
        }
        Ok(match tried.failed {
            Some(failed) => Err(failed),
            None => Ok(answers.unwrap_or_default()),
        })
    }

    /// Runs one script, and asks `then` if it did not fail.
    async fn step(
        &self,
        loader: &mut Loader,
        model: &Model,
        way: Way,
        then: &Batch,
        tried: &mut Tried,
    ) -> Result<Option<Answers>, DataError> {
        let script = match (way, &self.down) {
            (Way::Down, Some(down)) => down,
            _ => &self.up,
        };
        let failure = match one_message(loader.session().await?, script).await {
            Ok(()) => {
                // What a COMMIT would check, and what the script left for the rest of the session.
                let mut batch = Batch::default();
                batch.say_all(settle(model, self.may_defer));
                let checks = batch.count();
                batch.say_all(AFRESH);
                let own = batch.count();
                batch.append(then);
                let (answers, result) = loader.send_so_far(&batch).await;
                match result {
                    Ok(()) => return Ok(Some(answers.after(own))),
                    Err(DataError::Postgres(error)) if answers.count() < checks => {
                        outside(error, script)
                    }
                    Err(error) => return Err(error),
                }
            }
            Err(failure) => failure,
        };
        if let StepFailure::Postgres(error) = failure {
            return Err(error.into());
        }
        tried.failed = Some((way, failure));
        Ok(None)
    }

    /// Runs one script and looks at what the transaction has to do with by then.
    async fn look(
        &self,
        loader: &mut Loader,
        model: &Model,
        newest: u32,
        way: Way,
        tried: &mut Tried,
    ) -> Result<Option<State>, DataError> {
        let known: Vec<u32> = model.tables.iter().map(|table| table.oid).collect();
        let mut batch = Batch::default();
        let asked = ask_state(&mut batch, &known);
        let Some(mut answers) = self.step(loader, model, way, &batch, tried).await? else {
            return Ok(None);
        };
        let mut state = State::from_rows(answers.take(asked))?;
        state.tables.retain(|table| !loader.is_left_out(&table.name));
        let locked = state.tables.iter().map(|table| table.oid).chain(state.gone.iter().copied());
        tried.strangers.extend(locked.filter(|oid| *oid <= newest && !known.contains(oid)));
        Ok(Some(state))
    }
}

/// Whether a failure may be due to the one transaction that everything runs in: a new label of an
/// enum can't be used before it is committed.
pub fn is_artefact(migration: &Migration, failure: &StepFailure) -> bool {
    let scripts = std::iter::once(&migration.upgrade).chain(&migration.downgrade);
    let StepFailure::Sql { failure, .. } = failure else { return false };
    match failure.sqlstate.as_str() {
        "55P04" => {
            scripts.clone().any(|script| script.wrap == Wrap::Statements)
                || migration.downgrade.is_some()
        }
        "55006" | "25001" | "25P02" | "25P01" => true,
        _ => false,
    }
}

/// How the tables that are there now are read.
pub fn all_readable(model: &Model, now: &[Now], before: &Rows) -> Vec<ToRead> {
    let known = all_columns(model);
    let tables = now.iter().filter(|now| !now.columns.is_empty());
    tables.map(|now| readable(&known, now, before)).collect()
}

/// How a table is read as it is now, with the key that it is known to have: of one that was large
/// before, the rows that were followed then; of others no more than rows of before may have become.
pub fn readable(known: &[ToRead], now: &Now, before: &Rows) -> ToRead {
    let known = known.iter().find(|it| it.name == now.name);
    let place = |name: &String| now.columns.iter().position(|(it, _)| it == name);
    let key: Option<Vec<usize>> = known.and_then(|known| {
        known.key.iter().map(|at| known.columns.get(*at).and_then(place)).collect()
    });
    let large = before.0.get(&now.name).filter(|held| held.rest.is_some());
    let reach = match large {
        Some(held) => Reach::Beside(held.clone()),
        None => Reach::UpTo(LARGE + GROWTH * before.count(), 0),
    };
    let columns = now.columns.iter().map(|(name, _)| name.clone()).collect();
    ToRead { name: now.name.clone(), columns, key: key.unwrap_or_default(), reach }
}

/// The script without what a transaction refuses; everything else stays at its place.
fn fit(script: &Script) -> Result<Script, String> {
    if script.program.is_some() {
        return Ok(script.clone());
    }
    Ok(Script { text: in_transaction(&script.text)?.into(), ..script.clone() })
}

/// A text without what a transaction refuses; what can't be cut is left to the server.
pub(super) fn in_transaction(script: &str) -> Result<String, String> {
    let mut text = script.to_owned();
    for statement in sql::split(script).unwrap_or_default() {
        let Some(words) = script.get(statement.bytes.clone()) else { continue };
        let refused = sql::refuses_transaction(words);
        let blanked: Vec<Range<usize>> = match sql::kind(words) {
            StatementKind::Begin | StatementKind::Commit | StatementKind::Vacuum => {
                once(0..words.len()).collect()
            }
            StatementKind::Rollback if !sql::is_to_savepoint(words) => {
                return Err("its script takes something back by ROLLBACK".to_owned());
            }
            StatementKind::Discard | StatementKind::Cluster if refused.is_some() => {
                once(0..words.len()).collect()
            }
            _ if refused.is_some() => {
                let concurrently = sql::tokens(words).filter(|token| {
                    words
                        .get(token.bytes.clone())
                        .is_some_and(|it| it.eq_ignore_ascii_case("concurrently"))
                });
                concurrently.map(|token| token.bytes).collect()
            }
            _ => Vec::new(),
        };
        if let (Some(what), true) = (refused, blanked.is_empty()) {
            return Err(format!("{what} can't be taken back"));
        }
        for bytes in blanked {
            let bytes = statement.bytes.start + bytes.start..statement.bytes.start + bytes.end;
            let blank: String = text
                .get(bytes.clone())
                .unwrap_or_default()
                .bytes()
                .map(|byte| if byte == b'\n' { '\n' } else { ' ' })
                .collect();
            text.replace_range(bytes, &blank);
        }
    }
    Ok(text)
}
