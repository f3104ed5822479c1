//! Times as people say them.
//!
//! Knows units. Must not know what they are of.

use std::time::Duration;

/// Seconds as people say them.
pub(super) fn span(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..120 => format!("{whole} s"),
        120..7200 => format!("{} min {} s", whole / 60, whole % 60),
        7200..172_800 => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn times_are_short() {
        let spans = [0.04, 9.96, 75.0, 600.0, 90_000.0, 300_000.0].map(span);
        assert_eq!(spans, ["0.0 s", "10.0 s", "75 s", "10 min 0 s", "25 h 0 min", "3 d 11 h"]);
    }
}
