//! One direction of a revision: what Alembic is asked to run, and what it was seen to say.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

use super::Models;
use super::driver::{Call, Driver, DriverError, Told, problem};
use crate::migrations::{Direction, MigrationsError, Records};

/// A statement that a revision sent, and the line of its file that did.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Statement {
    /// Counted from 1.
    pub line: usize,
    /// With its values, where the driver tells them.
    pub sql: String,
}

/// A script that is no SQL: a function of a revision.
#[derive(Clone, Debug)]
pub struct Program {
    pub(super) driver: Arc<Driver>,
    pub(super) revision: String,
    pub(super) direction: Direction,
    /// The lines of the function, counted from 1.
    pub(super) lines: (usize, usize),
    pub(super) does_nothing: bool,
    /// Whether it was seen to do what a transaction of ours can't hold.
    pub(super) needs_own: Arc<AtomicBool>,
    pub(super) heard: Arc<Mutex<Heard>>,
}

/// What a program was heard to say.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// What it sent when it ran last.
    said: Option<Vec<Statement>>,
    /// The lines that it printed, each once: some are printed by the first of several runs only.
    printed: Vec<String>,
}

impl Heard {
    fn hear(&mut self, told: Told) {
        self.said = Some(told.statements);
        for line in told.output.lines() {
            let shown: String = line.chars().filter(|letter| !letter.is_control()).collect();
            let line = shown.trim_end();
            // What Alembic itself says of each step.
            let is_usual = USUAL.iter().any(|words| line.contains(words));
            let is_new = !self.printed.iter().any(|it| it == line);
            if is_new && !is_usual && !line.is_empty() && self.printed.len() < MOST_LINES {
                self.printed.push(line.to_owned());
            }
        }
    }
}

/// What Alembic's log says of each step.
const USUAL: [&str; 5] = [
    "Running upgrade ",
    "Running downgrade ",
    "Context impl PostgresqlImpl",
    "Will assume transactional DDL",
    "Will assume non-transactional DDL",
];

/// Nobody reads more of what is printed.
const MOST_LINES: usize = 50;

impl Program {
    /// Whether its text does nothing at all.
    pub fn does_nothing(&self) -> bool {
        self.does_nothing
    }

    /// The first and the last line of the function, counted from 1.
    pub fn lines(&self) -> (usize, usize) {
        self.lines
    }

    /// Whether it was seen to do what can't be done within a transaction that is not its own.
    pub fn needs_own(&self) -> bool {
        self.needs_own.load(Ordering::Relaxed)
    }

    /// Says that it does.
    pub fn see_own(&self) {
        self.needs_own.store(true, Ordering::Relaxed);
    }

    /// The version table that what runs it keeps.
    pub fn version_table(&self) -> Records {
        self.driver.records()
    }

    /// The version that the version table names after it ran (true), or does not name any more.
    pub fn leaves(&self) -> (&str, bool) {
        (&self.revision, self.direction == Direction::Upgrade)
    }

    /// What its verdict depends on besides its own file.
    pub fn about(&self) -> &str {
        self.driver.about()
    }

    /// What it sent when it ran last; `None` if it has not run.
    pub fn said(&self) -> Option<Vec<Statement>> {
        self.heard().said.clone()
    }

    /// The lines that it printed so far, warnings included and without what its tool says of each step; no more
    /// than fifty.
    pub fn printed(&self) -> Vec<String> {
        self.heard().printed.clone()
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it sent when it ran last, as one script.
    pub fn sql(&self) -> String {
        let said = self.said().unwrap_or_default();
        let texts = said.iter().map(|it| it.sql.trim().trim_end_matches(';'));
        texts.flat_map(|text| [text, ";\n"]).collect()
    }

    /// What its tool prints of it without a database, where these are the heads; an error for what only
    /// Python can know then.
    pub async fn rendered(&self, heads: &[&str]) -> Result<String, DriverError> {
        self.driver.render(&self.revision, self.direction, heads).await
    }

    /// A digest of the files that the application's models may be written in, if there are models.
    pub fn models(&self) -> Option<&str> {
        self.driver.models()
    }

    /// Compares the application's models with the schema of the database that `call` leads to.
    pub async fn compare_models(&self, call: &Call<'_>) -> Models {
        self.driver.compare(call).await
    }

    /// Ends the process in which it runs, in the middle of whatever it does. The next step has another one.
    pub fn stop(&self) {
        self.driver.stop();
    }

    /// Has Alembic run it, with all connections led to `call`'s address. The first error is one of the
    /// environment, before the revision was reached.
    pub async fn run(&self, call: &Call<'_>) -> Result<Result<Told, DriverError>, MigrationsError> {
        let told = self.driver.step(&self.revision, self.direction, call).await;
        if let Some(told) = told.as_ref().map_or_else(DriverError::told, |told| Some(told.clone()))
        {
            self.heard().hear(told);
        }
        match told {
            Err(error @ DriverError::Raised { entered: false, .. }) => {
                Err(MigrationsError::Environment {
                    directory: self.driver.directory().to_owned(),
                    problem: problem(&error),
                })
            }
            other => Ok(other),
        }
    }
}
