//! Times as people read them.

use std::time::Duration;

/// Milliseconds with as many digits as say something.
pub fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1e3;
    match millis {
        _ if millis >= 100.0 => format!("{millis:.0} ms"),
        _ if millis >= 10.0 => format!("{millis:.1} ms"),
        _ => format!("{millis:.2} ms"),
    }
}
