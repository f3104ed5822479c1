//! Bringing a database to a known state after a run ended otherwise than it should: by looking at it,
//! and by going back where it stands between two places.
//!
//! The same for a run that failed, one that was interrupted, and one that was killed.

use std::fmt::Write;
use std::path::PathBuf;

use crate::backup::{Backup, Store};
use crate::exit::Exit;
use crate::migrations::Move;
use crate::postgres::{Backend, PostgresError, Session};
use crate::steps::{self, Ledger, Left, Newer};

use super::account::State;
use super::fallback::{self, Fallback};
use super::half::{Half, is_tame};
use super::journal::Entry;
use super::loss;
use super::moving::{self, LOCALLY};
use super::prepare::AT_LEAST;
use super::request::Accepted;
use super::run::{Run, Stop, discreet};
use super::server;
use super::site::{Seen, Site, Standing, Way, revision_at};

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
    pub(super) half: Option<Half>,
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

    /// Nothing more is changed while no standby confirms it.
    fn unreplicated(why: &str) -> Self {
        let outcome = format!("{LOCALLY}, and nothing is taken back until standbys follow: {why}");
        Self { state: State::Unknown, exit: Exit::RollbackRefused, outcome }
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
        let outlasted = case.site.outlast(backend).await;
        let outlasted = outlasted.map_err(|e| asked("the database can't be reached", &e))?;
        if outlasted.unreplicated {
            run.doubts.unreplicated = true;
            run.warn(format!(
                "{LOCALLY}: server process {} waited for a synchronous standby and was ended, so that \
                 its locks are free",
                backend.pid
            ));
        }
        if !outlasted.has_ended {
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
    server::hold(run, &mut worker).await.map_err(|e| asked("the server can't be told", &e))?;
    let known = case.invalid.iter().cloned().collect();
    if let Some(half) = case.half.as_ref().filter(|_| run.doubts.forbid().is_none()) {
        match steps::drop_invalid(&mut worker, &known, &half.text()).await {
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
        backend.waits_for(&mut session).await
    };
    let event = asked.await.ok().flatten().unwrap_or_else(|| "nothing".to_owned());
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
    if run.doubts.unreplicated {
        return Settled::unreplicated(why);
    }
    run.begins("rollback");
    run.note(format!("going back, because {why}"));
    if let Err(error) = run.write(Entry::RollingBack { why: why.to_owned() }) {
        return Settled::unknown(format!("the journal can't be written: {error}"));
    }
    let mut worker = Some((worker, backend));
    if keeps_data(run, case, made) {
        if let Some((mut session, backend)) = worker.take() {
            if let Some(reason) = written_into_new(run, case, &mut session).await {
                return stay(case, made, made, &format!("{reason}; wanted because {why}"));
            }
            match by_moves(run, case, session, backend, made).await {
                Ok(settled) => return settled,
                Err(Some(left)) => worker = Some(left),
                Err(None) => {}
            }
        }
    } else if case.backup.is_none() {
        let reason = "nothing shows that the downgrade keeps all data, and there is no backup";
        return stay(case, made, made, &format!("{reason}; wanted because {why}"));
    }
    if let Some(server) = &run.doubts.elsewhere {
        // What was written since the backup is told by numbers of transactions.
        return Settled::unknown(format!(
            "the rollback failed, and no backup is restored where {server} answers: {why}"
        ));
    }
    // The lock is let go of with its session, which a restore would have to end anyway.
    drop(worker);
    match by_restore(run, case, why).await {
        Ok(settled) => settled,
        Err(refused) => {
            let now = forward_again(run, case, made).await;
            stay(case, made, now, &format!("{refused}; wanted because {why}"))
        }
    }
}

/// Back by a restore; `Err` says why it is refused.
async fn by_restore(run: &mut Run<'_>, case: &Case<'_, '_>, why: &str) -> Result<Settled, String> {
    match fallback::restore(run, case).await {
        Fallback::Restored => Ok(Settled {
            state: State::Before,
            exit: Exit::Restored,
            outcome: format!("rolled back by restore: {why}"),
        }),
        Fallback::Refused(reason) => Err(reason.to_string()),
        Fallback::Failed(reason) | Fallback::Unswapped(reason) | Fallback::Unknown(reason) => {
            let stands = stands(case).await;
            Ok(Settled::unknown(format!("the rollback failed: {reason}; {stands}")))
        }
    }
}

/// What the database is, in words for whoever has to act.
async fn stands(case: &Case<'_, '_>) -> String {
    let seen = match case.site.look().await {
        Ok(seen) => seen,
        Err(error) => return format!("the database can't be looked at: {error}"),
    };
    let all = case.way.moves.len();
    match case.way.standing(&seen, &case.site.request.history) {
        Standing::Made(made) if made == all => {
            "the database is AFTER, as the run left it".to_owned()
        }
        Standing::Made(made) => format!("{made} of {all} moves are in the database"),
        Standing::Nowhere(found) => {
            let found = found.lines().next().unwrap_or_default();
            format!("the database is neither BEFORE nor AFTER: {found}")
        }
    }
}

/// Whether the downgrades of so many moves take no value with them that stood before: as the rehearsal
/// showed, or, if there was none, as their text tells.
fn keeps_data(run: &mut Run<'_>, case: &Case<'_, '_>, made: usize) -> bool {
    match case.way_back {
        Some(true) => made > 0,
        Some(false) => {
            run.note(
                "the rehearsal showed that the downgrade loses data: only a restore leads back",
            );
            false
        }
        None => {
            let is_tame = made > 0 && case.way.moves.iter().take(made).all(is_tame);
            if !is_tame && made > 0 {
                run.note(
                    "no rehearsal showed that the downgrade keeps all data: only a restore leads back",
                );
            }
            is_tame
        }
    }
}

/// What others wrote into what a downgrade takes away would be lost: it is exported, and this says why
/// there is no downgrade.
async fn written_into_new(
    run: &mut Run<'_>,
    case: &Case<'_, '_>,
    session: &mut Session,
) -> Option<String> {
    if run.fence().is_some() {
        return None;
    }
    let runs = [run.id(), run.subject()];
    let asked = async {
        let (ledger, _) = Ledger::find(session, &case.site.request.history.records).await?;
        steps::written_into_new(session, &runs, &ledger.names()).await
    };
    let found = match asked.await {
        Ok(found) => found,
        Err(error) => {
            run.warn(format!(
                "what others wrote into new tables and columns is not known: {}",
                discreet(&error)
            ));
            return None;
        }
    };
    let rows: u64 = found.iter().map(|it| it.rows).sum();
    let accepted = Accepted::rows(case.site.request.switches.accept_loss);
    if rows <= accepted {
        if rows > 0 {
            run.warn(format!("--accept-loss: {rows} rows that others wrote are lost"));
        }
        return None;
    }
    let mut message = format!(
        "downgrade blocked: {rows} rows that others wrote into new columns of {} tables would be lost",
        found.len()
    );
    match export_newer(run, session, &found).await {
        Ok(Some(folder)) => {
            let _ = write!(message, ", exported to {}", folder.display());
        }
        Ok(None) => {}
        Err(error) => run.warn(format!("the rows can't be exported: {}", discreet(&error))),
    }
    Some(message)
}

async fn export_newer(
    run: &Run<'_>,
    session: &mut Session,
    found: &[Newer],
) -> Result<Option<PathBuf>, PostgresError> {
    let Some(folder) = loss::written_folder(run)? else { return Ok(None) };
    for newer in found {
        steps::export_newer(session, newer, &loss::file_of(&folder, &newer.table)).await?;
    }
    Ok(Some(folder))
}

/// Nothing leads back without losing something: the database stays where it is, `now` of its moves made.
fn stay(case: &Case<'_, '_>, made: usize, now: usize, why: &str) -> Settled {
    let all = case.way.moves.len();
    let place = revision_at(&case.site.request.history, case.way.place(now));
    if now == all {
        let outcome = format!("the way back is refused, the database stays at {place}: {why}");
        return Settled { state: State::After, exit: Exit::RollbackRefused, outcome };
    }
    let half = if now == made { "" } else { ", some of its moves taken back" };
    Settled::unknown(format!("the way back is refused, the database is at {place}{half}: {why}"))
}

/// A way back that ended half-way is no place to stay: what was taken back of `before` moves is made
/// again. Gives how many are made now.
async fn forward_again(run: &mut Run<'_>, case: &Case<'_, '_>, before: usize) -> usize {
    let Ok((Standing::Made(made), _, mut worker, _)) = standing(run, case).await else {
        return 0;
    };
    let limits = moving::limits(&case.site.request.patience);
    let forward = async {
        let records = &case.site.request.history.records;
        let (ledger, _) = Ledger::find(&mut worker, records).await?;
        for one in case.way.moves.iter().take(before).skip(made) {
            moving::one(run, (&mut worker, &ledger), one, &limits, None).await?;
        }
        Ok::<(), steps::DeployFailure>(())
    };
    let done = tokio::time::timeout_at(limits.deadline.into(), forward).await;
    drop(worker);
    match (done, standing(run, case).await) {
        (_, Ok((Standing::Made(made), ..))) => made,
        _ => 0,
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
    let ledger = match Ledger::find(&mut session, &case.site.request.history.records).await {
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
/// is undone if that can change no row, and the database looked at again.
pub(super) async fn half_way(
    run: &mut Run<'_>,
    case: &Case<'_, '_>,
    (mut worker, backend): (Session, Backend),
    why: &str,
    found: &str,
) -> Settled {
    if run.doubts.unreplicated {
        return Settled::unreplicated(why);
    }
    if let Some(server) = &run.doubts.elsewhere {
        return Settled::unknown(format!("{server} answers, neither BEFORE nor AFTER: {found}"));
    }
    let planned = case.half.as_ref().and_then(|half| Some((half, case.way.moves.get(half.at)?)));
    let Some((half, one)) = planned else {
        return Settled::unknown(format!("the database is neither BEFORE nor AFTER: {found}"));
    };
    let back = one.back();
    let direction = if half.is_back { back.direction } else { one.direction };
    let revision = &one.migration.revision;
    run.note(format!("the {} of {revision} stopped half-way", direction.as_str()));
    let restoring = Case {
        way_back: Some(false),
        invalid: case.invalid.clone(),
        backend: None,
        half: None,
        ..*case
    };
    if !half.can_be_undone(&back) && !half.can_be_repeated() {
        run.note("what is there of it may have changed rows: a script can't take that back");
        return only_restore(run, &restoring, worker, why, found).await;
    }
    let undone = match Ledger::find(&mut worker, &case.site.request.history.records).await {
        Ok((ledger, _)) => {
            let within = case.site.request.patience.timeout;
            // One of the way back has only left its mark, which is taken away.
            let (other, nothing) = (if half.is_back { one } else { &back }, Left::default());
            let left = if half.is_back { &nothing } else { &half.left };
            steps::undo(&mut worker, &ledger, other, left, within).await
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
        Standing::Made(made) => {
            let case = Case { way_back: case.way_back, ..restoring };
            Box::pin(go_back(run, &case, (worker, backend), made, why)).await
        }
        Standing::Nowhere(found) => only_restore(run, &restoring, worker, why, &found).await,
    }
}

/// The database is somewhere that no script leads back from.
async fn only_restore(
    run: &mut Run<'_>,
    case: &Case<'_, '_>,
    worker: Session,
    why: &str,
    found: &str,
) -> Settled {
    drop(worker);
    if case.backup.is_none() {
        return Settled::unknown(format!(
            "the database is neither BEFORE nor AFTER, and there is no backup: {found}; {why}"
        ));
    }
    if let Err(error) = run.write(Entry::RollingBack { why: why.to_owned() }) {
        return Settled::unknown(format!("the journal can't be written: {error}"));
    }
    let settled = by_restore(run, case, why).await;
    settled.unwrap_or_else(|refused| Settled::unknown(format!("{refused}; {found}; {why}")))
}
