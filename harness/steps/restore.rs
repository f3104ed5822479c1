//! A backup into a new database, with the roles that it expects.

use std::collections::BTreeSet;
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
    /// It brings what could speak to other machines, and nothing would keep it from that.
    #[error("the backup could speak to other machines when it is restored: {}", .0.join(", "))]
    Outward(Vec<String>),
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
    /// Roles that the backup names and that were not made, since nobody said that they exist.
    pub unknown_roles: Vec<String>,
    /// Extensions that the backup creates and this server does not have.
    pub missing_extensions: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// How a backup is restored.
#[derive(Clone, Debug)]
pub struct Restoring {
    /// By how many processes, where its kind allows several.
    pub jobs: u32,
    /// The roles that may be made because it names them; `None` for all.
    pub roles: Option<BTreeSet<String>>,
    /// Whether it may bring what could speak to other machines.
    pub outward: bool,
}

impl Default for Restoring {
    fn default() -> Self {
        Self { jobs: 1, roles: None, outward: true }
    }
}

/// Restores the backup at `path` into the empty `database`.
pub async fn restore(
    server: &Server,
    database: &Database,
    path: &Path,
) -> Result<Restored, RestoreError> {
    restore_by(server, database, path, &Restoring::default()).await
}

/// The same in another way.
pub async fn restore_by(
    server: &Server,
    database: &Database,
    path: &Path,
    how: &Restoring,
) -> Result<Restored, RestoreError> {
    let start = Instant::now();
    let archive = Archive::open(path)?;
    archive.ends()?;
    let major = server.version().major;
    let programs = server.programs().ok_or(RestoreError::NoPrograms { major })?;
    let expects = archive.expects(programs).await?;
    if archive.kind == ArchiveKind::Plain && expects.connects {
        return Err(RestoreError::Connects { path: path.display().to_string() });
    }
    if !how.outward && !expects.outward.is_empty() {
        return Err(RestoreError::Outward(expects.outward.into_iter().collect()));
    }
    let mut session = Session::connect(&database.target, "restore").await?;
    let may_be = |role: &String| how.roles.as_ref().is_none_or(|known| known.contains(role));
    let (known, strange) = expects.roles.into_iter().partition(may_be);
    let roles = make_roles(&mut session, known).await?;
    let unknown_roles = lacking(&mut session, strange).await?;
    let available = session.rows("SELECT name FROM pg_catalog.pg_available_extensions").await?;
    let is_available = |name: &String| available.iter().flatten().flatten().any(|at| at == name);
    let missing_extensions =
        expects.extensions.into_iter().filter(|name| !is_available(name)).collect();
    session.close().await?;
    let problems = backup::restore_by(&archive, &database.target, programs, how.jobs).await?;
    let took = start.elapsed();
    Ok(Restored { problems, roles, unknown_roles, missing_extensions, took })
}

async fn make_roles(
    session: &mut Session,
    wanted: Vec<String>,
) -> Result<Vec<String>, PostgresError> {
    let missing = lacking(session, wanted).await?;
    for role in &missing {
        session.execute(&format!("CREATE ROLE {} NOLOGIN", quote_ident(role))).await?;
    }
    Ok(missing)
}

/// Those of these roles that the server does not have.
async fn lacking(session: &mut Session, wanted: Vec<String>) -> Result<Vec<String>, PostgresError> {
    let present = session.rows("SELECT rolname FROM pg_catalog.pg_roles").await?;
    let is_present = |role: &String| present.iter().flatten().flatten().any(|at| at == role);
    Ok(wanted.into_iter().filter(|role| !is_present(role)).collect())
}

/// Drops roles that were made for a restore; no database may need them any more.
pub async fn forget_roles(session: &mut Session, roles: &[String]) -> Result<(), PostgresError> {
    for role in roles {
        session.execute(&format!("DROP ROLE IF EXISTS {}", quote_ident(role))).await?;
    }
    Ok(())
}
