//! How rows are given, as it is written down.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::RowOptions;
use crate::config::{Config, ConfigError, RowSettings};

/// A number of rows or cases that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{what} can't be {given}: from {} to {} there may be", COUNT.start(), COUNT.end())]
pub struct NoRowOptions {
    what: &'static str,
    given: usize,
}

/// How many cases, and how many rows for a table, may be asked for.
const COUNT: RangeInclusive<usize> = 1..=100_000;

impl RowOptions {
    /// The defaults with what the environment and `stairway.toml` say, after what was `named` for
    /// one run; `None` if no rows are wanted.
    pub fn written(config: &Config, named: RowSettings) -> Result<Option<Self>, ConfigError> {
        let Some(settings) = config.rows(named)? else { return Ok(None) };
        let usual = Self::default();
        let seconds = settings.budget.map(Duration::from_secs);
        let count = |given: u32| usize::try_from(given).unwrap_or(usize::MAX);
        Ok(Some(Self {
            cases: settings.cases.unwrap_or(usual.cases),
            rows_per_table: settings.per_table.map_or(usual.rows_per_table, count),
            seed: settings.seed.unwrap_or(usual.seed),
            budget: seconds.unwrap_or(usual.budget),
        }))
    }

    /// Whether such rows can be given.
    pub(in crate::runs) fn check(&self) -> Result<(), NoRowOptions> {
        let cases = usize::try_from(self.cases).unwrap_or(usize::MAX);
        let both = [("the number of cases", cases), ("the number of rows", self.rows_per_table)];
        match both.into_iter().find(|(_, given)| !COUNT.contains(given)) {
            Some((what, given)) => Err(NoRowOptions { what, given }),
            None => Ok(()),
        }
    }
}
