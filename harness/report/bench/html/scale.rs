//! Scales and their ticks: where in a plot a time or a share lies, in percent of its width or height.
//!
//! Knows numbers. Must not know what is drawn.

use std::time::Duration;

/// More labels would run into each other on a narrow page.
const TICKS: usize = 6;
/// Percent of the width: so would labels that are nearer.
const APART: f64 = 20.0;
/// Percent of the width: a label behind it would have to be moved to the left, over the one before it.
const LAST: f64 = 90.0;

/// 1, 2 and 5 microseconds, 10, 20, and so on up to 5,000 seconds.
fn steps() -> impl Iterator<Item = Duration> {
    let of = |tens: u32| [1, 2, 5].map(|first| Duration::from_micros(first * 10_u64.pow(tens)));
    (0..10).flat_map(of)
}

/// Times that grow by the same factor on the same distance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Logarithmic {
    low: Duration,
    high: Duration,
}

impl Logarithmic {
    /// From the step below the shortest to the one above the longest of `times`.
    pub(super) fn over(times: impl IntoIterator<Item = Duration>) -> Self {
        let times: Vec<Duration> = times.into_iter().collect();
        let shortest = times.iter().min().copied().unwrap_or_default();
        let longest = times.iter().max().copied().unwrap_or_default();
        let first = steps().next().unwrap_or_default();
        let low = steps().take_while(|it| *it <= shortest).last().unwrap_or(first);
        let last = steps().last().unwrap_or_default();
        let high = steps().find(|it| *it >= longest && *it > low).unwrap_or(last);
        // What is longer than the last step has a width, too.
        Self { low: low.min(high / 2), high }
    }

    /// Where `time` lies; what is outside lies on the border.
    pub(super) fn at(self, time: Duration) -> f64 {
        let [low, high, time] = [self.low, self.high, time].map(|it| it.as_secs_f64().max(1e-9));
        (100.0 * (time / low).ln() / (high / low).ln()).clamp(0.0, 100.0)
    }

    /// Times to be written beside it.
    pub(super) fn ticks(self) -> Vec<Duration> {
        let inside = || steps().filter(|it| (self.low..=self.high).contains(it));
        let all: Vec<Duration> = inside().collect();
        let places = all.iter().map(|it| self.at(*it));
        let gaps = places.clone().skip(1).zip(places).map(|(next, one)| next - one);
        if gaps.fold(f64::INFINITY, f64::min) >= APART {
            return all;
        }
        let tens: Vec<Duration> = inside().filter(is_power).collect();
        let every = tens.len().div_ceil(TICKS).max(1);
        tens.into_iter().step_by(every).collect()
    }
}

/// Whether it is one with nothing but zeros behind it.
fn is_power(step: &Duration) -> bool {
    let micros = step.as_micros();
    micros.checked_ilog10().is_some_and(|tens| 10_u128.pow(tens) == micros)
}

/// Times from zero on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Linear {
    end: Duration,
}

impl Linear {
    /// From zero to `end`.
    pub(super) fn until(end: Duration) -> Self {
        Self { end: end.max(Duration::from_micros(1)) }
    }

    /// Where `time` lies; what is after the end lies on it.
    pub(super) fn at(self, time: Duration) -> f64 {
        (100.0 * time.as_secs_f64() / self.end.as_secs_f64()).clamp(0.0, 100.0)
    }

    /// Those of its ticks that have room for their labels: at the end there would be none.
    pub(super) fn labels(self) -> Vec<Duration> {
        let mut ticks = self.ticks();
        if ticks.len() > 1 {
            ticks.retain(|it| self.at(*it) <= LAST);
        }
        ticks
    }

    /// Where lines are drawn across it.
    pub(super) fn ticks(self) -> Vec<Duration> {
        let Some(step) = steps().find(|it| *it * 5 >= self.end) else { return vec![self.end] };
        (0..=5).map(|times| step * times).filter(|it| *it <= self.end).collect()
    }
}

/// The shares that a plot of percentiles shows.
pub(super) const SHARES: [f64; 6] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999];

/// Where a share lies from 50 % to 99.9 %, the rarest drawn out: as much room from 90 % to 99 % as from
/// there to 99.9 %.
pub(super) fn stretched(share: f64) -> f64 {
    let [first, .., last] = SHARES.map(|it| -(1.0 - it).log10());
    let at = -(1.0 - share).max(1e-9).log10();
    (100.0 * (at - first) / (last - first)).clamp(0.0, 100.0)
}

/// A tick's time with no more digits than it takes.
pub(super) fn brief(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match () {
        () if time.is_zero() => "0".to_owned(),
        () if seconds < 1.0 => format!("{} ms", (seconds * 1e6).round() / 1e3),
        () => format!("{} s", (seconds * 1e3).round() / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Linear, Logarithmic, SHARES, TICKS, brief, stretched};

    fn ms(millis: f64) -> Duration {
        Duration::from_secs_f64(millis / 1e3)
    }

    fn labels(ticks: Vec<Duration>) -> Vec<String> {
        ticks.into_iter().map(brief).collect()
    }

    #[test]
    fn a_logarithmic_scale_begins_and_ends_at_a_step() {
        let scale = Logarithmic::over([ms(0.83), ms(42.0)]);
        let steps = ["0.5 ms", "1 ms", "2 ms", "5 ms", "10 ms", "20 ms", "50 ms"];
        assert_eq!(labels(scale.ticks()), [steps[1], steps[4]], "all of {steps:?} are too many");
        assert!(scale.at(ms(0.5)).abs() < 1e-9 && (scale.at(ms(50.0)) - 100.0).abs() < 1e-9);
        assert!((scale.at(ms(5.0)) - 50.0).abs() < 1e-9, "{}", scale.at(ms(5.0)));
        assert!(scale.at(ms(0.1)).abs() < 1e-9 && (scale.at(Duration::MAX) - 100.0).abs() < 1e-9);
        let near = Logarithmic::over([ms(1.1), ms(4.0)]);
        assert_eq!(labels(near.ticks()), ["1 ms", "2 ms", "5 ms"]);
        let six = Logarithmic::over([ms(0.1), ms(5.0)]);
        assert_eq!(labels(six.ticks()), ["0.1 ms", "1 ms"], "0.1 and 0.2 have no room");
    }

    #[test]
    fn any_times_make_a_scale_with_room_and_few_ticks() {
        let nothing: [Duration; 0] = [];
        let all: [&[Duration]; 6] = [
            &nothing,
            &[Duration::ZERO],
            &[ms(1.0), ms(1.0)],
            &[Duration::from_micros(1), Duration::from_hours(1)],
            &[Duration::MAX],
            &[Duration::from_millis(999), Duration::from_secs(1)],
        ];
        for times in all {
            let scale = Logarithmic::over(times.iter().copied());
            assert!(scale.low < scale.high, "{times:?}: {scale:?}");
            let ticks = scale.ticks();
            assert!((1..=TICKS).contains(&ticks.len()), "{times:?}: {ticks:?}");
            let places: Vec<f64> = ticks.iter().map(|it| scale.at(*it)).collect();
            assert!(places.is_sorted() && places.iter().all(|it| it.is_finite()), "{places:?}");
        }
    }

    #[test]
    fn a_linear_scale_counts_from_zero() {
        let scale = Linear::until(ms(812.0));
        assert_eq!(labels(scale.ticks()), ["0", "200 ms", "400 ms", "600 ms", "800 ms"]);
        let scale = Linear::until(ms(2000.0));
        assert_eq!(labels(scale.ticks()), ["0", "500 ms", "1 s", "1.5 s", "2 s"]);
        assert_eq!(labels(scale.labels()), ["0", "500 ms", "1 s", "1.5 s"]);
        assert!((scale.at(ms(500.0)) - 25.0).abs() < 1e-9);
        assert!((scale.at(ms(9000.0)) - 100.0).abs() < 1e-9);
        assert!(Linear::until(Duration::ZERO).at(Duration::ZERO).abs() < 1e-9);
        assert_eq!(Linear::until(Duration::from_hours(9)).labels().len(), 1);
    }

    #[test]
    fn rare_shares_are_drawn_out() {
        let places = SHARES.map(stretched);
        assert!(places.is_sorted(), "{places:?}");
        assert!(places[0].abs() < 1e-9 && (places[5] - 100.0).abs() < 1e-9);
        let (far, near) = (places[5] - places[4], places[4] - places[2]);
        assert!((far - near).abs() < 1e-9, "{places:?}");
        assert!((stretched(1.0) - 100.0).abs() < 1e-9 && stretched(0.0).abs() < 1e-9);
    }

    #[test]
    fn a_tick_has_no_digits_to_spare() {
        let all = [ms(0.0), ms(0.001), ms(0.5), ms(200.0), ms(1500.0), ms(5_000_000.0)];
        let told = ["0", "0.001 ms", "0.5 ms", "200 ms", "1.5 s", "5000 s"];
        assert_eq!(labels(all.to_vec()), told);
    }
}
