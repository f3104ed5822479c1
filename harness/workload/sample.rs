//! What became of one request.
//!
//! Knows moments, counted from the start of a plan. Must not know what is a good latency.

use std::time::Duration;

/// So many limits is what a failed request took.
const FAILED: u32 = 10;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The place of its query.
    pub query: usize,
    /// Which connection sent it.
    pub connection: usize,
    /// When it was to be sent.
    pub at: Duration,
    /// When its connection had nothing else to do.
    pub free: Duration,
    /// When it was sent.
    pub sent: Duration,
    /// When its answer was there, or nobody waited for it any more.
    pub done: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With an answer.
    Answered,
    /// With an error of this SQLSTATE; `08006` if the connection was lost.
    Failed(String),
    /// It was not sent, since no connection was free before all was over.
    Unsent,
}

impl Sample {
    /// From the moment at which it was to be sent: what waited in front of it counts.
    pub fn latency(&self) -> Duration {
        self.done.saturating_sub(self.at)
    }

    /// The same, where one that failed took ten times `limit`: it never gave what was asked.
    pub fn latency_in(&self, limit: Duration) -> Duration {
        match self.outcome {
            Outcome::Failed(_) => self.latency().max(limit * FAILED),
            Outcome::Answered | Outcome::Unsent => self.latency(),
        }
    }

    /// From the moment at which it was sent.
    pub fn service_time(&self) -> Duration {
        self.done.saturating_sub(self.sent)
    }

    /// Whether it counts as over `limit`: also what failed or was never sent.
    pub fn is_over(&self, limit: Duration) -> bool {
        self.outcome != Outcome::Answered || self.latency() > limit
    }
}
