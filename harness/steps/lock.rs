//! One runner at a time: an advisory lock in the session that will move the database, asked for
//! again and again and never waited for. A waiter would hold up the holder's CREATE INDEX
//! CONCURRENTLY, and the other way round.

use std::time::{Duration, Instant};

use crate::postgres::{PostgresError, Session};

/// `STAI` and `RWAY`.
const KEY: (i32, i32) = (0x5354_4149, 0x5257_4159);
const POLL: Duration = Duration::from_millis(100);

/// Who has the lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// The server process.
    pub pid: String,
    /// Its role.
    pub role: String,
    /// What it calls itself: the run is in it.
    pub application: String,
    /// When its session began.
    pub since: String,
}

/// The lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody has it.
    #[error(
        "another runner holds the lock: process {} of {} ({}), connected since {}",
        .0.pid, .0.role, .0.application, .0.since
    )]
    Held(Box<Holder>),
    /// The server can't be asked.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
}

/// Takes the lock in `session`, asking for as long as `patience`.
pub async fn lock(session: &mut Session, patience: Duration) -> Result<(), LockError> {
    let sql = format!("SELECT pg_catalog.pg_try_advisory_lock({}, {})", KEY.0, KEY.1);
    let start = Instant::now();
    loop {
        if session.value(&sql).await?.as_deref() == Some("t") {
            break;
        }
        if start.elapsed() >= patience {
            return Err(LockError::Held(Box::new(holder(session).await?)));
        }
        tokio::time::sleep(POLL).await;
    }
    if is_locked(session).await? {
        return Ok(());
    }
    let lost = "the server does not list the lock that it has just given";
    Err(LockError::Postgres(PostgresError::Unexpected(lost.to_owned())))
}

/// Whether `session` still has it.
pub async fn is_locked(session: &mut Session) -> Result<bool, PostgresError> {
    let sql =
        format!("SELECT EXISTS (SELECT FROM {} AND l.pid = pg_catalog.pg_backend_pid())", held());
    Ok(session.value(&sql).await?.as_deref() == Some("t"))
}

/// Lets go of it; gives whether it was still held.
pub async fn unlock(session: &mut Session) -> Result<bool, PostgresError> {
    let sql = format!("SELECT pg_catalog.pg_advisory_unlock({}, {})", KEY.0, KEY.1);
    Ok(session.value(&sql).await?.as_deref() == Some("t"))
}

async fn holder(session: &mut Session) -> Result<Holder, PostgresError> {
    let sql = format!(
        "SELECT l.pid, a.usename, a.application_name, a.backend_start FROM {} ORDER BY l.pid",
        held().replacen(
            " WHERE",
            " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid WHERE",
            1
        )
    );
    let row = session.rows(&sql).await?.into_iter().next().unwrap_or_default();
    let mut cells = row.into_iter().map(|cell| cell.unwrap_or_else(|| "?".to_owned()));
    let mut next = || cells.next().unwrap_or_else(|| "?".to_owned());
    Ok(Holder { pid: next(), role: next(), application: next(), since: next() })
}

fn held() -> String {
    format!(
        "pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 \
         AND l.classid = {} AND l.objid = {} AND l.database = (SELECT oid FROM \
         pg_catalog.pg_database WHERE datname = pg_catalog.current_database())",
        KEY.0, KEY.1
    )
}
