//! What is said of a run that ended before it had a verdict: the keys of a report, and an error.
//!
//! Knows the words of the error. Must not know the forms.

use std::error::Error;
use std::path::PathBuf;

use serde::Serialize;

use crate::exit::Exit;
use crate::finding::Severity;
use crate::finding::Verdict;

use super::{Coverage, FindingReport, MigrationReport, ServerReport, ToolReport};

/// A run that was begun and not finished.
#[derive(Clone, Debug, Serialize)]
pub struct Unfinished {
    /// The version of the report's shape: 1.
    pub schema: u32,
    /// What wrote the report.
    pub tool: ToolReport,
    /// Inconclusive: nothing was judged.
    pub verdict: Verdict,
    /// Nothing is said of a server.
    pub server: Option<ServerReport>,
    /// Which folder.
    pub history: UnfinishedHistory,
    /// None.
    pub migrations: [MigrationReport; 0],
    /// None.
    pub findings: [FindingReport; 0],
    /// Nothing.
    pub coverage: Coverage,
    /// Wall time until the end.
    pub seconds: f64,
    /// The severity from which a finding would have counted.
    pub fail_on: Severity,
    /// What ended it.
    pub error: ErrorReport,
}

/// The folder of a run that ended early.
#[derive(Clone, Debug, Serialize)]
pub struct UnfinishedHistory {
    /// Not known.
    pub layout: Option<&'static str>,
    /// The folder, as it was given.
    pub folder: PathBuf,
    /// None that is known.
    pub applied: usize,
    /// None that is known.
    pub passed: usize,
    /// None that is known.
    pub left_out: usize,
}

/// Why a run ended early.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorReport {
    /// What happened.
    pub message: String,
    /// What it came from, the nearest first.
    pub causes: Vec<String>,
    /// The code that the process exits with; null for an interruption.
    pub exit: Option<u8>,
}

impl ErrorReport {
    /// An error and its causes, each said once.
    pub fn new(error: &dyn Error, exit: Exit) -> Self {
        let message = error.to_string();
        let mut causes = Vec::new();
        let mut said = message.clone();
        let mut cause = error.source();
        while let Some(next) = cause {
            let text = next.to_string();
            // Transparent errors repeat what was said.
            if !said.contains(&text) {
                causes.push(text.clone());
                said = text;
            }
            cause = next.source();
        }
        Self { message, causes, exit: Some(exit.code()) }
    }

    /// The run was stopped from outside.
    pub fn interrupted() -> Self {
        let message = "the run was interrupted before its end".to_owned();
        Self { message, causes: Vec::new(), exit: None }
    }

    /// The message with its causes, one a line.
    pub fn text(&self) -> String {
        let causes = self.causes.iter().map(|cause| format!("\ncaused by: {cause}"));
        self.message.clone() + &causes.collect::<String>()
    }
}

impl Unfinished {
    /// A run on `folder` that `error` ended after so many seconds.
    pub fn new(folder: PathBuf, fail_on: Severity, seconds: f64, error: ErrorReport) -> Self {
        Self {
            schema: 1,
            tool: ToolReport::own(),
            verdict: Verdict::Inconclusive,
            server: None,
            history: UnfinishedHistory { layout: None, folder, applied: 0, passed: 0, left_out: 0 },
            migrations: [],
            findings: [],
            coverage: Coverage::default(),
            seconds,
            fail_on,
            error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorReport;
    use crate::exit::Exit;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Chain(&'static str, #[source] Option<Box<Chain>>);

    #[test]
    fn causes_are_said_once() {
        let inner = Chain("no route", None);
        let again = Chain("can't connect", Some(Box::new(inner)));
        let outer = Chain("no server: can't connect", Some(Box::new(again)));
        let error = ErrorReport::new(&outer, Exit::NoServer);
        assert_eq!(error.text(), "no server: can't connect\ncaused by: no route");
        assert_eq!(error.exit, Some(3));
    }
}
