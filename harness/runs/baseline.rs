//! Findings that were known when a baseline was written: they are shown and fail nothing, so that
//! only new ones do.
//!
//! Knows when two findings are the same. Must not know how they were found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::finding::{CheckId, Finding, IN_BASELINE, Severity};

use super::outcome::{Judged, Verification};

/// The file as it is named where nobody says another name.
pub const BASELINE_FILE: &str = "stairway-baseline.json";

const SCHEMA: u32 = 1;

/// One finding that was known: what of it stays the same on other machines and days.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The migration; none for a finding about the run.
    pub revision: Option<String>,
    /// Which check found it.
    pub check: CheckId,
    /// The objects it is about.
    pub objects: Vec<String>,
    /// The first line of its message, without the folders of absolute paths and without the values
    /// of generated rows.
    pub message: String,
}

/// The findings of one day.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    path: PathBuf,
    entries: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    findings: Vec<Entry>,
}

/// The file of a baseline can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It is not there, or can't be read.
    #[error(
        "can't read the baseline {path}\n  help: write it with `stairway baseline --output {path}`, \
         or leave it out with --no-baseline"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not what was written.
    #[error(
        "the baseline {path} is broken: {problem}\n  help: bring the file back, or write it anew \
         with `stairway baseline --output {path}`"
    )]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl Entry {
    fn new(revision: Option<&str>, finding: &Finding) -> Self {
        let mut objects = finding.objects.clone();
        objects.sort();
        Self {
            revision: revision.map(str::to_owned),
            check: finding.check,
            objects,
            message: without_folders(without_values(finding)),
        }
    }
}

impl Baseline {
    /// Everything that could fail a run like this one. Notes fail none, and what a claim accepts
    /// does not either.
    pub fn record(verification: &Verification) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        let own = (None, &verification.findings);
        let of_migrations = verification
            .migrations
            .iter()
            .map(|judged| (Some(judged.revision.as_str()), &judged.findings));
        for (revision, findings) in std::iter::once(own).chain(of_migrations) {
            let first = entries.len();
            let open = findings.iter().filter(|finding| is_open(finding));
            entries.extend(open.map(|finding| Entry::new(revision, finding)));
            // Migrations stay in their order; a check that is added later must not move others.
            if let Some(own) = entries.get_mut(first..) {
                own.sort_by(|one, other| key(one).cmp(&key(other)));
            }
        }
        Self { path: PathBuf::new(), entries }
    }

    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Result<Self, BaselineError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| BaselineError::Read { path: path.to_owned(), source })?;
        let broken = |problem| BaselineError::Broken { path: path.to_owned(), problem };
        let file: File = serde_json::from_str(&text).map_err(|error| broken(error.to_string()))?;
        if file.schema != SCHEMA {
            let problem = format!("its schema is {}, and only {SCHEMA} is known", file.schema);
            return Err(broken(problem));
        }
        Ok(Self { path: path.to_owned(), entries: file.findings })
    }

    /// The text of the file.
    pub fn text(&self) -> serde_json::Result<String> {
        let file = File { schema: SCHEMA, findings: self.entries.clone() };
        serde_json::to_string_pretty(&file).map(|text| text + "\n")
    }

    /// The findings, base first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many findings of one migration fail under `threshold` and are not known.
    pub(super) fn news(&self, judged: &Judged, threshold: Severity) -> usize {
        let mut left = self.left();
        let counting = judged.findings.iter().filter(|finding| is_open(finding));
        counting
            .filter(|finding| !take(&mut left, Some(&judged.revision), finding))
            .filter(|finding| finding.counts(threshold))
            .count()
    }

    /// Accepts what is known, each entry as often as it stands there, and adds a finding for each
    /// that is not found any more although its migration was judged. `is_gone` says that a migration
    /// has no file; `is_whole`, that the run would have such a finding again.
    pub(super) fn settle(
        &self,
        verification: &mut Verification,
        is_gone: impl Fn(&str) -> bool,
        is_whole: impl Fn(CheckId) -> bool,
    ) {
        let mut left = self.left();
        for finding in &mut verification.findings {
            accept(&mut left, None, finding);
        }
        for judged in &mut verification.migrations {
            for finding in &mut judged.findings {
                accept(&mut left, Some(&judged.revision), finding);
            }
        }
        let is_stale = |entry: &Entry| match &entry.revision {
            Some(revision) if is_gone(revision) => true,
            Some(revision) => is_through(verification, revision),
            None => is_whole(entry.check),
        };
        let stale = left.iter().filter(|(entry, count)| **count > 0 && is_stale(entry));
        let stale: Vec<Finding> = stale.map(|(entry, _)| self.stale(entry)).collect();
        verification.findings.extend(stale);
    }

    fn left(&self) -> BTreeMap<Entry, usize> {
        let mut left = BTreeMap::new();
        for entry in &self.entries {
            *left.entry(entry.clone()).or_default() += 1;
        }
        left
    }

    fn stale(&self, entry: &Entry) -> Finding {
        let of = entry.revision.as_ref().map(|revision| format!(" of {revision}"));
        let message = format!(
            "the baseline has {}{}, which did not happen",
            entry.check,
            of.unwrap_or_default()
        );
        Finding::new(CheckId::StaleClaim, message)
            .in_file(&self.path)
            .detail(entry.message.clone())
            .help("run `stairway baseline` again, so that it hides nothing later")
    }
}

/// What is lost is told by an example, which another seed would not give.
fn without_values(finding: &Finding) -> &str {
    let line = finding.message.lines().next().unwrap_or_default();
    let example = line.split_once(": ").filter(|_| finding.check == CheckId::DataLoss);
    example.map_or(line, |(said, _)| said)
}

fn key(entry: &Entry) -> (&str, &[String], &str) {
    (entry.check.as_str(), &entry.objects, &entry.message)
}

fn is_open(finding: &Finding) -> bool {
    finding.counts(Severity::Warning)
}

fn take(left: &mut BTreeMap<Entry, usize>, revision: Option<&str>, finding: &Finding) -> bool {
    let count = left.get_mut(&Entry::new(revision, finding)).filter(|count| **count > 0);
    count.map(|count| *count -= 1).is_some()
}

fn accept(left: &mut BTreeMap<Entry, usize>, revision: Option<&str>, finding: &mut Finding) {
    if is_open(finding) && take(left, revision, finding) {
        finding.allowed = Some(IN_BASELINE.to_owned());
    }
}

/// Whether a migration was judged to its end: a step that fails for the first time hides what
/// comes after it.
fn is_through(verification: &Verification, revision: &str) -> bool {
    let mut judged = verification.migrations.iter().filter(|it| it.revision == revision).peekable();
    let ended = |finding: &Finding| {
        let is_step = matches!(
            finding.check,
            CheckId::UpgradeFailed | CheckId::DowngradeFailed | CheckId::ReupgradeFailed
        );
        is_step && finding.allowed.is_none()
    };
    judged.peek().is_some()
        && judged.all(|it| it.unjudged.is_none() && !it.findings.iter().any(ended))
}

/// Servers name files of their machine; the name of the file says enough.
fn without_folders(message: &str) -> String {
    let ends = |c: char| c.is_whitespace() || "\"'`()<>,;:=".contains(c);
    let mut text = String::new();
    for word in message.split_inclusive(ends) {
        match word.strip_prefix('/').and_then(|path| path.rsplit_once('/')) {
            Some((_, name)) => text.push_str(name),
            None => text.push_str(word),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Baseline, Entry, without_folders};
    use crate::finding::{CheckId, Finding, Severity};
    use crate::runs::{Judged, Seconds};

    #[test]
    fn folders_of_this_machine_are_left_out() {
        let message = "could not open \"/usr/share/pg/15/x.control\": no/such a / b /c";
        assert_eq!(without_folders(message), "could not open \"x.control\": no/such a / b /c");
    }

    #[test]
    fn an_entry_takes_as_many_findings_as_it_stands_for() {
        let finding =
            Finding::new(CheckId::BrokenObject, "m\nmore").about(["b".into(), "a".into()]);
        let note = Finding { severity: Severity::Note, ..finding.clone() };
        let judged = Judged {
            revision: "1".to_owned(),
            name: String::new(),
            file: "1.sql".into(),
            seconds: Seconds::default(),
            findings: vec![finding.clone(), note, finding.clone(), finding.clone()],
            changes: None,
            models: None,
            printed: Vec::new(),
            tried: None,
            unjudged: None,
            kept: None,
            cached: false,
        };
        let entry = Entry::new(Some("1"), &finding);
        assert_eq!((entry.message.as_str(), entry.objects.join(" ")), ("m", "a b".to_owned()));
        for known in 0..5 {
            let entries = vec![entry.clone(); known];
            let baseline = Baseline { entries, ..Baseline::default() };
            assert_eq!(baseline.news(&judged, Severity::Error), 3_usize.saturating_sub(known));
        }
    }
}
