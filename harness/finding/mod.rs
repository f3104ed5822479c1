//! What we tell users about their SQL: findings, their severity, and where in a file they point.
//!
//! Knows words and shapes only. Must not know servers, files on disk or how a finding is printed.

mod check;
mod claim;
mod span;
mod verdict;

pub use check::{CheckId, UnknownCheck};
pub use claim::{Backfill, Claim, ClaimError, ClaimKind};
pub use span::Span;
pub use verdict::Verdict;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How bad a finding is. Ordered: a note is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Said, never a reason to fail.
    Note,
    /// Worth a look; fails under `--fail-on warning`.
    Warning,
    /// Wrong: fails by default.
    Error,
}

impl Severity {
    /// `note`, `warning` or `error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What [`Finding::allowed`] says of a finding that a baseline has.
pub const IN_BASELINE: &str = "in the baseline";

/// One row of a counterexample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The table, qualified and quoted.
    pub table: String,
    /// A statement that inserts it.
    pub insert: String,
}

/// Something true about a migration that its author wants to know before a deployment does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which check found it.
    pub check: CheckId,
    /// How bad it is; by default [`CheckId::severity`].
    pub severity: Severity,
    /// One line, without the id and without a full stop.
    pub message: String,
    /// Where in the user's SQL, if one place can be named.
    pub span: Option<Span>,
    /// The file it is about, if no span can be given.
    pub file: Option<PathBuf>,
    /// The measured fact in full: a difference, a server's message.
    pub detail: Option<String>,
    /// What to do instead.
    pub help: Option<String>,
    /// The objects it is about, as `schema.name`; a claim names one of them.
    pub objects: Vec<String>,
    /// The reason of the claim that accepts it, or [`IN_BASELINE`]. An accepted finding is shown,
    /// but fails nothing.
    pub allowed: Option<String>,
    /// The script that shows it again with psql.
    pub repro: Option<PathBuf>,
    /// The rows that bring it out, fewest first.
    pub rows: Vec<Row>,
    /// Whether rows that are kept from earlier runs bring it out, too.
    #[serde(default)]
    pub is_kept: bool,
    /// Whether it is about what a second upgrade makes of rows, held against the first.
    #[serde(default)]
    pub is_of_second: bool,
}

impl Finding {
    /// A finding with the check's own severity and nothing else.
    pub fn new(check: CheckId, message: impl Into<String>) -> Self {
        Self {
            check,
            severity: check.severity(),
            message: message.into(),
            span: None,
            file: None,
            detail: None,
            help: None,
            objects: Vec::new(),
            allowed: None,
            repro: None,
            rows: Vec::new(),
            is_kept: false,
            is_of_second: false,
        }
    }

    /// Points at a place in a file.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.file = Some(span.file.clone());
        self.span = Some(span);
        self
    }

    /// Points at a whole file.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// Points at a whole file, unless it points somewhere already.
    #[must_use]
    pub fn or_in_file(self, file: impl Into<PathBuf>) -> Self {
        if self.file.is_some() { self } else { self.in_file(file) }
    }

    /// Adds the measured fact.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds what to do instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Names the objects it is about.
    #[must_use]
    pub fn about(mut self, objects: impl IntoIterator<Item = String>) -> Self {
        self.objects = objects.into_iter().collect();
        self
    }

    /// Why it is accepted, if it is.
    pub fn acceptance(&self) -> Option<String> {
        self.allowed.as_ref().map(|reason| match reason.as_str() {
            IN_BASELINE => format!("accepted: {IN_BASELINE}"),
            _ => format!("accepted by a claim: {reason}"),
        })
    }

    /// Whether it counts against a threshold: accepted findings never do.
    pub fn counts(&self, threshold: Severity) -> bool {
        self.allowed.is_none() && self.severity >= threshold
    }
}
