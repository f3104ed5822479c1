//! `stairway.toml`: what a team writes down once.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::finding::Claim;

use super::Failure;
use super::args::FailOn;

/// The file in the current folder, or nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Config {
    pub(super) migrations: Option<PathBuf>,
    pub(super) tool: Option<String>,
    pub(super) server: Option<String>,
    pub(super) postgres: Option<u32>,
    pub(super) fail_on: Option<FailOn>,
    pub(super) baseline: Option<PathBuf>,
    #[serde(default)]
    pub(super) command: CommandConfig,
    #[serde(default, rename = "claim")]
    claims: Vec<ClaimConfig>,
}

/// `[command]`: for the server `command`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandConfig {
    pub(super) create: Option<String>,
    pub(super) destroy: Option<String>,
}

/// `[[claim]]`: a claim about a migration whose file can't carry it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimConfig {
    revision: String,
    claim: String,
}

const FILE: &str = "stairway.toml";

impl Config {
    pub(super) fn load() -> Result<Self, Failure> {
        let path = Path::new(FILE);
        if !path.is_file() {
            return Ok(Self::default());
        }
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("can't read {FILE}: {error}")))?;
        toml::from_str(&text).map_err(|error| Failure::usage(format!("{FILE}: {error}")))
    }

    /// Revision and claim of each `[[claim]]`.
    pub(super) fn claims(&self) -> Result<Vec<(String, Claim)>, Failure> {
        self.claims
            .iter()
            .map(|entry| match Claim::parse_body(&entry.claim) {
                Ok(claim) => Ok((entry.revision.clone(), claim)),
                Err(error) => {
                    Err(Failure::usage(format!("{FILE}: claim for {}: {error}", entry.revision)))
                }
            })
            .collect()
    }
}
