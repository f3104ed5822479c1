//! The report as JUnit's XML: one test case for each migration, one failure for each finding that
//! counts.
//!
//! Knows what test viewers read. Must not know any other form but the text in its failures.

use std::borrow::Cow;
use std::io::{Error, Result};

use quick_xml::events::{BytesDecl, BytesText, Event};
use quick_xml::writer::{ElementWriter, Writer};

use super::terminal::{finding, summary};
use super::{FindingReport, MigrationReport, Report, Root, Style, Unfinished};

type Xml = Writer<Vec<u8>>;

/// One suite with a case for the history and one for each migration; paths are relative to `root`.
///
/// # Errors
///
/// None that is known: the text is written into memory.
pub fn junit(report: &Report, root: &Root) -> Result<String> {
    let folder = root.shown(&report.history.folder);
    let classname = format!("{folder} ({})", report.history.layout);
    let history = Case {
        name: "history".to_owned(),
        file: None,
        seconds: 0.0,
        findings: &report.findings,
        unjudged: None,
    };
    let cases: Vec<Case<'_>> = std::iter::once(history)
        .chain(report.migrations.iter().map(|at| migration(at, root)))
        .collect();
    let failed = cases.iter().filter(|case| case.failed(report)).count();
    let errors = cases.iter().filter(|case| case.error(report).is_some()).count();
    let totals = Totals { tests: cases.len(), failed, errors, seconds: report.seconds };
    document(&folder, &totals, |xml| {
        properties(xml, report)?;
        for case in &cases {
            write_case(xml, case, &classname, report)?;
        }
        leaf(xml, "system-out", &[], &summary(report))
    })
}

/// One case with an error, which says why there is no verdict.
///
/// # Errors
///
/// None that is known: the text is written into memory.
pub fn unfinished(run: &Unfinished, root: &Root) -> Result<String> {
    let folder = root.shown(&run.history.folder);
    let totals = Totals { tests: 1, failed: 0, errors: 1, seconds: run.seconds };
    document(&folder, &totals, |xml| {
        let time = format!("{:.6}", run.seconds);
        let attributes = [("name", "run"), ("classname", &folder), ("time", &time)];
        element(xml, "testcase", &attributes, |xml| {
            let attributes = [("type", "unfinished"), ("message", &run.error.message)];
            leaf(xml, "error", &attributes, &run.error.text())
        })
    })
}

struct Totals {
    tests: usize,
    failed: usize,
    errors: usize,
    seconds: f64,
}

struct Case<'r> {
    name: String,
    file: Option<String>,
    seconds: f64,
    findings: &'r [FindingReport],
    unjudged: Option<&'r str>,
}

impl<'r> Case<'r> {
    /// A finding that counts outweighs it: a case is counted once.
    fn error(&self, report: &Report) -> Option<&'r str> {
        self.unjudged.filter(|_| !self.failed(report))
    }

    fn failed(&self, report: &Report) -> bool {
        self.findings.iter().any(|found| found.finding.counts(report.fail_on))
    }
}

fn migration<'r>(migration: &'r MigrationReport, root: &Root) -> Case<'r> {
    Case {
        name: format!("{} {}", migration.revision, migration.name),
        file: Some(root.shown(&migration.file)),
        seconds: migration.seconds.total,
        findings: &migration.findings,
        unjudged: migration.unjudged.as_deref(),
    }
}

fn properties(xml: &mut Xml, report: &Report) -> Result<()> {
    element(xml, "properties", &[], |xml| {
        for (name, value) in [
            ("stairway.version", report.tool.version),
            ("postgresql.version", report.server.version.as_str()),
            ("postgresql.backend", report.server.backend),
            ("fail-on", report.fail_on.as_str()),
        ] {
            leaf(xml, "property", &[("name", name), ("value", value)], "")?;
        }
        Ok(())
    })
}

fn write_case(xml: &mut Xml, case: &Case<'_>, classname: &str, report: &Report) -> Result<()> {
    let time = format!("{:.6}", case.seconds);
    let mut attributes = vec![("name", case.name.as_str()), ("classname", classname)];
    attributes.push(("time", &time));
    attributes.extend(case.file.as_deref().map(|file| ("file", file)));
    let plain = |found: &FindingReport| finding(&found.finding, report, Style::Plain);
    let (mut count, rest): (Vec<_>, Vec<_>) =
        case.findings.iter().partition(|found| found.finding.counts(report.fail_on));
    // Some viewers show the first failure only.
    count.sort_by_key(|found| std::cmp::Reverse(found.severity));
    if case.findings.is_empty() && case.unjudged.is_none() {
        return leaf(xml, "testcase", &attributes, "");
    }
    element(xml, "testcase", &attributes, |xml| {
        if let Some(why) = case.error(report) {
            leaf(xml, "error", &[("type", "not-judged"), ("message", why)], why)?;
        }
        for found in count {
            let attributes = [("type", found.check.as_str()), ("message", &found.message)];
            leaf(xml, "failure", &attributes, &plain(found))?;
        }
        let unjudged = case.unjudged.filter(|_| case.failed(report));
        let mut said = unjudged.map(|why| format!("not judged: {why}\n")).unwrap_or_default();
        said.extend(rest.into_iter().map(plain));
        if said.is_empty() { Ok(()) } else { leaf(xml, "system-out", &[], &said) }
    })
}

fn document(
    folder: &str,
    totals: &Totals,
    inside: impl FnOnce(&mut Xml) -> Result<()>,
) -> Result<String> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let numbers = [
        ("tests", totals.tests.to_string()),
        ("failures", totals.failed.to_string()),
        ("errors", totals.errors.to_string()),
        ("time", format!("{:.6}", totals.seconds)),
    ];
    let with_name = |name| {
        let numbers = numbers.iter().map(|(name, value)| (*name, value.as_str()));
        std::iter::once(("name", name)).chain(numbers).collect::<Vec<_>>()
    };
    let suite = format!("stairway verify {folder}");
    element(&mut xml, "testsuites", &with_name("stairway"), |xml| {
        element(xml, "testsuite", &with_name(&suite), inside)
    })?;
    String::from_utf8(xml.into_inner()).map(|text| text + "\n").map_err(Error::other)
}

fn element(
    xml: &mut Xml,
    name: &str,
    attributes: &[(&str, &str)],
    inside: impl FnOnce(&mut Xml) -> Result<()>,
) -> Result<()> {
    start(xml, name, attributes).write_inner_content(inside).map(|_| ())
}

fn leaf(xml: &mut Xml, name: &str, attributes: &[(&str, &str)], text: &str) -> Result<()> {
    let element = start(xml, name, attributes);
    if text.is_empty() {
        element.write_empty().map(|_| ())
    } else {
        element.write_text_content(BytesText::new(&legal(text))).map(|_| ())
    }
}

fn start<'x>(
    xml: &'x mut Xml,
    name: &str,
    attributes: &[(&str, &str)],
) -> ElementWriter<'x, Vec<u8>> {
    let mut element = xml.create_element(name.to_owned());
    for (name, value) in attributes {
        element = element.with_attribute((*name, legal(value).as_ref()));
    }
    element
}

/// XML 1.0 has no way to write some characters, not even escaped: they are shown as `\u{1b}`.
fn legal(text: &str) -> Cow<'_, str> {
    let is_legal = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if text.chars().all(is_legal) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_legal(c) { shown.push(c) } else { shown.extend(c.escape_unicode()) }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::{junit, legal, unfinished};
    use crate::report::Root;

    #[test]
    fn names_and_messages_survive_the_xml() {
        let report = samples::nasty();
        let text = junit(&report, &Root::at("/repo", "/repo/sub")).unwrap();
        let document = roxmltree::Document::parse(&text).unwrap();
        let suite = document.root_element().first_element_child().unwrap();
        let count = |name| suite.attribute(name).unwrap().parse::<usize>().unwrap();
        let cases: Vec<_> = suite.children().filter(|node| node.has_tag_name("testcase")).collect();
        assert_eq!(count("tests"), cases.len());
        assert_eq!(cases.len(), report.migrations.len() + 1);
        assert_eq!(cases[0].attribute("name"), Some("history"));
        for (case, migration) in cases[1..].iter().zip(&report.migrations) {
            let name = format!("{} {}", migration.revision, migration.name);
            assert_eq!(case.attribute("name").unwrap(), legal(&name));
            let failures: Vec<_> =
                case.children().filter(|node| node.has_tag_name("failure")).collect();
            let counted: Vec<_> = migration
                .findings
                .iter()
                .filter(|found| found.finding.counts(report.fail_on))
                .collect();
            assert_eq!(failures.len(), counted.len());
            for (failure, found) in failures.iter().zip(counted) {
                assert_eq!(failure.attribute("type"), Some(found.check.as_str()));
                let message = legal(&found.message).replace(['\n', '\t', '\r'], " ");
                assert_eq!(failure.attribute("message").unwrap(), message);
                assert!(failure.text().unwrap().contains(found.check.as_str()));
            }
        }
        let failed = cases.iter().filter(|case| has(case, "failure")).count();
        let errors = cases.iter().filter(|case| has(case, "error")).count();
        assert_eq!((count("failures"), count("errors")), (failed, errors));
        assert_eq!((failed, errors), (2, 1));
        assert!(text.contains("not judged: the second upgrade failed"));
    }

    fn has(case: &roxmltree::Node<'_, '_>, name: &str) -> bool {
        case.children().any(|node| node.has_tag_name(name))
    }

    #[test]
    fn accepted_findings_are_said_and_fail_nothing() {
        let text = junit(&samples::nasty(), &Root::at("/repo", "/repo")).unwrap();
        let document = roxmltree::Document::parse(&text).unwrap();
        let out = document.descendants().find(|node| {
            node.has_tag_name("system-out")
                && node.text().is_some_and(|text| text.contains("nobody reads by position"))
        });
        let case = out.unwrap().parent().unwrap();
        assert!(!case.children().any(|node| {
            node.has_tag_name("failure") && node.attribute("type") == Some("column-order")
        }));
    }

    #[test]
    fn what_xml_can_not_say_is_shown() {
        assert_eq!(legal("a\u{0}b\u{1b}[1m\u{fffe}\tc"), "a\\u{0}b\\u{1b}[1m\\u{fffe}\tc");
        assert_eq!(legal("été 😀"), "été 😀");
    }

    #[test]
    fn a_run_without_a_verdict_is_one_error() {
        let text = unfinished(&samples::unfinished(), &Root::at("/repo", "/repo")).unwrap();
        let document = roxmltree::Document::parse(&text).unwrap();
        let error = document.descendants().find(|node| node.has_tag_name("error")).unwrap();
        assert_eq!(error.attribute("message"), Some("no 100% server"));
        assert_eq!(error.text(), Some("no 100% server\ncaused by: <&>\n::end"));
        assert_eq!(document.root_element().attribute("errors"), Some("1"));
    }
}
