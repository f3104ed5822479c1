//! The moves of a run on a copy: all of them, all the way back, and all of them again.

use std::time::Duration;

use crate::backup::Contents;
use crate::migrations::{Direction, Move};
use crate::postgres::{PostgresError, Session};
use crate::schema::{SchemaError, Snapshot};

use super::script::StepFailure;
use super::version_table::Ledger;
use super::{apply, contents, revert};

/// What the copy showed.
#[derive(Debug)]
pub struct Rehearsed {
    /// The schema before the first move and after each.
    pub schemas: Vec<Snapshot>,
    /// How long each move took.
    pub took: Vec<Duration>,
    /// What can be said of the way back.
    pub back: Back,
}

/// What can be said of the way back of all moves together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Back {
    /// It leads back, with all rows.
    Sound,
    /// It leads back to the schema, and rows or values are not what they were: tables and counts.
    Loses(Vec<String>),
    /// This migration has none.
    Missing(String),
}

/// The rehearsal found something.
#[derive(Debug, thiserror::Error)]
pub enum RehearseError {
    /// A move failed.
    #[error("the {direction} of {revision} fails on the copy: {source}", direction = .direction.as_str())]
    Move {
        /// Whose script.
        revision: String,
        /// Which one.
        direction: Direction,
        /// How.
        #[source]
        source: StepFailure,
    },
    /// The way back does not lead back.
    #[error("the way back of {revision} does not lead back:\n{difference}")]
    Drift {
        /// Whose.
        revision: String,
        /// From the schema before to the one after.
        difference: String,
    },
    /// The second time the moves lead somewhere else.
    #[error("the second time the moves lead to another schema:\n{difference}")]
    Again {
        /// From the first time to the second.
        difference: String,
    },
    /// The copy can't be asked.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The schema can't be read.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

/// A copy under rehearsal: one session moves it, one looks.
#[derive(Debug)]
pub struct Copy {
    /// The session that moves it.
    pub mover: Session,
    /// The session that looks at it.
    pub eye: Session,
    /// Its version table.
    pub ledger: Ledger,
    /// The server's major version.
    pub major: u32,
}

impl Copy {
    /// Makes the moves, takes them back and makes them again.
    pub async fn rehearse(&mut self, moves: &[Move<'_>]) -> Result<Rehearsed, RehearseError> {
        let held = self.contents().await?;
        let mut schemas = vec![self.schema().await?];
        let mut took = Vec::new();
        for one in moves {
            took.push(self.make(one).await?);
            schemas.push(self.schema().await?);
        }
        let back: Vec<Move<'_>> = moves.iter().rev().map(|one| one.back()).collect();
        if let Some(missing) = back.iter().find(|one| one.script().is_none()) {
            let back = Back::Missing(missing.migration.revision.clone());
            return Ok(Rehearsed { schemas, took, back });
        }
        for (one, expected) in back.iter().zip(schemas.iter().rev().skip(1)) {
            self.make(one).await?;
            let found = self.schema().await?;
            if found != *expected {
                return Err(RehearseError::Drift {
                    revision: one.migration.revision.clone(),
                    difference: expected.diff(&found).render(),
                });
            }
        }
        let lost = held.differences(&self.contents().await?);
        for one in moves {
            self.make(one).await?;
        }
        let again = self.schema().await?;
        match schemas.last() {
            Some(first) if *first != again => {
                Err(RehearseError::Again { difference: first.diff(&again).render() })
            }
            _ => {
                let back = if lost.is_empty() { Back::Sound } else { Back::Loses(lost) };
                Ok(Rehearsed { schemas, took, back })
            }
        }
    }

    async fn make(&mut self, one: &Move<'_>) -> Result<Duration, RehearseError> {
        let done = match (one.direction, one.script()) {
            (Direction::Downgrade, Some(script)) => {
                let (session, ledger) = (&mut self.mover, &self.ledger);
                revert(session, ledger, one.migration, script, one.before).await
            }
            _ => apply(&mut self.mover, &self.ledger, one.migration).await,
        };
        done.map_err(|source| match source {
            StepFailure::Postgres(error) => RehearseError::Postgres(error),
            source => RehearseError::Move {
                revision: one.migration.revision.clone(),
                direction: one.direction,
                source,
            },
        })
    }

    /// The schema without the version table, the audit trail and what belongs to the database.
    pub async fn schema(&mut self) -> Result<Snapshot, SchemaError> {
        Ok(deployed(&mut self.eye, self.major, &self.ledger).await?.schema)
    }

    /// Rows and hashes of all tables; sequences move and don't come back.
    async fn contents(&mut self) -> Result<Contents, PostgresError> {
        self.eye.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let held = contents(&mut self.eye, &[self.ledger.names()]).await?;
        self.eye.execute("COMMIT").await?;
        let held = held.without_schema(super::AUDIT_SCHEMA);
        Ok(Contents { sequences: Vec::new(), ..held })
    }
}

/// A schema as migrations know it.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// Without the version table, the audit trail, and what belongs to the database as such, since a
    /// backup of one database has none of that; nor has it invalid indexes and owners of extensions.
    pub schema: Snapshot,
    /// Those indexes: schema and name.
    pub invalid: Vec<String>,
}

/// Reads the schema behind `session`.
pub async fn deployed(
    session: &mut Session,
    major: u32,
    ledger: &Ledger,
) -> Result<Deployed, SchemaError> {
    let whole = Snapshot::read(session, major, &[ledger.names()]).await?;
    let prefix = format!("{}.", super::AUDIT_SCHEMA);
    let schema = whole.without(|node| {
        node.kind == "database"
            || node.name == super::AUDIT_SCHEMA
            || node.name.starts_with(&prefix)
    });
    let invalid = schema.invalid_indexes();
    let schema = schema.without_invalid_indexes().without_extension_owners();
    Ok(Deployed { schema, invalid })
}
