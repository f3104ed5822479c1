//! A drill as text, for people.

use std::fmt::Write as _;

use comfy_table::{Table, presets};

use crate::checks::size;
use crate::runs::drill::{Drilled, Ended, Tried};

use super::{closing, span, word};

/// The report for people.
pub fn drill_text(drilled: &Drilled) -> String {
    let mut out = String::new();
    for tried in &drilled.tried {
        out.push_str(&backup(tried));
    }
    if !drilled.checks.is_empty() {
        let _ = write!(out, "\n{}", checks(drilled));
    }
    if !drilled.pending.is_empty() {
        out.push_str("\npending\n");
        for one in &drilled.pending {
            let took = one.seconds.map_or_else(|| "-".to_owned(), span);
            let _ = writeln!(out, "  {} {}  {took}", one.revision, one.name);
        }
    }
    if !drilled.phases.is_empty() {
        let parts = drilled.phases.iter().map(|it| format!("{} {}", it.name, span(it.seconds)));
        let _ = writeln!(out, "\ntimes: {}", parts.collect::<Vec<_>>().join(", "));
    }
    if let Some(rto) = &drilled.rto {
        let _ = writeln!(out, "RTO:   {} until {} was answered", span(rto.seconds), rto.query);
    }
    if let Some(rpo) = drilled.rpo {
        let _ = writeln!(out, "RPO:   {}", span(rpo));
    }
    let _ = writeln!(out, "{}", closing(drilled));
    if let Some(help) = &drilled.help {
        let _ = writeln!(out, "  help: {help}");
    }
    out
}

fn backup(tried: &Tried) -> String {
    let kind = tried.kind.as_deref().unwrap_or("of no known kind");
    let age = tried.age.map_or_else(|| "of unknown age".to_owned(), |age| span(age) + " old");
    let manifest = if tried.manifest { "with a manifest" } else { "without a manifest" };
    let verdict = match &tried.reason {
        None if tried.good => "good".to_owned(),
        None => "not good".to_owned(),
        Some(reason) => reason.clone(),
    };
    let replayed =
        tried.recovered.map(|at| format!(", replayed up to {at:.0}")).unwrap_or_default();
    format!(
        "backup {}: {kind}, {}, {age}{replayed}, {manifest}: {verdict}\n",
        tried.file.display(),
        size(tried.bytes),
    )
}

fn checks(drilled: &Drilled) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for check in &drilled.checks {
        // The rest of a difference stands below it.
        let mut lines = check.detail.lines();
        let first = lines.next().unwrap_or_default().to_owned();
        table.add_row([check.name.to_owned(), word(check.ended).to_owned(), first]);
    }
    let mut text = String::new();
    for line in table.to_string().lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    for check in drilled.checks.iter().filter(|it| it.ended == Ended::Failed) {
        let rest: Vec<&str> = check.detail.lines().skip(1).collect();
        if !rest.is_empty() {
            let _ = writeln!(text, "\n{}:", check.name);
            for line in rest {
                let _ = writeln!(text, "  {line}");
            }
        }
    }
    text
}
