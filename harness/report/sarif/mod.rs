//! The report as SARIF 2.1.0, for GitHub's code scanning and for editors.
//!
//! Knows what code scanning reads of it. Must not know how it is uploaded.

mod fingerprint;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use crate::checks;
use crate::finding::Verdict;
use crate::finding::{CheckId, Finding, IN_BASELINE, Severity};

use super::region::{Unit, region};
use super::{Report, Root, ToolReport, Unfinished};
use fingerprint::Fingerprints;
use shape::{
    Artifact, Described, Descriptor, Driver, Found, Id, Invocation, Level, Location, Log, Logical,
    Markdown, Notification, Physical, Reference, Region, Rule, RuleProperties, Run, Suppression,
    Text, Tool,
};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
const SRCROOT: &str = "%SRCROOT%";

/// Indented JSON with a newline at its end; paths are relative to `root`.
pub fn sarif(report: &Report, root: &Root) -> Result<String, serde_json::Error> {
    let unjudged = report.migrations.iter().filter_map(|migration| {
        let name = format!("{} {}", migration.revision, migration.name);
        let why = migration.unjudged.as_ref()?;
        let location = location(physical(&migration.file, None, root), &[]);
        Some(notification(1, format!("{name} was not judged: {why}"), vec![location]))
    });
    let invocation = Invocation {
        execution_successful: true,
        exit_code: Some(u8::from(report.verdict != Verdict::Pass)),
        tool_execution_notifications: unjudged.collect(),
    };
    log(&report.tool, &report.history.folder, root, invocation, Some(results(report, root)))
}

/// The same for a run without a verdict: no results, and a notification that says why.
pub fn unfinished(run: &Unfinished, root: &Root) -> Result<String, serde_json::Error> {
    let invocation = Invocation {
        execution_successful: false,
        exit_code: run.error.exit,
        tool_execution_notifications: vec![notification(0, run.error.text(), Vec::new())],
    };
    log(&run.tool, &run.history.folder, root, invocation, None)
}

fn log(
    tool: &ToolReport,
    folder: &Path,
    root: &Root,
    invocation: Invocation,
    results: Option<Vec<Found>>,
) -> Result<String, serde_json::Error> {
    let base = Described { description: text("The root of the repository.") };
    let run = Run {
        tool: Tool { driver: driver(tool) },
        // GitHub keeps the alerts of two histories in one repository apart by this.
        automation_details: Id { id: format!("stairway/{}/", root.shown(folder)) },
        invocations: [invocation],
        original_uri_base_ids: BTreeMap::from([(SRCROOT, base)]),
        column_kind: "utf16CodeUnits",
        results,
    };
    let log = Log { schema: SCHEMA, version: "2.1.0", runs: [run] };
    serde_json::to_string_pretty(&log).map(|text| text + "\n")
}

fn driver(tool: &ToolReport) -> Driver {
    let descriptor =
        |id, description: &str| Descriptor { id, short_description: text(description) };
    Driver {
        name: tool.name,
        semantic_version: tool.version,
        rules: CheckId::ALL.iter().map(|check| rule(*check)).collect(),
        notifications: [
            descriptor("unfinished", "the run ended before it had a verdict"),
            descriptor("not-judged", "a migration could not be judged"),
        ],
    }
}

fn rule(check: CheckId) -> Rule {
    let page = checks::explain(check);
    let first = page.split("\n\n").nth(1).unwrap_or_default().trim().replace('\n', " ");
    Rule {
        id: check.as_str(),
        // The standard wants a name that differs from the id; by custom it is in PascalCase.
        name: check.as_str().split('-').map(capitalized).collect(),
        short_description: text(check.summary()),
        full_description: text(first),
        help: Markdown { text: page, markdown: page },
        default_configuration: Level { level: check.severity().as_str() },
        properties: RuleProperties {
            tags: ["migration", "postgresql"],
            severity: match check.severity() {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "recommendation",
            },
            precision: "very-high",
        },
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn results(report: &Report, root: &Root) -> Vec<Found> {
    let mut fingerprints = Fingerprints::default();
    let own = report.findings.iter().map(|found| (None, found));
    let of_migrations = report.migrations.iter().flat_map(|migration| {
        migration.findings.iter().map(|found| (Some(migration.revision.as_str()), found))
    });
    own.chain(of_migrations)
        .map(|(revision, found)| {
            let fingerprint = fingerprints.next(&found.finding, revision, report);
            result(&found.finding, fingerprint, report, root)
        })
        .collect()
}

fn result(finding: &Finding, fingerprint: String, report: &Report, root: &Root) -> Found {
    // A result must be somewhere: one that is about no file is about the folder.
    let file = finding.file.as_deref().unwrap_or(&report.history.folder);
    let region = region(finding, report, Unit::Utf16).map(|region| Region {
        start_line: region.line,
        end_line: region.end_line,
        start_column: region.columns.map(|(start, _)| start),
        end_column: region.columns.map(|(_, end)| end),
    });
    let suppression = finding.allowed.iter();
    Found {
        rule_id: finding.check.as_str(),
        rule_index: CheckId::ALL.iter().position(|check| *check == finding.check),
        level: finding.severity.as_str(),
        message: text(message(finding)),
        locations: [location(physical(file, region, root), &finding.objects)],
        partial_fingerprints: BTreeMap::from([(fingerprint::NAME, fingerprint)]),
        suppressions: suppression
            .map(|reason| Suppression {
                kind: if reason == IN_BASELINE { "external" } else { "inSource" },
                justification: reason.clone(),
            })
            .collect(),
    }
}

/// The message, which lists show, and what measured it below.
fn message(finding: &Finding) -> String {
    let mut parts = vec![finding.message.clone()];
    parts.extend(finding.detail.as_ref().map(|detail| detail.trim_end().to_owned()));
    parts.extend(finding.rows.iter().map(|row| row.insert.clone()));
    parts.extend(finding.help.as_ref().map(|help| format!("help: {help}")));
    parts.join("\n\n")
}

fn location(physical_location: Physical, objects: &[String]) -> Location {
    let logical =
        objects.iter().map(|object| Logical { fully_qualified_name: object.clone() }).collect();
    Location { physical_location, logical_locations: logical }
}

fn physical(file: &Path, region: Option<Region>, root: &Root) -> Physical {
    let (uri, inside) = root.uri(file);
    let artifact_location = Artifact { uri, uri_base_id: inside.then_some(SRCROOT) };
    Physical { artifact_location, region }
}

fn notification(index: usize, message: String, locations: Vec<Location>) -> Notification {
    let id = if index == 0 { "unfinished" } else { "not-judged" };
    let descriptor = Reference { id, index };
    Notification { descriptor, level: "error", message: text(message), locations }
}

fn text(text: impl Into<String>) -> Text {
    Text { text: text.into() }
}
