//! The report as workflow commands: GitHub Actions shows them as annotations beside the SQL.
//!
//! Knows how a command is escaped and what GitHub leaves out. Must not know any other form.

use std::fmt::Write as _;

use crate::finding::{Finding, Severity};

use super::region::{Unit, region};
use super::terminal::{plural, summary};
use super::{Report, Root, Unfinished};

/// How many annotations of one level GitHub shows of one step.
const SHOWN: usize = 10;
/// Longer details belong into the other forms: an annotation is a few lines.
const DETAIL_LINES: usize = 25;

/// One command for each finding, then one line which says how many there are; paths are relative to
/// `root`.
pub fn github(report: &Report, root: &Root) -> String {
    let mut text = String::new();
    let mut counts = [0_usize; 3];
    let mut say = |level: &'static str, properties: &[(&str, String)], message: &str| {
        if let Some(count) = LEVELS.iter().position(|known| *known == level) {
            counts.get_mut(count).into_iter().for_each(|count| *count += 1);
        }
        text.push_str(&command(level, properties, message));
    };
    for finding in report.all_findings() {
        say(level(finding), &properties(finding, report, root), &message(finding));
    }
    // After the findings, which they mostly follow from: the first ones are those that are shown.
    for migration in &report.migrations {
        if let Some(why) = &migration.unjudged {
            let file = ("file", root.shown(&migration.file));
            say("error", &[file, ("title", "not judged".to_owned())], why);
        }
    }
    text.push_str(&last(report, counts));
    text
}

/// One command which says why there is no verdict.
pub fn unfinished(run: &Unfinished) -> String {
    command("error", &[("title", "stairway".to_owned())], &run.error.text())
}

const LEVELS: [&str; 3] = ["error", "warning", "notice"];

fn level(finding: &Finding) -> &'static str {
    match finding.severity {
        _ if finding.allowed.is_some() => "notice",
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    }
}

fn properties(finding: &Finding, report: &Report, root: &Root) -> Vec<(&'static str, String)> {
    let mut properties = Vec::new();
    if let Some(file) = &finding.file {
        properties.push(("file", root.shown(file)));
    }
    if let Some(region) = region(finding, report, Unit::Characters) {
        properties.push(("line", region.line.to_string()));
        properties.push(("endLine", region.end_line.to_string()));
        // The runner drops a command that has columns and more than one line.
        if let Some((start, end)) = region.columns.filter(|_| region.line == region.end_line) {
            properties.push(("col", start.to_string()));
            properties.push(("endColumn", end.to_string()));
        }
    }
    properties.push(("title", finding.check.to_string()));
    properties
}

fn message(finding: &Finding) -> String {
    let mut message = finding.message.clone();
    // Writing to a String can't fail.
    if let Some(why) = finding.acceptance() {
        let _ = write!(message, "\n{why}");
        return message;
    }
    if let Some(detail) = &finding.detail {
        for line in detail.trim_end().lines().take(DETAIL_LINES) {
            let _ = write!(message, "\n{line}");
        }
        let more = detail.trim_end().lines().count().saturating_sub(DETAIL_LINES);
        if more > 0 {
            let _ = write!(message, "\n({more} more lines)");
        }
    }
    for row in &finding.rows {
        let _ = write!(message, "\n{}", row.insert);
    }
    if let Some(help) = &finding.help {
        let _ = write!(message, "\nhelp: {help}");
    }
    message
}

/// A notice where GitHub leaves annotations out, else a line of the log.
fn last(report: &Report, [errors, warnings, notices]: [usize; 3]) -> String {
    let summary = summary(report);
    if errors.max(warnings).max(notices) <= SHOWN {
        return format!("{summary}\n");
    }
    let message = format!(
        "{summary}. GitHub shows the first {SHOWN} errors, warnings and notices of a step; here are \
         {}, {} and {}: the log of the step has them all",
        plural(errors, "error"),
        plural(warnings, "warning"),
        plural(notices, "notice")
    );
    command("notice", &[("title", "stairway".to_owned())], &message)
}

fn command(level: &str, properties: &[(&str, String)], message: &str) -> String {
    let properties: Vec<String> =
        properties.iter().map(|(name, value)| format!("{name}={}", property(value))).collect();
    format!("::{level} {}::{}\n", properties.join(","), data(message))
}

fn data(text: &str) -> String {
    // A log is shown on a terminal: other control characters would be obeyed or lost.
    let is_bad = |c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t');
    text.replace(is_bad, " ").replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::{github, unfinished};
    use crate::finding::{CheckId, Finding, Severity};
    use crate::report::Root;

    #[test]
    fn commands_are_escaped_and_point_at_the_statement() {
        let root = Root::at("/repo", "/repo/sub");
        let text = github(&samples::nasty(), &root);
        insta::assert_snapshot!(text);
        for line in text.lines().filter(|line| line.starts_with("::")) {
            // As the runner reads it: the properties end at the first `::`, and commas part them.
            let (head, _) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
            let (_, properties) = head.split_once(' ').unwrap();
            for property in properties.split(',') {
                let (name, value) = property.split_once('=').unwrap();
                assert!(["file", "line", "endLine", "col", "endColumn", "title"].contains(&name));
                assert!(!value.is_empty() && !value.contains(':'), "{property}");
            }
        }
    }

    #[test]
    fn many_findings_end_with_their_number() {
        let mut report = samples::empty();
        for at in 0..14 {
            let mut finding = Finding::new(CheckId::SchemaDrift, format!("number {at}"));
            finding.severity = if at < 12 { Severity::Error } else { Severity::Warning };
            report.findings.push(samples::reported(finding));
        }
        let text = github(&report, &Root::at("/repo", "/repo"));
        assert_eq!(text.matches("::error ").count(), 12);
        assert_eq!(text.matches("::warning ").count(), 2);
        let last = text.lines().last().unwrap();
        assert!(last.starts_with("::notice title=stairway::"), "{last}");
        assert!(last.contains("12 errors, 2 warnings and 0 notices"), "{last}");
    }

    #[test]
    fn a_run_without_a_verdict_is_one_error() {
        let text = unfinished(&samples::unfinished());
        assert_eq!(text, "::error title=stairway::no 100%25 server%0Acaused by: <&>%0A::end\n");
    }
}
