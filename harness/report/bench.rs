//! What was measured, as text for people and JSON for programs.
//!
//! Knows the outcome of a bench and nothing else: no value of a row or a parameter is in it.

use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::{Table, presets};
use serde_json::{Value, json};

use crate::checks::millis as told;
use crate::finding::CheckId;
use crate::runs::{Benched, BenchedQuery, BlockedTable, Impact, why};
use crate::steps::Relation;
use crate::workload::{Compared, Curve, Held, Measured, Reason, Verdict, has_moved};

use super::FindingReport;
use super::terminal::{Style, bare_finding};

/// Columns of the histogram.
const BARS: u32 = 24;
const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The JSON of a bench, with a line break at its end. Times are in milliseconds.
pub fn bench_json(benched: &Benched) -> String {
    let queries: Vec<Value> = benched.queries.iter().map(query_json).collect();
    let report = json!({
        "schema": 1,
        "tool": {"name": "stairway", "version": env!("CARGO_PKG_VERSION")},
        "verdict": benched.verdict.as_str(),
        "reason": reason(benched),
        "server": {"version": benched.server_version, "backend": benched.backend},
        "migrations": benched.migrations,
        "rate": benched.rate,
        "gate": gate_json(&benched.overall),
        "latency": curve_json(&benched.curve),
        "queries": queries,
        "impact": benched.impacts.iter().map(impact_json).collect::<Vec<_>>(),
        "calibration": {
            "milliseconds": benched.calibrations.iter().map(|it| millis(*it)).collect::<Vec<_>>(),
            "moved": benched.moved(),
            "stolen_milliseconds": benched.stolen.map(millis),
        },
        "findings": benched.findings.iter().map(FindingReport::new).collect::<Vec<_>>(),
        "seconds": benched.seconds,
    });
    // Plain data: this can't fail.
    let mut text = serde_json::to_string_pretty(&report).unwrap_or_default();
    text.push('\n');
    text
}

fn query_json(query: &BenchedQuery) -> Value {
    let shapes = query.shapes.as_ref();
    json!({
        "name": query.name,
        "file": query.file,
        "rate": query.rate,
        "latency": curve_json(&query.curve),
        "failed": query.failed,
        "gate": query.measured.as_ref().map(gate_json),
        "compared": query.compared.as_ref().map(compared_json),
        "plan": shapes.map(|(before, after)| json!({
            "before": before.lines(),
            "after": after.lines(),
            "differences": before.differences(after),
        })),
        "migration": query.blamed.as_ref().map(|it| &it.migration),
        "lost_indexes": query.blamed.as_ref().map(|it| &it.lost_indexes),
    })
}

fn impact_json(impact: &Impact) -> Value {
    let blocked = |it: &BlockedTable| json!({"table": it.table, "reads": millis(it.reads), "writes": millis(it.writes)});
    let held = |it: &Held| json!({"relation": it.relation, "mode": it.mode, "milliseconds": millis(it.time)});
    let rewritten = |it: &Relation| json!({"table": it.name, "rows": it.rows, "bytes": it.bytes});
    json!({
        "migration": impact.migration,
        "milliseconds": millis(impact.took),
        "blocked": impact.blocked.iter().map(blocked).collect::<Vec<_>>(),
        "control": millis(impact.control),
        "locks": impact.held.iter().map(held).collect::<Vec<_>>(),
        "rewritten": impact.rewritten.iter().map(rewritten).collect::<Vec<_>>(),
        "wal_bytes": impact.wal,
        "temporary_bytes": impact.temporary,
        "size_bytes": [impact.size.0, impact.size.1],
        "invalid_indexes": impact.invalid_indexes,
        "unprobed_tables": impact.unprobed,
    })
}

fn gate_json(measured: &Measured) -> Value {
    let gate = &measured.gate;
    json!({
        "verdict": gate.verdict.as_str(),
        "reason": why(measured),
        "budget": millis(gate.rule.limit),
        "requests": gate.requests,
        "over": gate.over,
        "runs": gate.runs,
        "design_effect": gate.design_effect,
        "p95": millis(gate.p95),
        "interval": [millis(gate.interval.0), millis(gate.interval.1)],
        "blocked": measured.blocked,
        "late": measured.late,
        "unsent": measured.unsent,
        "failed": measured.failed,
    })
}

fn curve_json(curve: &Curve) -> Value {
    let at = |share: f64| millis(curve.at(share));
    json!({
        "requests": curve.count(),
        "p50": at(0.5), "p90": at(0.9), "p95": at(0.95), "p99": at(0.99),
        "longest": millis(curve.longest()),
    })
}

fn compared_json(compared: &Compared) -> Value {
    json!({
        "change": compared.change.as_str(),
        "before": millis(compared.before),
        "after": millis(compared.after),
        "ratio": compared.ratio,
        "interval": [compared.interval.0, compared.interval.1],
    })
}

fn millis(time: Duration) -> f64 {
    // To the microsecond: more is noise.
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Why the whole is inconclusive, if it is.
fn reason(benched: &Benched) -> Option<String> {
    if benched.verdict != Verdict::Inconclusive {
        return None;
    }
    if has_moved(&benched.calibrations) {
        return Some(format!(
            "the machine became faster or slower by {:.0} % meanwhile",
            benched.moved() * 100.0
        ));
    }
    if benched.findings.iter().any(|it| it.check == CheckId::RestoreFailed) {
        return Some("the backup was not restored as a whole".to_owned());
    }
    let open = |it: &&Measured| it.gate.verdict == Verdict::Inconclusive;
    if let Some(why) = Some(&benched.overall).filter(open).and_then(why) {
        return Some(why.to_owned());
    }
    let mut queries = benched.queries.iter();
    let of_query = queries.find_map(|it| Some((&it.name, it.measured.as_ref().filter(open)?)));
    Some(match of_query {
        Some((name, measured)) => {
            let why = why(measured).unwrap_or_default();
            format!("{name} against its own budget: {why}; --requests gives it more")
        }
        None => "whether a query became slower can't be told; --pairs gives more turns".to_owned(),
    })
}

/// The report for people.
pub fn bench_text(benched: &Benched, style: Style) -> String {
    let mut out = String::new();
    for finding in &benched.findings {
        out.push_str(&bare_finding(finding, style));
        out.push('\n');
    }
    out.push_str(&table(benched));
    let _ = writeln!(out, "\n{}", histogram(&benched.curve));
    if !benched.impacts.is_empty() {
        let _ = writeln!(out, "\n{}", impacts(benched));
    }
    closing(benched, &mut out);
    out
}

fn table(benched: &Benched) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "query",
        "a second",
        "p50",
        "p95",
        "p99",
        "failed",
        "before and after",
        "migration",
    ]);
    for query in &benched.queries {
        let at = |share| told(query.curve.at(share));
        let compared = query.compared.as_ref().map(change).unwrap_or_default();
        let blamed = query.blamed.as_ref().map(|it| it.migration.clone()).unwrap_or_default();
        table.add_row([
            query.name.clone(),
            format!("{:.1}", query.rate),
            at(0.5),
            at(0.95),
            at(0.99),
            query.failed.to_string(),
            compared,
            blamed,
        ]);
    }
    let mut text = table.to_string();
    text = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    text.push('\n');
    text
}

/// What each migration did to others while it ran.
fn impacts(benched: &Benched) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["migration", "took", "blocked", "control", "rewritten", "WAL", "locks"]);
    for impact in &benched.impacts {
        let blocked = impact
            .blocked
            .iter()
            .map(|it| format!("{} {}", it.table, told(it.reads.max(it.writes))));
        let rewritten = impact.rewritten.iter().map(|it| it.name.clone());
        let locks = impact.held.iter().take(3).map(|it| {
            let mode = it.mode.trim_end_matches("Lock");
            format!("{} {mode} {}", it.relation, told(it.time))
        });
        table.add_row([
            impact.migration.clone(),
            told(impact.took),
            blocked.collect::<Vec<_>>().join(", "),
            told(impact.control),
            rewritten.collect::<Vec<_>>().join(", "),
            format!("{:.1} MB", megabytes(impact.wal)),
            locks.collect::<Vec<_>>().join(", "),
        ]);
    }
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[expect(clippy::cast_precision_loss, reason = "megabytes with one digit")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn change(compared: &Compared) -> String {
    format!(
        "{}, {} to {} ({:.2} times)",
        compared.change.as_str(),
        told(compared.before),
        told(compared.after),
        compared.ratio
    )
}

/// One line of bars from the shortest to the longest latency.
fn histogram(curve: &Curve) -> String {
    let bars = curve.bars(BARS);
    let most = bars.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    let level = |count: u64| {
        // Any at all can be seen.
        let at = if count == 0 { 0 } else { 1 + count * 7 / most };
        LEVELS.get(usize::try_from(at).unwrap_or(8)).copied().unwrap_or('█')
    };
    let line: String = bars.iter().map(|(_, count)| level(*count)).collect();
    format!("{} |{line}| {}", told(curve.at(0.0)), told(curve.longest()))
}

fn closing(benched: &Benched, out: &mut String) {
    let Measured { gate, .. } = &benched.overall;
    let _ = writeln!(
        out,
        "p95 {} of {} requests in {} runs at {:.0} a second, {} to {} for a run (90 %), budget {}: {}",
        told(gate.p95),
        gate.requests,
        gate.runs,
        benched.rate,
        told(gate.interval.0),
        told(gate.interval.1),
        told(gate.rule.limit),
        gate.verdict.as_str(),
    );
    let moved = benched.moved() * 100.0;
    let stolen = match benched.stolen {
        Some(stolen) => format!(", {} ms were stolen by its host", stolen.as_millis()),
        None => String::new(),
    };
    let _ = writeln!(out, "machine: the same work took up to {moved:.0} % longer{stolen}");
    let what = match benched.migrations.as_slice() {
        [] => "nothing is pending".to_owned(),
        [one] => format!("1 migration, {one}"),
        [first, .., last] => {
            format!("{} migrations, {first} to {last}", benched.migrations.len())
        }
    };
    let word = match benched.verdict {
        Verdict::Pass => "ok",
        Verdict::Fail => "FAIL",
        Verdict::Inconclusive => "INCONCLUSIVE",
    };
    let why = reason(benched).map(|why| format!(": {why}")).unwrap_or_default();
    let _ = writeln!(
        out,
        "{word}{why}\n{what}; PostgreSQL {} ({}) in {:.1} s",
        benched.server_version, benched.backend, benched.seconds
    );
    if benched.overall.gate.reason == Some(Reason::LateClient) {
        let _ = writeln!(out, "help: run it where nothing else keeps the machine busy");
    }
}
