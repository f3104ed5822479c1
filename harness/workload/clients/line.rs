//! One connection and its thread.

use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::postgres::{PostgresError, Session, Target, milliseconds};
use crate::workload::query::Effect;
use crate::workload::{Outcome, Request, Sample, WorkloadError};

use super::{Job, Load, Order, Protocol, since};

/// A network that falls silent is given up so long after the server should have given up itself.
const SILENCE: Duration = Duration::from_secs(5);
/// The SQLSTATE of a connection that is lost.
const LOST: &str = "08006";

pub(super) struct Line<'a> {
    number: usize,
    target: &'a Target,
    load: &'a Load,
    /// The queries with numbers for their parameters.
    numbered: Vec<String>,
    /// None if the last one was lost.
    session: Option<Session>,
}

/// Connects, tells the server's process or why not, and works until nobody gives orders any more.
pub(super) fn work(
    number: usize,
    target: &Target,
    load: &Load,
    tell: oneshot::Sender<Result<u32, WorkloadError>>,
    orders: &mpsc::Receiver<Order>,
) {
    // A thread may be woken up to 50 microseconds late by default; then it is a little less exact.
    let _ = nix::sys::prctl::set_timerslack(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = tell.send(Err(WorkloadError::Threads(error.to_string())));
            return;
        }
    };
    runtime.block_on(async {
        let mut line = match Line::connect(number, target, load).await {
            Ok((line, backend)) => {
                let _ = tell.send(Ok(backend));
                line
            }
            Err(error) => {
                let _ = tell.send(Err(error.into()));
                return;
            }
        };
        while let Ok(Order(job, answer)) = orders.recv() {
            // Nobody may wait for it any more.
            let _ = answer.send(line.run(&job).await);
        }
        if let Some(session) = line.session {
            let _ = session.close().await;
        }
    });
}

impl<'a> Line<'a> {
    async fn connect(
        number: usize,
        target: &'a Target,
        load: &'a Load,
    ) -> Result<(Self, u32), PostgresError> {
        let numbered = load.queries.iter().map(crate::workload::Query::numbered).collect();
        let (session, backend) = session(target, load).await?;
        Ok((Self { number, target, load, numbered, session: Some(session) }, backend))
    }

    /// Takes requests of a plan until none is left: with the place of each.
    async fn run(&mut self, job: &Job) -> Vec<(usize, Sample)> {
        let mut samples = Vec::new();
        loop {
            let place = job.next.fetch_add(1, Ordering::Relaxed);
            let Some(request) = job.plan.requests.get(place) else { return samples };
            let is_rolled_back = self.is_rolled_back(request);
            self.reconnect().await;
            if is_rolled_back {
                self.plain("BEGIN").await;
            }
            let free = since(job.start);
            wait_until(job.start + request.at);
            if job.stop.load(Ordering::Relaxed) {
                if is_rolled_back {
                    self.plain("ROLLBACK").await;
                }
                return samples;
            }
            let sent = since(job.start);
            let outcome = if sent > job.until { Outcome::Unsent } else { self.send(request).await };
            let done = since(job.start);
            if is_rolled_back {
                self.plain("ROLLBACK").await;
            }
            let Request { at, query, .. } = *request;
            samples.push((
                place,
                Sample { query, connection: self.number, at, free, sent, done, outcome },
            ));
        }
    }

    fn is_rolled_back(&self, request: &Request) -> bool {
        let query = self.load.queries.get(request.query);
        query.is_some_and(|query| query.effect == Effect::RolledBack)
    }

    /// Connects anew if the connection was lost.
    async fn reconnect(&mut self) {
        if self.session.is_none() {
            self.session = session(self.target, self.load).await.ok().map(|(session, _)| session);
        }
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

fn wait_until(moment: Instant) {
    let left = moment.saturating_duration_since(Instant::now());
    if !left.is_zero() {
        std::thread::sleep(left);
    }
}
