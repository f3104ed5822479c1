//! Types that extensions bring, known by their names alone: they may be in any schema.
//!
//! Knows how they are written. Must not know which extension is installed.

use proptest::collection::vec;
use proptest::prelude::*;

use super::family::{Family, Listed, filled, pool, unique};
use super::text::Text;

pub(super) fn family(name: &str, modifier: i32) -> Option<Box<dyn Family>> {
    Some(match name {
        "citext" => Box::new(Text::unlimited()),
        "vector" | "halfvec" => Box::new(Vector::new(modifier, false)),
        "sparsevec" => Box::new(Vector::new(modifier, true)),
        other => Box::new(listed(other)?),
    })
}

fn listed(name: &str) -> Option<Listed> {
    Some(match name {
        "hstore" => HSTORE,
        "ltree" => LTREE,
        "lquery" => LQUERY,
        "ltxtquery" => LTXTQUERY,
        "cube" => CUBE,
        "seg" => SEG,
        "query_int" => QUERY_INT,
        _ => return None,
    })
}

/// pgvector's types, with as many dimensions as the modifier says.
struct Vector {
    dimensions: usize,
    is_sparse: bool,
}

impl Vector {
    fn new(modifier: i32, is_sparse: bool) -> Self {
        let dimensions = usize::try_from(modifier).ok().filter(|it| *it > 0).unwrap_or(3);
        Self { dimensions, is_sparse }
    }

    /// These numbers, over and over.
    fn of(&self, numbers: &[&str]) -> String {
        let all = numbers.iter().copied().cycle().take(self.dimensions);
        if !self.is_sparse {
            return format!("[{}]", all.collect::<Vec<_>>().join(","));
        }
        // A sparse vector may hold only so many numbers that are not zero.
        let parts = all.enumerate().filter(|(_, number)| *number != "0").take(1000);
        let parts: Vec<_> = parts.map(|(at, number)| format!("{}:{number}", at + 1)).collect();
        format!("{{{}}}/{}", parts.join(","), self.dimensions)
    }

    /// This number in the first place and zero in all others.
    fn first(&self, number: &str) -> String {
        let mut numbers = vec!["0"; self.dimensions];
        if let Some(first) = numbers.first_mut() {
            *first = number;
        }
        self.of(&numbers)
    }
}

impl Family for Vector {
    fn boundary(&self) -> Vec<String> {
        unique([
            self.of(&["0"]),
            self.of(&["1"]),
            self.first("1"),
            self.of(&["-1", "0.5"]),
            self.of(&["65504"]),
        ])
    }

    fn plain(&self) -> Vec<String> {
        let listed = vec![self.of(&["1", "2", "3"]), self.of(&["0.5", "0.25", "0.125"])];
        filled(listed, |n| self.distinct(n + 3))
    }

    fn canonical(&self) -> Vec<String> {
        vec![self.of(&["0"]), self.first("1")]
    }

    fn distinct(&self, n: u64) -> Option<String> {
        // As far as a half float counts without a gap.
        (n < 2048).then(|| self.first(&(n + 1).to_string()))
    }

    fn any(&self) -> BoxedStrategy<String> {
        let (dimensions, is_sparse) = (self.dimensions, self.is_sparse);
        let drawn = vec(-400..400_i32, 1..=dimensions.min(8)).prop_map(move |numbers| {
            let numbers: Vec<_> =
                numbers.into_iter().map(|it| (f64::from(it) / 4.0).to_string()).collect();
            let numbers: Vec<_> = numbers.iter().map(String::as_str).collect();
            Self { dimensions, is_sparse }.of(&numbers)
        });
        prop_oneof![1 => pool(self.boundary()), 2 => drawn].boxed()
    }
}

const HSTORE: Listed = Listed {
    boundary: &[
        "",
        "\"a\"=>\"1\"",
        "\"a\"=>NULL",
        "\"a\"=>\"NULL\"",
        "\"a\"=>\"\"",
        "\"\"=>\"a\"",
        "\"a\"=>\"1\", \"A\"=>\"2\"",
        "\"a b\"=>\"c, d\", \"e\"=>\"\\\"=>\\\\\"",
        "\"\u{e9}\"=>\"\u{1f600}\"",
    ],
    plain: &[
        "\"color\"=>\"blue\"",
        "\"size\"=>\"10\", \"unit\"=>\"cm\"",
        "\"name\"=>\"Ada\"",
        "\"lang\"=>\"en\", \"theme\"=>\"dark\"",
    ],
    canonical: &["", "\"a\"=>\"1\""],
    ordered: &[],
    distinct: |n| Some(format!("\"id\"=>\"{}\"", n.checked_add(1)?)),
    drawn: None,
};

const LTREE: Listed = Listed {
    boundary: &[
        "",
        "a",
        "A",
        "a.b",
        "a.a.a",
        "a_1.B2",
        "0",
        // A label as long as every version takes it.
        concat!(
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ),
    ],
    plain: &[
        "Top",
        "Top.Science",
        "Top.Science.Astronomy",
        "Top.Hobbies",
        "shop.shoes",
        "shop.shoes.red",
    ],
    canonical: &["", "a"],
    ordered: &[],
    distinct: |n| Some(format!("a{}", n.checked_add(1)?)),
    drawn: None,
};

const LQUERY: Listed = Listed {
    boundary: &["*", "a", "*.a.*", "!a", "a*@%|b", "*{1,2}.a"],
    plain: &["Top.*", "*.Science.*", "Top.Science", "shop.*{1}", "*.red"],
    canonical: &["*", "a"],
    ordered: &[],
    distinct: |n| Some(format!("a{}.*", n.checked_add(1)?)),
    drawn: None,
};

const LTXTQUERY: Listed = Listed {
    boundary: &["a", "a & b", "!a", "a* | b@", "a & !(b | c)"],
    plain: &["Science", "Science & Astronomy", "shoes | red", "Top & !Hobbies"],
    canonical: &["a", "b"],
    ordered: &[],
    distinct: |n| Some(format!("a{}", n.checked_add(1)?)),
    drawn: None,
};

const CUBE: Listed = Listed {
    boundary: &["(0)", "()", "(0, 0, 0)", "(1),(1)", "(1, 2),(0, 0)", "(-1.5, 1e300)", "(0),(1)"],
    plain: &["(1, 2, 3)", "(0, 0),(1, 1)", "(4, 5)", "(2.5)", "(10, 20, 30)"],
    canonical: &["(0)", "(1)"],
    ordered: &[],
    distinct: |n| (n < 1_000_000_000).then(|| format!("({})", n + 1)),
    drawn: None,
};

const SEG: Listed = Listed {
    boundary: &["0", "-1", "0 .. 1", "1.00", "~1", "< 5", "1 ..", ".. 1"],
    plain: &["1", "2.5", "1 .. 2", "10 .. 20", "6.25 .. 6.50"],
    canonical: &["0", "1"],
    ordered: &[],
    distinct: |n| (n < 900_000).then(|| (n + 1).to_string()),
    drawn: None,
};

const QUERY_INT: Listed = Listed {
    boundary: &["0", "1", "1 & 2", "!1", "1 & !(2 | 3)"],
    plain: &["4 & 5", "10 | 20", "7", "3 & !4"],
    canonical: &["1", "2"],
    ordered: &[],
    distinct: |n| (n < 1_000_000_000).then(|| (n + 1).to_string()),
    drawn: None,
};
