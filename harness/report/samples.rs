//! Hand-made reports for the tests of all forms: strings that break escaping.
//!
//! Knows the model. Must not know any form.

use std::path::PathBuf;

use crate::exit::Exit;
use crate::finding::Verdict;
use crate::finding::{CheckId, Finding, Row, Severity, Span};

use super::{
    Coverage, ErrorReport, FindingReport, HistoryReport, MigrationReport, Report, SecondsReport,
    ServerReport, ToolReport, Unfinished,
};

pub(super) const SQL: &str = "-- café\nCREATE VIEW \"a,b:c%\" AS SELECT '😀' AS x;\n\
                              COMMENT ON VIEW v IS '\n```\n@team <script>';\n";
const FILE: &str = "migrations/2_a,b: 100%/up.sql";

/// Nothing in it.
pub(super) fn empty() -> Report {
    Report {
        schema: 1,
        tool: ToolReport { name: "stairway", version: "0.0.0" },
        verdict: Verdict::Fail,
        server: ServerReport { version: "15.18".to_owned(), backend: "local" },
        history: HistoryReport {
            layout: "plain",
            folder: "migrations".into(),
            applied: 0,
            passed: 0,
            left_out: 0,
        },
        migrations: Vec::new(),
        findings: Vec::new(),
        coverage: Coverage::default(),
        lanes: 1,
        parts: crate::runs::Parts::default(),
        seconds: 1.25,
        fail_on: Severity::Error,
        sources: std::iter::once((PathBuf::from(FILE), SQL.into())).collect(),
    }
}

/// A finding as a report has it.
pub(super) fn reported(finding: Finding) -> FindingReport {
    FindingReport {
        check: finding.check,
        severity: finding.severity,
        message: finding.message.clone(),
        file: finding.file.clone(),
        line: finding.span.as_ref().map(|span| span.line),
        detail: finding.detail.clone(),
        help: finding.help.clone(),
        objects: finding.objects.clone(),
        repro: finding.repro.clone(),
        allowed: finding.allowed.clone(),
        rows: finding.rows.clone(),
        finding,
    }
}

/// A migration as a report has it.
pub(super) fn migration(revision: &str, name: &str, findings: Vec<Finding>) -> MigrationReport {
    MigrationReport {
        revision: revision.to_owned(),
        name: name.to_owned(),
        file: FILE.into(),
        files: Vec::new(),
        digest: None,
        verdict: if findings.is_empty() { Verdict::Pass } else { Verdict::Fail },
        unjudged: None,
        printed: Vec::new(),
        cached: false,
        seconds: SecondsReport {
            upgrade: Some(0.001),
            downgrade: None,
            reupgrade: None,
            total: 0.5,
        },
        findings: findings.into_iter().map(reported).collect(),
    }
}

/// A finding at the first `needle` of [`SQL`].
pub(super) fn at(needle: &str, check: CheckId, message: &str) -> Finding {
    let start = SQL.find(needle).unwrap();
    let end = start + needle.len();
    Finding::new(check, message).at(Span::new(FILE, SQL, start..end))
}

/// One of everything, with strings that mean something in some form: a failing history, two
/// findings of one migration, an accepted one, one below the threshold, and one not judged.
pub(super) fn nasty() -> Report {
    let mut report = empty();
    let heads = "two heads, 100%: a::b\r\n::error::x ]]> </failure> & \u{1b}[31m\u{0}";
    report.findings.push(reported(Finding::new(CheckId::MultipleHeads, heads)));
    let mut warning = at("😀", CheckId::ColumnOrder, "| a | `b` | [x](y) @team #1 <img src=x>");
    warning.allowed = Some("nobody reads by position | @lead".to_owned());
    let mut drift = at(
        "COMMENT ON VIEW v IS '\n```\n@team <script>';",
        CheckId::SchemaDrift,
        "index \"x,y:z\" differs",
    )
    .detail("- a | b\n+ `````\n@everyone </details> <b>")
    .help("see <https://example.org/?a=b&c=d>")
    .about(["public.\"a b\"".to_owned()]);
    drift.rows =
        vec![Row { table: "t".to_owned(), insert: "INSERT INTO t VALUES ('@x')".to_owned() }];
    let failed = Finding::new(CheckId::DowngradeFailed, "no downgrade").in_file(FILE);
    let mut both = migration("2", "a,b: 100% \"q\" <&> |\u{7}", vec![warning, drift, failed]);
    both.unjudged = Some("the second upgrade failed".to_owned());
    report.migrations.push(both);
    let below = at("CREATE VIEW", CheckId::StaleClaim, "nothing came of it");
    let mut passed = migration("3", "été", vec![below]);
    passed.verdict = Verdict::Pass;
    report.migrations.push(passed);
    let mut unjudged = migration("4", "later", Vec::new());
    unjudged.verdict = Verdict::Inconclusive;
    unjudged.unjudged = Some("for want of \"2\" <x>, maybe: 100%".to_owned());
    report.migrations.push(unjudged);
    report
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failed(&'static str, #[source] Option<Box<Failed>>);

/// A run that ended with an error and its cause.
pub(super) fn unfinished() -> Unfinished {
    let cause = Failed("<&>\n::end", None);
    let error = ErrorReport::new(&Failed("no 100% server", Some(Box::new(cause))), Exit::NoServer);
    Unfinished::new("migrations".into(), Severity::Error, 0.5, error)
}
