//! How fast the machine is, by work that depends on nothing but the machine.

use std::time::{Duration, Instant};

use crate::postgres::{PostgresError, Session};

use super::percentile;

/// Some milliseconds of the server's time, without a table.
const WORK: &str = "SELECT pg_catalog.count(*) FROM pg_catalog.generate_series(1, 20000) AS g (n) \
    WHERE pg_catalog.hashint4(n) % 7 = 0";
const TIMES: usize = 41;
/// Of these the quarter that nobody disturbed: what others do now and then is no change of the machine.
const UNDISTURBED: f64 = 0.25;
/// So much faster or slower it may be.
const MAY_MOVE: f64 = 0.15;

/// How long the work takes now.
pub async fn calibrate(session: &mut Session) -> Result<Duration, PostgresError> {
    let mut took = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let start = Instant::now();
        session.execute(WORK).await?;
        took.push(start.elapsed());
    }
    Ok(percentile(&mut took, UNDISTURBED))
}

/// By how much the slowest of these is slower than the fastest.
pub fn moved(calibrations: &[Duration]) -> f64 {
    let seconds = calibrations.iter().map(Duration::as_secs_f64);
    let slowest = seconds.clone().fold(0.0, f64::max);
    let fastest = seconds.fold(f64::INFINITY, f64::min);
    if slowest > 0.0 && fastest > 0.0 { slowest / fastest - 1.0 } else { 0.0 }
}

/// Whether the machine became faster or slower meanwhile.
pub fn has_moved(calibrations: &[Duration]) -> bool {
    moved(calibrations) > MAY_MOVE
}

/// The time that a hypervisor gave to others, of all processors together, since the machine was
/// started; `None` where nobody says.
pub fn stolen() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks = steal(&text)?;
    // The unit is USER_HZ, which is 100 on every Linux.
    Some(Duration::from_millis(ticks * 10))
}

fn steal(stat: &str) -> Option<u64> {
    let all = stat.lines().find(|line| line.starts_with("cpu "))?;
    // cpu user nice system idle iowait irq softirq steal ..
    all.split_whitespace().nth(8)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{has_moved, moved, steal};

    #[test]
    fn the_slowest_is_held_against_the_fastest() {
        let micros =
            |list: &[u64]| list.iter().copied().map(Duration::from_micros).collect::<Vec<_>>();
        assert!(has_moved(&micros(&[1000, 1160, 1100])) && !has_moved(&micros(&[1000, 1140])));
        assert!(moved(&[]) == 0.0 && moved(&micros(&[7])) == 0.0);
    }

    #[test]
    fn stolen_time_is_the_eighth_number() {
        assert_eq!(steal("cpu  1 2 3 4 5 6 7 88 9 10\ncpu0 1 2 3 4 5 6 7 8\n"), Some(88));
        assert_eq!(steal("intr 1"), None);
    }
}
