//! Bringing a database to a known state after a run ended otherwise than it should: by looking at it,
//! and by going back where it stands between two places.
//!
//! The same for a run that failed, one that was interrupted, and one that was killed.

use crate::backup::{Backup, Store};
use crate::exit::Exit;
use crate::migrations::Move;
use crate::postgres::{Backend, Session};
use crate::steps::{self, Ledger};

use super::account::State;
use super::fallback::{self, Fallback};
use super::journal::Entry;
use super::moving;
use super::prepare::AT_LEAST;
use super::run::{Run, Stop, discreet};
use super::site::{Seen, Site, Standing, Way};

/// What is known about a run that has to be settled.
#[derive(Debug)]
pub(super) struct Case<'c, 'r> {
    pub(super) site: &'c Site<'r>,
    pub(super) way: &'c Way<'r>,
    /// The server process that may still be at work.
    pub(super) backend: Option<Backend>,
    /// Indexes that were invalid before, by oid.
    pub(super) invalid: Vec<String>,
    /// Whether the rehearsal showed that the way back keeps all data; `None` if nobody looked.
    pub(super) way_back: Option<bool>,
    pub(super) backup: Option<(&'c Store, &'c Backup)>,
    /// The move that is not one transaction and may have stopped in its middle.
    pub(super) half: Option<usize>,
}

/// Where a database was found or brought to.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) state: State,
    pub(super) exit: Exit,
    pub(super) outcome: String,
}

impl Settled {
    fn unknown(why: impl Into<String>) -> Self {
        Self { state: State::Unknown, exit: Exit::Unknown, outcome: why.into() }
    }
}

/// Looks where the database stands, with nobody of ours at work any more. Gives the session that
/// holds the lock from now on.
pub(super) async fn standing(
    run: &mut Run<'_>,
    case: &Case<'_, '_>,
) -> Result<(Standing, Seen, Session, Backend), Stop> {
    let asked = |doing: &str, error: &_| Stop::postgres(Exit::Unknown, doing, error);
    if let Some(backend) = &case.backend {
        let has_ended = case.site.outlast(backend).await;
        if !has_ended.map_err(|e| asked("the database can't be reached", &e))? {
            let message = format!("server process {} still works and does not end", backend.pid);
            return Err(Stop::new(Exit::Unknown, message).help(waiting(case, backend).await));
        }
    }
    let worker = case.site.worker(&run.id()).await;
    let (mut worker, backend) = worker.map_err(|e| asked("the database can't be reached", &e))?;
    steps::lock(&mut worker, AT_LEAST)
        .await
        .map_err(|error| Stop::new(Exit::Unknown, error.to_string()))?;
    run.write(Entry::Working(backend.clone())).map_err(|error| {
        Stop::new(Exit::Unknown, format!("the journal can't be written: {error}"))
    })?;
    let known = case.invalid.iter().cloned().collect();
    if case.half.is_some() {
        match steps::drop_invalid(&mut worker, &known).await {
            Ok(dropped) if !dropped.is_empty() => {
                run.note(format!(
                    "half-built indexes of this run are dropped: {}",
                    dropped.join(", ")
                ));
            }
            Ok(_) => {}
            Err(error) => run.note(format!("half-built indexes: {}", discreet(&error))),
        }
    }
    let seen =
        case.site.look().await.map_err(|error| Stop::new(Exit::Unknown, error.to_string()))?;
    let standing = case.way.standing(&seen, &case.site.request.history);
    Ok((standing, seen, worker, backend))
}

/// What a process that does not end is waiting for.
async fn waiting(case: &Case<'_, '_>, backend: &Backend) -> String {
    let asked = async {
        let mut session = case.site.reader("settle").await?;
        let sql = format!(
            "SELECT pg_catalog.concat_ws(' ', wait_event_type, wait_event) \
             FROM pg_catalog.pg_stat_activity WHERE pid = {}",
            backend.pid
        );
        session.value(&sql).await
    };
    let event = asked.await.ok().flatten().unwrap_or_default();
    format!("it waits for: {event}; `stairway recover` settles the run once it has ended")
}

/// Goes back from where the database stands: by downgrade, else by restore. `made` moves are made.
pub(super) async fn go_back(
    run: &mut Run<'_>,
    case: &Case<'_, '_>,
    (worker, backend): (Session, Backend),
    made: usize,
    why: &str,
) -> Settled {
    run.begins("rollback");
    run.note(format!("going back, because {why}"));
    if let Err(error) = run.write(Entry::RollingBack { why: why.to_owned() }) {
        return Settled::unknown(format!("the journal can't be written: {error}"));
    }
    let mut worker = Some((worker, backend));
    if case.way_back == Some(false) {
        run.note("the rehearsal showed that the downgrade loses data: only a restore leads back");
    } else if let Some((session, backend)) = worker.take() {
        match by_moves(run, case, session, backend, made).await {
            Ok(settled) => return settled,
            Err(Some(left)) => worker = Some(left),
            Err(None) => {}
        }
    }
    // The lock is let go of with its session, which a restore would have to end anyway.
    drop(worker);
    match fallback::restore(run, case).await {
        Fallback::Restored => Settled {
            state: State::Before,
            exit: Exit::Restored,
            outcome: format!("rolled back by restore: {why}"),
        },
        Fallback::Refused(reason) => {
            let (state, exit) = forward_again(run, case).await;
            Settled { state, exit, outcome: format!("{reason}; wanted because {why}") }
        }
        Fallback::Failed(reason) | Fallback::Unswapped(reason) | Fallback::Unknown(reason) => {
            Settled::unknown(format!("the rollback failed: {reason}"))
        }
    }
}

/// A way back that ended half-way is no place to stay: what was taken back is made again.
async fn forward_again(run: &mut Run<'_>, case: &Case<'_, '_>) -> (State, Exit) {
    let all = case.way.moves.len();
    let Ok((Standing::Made(made), _, mut worker, _)) = standing(run, case).await else {
        return (State::Unknown, Exit::Unknown);
    };
    let limits = moving::limits(&case.site.request.patience);
    let forward = async {
        let tool = case.site.request.history.tool;
        let (ledger, _) = Ledger::find(&mut worker, tool).await?;
        for one in case.way.moves.iter().skip(made) {
            moving::one(run, (&mut worker, &ledger), one, &limits, None).await?;
        }
        Ok::<(), steps::DeployFailure>(())
    };
    let done = tokio::time::timeout_at(limits.deadline.into(), forward).await;
    drop(worker);
    match (done, standing(run, case).await) {
        (Ok(Ok(())), Ok((Standing::Made(made), ..))) if made == all => {
            (State::After, Exit::RollbackRefused)
        }
        _ => (State::Unknown, Exit::RollbackRefused),
    }
}

/// Back by the other scripts. `Err` if another way must be found, with the session if it still holds
/// the lock.
async fn by_moves(
    run: &mut Run<'_>,
    case: &Case<'_, '_>,
    mut session: Session,
    backend: Backend,
    made: usize,
) -> Result<Settled, Option<(Session, Backend)>> {
    let back: Vec<Move<'_>> =
        case.way.moves.iter().take(made).rev().map(|one| one.back()).collect();
    if let Some(one) = back.iter().find(|one| one.script().is_none()) {
        run.note(format!("{} has no way back", one.migration.revision));
        return Err(Some((session, backend)));
    }
    let ledger = match Ledger::find(&mut session, case.site.request.history.tool).await {
        Ok((ledger, _)) => ledger,
        Err(error) => {
            run.note(discreet(&error));
            return Err(None);
        }
    };
    let limits = moving::limits(&case.site.request.patience);
    for one in &back {
        let moved = moving::one(run, (&mut session, &ledger), one, &limits, None);
        let failure = match tokio::time::timeout_at(limits.deadline.into(), moved).await {
            Ok(Ok(())) => continue,
            Ok(Err(failure)) => failure,
            Err(_) => steps::DeployFailure::Late,
        };
        let lead = format!("the {} of {} fails", one.direction.as_str(), one.migration.revision);
        let stop = Stop::deploy(&lead, &failure);
        run.note(stop.trouble.message.clone());
        drop(session);
        return Err(None);
    }
    let seen = match case.site.look().await {
        Ok(seen) => seen,
        Err(error) => return Ok(Settled::unknown(error.to_string())),
    };
    if let Standing::Made(0) = case.way.standing(&seen, &case.site.request.history) {
        let _ = steps::unlock(&mut session).await;
        Ok(Settled {
            state: State::Before,
            exit: Exit::RolledBack,
            outcome: "rolled back by downgrade".to_owned(),
        })
    } else {
        run.note("after the downgrade the database is not what it was");
        Err(Some((session, backend)))
    }
}

/// The database is at neither end of a move that commits statement by statement: what was done of it
/// is undone as far as it goes, and the database looked at again.
pub(super) async fn half_way(
    run: &mut Run<'_>,
    case: &Case<'_, '_>,
    (mut worker, backend): (Session, Backend),
    why: &str,
    found: &str,
) -> Settled {
    let Some(one) = case.half.and_then(|at| case.way.moves.get(at)) else {
        return Settled::unknown(format!("the database is neither BEFORE nor AFTER: {found}"));
    };
    run.note(format!(
        "the {} of {} stopped half-way",
        one.direction.as_str(),
        one.migration.revision
    ));
    let back = one.back();
    let undone = match Ledger::find(&mut worker, case.site.request.history.tool).await {
        Ok((ledger, _)) => {
            steps::undo(&mut worker, &ledger, &back, case.site.request.patience.timeout).await
        }
        Err(error) => Err(error),
    };
    let taken_back = match undone {
        Ok((done, missing)) => {
            run.note(format!("{done} statements took something back, {missing} found nothing"));
            done
        }
        Err(error) => {
            run.note(format!("it can't be taken back: {}", discreet(&error)));
            0
        }
    };
    let standing = match case.site.look().await {
        Ok(seen) => case.way.standing(&seen, &case.site.request.history),
        Err(error) => return Settled::unknown(error.to_string()),
    };
    match standing {
        Standing::Made(0) if taken_back == 0 => {
            Settled { state: State::Before, exit: Exit::ApplyFailed, outcome: why.to_owned() }
        }
        Standing::Made(0) => Settled {
            state: State::Before,
            exit: Exit::RolledBack,
            outcome: format!("what was half done is taken back: {why}"),
        },
        Standing::Made(made) => Box::pin(go_back(run, case, (worker, backend), made, why)).await,
        Standing::Nowhere(_) => {
            let case = Case {
                way_back: Some(false),
                invalid: case.invalid.clone(),
                backend: None,
                ..*case
            };
            Box::pin(go_back(run, &case, (worker, backend), 0, why)).await
        }
    }
}
