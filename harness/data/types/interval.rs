//! `interval` with its fields and precision.
//!
//! Knows which unit a column of some fields keeps. Must not know points in time.

use proptest::prelude::*;

use super::family::{Family, filled, owned, pool, unique};
use super::time::cut;

/// The bits of the fields, the smallest unit first: an interval of several keeps all of these.
const UNITS: [(i32, &str); 6] =
    [(12, "secs"), (11, "mins"), (10, "hours"), (3, "days"), (1, "mons"), (2, "years")];
const ALL_FIELDS: i32 = 0x7fff;
/// So many of each unit fit; of years 178 million do.
const MOST: u64 = 100_000_000;

const EDGES: &[&str] = &[
    "0",
    "1 mon",
    "30 days",
    "720:00:00",
    "-1 day",
    "1 day",
    "24:00:00",
    "1 year 2 mons 3 days 04:05:06.000007",
    "-00:00:00.000001",
    "1 mon -1 day",
    "-1 year 2 mons -3 days",
    "178000000 years",
    "-178000000 years",
];
const PLAIN: &[&str] = &[
    "1 day",
    "02:00:00",
    "7 days",
    "1 mon",
    "00:15:00",
    "1 year",
    "3 days 04:30:00",
    "00:00:45.5",
];

/// An interval, perhaps of some fields only: the server drops the others without a word.
pub(super) struct Interval {
    /// The smallest unit that is kept, where not all are.
    unit: Option<&'static str>,
    places: usize,
}

impl Interval {
    pub(super) fn new(modifier: i32) -> Self {
        if modifier < 0 {
            return Self { unit: None, places: 6 };
        }
        let fields = (modifier >> 16) & ALL_FIELDS;
        let kept = UNITS.iter().find(|(bit, _)| fields & (1 << bit) != 0);
        let unit = kept.filter(|_| fields != ALL_FIELDS).map(|(_, unit)| *unit);
        // Without a precision these are all ones.
        let places = usize::try_from(modifier & 0xffff).unwrap_or(6).min(6);
        Self { unit, places }
    }

    fn kept(&self, texts: &[&str]) -> Vec<String> {
        unique(texts.iter().map(|text| cut(text, self.places)))
    }
}

impl Family for Interval {
    fn boundary(&self) -> Vec<String> {
        self.kept(EDGES)
    }

    fn plain(&self) -> Vec<String> {
        let listed = if self.unit.is_some() { Vec::new() } else { self.kept(PLAIN) };
        filled(listed, |n| self.distinct(n))
    }

    fn canonical(&self) -> Vec<String> {
        let mut texts = owned(&["0"]);
        texts.extend(self.distinct(0));
        texts
    }

    fn distinct(&self, n: u64) -> Option<String> {
        let units = self.unit.unwrap_or("days");
        if n == 0 {
            return Some(format!("1 {}", units.trim_end_matches('s')));
        }
        (n < MOST).then(|| format!("{} {units}", n + 1))
    }

    fn any(&self) -> BoxedStrategy<String> {
        let places = self.places;
        let seconds = (-100_000..100_000_i32, 0..1_000_000_u32);
        let drawn = (-30..30_i32, -40..40_i32, seconds);
        let drawn = drawn.prop_map(move |(months, days, (seconds, fraction))| {
            cut(&format!("{months} mons {days} days {seconds}.{fraction:06} secs"), places)
        });
        prop_oneof![2 => pool(self.known()), 3 => drawn].boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_unit_of_the_fields_counts() {
        let first = |fields: &[i32]| {
            let range = fields.iter().fold(0, |range, bit| range | (1 << bit));
            Interval::new((range << 16) | 0xffff).distinct(0).unwrap()
        };
        assert_eq!(first(&[2]), "1 year");
        assert_eq!(first(&[2, 1]), "1 mon");
        assert_eq!(first(&[3, 10, 11]), "1 min");
        assert_eq!(first(&[3, 10, 11, 12]), "1 sec");
        assert_eq!(Interval::new(-1).distinct(0).unwrap(), "1 day");
        assert_eq!(Interval::new((ALL_FIELDS << 16) | 3).distinct(0).unwrap(), "1 day");
    }

    #[test]
    fn the_precision_is_kept() {
        let all = Interval::new((ALL_FIELDS << 16) | 3).boundary();
        assert!(all.contains(&"1 year 2 mons 3 days 04:05:06.000".to_owned()), "{all:?}");
    }
}
