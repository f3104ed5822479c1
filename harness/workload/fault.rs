//! Whose fault it is that a request took long: the server's own, a lock's, or this process's.
//!
//! Knows intervals of time. Must not know how they were seen.

use std::time::Duration;

use super::Sample;

/// From one moment to another, counted from the start of a plan.
pub(super) type Interval = (Duration, Duration);

/// A connection waited for a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Which connection.
    pub connection: usize,
    /// Since when.
    pub from: Duration,
    /// Until when.
    pub until: Duration,
    /// For what: the relation, if it is one, as SQL.
    pub relation: Option<String>,
    /// In which mode.
    pub mode: String,
    /// What those who held it were doing.
    pub blockers: Vec<String>,
}

impl Wait {
    /// In words.
    pub fn words(&self) -> String {
        let on = self.relation.as_ref().map(|name| format!(" on {name}")).unwrap_or_default();
        let by = match self.blockers.as_slice() {
            [] => String::new(),
            blockers => format!(", held by {}", blockers.join(", ")),
        };
        format!("{}{on}{by}", self.mode)
    }
}

/// What was seen beside the requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Waits for locks.
    pub waits: Vec<Wait>,
    /// When this process did not come to anything.
    pub stalls: Vec<(Duration, Duration)>,
    /// How many connections there are.
    pub connections: usize,
}

/// Sooner after its time a request is not late.
const ON_TIME: Duration = Duration::from_millis(2);

impl Faults {
    /// For how long each request was held up by this process: not sent although its connection was
    /// free, or while nothing here was run, or in what had gathered meanwhile.
    pub fn of_client(&self, samples: &[Sample]) -> Vec<Duration> {
        let stalls = self.with_backlog(samples);
        let held_up = |sample: &Sample| {
            let whole = (sample.at, sample.done);
            let idle = (sample.at.max(sample.free), sample.sent);
            let own = std::iter::once(idle).filter(|(from, until)| from < until);
            // A server that is too slow never catches up: that is not what a short stall did.
            let most: Duration =
                self.stalls.iter().map(|(from, until)| until.saturating_sub(*from)).sum();
            let gathered = covered(stalls.iter().copied(), whole).min(most);
            covered(own, whole).saturating_add(gathered).min(sample.latency())
        };
        samples.iter().map(held_up).collect()
    }

    /// For how long each request was held up by locks: its own connection waited for one, or it waited
    /// for a connection while others did.
    pub fn of_locks(&self, samples: &[Sample]) -> Vec<Duration> {
        let crowded = self.crowded();
        let held_up = |sample: &Sample| {
            let own = self.waits.iter().filter(|wait| wait.connection == sample.connection);
            let own = own.map(|wait| (wait.from.max(sample.sent), wait.until));
            let others = crowded.iter().map(|(from, until)| (*from, (*until).min(sample.sent)));
            let intervals = own.chain(others).filter(|(from, until)| from < until);
            covered(intervals, (sample.at, sample.done))
        };
        samples.iter().map(held_up).collect()
    }

    /// When at least half of the connections waited: then nobody else had one.
    fn crowded(&self) -> Vec<Interval> {
        let starts = self.waits.iter().map(|wait| (wait.from, true));
        let ends = self.waits.iter().map(|wait| (wait.until, false));
        let mut moments: Vec<(Duration, bool)> = starts.chain(ends).collect();
        // At one moment those that end go first.
        moments.sort();
        let (mut waiting, mut since, mut crowded) = (0_usize, None, Vec::new());
        for (moment, begins) in moments {
            waiting = if begins { waiting + 1 } else { waiting.saturating_sub(1) };
            let is_crowd = waiting > 0 && waiting * 2 >= self.connections;
            match (since, is_crowd) {
                (None, true) => since = Some(moment),
                (Some(from), false) => {
                    crowded.push((from, moment));
                    since = None;
                }
                _ => {}
            }
        }
        crowded
    }

    /// The stalls, each up to the moment from which requests are sent in time again.
    fn with_backlog(&self, samples: &[Sample]) -> Vec<Interval> {
        let mut by_time: Vec<&Sample> = samples.iter().collect();
        by_time.sort_by_key(|sample| sample.at);
        let caught_up = |(from, until): &Interval| {
            let later = by_time.iter().skip_while(|sample| sample.at <= *until);
            let mut in_time = later.filter(|sample| sample.sent <= sample.at + ON_TIME);
            let last = by_time.last().map_or(*until, |sample| sample.done.max(*until));
            (*from, in_time.next().map_or(last, |sample| sample.at))
        };
        self.stalls.iter().map(caught_up).collect()
    }
}

/// How much of `whole` is in one of the intervals.
fn covered(intervals: impl Iterator<Item = Interval>, whole: Interval) -> Duration {
    let mut parts: Vec<Interval> = intervals
        .map(|(from, until)| (from.max(whole.0), until.min(whole.1)))
        .filter(|(from, until)| from < until)
        .collect();
    parts.sort();
    let (mut sum, mut end) = (Duration::ZERO, whole.0);
    for (from, until) in parts {
        let from = from.max(end);
        if until > from {
            sum += until.saturating_sub(from);
            end = until;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Faults, Wait, covered};
    use crate::workload::{Outcome, Sample};

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn sample(connection: usize, at: u64, free: u64, sent: u64, done: u64) -> Sample {
        let (at, free, sent, done) = (ms(at), ms(free), ms(sent), ms(done));
        Sample { query: 0, connection, at, free, sent, done, outcome: Outcome::Answered }
    }

    #[test]
    fn parts_are_counted_once() {
        let parts = [(ms(0), ms(30)), (ms(20), ms(40)), (ms(35), ms(38)), (ms(90), ms(200))];
        assert_eq!(covered(parts.into_iter(), (ms(10), ms(100))), ms(40));
        assert_eq!(covered(std::iter::empty(), (ms(10), ms(100))), ms(0));
    }

    #[test]
    fn a_request_that_a_free_connection_sent_late_is_the_clients_fault() {
        let samples = [sample(0, 100, 50, 130, 140), sample(0, 150, 170, 170, 180)];
        assert_eq!(Faults::default().of_client(&samples), [ms(30), ms(0)]);
    }

    #[test]
    fn what_gathered_while_the_process_stood_still_is_its_fault_too() {
        let faults = Faults { stalls: vec![(ms(100), ms(3100))], ..Faults::default() };
        let samples = [
            sample(0, 90, 0, 90, 95),
            sample(1, 100, 0, 3100, 3101),
            sample(0, 200, 3101, 3101, 3150),
            sample(0, 3120, 3150, 3150, 3160),
            sample(1, 3200, 3101, 3200, 3210),
        ];
        assert_eq!(faults.of_client(&samples), [ms(0), ms(3001), ms(2950), ms(40), ms(0)]);
    }

    #[test]
    fn a_short_stall_does_not_excuse_a_server_that_never_catches_up() {
        let faults = Faults { stalls: vec![(ms(100), ms(110))], ..Faults::default() };
        // Each is sent 500 ms late, since the connection is busy.
        let samples: Vec<Sample> = (0..9)
            .map(|n| sample(0, 100 * n, 100 * n + 500, 100 * n + 500, 100 * n + 600))
            .collect();
        assert!(faults.of_client(&samples).iter().all(|held| *held <= ms(10)));
    }

    #[test]
    fn waiting_for_a_lock_counts_for_those_who_wait_behind_it_as_well() {
        let wait = |connection, from, until| Wait {
            connection,
            from: ms(from),
            until: ms(until),
            relation: None,
            mode: "AccessShareLock".to_owned(),
            blockers: Vec::new(),
        };
        let waits = vec![wait(0, 110, 2100)];
        let faults = Faults { waits, connections: 2, ..Faults::default() };
        let samples = [
            sample(0, 100, 0, 100, 2101),
            sample(1, 100, 0, 100, 900),
            sample(0, 500, 2101, 2101, 2102),
        ];
        assert_eq!(faults.of_locks(&samples), [ms(1990), ms(0), ms(1600)]);
        let many = Faults { connections: 8, ..faults };
        assert_eq!(many.of_locks(&samples), [ms(1990), ms(0), ms(0)], "others were free");
    }
}
