//! From what was measured to findings and a verdict.

use crate::checks::{self, Budgets, Spent, Waited, Written};
use crate::finding::{CheckId, Finding, Severity, Verdict};
use crate::migrations::Migration;
use crate::workload::{self, Change, Measured, Reason};

use super::ground::Ground;
use super::impact::Impact;
use super::quiet::Quiet;
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
        let found = checks::slower(&slower).into_iter().collect();
        findings.extend(match migration {
            Some(migration) => checks::accept(migration, found),
            None => found,
        });
    }
    if let Some(budgets) = options.impact {
        findings.extend(of_impacts(options, benched, ground, budgets));
    }
    findings
}

fn of_impacts(
    options: &BenchOptions,
    benched: &Benched,
    ground: &Ground,
    budgets: Budgets,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    // What a migration does alone is known also of those that could not be watched beside the workload.
    for (place, (migration, quiet)) in ground.pending().into_iter().zip(&ground.quiet).enumerate() {
        let impact = benched.impacts.iter().find(|it| it.place == place);
        let mut of_one = impact.map(|it| of_impact(it, migration, budgets)).unwrap_or_default();
        of_one.extend(of_quiet(options, quiet, impact, migration, budgets));
        let touched = impact.iter().flat_map(|it| &it.forecast.tables);
        let empty = touched.filter(|it| it.here == 0).map(|it| it.table.as_str());
        findings.extend(checks::accept_measured(migration, of_one, &empty.collect::<Vec<_>>()));
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
    let is_told = !findings.is_empty();
    if let Some(beside) = impact.beside.as_ref().filter(|_| !is_told) {
        findings.extend(checks::workload_waited(
            migration,
            (beside.longest, beside.blocked, beside.curve.count()),
            &beside.waited_for,
            budgets,
        ));
    }
    findings
}

/// What a migration takes and writes by itself.
fn of_quiet(
    options: &BenchOptions,
    quiet: &Quiet,
    impact: Option<&Impact>,
    migration: &Migration,
    budgets: Budgets,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let noted = impact.iter().flat_map(|it| &it.rewrites).flatten();
    for table in &quiet.rewritten {
        let reasons = noted.clone().find(|it| it.table == table.name);
        let written = Written {
            table: &table.name,
            rows: rows(table.rows),
            bytes: table.bytes,
            reasons: reasons.map(|it| it.reasons.as_slice()).unwrap_or_default(),
            in_production: options.production_rows.get(&table.name).copied(),
        };
        findings.push(checks::table_rewrite(migration, &written, budgets));
    }
    let invalid = quiet.invalid_indexes.iter().cloned().collect();
    findings.extend(checks::invalid_index(migration, invalid));
    let forecast = impact.map(|it| &it.forecast);
    let spent = Spent {
        took: impact.map_or(quiet.took, |it| it.took.max(quiet.took)),
        wal: quiet.wal,
        took_in_production: forecast.and_then(|it| it.took),
        wal_in_production: forecast.and_then(|it| it.wal),
        assumption: forecast.map(|it| it.basis.assumption()).unwrap_or_default(),
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
