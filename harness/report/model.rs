//! The report as data: the shape that `--format json` prints, version 1.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::finding::Verdict;
use crate::finding::{CheckId, Finding, Row, Severity};
use crate::migrations::FileDigest;
use crate::runs::{Gap, Judged, Parts, Verification};

/// A verification under one threshold.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The version of this shape: 1.
    pub schema: u32,
    /// What wrote the report.
    pub tool: ToolReport,
    /// What it all comes to.
    pub verdict: Verdict,
    /// On which server.
    pub server: ServerReport,
    /// Which history.
    pub history: HistoryReport,
    /// The migrations that were climbed, base first.
    pub migrations: Vec<MigrationReport>,
    /// Findings that belong to no climbed migration.
    pub findings: Vec<FindingReport>,
    /// What rows reached.
    pub coverage: Coverage,
    /// How many lanes climbed side by side.
    pub lanes: usize,
    /// Wall time of the parts, added up over the lanes.
    pub parts: Parts,
    /// Wall time of the whole run.
    pub seconds: f64,
    /// The severity from which a finding counts.
    pub fail_on: Severity,
    /// The texts that findings point into; not part of the JSON.
    #[serde(skip)]
    pub sources: BTreeMap<PathBuf, Arc<str>>,
}

/// Name and version of the program.
#[derive(Clone, Debug, Serialize)]
pub struct ToolReport {
    /// `stairway`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// The server.
#[derive(Clone, Debug, Serialize)]
pub struct ServerReport {
    /// For example `15.18`; empty where none was needed.
    pub version: String,
    /// `local`, `container`, `existing`, `command`, or `none` where none was needed.
    pub backend: &'static str,
}

/// The history.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryReport {
    /// Whose layout it has.
    pub layout: &'static str,
    /// The folder, as it was given.
    pub folder: PathBuf,
    /// How many migrations a backup had applied already.
    pub applied: usize,
    /// How many were only run, since nobody asked about them.
    pub passed: usize,
    /// How many were left out after `--fail-fast`.
    pub left_out: usize,
}

/// One migration.
#[derive(Clone, Debug, Serialize)]
pub struct MigrationReport {
    /// Its id.
    pub revision: String,
    /// What its file name says.
    pub name: String,
    /// Its upgrade's file.
    pub file: PathBuf,
    /// Its files within the folder, each with its SHA-256.
    pub files: Vec<FileDigest>,
    /// The SHA-256 of its scripts and of all that it comes after: what the verdict is about.
    pub digest: Option<String>,
    /// What it comes to.
    pub verdict: Verdict,
    /// Why it could not be judged, if so.
    pub unjudged: Option<String>,
    /// Whether the verdict is an earlier run's, and so are the times.
    pub cached: bool,
    /// Wall time of its steps.
    pub seconds: SecondsReport,
    /// The lines that its scripts printed, if they are programs; if there was a backup, how many.
    pub printed: Vec<String>,
    /// What was found.
    pub findings: Vec<FindingReport>,
}

/// Wall time in seconds; null for a step that did not run to its end.
#[derive(Clone, Debug, Serialize)]
pub struct SecondsReport {
    /// The first upgrade.
    pub upgrade: Option<f64>,
    /// The downgrade.
    pub downgrade: Option<f64>,
    /// The second upgrade.
    pub reupgrade: Option<f64>,
    /// All of it.
    pub total: f64,
}

/// One finding.
#[derive(Clone, Debug, Serialize)]
pub struct FindingReport {
    /// The id of its check.
    pub check: CheckId,
    /// How bad.
    pub severity: Severity,
    /// One line.
    pub message: String,
    /// The file it points at.
    pub file: Option<PathBuf>,
    /// The line, counted from 1.
    pub line: Option<u32>,
    /// The measured fact.
    pub detail: Option<String>,
    /// What to do instead.
    pub help: Option<String>,
    /// The objects it is about.
    pub objects: Vec<String>,
    /// A script that shows it again.
    pub repro: Option<PathBuf>,
    /// The reason of the claim that accepts it.
    pub allowed: Option<String>,
    /// The rows that bring it out.
    pub rows: Vec<Row>,
    /// The finding itself, for rendering.
    #[serde(skip)]
    pub finding: Finding,
}

/// What rows reached. If the run does not end at head, all but `rows` is 0.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Coverage {
    /// Tables that exist at head, without the version table; a partitioned table is counted by its
    /// partitions.
    pub tables: usize,
    /// Those of them that could be given rows.
    pub tables_seeded: usize,
    /// Rows that migrations were tried on, all together.
    pub rows: usize,
    /// Columns of those tables, without generated ones.
    pub columns: usize,
    /// Those of them that have a value.
    pub columns_filled: usize,
    /// Those that may be NULL.
    pub columns_nullable: usize,
    /// Those of these that have a NULL.
    pub columns_nulled: usize,
    /// Those that have a value and, where it is allowed, a NULL.
    pub columns_covered: usize,
    /// The labels of their enum types, once for each column.
    pub labels: usize,
    /// Those of these that a row has.
    pub labels_reached: usize,
    /// Tables with row security: rows are put in by their owner, whom policies do not concern.
    pub tables_secured: usize,
    /// Tables without rows, and columns without a value or a NULL.
    pub unfilled: Vec<GapReport>,
    /// Whether migrations were tried on rows.
    pub has_rows: bool,
    /// Whether the run ends at head; not part of the JSON.
    #[serde(skip)]
    pub at_head: bool,
}

/// What rows did not reach.
#[derive(Clone, Debug, Serialize)]
pub struct GapReport {
    /// The table, as SQL.
    pub table: String,
    /// The column; null for a table without rows.
    pub column: Option<String>,
    /// Why.
    pub why: String,
}

impl Coverage {
    fn new(verification: &Verification) -> Self {
        let tried = verification.migrations.iter().filter_map(|judged| judged.tried.as_ref());
        let rows = tried.map(|tried| tried.rows).sum();
        let has_rows = verification.has_rows;
        let Some(head) = &verification.head else {
            return Self { rows, has_rows, ..Self::default() };
        };
        let gap = |gap: &Gap| GapReport {
            table: gap.table.clone(),
            column: gap.column.clone(),
            why: gap.why.clone(),
        };
        Self {
            tables: head.tables,
            tables_seeded: head.tables_seeded,
            rows,
            columns: head.columns,
            columns_filled: head.columns_filled,
            columns_nullable: head.columns_nullable,
            columns_nulled: head.columns_nulled,
            columns_covered: head.columns_covered,
            labels: head.labels,
            labels_reached: head.labels_reached,
            tables_secured: head.tables_secured,
            unfilled: head.gaps.iter().map(gap).collect(),
            has_rows,
            at_head: true,
        }
    }

    /// One line for people.
    pub(super) fn line(&self) -> String {
        if !self.has_rows {
            return "rows: none were tried, so nothing is said about data".to_owned();
        }
        let tried = format!("{} tried", counted(self.rows, "row"));
        if !self.at_head {
            return format!(
                "rows: {tried}; the run does not end at head, whose tables are not counted"
            );
        }
        let secured = match self.tables_secured {
            0 => String::new(),
            count => format!(
                "; the row security of {} was passed over, as it is for their owner",
                counted(count, "table")
            ),
        };
        format!(
            "rows: {} of {}, {} of {} with value and NULL, {tried}{secured}",
            number(self.tables_seeded),
            counted(self.tables, "table"),
            number(self.columns_covered),
            counted(self.columns, "column"),
        )
    }
}

fn counted(count: usize, word: &str) -> String {
    format!("{} {word}{}", number(count), if count == 1 { "" } else { "s" })
}

/// With a comma between thousands.
fn number(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl Report {
    /// The report of a verification in which findings count from `fail_on`.
    pub fn new(verification: &Verification, fail_on: Severity) -> Self {
        Self {
            schema: 1,
            tool: ToolReport::own(),
            verdict: verification.verdict(fail_on),
            server: ServerReport {
                version: verification.server_version.clone(),
                backend: verification.backend,
            },
            history: HistoryReport {
                layout: verification.tool,
                folder: verification.folder.clone(),
                applied: verification.applied,
                passed: verification.passed,
                left_out: verification.left_out,
            },
            migrations: verification
                .migrations
                .iter()
                .map(|judged| MigrationReport::new(judged, verification, fail_on))
                .collect(),
            findings: verification.findings.iter().map(FindingReport::new).collect(),
            coverage: Coverage::new(verification),
            lanes: verification.lanes,
            parts: verification.parts,
            seconds: verification.seconds,
            fail_on,
            sources: verification.sources.clone(),
        }
    }

    /// All findings, those of the run first.
    pub fn all_findings(&self) -> impl Iterator<Item = &Finding> {
        let of_migrations = self.migrations.iter().flat_map(|migration| &migration.findings);
        self.findings.iter().chain(of_migrations).map(|report| &report.finding)
    }

    /// What counts first, the worst first, accepted findings last.
    pub(super) fn worst_first(&self) -> Vec<&Finding> {
        let mut findings: Vec<&Finding> = self.all_findings().collect();
        findings.sort_by_key(|finding| {
            (finding.allowed.is_some(), std::cmp::Reverse(finding.severity))
        });
        findings
    }
}

impl ToolReport {
    pub(super) fn own() -> Self {
        Self { name: "stairway", version: env!("CARGO_PKG_VERSION") }
    }
}

impl MigrationReport {
    fn new(judged: &Judged, verification: &Verification, fail_on: Severity) -> Self {
        let mut digests = verification.digests.iter();
        let digest = digests.find(|it| it.revision == judged.revision);
        Self {
            revision: judged.revision.clone(),
            name: judged.name.clone(),
            file: judged.file.clone(),
            files: digest.map(|it| it.files.clone()).unwrap_or_default(),
            digest: digest.map(|it| it.digest.clone()),
            verdict: judged.verdict(fail_on),
            unjudged: judged.unjudged.clone(),
            printed: judged.printed.clone(),
            cached: judged.cached,
            seconds: SecondsReport {
                upgrade: judged.seconds.upgrade,
                downgrade: judged.seconds.downgrade,
                reupgrade: judged.seconds.reupgrade,
                total: judged.seconds.total,
            },
            findings: judged.findings.iter().map(FindingReport::new).collect(),
        }
    }
}

impl FindingReport {
    pub(super) fn new(finding: &Finding) -> Self {
        let line = finding.span.as_ref().map(|span| span.line);
        Self {
            check: finding.check,
            severity: finding.severity,
            message: finding.message.clone(),
            file: finding.file.clone(),
            // A finding about a whole file points at its beginning.
            line: line.or(finding.file.as_ref().map(|_| 1)),
            detail: finding.detail.clone(),
            help: finding.help.clone(),
            objects: finding.objects.clone(),
            repro: finding.repro.clone(),
            allowed: finding.allowed.clone(),
            rows: finding.rows.clone(),
            finding: finding.clone(),
        }
    }
}
