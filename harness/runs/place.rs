//! A database or a schema at some place of a history: upgrades only, nothing judged.

use crate::migrations::{History, Place};
use crate::server::{Chosen, Database};
use crate::steps::{self, Ledger};

use super::RunError;
use super::keep::nearest;
use super::lane::Work;
use super::plan::Plan;
use super::scope::Asked;
use super::verify::{Options, identify, load};

/// Runs the upgrades of `history` up to `place` on an empty database.
pub async fn migrate(database: &Database, history: &History, place: Place) -> Result<(), RunError> {
    let mut session = steps::connect(history.tool, &database.target, "migrate").await?;
    let ledger = Ledger::ensure(&mut session, &history.records).await?;
    for migration in history.migrations.iter().take(place.0) {
        let done = steps::replay(&database.target, &mut session, &ledger, migration).await?;
        done.map_err(|source| RunError::Upgrade {
            revision: migration.revision.clone(),
            source: Box::new(source),
        })?;
    }
    Ok(session.close().await?)
}

/// Brings an empty database to where a finding about the migration at `at` can be seen: after its
/// upgrade, and after its downgrade if `back`. What fails there is left as it failed. Gives where it
/// is, in words.
pub async fn migrate_into(
    database: &Database,
    history: &History,
    at: usize,
    back: bool,
) -> Result<&'static str, RunError> {
    migrate(database, history, Place(at)).await?;
    let Some(migration) = history.migrations.get(at) else { return Ok("before it") };
    let mut session = steps::connect(history.tool, &database.target, "migrate").await?;
    let ledger = Ledger::ensure(&mut session, &history.records).await?;
    if steps::apply(&mut session, &ledger, migration).await.is_err() {
        return Ok("where its upgrade failed");
    }
    let before = at.checked_sub(1).and_then(|before| history.migrations.get(before));
    let Some(script) = migration.downgrade.as_ref().filter(|_| back) else {
        return Ok("after its upgrade");
    };
    match steps::revert(&mut session, &ledger, migration, script, before).await {
        Ok(_) => Ok("after its downgrade"),
        Err(_) => Ok("where its downgrade failed"),
    }
}

/// The schema at head of the history that `options` name, as text, and the major version of the
/// server that it was read from. Migrations whose upgrades fail are left out.
pub async fn head_schema(options: &Options) -> Result<(String, u32), RunError> {
    let history = load(options)?;
    let chosen = Chosen::find(&options.server).await?;
    let (server, known) = identify(options, &chosen).await?;
    if let Some(server) = server {
        Box::pin(server.stop()).await?;
    }
    // Nobody asks for verdicts.
    let asked = Asked::default();
    let plan = Plan::new(options, &history, &asked, &chosen, known.as_deref());
    let options = options.clone();
    let work = Work { options, history, asked, baseline: None, chosen, plan };
    let count = work.plan.stages.len();
    let store = work.plan.store.as_ref();
    let kept = store.and_then(|(store, keys)| Some((store, keys.data.last()?)));
    let found = kept.and_then(|(store, key)| store.schema(key));
    if let (Some(text), Some(version)) = (found, work.chosen.version()) {
        return Ok((text, version.major));
    }
    let (mut climb, first) = nearest(&work, count).await?;
    for at in first..count {
        let Some((_, migration)) = work.stage(at) else { break };
        climb.pass(migration).await?;
    }
    let state = climb.state().await?;
    Box::pin(climb.end()).await?;
    let text = state.render();
    if let Some((store, key)) = kept {
        // The next one reads it again then.
        let _ = store.put_schema(key, &text);
    }
    Ok((text, state.major()))
}
