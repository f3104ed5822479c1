//! What a run leaves for the next one: verdicts, and a data directory with the history applied.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::steps::{Ground, Origin, Reading};

use super::climb::Climb;
use super::lane::{Applies, Work, on_kept};
use super::lanes::Climbed;
use super::{Caching, Event, RunError, Watch};

/// So many upgrades are cheaper run again than kept: a server starts in the time of dozens.
const NOT_WORTH_KEEPING: usize = 24;

/// Keeps what `climbed` says, and the state at the end of the history if it is far from every state
/// that is kept already. Gives how long it took, in seconds. What can't be kept is said, and
/// changes nothing else.
pub(super) async fn keep(work: &Work, climbed: &Climbed, watch: &mut (dyn Watch + Send)) -> f64 {
    let start = Instant::now();
    let Some((store, keys)) = &work.plan.store else { return 0.0 };
    for (at, verdicted) in &climbed.judged {
        let Some(key) = keys.verdicts.get(*at) else { continue };
        if let Err(error) = store.put(key, verdicted) {
            watch.event(Event::Note(&format!("verdicts can't be kept: {error}")));
            return start.elapsed().as_secs_f64();
        }
    }
    if !climbed.judged.is_empty() {
        store.trim();
    }
    if let Err(error) = Box::pin(keep_data(work, climbed, &keys.data)).await {
        watch.event(Event::Note(&format!("the data directory can't be kept: {error}")));
    }
    start.elapsed().as_secs_f64()
}

/// A climb on the nearest state that is kept, and how many stages are applied in it.
pub(super) async fn nearest(work: &Work, count: usize) -> Result<(Climb<'_>, usize), RunError> {
    if let Some((known, kept)) = work.plan.base(count)
        && let Some(climb) = on_kept(work, *known, kept, Reading::Touched).await?
    {
        return Ok((climb, *known));
    }
    let server = work.chosen.start().await?;
    let (origin, records) = (Origin::Empty, &work.history.records);
    let (ground, _) = Ground::open(&work.chosen, server, records, origin, Reading::Touched).await?;
    Ok((Climb::begin(ground, None, Vec::new(), None), 0))
}

async fn keep_data(work: &Work, climbed: &Climbed, keys: &[String]) -> Result<(), RunError> {
    let count = keys.len();
    let known = work.plan.base(count).map_or(0, |(count, _)| *count);
    let Some(key) = keys.last() else { return Ok(()) };
    let is_for_others = work.options.caching == Caching::On;
    if !is_for_others
        || climbed.judged.is_empty()
        || count - known < NOT_WORTH_KEEPING
        || work.chosen.version().is_none()
    {
        return Ok(());
    }
    let (mut climb, first) = nearest(work, count).await?;
    for at in first..count {
        let Some((_, migration)) = work.stage(at) else { break };
        climb.pass(migration).await?;
    }
    let ran: BTreeSet<&str> =
        climb.passed().iter().map(|migration| migration.version.as_str()).collect();
    let all = (0..count).filter_map(|at| work.stage(at)).map(|(_, migration)| &migration.version);
    let failed = all.filter(|version| !ran.contains(version.as_str())).cloned().collect();
    let folder = work.history.folder.display().to_string();
    let note = serde_json::to_string(&Applies { folder, count, failed }).unwrap_or_default();
    climb.into_ground().keep(key, &note).await?;
    Ok(())
}
