//! The settings of a session that works on somebody's database, and proof that they took.
//!
//! A `SET` that a pooler sent elsewhere shows when it is read back.

use std::fmt::Write;
use std::time::Duration;

use super::{PostgresError, Session, quote_literal};

/// How long a session may wait, work and idle. Zero means without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// How long one statement may wait for one lock.
    pub lock_timeout: Duration,
    /// How long one statement may take, waiting included.
    pub statement_timeout: Duration,
    /// How long a transaction may stand open without work: what frees its locks when we are gone
    /// and the network does not say so.
    pub idle_in_transaction: Duration,
    /// Whether the session can change nothing.
    pub read_only: bool,
}

/// How often the server looks whether we are still there while it works for us, in milliseconds.
/// Without it a statement of a dead client goes on, and commits.
const CONNECTION_CHECK: &str = "1000";
/// When the server gives up on a client that does not answer; not known on a socket.
const KEEPALIVES: &str = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; \
    SET tcp_keepalives_count = 3; SET tcp_user_timeout = 30000";

impl Profile {
    /// Sets it on `session` and reads it back.
    pub async fn take(&self, session: &mut Session) -> Result<(), PostgresError> {
        let wanted = [
            ("lock_timeout", milliseconds(self.lock_timeout)),
            ("statement_timeout", milliseconds(self.statement_timeout)),
            ("idle_in_transaction_session_timeout", milliseconds(self.idle_in_transaction)),
            ("idle_session_timeout", "0".to_owned()),
            ("client_connection_check_interval", CONNECTION_CHECK.to_owned()),
            ("default_transaction_read_only", if self.read_only { "on" } else { "off" }.to_owned()),
        ];
        let mut message = KEEPALIVES.to_owned();
        for (name, value) in &wanted {
            let _ = write!(message, "; SET {name} = {value}");
        }
        let names = wanted.each_ref().map(|(name, _)| quote_literal(name)).join(", ");
        let _ = write!(
            message,
            "; SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN ({names})"
        );
        let found = session.rows(&message).await?;
        for (name, value) in &wanted {
            let is_set = found.iter().any(|row| {
                let mut cells = row.iter().flatten();
                cells.next().is_some_and(|cell| cell == name) && cells.next() == Some(value)
            });
            if !is_set {
                return Err(PostgresError::Unexpected(format!("{name} did not become {value}")));
            }
        }
        Ok(())
    }
}

/// As `PostgreSQL` takes them: at most 24 days, since zero would be without end.
pub fn milliseconds(duration: Duration) -> String {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX).to_string()
}

#[cfg(test)]
mod tests {
    use super::{Duration, milliseconds};

    #[test]
    fn a_long_time_is_not_without_end() {
        assert_eq!(milliseconds(Duration::from_millis(1500)), "1500");
        assert_eq!(milliseconds(Duration::MAX), i32::MAX.to_string());
    }
}
