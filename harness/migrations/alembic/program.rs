//! One direction of a revision: what Alembic is asked to run, and what it was seen to say.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

use super::driver::{Call, Driver, DriverError, Told, problem};
use crate::migrations::{Direction, MigrationsError};

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
    /// What it sent when it ran last.
    pub(super) said: Arc<Mutex<Option<Vec<Statement>>>>,
}

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

    /// The name of the version table that what runs it keeps.
    pub fn version_table(&self) -> &'static str {
        super::TABLE.name
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
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

    /// Ends the process in which it runs, in the middle of whatever it does. The next step has another one.
    pub fn stop(&self) {
        self.driver.stop();
    }

    /// Has Alembic run it, with all connections led to `call`'s address. The first error is one of the
    /// environment, before the revision was reached.
    pub async fn run(&self, call: &Call<'_>) -> Result<Result<Told, DriverError>, MigrationsError> {
        let told = self.driver.step(&self.revision, self.direction, call).await;
        let said = match &told {
            Ok(told) => Some(told.statements.clone()),
            Err(error) => error.statements().map(<[Statement]>::to_vec),
        };
        if let Some(said) = said {
            *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
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
