//! The one form in which a bench says what something costs: as a ratio to the floor it stands on.
//!
//! Knows how two things are measured in turns, and how the line looks that `ci/ratios` reads. Must not
//! know what is measured. A time says little on a machine that others use as well; the ratio of two
//! times that were taken one after the other says more, and the quartiles of many how much.

#![allow(dead_code, reason = "each bench takes a part of it")]

use std::fmt::Write as _;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How often things are measured, where the bench decides that by itself.
pub(crate) const ROUNDS: &str = "STAIRWAY_BENCH_ROUNDS";
/// `1` for the form that is a look only: less of everything, fewer rounds.
const SHORT: &str = "STAIRWAY_BENCH_SHORT";
/// Criterion takes no fewer samples.
const LEAST_SAMPLES: usize = 10;

fn has(flag: &str) -> bool {
    std::env::args().any(|arg| arg == flag)
}

/// Whether everything is to be done once only, to see that it works. As criterion has it, that is
/// asked for by `--test` or by the absence of cargo's `--bench`.
pub(crate) fn is_test() -> bool {
    has("--test") || !has("--bench")
}

/// Whether only the names of benches are asked for.
pub(crate) fn is_list() -> bool {
    has("--list")
}

/// Whether a look is enough.
pub(crate) fn is_short() -> bool {
    is_test() || has("--quick") || std::env::var(SHORT).is_ok_and(|value| value == "1")
}

/// What the variable `name` says, else the usual number, or the one of the short form.
pub(crate) fn number(name: &str, usual: u32, short: u32) -> Result<u32> {
    match std::env::var(name) {
        Ok(text) => text.parse().map_err(|_| format!("{name} is {text:?}: no number").into()),
        Err(_) => Ok(if is_short() { short } else { usual }),
    }
}

/// How many rounds a bench makes that counts them itself.
pub(crate) fn rounds(usual: u32, short: u32) -> Result<u32> {
    if is_test() {
        return Ok(1);
    }
    Ok(number(ROUNDS, usual, short)?.max(1))
}

/// What criterion measures with, after it has read the command line.
pub(crate) fn criterion() -> Result<Criterion> {
    let (warm, measured) = if is_short() { (200, 1_000) } else { (1_000, 5_000) };
    let samples = usize::try_from(number(ROUNDS, 30, 10)?)?.max(LEAST_SAMPLES);
    Ok(Criterion::default()
        .warm_up_time(Duration::from_millis(warm))
        .measurement_time(Duration::from_millis(measured))
        .sample_size(samples)
        .configure_from_args())
}

/// What a bench can't measure here, and why. Nobody should take silence for a result.
pub(crate) fn skip(what: &str, why: &str) {
    println!("skipped: {what}: {why}");
}

/// Has criterion measure what `ours` does, and the floor in turns with it; says the ratio. Each gives
/// the time that counts, so what comes before and after it is free.
///
/// # Panics
/// If one of them fails: criterion takes no errors.
pub(crate) fn compare(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: &str,
    (what, floor_name): (&str, &str),
    mut ours: impl FnMut() -> Result<Duration>,
    mut floor: impl FnMut() -> Result<Duration>,
) {
    let mut calls: Vec<Turns> = Vec::new();
    let mut is_floor_first = false;
    let done = |result: Result<Duration>, who: &str| match result {
        Ok(took) => took,
        Err(error) => panic!("{who}: {error}"),
    };
    // As many turns in each sample: what is slow need not be done ten times as often at the end.
    group.sampling_mode(SamplingMode::Flat);
    group.bench_function(id, |bencher| {
        bencher.iter_custom(|count| {
            let (mut total, mut turns) = (Duration::ZERO, Turns::default());
            for _ in 0..count {
                // Who comes first finds caches as the other one left them.
                is_floor_first = !is_floor_first;
                let (one, other) = if is_floor_first {
                    let floor = done(floor(), floor_name);
                    (done(ours(), what), floor)
                } else {
                    let ours = done(ours(), what);
                    (ours, done(floor(), floor_name))
                };
                turns.add(one, other);
                total += one;
            }
            calls.push(turns);
            total
        });
    });
    measured(calls).say(what, floor_name);
}

/// Pairs of what something took and what its floor took right before or after, in seconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns(Vec<(f64, f64)>);

impl Turns {
    pub(crate) fn add(&mut self, ours: Duration, floor: Duration) {
        self.add_seconds(ours.as_secs_f64(), floor.as_secs_f64());
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn add_seconds(&mut self, ours: f64, floor: f64) {
        self.0.push((ours, floor));
    }

    /// Prints the line, unless nothing was measured: a filter left it out, or only a list was wanted.
    pub(crate) fn say(&self, what: &str, floor: &str) {
        if let Some(line) = self.line(what, floor) {
            println!("{line}");
        }
    }

    /// The line, for example `ratio: a walk (2.50 s) against a run (1.00 s): 2.50 (quartiles of 9
    /// rounds: 2.41 to 2.62)`.
    pub(crate) fn line(&self, what: &str, floor: &str) -> Option<String> {
        let (ours, bare) = self.0.iter().copied().unzip();
        let ratios = quartiles(self.0.iter().map(|(ours, floor)| ours / floor).collect())?;
        let (ours, bare) = (quartiles(ours)?[1], quartiles(bare)?[1]);
        let mut line = format!("ratio: {what} ({}) against {floor} ({})", time(ours), time(bare));
        let [low, middle, high] = ratios.map(digits);
        let rounds = match self.0.len() {
            1 => "1 round".to_owned(),
            several => format!("{several} rounds"),
        };
        let _ = write!(line, ": {middle} (quartiles of {rounds}: {low} to {high})");
        Some(line)
    }
}

/// The turns of criterion's samples. Before them it warms up, with 1, 2, 4, .. turns, and says so to
/// nobody; each sample has as many turns as the next. The first sample is lost where it looks like one
/// more step of warming up. What has no more than such steps (`--test`, `--quick`) counts as a whole.
pub(crate) fn measured(calls: Vec<Turns>) -> Turns {
    let mut next = 1;
    let is_warm_up = |call: &&Turns| {
        let is_next = call.count() == next;
        next *= 2;
        is_next
    };
    let warm_up = calls.iter().take_while(is_warm_up).count();
    let skipped = if warm_up == calls.len() { 0 } else { warm_up };
    Turns(calls.into_iter().skip(skipped).flat_map(|call| call.0).collect())
}

/// The lower quartile, the median and the upper quartile.
fn quartiles(mut values: Vec<f64>) -> Option<[f64; 3]> {
    values.sort_by(f64::total_cmp);
    let at = |quarter: usize| values.get(values.len() * quarter / 4).copied();
    Some([at(1)?, at(2)?, at(3)?])
}

pub(crate) fn median(values: Vec<f64>) -> f64 {
    quartiles(values).map_or(f64::NAN, |[_, middle, _]| middle)
}

fn time(seconds: f64) -> String {
    let units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")];
    let fits = |(size, _): &(f64, &str)| seconds.abs() >= *size;
    let (size, unit) = units.into_iter().find(fits).unwrap_or((1e-9, "ns"));
    format!("{} {unit}", digits(seconds / size))
}

/// Three digits that count, as long as that is no more than four places.
fn digits(value: f64) -> String {
    let size = value.abs();
    let places = [100.0, 10.0, 1.0, 0.1].iter().position(|least| size >= *least).unwrap_or(4);
    format!("{value:.places$}")
}
