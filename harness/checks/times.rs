//! Times and sizes as people read them.

use std::time::Duration;

/// Bytes with a unit.
#[expect(clippy::cast_precision_loss, reason = "one digit after the point")]
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// Bytes in a unit of which there are few enough, without a point.
pub fn size(bytes: u64) -> String {
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

/// Milliseconds with as many digits as say something, from ten seconds on seconds.
pub fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1e3;
    match millis {
        _ if millis >= 10_000.0 => format!("{:.1} s", millis / 1e3),
        _ if millis >= 100.0 => format!("{millis:.0} ms"),
        _ if millis >= 10.0 => format!("{millis:.1} ms"),
        _ => format!("{millis:.2} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_short() {
        assert_eq!([9_999, 10_000, 12_345_678].map(size), ["9999 bytes", "10 kB", "12 MB"]);
    }
}
