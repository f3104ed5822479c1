//! One direction of a revision: what Alembic is asked to run, and what it was seen to say.

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
