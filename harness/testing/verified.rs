//! A whole history in one test.

use std::path::PathBuf;

use crate::finding::Verdict;
use crate::report::{Report, Style, terminal};
use crate::runs::{self, Options, RunError, Silent};
use crate::server::{ServerError, ServerSpec};

/// A verification to be asserted on.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The report, as `--format json` has it.
    pub report: Report,
}

/// Climbs the history in `folder` with the default options, on the server that the environment
/// asks for (`STAIRWAY_SERVER`, `STAIRWAY_POSTGRES`), writes no files and learns nothing from
/// earlier runs.
pub async fn verify(folder: impl Into<PathBuf>) -> Result<Verified, RunError> {
    let server = ServerSpec::from_env().map_err(|error: ServerError| RunError::Server(error))?;
    verify_with(&Options { server, ..Options::new(folder) }).await
}

/// Climbs as `options` say.
pub async fn verify_with(options: &Options) -> Result<Verified, RunError> {
    let verification = runs::verify(options, &mut Silent).await?;
    Ok(Verified { report: Report::new(&verification, options.fail_on) })
}

impl Verified {
    /// Whether nothing was found that counts, and everything could be judged.
    pub fn is_clean(&self) -> bool {
        self.report.verdict == Verdict::Pass
    }

    /// The whole report as text, without colours.
    pub fn text(&self) -> String {
        terminal(&self.report, Style::Plain)
    }

    /// Passes if [`Verified::is_clean`].
    ///
    /// # Panics
    ///
    /// With the report as its message otherwise: the failure text of a test is the finding.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.is_clean(), "{}", self.text());
    }
}
