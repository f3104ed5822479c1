//! Whether the server that answers is the one that the run began on: it may have been started again, or
//! another one may have taken its place.

use crate::postgres::{PostgresError, Session};
use crate::steps::{self, Identity, Since};

use super::journal::Entry;
use super::run::{Run, Stop, discreet};
use super::site::Site;

/// What makes it doubtful where a database stands, although it can be looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Doubts {
    /// Which server took the place of the one that the run began on. What was committed there may not
    /// have come here, and numbers of transactions say nothing; only what is seen counts.
    pub(super) elsewhere: Option<String>,
    /// Something of the run is committed here and not on the standbys that are to confirm it.
    pub(super) unreplicated: bool,
}

impl Doubts {
    /// Why nothing more may be changed, if that is so.
    pub(super) fn forbid(&self) -> Option<String> {
        let elsewhere = self.elsewhere.as_ref().map(|server| format!("{server} answers now"));
        let locally = self.unreplicated.then(|| super::moving::LOCALLY.to_owned());
        elsewhere.or(locally)
    }
}

/// Holds the server that `session` reaches against the last one that the journal knows, and writes
/// down what became of it.
pub(super) async fn hold(run: &mut Run<'_>, session: &mut Session) -> Result<(), PostgresError> {
    let Some(journal) = &run.journal else { return Ok(()) };
    let (mut was, mut elsewhere) = (None, None);
    for entry in journal.entries() {
        match entry {
            Entry::Begun(begun) => was = Some(begun.database.clone()),
            Entry::Restarted { server } => was = Some(Identity::clone(server)),
            Entry::FailedOver { server } => {
                was = Some(Identity::clone(server));
                elsewhere = Some(words(server));
            }
            _ => {}
        }
    }
    let is = steps::identity(session).await?;
    let since = was.as_ref().map_or(Since::Same, |was| was.since(&is));
    let (entry, told) = match since {
        Since::Same => {
            run.doubts.elsewhere = elsewhere;
            return Ok(());
        }
        Since::Restarted => {
            let told = format!("the server was started again at {}", is.started);
            (Entry::Restarted { server: Box::new(is) }, told)
        }
        Since::Elsewhere => {
            elsewhere = Some(words(&is));
            let was = was.map(|was| words(&was)).unwrap_or_default();
            let told = format!(
                "another server took the place of the one before: {}, not {was}; numbers of transactions \
                 say nothing now, only what is seen counts",
                words(&is)
            );
            (Entry::FailedOver { server: Box::new(is) }, told)
        }
    };
    run.doubts.elsewhere = elsewhere;
    run.warn(told);
    run.write(entry).map_err(|error| PostgresError::Unexpected(format!("the journal: {error}")))
}

/// The same from a session of its own, for a run whose session may not have noticed.
pub(super) async fn hold_anew(run: &mut Run<'_>, site: &Site<'_>) -> Result<(), PostgresError> {
    let mut session = site.patient_reader("look").await?;
    hold(run, &mut session).await?;
    session.close().await
}

/// Whether new sessions come to another server than the run began on; not if that can't be told.
pub(super) async fn is_another(run: &mut Run<'_>, site: &Site<'_>) -> bool {
    if let Err(error) = hold_anew(run, site).await {
        let error = discreet(&error);
        run.warn(format!("whether the same server answers as before is not known: {error}"));
        return false;
    }
    run.doubts.elsewhere.is_some()
}

/// Stops a run that has changed nothing yet where another server answers.
pub(super) fn refuse(run: &Run<'_>, exit: crate::exit::Exit) -> Result<(), Stop> {
    match &run.doubts.elsewhere {
        None => Ok(()),
        Some(server) => Err(Stop::new(exit, format!("{server} answers now, not the one before"))
            .help("see which server is the primary, then run it again")),
    }
}

fn words(server: &Identity) -> String {
    format!("system {}, timeline {}", server.system_identifier, server.timeline)
}
