//! A verification as one page.
//!
//! Knows the report and nothing else. Each number that JSON has stands beside its words, in the same unit.

mod parts;
#[cfg(test)]
mod tests;

use maud::{Markup, html};

use crate::finding::{Finding, Severity, Verdict};

use super::page::{self, Shown, named_count, named_seconds, plural};
use super::terminal::summary;
use super::{MigrationReport, Report, Unfinished};

/// The page of a verification.
pub fn html(report: &Report) -> String {
    let word = report.verdict.as_str();
    let title = format!(
        "stairway verify: {word}, {} in {}",
        plural(report.migrations.len(), "migration"),
        report.history.folder.display()
    );
    let content = html! {
        header { (opening(report)) }
        main {
            (findings(report))
            (page::unchecked(&unchecked(report), "Nothing: all that was asked about was checked."))
            (parts::coverage(&report.coverage))
            (parts::migrations(report))
            (parts::printed(report))
            (parts::times(report))
        }
    };
    page::document(&title, "", &content)
}

/// The page of a verification that an error ended.
pub fn unfinished(run: &Unfinished) -> String {
    page::unfinished(("verify", "verification"), &run.error, run.seconds, "")
}

/// The verdict, why, what to do, and the numbers that it hangs on.
fn opening(report: &Report) -> Markup {
    let tone = report.verdict.into();
    let count = |severity: Severity| {
        let is_open = |it: &&Finding| it.severity == severity && it.allowed.is_none();
        report.all_findings().filter(is_open).count()
    };
    let accepted = report.all_findings().filter(|it| it.allowed.is_some()).count();
    let unjudged = report.migrations.iter().filter(|it| it.unjudged.is_some()).count();
    html! {
        (page::opening("verify", tone, report.verdict.as_str(), &html! { (because(report)) }))
        (page::next(&next(report)))
        p.about { (summary(report)) }
        p.about.coverage { (report.coverage.line()) }
        (page::facts(&[
            ("migrations climbed", named_count("climbed", report.migrations.len())),
            ("not judged", named_count("unjudged", unjudged)),
            ("errors", named_count("errors", count(Severity::Error))),
            ("warnings", named_count("warnings", count(Severity::Warning))),
            ("accepted findings", named_count("accepted", accepted)),
            ("a finding counts from", html! { (report.fail_on.as_str()) }),
            ("took", named_seconds("seconds", report.seconds)),
        ]))
        (page::pairs(&[("folder", html! { (report.history.folder.display()) " (" (report.history.layout) ")" })]))
    }
}

/// Those that the verdict hangs on, the worst first.
fn counting(report: &Report) -> Vec<&Finding> {
    let mut counting = report.worst_first();
    counting.retain(|it| it.counts(report.fail_on));
    counting
}

/// Why it is what it is.
fn because(report: &Report) -> String {
    match report.verdict {
        Verdict::Fail => match counting(report).as_slice() {
            [] => "a migration did not pass".to_owned(),
            [one] => one.message.clone(),
            [first, second] => {
                format!("{}; and 1 more finding counts: {}", first.message, second.check)
            }
            [first, rest @ ..] => {
                format!("{}; and {} more findings count", first.message, rest.len())
            }
        },
        Verdict::Inconclusive => {
            let is_unjudged = |it: &&MigrationReport| it.verdict == Verdict::Inconclusive;
            let mut unjudged = report.migrations.iter().filter(is_unjudged);
            let first = unjudged.next();
            let why = first.map(|it| {
                format!(
                    "{} can't be judged: {}",
                    it.revision,
                    it.unjudged.as_deref().unwrap_or("?")
                )
            });
            let why = why.unwrap_or_else(|| "a migration can't be judged".to_owned());
            match unjudged.count() {
                0 => why,
                count => format!("{why}; and {count} more"),
            }
        }
        Verdict::Pass if report.migrations.is_empty() => {
            "no migration was climbed, and no finding counts".to_owned()
        }
        Verdict::Pass if report.coverage.has_rows => {
            "each migration goes up, down and up again, also with rows".to_owned()
        }
        Verdict::Pass => {
            "each migration goes up, down and up again on empty tables; nothing is said of data"
                .to_owned()
        }
    }
}

/// What to do about it.
fn next(report: &Report) -> Vec<String> {
    let mut next = Vec::new();
    if let Some(first) = counting(report).first() {
        next.extend(first.help.clone());
        next.push(format!(
            "`stairway verify --explain {}` tells what is wrong and what is safer; what is meant to be so is \
             accepted by a claim beside the SQL, with a reason",
            first.check
        ));
    } else if report.verdict == Verdict::Inconclusive {
        next.push(
            "what could not be judged did not pass: mend what it waits for and verify it again"
                .to_owned(),
        );
    }
    next
}

/// All of them, the worst first.
fn findings(report: &Report) -> Markup {
    let source =
        |finding: &Finding| Some(report.sources.get(&finding.span.as_ref()?.file)?.as_ref());
    let content = html! {
        @if report.all_findings().next().is_none() { p { "None." } }
        @for finding in report.worst_first() { (page::card(finding, source(finding), Shown::Region)) }
    };
    page::section("findings", "Findings", &content)
}

/// What nothing is said about, and why.
fn unchecked(report: &Report) -> Vec<(String, String)> {
    let history = &report.history;
    let mut parts = Vec::new();
    for migration in &report.migrations {
        if let Some(why) = &migration.unjudged {
            parts.push((format!("migration {}", migration.revision), why.clone()));
        }
    }
    if history.left_out > 0 {
        let what = plural(history.left_out, "migration");
        parts.push((what, "left out after the first one that failed (--fail-fast)".to_owned()));
    }
    if history.passed > 0 {
        let why = if report.server.version.is_empty() {
            "nobody asked about them"
        } else {
            "only run, since nobody asked about them"
        };
        parts.push((plural(history.passed, "migration"), why.to_owned()));
    }
    if history.applied > 0 {
        let why = "applied in the backup already";
        parts.push((plural(history.applied, "migration"), why.to_owned()));
    }
    let coverage = &report.coverage;
    if !coverage.has_rows {
        parts.push(("data".to_owned(), "no migration was tried on rows".to_owned()));
    } else if !coverage.at_head {
        let why = "the run does not end at head, so nobody counted which tables had rows";
        parts.push(("tables at head".to_owned(), why.to_owned()));
    }
    if coverage.tables_secured > 0 {
        let what = format!("row security of {}", plural(coverage.tables_secured, "table"));
        let why = "rows are put in by the owner, whom policies do not concern";
        parts.push((what, why.to_owned()));
    }
    if !coverage.unfilled.is_empty() {
        let what = match coverage.unfilled.len() {
            1 => "1 table or column".to_owned(),
            count => format!("{count} tables and columns"),
        };
        parts.push((what, "rows did not reach them; each is named below".to_owned()));
    }
    parts
}
