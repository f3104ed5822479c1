//! What went wrong, by SQLSTATE: messages are localised and never parsed.

use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

use super::Target;

/// An error that the server reported about a statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (SQLSTATE {sqlstate})")]
pub struct SqlFailure {
    /// Five characters, for example `42P01`.
    pub sqlstate: String,
    /// The server's message.
    pub message: String,
    /// The server's DETAIL. It may quote row values: not for logs of production runs.
    pub detail: Option<String>,
    /// The server's HINT.
    pub hint: Option<String>,
    /// The character in the sent text that the server points at, counted from 0.
    pub position: Option<usize>,
    /// The server's CONTEXT: which function, which line of it.
    pub context: Option<String>,
    /// The constraint or index, or else the column or table, that the server says it is about.
    pub object: Option<String>,
    /// The server's function that reports it: the same in every language, unlike the message.
    pub routine: Option<String>,
}

/// A connection or a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The URL can't be read.
    #[error("not a PostgreSQL URL: {0}")]
    Url(String),
    /// Nobody answered, or the server refused us.
    #[error("can't connect to {target}")]
    Connect {
        /// Where, without a password.
        target: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The server reported an error about a statement.
    #[error(transparent)]
    Sql(#[from] Box<SqlFailure>),
    /// The connection broke while a statement ran.
    #[error("the connection to the server was lost")]
    Lost(#[source] sqlx::Error),
    /// A pooler in transaction mode, or something like it, stands before the server.
    #[error(
        "something between here and the server shares server processes between sessions (a pooler in \
         transaction mode): locks and settings would not hold"
    )]
    Pooled,
    /// The server sent something that we did not ask for.
    #[error("unexpected answer from the server: {0}")]
    Unexpected(String),
}

impl PostgresError {
    /// Nobody answered at all.
    pub fn silent(target: &Target) -> Self {
        let source = std::io::Error::from(std::io::ErrorKind::TimedOut).into();
        Self::Connect { target: target.to_string(), source }
    }

    /// Whether the same may succeed in a moment: nobody answered, the server is just starting or
    /// going down, or it has no place left. Not so where it said no.
    pub fn may_pass(&self) -> bool {
        // cannot_connect_now, admin_shutdown, crash_shutdown, too_many_connections
        const STATES: [&str; 4] = ["57P03", "57P01", "57P02", "53300"];
        match self {
            Self::Connect { source, .. } => match source.as_database_error() {
                Some(error) => error.code().is_some_and(|code| STATES.contains(&code.as_ref())),
                None => matches!(source, sqlx::Error::Io(_)),
            },
            Self::Lost(_) => true,
            Self::Sql(failure) => STATES.contains(&failure.sqlstate.as_str()),
            Self::Url(_) | Self::Pooled | Self::Unexpected(_) => false,
        }
    }

    /// The server's report, if this is one.
    pub fn sql(&self) -> Option<&SqlFailure> {
        match self {
            Self::Sql(failure) => Some(failure),
            _ => None,
        }
    }
}

/// The server's functions that make a file longer: of a table, and of what a sort or a hash keeps.
const EXTENDING: [&str; 3] = ["mdextend", "mdzeroextend", "BufFileDumpBuffer"];

/// The SQLSTATE of a report that can't be read.
const UNREADABLE: &str = "?????";

impl SqlFailure {
    /// Whether the server has run out of something, such as room on its disk: no statement is to
    /// blame, and the same again will end the same way.
    pub fn is_out_of_resources(&self) -> bool {
        // Insufficient resources; where it is the system's limit for one file, "internal error".
        let is_extending =
            || self.routine.as_ref().is_some_and(|it| EXTENDING.contains(&it.as_str()));
        self.sqlstate.starts_with("53") || (self.sqlstate == "XX000" && is_extending())
    }

    /// A report whose words are no UTF-8: PostgreSQL quotes values cut by bytes, within a character
    /// (`to_date` does). The client refuses all of it, its SQLSTATE as well, and stays in step.
    fn unreadable(error: &sqlx::Error) -> Option<Self> {
        let sqlx::Error::Protocol(words) = error else { return None };
        words.contains("non-UTF-8 string for its error message").then(|| Self {
            sqlstate: UNREADABLE.to_owned(),
            message: "the server's message is cut within a character and can't be read".to_owned(),
            detail: None,
            hint: None,
            position: None,
            context: None,
            object: None,
            routine: None,
        })
    }
}

impl From<&PgDatabaseError> for SqlFailure {
    fn from(error: &PgDatabaseError) -> Self {
        let position = match error.position() {
            Some(PgErrorPosition::Original(at)) => Some(at.saturating_sub(1)),
            Some(PgErrorPosition::Internal { .. }) | None => None,
        };
        Self {
            sqlstate: error.code().to_owned(),
            message: error.message().to_owned(),
            detail: error.detail().map(str::to_owned),
            hint: error.hint().map(str::to_owned),
            position,
            context: error.r#where().map(str::to_owned),
            object: error.constraint().or(error.column()).or(error.table()).map(str::to_owned),
            routine: error.routine().map(str::to_owned),
        }
    }
}

impl From<sqlx::Error> for PostgresError {
    fn from(error: sqlx::Error) -> Self {
        let failure = error
            .as_database_error()
            .and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
            .map(SqlFailure::from);
        match failure.or_else(|| SqlFailure::unreadable(&error)) {
            Some(failure) => Self::Sql(Box::new(failure)),
            None => Self::Lost(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SqlFailure;

    fn is_out_of_resources(sqlstate: &str, routine: &str) -> bool {
        let failure = SqlFailure {
            sqlstate: sqlstate.to_owned(),
            // In any language.
            message: "kann Datei nicht erweitern".to_owned(),
            detail: None,
            hint: None,
            position: None,
            context: None,
            object: None,
            routine: Some(routine.to_owned()),
        };
        failure.is_out_of_resources()
    }

    #[test]
    fn a_server_without_room_is_told_from_a_migration_that_fails() {
        assert!(is_out_of_resources("53100", "mdextend"));
        assert!(is_out_of_resources("53200", "AllocSetAlloc"));
        assert!(is_out_of_resources("XX000", "mdzeroextend"));
        assert!(!is_out_of_resources("XX000", "elog_finish"));
        assert!(!is_out_of_resources("23505", "mdextend"));
    }
}
