//! The recipe: recover, preflight, lock, backup, copy, rehearsal, moves, validation; and what follows
//! when one of them fails.

use std::future::Future;

use crate::backup::{Backup, Lease, Retention};
use crate::exit::Exit;
use crate::migrations::{Direction, Place};
use crate::steps::{self, Ledger};

use super::account::{Account, Ended, State};
use super::half::Half;
use super::journal::{Begun, Entry};
use super::moving::{self, LOCALLY};
use super::prepare::{Prepared, prepare};
use super::recover;
use super::request::Request;
use super::run::{Listener, Run, Stop, discreet};
use super::server;
use super::settle::{self, Case, Settled};
use super::site::Standing;
use super::validate::{Earlier, validate};

/// Which signal ends a run early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Signal {
    /// What a run exits with that it ended.
    pub fn exit(self) -> Exit {
        match self {
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate => Exit::Terminated,
        }
    }
}

/// How a stage ended.
pub(super) enum Stage<T> {
    Done(T),
    Stopped(Signal),
}

pub(super) async fn stage<T>(
    work: impl Future<Output = T>,
    signal: &mut (impl Future<Output = Signal> + Unpin),
) -> Stage<T> {
    tokio::select! {
        biased;
        signal = signal => Stage::Stopped(signal),
        done = work => Stage::Done(done),
    }
}

/// Moves a database as asked and says all that happened. Whatever happens, it ends with the database
/// BEFORE, AFTER or UNKNOWN, and says which; `signal` ends it early, after that is known.
pub async fn migrate(
    request: &Request,
    signal: impl Future<Output = Signal> + Unpin,
    listener: &mut dyn Listener,
) -> Account {
    let mut signal = signal;
    let verb = request.verb.as_str();
    let mut run = Run::new(request, verb, listener);
    if let Some(settled) = recover::earlier(&mut run, request).await {
        return run.end(settled.state, settled.exit, settled.outcome);
    }
    let preparing = Box::pin(prepare(&mut run, request));
    let prepared = stage(preparing, &mut signal).await;
    let settled = match prepared {
        Stage::Stopped(signal) => {
            run.ends(Ended::Failed);
            Settled {
                state: State::Before,
                exit: signal.exit(),
                outcome: "interrupted before anything was changed".to_owned(),
            }
        }
        Stage::Done(Err(stop)) => {
            let outcome = stop.trouble.message.lines().next().unwrap_or_default().to_owned();
            let exit = run.trouble(stop);
            Settled { state: State::Before, exit, outcome }
        }
        Stage::Done(Ok(None)) => {
            Settled { state: State::After, exit: Exit::Clean, outcome: "nothing to do".to_owned() }
        }
        Stage::Done(Ok(Some(prepared))) => Box::pin(change(&mut run, prepared, &mut signal)).await,
    };
    let settled = open(&mut run, request, settled).await;
    let begun = run.journal.as_ref().and_then(|journal| journal.begun().cloned());
    if let Some(begun) =
        begun.filter(|_| !run.account.moves.is_empty() && settled.state != State::After)
    {
        record(&mut run, request, &begun, (settled.state, settled.exit)).await;
    }
    run.end(settled.state, settled.exit, settled.outcome)
}

/// From the first change to a known state.
async fn change(
    run: &mut Run<'_>,
    prepared: Prepared<'_>,
    signal: &mut (impl Future<Output = Signal> + Unpin),
) -> Settled {
    let Prepared { known, mut worker, backend, backup, shown, earlier } = prepared;
    let request = known.site.request;
    let invalid = match invalid_before(run, &mut worker).await {
        Ok(invalid) => invalid,
        Err(stop) => {
            let outcome = stop.trouble.message.clone();
            let exit = run.trouble(stop);
            return Settled { state: State::Before, exit, outcome };
        }
    };
    let way_back = shown.as_ref().map(|it| it.rehearsed.back == steps::Back::Sound);
    // What a rehearsal showed that was not good enough, and --force.
    let way_back = way_back.or(run.way_back);
    let limits = moving::limits(&request.patience);
    run.begins("apply");
    let took = shown.as_ref().map(|it| it.rehearsed.took.clone()).unwrap_or_default();
    let work = async {
        begin(run, &known, &mut worker).await?;
        let ledger = Ledger::ensure(&mut worker, &request.history.records).await?;
        for (nth, one) in known.way.moves.iter().enumerate() {
            let took = took.get(nth).copied();
            moving::one(run, (&mut worker, &ledger), one, &limits, took).await?;
        }
        Ok::<(), steps::DeployFailure>(())
    };
    let within = tokio::time::timeout_at(limits.deadline.into(), work);
    let made = stage(within, signal).await;
    let (failure, stopped) = match made {
        Stage::Done(Ok(Ok(()))) => (None, None),
        Stage::Done(Ok(Err(failure))) => (Some(failure), None),
        Stage::Done(Err(_)) => (Some(steps::DeployFailure::Late), None),
        Stage::Stopped(signal) => (None, Some(signal)),
    };
    // The session may not have noticed that new ones come to another server.
    let is_through = failure.is_none() && stopped.is_none();
    let is_elsewhere = is_through && server::is_another(run, &known.site).await;
    let half = half(run, &known.way, failure.as_ref());
    let case = Case {
        site: &known.site,
        way: &known.way,
        backend: None,
        invalid,
        way_back,
        backup: known.store.as_ref().zip(backup.as_ref().map(|(backup, _)| backup)),
        half,
    };
    if is_through && !is_elsewhere {
        let settled = after(run, &case, &earlier, (worker, backend)).await;
        pin(run, &known, backup, &settled);
        if settled.exit == Exit::Clean {
            retain(run, &known).await;
        }
        return settled;
    }
    // The session may stand anywhere in its protocol: it is given up, and the server asked anew.
    drop(worker);
    let case = Case { backend: Some(backend), ..case };
    let why = why(run, failure.as_ref(), stopped);
    let settled = classify(run, &case, &earlier, &why).await;
    pin(run, &known, backup, &settled);
    match (stopped, settled.state) {
        (Some(signal), State::Before | State::After) if settled.exit != Exit::RollbackRefused => {
            Settled { exit: signal.exit(), ..settled }
        }
        _ => settled,
    }
}

/// Why it goes no further; the trouble of the run, unless a signal ends it.
fn why(
    run: &mut Run<'_>,
    failure: Option<&steps::DeployFailure>,
    stopped: Option<Signal>,
) -> String {
    let stop = match (failure, stopped) {
        (Some(failure), _) => {
            let last = run.account.moves.last();
            let revision = last.map(|it| it.revision.clone()).unwrap_or_default();
            Stop::deploy(&format!("{} {revision}", run.account.verb), failure)
        }
        (None, Some(_)) => return "the run was interrupted".to_owned(),
        (None, None) => Stop::new(
            Exit::ApplyFailed,
            "the moves were made on a server that new sessions do not come to any more",
        ),
    };
    let why = stop.trouble.message.clone();
    run.trouble(stop);
    why
}

/// Which indexes are invalid before the first move, by oid; whoever settles the run must know them.
async fn invalid_before(
    run: &Run<'_>,
    worker: &mut crate::postgres::Session,
) -> Result<Vec<String>, Stop> {
    let found = steps::invalid_indexes(worker).await.map_err(|error| {
        Stop::postgres(Exit::PreflightRefused, "the database can't be looked at", &error)
    })?;
    let found: Vec<String> = found.into_iter().collect();
    if let Some(journal) = &run.journal {
        let kept = journal.keep(super::site::INVALID_OIDS, &found.join("\n"));
        kept.map_err(|error| Stop::journal(&error))?;
    }
    Ok(found)
}

/// Writes down in the database that a run begins.
async fn begin(
    run: &Run<'_>,
    known: &super::preflight::Known<'_>,
    worker: &mut crate::postgres::Session,
) -> Result<(), steps::DeployFailure> {
    steps::make_audit(worker).await?;
    let (from, to) = (run.account.from.clone(), run.account.to.clone());
    let places = (from.unwrap_or_default(), to.unwrap_or_default());
    let verb = known.site.request.verb.as_str();
    steps::begin_run(worker, (&run.id(), verb), (&places.0, &places.1), None).await?;
    Ok(())
}

/// The move that was under way, if it commits statement by statement; `failure` is the server's word
/// on its last statement.
fn half(
    run: &Run<'_>,
    way: &super::site::Way<'_>,
    failure: Option<&steps::DeployFailure>,
) -> Option<Half> {
    let mut half = Half::of(run.journal.as_ref()?.entries(), way)?;
    let is_sure = matches!(
        failure,
        Some(steps::DeployFailure::Step(
            steps::StepFailure::Sql { .. } | steps::StepFailure::Text { .. }
        ))
    );
    if is_sure {
        half.failed();
    }
    Some(half)
}

/// After a kill: the same as after a failure, and the audit trail learns of it.
pub(super) async fn resume(run: &mut Run<'_>, case: &Case<'_, '_>, earlier: &Earlier) -> Settled {
    classify(run, case, earlier, "the run was killed").await
}

/// After a failure: what the database is, and the way from there.
async fn classify(run: &mut Run<'_>, case: &Case<'_, '_>, earlier: &Earlier, why: &str) -> Settled {
    run.begins("settle");
    let (standing, _, worker, backend) = match settle::standing(run, case).await {
        Ok(found) => found,
        Err(stop) => {
            let outcome = stop.trouble.message.clone();
            let exit = run.trouble(stop);
            return Settled { state: State::Unknown, exit, outcome };
        }
    };
    let is_half = |made| {
        let half = case.half.as_ref().filter(|half| half.is_open(made));
        half.is_some_and(|half| !half.is_empty() && half.may_have_changed_rows())
    };
    match standing {
        Standing::Made(made) if run.doubts.elsewhere.is_some() && !case.way.is_exact(made) => {
            let server = run.doubts.elsewhere.clone().unwrap_or_default();
            let outcome = format!(
                "{server} answers now, and nobody knows the schema to be expected of it after {made} moves: \
                 {why}"
            );
            Settled { state: State::Unknown, exit: Exit::Unknown, outcome }
        }
        // The schema tells nothing of rows that a part of a script has changed.
        Standing::Made(made) if is_half(made) => {
            let found =
                "the schema is one that the run knows, and a part of a script has changed rows";
            settle::half_way(run, case, (worker, backend), why, found).await
        }
        Standing::Made(0) => {
            run.note("nothing of the run is in the database");
            Settled { state: State::Before, exit: Exit::ApplyFailed, outcome: why.to_owned() }
        }
        Standing::Made(made) if made == case.way.moves.len() => {
            run.warn("commit acknowledged late: all moves are in the database");
            run.account.trouble = None;
            after(run, case, earlier, (worker, backend)).await
        }
        Standing::Made(made) => settle::go_back(run, case, (worker, backend), made, why).await,
        Standing::Nowhere(found) => {
            settle::half_way(run, case, (worker, backend), why, &found).await
        }
    }
}

/// All moves are made: validation, and the way back if it fails.
async fn after(
    run: &mut Run<'_>,
    case: &Case<'_, '_>,
    earlier: &Earlier,
    (mut worker, backend): (crate::postgres::Session, crate::postgres::Backend),
) -> Settled {
    run.begins("validate");
    let mut validated = validate(run, case.site, case.way, earlier).await;
    if let Err(error) = &validated {
        // A session that was ended says nothing about the database.
        run.note(format!("looked at once more: {error}"));
        validated = validate(run, case.site, case.way, earlier).await;
    }
    let (seen, wrong) = match validated {
        Ok(found) => found,
        Err(error) => {
            let stop =
                Stop::new(Exit::Unknown, format!("the database can't be validated: {error}"));
            let outcome = stop.trouble.message.clone();
            run.trouble(stop);
            return Settled { state: State::Unknown, exit: Exit::Unknown, outcome };
        }
    };
    if let Some(wrong) = wrong {
        let stop = Stop::new(Exit::Findings, format!("validation failed: {wrong}")).help(
            "the report lists every check under Validation; `stairway validate` runs them again",
        );
        let why = stop.trouble.message.clone();
        run.trouble(stop);
        let made = case.way.moves.len();
        return settle::go_back(run, case, (worker, backend), made, &why).await;
    }
    run.ends(Ended::Done);
    let to = run.account.to.clone().unwrap_or_default();
    let (exit, outcome) = if run.doubts.unreplicated {
        let outcome = format!("the database is at {to}, validated; {LOCALLY}");
        let stop = Stop::new(Exit::RollbackRefused, outcome.clone()).help(
            "bring the standby back, or take it out of synchronous_standby_names; nothing is to be repeated",
        );
        (run.trouble(stop), outcome)
    } else {
        (Exit::Clean, format!("the database is at {to}, validated"))
    };
    let schema = seen.schema.render();
    let ended = steps::end_run(&mut worker, &run.subject(), ("AFTER", exit.code()), &schema).await;
    if let Err(error) = ended {
        run.warn(format!("the audit trail can't be written: {}", discreet(&error)));
    }
    match steps::unlock(&mut worker).await {
        Ok(true) => {}
        Ok(false) => run.warn("the lock was lost before the run ended"),
        Err(error) => run.warn(format!("the lock went with its session: {}", discreet(&error))),
    }
    let _ = worker.close().await;
    Settled { state: State::After, exit, outcome }
}

/// Lets the others in again. What the journal says of the fence counts: it may be half closed.
async fn open(run: &mut Run<'_>, request: &Request, settled: Settled) -> Settled {
    let Some(fence) = run.fence() else { return settled };
    let opened = recover::open_fence(request, &fence).await;
    let opened = opened.and_then(|()| run.write(Entry::Opened).map_err(|error| error.to_string()));
    match opened {
        Ok(()) => {
            run.warn("the fence is open again");
            settled
        }
        Err(error) => {
            run.warn(format!("the fence can't be opened: {error}; `stairway recover` tries again"));
            run.stays_open = true;
            Settled { exit: Exit::Unknown, ..settled }
        }
    }
}

/// A backup that was needed, or may still be, is not deleted by age.
fn pin(
    run: &mut Run<'_>,
    known: &super::preflight::Known<'_>,
    backup: Option<(Backup, Lease)>,
    settled: &Settled,
) {
    let (Some(store), Some((mut backup, _))) = (&known.store, backup) else { return };
    if matches!(settled.exit, Exit::Clean | Exit::ApplyFailed) {
        return;
    }
    let reason = format!("run {} ended with {}", run.id(), settled.exit.code());
    if let Err(error) = store.pin(&mut backup, &reason) {
        run.warn(format!("the backup is not pinned: {error}"));
    }
}

/// Deletes backups of more than thirty days, as far as newer ones are proven.
async fn retain(run: &mut Run<'_>, known: &super::preflight::Known<'_>) {
    let Some(store) = &known.store else { return };
    run.begins("retention");
    match store.retain(Retention::default(), jiff::Timestamp::now()).await {
        Ok(retained) => {
            for path in &retained.deleted {
                run.note(format!(
                    "{} is deleted: it is old, and newer ones are proven",
                    path.display()
                ));
            }
            for anomaly in &retained.anomalies {
                run.warn(format!("backups: {anomaly}"));
            }
        }
        Err(error) => run.warn(format!("old backups are not looked at: {error}")),
    }
    run.ends(Ended::Done);
}

/// Tells the audit trail how a run ended that came back, or that somebody else had to settle.
pub(super) async fn record(
    run: &mut Run<'_>,
    request: &Request,
    begun: &Begun,
    (state, exit): (State, Exit),
) {
    let told = async {
        let (site, session) = super::site::Site::find(request).await?;
        let _ = session.close().await;
        let (mut worker, _) = site.worker(&run.id()).await?;
        if !steps::has_audit(&mut worker).await? {
            return Ok(());
        }
        let history = &request.history;
        let from = super::site::revision_at(history, Place(begun.from));
        let count = begun.moves.len();
        let is_up = begun.moves.iter().all(|one| one.direction == Direction::Upgrade);
        let to = if is_up { begun.from + count } else { begun.from.saturating_sub(count) };
        let to = super::site::revision_at(history, Place(to));
        // A restored database does not know of the run.
        steps::begin_run(&mut worker, (&begun.run, &begun.verb), (&from, &to), None).await?;
        let schema = site.look().await.map(|seen| seen.schema.render()).unwrap_or_default();
        steps::end_run(&mut worker, &begun.run, (state.as_str(), exit.code()), &schema).await?;
        worker.close().await
    };
    if let Err(error) = told.await {
        run.warn(format!("the audit trail can't be written: {}", discreet(&error)));
    }
}
