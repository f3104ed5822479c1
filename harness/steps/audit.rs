//! The audit trail in the database itself: which run moved which migration, in the same transaction
//! as the migration, so that a row that can be seen says that it was committed.
//!
//! Knows the schema `stairway`. Whoever compares schemas or rows leaves it out.

use crate::postgres::{PostgresError, Session, quote_literal};

/// The schema that is ours.
pub const AUDIT_SCHEMA: &str = "stairway";

const EXISTS: &str = "SELECT pg_catalog.to_regclass('stairway.move') IS NOT NULL";
/// What is only written down waits for no standby: without one it would wait for ever. For the
/// rest of its message.
const LOCAL: &str = "SET LOCAL synchronous_commit = local";
const MAKE: &str = "BEGIN; SET LOCAL synchronous_commit = local; \
    CREATE SCHEMA IF NOT EXISTS stairway; \
    COMMENT ON SCHEMA stairway IS 'audit trail of stairway: its runs and what they moved'; \
    CREATE TABLE IF NOT EXISTS stairway.run (\
      run text PRIMARY KEY, verb text NOT NULL, revision_from text NOT NULL, \
      revision_to text NOT NULL, role text NOT NULL DEFAULT session_user, host text NOT NULL, \
      began timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(), ended timestamptz, \
      state text, exit_code int, reason text, schema text); \
    CREATE TABLE IF NOT EXISTS stairway.move (\
      run text NOT NULL, position int NOT NULL, revision text NOT NULL, direction text NOT NULL, \
      checksum text NOT NULL, xid xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(), \
      at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(), \
      PRIMARY KEY (run, position)); \
    ALTER TABLE stairway.move ADD COLUMN IF NOT EXISTS touched oid[]; \
    COMMIT";
const IS_WHOLE: &str = "SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute \
    WHERE attrelid = pg_catalog.to_regclass('stairway.move') AND attname = 'touched')";
/// The tables whose rows this transaction has changed, or was about to: it holds their locks.
const TOUCHED: &str = "ARRAY(SELECT DISTINCT l.relation FROM pg_catalog.pg_locks l \
    JOIN pg_catalog.pg_class c ON c.oid = l.relation AND c.relkind = 'r' \
    WHERE l.pid = pg_catalog.pg_backend_pid() AND l.mode = 'RowExclusiveLock' \
    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d \
      WHERE d.datname = pg_catalog.current_database()))";

/// A run as the database remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Its id.
    pub run: String,
    /// `upgrade`, `downgrade`, `stamp` or `restore`.
    pub verb: String,
    /// The revision before it.
    pub from: String,
    /// The revision that was wanted.
    pub to: String,
    /// The role.
    pub role: String,
    /// When it began, as the server prints it.
    pub began: String,
    /// BEFORE, AFTER or UNKNOWN; `None` while it runs or if it was killed.
    pub state: Option<String>,
    /// The exit code.
    pub exit: Option<String>,
    /// Why, for `stamp`.
    pub reason: Option<String>,
}

/// One move of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveRow<'a> {
    /// The run.
    pub run: &'a str,
    /// Counted over the moves of the run, those of a rollback included.
    pub position: usize,
    /// Of which migration.
    pub revision: &'a str,
    /// `upgrade`, `downgrade` or `stamp`.
    pub direction: &'a str,
    /// Of the script.
    pub checksum: &'a str,
}

impl MoveRow<'_> {
    /// The statement that writes it.
    pub fn sql(&self) -> String {
        format!(
            "INSERT INTO stairway.move (run, position, revision, direction, checksum, touched) \
             VALUES ({}, {}, {}, {}, {}, {TOUCHED})",
            quote_literal(self.run),
            self.position,
            quote_literal(self.revision),
            quote_literal(self.direction),
            quote_literal(self.checksum)
        )
    }
}

/// Whether there is a trail in this database.
pub async fn has_audit(session: &mut Session) -> Result<bool, PostgresError> {
    Ok(session.value(EXISTS).await?.as_deref() == Some("t"))
}

/// Makes the trail if there is none.
pub async fn make_audit(session: &mut Session) -> Result<(), PostgresError> {
    // CREATE SCHEMA asks for the right to make one even where it stands.
    if session.value(IS_WHOLE).await?.as_deref() != Some("t") {
        session.execute(MAKE).await?;
    }
    Ok(())
}

/// Writes down that a run begins; again, if a restored database does not know of it.
pub async fn begin_run(
    session: &mut Session,
    (run, verb): (&str, &str),
    (from, to): (&str, &str),
    reason: Option<&str>,
) -> Result<(), PostgresError> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let cells = [run, verb, from, to, host.trim()].map(quote_literal).join(", ");
    let reason = reason.map_or_else(|| "NULL".to_owned(), quote_literal);
    let sql = format!(
        "{LOCAL}; INSERT INTO stairway.run (run, verb, revision_from, revision_to, host, reason) \
         VALUES ({cells}, {reason}) ON CONFLICT (run) DO NOTHING"
    );
    session.execute(&sql).await
}

/// Writes down how a run ended; `schema` is the text of the snapshot that it left.
pub async fn end_run(
    session: &mut Session,
    run: &str,
    (state, exit): (&str, u8),
    schema: &str,
) -> Result<(), PostgresError> {
    let sql = format!(
        "{LOCAL}; UPDATE stairway.run SET ended = pg_catalog.clock_timestamp(), state = {}, \
         exit_code = {exit}, schema = {} WHERE run = {}",
        quote_literal(state),
        quote_literal(schema),
        quote_literal(run)
    );
    session.execute(&sql).await
}

/// The last runs, the newest first.
pub async fn last_runs(session: &mut Session, most: usize) -> Result<Vec<RunRow>, PostgresError> {
    let sql = format!(
        "SELECT run, verb, revision_from, revision_to, role, began, state, exit_code, reason \
         FROM stairway.run ORDER BY began DESC LIMIT {most}"
    );
    let row = |cells: Vec<Option<String>>| {
        let mut cells = cells.into_iter();
        let mut next = || cells.next().flatten();
        Some(RunRow {
            run: next()?,
            verb: next()?,
            from: next()?,
            to: next()?,
            role: next()?,
            began: next()?,
            state: next(),
            exit: next(),
            reason: next(),
        })
    };
    Ok(session.rows(&sql).await?.into_iter().filter_map(row).collect())
}

/// What the last run left whose state is known: the revision, and the text of the schema.
pub async fn last_schema(session: &mut Session) -> Result<Option<(String, String)>, PostgresError> {
    let sql = "SELECT CASE state WHEN 'AFTER' THEN revision_to ELSE revision_from END, schema \
               FROM stairway.run WHERE state IN ('BEFORE', 'AFTER') AND schema IS NOT NULL \
               ORDER BY ended DESC LIMIT 1";
    let row = session.rows(sql).await?.into_iter().next();
    let mut cells = row.into_iter().flatten().flatten();
    Ok(cells.next().zip(cells.next()))
}

/// The transaction of a move.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trace {
    /// Its number, of `xid8`.
    pub(super) xid: String,
    /// The tables, by oid, in which it changed rows; `None` if nobody wrote that down.
    pub(super) touched: Option<Vec<String>>,
}

/// The transactions in which these runs moved something.
pub(super) async fn traces(
    session: &mut Session,
    runs: &[String],
) -> Result<Vec<Trace>, PostgresError> {
    if !has_audit(session).await? {
        return Ok(Vec::new());
    }
    // An older trail has no such column.
    let sql = format!(
        "SELECT m.xid, pg_catalog.to_jsonb(m) ->> 'touched' FROM stairway.move m WHERE m.run IN ({})",
        list(runs)
    );
    let trace = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter();
        let xid = cells.next().flatten()?;
        let touched = cells.next().flatten().map(|text| {
            let oids = text.split(|it: char| !it.is_ascii_digit());
            oids.filter(|oid| !oid.is_empty()).map(str::to_owned).collect()
        });
        Some(Trace { xid, touched })
    };
    Ok(session.rows(&sql).await?.into_iter().filter_map(trace).collect())
}

/// Texts as SQL has them, with commas.
pub(super) fn list(texts: &[String]) -> String {
    texts.iter().map(|text| quote_literal(text)).collect::<Vec<_>>().join(", ")
}
