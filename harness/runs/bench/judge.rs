//! From what was measured to findings and a verdict.

use crate::checks::{self, Budgets, Spent, Waited, Written};
use crate::finding::{CheckId, Finding, Severity, Verdict};
use crate::migrations::Migration;
use crate::workload::{self, Change, Measured, Reason};

use super::ground::Ground;
use super::impact::Impact;
use super::{BenchOptions, Benched};

pub(super) fn findings(options: &BenchOptions, benched: &Benched, ground: &Ground) -> Vec<Finding> {
    let mut findings = ground.findings.clone();
    findings.extend(checks::over_budget(None, &benched.overall, benched.rate, None));
    for query in &benched.queries {
        if let Some(measured) = &query.measured {
            let file = Some(query.file.as_path());
            let missing = query.missing.as_ref();
            findings.extend(checks::over_budget(file, measured, query.rate, missing));
        }
        let Some(compared) = query.compared() else { continue };
        let differences = match &query.shapes {
            Some((before, after)) => before.differences(after),
            None => Vec::new(),
        };
        let migration =
            query.blamed.as_ref().and_then(|it| ground.pending().get(it.place).copied());
        let lost = query.blamed.as_ref().map(|it| it.lost_indexes.as_slice()).unwrap_or_default();
        let slower = checks::Slower {
            query: &query.name,
            file: &query.file,
            compared,
            differences: &differences,
            migration,
            lost_indexes: lost,
            missing_index: query.missing.as_ref(),
            failed: query.failed,
        };
        findings.extend(checks::slower(&slower));
    }
    if let Some(budgets) = options.impact {
        findings.extend(of_impacts(benched, ground, budgets));
    }
    findings
}

fn of_impacts(benched: &Benched, ground: &Ground, budgets: Budgets) -> Vec<Finding> {
    let mut findings = Vec::new();
    for impact in &benched.impacts {
        let Some(migration) = ground.pending().get(impact.place).copied() else { continue };
        let of_one = of_impact(impact, migration, budgets);
        findings.extend(checks::accept_measured(migration, of_one));
    }
    findings
}

fn of_impact(impact: &Impact, migration: &Migration, budgets: Budgets) -> Vec<Finding> {
    let failed = impact.failed.iter().map(|why| checks::failed_beside(migration, why));
    let mut findings: Vec<Finding> = failed.collect();
    for blocked in &impact.blocked {
        let held = impact.held.iter().filter(|it| it.is_granted && it.relation == blocked.table);
        let held = held.max_by_key(|it| it.strength());
        let there = impact.forecast.of(&blocked.table);
        let waited = Waited {
            table: &blocked.table,
            reads: blocked.reads,
            writes: blocked.writes,
            mode: held.map(|it| it.mode.as_str()),
            in_production: there.and_then(|it| it.rows.zip(it.blocked)),
        };
        findings.extend(checks::blocking_lock(migration, &waited, budgets));
    }
    for held in &impact.unprobed {
        findings.extend(checks::unprobed_lock(migration, held, budgets));
    }
    let noted = impact.rewrites.iter().flatten();
    for table in &impact.quiet.rewritten {
        let reasons = noted.clone().find(|it| it.table == table.name);
        let written = Written {
            table: &table.name,
            rows: rows(table.rows),
            bytes: table.bytes,
            reasons: reasons.map(|it| it.reasons.as_slice()).unwrap_or_default(),
            in_production: impact.forecast.of(&table.name).and_then(|it| it.rows),
        };
        findings.push(checks::table_rewrite(migration, &written, budgets));
    }
    let spent = Spent {
        took: impact.took.max(impact.quiet.took),
        wal: impact.quiet.wal,
        took_in_production: impact.forecast.took,
        wal_in_production: impact.forecast.wal,
        assumption: impact.forecast.basis.assumption(),
    };
    findings.extend(checks::migration_budget(migration, &spent, budgets));
    findings
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of rows")]
fn rows(rows: f64) -> u64 {
    rows.max(0.0) as u64
}

/// What all of it comes to: what nobody can tell is no pass. What a migration does to others is wrong on
/// any machine; latencies prove nothing on one that moved.
pub(super) fn verdict(benched: &Benched) -> Verdict {
    let is_latency =
        |it: &Finding| matches!(it.check, CheckId::LatencyBudget | CheckId::LatencyRegression);
    let mut over = benched.findings.iter().filter(|it| it.counts(Severity::Error));
    if over.clone().any(|it| !is_latency(it) && it.check != CheckId::RestoreFailed) {
        return Verdict::Fail;
    }
    let is_damaged = |it: &Finding| it.check == CheckId::RestoreFailed;
    if workload::has_moved(&benched.calibrations) || benched.findings.iter().any(is_damaged) {
        return Verdict::Inconclusive;
    }
    let own = benched.queries.iter().filter_map(|it| it.measured.as_ref());
    let gates = std::iter::once(&benched.overall).chain(own).map(|it| it.gate.verdict);
    // One that became worse is a finding, which a claim may accept.
    let changes = benched.queries.iter().filter_map(|it| it.compared());
    let changes = changes.map(|it| match it.change {
        Change::Unclear => Verdict::Inconclusive,
        Change::Worse | Change::Same | Change::Better => Verdict::Pass,
    });
    let findings = over.any(is_latency).then_some(Verdict::Fail);
    let all: Vec<Verdict> = gates.chain(changes).chain(findings).collect();
    match () {
        () if all.contains(&Verdict::Fail) => Verdict::Fail,
        () if all.contains(&Verdict::Inconclusive) => Verdict::Inconclusive,
        () => Verdict::Pass,
    }
}

/// Why a gate is not a plain pass or fail, in words.
pub fn why(measured: &Measured) -> Option<&'static str> {
    measured.gate.reason.map(|reason| match reason {
        Reason::Near => "too near to the budget for so many requests, or runs that differ too much",
        Reason::Few => "too few requests or runs for a pass: it takes 5 runs of 200",
        Reason::Blocked => "too many requests waited for a lock",
        Reason::LateClient => "requests were sent late, since this process did not come to it",
    })
}
