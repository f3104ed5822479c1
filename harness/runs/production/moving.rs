//! Making moves on the database, each written down before and after.

use std::time::{Duration, Instant};

use crate::migrations::Move;
use crate::postgres::Session;
use crate::steps::{self, DeployFailure, Ledger, Limits, Mark, MoveRow};

use super::account::{Ended, MoveAccount};
use super::journal::Entry;
use super::request::Patience;
use super::run::Run;

/// What it means if COMMIT does not come back because of a standby.
pub(super) const LOCALLY: &str = "committed locally, not replicated";

/// The limits of a stage that begins now.
pub(super) fn limits(patience: &Patience) -> Limits {
    Limits {
        profile: patience.profile(false),
        deadline: Instant::now() + patience.timeout,
        lock: patience.lock,
        tries: patience.tries,
        pause: patience.pause,
    }
}

/// Makes one move in the session that holds the lock.
pub(super) async fn one(
    run: &mut Run<'_>,
    (session, ledger): (&mut Session, &Ledger),
    one: &Move<'_>,
    limits: &Limits,
    rehearsed: Option<Duration>,
) -> Result<(), DeployFailure> {
    let script =
        one.script().ok_or_else(|| DeployFailure::NoScript(one.migration.revision.clone()))?;
    let (id, position) = (run.id(), run.account.moves.len());
    let (revision, direction) = (one.migration.revision.clone(), one.direction);
    run.note(format!("{} {revision}", direction.as_str()));
    let atomic = steps::is_atomic(script);
    let moving = Entry::Moving { position, revision: revision.clone(), direction, atomic };
    run.write(moving).map_err(DeployFailure::Journal)?;
    let checksum = script.checksum();
    let row = MoveRow {
        run: &id,
        position,
        revision: &revision,
        direction: direction.as_str(),
        checksum: &checksum,
    };
    run.account.moves.push(MoveAccount {
        revision: revision.clone(),
        direction: direction.as_str(),
        ended: Ended::Failed,
        tries: 0,
        seconds: 0.0,
        rehearsed: rehearsed.map(|took| took.as_secs_f64()),
        blockers: Vec::new(),
    });
    let start = Instant::now();
    let mut mark = |mark: Mark<'_>| marked(run, position, &mark);
    let done = steps::deploy(session, ledger, one, &row, limits, &mut mark).await;
    let printed = script.program.as_ref().map_or(0, |program| program.printed().len());
    if printed > 0 {
        // A script may print rows, and this is kept.
        run.note(format!("{revision} printed {printed} different lines, which are not kept"));
    }
    if let Some(account) = run.account.moves.get_mut(position) {
        account.seconds = start.elapsed().as_secs_f64();
        if done.is_ok() {
            account.ended = Ended::Done;
        }
    }
    run.moved(position);
    done?;
    run.write(Entry::Moved { position }).map_err(DeployFailure::Journal)
}

fn marked(run: &mut Run<'_>, position: usize, mark: &Mark<'_>) -> std::io::Result<()> {
    match *mark {
        Mark::Trying(attempt) => {
            if let Some(account) = run.account.moves.get_mut(position) {
                account.tries = attempt;
            }
            Ok(())
        }
        Mark::Statement(index) => run.write(Entry::Statement { index }),
        Mark::Unreplicated(standbys) => {
            run.warn(format!(
                "{LOCALLY}: COMMIT waits for a synchronous standby ({standbys}); bring it back, or take it \
                 out of synchronous_standby_names"
            ));
            run.write(Entry::Unreplicated { standbys: standbys.to_owned() })
        }
        Mark::Committing(xid) => run.write(Entry::Committing { xid: xid.to_owned() }),
        Mark::Blocked(sqlstate, blockers) => {
            let who: Vec<String> = blockers
                .iter()
                .map(|it| format!("process {} ({}, {})", it.pid, it.application, it.state))
                .collect();
            run.note(format!(
                "SQLSTATE {sqlstate}, tried again soon; open transactions: {}",
                who.join(", ")
            ));
            if let Some(account) = run.account.moves.get_mut(position) {
                account.blockers = blockers.to_vec();
            }
            let blockers = blockers.to_vec();
            run.write(Entry::Blocked { sqlstate: sqlstate.to_owned(), blockers })
        }
    }
}
