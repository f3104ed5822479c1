//! A drill.

use crate::runs::drill::{Drilled, Ended, Latency, Verdict};

use super::families::{
    BACKUP_CREATED, BACKUP_LEVEL, BACKUP_SIZE, DRILL_CHECK, DRILL_RPO, DRILL_RTO, FK_ORPHANS,
    LATENCY_BUDGET, QUERY_LATENCY, RESTORE_DURATION, ROW_MISMATCHES, RUN_DURATION,
};
use super::{Samples, verdict};

/// What a drill has to say.
pub fn drill(drilled: &Drilled) -> Samples {
    let mut samples = Samples::default();
    for phase in &drilled.phases {
        samples.set(&RUN_DURATION, &[phase.name], phase.seconds);
    }
    for check in &drilled.checks {
        let held = match check.ended {
            Ended::Held => true,
            Ended::Failed => false,
            Ended::Skipped | Ended::LeftOut | Ended::Absent => continue,
        };
        samples.set(&DRILL_CHECK, &[check.name], held);
    }
    if let Some(newest) = drilled.tried.first() {
        samples.set(&BACKUP_SIZE, &[], newest.bytes);
        samples.set_if(&BACKUP_CREATED, newest.made);
        let is_bad = !newest.good && drilled.verdict == Verdict::BadBackup;
        match newest.level.filter(|_| !is_bad) {
            Some(level) => samples.set(&BACKUP_LEVEL, &[], u64::from(level)),
            // One without a manifest has none, whatever the one before had; one that is bad had it once.
            None => samples.gone(&BACKUP_LEVEL),
        }
    }
    let is_restored =
        drilled.checks.iter().any(|it| it.name == "restore" && it.ended == Ended::Held);
    let restore = drilled.phases.iter().find(|it| it.name == "restore").filter(|_| is_restored);
    samples.set_if(&RESTORE_DURATION, restore.map(|it| it.seconds));
    samples.set_if(&DRILL_RTO, drilled.rto.as_ref().map(|it| it.seconds));
    match drilled.rpo {
        Some(age) => samples.set(&DRILL_RPO, &[], age),
        // It was looked for, and there is no good one: the last drill's would be a lie.
        None if drilled.verdict == Verdict::BadBackup => samples.gone(&DRILL_RPO),
        None => {}
    }
    samples.set_if(&ROW_MISMATCHES, drilled.mismatches);
    samples.set_if(&FK_ORPHANS, drilled.orphans);
    if let Some(measured) = &drilled.latency {
        latency(&mut samples, measured);
    }
    samples
}

fn latency(samples: &mut Samples, measured: &Latency) {
    let seconds = |millis: f64| millis / 1e3;
    samples.set(&QUERY_LATENCY, &["0.95"], seconds(measured.p95));
    let count = u64::try_from(measured.requests).unwrap_or(u64::MAX);
    samples.summed(&QUERY_LATENCY, seconds(measured.sum), count);
    samples.set(&LATENCY_BUDGET, &[], seconds(measured.budget));
    verdict(samples, measured.verdict);
}
