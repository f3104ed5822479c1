//! What is done with each migration, and by which lane.

use std::fs::File;
use std::ops::Range;

use crate::migrations::{History, Migration};
use crate::server::{Chosen, Kept};

use super::known::{Keys, Known, Store};
use super::outcome::{Judged, Seconds};
use super::rows;
use super::scope::Asked;
use super::verify::Options;

/// What is done with a migration.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// It is climbed and judged.
    Climb,
    /// Only its upgrade is run.
    Pass,
    /// Its upgrade is run if need be; an earlier run judged it.
    Known(Box<Known>),
}

/// One migration of the history and what is done with it.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    /// Its place in the history.
    pub(super) at: usize,
    pub(super) task: Task,
}

/// What a run does.
#[derive(Debug)]
pub(super) struct Plan {
    /// Base first.
    pub(super) stages: Vec<Stage>,
    /// Those that no tool runs, since another one before them has their version.
    pub(super) doubles: Vec<Judged>,
    /// Where what was learnt is kept.
    pub(super) store: Option<(Store, Keys)>,
    /// Data directories in which the first stages are applied; how many, most first.
    pub(super) kept: Vec<(usize, Kept)>,
    /// Rows that are kept from earlier runs.
    pub(super) rows: rows::Kept,
}

/// What a climb costs, in upgrades that are only run.
const CLIMB: usize = 8;

impl Plan {
    /// `server` is what is known about the server; without it nothing is taken from earlier runs.
    pub(super) fn new(
        options: &Options,
        history: &History,
        asked: &Asked,
        chosen: &Chosen,
        server: Option<&str>,
    ) -> Self {
        let (order, doubles) = without_doubles(history, asked);
        let migrations: Vec<&Migration> =
            order.iter().filter_map(|at| history.migrations.get(*at)).collect();
        let keeps = options.keep_rows.as_ref().filter(|_| options.rows.is_some());
        let rows = keeps.map(rows::Kept::read).unwrap_or_default();
        let store = server.map(|server| {
            (
                Store::new(chosen.cache(), &history.folder),
                Keys::new(&migrations, history, options, server, &rows),
            )
        });
        let mut stages: Vec<Stage> = order
            .into_iter()
            .map(|at| {
                let task = if asked.has(at) { Task::Climb } else { Task::Pass };
                Stage { at, task }
            })
            .collect();
        let mut kept = Vec::new();
        if let Some((store, keys)) = &store {
            let last = stages.len().saturating_sub(1);
            for (nth, (stage, key)) in stages.iter_mut().zip(&keys.verdicts).enumerate() {
                let known = matches!(stage.task, Task::Climb).then(|| store.get(key)).flatten();
                let says_enough = |known: &Known| {
                    let says_changes = known.judged.changes.is_some() || !options.changes;
                    // It may have been kept when others came after it.
                    let head = known.judged.tried.as_ref().map(|tried| tried.head.is_some());
                    let models = history.migrations.last().and_then(Migration::models);
                    let says_models = nth < last || known.judged.models.as_deref() == models;
                    says_changes
                        && says_models
                        && (nth < last || options.rows.is_none() || head == Some(true))
                };
                if let Some(known) = known.filter(says_enough) {
                    stage.task = Task::Known(Box::new(known));
                }
            }
            let keys = keys.data.iter().enumerate().rev();
            kept = keys.filter_map(|(at, key)| Some((at + 1, chosen.kept(key)?))).collect();
        }
        Self { stages, doubles, store, kept, rows }
    }

    /// Waits until no other process climbs the same; `None` if nothing is to be climbed, or nobody
    /// would learn from it.
    pub(super) async fn turn(&self) -> Option<File> {
        let (store, keys) = self.store.as_ref()?;
        let last = self.climbs().pop()?;
        store.lock(keys.verdicts.get(last)?).await
    }

    /// The stages that are to be climbed.
    pub(super) fn climbs(&self) -> Vec<usize> {
        let is_climb = |at: &usize| {
            self.stages.get(*at).is_some_and(|stage| matches!(stage.task, Task::Climb))
        };
        (0..self.stages.len()).filter(is_climb).collect()
    }

    /// The data directory with the most of the first `stages` applied, and how many.
    pub(super) fn base(&self, stages: usize) -> Option<&(usize, Kept)> {
        self.kept.iter().find(|(count, kept)| *count <= stages && kept.is_there())
    }

    /// Cuts what is to be climbed into at most `jobs` lanes of about the same cost, each with at
    /// least `least` climbs. Each lane runs what is before it from the nearest base.
    pub(super) fn lanes(&self, jobs: usize, least: usize) -> Vec<Range<usize>> {
        let climbs = self.climbs();
        let lanes = jobs.min(climbs.len() / least.max(1)).max(1);
        let base = |at: usize| self.base(at).map_or(0, |(count, _)| *count);
        let (mut low, mut high) = (0, self.stages.len() * (CLIMB + 1) + 1);
        while low < high {
            let most = low.midpoint(high);
            if cut(&climbs, base, most).is_some_and(|cuts| cuts.len() <= lanes) {
                high = most;
            } else {
                low = most + 1;
            }
        }
        cut(&climbs, base, low).unwrap_or_default()
    }
}

/// Lanes that cost `most` at most, as few as possible; `None` if one climb costs more.
fn cut(climbs: &[usize], base: impl Fn(usize) -> usize, most: usize) -> Option<Vec<Range<usize>>> {
    let mut lanes: Vec<Range<usize>> = Vec::new();
    let mut cost = 0;
    for &at in climbs {
        if let Some(lane) = lanes.last_mut() {
            let more = (at - lane.end) + CLIMB;
            if cost + more <= most {
                cost += more;
                lane.end = at + 1;
                continue;
            }
        }
        cost = at - base(at) + CLIMB;
        if cost > most {
            return None;
        }
        lanes.push(at..at + 1);
    }
    Some(lanes)
}

/// The places of what is run, and of what is asked about every migration whose version another one
/// before it has.
fn without_doubles(history: &History, asked: &Asked) -> (Vec<usize>, Vec<Judged>) {
    let mut order: Vec<usize> = Vec::new();
    let mut doubles = Vec::new();
    for (at, migration) in history.migrations.iter().enumerate() {
        let last = order.last().and_then(|last| history.migrations.get(*last));
        match last.filter(|before| before.version == migration.version) {
            None => order.push(at),
            Some(_) if !asked.has(at) => {}
            Some(before) => doubles.push(Judged {
                revision: migration.revision.clone(),
                name: migration.name.clone(),
                file: migration.upgrade.path.clone(),
                seconds: Seconds::default(),
                findings: Vec::new(),
                unjudged: Some(format!("it was not run: {} has its version", before.name)),
                changes: None,
                models: None,
                printed: Vec::new(),
                tried: None,
                kept: None,
                cached: false,
            }),
        }
    }
    (order, doubles)
}

#[cfg(test)]
mod tests {
    use super::{CLIMB, cut};

    #[test]
    fn lanes_hold_every_climb_once_and_in_order() {
        let climbs: Vec<usize> = (0..200).filter(|at| at % 3 != 1).collect();
        for most in [130 * CLIMB, 2000, 700, 400] {
            let lanes = cut(&climbs, |_| 0, most).unwrap();
            let held: Vec<usize> = lanes
                .iter()
                .flat_map(|lane| climbs.iter().copied().filter(|at| lane.contains(at)))
                .collect();
            assert_eq!(held, climbs, "{most}");
            assert!(lanes.windows(2).all(|two| two[0].end <= two[1].start), "{lanes:?}");
        }
        assert_eq!(cut(&climbs, |_| 0, 100), None, "the last climb is 199 upgrades away");
        assert!(cut(&climbs, |at| at, 100).is_some(), "unless there is a base at each");
    }
}
