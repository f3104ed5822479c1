//! `pg_amcheck` over a copy, which is left as it was.

use crate::backup::{self, Amchecked};
use crate::postgres::{PostgresError, Session};
use crate::server::{Database, Server};

use super::restore::RestoreError;

const IS_THERE: &str =
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'amcheck')";

/// Looks at all tables and indexes of `database` with so many sessions; `thoroughly` each row is
/// looked up in the indexes as well.
pub async fn amcheck(
    server: &Server,
    database: &Database,
    jobs: u32,
    thoroughly: bool,
) -> Result<Amchecked, RestoreError> {
    let major = server.version().major;
    let programs = server.programs().ok_or(RestoreError::NoPrograms { major })?;
    let mut session = Session::connect(&database.target, "amcheck").await?;
    let was_there = session.value(IS_THERE).await?.as_deref() == Some("t");
    let checked = backup::amcheck(&database.target, programs, jobs, thoroughly).await;
    let left = if was_there { Ok(()) } else { drop_it(&mut session).await };
    session.close().await?;
    let checked = checked?;
    left?;
    Ok(checked)
}

async fn drop_it(session: &mut Session) -> Result<(), PostgresError> {
    session.execute("DROP EXTENSION IF EXISTS amcheck").await
}
