//! One connection and its thread.

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use crate::postgres::{PostgresError, Session, Target, milliseconds};
use crate::workload::query::Effect;
use crate::workload::{Outcome, Request, Sample, WorkloadError};

use super::{Backends, Job, Load, Order, Protocol, Stop, since};

/// A network that falls silent is given up so long after the server should have given up itself.
const SILENCE: Duration = Duration::from_secs(5);
/// How long it sleeps at most before it asks whether there is an end by now.
const SLICE: Duration = Duration::from_millis(50);
/// The SQLSTATE of a connection that is lost.
const LOST: &str = "08006";

pub(super) struct Line {
    number: usize,
    target: Target,
    load: Arc<Load>,
    backends: Backends,
    /// The queries with numbers for their parameters.
    numbered: Vec<String>,
    /// None if the last one was lost.
    session: Option<Session>,
}

impl Line {
    /// One that is not connected yet.
    pub(super) fn new(number: usize, target: Target, load: Arc<Load>, backends: Backends) -> Self {
        let numbered = load.queries.iter().map(crate::workload::Query::numbered).collect();
        Self { number, target, load, backends, numbered, session: None }
    }

    /// Connects, in the thread that will work.
    pub(super) async fn connected(mut self) -> Result<Self, WorkloadError> {
        // A thread may be woken up to 50 microseconds late by default; then it is a little less exact.
        let _ = nix::sys::prctl::set_timerslack(1);
        self.connect().await?;
        Ok(self)
    }

    /// Works until nobody gives orders any more.
    pub(super) async fn work(&mut self, orders: &mpsc::Receiver<Order>) {
        while let Ok(Order(job, answer)) = orders.recv() {
            // Nobody may wait for it any more.
            let _ = answer.send(self.run(&job).await);
        }
        if let Some(session) = self.session.take() {
            let _ = session.close().await;
        }
    }

    /// Connects, and has others know the server's process.
    async fn connect(&mut self) -> Result<(), PostgresError> {
        let (session, backend) = session(&self.target, &self.load).await?;
        if let Some(slot) = self.backends.get(self.number) {
            slot.store(backend, Ordering::Relaxed);
        }
        self.session = Some(session);
        Ok(())
    }

    /// Takes requests of a plan until none is left: with the place of each.
    async fn run(&mut self, job: &Job) -> Vec<(usize, Sample)> {
        let mut samples = Vec::new();
        loop {
            let place = job.next.fetch_add(1, Ordering::Relaxed);
            let Some(request) = job.request(place) else { return samples };
            let is_rolled_back = self.is_rolled_back(request);
            if self.session.is_none() {
                // What can't be sent fails, one by one.
                let _ = self.connect().await;
            }
            if is_rolled_back {
                self.plain("BEGIN").await;
            }
            let free = since(job.start);
            if !wait_until(job.start + request.at, job.stop.as_ref()) {
                if is_rolled_back {
                    self.plain("ROLLBACK").await;
                }
                return samples;
            }
            let sent = since(job.start);
            let outcome =
                if sent > job.until { Outcome::Unsent } else { self.send(&request).await };
            let done = since(job.start);
            if is_rolled_back {
                self.plain("ROLLBACK").await;
            }
            let Request { at, query, .. } = request;
            samples.push((
                place,
                Sample { query, connection: self.number, at, free, sent, done, outcome },
            ));
        }
    }

    fn is_rolled_back(&self, request: Request) -> bool {
        let query = self.load.queries.get(request.query);
        query.is_some_and(|query| query.effect == Effect::RolledBack)
    }

    async fn send(&mut self, request: &Request) -> Outcome {
        // What was to be rolled back is not sent without its BEGIN.
        let Some(session) = &mut self.session else { return Outcome::Failed(LOST.to_owned()) };
        let values = self.load.values.get(request.query);
        let sent = match self.load.protocol {
            Protocol::Prepared => {
                let sql = self.numbered.get(request.query).map(String::as_str).unwrap_or_default();
                let binary = values.and_then(|values| values.binary.get(request.tuple));
                session.execute_prepared(sql, binary.map(Vec::as_slice).unwrap_or_default()).await
            }
            Protocol::Simple => {
                let tuple = values.and_then(|values| values.tuples.get(request.tuple));
                let query = self.load.queries.get(request.query);
                let sql = query.zip(tuple).map(|(query, tuple)| query.with_literals(tuple));
                session.execute(&sql.unwrap_or_default()).await
            }
        };
        match sent {
            Ok(()) => Outcome::Answered,
            Err(PostgresError::Sql(failure)) => Outcome::Failed(failure.sqlstate.clone()),
            Err(_) => {
                self.session = None;
                Outcome::Failed(LOST.to_owned())
            }
        }
    }

    /// Sends what is not measured.
    async fn plain(&mut self, sql: &str) {
        if let Some(session) = &mut self.session
            && session.execute(sql).await.is_err()
        {
            self.session = None;
        }
    }
}

async fn session(target: &Target, load: &Load) -> Result<(Session, u32), PostgresError> {
    let mut session = Session::connect(target, "load").await?;
    session.give_up_after(load.timeout + SILENCE);
    let limit = milliseconds(load.timeout);
    let asked = format!(
        "SET statement_timeout = {limit}; SET client_connection_check_interval = 1000; \
         SELECT pg_catalog.pg_backend_pid()"
    );
    let backend = session.value(&asked).await?.unwrap_or_default();
    let backend = backend.parse().map_err(|_| PostgresError::Unexpected(backend))?;
    Ok((session, backend))
}

/// Sleeps up to `moment`; gives whether it is before that of `stop`.
fn wait_until(moment: Instant, stop: Option<&Stop>) -> bool {
    loop {
        if stop.and_then(|stop| stop.get()).is_some_and(|stop| moment > *stop) {
            return false;
        }
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        // Nobody waits for a request that is due long after the end.
        std::thread::sleep(if stop.is_some() { left.min(SLICE) } else { left });
    }
}
