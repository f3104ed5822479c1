//! What is told, whoever is told.
//!
//! Knows the fields and what an event's name means. Must not know any receiver.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much it matters, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For the record.
    Info,
    /// Somebody should look at it.
    Warning,
    /// Somebody must act.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        })
    }
}

/// One thing that happened, as receivers are told of it. It is sent as it is: no field may hold a
/// secret or the value of a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notice {
    /// The run's id: the same for all notices of a run.
    pub run: String,
    /// What was done and what came of it: `upgrade.started`, `upgrade.succeeded`,
    /// `upgrade.failed`, `upgrade.rolled-back`, `upgrade.unknown`, ..
    pub event: String,
    /// What the database is: `BEFORE`, `AFTER` or `UNKNOWN`.
    pub state: String,
    /// How much it matters.
    pub severity: Severity,
    /// The name of the database.
    pub service: String,
    /// One word for the outcome, for example `success`.
    pub status: String,
    /// The revision that the database is at, if that is known.
    pub revision: Option<String>,
    /// `production`, `staging` or `development`.
    pub environment: String,
    /// Seconds from the run's start.
    pub duration_seconds: f64,
    /// A sentence for people.
    pub summary: String,
    /// The exit code of the run.
    pub exit: u8,
    /// SHA-256 of the report in hexadecimal digits, if one was written.
    pub report_sha256: Option<String>,
    /// When it happened, in RFC 3339.
    pub at: String,
}

/// What an event means for who waits for good news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// Something began: `*.started`.
    Started,
    /// All is well: `*.succeeded`.
    Well,
    /// Anything else.
    Ill,
}

impl Notice {
    /// What the event means, by its last word.
    pub fn outlook(&self) -> Outlook {
        match self.word() {
            "started" => Outlook::Started,
            "succeeded" => Outlook::Well,
            _ => Outlook::Ill,
        }
    }

    /// What was done: `upgrade` of `upgrade.failed`.
    pub(super) fn verb(&self) -> &str {
        self.event.split_once('.').map_or("run", |(verb, _)| verb)
    }

    /// What came of it: `failed` of `upgrade.failed`.
    pub(super) fn word(&self) -> &str {
        self.event.rsplit_once('.').map_or(self.event.as_str(), |(_, word)| word)
    }

    /// Whole seconds, as the scripts sent them that this replaces.
    pub(super) fn whole_seconds(&self) -> String {
        format!("{:.0}", self.duration_seconds.max(0.0))
    }
}
