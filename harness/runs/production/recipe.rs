//! The recipe: recover, preflight, lock, backup, copy, rehearsal, moves, validation; and what follows
//! when one of them fails.

use std::future::Future;

use crate::backup::{Backup, Lease, Retention};
use crate::exit::Exit;
use crate::steps::{self, Ledger};

use super::account::{Account, Ended, State};
use super::fence::Fence;
use super::moving;
use super::prepare::{Prepared, prepare};
use super::recover;
use super::request::Request;
use super::run::{Listener, Run, Stop, discreet};
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
    let mut fence = None;
    let preparing = Box::pin(prepare(&mut run, request, &mut fence));
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
        Stage::Done(Ok(Some(prepared))) => change(&mut run, prepared, &mut signal).await,
    };
    let settled = open(&mut run, request, fence, settled).await;
    record(&mut run, request, &settled).await;
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
    let limits = moving::limits(&request.patience);
    run.begins("apply");
    let took = shown.as_ref().map(|it| it.rehearsed.took.clone()).unwrap_or_default();
    let work = async {
        begin(run, &known, &mut worker).await?;
        let ledger = Ledger::ensure(&mut worker, request.history.tool).await?;
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
    let half = half(run);
    let case = Case {
        site: &known.site,
        way: &known.way,
        backend: None,
        invalid,
        way_back,
        backup: known.store.as_ref().zip(backup.as_ref().map(|(backup, _)| backup)),
        half,
    };
    if failure.is_none() && stopped.is_none() {
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
    let why = match (&failure, stopped) {
        (Some(failure), _) => {
            let revision =
                run.account.moves.last().map(|it| it.revision.clone()).unwrap_or_default();
            let stop = Stop::deploy(&format!("{} {revision}", request.verb.as_str()), failure);
            let why = stop.trouble.message.clone();
            run.trouble(stop);
            why
        }
        _ => "the run was interrupted".to_owned(),
    };
    let settled = classify(run, &case, &earlier, &why).await;
    pin(run, &known, backup, &settled);
    match (stopped, settled.state) {
        (Some(signal), State::Before | State::After) => Settled { exit: signal.exit(), ..settled },
        _ => settled,
    }
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

/// The move that was under way, if it commits statement by statement.
fn half(run: &Run<'_>) -> Option<usize> {
    let entries = run.journal.as_ref()?.entries();
    super::recover::half(entries)
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
    match standing {
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
    let (seen, wrong) = match validate(run, case.site, case.way, earlier).await {
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
        let stop = Stop::new(Exit::Findings, format!("validation failed: {wrong}"));
        let why = stop.trouble.message.clone();
        run.trouble(stop);
        let made = case.way.moves.len();
        return settle::go_back(run, case, (worker, backend), made, &why).await;
    }
    run.ends(Ended::Done);
    let exit = Exit::Clean;
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
    let to = run.account.to.clone().unwrap_or_default();
    Settled { state: State::After, exit, outcome: format!("the database is at {to}, validated") }
}

/// Lets the others in again.
async fn open(
    run: &mut Run<'_>,
    request: &Request,
    fence: Option<Fence>,
    settled: Settled,
) -> Settled {
    let Some(fence) = fence else { return settled };
    match recover::open_fence(request, &fence).await {
        Ok(()) => {
            run.warn("the fence is open again");
            settled
        }
        Err(error) => {
            run.warn(format!("the fence can't be opened: {error}; `stairway recover` tries again"));
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

/// Tells the audit trail how a run ended that moved something and came back.
async fn record(run: &mut Run<'_>, request: &Request, settled: &Settled) {
    if run.account.moves.is_empty() || settled.state == State::After {
        return;
    }
    let told = async {
        let (site, session) = super::site::Site::find(request).await?;
        let _ = session.close().await;
        let (mut worker, _) = site.worker(&run.id()).await?;
        if !steps::has_audit(&mut worker).await? {
            return Ok(());
        }
        let (from, to) = (run.account.from.clone(), run.account.to.clone());
        let places = (from.unwrap_or_default(), to.unwrap_or_default());
        let (id, verb) = (run.id(), request.verb.as_str());
        // A restored database does not know of the run.
        steps::begin_run(&mut worker, (&id, verb), (&places.0, &places.1), None).await?;
        let schema = site.look().await.map(|seen| seen.schema.render()).unwrap_or_default();
        let state = (settled.state.as_str(), settled.exit.code());
        steps::end_run(&mut worker, &id, state, &schema).await?;
        worker.close().await
    };
    if let Err(error) = told.await {
        run.warn(format!("the audit trail can't be written: {}", discreet(&error)));
    }
}
