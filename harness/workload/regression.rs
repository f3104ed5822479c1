//! Whether queries became slower: two databases side by side, measured in turns, so that what the
//! machine does meanwhile happens to both.
//!
//! Knows pairs of latencies. Must not know which migrations lie between them.

use std::time::Duration;

use super::gate::bounds;

/// Slower by less is no regression.
const MARGIN: f64 = 1.10;

/// A latency before and after, measured next to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// On the database as it was.
    pub before: Duration,
    /// On the migrated one.
    pub after: Duration,
}

/// What came of the pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// The typical latency before.
    pub before: Duration,
    /// The typical latency after.
    pub after: Duration,
    /// How often the one is in the other.
    pub ratio: f64,
    /// Its bounds, below and above.
    pub interval: (f64, f64),
    /// What that means.
    pub change: Change,
}

/// How a latency changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is longer, by more than a tenth and more than the floor.
    Worse,
    /// Not longer, by more than a tenth or more than the floor.
    Same,
    /// It is shorter, likewise.
    Better,
    /// Nobody can tell.
    Unclear,
}

/// Compares pairs. Differences up to `floor` are none; each side may be wrong once in `1 / alpha`.
pub fn compare(pairs: &[Pair], floor: Duration, alpha: f64) -> Compared {
    let log = |time: Duration| time.as_secs_f64().max(1e-9).ln();
    let logs: Vec<f64> = pairs.iter().map(|it| log(it.after) - log(it.before)).collect();
    let (low, high) = bounds(&logs, alpha);
    let count = f64::from(u32::try_from(pairs.len().max(1)).unwrap_or(u32::MAX));
    let typical = |of: fn(&Pair) -> Duration| {
        let mean = pairs.iter().map(|pair| log(of(pair))).sum::<f64>() / count;
        Duration::try_from_secs_f64(mean.exp()).unwrap_or(Duration::MAX)
    };
    let (before, after) = (typical(|pair| pair.before), typical(|pair| pair.after));
    let is_small = after.abs_diff(before) <= floor;
    let margin = MARGIN.ln();
    let change = match () {
        () if pairs.len() < 2 => Change::Unclear,
        () if low > margin && !is_small => Change::Worse,
        () if high < -margin && !is_small => Change::Better,
        () if high < margin => Change::Same,
        // What it may be at worst is still below the floor.
        () if before.mul_f64((high.exp() - 1.0).clamp(0.0, 1e6)) <= floor => Change::Same,
        () => Change::Unclear,
    };
    let ratio = after.as_secs_f64() / before.as_secs_f64().max(1e-9);
    Compared { before, after, ratio, interval: (low.exp(), high.exp()), change }
}

impl Change {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Same => "same",
            Self::Better => "better",
            Self::Unclear => "unclear",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Change, Pair, compare};

    fn pairs(ratio: f64, spread: &[f64]) -> Vec<Pair> {
        let micros = |seconds: f64| Duration::from_secs_f64(seconds);
        let pair = |noise: &f64| Pair {
            before: micros(0.010 * noise),
            after: micros(0.010 * ratio * (2.0 - noise)),
        };
        spread.iter().map(pair).collect()
    }

    const QUIET: &[f64] = &[1.0, 1.01, 0.99, 1.02, 0.98, 1.0, 1.01, 0.99, 1.0, 1.0];
    const LOUD: &[f64] = &[1.0, 1.3, 0.7, 1.2, 0.8, 1.25, 0.75, 1.1, 0.9, 1.0];

    #[test]
    fn ratios_are_told_apart_where_the_noise_lets_it() {
        let floor = Duration::from_micros(500);
        let change = |ratio, spread| compare(&pairs(ratio, spread), floor, 0.05).change;
        assert_eq!(change(1.0, QUIET), Change::Same);
        assert_eq!(change(1.05, QUIET), Change::Same);
        assert_eq!(change(1.3, QUIET), Change::Worse);
        assert_eq!(change(0.5, QUIET), Change::Better);
        assert_eq!(change(1.1, LOUD), Change::Unclear);
        assert_eq!(change(40.0, LOUD), Change::Worse);
    }

    #[test]
    fn what_is_below_the_floor_is_no_difference() {
        let compared = compare(&pairs(1.3, QUIET), Duration::from_millis(50), 0.05);
        assert_eq!(compared.change, Change::Same);
        assert!((compared.ratio - 1.3).abs() < 0.01, "{compared:?}");
        assert_eq!(compare(&[], Duration::ZERO, 0.05).change, Change::Unclear);
    }
}
