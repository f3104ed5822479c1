//! Times as receivers read them.
//!
//! Knows RFC 3339 and the calendar. Must not know what time it is.

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The moment so many seconds after one in RFC 3339, in UTC; `None` if it is none.
pub(super) fn later(at: &str, seconds: i64) -> Option<String> {
    let total = parse(at)? + seconds;
    let (days, rest) = (total.div_euclid(DAY), total.rem_euclid(DAY));
    let (year, month, day) = date(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

/// Seconds since 1970; parts of a second are left out.
fn parse(at: &str) -> Option<i64> {
    let number = |from: usize, to: usize| at.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let rest = at.get(19..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = match rest.chars().next()? {
        'Z' | 'z' => 0,
        sign @ ('+' | '-') => {
            let (hours, minutes) = rest.get(1..)?.split_once(':')?;
            let offset = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
            if sign == '-' { -offset } else { offset }
        }
        _ => return None,
    };
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day);
    is_date.then(|| days(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset)
}

/// Days since 1970. A year begins in March, so that a leap day is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month < 3 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

/// Year, month and day so many days after 1970 began.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month < 3), month, day)
}

#[cfg(test)]
mod tests {
    use super::later;

    #[test]
    fn moments_are_counted_over_months_years_and_offsets() {
        for (at, seconds, expected) in [
            ("2024-02-28T23:59:59Z", 1, "2024-02-29T00:00:00Z"),
            ("2023-02-28T23:59:59.999Z", 1, "2023-03-01T00:00:00Z"),
            ("1999-12-31T23:00:00-01:30", 0, "2000-01-01T00:30:00Z"),
            ("2025-06-30T02:00:00+02:00", 86_400, "2025-07-01T00:00:00Z"),
            ("1970-01-01T00:00:00Z", -1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(later(at, seconds).as_deref(), Some(expected), "{at}");
        }
        for at in ["", "now", "2025-13-01T00:00:00Z", "2025-01-01T00:00:00", "2025-01-01é00:00Z"] {
            assert_eq!(later(at, 0), None, "{at}");
        }
    }
}
