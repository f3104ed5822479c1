//! `[bench]`: what queries are measured against.
//!
//! Knows the keys. Must not know how anything is measured.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{Config, ConfigError};

/// `[bench]` as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct BenchEntry {
    workload: Option<PathBuf>,
    budget_ms: Option<f64>,
    rate: Option<f64>,
    blocked_ms: Option<f64>,
    rewrite_rows: Option<u64>,
    duration_ms: Option<f64>,
    wal_mb: Option<f64>,
    #[serde(default)]
    production_rows: BTreeMap<String, u64>,
}

/// What of it is said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BenchSettings {
    /// The folder of queries.
    pub workload: Option<PathBuf>,
    /// The p95 of all requests must be under this.
    pub budget: Option<Duration>,
    /// Requests a second.
    pub rate: Option<f64>,
    /// How long others may wait for a migration's locks.
    pub blocked: Option<Duration>,
    /// How many rows of a table a migration may write anew.
    pub rewrite_rows: Option<u64>,
    /// How long a migration may take.
    pub duration: Option<Duration>,
    /// How many bytes of WAL it may write.
    pub wal: Option<u64>,
    /// How many rows tables have in production, by `schema.table`.
    pub production_rows: BTreeMap<String, u64>,
}

impl Config {
    /// What queries are measured against, as far as it is written down.
    pub fn bench(&self) -> Result<BenchSettings, ConfigError> {
        let BenchEntry {
            workload,
            budget_ms,
            rate,
            blocked_ms,
            rewrite_rows,
            duration_ms,
            wal_mb,
            production_rows,
        } = self.bench.clone();
        let positive = |key: &'static str, given: Option<f64>| match given {
            Some(given) if !(given.is_finite() && given > 0.0) => {
                Err(ConfigError::Bench { key, given })
            }
            other => Ok(other),
        };
        let time = |key, given| -> Result<Option<Duration>, ConfigError> {
            let millis = positive(key, given)?;
            Ok(millis.and_then(|millis| Duration::try_from_secs_f64(millis / 1e3).ok()))
        };
        Ok(BenchSettings {
            workload,
            budget: time("budget-ms", budget_ms)?,
            rate: positive("rate", rate)?,
            blocked: time("blocked-ms", blocked_ms)?,
            rewrite_rows,
            duration: time("duration-ms", duration_ms)?,
            wal: positive("wal-mb", wal_mb)?.map(bytes),
            production_rows,
        })
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes, above zero")]
fn bytes(megabytes: f64) -> u64 {
    (megabytes * 1e6) as u64
}
