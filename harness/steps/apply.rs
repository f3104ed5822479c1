//! One migration forward.

use std::time::{Duration, Instant};

use crate::migrations::{Migration, Wrap};
use crate::postgres::Session;

use super::script::{self, StepFailure};
use super::version_table::Ledger;

/// Runs the upgrade of `migration` and records it. Gives the time it took.
pub async fn apply(
    session: &mut Session,
    ledger: &Ledger,
    migration: &Migration,
) -> Result<Duration, StepFailure> {
    let start = Instant::now();
    script::run(session, &migration.upgrade, &ledger.record(migration)).await?;
    Ok(start.elapsed())
}

/// Runs the upgrades of `migrations` in one transaction. One that must not run in a transaction
/// ends it: what is before it is committed, and the next one begins another. Gives the migration
/// that failed.
pub async fn apply_together<'m>(
    session: &mut Session,
    ledger: &Ledger,
    migrations: &[&'m Migration],
) -> Result<(), (&'m Migration, StepFailure)> {
    let mut open = false;
    for migration in migrations {
        let fail = |failure| (*migration, failure);
        let postgres = |error| fail(StepFailure::Postgres(error));
        if migration.upgrade.wrap() == Wrap::Statements {
            if std::mem::take(&mut open) {
                session.execute("COMMIT").await.map_err(postgres)?;
            }
            apply(session, ledger, migration).await.map_err(fail)?;
            continue;
        }
        if !open {
            session.discard_all().await.map_err(postgres)?;
            session.execute("BEGIN").await.map_err(postgres)?;
            open = true;
        }
        let record = ledger.record(migration);
        script::in_open_transaction(session, &migration.upgrade, &record).await.map_err(fail)?;
    }
    if open && let (Some(last), Err(error)) = (migrations.last(), session.execute("COMMIT").await) {
        return Err((last, script::outside(error, &last.upgrade)));
    }
    Ok(())
}
