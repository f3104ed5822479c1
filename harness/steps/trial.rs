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
    AFRESH, Clock, DataError, Drawn, Loader, Model, Name, Now, Rows, State, all_columns, settle,
};
use crate::migrations::{Migration, Script, Wrap};
use crate::sql::{self, StatementKind};

use super::script::{StepFailure, one_message, outside};

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
    /// How far to go.
    pub until: Way,
    /// Whether rows are read after the upgrades as well.
    pub at_upgraded: bool,
    /// Whether sequences are looked at before and after the upgrade.
    pub at_sequences: bool,
    /// Whether the tables are read from the catalog after the upgrade.
    pub at_model: bool,
}

impl Looks {
    /// Nothing but whether the scripts run, up to this one.
    pub fn until(until: Way) -> Self {
        Self { until, at_upgraded: false, at_sequences: false, at_model: false }
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
    /// The rows after the second upgrade, if they were looked at.
    pub reupgraded: Option<Rows>,
    /// Relations of before, by object id, that the scripts had to do with and the model lacks.
    pub strangers: BTreeSet<u32>,
    /// The tables after the downgrade, or after the upgrade if that was the last.
    pub tables: Vec<Now>,
    /// The time of the transaction, asked at its end.
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

    /// Runs the scripts in the transaction that is open. `newest` is the newest object id of before.
    pub async fn run(
        &self,
        loader: &mut Loader,
        model: &Model,
        newest: u32,
        looks: Looks,
    ) -> Result<Tried, DataError> {
        let mut tried = Tried::default();
        let known: Vec<u32> = model.tables.iter().map(|table| table.oid).collect();
        let drawn = if looks.at_sequences { loader.drawn(&known).await? } else { Vec::new() };
        if !self.step(loader, model, Way::Up, &mut tried).await? {
            return Ok(tried);
        }
        let state = self.state(loader, model, newest, &mut tried).await?;
        let oids = || state.tables.iter().map(|table| table.oid);
        if looks.at_sequences {
            tried.sequences = Some((drawn, loader.drawn(&oids().collect::<Vec<_>>()).await?));
        }
        if looks.at_model {
            tried.model = Some(loader.model(oids()).await?);
        }
        if looks.at_upgraded {
            tried.upgraded = Some(read(loader, model, &state).await?);
        }
        tried.tables = state.tables;
        if looks.until == Way::Up || !self.goes_back() {
            tried.clock = loader.clock().await?;
            return Ok(tried);
        }
        if !self.step(loader, model, Way::Down, &mut tried).await? {
            return Ok(tried);
        }
        let state = self.state(loader, model, newest, &mut tried).await?;
        tried.downgraded = Some(read(loader, model, &state).await?);
        tried.tables = state.tables;
        tried.clock = loader.clock().await?;
        if looks.until == Way::Down || !self.step(loader, model, Way::Again, &mut tried).await? {
            return Ok(tried);
        }
        if looks.at_upgraded {
            let state = self.state(loader, model, newest, &mut tried).await?;
            tried.reupgraded = Some(read(loader, model, &state).await?);
        }
        Ok(tried)
    }

    /// Runs the scripts and looks at nothing.
    pub async fn run_blindly(
        &self,
        loader: &mut Loader,
        model: &Model,
        until: Way,
    ) -> Result<Option<(Way, StepFailure)>, DataError> {
        let mut tried = Tried::default();
        for way in [Way::Up, Way::Down, Way::Again] {
            let ends = way == Way::Down && !self.goes_back();
            if ends || !self.step(loader, model, way, &mut tried).await? || way == until {
                break;
            }
        }
        Ok(tried.failed)
    }

    /// Runs one script; `false` if it failed.
    async fn step(
        &self,
        loader: &mut Loader,
        model: &Model,
        way: Way,
        tried: &mut Tried,
    ) -> Result<bool, DataError> {
        let script = match (way, &self.down) {
            (Way::Down, Some(down)) => down,
            _ => &self.up,
        };
        let session = loader.session();
        let done = match one_message(session, script).await {
            Ok(()) => {
                // What a COMMIT would check, and what the script left for the rest of the session.
                let checked = format!("{}; {AFRESH}; DISCARD TEMP", settle(model, self.may_defer));
                session.execute(&checked).await.map_err(|error| outside(error, script))
            }
            Err(failure) => Err(failure),
        };
        match done {
            Ok(()) => Ok(true),
            Err(StepFailure::Postgres(error)) => Err(error.into()),
            Err(failure) => {
                tried.failed = Some((way, failure));
                Ok(false)
            }
        }
    }

    async fn state(
        &self,
        loader: &mut Loader,
        model: &Model,
        newest: u32,
        tried: &mut Tried,
    ) -> Result<State, DataError> {
        let known: Vec<u32> = model.tables.iter().map(|table| table.oid).collect();
        let state = loader.state(&known).await?;
        let locked = state.tables.iter().map(|table| table.oid).chain(state.gone.iter().copied());
        tried.strangers.extend(locked.filter(|oid| *oid <= newest && !known.contains(oid)));
        Ok(state)
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

/// The tables that are there, with the keys that the model knows.
async fn read(loader: &mut Loader, model: &Model, state: &State) -> Result<Rows, DataError> {
    let keys = all_columns(model);
    let wanted: Vec<(Name, Vec<String>, Vec<usize>)> = state
        .tables
        .iter()
        .filter(|now| !now.columns.is_empty())
        .map(|now| {
            let known = keys.iter().find(|(name, ..)| *name == now.name);
            let place = |name: &String| now.columns.iter().position(|(it, _)| it == name);
            let key: Option<Vec<usize>> = known.and_then(|(_, columns, key)| {
                key.iter().map(|at| columns.get(*at).and_then(place)).collect()
            });
            let columns = now.columns.iter().map(|(name, _)| name.clone()).collect();
            (now.name.clone(), columns, key.unwrap_or_default())
        })
        .collect();
    loader.rows(&wanted).await
}

/// The script without what a transaction refuses; everything else stays at its place.
fn fit(script: &Script) -> Result<Script, String> {
    let Ok(statements) = sql::split(&script.text) else { return Ok(script.clone()) };
    let mut text = script.text.to_string();
    for statement in statements {
        let Some(words) = script.text.get(statement.bytes.clone()) else { continue };
        let refused = sql::refuses_transaction(words);
        let blanked: Vec<Range<usize>> = match sql::kind(words) {
            StatementKind::Begin | StatementKind::Commit | StatementKind::Vacuum => {
                once(0..words.len()).collect()
            }
            StatementKind::Rollback if !is_to_savepoint(words) => {
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
    Ok(Script { text: text.into(), ..script.clone() })
}

fn is_to_savepoint(statement: &str) -> bool {
    sql::tokens(statement)
        .any(|token| statement.get(token.bytes).is_some_and(|word| word.eq_ignore_ascii_case("to")))
}
