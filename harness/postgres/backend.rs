//! The server process behind a session: which one it is, whether it is still there, how it is told
//! to end.

use serde::{Deserialize, Serialize};

use super::{PostgresError, Session, quote_literal};

/// What a process waits for that has committed and may not say so before a standby has it too. No
/// timeout of the session ends this wait.
pub const SYNC_REP: &str = "SyncRep";

/// One server process, told from another one with the same number by when it began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    /// The process on the server's machine.
    pub pid: i32,
    /// When it began, as the server prints it.
    pub since: String,
}

impl Backend {
    /// The one that serves `session` now.
    pub async fn of(session: &mut Session) -> Result<Self, PostgresError> {
        let sql = "SELECT pid, backend_start FROM pg_catalog.pg_stat_activity \
                   WHERE pid = pg_catalog.pg_backend_pid()";
        let row = session.rows(sql).await?.into_iter().next().unwrap_or_default();
        let mut cells = row.into_iter().flatten();
        let pid = cells.next().and_then(|pid| pid.parse().ok());
        match (pid, cells.next()) {
            (Some(pid), Some(since)) => Ok(Self { pid, since }),
            _ => Err(PostgresError::Unexpected("the session's own process is not listed".into())),
        }
    }

    /// Whether it is still there, seen from another session.
    pub async fn is_alive(&self, session: &mut Session) -> Result<bool, PostgresError> {
        let sql = format!("SELECT EXISTS (SELECT FROM {})", self.row());
        Ok(session.value(&sql).await?.as_deref() == Some("t"))
    }

    /// What it waits for, as the server names it; `None` if it works, or is gone.
    pub async fn waits_for(&self, session: &mut Session) -> Result<Option<String>, PostgresError> {
        session.value(&format!("SELECT wait_event FROM {}", self.row())).await
    }

    /// Ends it from another session, if it is still the same.
    pub async fn terminate(&self, session: &mut Session) -> Result<(), PostgresError> {
        session
            .execute(&format!("SELECT pg_catalog.pg_terminate_backend(pid) FROM {}", self.row()))
            .await
    }

    fn row(&self) -> String {
        format!(
            "pg_catalog.pg_stat_activity WHERE pid = {} AND backend_start = {}::timestamptz",
            self.pid,
            quote_literal(&self.since)
        )
    }
}
