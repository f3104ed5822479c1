//! What a verification found: plain data, which reports are made of.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Severity, Verdict};
use crate::migrations::{History, MigrationDigest};

use super::coverage::{Head, Tried};

/// A whole history, verified.
#[derive(Clone, Debug)]
pub struct Verification {
    /// The server's version, for example `15.18`; empty where none was needed.
    pub server_version: String,
    /// `local`, `container`, `existing`, `command`, or `none` where none was needed.
    pub backend: &'static str,
    /// Whose layout the history has.
    pub tool: &'static str,
    /// The folder of migrations, as it was given.
    pub folder: PathBuf,
    /// How many migrations the backup had applied already; they were not climbed.
    pub applied: usize,
    /// The migrations that were climbed, base first.
    pub migrations: Vec<Judged>,
    /// What each migration of the history is, base first.
    pub digests: Vec<MigrationDigest>,
    /// How many migrations were only run, since nobody asked about them.
    pub passed: usize,
    /// How many pending migrations were left out after `--fail-fast`.
    pub left_out: usize,
    /// Whether migrations were tried on rows.
    pub has_rows: bool,
    /// What could be given to the tables at head; `None` if the run does not end there.
    pub head: Option<Head>,
    /// Findings that belong to no climbed migration.
    pub findings: Vec<Finding>,
    /// The texts of the files that findings point into.
    pub sources: BTreeMap<PathBuf, Arc<str>>,
    /// How many lanes climbed side by side; none if nothing had to be climbed.
    pub lanes: usize,
    /// Wall time of the parts, added up over the lanes.
    pub parts: Parts,
    /// From the first look at the folder to the last finding, in seconds.
    pub seconds: f64,
}

/// Wall time of the parts of a run, in seconds, added up over the lanes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Parts {
    /// Reading the folder, looking for servers, looking into the cache.
    pub plan: f64,
    /// Starting servers and restoring a backup.
    pub start: f64,
    /// Upgrades that were only run.
    pub pass: f64,
    /// Climbing and judging.
    pub climb: f64,
    /// Proving what was followed, and ending servers.
    pub end: f64,
    /// Keeping what was learnt for the next run.
    pub keep: f64,
}

impl Parts {
    /// Each with its name, in the order of the work.
    pub fn named(&self) -> [(&'static str, f64); 6] {
        [
            ("plan", self.plan),
            ("start", self.start),
            ("pass", self.pass),
            ("climb", self.climb),
            ("end", self.end),
            ("keep", self.keep),
        ]
    }

    pub(super) fn add(&mut self, other: Self) {
        self.plan += other.plan;
        self.start += other.start;
        self.pass += other.pass;
        self.climb += other.climb;
        self.end += other.end;
        self.keep += other.keep;
    }
}

/// One migration, judged.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Judged {
    /// Its id.
    pub revision: String,
    /// What its file name says.
    pub name: String,
    /// Its upgrade's file.
    pub file: PathBuf,
    /// How long each step took.
    pub seconds: Seconds,
    /// What was found, accepted findings included.
    pub findings: Vec<Finding>,
    /// Why it could not be judged, if it could not.
    pub unjudged: Option<String>,
    /// What its upgrade changes in the schema, as text, if that was asked for and it ran.
    #[serde(default)]
    pub changes: Option<String>,
    /// A digest of the files of the models that were compared with the schema after it, at head.
    #[serde(default)]
    pub models: Option<String>,
    /// The lines that its scripts printed, if they are programs.
    #[serde(default)]
    pub printed: Vec<String>,
    /// The rows that it was tried on; `None` if no rows were asked for.
    #[serde(default)]
    pub tried: Option<Tried>,
    /// Where the rows that it fails on are kept, or why they can't be, if they are to be.
    #[serde(skip)]
    pub kept: Option<String>,
    /// Whether an earlier run judged it, with the same migrations before it.
    #[serde(skip)]
    pub cached: bool,
}

/// Wall time of the steps of one migration; `None` for a step that did not run to its end.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Seconds {
    /// The first upgrade.
    pub upgrade: Option<f64>,
    /// The downgrade.
    pub downgrade: Option<f64>,
    /// The second upgrade.
    pub reupgrade: Option<f64>,
    /// All of it, with snapshots and whatever was put back.
    pub total: f64,
}

impl Judged {
    /// What it comes to under `threshold`.
    pub fn verdict(&self, threshold: Severity) -> Verdict {
        if self.findings.iter().any(|finding| finding.counts(threshold)) {
            Verdict::Fail
        } else if self.unjudged.is_some() {
            Verdict::Inconclusive
        } else {
            Verdict::Pass
        }
    }
}

impl Verification {
    /// One of which nothing is known but the history.
    pub(super) fn empty(history: &History, backend: &'static str, findings: Vec<Finding>) -> Self {
        Self {
            server_version: String::new(),
            backend,
            tool: history.tool.as_str(),
            folder: history.folder.clone(),
            applied: 0,
            migrations: Vec::new(),
            digests: history.digests(),
            passed: 0,
            left_out: 0,
            has_rows: false,
            head: None,
            findings,
            sources: BTreeMap::new(),
            lanes: 0,
            parts: Parts::default(),
            seconds: 0.0,
        }
    }

    /// What the whole run comes to under `threshold`.
    pub fn verdict(&self, threshold: Severity) -> Verdict {
        let verdicts = || self.migrations.iter().map(|migration| migration.verdict(threshold));
        let fails = self.findings.iter().any(|finding| finding.counts(threshold));
        if fails || verdicts().any(|verdict| verdict == Verdict::Fail) {
            Verdict::Fail
        } else if verdicts().any(|verdict| verdict == Verdict::Inconclusive) {
            Verdict::Inconclusive
        } else {
            Verdict::Pass
        }
    }

    /// All findings with the revision they belong to, in order.
    pub fn all_findings(&self) -> impl Iterator<Item = (Option<&Judged>, &Finding)> {
        let own = self.findings.iter().map(|finding| (None, finding));
        let of_migrations = self
            .migrations
            .iter()
            .flat_map(|judged| judged.findings.iter().map(move |finding| (Some(judged), finding)));
        own.chain(of_migrations)
    }
}
