//! How rows are given, as it is written down.

use std::time::Duration;

use super::RowOptions;
use crate::config::{Config, ConfigError, MOST_ROWS, RowSettings};

/// A number of rows or cases that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{what} can't be {given}: it is from 1 to {MOST_ROWS}")]
pub struct NoRowOptions {
    what: &'static str,
    given: usize,
}

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
        let most = usize::try_from(MOST_ROWS).unwrap_or(usize::MAX);
        let both = [
            ("the number of cases", cases),
            ("the number of rows for a table", self.rows_per_table),
        ];
        match both.into_iter().find(|(_, given)| !(1..=most).contains(given)) {
            Some((what, given)) => Err(NoRowOptions { what, given }),
            None => Ok(()),
        }
    }
}
