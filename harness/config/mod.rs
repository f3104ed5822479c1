//! `stairway.toml`: what a team writes down once, put together with what was named for one run and
//! with the environment, which win over it in this order.
//!
//! Knows the keys of the file, of `.env.<environment>` and of the environment. Must not know who
//! asks.

mod alerts;
mod bench;
mod database;
mod deployment;
mod dotenv;
mod drill;
mod error;
mod gate;
mod variables;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use crate::env;
use crate::finding::{Claim, Severity};
use crate::migrations::{AlembicOptions, Tool};
use crate::secret::Scrubber;
use crate::server::{Choice, ServerSpec};

pub use bench::BenchSettings;
pub use deployment::{Deployment, DeploymentFlags, Environment, Setting};
pub use dotenv::Dotenv;
pub use drill::DrillSettings;
pub use error::ConfigError;
pub use gate::{GateSettings, ReviewedEntry};
pub use variables::{Found, Origin, Variables};

use alerts::AlertEntry;
use bench::BenchEntry;
use deployment::DeploymentSettings;
use drill::DrillEntry;
use gate::GateEntry;

const FILE: &str = "stairway.toml";

/// So many rows for a table, cases or seconds may be asked for.
pub const MOST_ROWS: u32 = 100_000;

/// The file in the current folder, or nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    migrations: Option<PathBuf>,
    tool: Option<String>,
    server: Option<String>,
    postgres: Option<u32>,
    baseline: Option<PathBuf>,
    metrics: Option<PathBuf>,
    fail_on: Option<Threshold>,
    #[serde(default)]
    rows: RowSettings,
    #[serde(default)]
    bench: BenchEntry,
    #[serde(default)]
    alembic: AlembicOptions,
    #[serde(default)]
    drill: DrillEntry,
    #[serde(default)]
    gate: GateEntry,
    #[serde(default)]
    command: Commands,
    #[serde(default, rename = "claim")]
    claims: Vec<ClaimEntry>,
    #[serde(default)]
    deployment: DeploymentSettings,
    #[serde(default, rename = "alert")]
    alerts: Vec<AlertEntry>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Threshold {
    Error,
    Warning,
}

/// `[rows]`: which rows each migration is tried on. What is not said is as usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RowSettings {
    /// Whether any are tried.
    pub enabled: Option<bool>,
    /// How many different sets.
    pub cases: Option<u32>,
    /// At most so many for a table.
    pub per_table: Option<u32>,
    /// What they are drawn by.
    pub seed: Option<u64>,
    /// For how many seconds a counterexample may be made smaller.
    pub budget: Option<u64>,
    /// The folder in which those are kept that show something.
    pub keep: Option<PathBuf>,
}

/// `[command]`: for the server `command`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Commands {
    create: Option<String>,
    destroy: Option<String>,
}

/// `[[claim]]`: a claim about a migration whose file can't carry it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimEntry {
    revision: String,
    claim: String,
}

impl From<Threshold> for Severity {
    fn from(threshold: Threshold) -> Self {
        match threshold {
            Threshold::Error => Self::Error,
            Threshold::Warning => Self::Warning,
        }
    }
}

impl Config {
    /// Reads the file, if there is one.
    pub fn load() -> Result<Self, ConfigError> {
        Self::load_in(Path::new(""))
    }

    /// Reads the file in `folder`, if there is one.
    pub fn load_in(folder: &Path) -> Result<Self, ConfigError> {
        let path = folder.join(FILE);
        if !path.is_file() {
            return Ok(Self::default());
        }
        let text = std::fs::read_to_string(path).map_err(ConfigError::Read)?;
        Self::parse(&text)
    }

    /// Reads the text of the file.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError::Shape(told(&error, text)))
    }

    /// The folder of migrations.
    pub fn folder(&self, named: Option<&Path>) -> PathBuf {
        named
            .map(Path::to_owned)
            .or_else(|| env::MIGRATIONS.get().map(PathBuf::from))
            .or_else(|| self.migrations.clone())
            .unwrap_or_else(|| PathBuf::from("migrations"))
    }

    /// The folder of migrations, if it is written down.
    pub fn written_folder(&self) -> Option<&Path> {
        self.migrations.as_deref()
    }

    /// The major version of the server, if it is written down.
    pub fn written_major(&self) -> Option<u32> {
        self.postgres
    }

    /// The layout that is asked for.
    pub fn tool(&self, named: Option<&str>) -> Result<Option<Tool>, ConfigError> {
        Ok(named.or(self.tool.as_deref()).map(Tool::from_str).transpose()?)
    }

    /// What an environment of Alembic's is told; arguments that are named for one run take the place of those
    /// that are written down.
    pub fn alembic(&self, x: &[String]) -> AlembicOptions {
        let mut options = self.alembic.clone();
        if !x.is_empty() {
            options.x = x.to_vec();
        }
        options
    }

    /// Which server.
    pub fn server(
        &self,
        named: Option<&str>,
        major: Option<u32>,
    ) -> Result<ServerSpec, ConfigError> {
        let mut spec = ServerSpec::from_env()?;
        let written = self.server.as_deref().filter(|_| env::SERVER.get().is_none());
        if let Some(word) = named.or(written) {
            spec.choice = Choice::from_str(word)?;
        }
        spec.major = major.or(spec.major).or(self.postgres);
        spec.create = spec.create.or_else(|| self.command.create.clone());
        spec.destroy = spec.destroy.or_else(|| self.command.destroy.clone());
        Ok(spec)
    }

    /// The severity from which a finding counts, if it is written down.
    pub fn fail_on(&self) -> Option<Severity> {
        self.fail_on.map(Severity::from)
    }

    /// Which rows are tried, where `named` was named for one run; `None` for none at all.
    pub fn rows(&self, named: RowSettings) -> Result<Option<RowSettings>, ConfigError> {
        let written = &self.rows;
        let counts = [
            ("cases", written.cases.map(u64::from)),
            ("per-table", written.per_table.map(u64::from)),
            ("budget", written.budget),
        ];
        for (key, given) in counts {
            if let Some(given) = given.filter(|given| !(1..=u64::from(MOST_ROWS)).contains(given)) {
                return Err(ConfigError::Rows { key, given });
            }
        }
        let number = |text: String| text.parse().map_err(|_| ConfigError::Seed(text));
        let seed = env::SEED.get().map(number).transpose()?;
        // Who names something about rows wants some.
        let wants = (named != RowSettings::default()).then_some(true);
        let rows = RowSettings {
            enabled: named.enabled.or(wants),
            cases: named.cases.or(written.cases),
            per_table: named.per_table.or(written.per_table),
            seed: named.seed.or(seed).or(written.seed),
            budget: named.budget.or(written.budget),
            keep: named.keep.or_else(|| written.keep.clone()),
        };
        Ok(rows.enabled.or(written.enabled).unwrap_or(true).then_some(rows))
    }

    /// The folder in which rows are kept, if it is written down.
    pub fn kept_rows(&self) -> Option<&Path> {
        self.rows.keep.as_deref()
    }

    /// The file of known findings, if it is written down.
    pub fn baseline(&self) -> Option<&Path> {
        self.baseline.as_deref()
    }

    /// The folder for metrics, if it is written down.
    pub fn metrics(&self) -> Option<&Path> {
        self.metrics.as_deref()
    }

    /// Tables that must be there and have rows after a run on a database.
    pub fn critical_tables(&self) -> &[String] {
        &self.deployment.critical_tables
    }

    /// The folder of query tests, if it is written down.
    pub fn checks(&self) -> Option<&Path> {
        self.deployment.checks.as_deref()
    }

    /// Revision and claim of each `[[claim]]`.
    pub fn claims(&self) -> Result<Vec<(String, Claim)>, ConfigError> {
        self.claims
            .iter()
            .map(|entry| match Claim::parse_body(&entry.claim) {
                Ok(claim) => Ok((entry.revision.clone(), claim)),
                Err(source) => Err(ConfigError::Claim { revision: entry.revision.clone(), source }),
            })
            .collect()
    }
}

/// What is wrong with the text. The parser quotes the line, in which the address of a channel or a
/// password may stand.
fn told(error: &toml::de::Error, text: &str) -> String {
    let said = error.to_string();
    if !said.contains("://") {
        return Scrubber::default().scrub(&said).into_owned();
    }
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    format!("line {}: {}", before.matches('\n').count() + 1, error.message())
}

#[cfg(test)]
mod tests;
