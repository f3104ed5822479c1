//! Reports of other runs, as far as the gate goes by them. What they are about is theirs to say: one
//! without digests says nothing.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::finding::{Severity, Verdict};
use crate::runs::drill;

use super::Request;

/// A file that was named is no report of the kind that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// It can't be read.
    #[error("{path} can't be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is something else.
    #[error(
        "{path} is no report of `stairway {verb}` as JSON: {why}; `stairway {verb} --report json=PATH` writes one"
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// Whose report it should be.
        verb: &'static str,
        /// What it lacks.
        why: String,
    },
}

/// All reports that were named.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) verifications: Vec<(PathBuf, Verification)>,
    pub(super) benches: Vec<(PathBuf, Bench)>,
    /// The newest one.
    pub(super) drill: Option<(PathBuf, Drill)>,
}

/// Of a report of `verify`.
#[derive(Debug, Deserialize)]
pub(super) struct Verification {
    /// None of one that came to no end.
    pub(super) server: Option<Server>,
    pub(super) migrations: Vec<Migration>,
    pub(super) findings: Vec<Finding>,
    #[serde(default)]
    pub(super) coverage: Coverage,
    #[serde(default)]
    pub(super) error: Option<Ended>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Server {
    pub(super) version: String,
}

/// A migration that was climbed.
#[derive(Debug, Deserialize)]
pub(super) struct Migration {
    pub(super) revision: String,
    #[serde(default)]
    pub(super) digest: Option<String>,
    pub(super) unjudged: Option<String>,
    pub(super) findings: Vec<Finding>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Finding {
    pub(super) check: String,
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) allowed: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Coverage {
    #[serde(default)]
    pub(super) has_rows: bool,
}

/// Why a run came to no end.
#[derive(Debug, Deserialize)]
pub(super) struct Ended {
    pub(super) message: String,
}

/// Of a report of `bench`.
#[derive(Debug, Deserialize)]
pub(super) struct Bench {
    pub(super) verdict: Verdict,
    pub(super) reason: Option<String>,
    #[serde(default)]
    pub(super) digests: Vec<Digest>,
    #[serde(default)]
    pub(super) error: Option<Ended>,
}

/// Which migration, in which text.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Digest {
    pub(super) revision: String,
    pub(super) digest: String,
}

/// Of a report of `drill`.
#[derive(Debug, Deserialize)]
pub(super) struct Drill {
    /// One that came to no end has none.
    #[serde(default)]
    pub(super) began: Option<Timestamp>,
    pub(super) seconds: f64,
    pub(super) verdict: drill::Verdict,
    pub(super) reason: Option<String>,
    pub(super) checks: Vec<Check>,
    #[serde(default)]
    pub(super) pending: Vec<Moved>,
    #[serde(default)]
    pub(super) latency: Option<Latency>,
    pub(super) tried: Vec<Tried>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Check {
    pub(super) name: String,
    pub(super) ended: drill::Ended,
}

#[derive(Debug, Deserialize)]
pub(super) struct Moved {
    pub(super) revision: String,
    #[serde(default)]
    pub(super) digest: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Latency {
    pub(super) verdict: Verdict,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tried {
    pub(super) file: PathBuf,
    #[serde(default)]
    pub(super) database: Option<String>,
    #[serde(default)]
    pub(super) system_identifier: Option<String>,
    pub(super) made: Option<Timestamp>,
    pub(super) good: bool,
}

impl Drill {
    /// When it was done.
    pub(super) fn ended(&self) -> Option<Timestamp> {
        let took = jiff::SignedDuration::try_from_secs_f64(self.seconds).unwrap_or_default();
        self.began.map(|began| began + took)
    }
}

/// Reads what `request` names.
pub(super) fn read(request: &Request) -> Result<Found, EvidenceError> {
    let mut found = Found::default();
    for path in &request.verifications {
        found.verifications.push((path.clone(), one(path, "verify")?));
    }
    for path in &request.benches {
        found.benches.push((path.clone(), one(path, "bench")?));
    }
    let mut drills: Vec<(PathBuf, Drill)> = Vec::new();
    for path in &request.drills {
        if path.is_dir() {
            // Reports of other verbs, and other forms of the same, may lie beside them.
            let files = files(path)?.into_iter();
            drills.extend(files.filter_map(|path| Some((path.clone(), one(&path, "drill").ok()?))));
        } else {
            drills.push((path.clone(), one(path, "drill")?));
        }
    }
    // One that came to no end has no time of its own, and no say where another one has.
    found.drill = drills.into_iter().max_by_key(|(_, drill)| drill.began);
    Ok(found)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, EvidenceError> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "json") {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    };
    read().map_err(|source| EvidenceError::Read { path: folder.to_owned(), source })
}

fn one<R: DeserializeOwned>(path: &Path, verb: &'static str) -> Result<R, EvidenceError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| EvidenceError::Read { path: path.to_owned(), source })?;
    let form = |why: String| EvidenceError::Form { path: path.to_owned(), verb, why };
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| form(error.to_string()))?;
    match value.get("schema").and_then(serde_json::Value::as_u64) {
        Some(1) => {}
        Some(other) => return Err(form(format!("it is of schema {other}, known is 1"))),
        None => return Err(form("it has no schema".to_owned())),
    }
    serde_json::from_value(value).map_err(|error| form(error.to_string()))
}
