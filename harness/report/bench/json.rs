//! A bench as JSON, for programs.

use serde_json::{Value, json};

use crate::migrations::MigrationDigest;
use crate::report::FindingReport;
use crate::runs::{Benched, BenchedQuery, Beside, BlockedTable, Forecast, Impact, Scaled, why};
use crate::steps::Relation;
use crate::workload::{Compared, Curve, Held, Measured, Span};

use super::reason;
use crate::report::json::millis;

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
        "digests": benched.digests.iter().map(digest_json).collect::<Vec<_>>(),
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

fn digest_json(it: &MigrationDigest) -> Value {
    json!({"revision": it.revision, "digest": it.digest})
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
        "compared": query.compared().map(compared_json),
        "uncompared": query.turned.as_ref().err().map(|why| why.as_str()),
        "turns": query.turned.as_ref().ok().map(|it| json!({
            "before": curve_json(&it.before),
            "after": curve_json(&it.after),
        })),
        "plan": shapes.map(|(before, after)| json!({
            "before": before.lines(),
            "after": after.lines(),
            "differences": before.differences(after),
        })),
        "migration": query.blamed.as_ref().map(|it| &it.migration),
        "lost_indexes": query.blamed.as_ref().map(|it| &it.lost_indexes),
        "missing_index": query.missing.as_ref().map(|it| json!({
            "definition": it.definition,
            "without": millis(it.without),
            "with": millis(it.with),
        })),
    })
}

fn impact_json(impact: &Impact) -> Value {
    let blocked = |it: &BlockedTable| {
        json!({
            "table": it.table,
            "reads": millis(it.reads),
            "writes": millis(it.writes),
            "spans": spans(&it.spans),
        })
    };
    let held = |it: &Held| {
        json!({
            "relation": it.relation,
            "mode": it.mode,
            "granted": it.is_granted,
            "milliseconds": millis(it.time()),
            "spans": spans(&it.spans),
        })
    };
    let reasons = |table: &str| {
        let noted = impact.rewrites.iter().flatten().find(|it| it.table == table);
        noted.map(|it| it.reasons.clone()).unwrap_or_default()
    };
    let rewritten = |it: &Relation| json!({"table": it.name, "rows": it.rows, "bytes": it.bytes, "reasons": reasons(&it.name)});
    let quiet = &impact.quiet;
    json!({
        "migration": impact.migration,
        "milliseconds": millis(impact.took),
        "failed": impact.failed,
        "quiet_milliseconds": millis(quiet.took),
        "blocked": impact.blocked.iter().map(blocked).collect::<Vec<_>>(),
        "control": millis(impact.control),
        "slowed": millis(impact.slowed),
        "locks": impact.held.iter().map(held).collect::<Vec<_>>(),
        "unprobed": impact.unprobed.iter().map(held).collect::<Vec<_>>(),
        "workload": impact.beside.as_ref().map(beside_json),
        "rewritten": quiet.rewritten.iter().map(rewritten).collect::<Vec<_>>(),
        "rewrites_noted": impact.rewrites.is_some(),
        "wal_bytes": quiet.wal,
        "temporary_bytes": quiet.temporary,
        "size_bytes": [quiet.size.0, quiet.size.1],
        "invalid_indexes": quiet.invalid_indexes,
        "forecast": forecast_json(&impact.forecast),
    })
}

/// In milliseconds from the start of a migration.
fn spans(spans: &[Span]) -> Vec<[f64; 2]> {
    spans.iter().map(|span| [millis(span.from), millis(span.until)]).collect()
}

fn beside_json(beside: &Beside) -> Value {
    json!({
        "latency": curve_json(&beside.curve),
        "blocked": beside.blocked,
        "longest_wait": millis(beside.longest),
        "failed": beside.failed,
        "waited_for": beside.waited_for,
    })
}

fn forecast_json(forecast: &Forecast) -> Value {
    let table = |it: &Scaled| {
        json!({
            "table": it.table,
            "rows_here": it.here,
            "rows": it.rows,
            "blocked": it.blocked.map(millis),
        })
    };
    json!({
        "assumption": forecast.basis.assumption(),
        "tables": forecast.tables.iter().map(table).collect::<Vec<_>>(),
        "milliseconds": forecast.took.map(millis),
        "wal_bytes": forecast.wal,
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
