//! What a drill found, as text for people, as JSON for programs, and as a comment in markdown.
//!
//! Knows the outcome of a drill and nothing else: no value of a row is in it.

mod json;
mod markdown;
mod text;

pub use json::{drill_json, drill_json_unfinished};
pub use markdown::drill_markdown;
pub use text::drill_text;

use std::time::Duration;

use crate::runs::drill::{Drilled, Ended, Verdict};

/// Seconds as people say them.
fn span(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..120 => format!("{whole} s"),
        120..7200 => format!("{} min {} s", whole / 60, whole % 60),
        7200..172_800 => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3600),
    }
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (bytes, "bytes");
    for next in units {
        if value < 10_000 {
            break;
        }
        (value, unit) = (value / 1000, next);
    }
    format!("{value} {unit}")
}

fn word(ended: Ended) -> &'static str {
    match ended {
        Ended::Held => "ok",
        Ended::Failed => "FAIL",
        Ended::Skipped => "not checked",
        Ended::LeftOut => "left out",
        Ended::Absent => "-",
    }
}

/// One line: what it comes to.
fn closing(drilled: &Drilled) -> String {
    let newest = drilled.tried.first().map(|it| it.file.display().to_string());
    let what = newest.unwrap_or_else(|| "no backup".to_owned());
    let took = span(drilled.seconds);
    let on = drilled.server.as_ref();
    let on = on.map(|it| format!(" on PostgreSQL {} ({})", it.version, it.backend));
    let on = on.unwrap_or_default();
    match drilled.verdict {
        Verdict::Ok => format!("ok: {what}{on}, in {took}"),
        verdict => {
            let reason = drilled.reason.as_deref().unwrap_or_default();
            format!("FAIL: {}: {what}{on}, in {took}: {reason}", verdict.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{size, span};

    #[test]
    fn times_and_sizes_are_short() {
        let spans = [0.04, 9.96, 75.0, 600.0, 90_000.0, 300_000.0].map(span);
        assert_eq!(spans, ["0.0 s", "10.0 s", "75 s", "10 min 0 s", "25 h 0 min", "3 d 11 h"]);
        assert_eq!([9_999, 10_000, 12_345_678].map(size), ["9999 bytes", "10 kB", "12 MB"]);
    }
}
