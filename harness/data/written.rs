//! Rows as statements that a person may have written, for tables that may have changed since.
//!
//! Knows how they are put as they stand, and what the server must be asked about them then. Must not
//! know what is done with them.

use super::DataError;
use super::load::Loader;
use crate::postgres::{PostgresError, SqlFailure};

/// Why statements do not fit the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Which of them, if it is one.
    pub statement: Option<usize>,
    /// The server's words.
    pub words: String,
    /// Its words with values, which may be those of other rows.
    pub detail: Option<String>,
}

impl Misfit {
    /// What is wrong with these statements, or with one of them.
    pub fn new(statement: Option<usize>, words: impl Into<String>) -> Self {
        Self { statement, words: words.into(), detail: None }
    }

    fn of(statement: Option<usize>, failure: &SqlFailure) -> Self {
        Self { detail: failure.detail.clone(), ..Self::new(statement, failure.to_string()) }
    }
}

/// Each constraint that a trigger would have held, of tables that this transaction has written to,
/// with the statement that adds it once more: so the server looks at all rows. What was not validated
/// need not be true of old rows. A foreign key to a partitioned table has parts, one for each of its
/// partitions, which say nothing alone.
const HELD_BY_TRIGGERS: &str = "SELECT pg_catalog.format('%I of %s', k.conname, \
      k.conrelid::pg_catalog.regclass), pg_catalog.format('ALTER TABLE ONLY %s ADD %s', \
      k.conrelid::pg_catalog.regclass, \
      pg_catalog.regexp_replace(pg_catalog.pg_get_constraintdef(k.oid), '^PRIMARY KEY', 'UNIQUE')) \
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid \
    WHERE c.relkind = 'r' AND k.convalidated \
      AND (k.contype = 'f' OR k.contype IN ('p', 'u', 'x') AND k.condeferrable) \
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint whole \
        WHERE whole.oid = k.conparentid AND whole.conrelid = k.conrelid) \
      AND k.conrelid IN (SELECT relation FROM pg_catalog.pg_locks \
        WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' \
          AND mode = 'RowExclusiveLock') \
    ORDER BY k.oid";

impl Loader {
    /// Gives rows by these INSERT statements, as [`Loader::put`] does: no trigger looks at them. If
    /// something refuses them, the transaction is of no use any more.
    pub async fn put_written(&mut self, statements: &[&str]) -> Result<Option<Misfit>, DataError> {
        self.session()
            .await?
            .execute("RESET ALL;SET LOCAL session_replication_role TO replica")
            .await?;
        for (at, statement) in statements.iter().enumerate() {
            let done = self.session().await?.execute(statement).await;
            if let Some(failure) = refusal(done)? {
                return Ok(Some(Misfit::of(Some(at), &failure)));
            }
        }
        let checks = self.session().await?.rows(HELD_BY_TRIGGERS).await?;
        for check in checks {
            let [Some(constraint), Some(check)] = check.as_slice() else { continue };
            let ask = format!(
                "SAVEPOINT stairway_fit;{check};ROLLBACK TO stairway_fit;RELEASE stairway_fit"
            );
            let done = self.session().await?.execute(&ask).await;
            if let Some(failure) = refusal(done)? {
                // The server's words name the second one.
                let words = format!("{constraint} does not hold (SQLSTATE {})", failure.sqlstate);
                return Ok(Some(Misfit { words, ..Misfit::of(None, &failure) }));
            }
        }
        self.session().await?.execute("RESET ALL").await?;
        Ok(None)
    }
}

fn refusal(done: Result<(), PostgresError>) -> Result<Option<Box<SqlFailure>>, DataError> {
    match done {
        Ok(()) => Ok(None),
        Err(PostgresError::Sql(failure)) => Ok(Some(failure)),
        Err(other) => Err(other.into()),
    }
}
