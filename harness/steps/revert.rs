//! One migration back.

use std::time::{Duration, Instant};

use crate::migrations::{Migration, Script};
use crate::postgres::Session;

use super::script::{self, StepFailure};
use super::version_table::Ledger;

/// Runs `downgrade`, the way back of `migration`, and takes it out of the version table; `before`
/// is the migration that is then the last. Gives the time it took.
pub async fn revert(
    session: &mut Session,
    ledger: &Ledger,
    migration: &Migration,
    downgrade: &Script,
    before: Option<&Migration>,
) -> Result<Duration, StepFailure> {
    let start = Instant::now();
    script::run(session, downgrade, &ledger.erase(migration, before)).await?;
    Ok(start.elapsed())
}
