//! A run on a database that matters.

use crate::exit::Exit;
use crate::runs::production::{Account, Ended, State, StepAccount};

use super::Samples;
use super::families::{
    BACKUP_CREATED, BACKUP_LEVEL, BACKUP_SIZE, FK_ORPHANS, RESTORE_DURATION, ROLLBACKS,
    RUN_DURATION, STAGE_SUCCESS,
};

/// What can come of a rollback.
const ROLLED: [&str; 4] = ["downgrade", "restore", "refused", "failed"];
/// The verbs that may lead a database back.
const MOVING: [&str; 3] = ["upgrade", "downgrade", "recover"];

/// What a run has to say.
pub fn production(account: &Account) -> Samples {
    let mut samples = Samples::default();
    let is_done = |name: &str| is_done(account, name);
    for (nth, step) in account.steps.iter().enumerate() {
        let is_first = account.steps.iter().position(|it| it.name == step.name) == Some(nth);
        let Some(done) = is_done(&step.name).filter(|_| is_first) else { continue };
        let seconds: f64 = named(account, &step.name).map(|it| it.seconds).sum();
        samples.set(&RUN_DURATION, &[&step.name], seconds);
        samples.set(&STAGE_SUCCESS, &[&step.name], done);
    }
    if let Some(backup) = account.backup.as_ref().filter(|_| is_done("backup") == Some(true)) {
        samples.set(&BACKUP_SIZE, &[], backup.bytes);
        samples.set(&BACKUP_CREATED, &[], backup.created_at);
        samples.set(&BACKUP_LEVEL, &[], u64::from(backup.level));
    }
    if is_done("restore") == Some(true) {
        let seconds = named(account, "restore").last().map(|it| it.seconds);
        samples.set_if(&RESTORE_DURATION, seconds);
    }
    let rolled = rolled(account);
    // What was led back has not got what was seen before.
    samples.set_if(&FK_ORPHANS, account.orphans.filter(|_| rolled.is_none()));
    if MOVING.contains(&account.verb.as_str()) {
        for outcome in ROLLED {
            // One that never happened is 0 before it is 1, or nobody could see it grow.
            samples.set(&ROLLBACKS, &[outcome], rolled == Some(outcome));
        }
    }
    samples
}

/// The steps of this name that were begun: some come more than once.
fn named<'a>(account: &'a Account, name: &str) -> impl Iterator<Item = &'a StepAccount> {
    let is_it = move |it: &&StepAccount| it.name == name && it.ended != Ended::Skipped;
    account.steps.iter().filter(is_it)
}

/// Whether all steps of this name ended well; `None` if none was begun.
fn is_done(account: &Account, name: &str) -> Option<bool> {
    named(account, name).next()?;
    Some(named(account, name).all(|it| it.ended == Ended::Done))
}

/// What came of a rollback, if one was begun.
fn rolled(account: &Account) -> Option<&'static str> {
    let has_begun = account.steps.iter().any(|it| it.name == "rollback");
    // A restore right after the database was looked at is none of a copy.
    let is_led_back = account
        .steps
        .iter()
        .zip(account.steps.iter().skip(1))
        .any(|(one, next)| one.name == "settle" && next.name == "restore");
    let is_rolled = matches!(account.exit, Exit::RolledBack | Exit::Restored);
    if !has_begun && !is_led_back && !is_rolled {
        return None;
    }
    Some(match account.state {
        _ if account.exit == Exit::RollbackRefused => "refused",
        State::Unknown => "failed",
        _ if account.kept_database.is_some() => "restore",
        _ => "downgrade",
    })
}
