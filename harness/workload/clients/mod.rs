//! The connections of a load: a thread for each, which sends requests when their time has come.
//!
//! Timers of an event loop count milliseconds, and tasks wait for each other: so each connection has a
//! thread that sleeps up to the very moment. Whoever is free takes the next request; one that nobody
//! could take in time is sent late, and its latency counts from when it was to be sent.
//!
//! Knows a plan and a database. Must not know what latencies are good for.

mod heart;
mod holds;
mod line;
mod thread;
mod watcher;

use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::postgres::Target;

use super::query::Query;
use super::values::Values;
use super::{Faults, Plan, Request, Sample, Wait, WorkloadError};

pub use holds::{Held, Holds, Span};

use heart::Heart;
use line::Line;
use watcher::Watcher;

/// How queries are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Prepared once on each connection, with values in binary form.
    #[default]
    Prepared,
    /// As text with literals, planned each time.
    Simple,
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Load {
    /// The queries.
    pub queries: Vec<Query>,
    /// What each of them is sent with.
    pub values: Vec<Values>,
    /// How.
    pub protocol: Protocol,
    /// Answers that take longer are given up, and count as over any limit.
    pub timeout: Duration,
}

/// What came of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Burst {
    /// Each request of the plan, in its order.
    pub samples: Vec<Sample>,
    /// What was seen beside them.
    pub faults: Faults,
}

impl Burst {
    /// What came of one of the connections, as if it had been alone.
    #[must_use]
    pub fn of_connection(&self, connection: usize) -> Self {
        let samples = self.samples.iter().filter(|it| it.connection == connection);
        let waits = self.faults.waits.iter().filter(|it| it.connection == connection);
        Self {
            samples: samples.map(|it| Sample { connection: 0, ..it.clone() }).collect(),
            faults: Faults {
                waits: waits.map(|it| Wait { connection: 0, ..it.clone() }).collect(),
                stalls: self.faults.stalls.clone(),
                connections: 1,
            },
        }
    }
}

/// Connections with their threads. Closed when dropped, by leaving.
#[derive(Debug)]
pub struct Clients {
    threads: Vec<Client>,
    watcher: Watcher,
    /// Whether each connection has a plan to itself.
    is_each: bool,
}

/// The moment at which a plan that begins anew again and again ends; not known before.
pub type Stop = Arc<OnceLock<Instant>>;

#[derive(Debug)]
struct Client {
    jobs: mpsc::Sender<Order>,
    thread: JoinHandle<()>,
}

/// One plan, for all threads.
#[derive(Clone)]
struct Job {
    plan: Arc<Plan>,
    start: Instant,
    next: Arc<AtomicUsize>,
    /// What was not sent by then is not sent any more.
    until: Duration,
    /// The plan begins anew whenever it is at its end, up to this moment.
    stop: Option<Stop>,
}

impl Job {
    /// The request at a place.
    fn request(&self, place: usize) -> Option<Request> {
        if self.stop.is_none() {
            return self.plan.requests.get(place).copied();
        }
        let count = self.plan.requests.len();
        let request = self.plan.requests.get(place.checked_rem(count)?)?;
        let round = u32::try_from(place / count).unwrap_or(u32::MAX);
        Some(Request { at: request.at + self.plan.length * round, ..*request })
    }
}

/// A job and where to its samples go.
struct Order(Job, oneshot::Sender<Vec<(usize, Sample)>>);

/// The server's process of each connection, which is another one after a connection was lost.
type Backends = Arc<Vec<AtomicU32>>;

/// All threads are awake before a plan begins.
const AHEAD: Duration = Duration::from_millis(20);

impl Clients {
    /// Connects `count` times. Queries that are prepared are prepared when they are first sent.
    pub async fn open(
        target: &Target,
        load: &Arc<Load>,
        count: usize,
    ) -> Result<Self, WorkloadError> {
        Self::connect(target, &vec![Arc::clone(load); count], false).await
    }

    /// Connects once for each load. Each connection has all of a plan to itself, so that one that waits
    /// keeps no other from asking.
    pub async fn open_each(target: &Target, loads: &[Arc<Load>]) -> Result<Self, WorkloadError> {
        Self::connect(target, loads, true).await
    }

    async fn connect(
        target: &Target,
        loads: &[Arc<Load>],
        is_each: bool,
    ) -> Result<Self, WorkloadError> {
        let mut threads = Vec::new();
        let mut connected = Vec::new();
        let backends: Backends = Arc::new(loads.iter().map(|_| AtomicU32::new(0)).collect());
        for (number, load) in loads.iter().enumerate() {
            let (jobs, orders) = mpsc::channel::<Order>();
            let line = Line::new(number, target.clone(), Arc::clone(load), Arc::clone(&backends));
            let name = format!("load {number}");
            let (thread, told) = thread::begin(
                name,
                async move || line.connected().await,
                async move |mut line| line.work(&orders).await,
            )?;
            threads.push(Client { jobs, thread });
            connected.push(told);
        }
        for told in connected {
            told.await.map_err(|_| gone())??;
        }
        let watcher = Watcher::begin(target, backends).await?;
        Ok(Self { threads, watcher, is_each })
    }

    /// Sends the requests of `plan` and waits for all answers. What is not sent when `grace` has passed
    /// after its end is not sent at all.
    pub async fn send(
        &mut self,
        plan: &Arc<Plan>,
        grace: Duration,
    ) -> Result<Burst, WorkloadError> {
        let until = plan.length + grace;
        self.work(plan, Self::soon(), until, None).await
    }

    /// Sends the requests of `plan` from `start` on, again and again, up to the last one that is due before
    /// the moment of `stop`.
    pub async fn send_until(
        &mut self,
        plan: &Arc<Plan>,
        start: Instant,
        stop: &Stop,
    ) -> Result<Burst, WorkloadError> {
        self.work(plan, start, Duration::MAX, Some(Arc::clone(stop))).await
    }

    /// The next moment at which all threads can be awake.
    pub fn soon() -> Instant {
        Instant::now() + AHEAD
    }

    async fn work(
        &mut self,
        plan: &Arc<Plan>,
        start: Instant,
        until: Duration,
        stop: Option<Stop>,
    ) -> Result<Burst, WorkloadError> {
        let (plan, next) = (Arc::clone(plan), Arc::new(AtomicUsize::new(0)));
        let job = Job { plan, start, next, until, stop };
        let heart = Heart::begin(job.start)?;
        self.watcher.look(job.start);
        let mut answers = Vec::new();
        for client in &self.threads {
            let (answer, samples) = oneshot::channel();
            let mut job = job.clone();
            if self.is_each {
                job.next = Arc::new(AtomicUsize::new(0));
            }
            client.jobs.send(Order(job, answer)).map_err(|_| gone())?;
            answers.push(samples);
        }
        let mut samples: Vec<(usize, Sample)> = Vec::new();
        for answer in answers {
            samples.extend(answer.await.map_err(|_| gone())?);
        }
        let waits: Vec<Wait> = self.watcher.rest().await?;
        let connections = self.threads.len();
        let faults = Faults { waits, stalls: heart.end(), connections };
        samples.sort_unstable_by_key(|(place, _)| *place);
        Ok(Burst { samples: samples.into_iter().map(|(_, sample)| sample).collect(), faults })
    }

    /// Leaves, and waits until the server has taken note.
    pub async fn close(self) -> Result<(), WorkloadError> {
        self.watcher.end().await;
        let (jobs, threads): (Vec<_>, Vec<_>) =
            self.threads.into_iter().map(|client| (client.jobs, client.thread)).unzip();
        drop(jobs);
        // They have nothing to do but to say good-bye.
        for thread in threads {
            thread.join().map_err(|_| gone())?;
        }
        Ok(())
    }
}

fn gone() -> WorkloadError {
    WorkloadError::Threads("one of them ended before its work was done".to_owned())
}

/// From `start`, which may be still to come.
fn since(start: Instant) -> Duration {
    Instant::now().saturating_duration_since(start)
}
