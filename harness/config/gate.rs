//! `[gate]`: what a team requires of a release, and whose attestation it trusts.
//!
//! Knows the keys. Must not know how a fact is found.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{Config, ConfigError, Threshold};
use crate::finding::Severity;

/// `[gate]` as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct GateEntry {
    require: Option<Vec<String>>,
    fail_on: Option<Threshold>,
    rows: Option<bool>,
    drill_max_age_hours: Option<f64>,
    backup_max_age_hours: Option<f64>,
    backup_level: Option<u8>,
    attestation_hours: Option<f64>,
    attestation_key: Option<PathBuf>,
    #[serde(default)]
    drills: Vec<PathBuf>,
    #[serde(default)]
    reviewed: Vec<ReviewedEntry>,
}

/// `[[gate.reviewed]]`: a finding that its author allowed and that somebody else accepts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReviewedEntry {
    /// The migration's id.
    pub revision: String,
    /// The id of the check.
    pub check: String,
    /// The beginning of the SHA-256 of its upgrade's file, 8 hexadecimal digits at least.
    pub sha256: String,
}

/// What of it is said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GateSettings {
    /// The facts that are required.
    pub require: Option<Vec<String>>,
    /// The severity from which a finding counts.
    pub fail_on: Option<Severity>,
    /// Whether what is pending must have been tried on rows.
    pub rows: Option<bool>,
    /// How long ago the newest drill may have ended.
    pub drill_max_age: Option<Duration>,
    /// How old the newest backup may be.
    pub backup_max_age: Option<Duration>,
    /// What must be proven of it, from 0 to 4.
    pub backup_level: Option<u8>,
    /// How long an attestation holds.
    pub valid_for: Option<Duration>,
    /// The public key without whose attestation nothing is applied.
    pub attestation_key: Option<PathBuf>,
    /// Reports of drills, or folders of them.
    pub drills: Vec<PathBuf>,
    /// What was reviewed.
    pub reviewed: Vec<ReviewedEntry>,
}

/// So much of a digest must be named.
const LEAST: usize = 8;

impl Config {
    /// What is required of a release, as far as it is written down.
    pub fn gate(&self) -> Result<GateSettings, ConfigError> {
        let entry = self.gate.clone();
        let time = |key: &'static str, given: Option<f64>| match given {
            Some(hours) if hours.is_finite() && hours > 0.0 => {
                Ok(Duration::try_from_secs_f64(hours * 3600.0).ok())
            }
            Some(given) => Err(ConfigError::Gate { key, given: given.to_string() }),
            None => Ok(None),
        };
        if let Some(level) = entry.backup_level.filter(|level| *level > 4) {
            return Err(ConfigError::Gate { key: "backup-level", given: level.to_string() });
        }
        for it in &entry.reviewed {
            let is_hex = it.sha256.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
            if it.sha256.len() < LEAST || !is_hex {
                let given = it.sha256.clone();
                return Err(ConfigError::Gate { key: "reviewed.sha256", given });
            }
        }
        Ok(GateSettings {
            require: entry.require,
            fail_on: entry.fail_on.map(Severity::from),
            rows: entry.rows,
            drill_max_age: time("drill-max-age-hours", entry.drill_max_age_hours)?,
            backup_max_age: time("backup-max-age-hours", entry.backup_max_age_hours)?,
            backup_level: entry.backup_level,
            valid_for: time("attestation-hours", entry.attestation_hours)?,
            attestation_key: entry.attestation_key,
            drills: entry.drills,
            reviewed: entry.reviewed,
        })
    }
}
