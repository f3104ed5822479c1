//! Whether the newest drill is ok, of this database, and fresh.

use jiff::{SignedDuration, Timestamp};

use crate::runs::drill::{Ended, Verdict};

use super::database::Looked;
use super::evidence::{Drill, Found, Tried};
use super::outcome::State;
use super::{Request, failed, held, unknown};

/// Clocks of two machines are never quite the same.
pub(super) const SLACK: SignedDuration = SignedDuration::from_mins(5);
/// What helps where there is none that counts.
const DRILL: &str = "`stairway drill --report json=PATH`, then --drill PATH";

/// The fact.
pub(super) fn judge(request: &Request, found: &Found, looked: &Looked, now: Timestamp) -> State {
    let Some((path, drill)) = &found.drill else {
        return unknown("no drill is known").help(DRILL);
    };
    let of = path.display();
    let reason = || drill.reason.clone().unwrap_or_else(|| "it does not say why".to_owned());
    match drill.verdict {
        Verdict::BadBackup => return failed(format!("bad backup: {} ({of})", reason())),
        Verdict::BadMigration => return failed(format!("bad migration: {} ({of})", reason())),
        Verdict::Environment => {
            return unknown(format!("the newest drill says nothing: {} ({of})", reason()))
                .help(DRILL);
        }
        Verdict::Ok => {}
    }
    if let Some(other) = drill.tried.first().and_then(|it| is_of_other(it, looked)) {
        return failed(format!("the drill was of {other} ({of})")).help(DRILL);
    }
    let Some(ended) = drill.ended() else {
        return unknown(format!("the drill does not say when it was ({of})")).help(DRILL);
    };
    let age = now.duration_since(ended);
    if age < -SLACK {
        return unknown(format!("the drill ended at {ended}, which is not yet: check the clocks"));
    }
    let most = request.policy.drill_max_age;
    if !is_within(age, most) {
        let detail = format!("the newest drill is {} old, {} at most", hours(age), span(most));
        return failed(format!("{detail} ({of})")).help(DRILL);
    }
    held(format!("ok {} ago{} ({of})", hours(age), left_out(drill)))
}

/// What the user had left out of it.
fn left_out(drill: &Drill) -> String {
    let names = drill.checks.iter().filter(|it| it.ended == Ended::LeftOut);
    let names: Vec<&str> = names.map(|it| it.name.as_str()).collect();
    if names.is_empty() { String::new() } else { format!(", without {}", names.join(", ")) }
}

/// The database that a backup is of, if that is known and is another one.
fn is_of_other(tried: &Tried, looked: &Looked) -> Option<String> {
    let (name, system) = (&looked.identity.name, &looked.identity.system_identifier);
    if let Some(other) = tried.database.as_ref().filter(|it| *it != name) {
        return Some(format!("{other}, and this is {name}"));
    }
    let other = tried.system_identifier.as_ref();
    let is_other = other.is_some_and(|it| !system.is_empty() && it != system);
    is_other.then(|| format!("{name} on another server"))
}

pub(super) fn is_within(age: SignedDuration, most: std::time::Duration) -> bool {
    SignedDuration::try_from(most).is_ok_and(|most| age <= most)
}

/// A time as people say it.
pub(super) fn hours(age: SignedDuration) -> String {
    span(std::time::Duration::try_from(age).unwrap_or_default())
}

pub(super) fn span(time: std::time::Duration) -> String {
    let minutes = time.as_secs() / 60;
    match minutes {
        0 => format!("{} s", time.as_secs()),
        1..120 => format!("{minutes} min"),
        120..2880 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / 1440),
    }
}
