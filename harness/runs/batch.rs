//! The batch modes: every script in a transaction of its own, or all upgrades in one.

use crate::checks;
use crate::finding::{CheckId, Finding};
use crate::migrations::{History, Migration, Script, Wrap};
use crate::server::Chosen;
use crate::sql;
use crate::steps::{self, Ground, Origin, Reading, StepFailure};

use super::{Options, RunError};

/// Puts every script into a transaction of its own; one that PostgreSQL refuses there is sent
/// statement by statement.
pub(super) fn wrap_each(migrations: &mut [Migration]) {
    for migration in migrations {
        wrap(&mut migration.upgrade);
        if let Some(script) = &mut migration.downgrade {
            wrap(script);
        }
    }
}

fn wrap(script: &mut Script) {
    if script.wrap != Wrap::OneMessage {
        return;
    }
    let statements = sql::split(&script.text).unwrap_or_default();
    let refused = statements.iter().any(|statement| {
        let text = script.text.get(statement.bytes.clone());
        text.is_some_and(|text| sql::refuses_transaction(text).is_some())
    });
    script.wrap = if refused { Wrap::Statements } else { Wrap::Transaction };
}

/// Runs all pending upgrades in one transaction on a server of their own: what works one by one
/// may not work together, for example a new enum label that is used at once.
pub(super) async fn together(
    chosen: &Chosen,
    options: &Options,
    history: &History,
    pending: &[&Migration],
) -> Result<Vec<Finding>, RunError> {
    let origin = options.backup.as_deref().map_or(Origin::Empty, Origin::Backup);
    let server = chosen.start().await?;
    let (mut ground, _) =
        Ground::open(chosen, server, &history.records, origin, Reading::Touched).await?;
    let (session, ledger) = ground.climber()?;
    let result = steps::apply_together(session, ledger, pending).await;
    ground.close().await?;
    match result {
        Ok(()) => Ok(Vec::new()),
        Err((_, StepFailure::Postgres(error))) => Err(error.into()),
        Err((_, StepFailure::Environment(error))) => Err(error.into()),
        Err((migration, failure)) => {
            let lead = "the upgrade fails in one transaction with those before it";
            Ok(checks::failure(CheckId::UpgradeFailed, lead, &migration.upgrade, &failure)
                .into_iter()
                .collect())
        }
    }
}
