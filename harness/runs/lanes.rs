//! Lanes side by side: each on a thread and a server of its own, heard in one place.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::server::Server;

use super::climb::Verdicted;
use super::lane::{Ended, Lane, Said, Work};
use super::{Event, RunError, Watch};

/// What all lanes together came to.
#[derive(Debug, Default)]
pub(super) struct Climbed {
    /// By stage.
    pub(super) judged: BTreeMap<usize, Verdicted>,
    /// In the order of the lanes' ends.
    pub(super) ended: Vec<Ended>,
}

/// Runs a lane for each of `ranges`. `server` was started already and is for the first of them.
/// Dropping this ends all lanes and their servers.
pub(super) async fn climb(
    work: &Arc<Work>,
    ranges: Vec<Range<usize>>,
    server: Option<Server>,
    watch: &mut (dyn Watch + Send),
) -> Result<Climbed, RunError> {
    let (says, mut heard) = mpsc::unbounded_channel();
    // From this stage on nothing is needed any more.
    let (stop, stopped) = watch::channel(usize::MAX);
    let mut server = server;
    let mut threads = Vec::new();
    for range in ranges {
        let ended = Ended { range: range.clone(), ..Ended::default() };
        let lane = Lane { work: Arc::clone(work), range, says: says.clone(), ended };
        threads.push(spawn(lane, server.take(), stopped.clone()));
    }
    drop((says, stopped));
    let mut hearing = Hearing { work, climbed: Climbed::default(), met: false, failed: None };
    while let Some(said) = heard.recv().await {
        if let Some(limit) = hearing.hear(said, watch) {
            stop.send_if_modified(|known| {
                let lower = limit < *known;
                *known = limit.min(*known);
                lower
            });
        }
    }
    for thread in threads {
        if let Err(panic) = thread.await
            && panic.is_panic()
        {
            std::panic::resume_unwind(panic.into_panic());
        }
    }
    match hearing.failed {
        Some(error) => Err(error),
        None => Ok(hearing.climbed),
    }
}

/// A thread, since two lanes on one would wait for each other's work.
fn spawn(lane: Lane, server: Option<Server>, mut stop: watch::Receiver<usize>) -> JoinHandle<()> {
    tokio::task::spawn_blocking(move || {
        let says = lane.says.clone();
        let range = lane.range.clone();
        let first = range.start;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let result = match runtime {
            Err(error) => Err(RunError::Thread(error)),
            Ok(runtime) => runtime.block_on(async {
                tokio::select! {
                    result = lane.run(server) => result,
                    // Also when nobody listens any more.
                    _ = stop.wait_for(|limit| *limit <= first) => {
                        Ok(Ended { range, ..Ended::default() })
                    }
                }
            }),
        };
        let _ = says.send(Said::Ended(Box::new(result)));
    })
}

/// Puts together what the lanes say.
struct Hearing<'w> {
    work: &'w Work,
    climbed: Climbed,
    /// Whether a server was heard of: one is enough.
    met: bool,
    failed: Option<RunError>,
}

impl Hearing<'_> {
    /// Gives the stage from which on nothing is needed any more, if this says so.
    fn hear(&mut self, said: Said, watch: &mut (dyn Watch + Send)) -> Option<usize> {
        let options = &self.work.options;
        let total = self.work.plan.climbs().len();
        match said {
            Said::Server(reason) => {
                if !std::mem::replace(&mut self.met, true) {
                    watch.event(Event::Server(&reason));
                }
            }
            Said::Restored { seconds, applied } => {
                watch.event(Event::Restored { seconds, applied });
            }
            Said::Note(note) => watch.event(Event::Note(&note)),
            Said::Begins(at) => {
                let index = self.climbed.judged.len();
                watch.event(Event::Begins { index, total, name: &self.name(at) });
            }
            Said::Judged(at, verdicted) => {
                let errors = self.work.failures(&verdicted.judged);
                watch.event(Event::Judged { name: &self.name(at), errors });
                self.climbed.judged.insert(at, *verdicted);
                return (errors > 0 && options.fail_fast).then_some(at + 1);
            }
            Said::Ended(result) => match *result {
                Ok(ended) => {
                    if !ended.is_proven {
                        self.climbed.judged.retain(|at, _| !ended.range.contains(at));
                    }
                    self.climbed.ended.push(ended);
                }
                Err(error) => {
                    self.failed.get_or_insert(error);
                    return Some(0);
                }
            },
        }
        None
    }

    fn name(&self, at: usize) -> String {
        let migration = self.work.stage(at).map(|(_, migration)| migration);
        migration.map_or_else(String::new, |it| format!("{} {}", it.revision, it.name))
    }
}
