//! Dates, times and timestamps.
//!
//! Knows the calendar as far as values need it. Must not know intervals, which are no points in
//! time.

use proptest::prelude::*;
use proptest::sample::select;

use super::family::{Family, Texts, filled, pool, unique};
use super::interval::Interval;

pub(super) fn family(name: &str, modifier: i32) -> Option<Box<dyn Family>> {
    let (shape, lists) = match name {
        "date" => (Shape::Date, &DATE),
        "time" => (Shape::Time, &TIME),
        "timetz" => (Shape::TimeTz, &TIMETZ),
        "timestamp" => (Shape::Timestamp, &TIMESTAMP),
        "timestamptz" => (Shape::TimestampTz, &TIMESTAMPTZ),
        "interval" => return Some(Box::new(Interval::new(modifier))),
        _ => return None,
    };
    let places = usize::try_from(modifier).unwrap_or(6).min(6);
    Some(Box::new(Moment { shape, lists, places }))
}

/// A point in time with so many places after the second's point.
struct Moment {
    shape: Shape,
    lists: &'static Lists,
    places: usize,
}

#[derive(Clone, Copy)]
enum Shape {
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
}

struct Lists {
    boundary: Texts,
    plain: Texts,
    canonical: Texts,
    ordered: Texts,
}

/// The text with at most so many places after the point: what is stored is what is written, and
/// the largest values are not rounded beyond their limit.
pub(super) fn cut(text: &str, places: usize) -> String {
    let Some((before, after)) = text.split_once('.') else { return text.to_owned() };
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    let rest = after.strip_prefix(digits.as_str()).unwrap_or_default();
    let kept: String = digits.chars().take(places).collect();
    if kept.is_empty() { format!("{before}{rest}") } else { format!("{before}.{kept}{rest}") }
}

/// The n-th day since 2000, in a year of months of 28 days.
fn day(n: u64) -> Option<String> {
    // The timestamps' last year is 294276.
    (n < 98_000_000).then(|| {
        let (year, month, day) = (2000 + n / 336, n % 336 / 28 + 1, n % 28 + 1);
        format!("{year}-{month:02}-{day:02}")
    })
}

fn clock(second: u64) -> String {
    format!("{:02}:{:02}:{:02}", second / 3600, second % 3600 / 60, second % 60)
}

impl Moment {
    fn cut_all(&self, texts: Texts) -> Vec<String> {
        unique(texts.iter().map(|text| cut(text, self.places)))
    }
}

impl Family for Moment {
    fn boundary(&self) -> Vec<String> {
        self.cut_all(self.lists.boundary)
    }

    fn plain(&self) -> Vec<String> {
        filled(self.cut_all(self.lists.plain), |n| self.distinct(n))
    }

    fn canonical(&self) -> Vec<String> {
        self.cut_all(self.lists.canonical)
    }

    fn distinct(&self, n: u64) -> Option<String> {
        match self.shape {
            Shape::Date => day(n),
            Shape::Time => (n < 86_400).then(|| clock(n)),
            Shape::TimeTz => (n < 86_400).then(|| format!("{}+00", clock(n))),
            Shape::Timestamp => Some(format!("{} 12:00:00", day(n)?)),
            Shape::TimestampTz => Some(format!("{} 12:00:00+00", day(n)?)),
        }
    }

    fn any(&self) -> BoxedStrategy<String> {
        let (shape, places) = (self.shape, self.places);
        let zones = select(&["+00", "+00", "-05", "+05:30", "+13", "-09:30"][..]);
        let days = (1900..2100_u32, 1..13_u32, 1..29_u32);
        // Half of all have no fraction.
        let fractions = prop_oneof![Just(0), 0..1_000_000_u32];
        let drawn = (days, 0..86_400_u64, fractions, zones);
        let drawn = drawn.prop_map(move |((year, month, day), second, fraction, zone)| {
            let date = format!("{year}-{month:02}-{day:02}");
            let time = match fraction {
                0 => clock(second),
                _ => cut(&format!("{}.{fraction:06}", clock(second)), places),
            };
            match shape {
                Shape::Date => date,
                Shape::Time => time,
                Shape::TimeTz => time + zone,
                Shape::Timestamp => format!("{date} {time}"),
                Shape::TimestampTz => format!("{date} {time}{zone}"),
            }
        });
        prop_oneof![2 => pool(self.known()), 3 => drawn].boxed()
    }

    fn ordered(&self) -> Vec<String> {
        self.cut_all(self.lists.ordered)
    }
}

const DATE: Lists = Lists {
    boundary: &[
        "1970-01-01",
        "1969-12-31",
        "2024-02-29",
        "2024-12-31",
        "2024-11-03",
        "2024-03-10",
        "0001-01-01",
        "0044-03-15 BC",
        "9999-12-31",
        "10000-01-01",
        "infinity",
        "-infinity",
        "4713-01-01 BC",
        "5874897-12-31",
    ],
    plain: &[
        "2024-01-15",
        "2023-06-30",
        "1985-04-12",
        "2024-05-17",
        "2021-09-01",
        "2025-07-04",
        "2019-12-24",
    ],
    canonical: &["2000-01-01", "2000-01-02"],
    ordered: &[
        "-infinity",
        "0044-03-15 BC",
        "1969-12-31",
        "2024-01-01",
        "2024-01-02",
        "2024-02-01",
        "2024-02-29",
        "2025-01-01",
        "10000-01-01",
        "infinity",
    ],
};

const TIME: Lists = Lists {
    boundary: &[
        "00:00:00",
        "23:59:59.999999",
        "24:00:00",
        "12:00:00",
        "02:30:00",
        "00:00:00.000001",
    ],
    plain: &["09:00:00", "17:30:00", "08:15:30", "12:45:10.25", "20:00:00", "06:05:00"],
    canonical: &["00:00:00", "12:00:00"],
    ordered: &["00:00:00", "00:00:01", "02:30:00", "09:00:00", "12:00:00", "17:30:00", "24:00:00"],
};

const TIMETZ: Lists = Lists {
    boundary: &[
        "00:00:00+00",
        "23:59:59.999999+00",
        "24:00:00+00",
        "12:00:00+05:30",
        "12:00:00-05",
        "00:00:00+15:59:59",
        "00:00:00-15:59:59",
    ],
    plain: &[
        "09:00:00+00",
        "17:30:00+02",
        "08:15:30-05",
        "12:45:10.25+00",
        "20:00:00+09",
        "06:05:00+00",
    ],
    canonical: &["00:00:00+00", "12:00:00+00"],
    ordered: &[
        "00:00:00+00",
        "02:30:00+00",
        "09:00:00+00",
        "12:00:00+00",
        "17:30:00+00",
        "24:00:00+00",
    ],
};

const TIMESTAMP: Lists = Lists {
    boundary: &[
        "1970-01-01 00:00:00",
        "2024-05-17 08:30:00.123456",
        "1969-12-31 23:59:59.999999",
        "2024-02-29 00:00:00",
        "2024-11-03 01:30:00",
        "2024-03-10 02:30:00",
        "2024-03-31 02:30:00",
        "2024-12-31 23:59:59.999999",
        "0044-03-15 12:00:00 BC",
        "10000-01-01 00:00:00",
        "infinity",
        "-infinity",
        "4713-01-01 00:00:00 BC",
        "294276-12-31 23:59:59.999999",
    ],
    plain: &[
        "2024-01-15 09:30:00",
        "2023-06-30 17:45:12",
        "2024-05-17 08:00:00.25",
        "2021-09-01 00:00:00",
        "2025-07-04 12:00:00",
        "2019-12-24 18:05:59",
    ],
    canonical: &["2000-01-01 00:00:00", "2000-01-02 00:00:00"],
    ordered: &[
        "-infinity",
        "0044-03-15 12:00:00 BC",
        "1969-12-31 23:59:59",
        "2024-01-01 00:00:00",
        "2024-01-01 12:00:00",
        "2024-03-10 02:30:00",
        "2024-11-03 01:30:00",
        "2025-01-01 00:00:00",
        "10000-01-01 00:00:00",
        "infinity",
    ],
};

const TIMESTAMPTZ: Lists = Lists {
    boundary: &[
        "1970-01-01 00:00:00+00",
        "2024-05-17 08:30:00.123456+00",
        "1969-12-31 23:59:59.999999+00",
        "2024-02-29 00:00:00+00",
        // Both are half past one in New York.
        "2024-11-03 05:30:00+00",
        "2024-11-03 06:30:00+00",
        "2024-03-10 07:00:00+00",
        "2024-12-31 23:30:00-05",
        "0044-03-15 12:00:00+00 BC",
        "10000-01-01 00:00:00+00",
        "infinity",
        "-infinity",
        "4713-01-01 00:00:00+00 BC",
        "294276-12-31 23:59:59.999999+00",
    ],
    plain: &[
        "2024-01-15 09:30:00+00",
        "2023-06-30 17:45:12+02",
        "2024-05-17 08:00:00.25+00",
        "2021-09-01 00:00:00+00",
        "2025-07-04 12:00:00-05",
        "2019-12-24 18:05:59+00",
    ],
    canonical: &["2000-01-01 00:00:00+00", "2000-01-02 00:00:00+00"],
    ordered: &[
        "-infinity",
        "0044-03-15 12:00:00+00 BC",
        "1969-12-31 23:59:59+00",
        "2024-01-01 00:00:00+00",
        "2024-01-01 12:00:00+00",
        "2024-11-03 05:30:00+00",
        "2024-11-03 06:30:00+00",
        "2025-01-01 00:00:00+00",
        "10000-01-01 00:00:00+00",
        "infinity",
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_cut_and_not_rounded() {
        assert_eq!(cut("23:59:59.999999", 0), "23:59:59");
        assert_eq!(cut("2024-05-17 08:30:00.123456+00", 3), "2024-05-17 08:30:00.123+00");
        assert_eq!(cut("0044-03-15 12:00:00+00 BC", 3), "0044-03-15 12:00:00+00 BC");
        assert_eq!(cut("12:45:10.25", 6), "12:45:10.25");
    }

    #[test]
    fn the_precision_is_kept() {
        for (modifier, places) in [(-1, 6), (0, 0), (3, 3)] {
            let boundary = family("timestamptz", modifier).unwrap().boundary();
            let longest = boundary
                .iter()
                .filter_map(|it| it.split_once('.'))
                .map(|(_, part)| part.chars().take_while(char::is_ascii_digit).count());
            assert_eq!(longest.max().unwrap_or(0), places);
        }
    }

    #[test]
    fn the_ends_of_time_are_tried_first() {
        for name in ["date", "timestamp", "timestamptz"] {
            let boundary = family(name, -1).unwrap().boundary();
            let first = boundary.iter().take(14);
            let has = |word: &str| first.clone().any(|it| it.contains(word));
            assert!(
                has("infinity") && has("-infinity") && has("BC") && has("9999"),
                "{boundary:?}"
            );
        }
    }

    #[test]
    fn days_are_ascending() {
        let days: Vec<_> = (0..2000).map_while(day).collect();
        assert!(days.is_sorted() && days.len() == 2000);
        assert_eq!(day(336 + 28).unwrap(), "2001-02-01");
    }
}
