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
mod watcher;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::postgres::Target;

use super::query::Query;
use super::values::Values;
use super::{Faults, Plan, Sample, Wait, WorkloadError};

pub use holds::{Held, Holds};

use heart::Heart;
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

/// Connections with their threads. Closed when dropped, by leaving.
#[derive(Debug)]
pub struct Clients {
    threads: Vec<Client>,
    watcher: Watcher,
}

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
    /// Nothing more is sent once this is set.
    stop: Arc<AtomicBool>,
}

/// A job and where to its samples go.
struct Order(Job, oneshot::Sender<Vec<(usize, Sample)>>);

/// All threads are awake before a plan begins.
const AHEAD: Duration = Duration::from_millis(20);

impl Clients {
    /// Connects `count` times. Queries that are prepared are prepared when they are first sent.
    pub async fn open(
        target: &Target,
        load: &Arc<Load>,
        count: usize,
    ) -> Result<Self, WorkloadError> {
        let mut threads = Vec::new();
        let mut connected = Vec::new();
        for number in 0..count {
            let (jobs, orders) = mpsc::channel::<Order>();
            let (tell, told) = oneshot::channel();
            let (target, load) = (target.clone(), Arc::clone(load));
            let thread = std::thread::Builder::new()
                .name(format!("load {number}"))
                .spawn(move || line::work(number, &target, &load, tell, &orders))
                .map_err(|error| WorkloadError::Threads(error.to_string()))?;
            threads.push(Client { jobs, thread });
            connected.push(told);
        }
        let mut backends = Vec::new();
        for told in connected {
            backends.push(told.await.map_err(|_| gone())??);
        }
        let watcher = Watcher::begin(target, backends).await?;
        Ok(Self { threads, watcher })
    }

    /// Sends the requests of `plan` and waits for all answers. What is not sent when `grace` has passed
    /// after its end is not sent at all.
    pub async fn send(
        &mut self,
        plan: &Arc<Plan>,
        grace: Duration,
    ) -> Result<Burst, WorkloadError> {
        self.send_until(plan, grace, &Arc::new(AtomicBool::new(false))).await
    }

    /// Likewise, but only up to the moment at which `stop` is set: what is not sent by then is not in
    /// the burst.
    pub async fn send_until(
        &mut self,
        plan: &Arc<Plan>,
        grace: Duration,
        stop: &Arc<AtomicBool>,
    ) -> Result<Burst, WorkloadError> {
        let job = Job {
            plan: Arc::clone(plan),
            start: Instant::now() + AHEAD,
            next: Arc::new(AtomicUsize::new(0)),
            until: plan.length + grace,
            stop: Arc::clone(stop),
        };
        let heart = Heart::begin(job.start)?;
        self.watcher.look(job.start);
        let mut answers = Vec::new();
        for client in &self.threads {
            let (answer, samples) = oneshot::channel();
            client.jobs.send(Order(job.clone(), answer)).map_err(|_| gone())?;
            answers.push(samples);
        }
        let mut samples: Vec<(usize, Sample)> = Vec::with_capacity(plan.requests.len());
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
