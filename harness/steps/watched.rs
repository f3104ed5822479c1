//! Statements that commit, watched from a second session: where a standby has to confirm, COMMIT waits
//! for it without end, and no timeout of its session ends that.

use std::time::Duration;

use crate::postgres::{Backend, PostgresError, SYNC_REP, Session, Target};

/// Between two looks. Most statements are over before the first.
const PAUSE: Duration = Duration::from_secs(1);

/// Sends `sql` in `session`, which `backend` serves. Calls `told` once, with the standbys that are
/// asked for, when it has committed on this server and waits for them.
pub(super) async fn execute(
    session: &mut Session,
    backend: &Backend,
    sql: &str,
    told: impl FnOnce(&str),
) -> Result<(), PostgresError> {
    let target = session.target().clone();
    let work = session.execute(sql);
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        standbys = waits(&target, backend) => told(&standbys),
    }
    work.await
}

/// Ends when the process waits for standbys; gives which. Whoever can't look sees nothing.
async fn waits(target: &Target, backend: &Backend) -> String {
    loop {
        tokio::time::sleep(PAUSE).await;
        let Ok(mut eye) = Session::connect(target, "watch").await else { continue };
        while let Ok(event) = backend.waits_for(&mut eye).await {
            if event.as_deref() == Some(SYNC_REP) {
                return standbys(&mut eye).await.unwrap_or_default();
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The standbys that COMMIT has to wait for, as the setting says.
async fn standbys(session: &mut Session) -> Result<String, PostgresError> {
    let names = session.value("SHOW synchronous_standby_names").await?;
    Ok(names.unwrap_or_default())
}
