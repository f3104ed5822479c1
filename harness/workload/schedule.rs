//! Which request is sent when: fixed before anything is sent, so a slow answer delays no other request.
//!
//! Knows rates and weights. Must not know queries' texts, nor clocks.

use std::time::Duration;

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::WorkloadError;
use super::query::{Query, Share};

/// How many requests a second there are, in all and of each query.
#[derive(Clone, Debug, PartialEq)]
pub struct Shares {
    /// In all.
    pub rate: f64,
    rates: Vec<f64>,
}

/// One request of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// When it is to be sent, from the start of the plan.
    pub at: Duration,
    /// The place of its query.
    pub query: usize,
    /// The place of its values.
    pub tuple: usize,
}

/// Requests in the order in which they are to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order of time.
    pub requests: Vec<Request>,
    /// How long it takes.
    pub length: Duration,
}

impl Shares {
    /// Shares `rate` requests a second among `queries`; those with a rate of their own have that.
    pub fn new(queries: &[Query], rate: f64) -> Result<Self, WorkloadError> {
        let own = |query: &Query| match query.share {
            Share::Rate(rate) => Some(rate),
            Share::Weight(_) => None,
        };
        let weight = |query: &Query| match query.share {
            Share::Weight(weight) => weight,
            Share::Rate(_) => 0.0,
        };
        let all_own: f64 = queries.iter().filter_map(own).sum();
        let weights: f64 = queries.iter().map(weight).sum();
        if weights == 0.0 {
            return Ok(Self { rate: all_own, rates: queries.iter().filter_map(own).collect() });
        }
        let left = rate - all_own;
        if left <= 0.0 {
            return Err(WorkloadError::Rate { own: all_own, all: rate });
        }
        let rates =
            queries.iter().map(|query| own(query).unwrap_or(left * weight(query) / weights));
        Ok(Self { rate, rates: rates.collect() })
    }

    /// All `rate` requests a second of one query.
    pub fn of_one(rate: f64) -> Self {
        Self { rate, rates: vec![rate] }
    }

    /// The same shares of at least so many requests a second.
    #[must_use]
    pub fn at_least(&self, rate: f64) -> Self {
        let factor = (rate / self.rate).max(1.0);
        let rates = self.rates.iter().map(|rate| rate * factor).collect();
        Self { rate: self.rate * factor, rates }
    }

    /// The same rate, shared by some of the queries only.
    #[must_use]
    pub fn only(&self, places: &[usize]) -> Self {
        let all: f64 = places.iter().map(|place| self.of(*place)).sum();
        let rate = |(place, rate): (usize, &f64)| {
            if places.contains(&place) { rate * self.rate / all } else { 0.0 }
        };
        let rates = self.rates.iter().enumerate().map(rate).collect();
        Self { rate: self.rate, rates }
    }

    /// Requests a second of the query at `place`.
    pub fn of(&self, place: usize) -> f64 {
        self.rates.get(place).copied().unwrap_or_default()
    }

    /// How many of `count` requests each query has, as near to its share as can be.
    fn counts(&self, count: usize) -> Vec<usize> {
        let all: f64 = self.rates.iter().sum();
        let wanted: Vec<f64> = self.rates.iter().map(|rate| real(count) * rate / all).collect();
        let mut counts: Vec<usize> = wanted.iter().map(|wanted| whole(*wanted)).collect();
        let mut places: Vec<usize> = (0..counts.len()).collect();
        let rest = |place: &usize| wanted.get(*place).map_or(0.0, |wanted| wanted.fract());
        places.sort_by(|one, other| rest(other).total_cmp(&rest(one)));
        let missing = count.saturating_sub(counts.iter().sum());
        for place in places.into_iter().cycle().take(missing) {
            if let Some(slot) = counts.get_mut(place) {
                *slot += 1;
            }
        }
        counts
    }
}

impl Plan {
    /// `count` requests in even steps; `tuples` says for each query how many sets of values there are.
    pub fn new(shares: &Shares, count: usize, tuples: &[usize], seed: u64) -> Self {
        let counts = shares.counts(count);
        let mut order: Vec<usize> = Vec::with_capacity(count);
        for (place, count) in counts.into_iter().enumerate() {
            order.extend(std::iter::repeat_n(place, count));
        }
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        order.shuffle(&mut random);
        let step = 1.0 / shares.rate;
        let request = |(at, query): (usize, usize)| {
            let among = tuples.get(query).copied().unwrap_or_default().max(1);
            Request {
                at: Duration::from_secs_f64(real(at) * step),
                query,
                tuple: random.random_range(0..among),
            }
        };
        let requests = order.into_iter().enumerate().map(request).collect();
        Self { requests, length: Duration::from_secs_f64(real(count) * step) }
    }
}

/// Counts of requests are far below what a float can count.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn real(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
fn whole(share: f64) -> usize {
    share.floor().max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Plan, Share, Shares};
    use crate::workload::Query;

    fn queries(shares: &[Share]) -> Vec<Query> {
        let query = |share: &Share| {
            let mut query = Query::new("q.sql".into(), "SELECT 1");
            query.share = *share;
            query
        };
        shares.iter().map(query).collect()
    }

    #[test]
    fn weights_share_what_rates_leave() {
        let queries = queries(&[Share::Weight(3.0), Share::Rate(20.0), Share::Weight(1.0)]);
        let shares = Shares::new(&queries, 100.0).unwrap();
        assert_eq!((shares.of(0), shares.of(1), shares.of(2)), (60.0, 20.0, 20.0));
        let error = Shares::new(&queries, 20.0).unwrap_err().to_string();
        assert!(error.contains("--rate"), "{error}");
        let alone = Shares::new(&queries[1..2], 100.0).unwrap();
        assert!((alone.rate - 20.0).abs() < 1e-9, "where all have rates, those are the rate");
    }

    #[test]
    fn a_plan_has_even_steps_and_exact_shares_and_is_repeatable() {
        let queries = queries(&[Share::Weight(2.0), Share::Weight(1.0)]);
        let shares = Shares::new(&queries, 50.0).unwrap();
        let plan = Plan::new(&shares, 100, &[7, 1], 5);
        assert_eq!(plan.length, Duration::from_secs(2));
        let steps = plan.requests.windows(2).map(|two| two[1].at.abs_diff(two[0].at));
        assert!(
            steps
                .into_iter()
                .all(|step| step.abs_diff(Duration::from_millis(20)) < Duration::from_micros(1))
        );
        let of = |place| plan.requests.iter().filter(|it| it.query == place).count();
        assert_eq!((of(0), of(1)), (67, 33));
        assert!(plan.requests.iter().all(|it| it.tuple < [7, 1][it.query]));
        assert_eq!(Plan::new(&shares, 100, &[7, 1], 5), plan);
        assert_ne!(Plan::new(&shares, 100, &[7, 1], 6), plan);
    }
}
