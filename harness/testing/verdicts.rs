//! The verdicts that a suite's tests ask for: climbed once, by whoever asks first.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use crate::finding::Finding;
use crate::migrations::History;
use crate::report::{self, Report, Style};
use crate::runs::{self, Judged, Options, RunError, Scope, Silent, Verification};
use crate::server::{TestRun, causes};

/// Where each test is a process, so many neighbours are climbed together; the others of them find
/// the verdicts.
const TOGETHER: usize = 64;

/// What was climbed for the tests that will run.
#[derive(Debug)]
pub(super) struct Verdicts {
    options: Options,
    seen: OnceLock<Result<Seen, String>>,
}

#[derive(Debug)]
struct Seen {
    verification: Verification,
    report: Report,
}

impl Verdicts {
    /// Of the migrations at the places `wanted`.
    pub(super) fn new(mut options: Options, history: &History, wanted: &BTreeSet<usize>) -> Self {
        let count = history.migrations.len();
        let is_wanted = |at: usize| match TestRun::current() {
            None => wanted.contains(&at),
            Some(_) => wanted.iter().any(|other| other / TOGETHER == at / TOGETHER),
        };
        let chosen = (0..count).filter(|at| is_wanted(*at));
        let revisions: BTreeSet<String> = chosen
            .filter_map(|at| history.migrations.get(at))
            .map(|migration| migration.revision.clone())
            .collect();
        let all = history.migrations.iter().all(|it| revisions.contains(&it.revision));
        options.scope = if all { Scope::All } else { Scope::Only(revisions) };
        Self { options, seen: OnceLock::new() }
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    fn seen(&self) -> Result<&Seen, String> {
        let seen = self.seen.get_or_init(|| {
            let verification = run(runs::verify(&self.options, &mut Silent))?;
            let report = Report::new(&verification, self.options.fail_on);
            Ok(Seen { verification, report })
        });
        seen.as_ref().map_err(Clone::clone)
    }

    /// The verdict on a migration and the major version that it holds for.
    pub(super) fn judged(&self, revision: &str, name: &str) -> Result<(&Judged, u32), String> {
        let seen = self.seen()?;
        let version = &seen.verification.server_version;
        let major = version.split('.').next().and_then(|major| major.parse().ok());
        let judged = seen
            .verification
            .migrations
            .iter()
            .find(|judged| judged.revision == revision && judged.name == name)
            .ok_or_else(|| format!("{revision} was not judged"))?;
        Ok((judged, major.unwrap_or_default()))
    }

    /// The findings that count and that `concerns` them, as text; nothing if there are none.
    pub(super) fn failure<'a>(
        &'a self,
        findings: impl Iterator<Item = &'a Finding>,
    ) -> Result<(), String> {
        let seen = self.seen()?;
        let counted = findings.filter(|finding| finding.counts(self.options.fail_on));
        let texts: Vec<String> = counted
            .map(|finding| report::render_finding(finding, &seen.report, Style::Plain))
            .collect();
        if texts.is_empty() { Ok(()) } else { Err(texts.join("\n")) }
    }

    /// All findings of the run, and whether they belong to no migration.
    pub(super) fn all(&self) -> Result<impl Iterator<Item = (bool, &Finding)>, String> {
        let all = self.seen()?.verification.all_findings();
        Ok(all.map(|(judged, finding)| (judged.is_none(), finding)))
    }
}

/// Runs a recipe to its end on this thread.
pub(super) fn run<T>(recipe: impl Future<Output = Result<T, RunError>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(recipe).map_err(|error| causes(&error))
}
