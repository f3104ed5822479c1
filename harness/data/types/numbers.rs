//! Integers, floats and money.
//!
//! Knows their limits. Must not know `numeric`, which has a modifier and a file of its own.

use proptest::prelude::*;

use super::family::{Family, Listed, pool};
use super::numeric::Numeric;

pub(super) fn family(name: &str, modifier: i32) -> Option<Box<dyn Family>> {
    Some(match name {
        "int2" => Box::new(Integer::new(i16::MIN.into(), i16::MAX.into())),
        "int4" => Box::new(Integer::new(i32::MIN.into(), i32::MAX.into())),
        "int8" => Box::new(Integer::new(i64::MIN, i64::MAX)),
        "numeric" => Box::new(Numeric::new(modifier)),
        "float4" => Box::new(FLOAT4),
        "float8" => Box::new(FLOAT8),
        "money" => Box::new(MONEY),
        _ => return None,
    })
}

/// An integer between two limits.
pub(super) struct Integer {
    min: i64,
    max: i64,
}

/// The limits of the types themselves come last, where they fit.
const EDGES: [i64; 12] = [
    0,
    1,
    -1,
    2,
    32_767,
    32_768,
    -32_769,
    100_000,
    2_147_483_647,
    2_147_483_648,
    -2_147_483_649,
    4_294_967_296,
];
const PLAIN: [i64; 8] = [1, 2, 3, 7, 10, 42, 100, 1200];
const ORDERED: [i64; 9] = [-100, -1, 0, 1, 2, 3, 10, 100, 1000];

impl Integer {
    pub(super) fn new(min: i64, max: i64) -> Self {
        Self { min, max }
    }

    fn fitting(&self, numbers: &[i64]) -> Vec<String> {
        let fits = |number: &&i64| self.min < **number && **number < self.max;
        numbers.iter().filter(fits).map(i64::to_string).collect()
    }
}

impl Family for Integer {
    fn boundary(&self) -> Vec<String> {
        let mut texts = self.fitting(&EDGES);
        if self.min == 0 {
            texts.insert(0, "0".to_owned());
        } else {
            texts.push(self.min.to_string());
        }
        texts.push(self.max.to_string());
        texts
    }

    fn plain(&self) -> Vec<String> {
        self.fitting(&PLAIN)
    }

    fn canonical(&self) -> Vec<String> {
        vec!["0".to_owned(), "1".to_owned()]
    }

    fn distinct(&self, n: u64) -> Option<String> {
        let number = i64::try_from(n).ok()?.checked_add(1)?;
        (number <= self.max).then(|| number.to_string())
    }

    fn any(&self) -> BoxedStrategy<String> {
        let (min, max) = (self.min, self.max);
        let small = min.max(-50)..=max.min(50);
        let ordinary = 1..=max.min(100_000);
        let number = prop_oneof![3 => small, 3 => ordinary, 1 => min..=max];
        prop_oneof![2 => pool(self.boundary()), 5 => number.prop_map(|it| it.to_string())].boxed()
    }

    // Without the largest: a range that includes it can't be written with an exclusive bound.
    fn ordered(&self) -> Vec<String> {
        let mut texts = vec![self.min.to_string()];
        texts.extend(self.fitting(&ORDERED));
        texts
    }
}

fn count(n: u64) -> Option<String> {
    // Up to here a float4 tells neighbours apart.
    (n < 16_000_000).then(|| (n + 1).to_string())
}

fn cents() -> impl Strategy<Value = String> {
    (any::<bool>(), 0..100_000_u32, 0..100_u32).prop_map(|(negative, whole, part)| {
        format!("{}{whole}.{part:02}", if negative { "-" } else { "" })
    })
}

const FLOAT4: Listed = Listed {
    boundary: &[
        "0",
        "1",
        "-1",
        "0.1",
        "-0",
        "NaN",
        "Infinity",
        "-Infinity",
        "16777217",
        "1.005",
        "1e-40",
        "3.4028235e38",
        "-3.4028235e38",
    ],
    plain: &["1", "2.5", "0.25", "10", "99.5", "1000", "36.6", "-4"],
    canonical: &["0", "1"],
    ordered: &["-Infinity", "-1.5", "0", "0.1", "1", "2.5", "100", "Infinity", "NaN"],
    distinct: count,
    drawn: Some(|| {
        prop_oneof![3 => cents(), 2 => any::<f32>().prop_map(|it| format!("{it:e}"))].boxed()
    }),
};

const FLOAT8: Listed = Listed {
    boundary: &[
        "0",
        "1",
        "-1",
        "0.1",
        "-0",
        "NaN",
        "Infinity",
        "-Infinity",
        "9007199254740993",
        "16777217",
        "0.30000000000000004",
        "1.005",
        "1e-310",
        "1.7976931348623157e308",
        "-1.7976931348623157e308",
    ],
    drawn: Some(|| {
        prop_oneof![3 => cents(), 2 => any::<f64>().prop_map(|it| format!("{it:e}"))].boxed()
    }),
    ..FLOAT4
};

/// As with lc_monetary C; other locales may read the point as a separator, and still take it.
const MONEY: Listed = Listed {
    boundary: &[
        "0",
        "1",
        "-1",
        "0.01",
        "1.50",
        "-0.01",
        "21474836.48",
        "92233720368547758.07",
        "-92233720368547758.08",
    ],
    plain: &["1.00", "2.50", "9.99", "10", "19.90", "42", "100", "1250.75"],
    canonical: &["0", "1"],
    ordered: &["-1", "0", "0.01", "1", "1.50", "10", "1000"],
    distinct: |n| (n < 1_000_000_000).then(|| (n + 1).to_string()),
    drawn: Some(|| cents().boxed()),
};
