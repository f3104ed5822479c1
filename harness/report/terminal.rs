//! The report for people: findings as rustc prints them, then a table, then one line.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use comfy_table::{Table, presets};

use crate::finding::Verdict;
use crate::finding::{Finding, Severity};

use super::{MigrationReport, Report};

/// Whether escape codes for colours may be in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// With colours; what prints it takes them out where they don't belong.
    Coloured,
    /// Text only.
    Plain,
}

/// The whole report.
pub fn terminal(report: &Report, style: Style) -> String {
    let mut text = String::new();
    for finding in report.all_findings() {
        text.push_str(&self::finding(finding, report, style));
        text.push('\n');
    }
    text.push_str(&printed(report));
    text.push_str(&table(report));
    text.push_str(&closing(report));
    text
}

/// One finding.
pub fn finding(finding: &Finding, report: &Report, style: Style) -> String {
    let source = finding.span.as_ref().and_then(|span| report.sources.get(&span.file));
    shown(finding, source.map(AsRef::as_ref), style)
}

/// One finding without the text that it points at.
pub(super) fn bare_finding(finding: &Finding, style: Style) -> String {
    shown(finding, None, style)
}

fn shown(finding: &Finding, source: Option<&str>, style: Style) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(finding.message.as_str()).id(finding.check.as_str());
    let mut group = Group::with_title(title);
    let path = finding.file.as_ref().map(|file| file.display().to_string());
    match (&finding.span, source) {
        (Some(span), Some(source)) => {
            let annotation = AnnotationKind::Primary.span(span.bytes.clone());
            group = group.element(Snippet::source(source).path(path).annotation(annotation));
        }
        _ => {
            if let Some(path) = path {
                group = group.element(Origin::path(path));
            }
        }
    }
    if let Some(detail) = &finding.detail {
        group = group.element(Level::NOTE.message(detail.trim_end()));
    }
    for row in &finding.rows {
        group = group.element(Level::NOTE.message(row.insert.as_str()));
    }
    if let Some(why) = finding.acceptance() {
        group = group.element(Level::NOTE.message(why));
    }
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    if let Some(repro) = &finding.repro {
        let message = format!("see it again with psql: {}", repro.display());
        group = group.element(Level::HELP.message(message));
    }
    let renderer = match style {
        Style::Coloured => Renderer::styled(),
        Style::Plain => Renderer::plain(),
    };
    format!("{}\n", renderer.render(&[group]))
}

/// What scripts that are programs printed while they ran.
fn printed(report: &Report) -> String {
    let mut text = String::new();
    for migration in report.migrations.iter().filter(|it| !it.cached && !it.printed.is_empty()) {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{} printed:", migration.revision);
        for line in &migration.printed {
            let _ = writeln!(text, "  {line}");
        }
        text.push('\n');
    }
    text
}

/// What was climbed, and what did not pass; hundreds of old verdicts would only hide it.
fn table(report: &Report) -> String {
    let is_shown =
        |migration: &&MigrationReport| !migration.cached || migration.verdict != Verdict::Pass;
    if !report.migrations.iter().any(|migration| is_shown(&migration)) {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["revision", "name", "up", "down", "up again", "verdict"]);
    for migration in report.migrations.iter().filter(is_shown) {
        table.add_row(row(migration));
    }
    let lines = table.to_string();
    lines.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

fn row(migration: &MigrationReport) -> [String; 6] {
    let milliseconds = |seconds: Option<f64>| {
        seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{:.1} ms", seconds * 1000.0))
    };
    [
        migration.revision.clone(),
        migration.name.clone(),
        milliseconds(migration.seconds.upgrade),
        milliseconds(migration.seconds.downgrade),
        milliseconds(migration.seconds.reupgrade),
        verdict(migration),
    ]
}

pub(super) fn verdict(migration: &MigrationReport) -> String {
    let counted: Vec<&str> = migration
        .findings
        .iter()
        .map(|report| &report.finding)
        .filter(|finding| finding.allowed.is_none())
        .map(|finding| finding.check.as_str())
        .collect();
    let accepted = migration.findings.iter().filter(|report| report.allowed.is_some()).count();
    let mut text = match migration.verdict {
        Verdict::Pass => "ok".to_owned(),
        Verdict::Fail => "FAIL".to_owned(),
        Verdict::Inconclusive => "not judged".to_owned(),
    };
    if !counted.is_empty() {
        let _ = write!(text, ": {}", counted.join(", "));
    }
    if accepted > 0 {
        let _ = write!(text, " ({accepted} accepted)");
    }
    text
}

fn closing(report: &Report) -> String {
    format!("\n{}\n{}\n", summary(report), report.coverage.line())
}

/// What it all comes to, in one line.
pub(super) fn summary(report: &Report) -> String {
    let count = |severity: Severity| {
        report
            .all_findings()
            .filter(|finding| finding.severity == severity && finding.allowed.is_none())
            .count()
    };
    let server = match report.server.version.as_str() {
        "" => "without a server".to_owned(),
        version => format!("on PostgreSQL {version} ({})", report.server.backend),
    };
    let cached = report.migrations.iter().filter(|migration| migration.cached).count();
    let mut migrations = plural(report.migrations.len(), "migration");
    if cached > 0 {
        // Writing to a String can't fail.
        let _ = write!(migrations, ", {} of them", report.migrations.len() - cached);
    }
    let mut text = format!(
        "{}: {migrations} climbed {server} in {:.1} s: {}, {}",
        match report.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "FAIL",
            Verdict::Inconclusive => "INCONCLUSIVE",
        },
        report.seconds,
        plural(count(Severity::Error), "error"),
        plural(count(Severity::Warning), "warning"),
    );
    if cached > 0 {
        let _ = write!(text, "; {cached} verdicts are from earlier runs");
    }
    if report.history.passed > 0 {
        let run = if report.server.version.is_empty() { "" } else { "only run, " };
        let _ = write!(text, "; {} {run}not asked about", report.history.passed);
    }
    if report.history.applied > 0 {
        let _ = write!(text, "; {} applied in the backup", report.history.applied);
    }
    if report.history.left_out > 0 {
        let _ = write!(text, "; {} left out after the first failure", report.history.left_out);
    }
    text
}

pub(super) fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}
