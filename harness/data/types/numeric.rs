//! `numeric` with its precision and scale.
//!
//! Knows which decimals are stored as they are written. Must not know other numbers.

use proptest::collection::vec;
use proptest::prelude::*;

use super::family::{Family, filled, owned, pool, unique};

/// How many digits are drawn at most; a type may take a thousand.
const DRAWN: usize = 24;

const EDGES: &[&str] = &[
    "0",
    "1",
    "-1",
    "0.1",
    "1.50",
    "1.005",
    "0.5",
    "-0.01",
    "100",
    "32768",
    "12345.678901",
    "2147483648",
    "9223372036854775808",
];
const UNLIMITED: &[&str] = &["NaN", "Infinity", "-Infinity", "1e-30", "1.00", "1e30"];
const PLAIN: &[&str] = &["1", "2.50", "9.99", "10", "19.90", "42", "100", "1250.75"];
const ORDERED: &[&str] = &["-100", "-1", "0", "0.1", "1", "1.5", "2", "10", "100", "1000"];

/// `numeric`, `numeric(p)` or `numeric(p, s)`.
pub(super) struct Numeric(Option<Limits>);

/// What the modifier says: `precision` digits, of which `scale` are after the point. The scale may
/// be negative (digits before the point that are zero) or larger than the precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    precision: usize,
    scale: i32,
}

impl Limits {
    fn parse(modifier: i32) -> Option<Self> {
        let raw = u32::try_from(modifier.checked_sub(4)?).ok()?;
        // The scale has eleven bits, the highest of which is its sign.
        let scale = i32::try_from(raw & 0x7ff).ok()?;
        let scale = if scale >= 1024 { scale - 2048 } else { scale };
        Some(Self { precision: usize::try_from(raw >> 16).ok()?, scale })
    }

    /// How many digits are before the point.
    fn whole(self) -> i64 {
        i64::try_from(self.precision).unwrap_or(i64::MAX).saturating_sub(self.scale.into())
    }

    /// Whether this is stored without being rounded.
    fn takes(self, text: &str) -> bool {
        let text = text.trim_start_matches('-');
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let part = part.trim_end_matches('0');
        let digits = format!("{whole}{part}");
        let significant = digits.trim_start_matches('0');
        if significant.is_empty() {
            return true;
        }
        let (after, digits) = (length(part), length(significant));
        let zeros = length(significant) - length(significant.trim_end_matches('0'));
        after - zeros <= self.scale && i64::from(digits - after) <= self.whole()
    }

    /// The decimal of this many units of the last place.
    fn decimal(self, is_negative: bool, units: &str) -> String {
        let units = units.trim_start_matches('0');
        let sign = if is_negative && !units.is_empty() { "-" } else { "" };
        match usize::try_from(self.scale) {
            Ok(0) => format!("{sign}{units:0>1}"),
            Ok(scale) => {
                let padded = format!("{units:0>width$}", width = scale + 1);
                let (whole, part) = padded.split_at(padded.len() - scale);
                format!("{sign}{whole}.{part}")
            }
            Err(_) if units.is_empty() => "0".to_owned(),
            Err(_) => {
                let zeros = usize::try_from(self.scale.unsigned_abs()).unwrap_or(0);
                format!("{sign}{units}{}", "0".repeat(zeros))
            }
        }
    }

    fn extremes(self) -> Vec<String> {
        let nines = "9".repeat(self.precision);
        let one = format!("1{}", "0".repeat(self.precision.saturating_sub(1)));
        vec![
            self.decimal(false, "1"),
            self.decimal(true, "1"),
            self.decimal(false, &one),
            self.decimal(false, &nines),
            self.decimal(true, &nines),
        ]
    }
}

fn length(text: &str) -> i32 {
    i32::try_from(text.len()).unwrap_or(i32::MAX)
}

impl Numeric {
    pub(super) fn new(modifier: i32) -> Self {
        Self(Limits::parse(modifier))
    }

    fn taken(&self, texts: &[&str]) -> Vec<String> {
        let mut texts = owned(texts);
        texts.retain(|text| self.0.is_none_or(|limits| limits.takes(text)));
        texts
    }
}

impl Family for Numeric {
    fn boundary(&self) -> Vec<String> {
        let last = self.0.map_or_else(|| owned(UNLIMITED), Limits::extremes);
        unique(self.taken(EDGES).into_iter().chain(last))
    }

    fn plain(&self) -> Vec<String> {
        filled(self.taken(PLAIN), |n| self.distinct(n))
    }

    fn canonical(&self) -> Vec<String> {
        let mut texts = self.taken(&["0", "1"]);
        if let (1, Some(limits)) = (texts.len(), self.0) {
            texts.push(limits.decimal(false, "1"));
        }
        texts
    }

    fn distinct(&self, n: u64) -> Option<String> {
        let digits = n.checked_add(1)?.to_string();
        let Some(limits) = self.0 else { return Some(digits) };
        // Whole numbers read best; a type with few of them has more when it counts in its last place.
        if limits.scale >= 0 && limits.whole() >= 4 {
            return limits.takes(&digits).then_some(digits);
        }
        (digits.len() <= limits.precision).then(|| limits.decimal(false, &digits))
    }

    fn any(&self) -> BoxedStrategy<String> {
        let known = pool(self.known());
        let limits = self.0;
        let most = limits.map_or(DRAWN, |limits| limits.precision.clamp(1, DRAWN));
        let drawn = (any::<bool>(), vec(0..10_u32, 1..=most), 0..12_i32);
        let drawn = drawn.prop_map(move |(negative, digits, scale)| {
            let units: String =
                digits.into_iter().filter_map(|it| char::from_digit(it, 10)).collect();
            let free = Limits { precision: DRAWN, scale };
            limits.unwrap_or(free).decimal(negative, &units)
        });
        prop_oneof![2 => known, 3 => drawn].boxed()
    }

    fn ordered(&self) -> Vec<String> {
        self.taken(ORDERED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modifier(precision: i32, scale: i32) -> i32 {
        ((precision << 16) | (scale & 0x7ff)) + 4
    }

    fn limits(precision: i32, scale: i32) -> Limits {
        Limits::parse(modifier(precision, scale)).unwrap()
    }

    #[test]
    fn modifiers_are_read() {
        assert_eq!(Limits::parse(-1), None);
        for (precision, scale) in [(10, 2), (5, -2), (2, 4), (1000, 1000), (1, 0), (1000, -1000)] {
            let read = limits(precision, scale);
            assert_eq!((read.precision, read.scale), (usize::try_from(precision).unwrap(), scale));
        }
    }

    #[test]
    fn decimals_are_written_at_the_scale() {
        assert_eq!(limits(10, 2).decimal(true, "5"), "-0.05");
        assert_eq!(limits(10, 2).decimal(false, "12345"), "123.45");
        assert_eq!(limits(10, 2).decimal(true, "000"), "0.00");
        assert_eq!(limits(10, 0).decimal(false, "0"), "0");
        assert_eq!(limits(5, -2).decimal(false, "99999"), "9999900");
        assert_eq!(limits(5, -2).decimal(true, "0"), "0");
        assert_eq!(limits(2, 4).decimal(false, "99"), "0.0099");
    }

    #[test]
    fn only_what_is_not_rounded_fits() {
        let takes = |p, s, text| limits(p, s).takes(text);
        assert!(takes(3, 2, "1.50") && takes(3, 2, "-9.99") && takes(3, 2, "0"));
        assert!(!takes(3, 2, "1.005") && !takes(3, 2, "10"));
        assert!(takes(5, -2, "100") && takes(5, -2, "9999900") && !takes(5, -2, "110"));
        assert!(takes(2, 4, "0.0099") && !takes(2, 4, "0.01") && !takes(2, 4, "0.00001"));
    }

    #[test]
    fn boundaries_fit_and_reach_the_ends() {
        for (precision, scale) in [(10, 2), (5, -2), (2, 4), (1, 0), (38, 10), (1000, 3)] {
            let limits = limits(precision, scale);
            let boundary = Numeric::new(modifier(precision, scale)).boundary();
            assert!(boundary.iter().all(|text| limits.takes(text)), "{boundary:?}");
            let digits = boundary.last().unwrap().matches('9').count();
            assert_eq!(digits, limits.precision);
        }
        let free = Numeric::new(-1).boundary();
        assert!(["NaN", "Infinity", "1.005"].iter().all(|it| free.contains(&(*it).to_owned())));
        let bound = Numeric::new(modifier(10, 2)).boundary();
        assert!(!bound.iter().any(|it| it == "NaN" || it == "Infinity"), "{bound:?}");
    }

    #[test]
    fn distinct_values_end_where_the_digits_do() {
        let count =
            |p, s| (0..2000).map_while(|n| Numeric::new(modifier(p, s)).distinct(n)).count();
        assert_eq!(count(2, 1), 99);
        assert_eq!(count(1, 0), 9);
        assert_eq!(count(3, -2), 999);
        assert_eq!(count(10, 2), 2000);
        assert_eq!(Numeric::new(modifier(10, 2)).distinct(6).unwrap(), "7");
    }
}
