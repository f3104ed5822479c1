//! The error of the rule, by simulation: latencies are log-normal with a known p95, neighbours are
//! alike, and runs differ by what a shared machine makes of them.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, Normal};

use super::{Gate, Reason, Rule, RunOf, Verdict, by_count, whole};

const LIMIT: Duration = Duration::from_millis(150);
const RUNS: usize = 5;
const REQUESTS: usize = 1000;
/// How wide latencies are spread.
const SIGMA: f64 = 0.5;

/// How requests are alike.
#[derive(Clone, Copy, Debug)]
struct World {
    /// The true p95, in limits.
    p95: f64,
    /// The correlation of neighbours.
    neighbours: f64,
    /// By how much runs differ.
    runs: f64,
}

fn simulate(world: World, seed: u64) -> Gate {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // Two uniform numbers make a normal one.
    let mut draw = || {
        let (one, two): (f64, f64) = (random.random_range(1e-12..1.0), random.random());
        (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * two).cos()
    };
    let quantile = Normal::new(0.0, 1.0).unwrap().inverse_cdf(0.95);
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let shift = world.runs * draw();
        let mut at = draw();
        let mut run = RunOf::default();
        for _ in 0..REQUESTS {
            at = world.neighbours * at + (1.0 - world.neighbours.powi(2)).sqrt() * draw();
            let seconds = LIMIT.as_secs_f64() * world.p95 * (SIGMA * (at - quantile) + shift).exp();
            let latency = Duration::from_secs_f64(seconds);
            run.over.push(latency > LIMIT);
            run.latencies.push(latency);
        }
        runs.push(run);
    }
    Rule { limit: LIMIT }.judge(&runs)
}

/// How many of 200 simulations pass, and how many fail.
fn outcomes(world: World) -> (usize, usize) {
    let verdicts: Vec<Verdict> = (0..200).map(|seed| simulate(world, seed).verdict).collect();
    let count = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count();
    (count(Verdict::Pass), count(Verdict::Fail))
}

#[test]
fn it_is_wrong_in_one_of_twenty_at_most() {
    for (neighbours, runs) in [(0.0, 0.0), (0.9, 0.0), (0.9, 0.08)] {
        for p95 in [0.80, 0.95, 1.05, 1.25] {
            let world = World { p95, neighbours, runs };
            let (passes, fails) = outcomes(world);
            let wrong = if p95 < 1.0 { fails } else { passes };
            assert!(wrong <= 10, "{world:?}: {passes} pass, {fails} fail");
        }
    }
}

#[test]
fn it_tells_what_is_far_from_the_limit() {
    for (p95, wanted) in [(0.80, Verdict::Pass), (1.25, Verdict::Fail)] {
        let world = World { p95, neighbours: 0.0, runs: 0.0 };
        let (passes, fails) = outcomes(world);
        let right = if wanted == Verdict::Pass { passes } else { fails };
        assert_eq!(right, 200, "{world:?}");
    }
    let gate = simulate(World { p95: 1.0, neighbours: 0.0, runs: 0.0 }, 1);
    assert_eq!(gate.reason.is_some(), gate.verdict == Verdict::Inconclusive);
    assert!(gate.interval.0 < gate.p95 && gate.p95 < gate.interval.1, "{gate:?}");
}

#[test]
fn the_thresholds_are_those_of_the_binomial_distribution() {
    for (requests, most, least) in
        [(59, 0, 7), (200, 4, 16), (500, 16, 34), (1000, 38, 63), (5000, 224, 277)]
    {
        let says = |over: u32| by_count(f64::from(requests), f64::from(over));
        assert_eq!(says(most), Verdict::Pass, "{requests}");
        assert_ne!(says(most + 1), Verdict::Pass, "{requests}");
        assert_eq!(says(least), Verdict::Fail, "{requests}");
        assert_ne!(says(least - 1), Verdict::Fail, "{requests}");
    }
    assert_eq!(by_count(58.0, 0.0), Verdict::Inconclusive, "too few to pass");
    assert_eq!(whole(-1.0), 0);
}

#[test]
fn few_requests_or_runs_never_pass() {
    let run = |count: usize| RunOf {
        over: vec![false; count],
        latencies: (0..count)
            .map(|at| Duration::from_micros(900 + u64::try_from(at % 7).unwrap()))
            .collect(),
    };
    let rule = Rule { limit: LIMIT };
    let few = rule.judge(&[run(100), run(100), run(100), run(100), run(100)]);
    assert_eq!((few.verdict, few.reason), (Verdict::Inconclusive, Some(Reason::Few)));
    let runs = rule.judge(&[run(2000), run(2000)]);
    assert_eq!(runs.verdict, Verdict::Inconclusive);
    assert_eq!(rule.judge(&vec![run(1000); 5]).verdict, Verdict::Pass);
    assert!(rule.judge(&[]).verdict == Verdict::Inconclusive, "nothing proves nothing");
    assert!(rule.is_too_many(739, 4799) && !rule.is_too_many(240, 4799));
}
