//! `latency-budget`: the p95 of the workload or of a query is over its budget.

use std::path::Path;

use crate::finding::{CheckId, Finding, Verdict};
use crate::workload::{Measured, MissingIndex, Reason};

use super::safer::with_index;
use super::times::millis;

/// The finding if the budget is not kept; what nobody can tell is none. `file` is the query's, if it is
/// about one, and `missing` an index that makes it faster.
pub fn over_budget(
    file: Option<&Path>,
    measured: &Measured,
    rate: f64,
    missing: Option<&MissingIndex>,
) -> Option<Finding> {
    let gate = &measured.gate;
    if gate.verdict != Verdict::Fail {
        return None;
    }
    let what = match file.and_then(Path::file_stem) {
        Some(name) => format!("the p95 of {}", name.to_string_lossy()),
        None => "the p95 of the workload".to_owned(),
    };
    let message = format!(
        "{what} is {} at {rate:.0} requests a second, over the budget of {}",
        millis(gate.p95),
        millis(gate.rule.limit)
    );
    let mut lines = vec![
        format!(
            "{} of {} requests in {} runs took longer ({:.1} %); 5 % may",
            gate.over,
            gate.requests,
            gate.runs,
            share(gate.over, gate.requests)
        ),
        format!(
            "the p95 of a run is between {} and {} (90 % interval)",
            millis(gate.interval.0),
            millis(gate.interval.1)
        ),
    ];
    if gate.reason == Some(Reason::Blocked) {
        lines.push(format!("{} of them only because they waited for a lock", measured.blocked));
        lines.extend(measured.waited_for.iter().map(|lock| format!("waited for: {lock}")));
    }
    for (sqlstate, count) in &measured.failed {
        lines.push(format!("{count} of them failed with SQLSTATE {sqlstate}"));
    }
    if measured.unsent > 0 {
        lines.push(format!("{} of them were never sent: no connection was free", measured.unsent));
    }
    let finding = Finding::new(CheckId::LatencyBudget, message).detail(lines.join("\n"));
    let finding = with_index(finding, missing);
    Some(match file {
        Some(file) => finding.in_file(file),
        None => finding,
    })
}

#[expect(clippy::cast_precision_loss, reason = "numbers of requests are far below 2^52")]
fn share(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}
