//! Whether the p95 was measured with what is pending, and is within its budget.

use crate::finding::Verdict;
use crate::migrations::MigrationDigest;

use super::evidence::{Bench, Digest, Found};
use super::outcome::State;
use super::{Ended, Request, absent, failed, held, unknown};

/// What helps where nothing was measured.
const MEASURE: &str = "`stairway bench --report json=PATH`, then --bench PATH";

/// The fact.
pub(super) fn judge(request: &Request, found: &Found, pending: &[MigrationDigest]) -> State {
    if pending.is_empty() {
        return absent("nothing is pending");
    }
    if found.benches.is_empty() {
        return of_drill(request, found, pending);
    }
    // Any one of them may be of what is pending; a bad one of it counts most.
    let states = found.benches.iter().map(|(path, bench)| (path, of_bench(bench, pending)));
    let about = states.filter(|(_, state)| state.ended != Ended::Absent);
    let worst = about.min_by_key(|(_, state)| match state.ended {
        Ended::Failed => 0,
        Ended::Unknown => 1,
        _ => 2,
    });
    match worst {
        Some((path, state)) => {
            State { detail: format!("{} ({})", state.detail, path.display()), ..state }
        }
        None => failed("no bench was of what is pending, as it is now").help(MEASURE),
    }
}

/// Absent where it is about something else.
fn of_bench(bench: &Bench, pending: &[MigrationDigest]) -> State {
    let reason = || bench.reason.clone().unwrap_or_else(|| "it does not say why".to_owned());
    if let Some(error) = &bench.error {
        return unknown(format!("the bench came to no end: {}", error.message));
    }
    if !covers(&bench.digests, pending) {
        return absent("it is about other migrations");
    }
    match bench.verdict {
        Verdict::Pass => held("the p95 is within its budget"),
        Verdict::Fail => failed(reason()),
        Verdict::Inconclusive => unknown(reason()),
    }
}

/// What the newest drill measured, if it did.
fn of_drill(request: &Request, found: &Found, pending: &[MigrationDigest]) -> State {
    let unmeasured = || match &request.workload {
        Some(folder) => unknown(format!("the queries in {} were not measured", folder.display())),
        // Who asks for it by name is not told that it is so.
        None if request.policy.names("latency") => unknown("no bench is known"),
        None => absent("there is no folder of queries to measure"),
    };
    let Some((path, drill)) = &found.drill else { return unmeasured().help(MEASURE) };
    let Some(latency) = &drill.latency else { return unmeasured().help(MEASURE) };
    let digests = drill.pending.iter().filter_map(|it| {
        let digest = it.digest.clone()?;
        Some(Digest { revision: it.revision.clone(), digest })
    });
    if !covers(&digests.collect::<Vec<_>>(), pending) {
        return unknown("the drill measured other migrations").help(MEASURE);
    }
    let source = path.display();
    match latency.verdict {
        Verdict::Pass => held(format!("the p95 is within its budget (drill {source})")),
        Verdict::Fail => failed(format!("the p95 is over its budget (drill {source})")),
        Verdict::Inconclusive => unknown(format!("nobody can tell the p95 (drill {source})")),
    }
}

/// Whether it was measured with all of what is pending, as it is now, and nothing else.
fn covers(measured: &[Digest], pending: &[MigrationDigest]) -> bool {
    measured.len() == pending.len()
        && pending.iter().all(|wanted| {
            let is_it = |it: &&Digest| it.revision == wanted.revision;
            measured.iter().find(is_it).is_some_and(|it| it.digest == wanted.digest)
        })
}
