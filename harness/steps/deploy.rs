//! One move on a database that matters: under timeouts, tried again while somebody is in the way,
//! with the version table and the audit trail in the same transaction.
//!
//! A failure here says nothing about the database: whoever called looks at it.

use std::time::{Duration, Instant};

use crate::migrations::{Direction, History, Move, Program, Script};
use crate::postgres::{Backend, PostgresError, Profile, Session, milliseconds};
use crate::sql;

use super::audit::MoveRow;
use super::lock;
use super::program::{self, Inside};
use super::script::{self, StepFailure};
use super::undo::{drop_invalid, invalid_indexes};
use super::version_table::Ledger;
use super::watched;

/// What is worth another try of the whole transaction: nobody is to blame for these.
const PASSING: [&str; 3] = ["55P03", "40P01", "40001"];
/// What DISCARD ALL does, but for the lock of the run. The settings of the run go with it.
const AS_NEW: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; DEALLOCATE ALL; \
    UNLISTEN *; DISCARD PLANS; DISCARD TEMP; DISCARD SEQUENCES";

/// How long a move may take and wait.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The settings of the session that a script begins with.
    pub profile: Profile,
    /// When all must be done.
    pub deadline: Instant,
    /// How long the first try waits for a lock, and the longest one.
    pub lock: (Duration, Duration),
    /// How many tries.
    pub tries: u32,
    /// The longest pause between two tries.
    pub pause: Duration,
}

impl Limits {
    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    fn lock_of(&self, attempt: u32) -> Duration {
        let (first, most) = self.lock;
        first.saturating_mul(1 << attempt.min(10)).min(most).min(self.left())
    }
}

/// What happens on the way, for the journal and for whoever watches.
#[derive(Clone, Debug)]
pub enum Mark<'a> {
    /// A try begins, counted from 1.
    Trying(u32),
    /// A statement that commits by itself is about to be sent, counted from 0.
    Statement(usize),
    /// Everything is done in this transaction; COMMIT is about to be sent.
    Committing(&'a str),
    /// It is committed on this server, and waits until these standbys have it too.
    Unreplicated(&'a str),
    /// A try ended with this SQLSTATE and all of it is undone; these are in the way.
    Blocked(&'a str, &'a [Blocker]),
}

/// A session that holds what we wait for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Blocker {
    /// The server process.
    pub pid: String,
    /// What it calls itself.
    pub application: String,
    /// `active`, `idle in transaction` and so on.
    pub state: String,
    /// For how many seconds its transaction has been open.
    pub seconds: String,
}

/// A move did not run to its end, as far as we know.
#[derive(Debug, thiserror::Error)]
pub enum DeployFailure {
    /// The script or its record failed, or the connection did.
    #[error(transparent)]
    Step(#[from] StepFailure),
    /// The session is fine and has lost the lock: the script let go of it.
    #[error("the lock of the run is lost: a script must not release advisory locks of others")]
    LockLost,
    /// There is nothing to run.
    #[error("{0} has no downgrade")]
    NoScript(String),
    /// The time is over.
    #[error("the time for this run is over")]
    Late,
    /// The journal can't be written: nothing is done that it does not know of.
    #[error("the journal can't be written")]
    Journal(#[source] std::io::Error),
}

impl From<PostgresError> for DeployFailure {
    fn from(error: PostgresError) -> Self {
        match error {
            PostgresError::Sql(failure) => Self::Step(StepFailure::Record { failure }),
            other => Self::Step(StepFailure::Postgres(other)),
        }
    }
}

/// What tells the journal; if it fails, nothing more is sent.
pub type Marker<'a> = &'a mut dyn FnMut(Mark<'_>) -> std::io::Result<()>;

/// Whether a script and its record are one transaction.
pub fn is_atomic(script: &Script) -> bool {
    script::as_one(script).is_some()
}

/// Makes `one` in `session`, which holds the lock of the run. Gives how many tries it took.
pub async fn deploy(
    session: &mut Session,
    ledger: &Ledger,
    one: &Move<'_>,
    row: &MoveRow<'_>,
    limits: &Limits,
    mark: Marker<'_>,
) -> Result<u32, DeployFailure> {
    let script =
        one.script().ok_or_else(|| DeployFailure::NoScript(one.migration.revision.clone()))?;
    session.execute(AS_NEW).await?;
    limits.profile.take(session).await?;
    let backend = Backend::of(session).await?;
    if !lock::is_locked(session).await? {
        return Err(DeployFailure::LockLost);
    }
    let record = format!("{};\n{}", ledger.entry(one), row.sql());
    let mut attempt = 0;
    loop {
        if limits.left().is_zero() {
            return Err(DeployFailure::Late);
        }
        mark(Mark::Trying(attempt + 1)).map_err(DeployFailure::Journal)?;
        let failure = if let Some(one) = script::as_one(script) {
            match whole((session, &backend), &one, &record, limits, attempt, mark).await {
                Ok(()) => return Ok(attempt + 1),
                Err(failure) => failure,
            }
        } else if let Some(program) = &script.program {
            let with = (session, &backend);
            return alone(with, script, program, (&record, limits), mark).await.map(|()| 1);
        } else {
            let with = (session, &backend);
            return pieces(with, ledger, one, script, (&record, limits), mark).await.map(|()| 1);
        };
        attempt += 1;
        let Some(state) = passing(&failure).filter(|_| attempt < limits.tries) else {
            return Err(failure);
        };
        wait(session, &state, limits, mark).await?;
    }
}

/// The SQLSTATE of a failure that may pass.
fn passing(failure: &DeployFailure) -> Option<String> {
    let DeployFailure::Step(StepFailure::Sql { failure, .. } | StepFailure::Record { failure }) =
        failure
    else {
        return None;
    };
    PASSING.contains(&failure.sqlstate.as_str()).then(|| failure.sqlstate.clone())
}

/// Full jitter: somewhere between nothing and the longest pause, so that two don't meet again.
async fn wait(
    session: &mut Session,
    state: &str,
    limits: &Limits,
    mark: Marker<'_>,
) -> Result<(), DeployFailure> {
    mark(Mark::Blocked(state, &blockers(session).await?)).map_err(DeployFailure::Journal)?;
    let most = u64::try_from(limits.pause.as_millis()).unwrap_or(u64::MAX).max(1);
    let sql = format!("SELECT pg_catalog.floor(pg_catalog.random() * {most})::bigint");
    let pause = session.value(&sql).await?.and_then(|text| text.parse().ok()).unwrap_or(most);
    tokio::time::sleep(Duration::from_millis(pause).min(limits.left())).await;
    Ok(())
}

/// Sends what commits, and tells if it has to wait for standbys then.
async fn commit(
    (session, backend): (&mut Session, &Backend),
    sql: &str,
    mark: Marker<'_>,
) -> Result<Result<(), PostgresError>, DeployFailure> {
    let mut told = Ok(());
    let done = watched::execute(session, backend, sql, |standbys| {
        told = mark(Mark::Unreplicated(standbys));
    });
    let done = done.await;
    told.map_err(DeployFailure::Journal)?;
    Ok(done)
}

async fn whole(
    (session, backend): (&mut Session, &Backend),
    script: &Script,
    record: &str,
    limits: &Limits,
    attempt: u32,
    mark: Marker<'_>,
) -> Result<(), DeployFailure> {
    let begin = format!(
        "BEGIN; SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = {}",
        milliseconds(limits.lock_of(attempt)),
        milliseconds(limits.left())
    );
    session.execute(&begin).await?;
    let result = async {
        let run = script::in_open_transaction(session, script, record);
        in_time(script, limits, run).await?;
        let xid = session.value("SELECT pg_catalog.pg_current_xact_id()").await?;
        mark(Mark::Committing(&xid.unwrap_or_default())).map_err(DeployFailure::Journal)?;
        let done = commit((session, backend), "COMMIT", mark).await?;
        done.map_err(|error| script::outside(error, script).into())
    }
    .await;
    if result.is_err() {
        // If even this fails, the connection is gone, and the next who looks sees it.
        let _ = session.execute("ROLLBACK").await;
    }
    result
}

/// Waits for a script, and for a program no longer than there is time: no timeout of the session ends what
/// it does between two statements.
async fn in_time(
    script: &Script,
    limits: &Limits,
    run: impl Future<Output = Result<(), StepFailure>>,
) -> Result<(), StepFailure> {
    let Some(program) = &script.program else { return run.await };
    if let Ok(done) = tokio::time::timeout(limits.left(), run).await {
        return done;
    }
    program.stop();
    let message = "it was ended, since the time for this run is over".to_owned();
    Err(StepFailure::Program { message, kind: None, traceback: None, span: None })
}

/// A program that commits what it likes when it likes: nobody else could do a part of it again.
async fn alone(
    (session, backend): (&mut Session, &Backend),
    script: &Script,
    program: &Program,
    (record, limits): (&str, &Limits),
    mark: Marker<'_>,
) -> Result<(), DeployFailure> {
    let known = invalid_indexes(session).await?;
    mark(Mark::Statement(0)).map_err(DeployFailure::Journal)?;
    let set = format!(
        "SET lock_timeout = {}; SET statement_timeout = {}",
        milliseconds(limits.lock.1.min(limits.left())),
        milliseconds(limits.left())
    );
    session.execute(&set).await?;
    let run = program::run(session, script, program, Inside::Session);
    if let Err(failure) = in_time(script, limits, run).await {
        let _ = session.execute("ROLLBACK").await;
        if !matches!(failure, StepFailure::Postgres(_)) {
            drop_invalid(session, &known, &script.sql()).await?;
        }
        return Err(failure.into());
    }
    commit((session, backend), record, mark).await?.map_err(DeployFailure::from)
}

/// Statement by statement; each commits by itself, the record after the last.
async fn pieces(
    (session, backend): (&mut Session, &Backend),
    ledger: &Ledger,
    one: &Move<'_>,
    script: &Script,
    (record, limits): (&str, &Limits),
    mark: Marker<'_>,
) -> Result<(), DeployFailure> {
    let known = invalid_indexes(session).await?;
    if let Some(begun) = ledger.begun(one) {
        session.execute(&begun).await?;
    }
    let pieces = script::pieces(script)?;
    let (mut at, mut attempt) = (0, 0);
    while let Some(script::Piece { bytes, from }) = pieces.get(at) {
        let text = script.text.get(bytes.clone()).unwrap_or_default();
        mark(Mark::Statement(at)).map_err(DeployFailure::Journal)?;
        // What runs concurrently blocks nobody while it waits for older transactions.
        let is_concurrent =
            sql::refuses_transaction(text).is_some_and(|words| words.contains("CONCURRENTLY"));
        let wait_for = if is_concurrent { limits.left() } else { limits.lock_of(attempt) };
        let set = format!(
            "SET lock_timeout = {}; SET statement_timeout = {}",
            milliseconds(wait_for),
            milliseconds(limits.left())
        );
        session.execute(&set).await?;
        let in_block = *from < at;
        let Err(error) = piece((session, backend), text, in_block, mark).await? else {
            (at, attempt) = (at + 1, if in_block { attempt } else { 0 });
            continue;
        };
        let _ = session.execute("ROLLBACK").await;
        let failure = DeployFailure::Step(script::of_statement(error, script, bytes.clone()));
        attempt += 1;
        let state = passing(&failure).filter(|_| attempt < limits.tries);
        if matches!(failure, DeployFailure::Step(StepFailure::Postgres(_))) {
            return Err(failure);
        }
        // Half an index is worse than none: it is kept up to date and used by nobody.
        drop_invalid(session, &known, text).await?;
        let Some(state) = state.filter(|_| !limits.left().is_zero()) else {
            return Err(failure);
        };
        wait(session, &state, limits, mark).await?;
        // The ROLLBACK took back all of its transaction.
        at = *from;
    }
    commit((session, backend), record, mark).await?.map_err(DeployFailure::from)
}

/// Sends one statement that commits, or is within a transaction of the script. What changes rows is
/// known by the number of its transaction: whoever counts what others wrote must know it.
async fn piece(
    (session, backend): (&mut Session, &Backend),
    text: &str,
    in_block: bool,
    mark: Marker<'_>,
) -> Result<Result<(), PostgresError>, DeployFailure> {
    use sql::StatementKind as K;
    const XID: &str = "SELECT pg_catalog.pg_current_xact_id_if_assigned()";
    let kind = sql::kind(text);
    let changes_rows =
        matches!(kind, K::Insert | K::Update | K::Delete | K::Merge | K::With | K::Truncate);
    let is_alone = !in_block && changes_rows;
    if is_alone {
        session.execute("BEGIN").await?;
        if let Err(error) = session.execute(text).await {
            return Ok(Err(error));
        }
    }
    if is_alone || (in_block && kind == K::Commit) {
        match session.value(XID).await {
            Ok(Some(xid)) => mark(Mark::Committing(&xid)).map_err(DeployFailure::Journal)?,
            Ok(None) => {}
            Err(error) => return Ok(Err(error)),
        }
    }
    commit((session, backend), if is_alone { "COMMIT" } else { text }, mark).await
}

/// Who has a transaction open in this database besides us, the oldest first.
async fn blockers(session: &mut Session) -> Result<Vec<Blocker>, PostgresError> {
    let sql = "SELECT pid, application_name, state, \
               pg_catalog.round(pg_catalog.date_part('epoch', now() - xact_start)) \
               FROM pg_catalog.pg_stat_activity WHERE datname = pg_catalog.current_database() \
               AND pid <> pg_catalog.pg_backend_pid() AND xact_start IS NOT NULL \
               AND backend_type = 'client backend' ORDER BY xact_start LIMIT 5";
    let blocker = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || cells.next().unwrap_or_default();
        Blocker { pid: next(), application: next(), state: next(), seconds: next() }
    };
    Ok(session.rows(sql).await?.into_iter().map(blocker).collect())
}

/// What [`deploy`] sends for one move, as a script for psql: without the audit trail and the timeouts.
pub async fn script_of(ledger: &Ledger, history: &History, one: &Move<'_>) -> String {
    let (revision, direction) = (&one.migration.revision, one.direction.as_str());
    let Some(script) = one.script() else {
        return format!("-- {direction} {revision}: there is none\n");
    };
    if let Some(program) = &script.program {
        let at = history.position(&one.migration.version).unwrap_or_default();
        let applied = if one.direction == Direction::Upgrade { at } else { at + 1 };
        return match program.rendered(&history.heads(applied)).await {
            Ok(sql) => format!("-- {direction} {revision}\n{}\n\n", sql.trim()),
            Err(error) => format!(
                "-- {direction} {revision}: only Python can tell what is sent ({})\n-- see {}\n\n",
                error.to_string().lines().next().unwrap_or_default(),
                script.path.display()
            ),
        };
    }
    let whole = script::as_one(script);
    let text = whole.as_deref().unwrap_or(script).text.trim();
    let text = if text.ends_with(';') { text.to_owned() } else { format!("{text}\n;") };
    let entry = ledger.entry(one);
    let body = if whole.is_some() {
        format!("BEGIN;\n{text}\n{entry};\nCOMMIT;\n")
    } else {
        let begun = ledger.begun(one).map(|begun| format!("{begun};\n")).unwrap_or_default();
        format!("{begun}{text}\n{entry};\n")
    };
    format!("-- {direction} {revision}\n{body}\n")
}
