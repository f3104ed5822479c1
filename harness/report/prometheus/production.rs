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

#[cfg(test)]
mod tests {
    use super::{Ended, Exit, ROLLED, State, production};
    use crate::report::prometheus::families::{FK_ORPHANS, ROLLBACKS};
    use crate::report::prometheus::{JobRun, page};
    use crate::runs::production::{Account, StepAccount};

    fn account(verb: &str, steps: &[(&str, Ended)], exit: Exit, state: State) -> Account {
        let step = |(name, ended): &(&str, Ended)| StepAccount {
            name: (*name).to_owned(),
            ended: *ended,
            seconds: 1.5,
            notes: Vec::new(),
        };
        Account {
            schema: 1,
            run: String::new(),
            verb: verb.to_owned(),
            environment: String::new(),
            database: String::new(),
            server: None,
            from: None,
            to: None,
            began: String::new(),
            seconds: 0.0,
            state,
            exit,
            outcome: String::new(),
            trouble: None,
            notes: Vec::new(),
            steps: steps.iter().map(step).collect(),
            preflight: Vec::new(),
            backup: None,
            moves: Vec::new(),
            validation: Vec::new(),
            orphans: Some(2),
            kept_database: None,
        }
    }

    fn text(account: &Account) -> String {
        let at = "2026-01-31T00:00:00Z".parse().unwrap();
        let run = JobRun { job: &account.verb, exit: account.exit, at, seconds: 1.0 };
        page(&run, &production(account), &[])
    }

    /// The outcome that is counted, and whether orphans are.
    fn rolled(account: &Account) -> Option<&'static str> {
        let text = text(account);
        let of = |word: &&&str| {
            let name = ROLLBACKS.name;
            text.contains(&format!("{name}{{job=\"{}\",outcome=\"{word}\"}} 1\n", account.verb))
        };
        let counted: Vec<_> = ROLLED.iter().filter(of).collect();
        assert!(counted.len() <= 1, "{text}");
        assert_eq!(text.contains(FK_ORPHANS.name), counted.is_empty(), "{text}");
        counted.first().map(|word| **word)
    }

    #[test]
    fn rollbacks_are_told_by_what_was_begun_and_where_it_led() {
        use Ended::{Done, Failed};
        let led = [("apply", Failed), ("settle", Done), ("rollback", Done)];
        let undone = [("apply", Failed), ("settle", Done)];
        let restored = [("apply", Failed), ("settle", Done), ("restore", Done)];
        for (steps, exit, state, wanted) in [
            (&led[..], Exit::RolledBack, State::Before, Some("downgrade")),
            (&led, Exit::Interrupted, State::Before, Some("downgrade")),
            (&led, Exit::RollbackRefused, State::After, Some("refused")),
            (&led, Exit::Unknown, State::Unknown, Some("failed")),
            (&undone, Exit::RolledBack, State::Before, Some("downgrade")),
            (&undone, Exit::ApplyFailed, State::Before, None),
            (&undone, Exit::Unknown, State::Unknown, None),
            (&restored, Exit::Unknown, State::Unknown, Some("failed")),
            (
                &[("restore", Done), ("rehearse", Failed)],
                Exit::RehearsalFailed,
                State::Before,
                None,
            ),
        ] {
            let account = account("upgrade", steps, exit, state);
            assert_eq!(rolled(&account), wanted, "{steps:?} {exit:?}");
        }
        let mut swapped = account("upgrade", &restored, Exit::Restored, State::Before);
        swapped.kept_database = Some("shop_failed".to_owned());
        assert_eq!(rolled(&swapped), Some("restore"));
        // It settles a killed run, and is well itself.
        let recovered = account("recover", &led, Exit::Clean, State::Before);
        assert_eq!(rolled(&recovered), Some("downgrade"));
        // An earlier run was looked at, and the copy of this one restored much later.
        let steps = [("settle", Done), ("preflight", Done), ("restore", Done), ("apply", Done)];
        assert_eq!(rolled(&account("upgrade", &steps, Exit::Clean, State::After)), None);
    }

    #[test]
    fn a_restore_by_hand_is_no_rollback_and_a_stage_that_failed_once_has_failed() {
        let mut by_hand =
            account("restore", &[("restore", Ended::Done)], Exit::Clean, State::After);
        by_hand.kept_database = Some("shop_failed".to_owned());
        let by_hand = text(&by_hand);
        assert!(!by_hand.contains(ROLLBACKS.name), "{by_hand}");
        assert!(by_hand.contains("stairway_restore_duration_seconds{job=\"restore\"} 1.5\n"));
        let steps = [
            ("restore", Ended::Done),
            ("rehearse", Ended::Skipped),
            ("rollback", Ended::Done),
            ("restore", Ended::Failed),
        ];
        let twice = text(&account("upgrade", &steps, Exit::Unknown, State::Unknown));
        let stage =
            |family: &str| format!("stairway_{family}{{job=\"upgrade\",stage=\"restore\"}}");
        assert!(twice.contains(&format!("{} 0\n", stage("stage_success"))), "{twice}");
        assert!(twice.contains(&format!("{} 3\n", stage("run_duration_seconds"))), "{twice}");
        assert!(!twice.contains("rehearse") && !twice.contains("restore_duration"), "{twice}");
    }
}
