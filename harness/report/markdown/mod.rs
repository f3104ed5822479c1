//! The report as a comment on a pull request.
//!
//! Knows how much a comment holds and what a reviewer reads first. Must not know who posts it.

mod escape;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use crate::finding::Verdict;
use crate::finding::{Finding, Severity};

use super::region::{excerpt, region};
use super::terminal::{plural, summary};
use super::{MigrationReport, Report, Root, Unfinished, region::Unit};
pub(super) use escape::inline;
use escape::{code, fence};

/// GitHub refuses a comment of more than 65,536 characters; bytes are never fewer.
const LIMIT: usize = 65_000;
/// What the table of migrations may take of it.
const TABLE: usize = 16_000;
const EXCERPT_LINES: usize = 20;
const DETAIL_LINES: usize = 60;
/// One very long line must not take everything.
const LINE: usize = 400;

/// The verdict, the findings and a table; paths are relative to `root`. What does not fit into a
/// comment is left out, and that is said.
pub fn markdown(report: &Report, root: &Root) -> String {
    let (summary, rows) = (inline(&summary(report)), inline(&report.coverage.line()));
    let mut text = format!("**{VERDICT}** {summary}\n\n{rows}\n\n");
    let table = table(report);
    let mut left_out = 0;
    for finding in report.worst_first() {
        let section = section(finding, report, root);
        // Those that fit are shown, even after one that does not.
        if text.len() + section.len() + table.len() <= LIMIT {
            text.push_str(&section);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        let _ = write!(
            text,
            "{} left out, since a comment holds 65,536 characters: the log of `stairway verify` and \
             its other reports (`--report json=FILE`) have all of them.\n\n",
            plural_was(left_out)
        );
    }
    text.push_str(&table);
    text
}

/// One line which says why there is no verdict.
pub fn unfinished(run: &Unfinished) -> String {
    let cut = lines(&run.error.text(), DETAIL_LINES).join(" ");
    format!("**{VERDICT}** not finished, so nothing is said: {}\n", inline(&cut))
}

const VERDICT: &str = "stairway:";

fn plural_was(count: usize) -> String {
    format!("{} {}", plural(count, "finding"), if count == 1 { "was" } else { "were" })
}

fn section(finding: &Finding, report: &Report, root: &Root) -> String {
    let level = match finding.severity {
        _ if finding.allowed.is_some() => "accepted",
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let mut text = format!("#### {level}: `{}`", finding.check);
    if let (Some(file), Some(region)) = (&finding.file, region(finding, report, Unit::Characters)) {
        let _ = write!(text, " in {}", code(&format!("{}:{}", root.shown(file), region.line)));
    }
    let _ = write!(text, "\n\n{}\n\n", inline(&clip(&finding.message, LINE * 4)));
    if let Some(why) = finding.acceptance().and_then(|why| Some(format!("A{}", why.get(1..)?))) {
        let _ = write!(text, "{}\n\n", inline(&clip(&why, LINE * 4)));
        return text;
    }
    if let Some(sql) = excerpt(finding, report) {
        text.push_str(&fence("sql", &lines(sql, EXCERPT_LINES)));
    }
    if let Some(help) = &finding.help {
        let _ = write!(text, "Help: {}\n\n", inline(&clip(help, LINE * 4)));
    }
    let mut detail = finding.detail.clone().unwrap_or_default();
    for row in &finding.rows {
        let _ = write!(detail, "\n{}", row.insert);
    }
    if !detail.trim().is_empty() {
        let body = fence("text", &lines(detail.trim(), DETAIL_LINES));
        let _ = write!(text, "<details><summary>Detail</summary>\n\n{body}</details>\n\n");
    }
    text
}

/// At most so many lines of a bounded length, and a line that says what is missing.
fn lines(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().take(most).map(|line| clip(line, LINE)).collect();
    let more = text.lines().count().saturating_sub(most);
    if more > 0 {
        lines.push(format!("... {} more", plural(more, "line")));
    }
    lines
}

fn clip(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}...", text.get(..at).unwrap_or_default()),
    }
}

fn table(report: &Report) -> String {
    if report.migrations.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "<details><summary>{}</summary>\n\n| revision | name | up | down | up again | verdict |\n\
         |---|---|--:|--:|--:|---|\n",
        plural(report.migrations.len(), "migration")
    );
    // Should there be too many, those that passed are left out first.
    let mut rows: Vec<(usize, &MigrationReport)> = report.migrations.iter().enumerate().collect();
    rows.sort_by_key(|(_, migration)| migration.verdict == Verdict::Pass);
    let mut shown = Vec::new();
    let mut length = 0;
    for (at, migration) in rows {
        let row = row(migration);
        length += row.len();
        if length > TABLE {
            break;
        }
        shown.push((at, row));
    }
    shown.sort_unstable();
    let left_out = report.migrations.len() - shown.len();
    text.extend(shown.into_iter().map(|(_, row)| row));
    if left_out > 0 {
        let _ = write!(text, "\n{} not in this table.\n", plural(left_out, "migration"));
    }
    text.push_str("\n</details>\n");
    text
}

fn row(migration: &MigrationReport) -> String {
    let milliseconds = |seconds: Option<f64>| {
        seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{:.1} ms", seconds * 1000.0))
    };
    let seconds = &migration.seconds;
    let verdict = super::terminal::verdict(migration);
    let unjudged = migration.unjudged.iter().map(|why| format!(": {}", inline(&clip(why, LINE))));
    format!(
        "| {} | {} | {} | {} | {} | {}{} |\n",
        inline(&clip(&migration.revision, LINE)),
        inline(&clip(&migration.name, LINE)),
        milliseconds(seconds.upgrade),
        milliseconds(seconds.downgrade),
        milliseconds(seconds.reupgrade),
        inline(&verdict),
        unjudged.collect::<String>()
    )
}
