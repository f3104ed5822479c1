//! What a verification reached and how long it took: rows, migrations, what scripts printed, parts.
//!
//! Knows the report. Must not judge.

use maud::{Markup, html};

use crate::finding::Verdict;
use crate::report::page::{
    self, Column, Span, bar, count, known, listed, named_count, plural, seconds, table,
};
use crate::report::{Coverage, GapReport, MigrationReport, Report};

const MIGRATIONS: [Column; 8] = [
    ("migration", false),
    ("name", false),
    ("verdict", false),
    ("findings", false),
    ("up", true),
    ("down", true),
    ("up again", true),
    ("in all", true),
];
const GAPS: [Column; 3] = [("table", false), ("column", false), ("why", false)];
const PARTS: [Column; 3] = [("part", false), ("seconds", true), ("share", false)];

/// Which tables and columns had rows.
pub(super) fn coverage(coverage: &Coverage) -> Markup {
    let of = |part: usize, whole: usize| html! { (count(part)) " of " (count(whole)) };
    let rows: Vec<Vec<Markup>> = coverage.unfilled.iter().map(gap).collect();
    let content = html! {
        @if !coverage.has_rows {
            p.unknown { "No rows were tried, so nothing is said about data." }
        } @else {
            p { "Rows that migrations were tried on, all together: " (named_count("rows", coverage.rows)) "." }
            @if coverage.at_head {
                p { "Of the tables that there are at head:" }
                (page::facts(&[
                    ("tables with rows", of(coverage.tables_seeded, coverage.tables)),
                    ("columns with a value", of(coverage.columns_filled, coverage.columns)),
                    ("columns with a NULL", of(coverage.columns_nulled, coverage.columns_nullable)),
                    ("columns with value and NULL", of(coverage.columns_covered, coverage.columns)),
                    ("labels of enums", of(coverage.labels_reached, coverage.labels)),
                    ("tables with row security", count(coverage.tables_secured)),
                ]))
            } @else {
                p.unknown { "The run does not end at head, whose tables are not counted." }
            }
            @if !rows.is_empty() { (table("What rows did not reach", &GAPS, &rows)) }
        }
    };
    page::section("coverage", "Rows", &content)
}

fn gap(gap: &GapReport) -> Vec<Markup> {
    let column = gap.column.as_deref().unwrap_or("all of it");
    vec![html! { (gap.table) }, html! { (column) }, html! { (gap.why) }]
}

/// Each migration that was climbed.
pub(super) fn migrations(report: &Report) -> Markup {
    let rows: Vec<Vec<Markup>> = report.migrations.iter().map(migration).collect();
    let cached = report.migrations.iter().filter(|it| it.cached).count();
    let content = html! {
        @if rows.is_empty() {
            p.unknown { "No migration was climbed." }
        } @else {
            (table("Climbed, base first", &MIGRATIONS, &rows))
            @if cached > 0 {
                p.note { "Of these " (count(cached)) " were judged by earlier runs with the same files and server; so are the times." }
            }
        }
    };
    page::section("migrations", "Migrations", &content)
}

fn migration(migration: &MigrationReport) -> Vec<Markup> {
    let (word, class) = match migration.verdict {
        Verdict::Pass => ("✓ pass", "pass"),
        Verdict::Fail => ("✕ fail", "fail"),
        Verdict::Inconclusive => ("? not judged", "inconclusive"),
    };
    let took = &migration.seconds;
    vec![
        html! { (migration.revision) },
        html! { (migration.name) div.small { (migration.file.display()) } },
        html! {
            b.word.(class) { (word) }
            @if migration.cached { div.small { "by an earlier run" } }
            @if let Some(why) = &migration.unjudged { div.small { (why) } }
        },
        found(migration),
        step(took.upgrade),
        step(took.downgrade),
        step(took.reupgrade),
        seconds(took.total),
    ]
}

fn found(migration: &MigrationReport) -> Markup {
    let names = |accepted: bool| -> Vec<String> {
        let all = migration.findings.iter().filter(|it| it.allowed.is_some() == accepted);
        all.map(|it| it.check.to_string()).collect()
    };
    let accepted = names(true);
    html! {
        (listed(&names(false), "none"))
        @if !accepted.is_empty() { div.small { "accepted: " (accepted.join(", ")) } }
    }
}

fn step(took: Option<f64>) -> Markup {
    known(took.map(seconds), "did not end")
}

/// What scripts that are programs printed.
pub(super) fn printed(report: &Report) -> Markup {
    let printed: Vec<&MigrationReport> =
        report.migrations.iter().filter(|it| !it.cached && !it.printed.is_empty()).collect();
    if printed.is_empty() {
        return html! {};
    }
    let content = html! {
        @for migration in printed {
            details open[migration.printed.len() <= 16] {
                summary { (migration.revision) ": " (plural(migration.printed.len(), "line")) }
                pre { (migration.printed.join("\n")) }
            }
        }
    };
    page::section("printed", "What scripts printed", &content)
}

/// The parts of the work.
pub(super) fn times(report: &Report) -> Markup {
    let parts = report.parts.named();
    let longest = parts.iter().map(|(_, seconds)| *seconds).fold(0.0, f64::max);
    let row = |(name, took): &(&str, f64)| {
        let span = Span { from: 0.0, until: *took, has_failed: false };
        vec![html! { (name) }, seconds(*took), bar(span, longest)]
    };
    let rows: Vec<Vec<Markup>> = parts.iter().map(row).collect();
    let caption = match report.lanes {
        0 => "Wall time of the parts; no server was needed".to_owned(),
        lanes => format!("Wall time of the parts, added up over {}", plural(lanes, "lane")),
    };
    page::section("times", "Times", &table(&caption, &PARTS, &rows))
}
