//! Latencies summed up for people: percentiles and a curve. Decisions are made on the raw numbers.
//!
//! Knows durations. Must not know limits.

use std::time::Duration;

use hdrhistogram::Histogram;

/// From 1 microsecond to 10 minutes, with three digits.
const HIGHEST: u64 = 600_000_000;

/// The latencies of many requests.
#[derive(Clone, Debug)]
pub struct Curve(Histogram<u64>);

impl Curve {
    /// Of these latencies.
    pub fn of(latencies: impl IntoIterator<Item = Duration>) -> Self {
        let mut histogram = Histogram::new_with_bounds(1, HIGHEST, 3)
            .unwrap_or_else(|_| unreachable!("these bounds are allowed"));
        for latency in latencies {
            let micros = u64::try_from(latency.as_micros()).unwrap_or(HIGHEST);
            histogram.saturating_record(micros.max(1));
        }
        Self(histogram)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// All of them added up.
    pub fn sum(&self) -> Duration {
        let micros = self
            .0
            .iter_recorded()
            .map(|it| it.value_iterated_to().saturating_mul(it.count_since_last_iteration()));
        Duration::from_micros(micros.fold(0, u64::saturating_add))
    }

    /// The latency that a share of them is not over.
    pub fn at(&self, share: f64) -> Duration {
        Duration::from_micros(self.0.value_at_quantile(share))
    }

    /// The longest.
    pub fn longest(&self) -> Duration {
        Duration::from_micros(self.0.max())
    }

    /// The cumulative curve: each latency that was measured and the share of all that is not over it,
    /// the shortest first.
    pub fn points(&self) -> impl Iterator<Item = (f64, Duration)> {
        self.0
            .iter_recorded()
            .map(|it| (it.quantile_iterated_to(), Duration::from_micros(it.value_iterated_to())))
    }

    /// How many there are in each of `steps` ranges that grow by the same factor, from the shortest to
    /// the longest: upper end and number.
    pub fn bars(&self, steps: u32) -> Vec<(Duration, u64)> {
        if self.0.is_empty() || steps == 0 {
            return Vec::new();
        }
        let (low, high) = (self.at(0.0).as_secs_f64(), self.longest().as_secs_f64());
        let factor = (high / low).powf(1.0 / f64::from(steps));
        let ends = (1..=steps).map(|step| low * factor.powi(i32::try_from(step).unwrap_or(1)));
        let mut bars: Vec<(Duration, u64)> =
            ends.map(|end| (Duration::from_secs_f64(end), 0)).collect();
        for value in self.0.iter_recorded() {
            let latency = Duration::from_micros(value.value_iterated_to());
            let at = bars.partition_point(|(end, _)| *end < latency).min(bars.len() - 1);
            if let Some((_, count)) = bars.get_mut(at) {
                *count += value.count_at_value();
            }
        }
        bars
    }
}

/// The latency at the nearest rank, of which this share of all is not over; zero for none.
pub fn percentile(latencies: &mut [Duration], share: f64) -> Duration {
    if latencies.is_empty() {
        return Duration::ZERO;
    }
    let at = rank(latencies.len(), share);
    *latencies.select_nth_unstable(at).1
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list"
)]
fn rank(count: usize, share: f64) -> usize {
    let rank = (count as f64 * share).ceil() as usize;
    rank.clamp(1, count) - 1
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Curve, percentile};

    fn millis(of: impl IntoIterator<Item = u64>) -> Vec<Duration> {
        of.into_iter().map(Duration::from_millis).collect()
    }

    #[test]
    fn a_percentile_is_a_latency_that_was_measured() {
        let mut hundred = millis((1..=100).rev());
        assert_eq!(percentile(&mut hundred, 0.95), Duration::from_millis(95));
        assert_eq!(percentile(&mut hundred, 0.5), Duration::from_millis(50));
        assert_eq!(percentile(&mut hundred, 1.0), Duration::from_millis(100));
        assert_eq!(percentile(&mut millis([7]), 0.95), Duration::from_millis(7));
        assert_eq!(percentile(&mut [], 0.95), Duration::ZERO);
    }

    #[test]
    fn a_curve_rises_to_all_of_them() {
        let curve = Curve::of(millis([1, 1, 2, 50]));
        let points: Vec<(f64, u128)> =
            curve.points().map(|(share, at)| (share, at.as_millis())).collect();
        assert_eq!(points, [(0.5, 1), (0.75, 2), (1.0, 50)]);
        assert_eq!(Curve::of([]).points().count(), 0);
        assert_eq!((curve.sum().as_millis(), Curve::of([]).sum()), (54, Duration::ZERO));
    }

    #[test]
    fn all_latencies_are_in_one_of_the_bars() {
        let curve = Curve::of(millis([1, 1, 2, 3, 50, 900]));
        let bars = curve.bars(8);
        assert_eq!(bars.iter().map(|(_, count)| count).sum::<u64>(), 6, "{bars:?}");
        assert!(bars.is_sorted_by_key(|(end, _)| *end));
        assert!(curve.longest() >= Duration::from_millis(899));
        assert!(Curve::of([]).bars(8).is_empty());
        let same = Curve::of(millis([5, 5]));
        assert_eq!(same.bars(4).iter().map(|(_, count)| count).sum::<u64>(), 2);
    }
}
