//! Dates and times of day in ISO form.
//!
//! Knows the calendar. Must not know types, nor time zones beyond keeping their text.

/// A day, with a time of day where the text has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Days since 1970-01-01.
    days: i64,
    /// Seconds since midnight.
    seconds: Option<i64>,
    /// What stands behind the seconds: a fraction, a zone.
    rest: String,
}

const DAY: i64 = 86_400;

impl Moment {
    /// `2024-01-31`, `2024-01-31 08:00:00.5+00` or the same with a `T`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (date, time) = match text.split_once([' ', 'T']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let days = day_number(date)?;
        let Some(time) = time else {
            return Some(Self { days, seconds: None, rest: String::new() });
        };
        let (seconds, rest) = time_of_day(time)?;
        Some(Self { days, seconds: Some(seconds), rest: rest.to_owned() })
    }

    pub(super) fn has_time(&self) -> bool {
        self.seconds.is_some()
    }

    /// So many steps later: seconds where there is a time of day, or else days.
    pub(super) fn plus(&self, steps: i64) -> Self {
        let Some(seconds) = self.seconds else {
            return Self { days: self.days + steps, ..self.clone() };
        };
        let all = self.days * DAY + seconds + steps;
        let (days, seconds) = (all.div_euclid(DAY), all.rem_euclid(DAY));
        Self { days, seconds: Some(seconds), rest: self.rest.clone() }
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = date(self.days);
        write!(out, "{year:04}-{month:02}-{day:02}")?;
        let Some(seconds) = self.seconds else { return Ok(()) };
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(out, " {hour:02}:{minute:02}:{second:02}{}", self.rest)
    }
}

/// Seconds since midnight of `08:30` or `08:30:15`, and what stands behind.
pub(super) fn time_of_day(text: &str) -> Option<(i64, &str)> {
    let two = |text: &str, most: i64| {
        let digits = text.get(..2).filter(|two| two.bytes().all(|byte| byte.is_ascii_digit()))?;
        digits.parse::<i64>().ok().filter(|value| *value <= most)
    };
    let hour = two(text, 23)?;
    let rest = text.get(2..)?.strip_prefix(':')?;
    let minute = two(rest, 59)?;
    let rest = rest.get(2..)?;
    let (second, rest) = match rest.strip_prefix(':') {
        Some(rest) => (two(rest, 59)?, rest.get(2..)?),
        None => (0, rest),
    };
    is_rest(rest).then_some((hour * 3600 + minute * 60 + second, rest))
}

/// A fraction, a zone by offset, or nothing.
fn is_rest(rest: &str) -> bool {
    let rest = rest.trim_end_matches(" UTC").trim_end_matches('Z');
    let plain = |sign: char| sign.is_ascii_digit() || matches!(sign, '.' | '+' | '-' | ':');
    rest.chars().all(plain) && rest.starts_with(['.', '+', '-']) || rest.is_empty()
}

fn day_number(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let mut part = |digits: usize| {
        let part = parts.next().filter(|part| part.len() == digits)?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<i64>().ok())?
    };
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let days = days(year, month, day);
    // A day that the month does not have comes back as another one.
    (date(days) == (year, month, day) && year > 0).then_some(days)
}

/// Days since 1970-01-01 in the Gregorian calendar, counted in years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn neighbours_are_a_day_or_a_second_away() {
        for (text, below, above) in [
            ("2024-03-01", "2024-02-29", "2024-03-02"),
            ("1970-01-01", "1969-12-31", "1970-01-02"),
            ("2024-01-01 00:00:00+00", "2023-12-31 23:59:59+00", "2024-01-01 00:00:01+00"),
            ("2024-12-31T23:59:59.5Z", "2024-12-31 23:59:58.5Z", "2025-01-01 00:00:00.5Z"),
        ] {
            let moment = Moment::parse(text).unwrap();
            assert_eq!(moment.plus(-1).to_string(), below);
            assert_eq!(moment.plus(1).to_string(), above);
        }
    }

    #[test]
    fn only_days_that_exist_are_dates() {
        for text in ["2023-02-29", "2024-13-01", "24-01-01", "2024-1-1", "x", "2024-01-01 25:00"] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }
}
