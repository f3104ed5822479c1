//! A bench as text, for people.

use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::{Table, presets};

use crate::checks::{megabytes, millis as told};
use crate::finding::Verdict;
use crate::report::terminal::{Style, bare_finding};
use crate::runs::{Benched, Impact};
use crate::workload::{Compared, Curve, Measured, Reason, Span};

use super::reason;

/// Columns of the histogram.
const BARS: u32 = 24;
const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

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
        let _ = write!(out, "\n{}\n", impacts(benched));
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
        let compared = match &query.turned {
            Ok(turned) => change(&turned.compared),
            Err(why) => why.as_str().to_owned(),
        };
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
    trimmed(&table)
}

/// What each migration did to others while it ran.
fn impacts(benched: &Benched) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "migration",
        "alone",
        "beside the workload",
        "workload waited",
        "tables blocked",
        "control",
        "rewritten",
        "WAL",
        "in production",
    ]);
    for impact in &benched.impacts {
        let blocked = impact
            .blocked
            .iter()
            .map(|it| format!("{} {}", it.table, told(it.reads.max(it.writes))));
        let rewritten = impact.quiet.rewritten.iter().map(|it| it.name.clone());
        let waited = impact.beside.as_ref().map(|it| match it.blocked {
            0 => "no".to_owned(),
            blocked => format!("{} ({blocked} of {})", told(it.longest), it.curve.count()),
        });
        table.add_row([
            impact.migration.clone(),
            told(impact.quiet.took),
            if impact.failed.is_some() { "failed".to_owned() } else { told(impact.took) },
            waited.unwrap_or_else(|| "nothing to send".to_owned()),
            blocked.collect::<Vec<_>>().join(", "),
            told(impact.control),
            rewritten.collect::<Vec<_>>().join(", "),
            megabytes(impact.quiet.wal),
            impact.forecast.took.map_or_else(|| "?".to_owned(), told),
        ]);
    }
    let mut text = trimmed(&table);
    let scaled = benched.impacts.iter().filter(|it| !it.forecast.tables.is_empty());
    for assumption in scaled.map(|it| it.forecast.basis.assumption()) {
        let line = format!("in production: {assumption}\n");
        if !text.contains(&line) {
            text.push_str(&line);
        }
    }
    if benched.impacts.iter().any(|it| it.rewrites.is_none()) {
        text.push_str(
            "why tables are written anew is not told: event triggers are for superusers\n",
        );
    }
    for impact in &benched.impacts {
        text.push_str(&timeline(impact));
    }
    text
}

/// Columns of a timeline.
const WIDTH: usize = 48;
/// What is over sooner is in the JSON.
const SHORT: Duration = Duration::from_millis(20);

/// When a migration held which locks, and when others waited; nothing if all of it was short.
fn timeline(impact: &Impact) -> String {
    let lasts = |spans: &[Span]| {
        spans.iter().map(|it| it.until.saturating_sub(it.from)).sum::<Duration>() >= SHORT
    };
    let mut rows: Vec<(String, &[Span], char)> = Vec::new();
    for held in impact.held.iter().filter(|it| lasts(&it.spans)) {
        let mode = held.mode.trim_end_matches("Lock");
        let (does, ink) = if held.is_granted { ("holds", '█') } else { ("waits for", '·') };
        rows.push((format!("{} {does} {mode}", held.relation), &held.spans, ink));
    }
    for blocked in impact.blocked.iter().filter(|it| lasts(&it.spans)) {
        rows.push((format!("{} others wait", blocked.table), &blocked.spans, '▒'));
    }
    if rows.is_empty() {
        return String::new();
    }
    rows.sort_by(|one, two| one.0.cmp(&two.0));
    let widest = rows.iter().map(|row| row.0.chars().count()).max().unwrap_or_default();
    let ends = rows.iter().flat_map(|row| row.1).map(|span| span.until);
    let end = ends.max().unwrap_or_default().max(impact.took);
    let mut text = format!("\nlocks of {}, from 0 to {}\n", impact.migration, told(end));
    for (label, spans, ink) in rows {
        let _ = writeln!(text, "  {label:widest$} |{}|", bar(spans, end, ink));
    }
    text
}

/// Where in time something is.
fn bar(spans: &[Span], end: Duration, ink: char) -> String {
    let step =
        end.max(Duration::from_micros(1)).div_f64(f64::from(u32::try_from(WIDTH).unwrap_or(1)));
    let cell = |at: usize| {
        let from = step * u32::try_from(at).unwrap_or_default();
        let is_there = spans.iter().any(|span| span.from < from + step && span.until > from);
        if is_there { ink } else { ' ' }
    };
    (0..WIDTH).map(cell).collect()
}

/// A table without blanks at the ends of its lines.
fn trimmed(table: &Table) -> String {
    let mut text = table.to_string();
    text = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    text.push('\n');
    text
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Span, WIDTH, bar};

    #[test]
    fn a_bar_is_as_long_as_its_time() {
        let ms = Duration::from_millis;
        let of = |from, until| {
            let bar = bar(&[Span { from: ms(from), until: ms(until) }], ms(480), '#');
            assert_eq!(bar.chars().count(), WIDTH);
            (bar.find('#'), bar.matches('#').count())
        };
        assert_eq!(of(0, 480), (Some(0), WIDTH));
        assert_eq!(of(240, 480), (Some(WIDTH / 2), WIDTH / 2));
        assert_eq!(of(479, 480), (Some(WIDTH - 1), 1), "the shortest can be seen");
        assert_eq!(of(480, 900).1, 0, "what is after the end is not shown");
    }
}
