//! A backup into a new database, with the roles that it expects.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::backup::{self, Archive, ArchiveKind, BackupError, Problem};
use crate::postgres::{PostgresError, Session, quote_ident};
use crate::server::{Database, Server};

/// A backup could not be restored at all.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup can't be read.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The server can't be asked.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// There are no client programs for this server.
    #[error(
        "no pg_restore and psql of major {major} or newer were found; install the client programs of PostgreSQL {major}"
    )]
    NoPrograms {
        /// The server's major version.
        major: u32,
    },
    /// A plain dump that would write somewhere else.
    #[error(
        "the plain dump {path} connects to a database by name; make it with pg_dump without --create"
    )]
    Connects {
        /// The backup.
        path: String,
    },
}

impl RestoreError {
    /// The error without anything that may quote values of rows.
    #[must_use]
    pub fn discreet(&self) -> String {
        match self {
            Self::Backup(error) => error.discreet(),
            Self::Postgres(PostgresError::Sql(failure)) => failure.discreet().to_string(),
            other => other.to_string(),
        }
    }
}

/// What came of a restore.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Errors that the restore went on after.
    pub problems: Vec<Problem>,
    /// Roles that were made NOLOGIN because the backup names them.
    pub roles: Vec<String>,
    /// Extensions that the backup creates and this server does not have.
    pub missing_extensions: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// Restores the backup at `path` into the empty `database`.
pub async fn restore(
    server: &Server,
    database: &Database,
    path: &Path,
) -> Result<Restored, RestoreError> {
    let start = Instant::now();
    let archive = Archive::open(path)?;
    let major = server.version().major;
    let programs = server.programs().ok_or(RestoreError::NoPrograms { major })?;
    let expects = archive.expects(programs).await?;
    if archive.kind == ArchiveKind::Plain && expects.connects {
        return Err(RestoreError::Connects { path: path.display().to_string() });
    }
    let mut session = Session::connect(&database.target, "restore").await?;
    let roles = make_roles(&mut session, expects.roles.into_iter().collect()).await?;
    let available = session.rows("SELECT name FROM pg_catalog.pg_available_extensions").await?;
    let is_available = |name: &String| available.iter().flatten().flatten().any(|at| at == name);
    let missing_extensions =
        expects.extensions.into_iter().filter(|name| !is_available(name)).collect();
    session.close().await?;
    let problems = backup::restore(&archive, &database.target, programs).await?;
    Ok(Restored { problems, roles, missing_extensions, took: start.elapsed() })
}

async fn make_roles(
    session: &mut Session,
    wanted: Vec<String>,
) -> Result<Vec<String>, PostgresError> {
    let present = session.rows("SELECT rolname FROM pg_catalog.pg_roles").await?;
    let is_present = |role: &String| present.iter().flatten().flatten().any(|at| at == role);
    let missing: Vec<String> = wanted.into_iter().filter(|role| !is_present(role)).collect();
    for role in &missing {
        session.execute(&format!("CREATE ROLE {} NOLOGIN", quote_ident(role))).await?;
    }
    Ok(missing)
}
