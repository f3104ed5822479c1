//! `[drill]`: which backups are drilled, and what is asked of them.
//!
//! Knows the keys. Must not know how a backup is restored.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{Config, ConfigError};

/// `[drill]` as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct DrillEntry {
    backups: Option<PathBuf>,
    fetch: Option<String>,
    fetch_wal: Option<String>,
    database: Option<String>,
    max_age_hours: Option<f64>,
    checks: Option<PathBuf>,
    globals: Option<PathBuf>,
    jobs: Option<u32>,
    timeout_minutes: Option<f64>,
    max_disk_gb: Option<f64>,
    #[serde(default)]
    leave_out: Vec<String>,
}

/// What of it is said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DrillSettings {
    /// The folder of backups.
    pub backups: Option<PathBuf>,
    /// The command that brings a backup.
    pub fetch: Option<String>,
    /// The command that brings the WAL after a physical backup.
    pub fetch_wal: Option<String>,
    /// Of which database, where a folder has backups of several.
    pub database: Option<String>,
    /// How old the newest backup may be.
    pub max_age: Option<Duration>,
    /// The folder of query tests.
    pub checks: Option<PathBuf>,
    /// The file of roles.
    pub globals: Option<PathBuf>,
    /// How many processes restore.
    pub jobs: Option<u32>,
    /// How long a drill may take.
    pub timeout: Option<Duration>,
    /// How many bytes its copy may take.
    pub max_disk: Option<u64>,
    /// Checks that are not made.
    pub leave_out: Vec<String>,
}

impl Config {
    /// Which backups are drilled, and how, as far as it is written down.
    pub fn drill(&self) -> Result<DrillSettings, ConfigError> {
        let DrillEntry {
            backups,
            fetch,
            fetch_wal,
            database,
            max_age_hours,
            checks,
            globals,
            jobs,
            timeout_minutes,
            max_disk_gb,
            leave_out,
        } = self.drill.clone();
        let positive = |key: &'static str, given: Option<f64>| match given {
            Some(given) if !(given.is_finite() && given > 0.0) => {
                Err(ConfigError::Drill { key, given })
            }
            other => Ok(other),
        };
        let time = |key, given, unit: f64| -> Result<Option<Duration>, ConfigError> {
            let given = positive(key, given)?;
            Ok(given.and_then(|given| Duration::try_from_secs_f64(given * unit).ok()))
        };
        if jobs == Some(0) {
            return Err(ConfigError::Drill { key: "jobs", given: 0.0 });
        }
        if fetch.is_some() && backups.is_some() {
            return Err(ConfigError::TwoSources);
        }
        Ok(DrillSettings {
            backups,
            fetch,
            fetch_wal,
            database,
            max_age: time("max-age-hours", max_age_hours, 3600.0)?,
            checks,
            globals,
            jobs,
            timeout: time("timeout-minutes", timeout_minutes, 60.0)?,
            max_disk: positive("max-disk-gb", max_disk_gb)?.map(bytes),
            leave_out,
        })
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes, above zero")]
fn bytes(gigabytes: f64) -> u64 {
    (gigabytes * 1e9) as u64
}
