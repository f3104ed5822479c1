//! The p95 of the workload on the copy, before and after what is pending.

use crate::finding::{Severity, Verdict};
use crate::runs::bench::{Benched, bench_on};
use crate::server::{Backend, causes};

use super::copy::{self, Copy};
use super::outcome::{Ended, Fault, Latency, Stop};
use super::run::Drill;

/// Whether anything is to be measured.
pub(super) fn is_wanted(drill: &Drill<'_>) -> bool {
    drill.options.bench.is_some() && !drill.options.left_out.contains("latency")
}

/// Measures, and ends the copy's server.
pub(super) async fn measure(drill: &mut Drill<'_>, copy: Copy) -> Result<(), Stop> {
    let bench = drill.options.bench.as_ref();
    let ended = |name: &str| drill.exam.checks.iter().find(|it| it.name == name).map(|it| it.ended);
    let is_climbed = matches!(ended("rehearsal"), Some(Ended::Held | Ended::Absent));
    if !drill.wants("latency") {
        copy.close(drill).await;
        return Ok(());
    }
    let Some(bench) = bench.filter(|_| is_climbed) else {
        match bench {
            None => drill.absent("latency", "there is no workload"),
            Some(_) => drill.skipped("latency", "what is pending was not rehearsed to its end"),
        }
        copy.close(drill).await;
        return Ok(());
    };
    drill.begins("latency");
    let (server, database, roles) = copy.into_parts();
    let (is_ours, admin) = (server.backend() != Backend::Existing, server.admin().clone());
    let measured = Box::pin(bench_on(bench, (server, database), drill.watch())).await;
    drill.ends();
    if !is_ours {
        copy::forget(drill, &admin, &roles).await;
    }
    match measured {
        Ok(benched) => judge(drill, &benched),
        Err(error) => drill.skipped("latency", format!("nothing was measured: {}", causes(&error))),
    }
    Ok(())
}

fn judge(drill: &mut Drill<'_>, benched: &Benched) {
    let gate = &benched.overall.gate;
    let millis = |time: std::time::Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
    let latency = Latency {
        p95: millis(gate.p95),
        interval: [millis(gate.interval.0), millis(gate.interval.1)],
        sum: millis(benched.curve.sum()),
        budget: millis(gate.rule.limit),
        requests: gate.requests,
        verdict: benched.verdict.as_str(),
    };
    let p95 = format!(
        "p95 {} ms of {} requests, {} ms are allowed",
        latency.p95, latency.requests, latency.budget
    );
    drill.drilled.latency = Some(latency);
    let mut wrong = benched.findings.iter().filter(|finding| finding.counts(Severity::Error));
    let why = wrong.next().map(|finding| format!("{}: {}", finding.check, finding.message));
    match benched.verdict {
        Verdict::Pass => drill.held("latency", p95),
        Verdict::Inconclusive => {
            drill.skipped("latency", format!("nobody can tell: {}", why.unwrap_or(p95)));
        }
        Verdict::Fail => {
            let is_pending = !benched.migrations.is_empty();
            let fault = if is_pending { Fault::Migration } else { Fault::Environment };
            drill.failed("latency", fault, why.unwrap_or(p95));
        }
    }
}
