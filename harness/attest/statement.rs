//! What is stated.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::AttestError;

/// The type of a statement of in-toto.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// What kind of thing is said of the subjects.
pub const PREDICATE: &str = "urn:stairway:release:1";
/// Clocks of two machines are never quite the same.
const SLACK: SignedDuration = SignedDuration::from_mins(2);

/// A statement about files: that a gate saw them pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// in-toto's own type.
    #[serde(rename = "_type")]
    pub kind: String,
    /// The files of the pending migrations.
    pub subject: Vec<Subject>,
    /// [`PREDICATE`].
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What was seen.
    pub predicate: Release,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its path within the folder of migrations.
    pub name: String,
    /// Its digests.
    pub digest: Sha256Digest,
}

/// The digests of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sha256Digest {
    /// SHA-256 in 64 hexadecimal digits.
    pub sha256: String,
}

/// What a gate saw of a release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// The version of this shape: 1.
    pub schema: u32,
    /// The version of Stairway.
    pub stairway: String,
    /// When the gate was done.
    pub made: Timestamp,
    /// Until when it holds.
    pub expires: Timestamp,
    /// `production`, `staging` or `development`.
    pub environment: String,
    /// Which database it is for.
    pub database: DatabaseStated,
    /// Whose layout the history has.
    pub layout: String,
    /// The migrations that are to be applied, in order.
    pub pending: Vec<PendingStated>,
    /// The newest backup that counted, if one did.
    pub backup: Option<BackupStated>,
    /// The facts and how they were.
    pub facts: Vec<FactStated>,
}

/// A database, and where it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseStated {
    /// Its name.
    pub name: String,
    /// Of its server, as `pg_control_system()` tells; empty where the role may not ask.
    pub system_identifier: String,
    /// The server's version.
    pub server: String,
    /// How many migrations were applied.
    pub applied: usize,
}

/// A migration that is to be applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingStated {
    /// Its id.
    pub revision: String,
    /// The digest of its scripts and of all that it comes after.
    pub digest: String,
}

/// A backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupStated {
    /// Its file.
    pub file: String,
    /// Its SHA-256; of a folder that of all digests and names.
    pub sha256: String,
    /// When it was begun.
    pub made: Timestamp,
}

/// A fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactStated {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub ended: String,
    /// Whether the gate required it.
    pub required: bool,
    /// What was seen.
    pub detail: String,
}

impl Statement {
    /// A statement about these files.
    pub fn new(subject: Vec<Subject>, predicate: Release) -> Self {
        let (kind, predicate_type) = (STATEMENT.to_owned(), PREDICATE.to_owned());
        Self { kind, subject, predicate_type, predicate }
    }

    /// Fails if it is of another kind, or does not hold now.
    pub(super) fn hold(&self, now: Timestamp) -> Result<(), AttestError> {
        let Release { schema, made, expires, .. } = &self.predicate;
        if self.kind != STATEMENT || self.predicate_type != PREDICATE || *schema != 1 {
            let found = format!("it states {}, version {schema}", self.predicate_type);
            return Err(AttestError::Form(found));
        }
        if now + SLACK < *made {
            return Err(AttestError::Early { made: *made });
        }
        if *expires <= now {
            return Err(AttestError::Expired { until: *expires });
        }
        Ok(())
    }
}

impl Subject {
    /// A file by its path within the folder and its SHA-256.
    pub fn new(name: impl Into<String>, sha256: impl Into<String>) -> Self {
        Self { name: name.into(), digest: Sha256Digest { sha256: sha256.into() } }
    }
}
