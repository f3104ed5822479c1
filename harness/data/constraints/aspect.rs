//! What of a column is compared: itself, its length, a place in it.
//!
//! Knows the functions that answer with something countable. Must not know where they are called.

use serde_json::Value;

use super::fact::{Fact, Op, Want};

/// How many elements a list is given at most for its length.
const ELEMENTS: usize = 50;

/// What of a column is compared with a constant.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Aspect {
    Itself,
    /// Something that a constant tells nothing about.
    Unknown,
    Length,
    Count,
    Year,
    Beginning,
    /// The kind of a place in a document.
    Kind(Vec<String>),
    /// The number of elements there.
    Elements(Vec<String>),
    /// What is there; true for a number.
    Place(Vec<String>, bool),
}

impl Aspect {
    /// Of a function of a document.
    pub(super) fn of_json(function: &str, path: &[String]) -> Option<Self> {
        match function {
            "jsonb_typeof" | "json_typeof" => Some(Self::Kind(path.to_vec())),
            "jsonb_array_length" | "json_array_length" => Some(Self::Elements(path.to_vec())),
            _ => None,
        }
    }

    /// Of any other function; `has_year` where it is asked for the year.
    pub(super) fn of(function: &str, has_year: bool) -> Option<Self> {
        match function {
            "length" | "char_length" | "character_length" | "octet_length" => Some(Self::Length),
            "array_length" | "cardinality" => Some(Self::Count),
            "left" | "substr" | "substring" => Some(Self::Beginning),
            "extract" | "date_part" if has_year => Some(Self::Year),
            "num_nulls" | "num_nonnulls" | "position" | "strpos" | "array_position" | "mod" => {
                Some(Self::Unknown)
            }
            _ => None,
        }
    }

    /// What a comparison with a constant says.
    pub(super) fn facts(&self, op: Op, text: &str) -> Vec<Fact> {
        let counted = |make: fn(Op, i64) -> Fact| {
            vec![text.parse().map_or(Fact::Used, |count| make(op, count))]
        };
        match self {
            Self::Itself => vec![Fact::Compare(op, text.to_owned())],
            Self::Unknown => vec![Fact::Used],
            Self::Length => counted(Fact::Length),
            Self::Count => counted(Fact::Count),
            Self::Year => counted(Fact::Year),
            Self::Beginning => vec![Fact::Prefix(text.to_owned())],
            Self::Kind(path) => vec![Fact::Json(path.clone(), Want::Kind(text.to_owned()))],
            Self::Elements(path) => {
                let list = |count: usize| Value::from(vec![1; count]);
                near(op, text)
                    .into_iter()
                    .filter_map(|count| usize::try_from(count).ok().filter(|it| *it < ELEMENTS))
                    .map(|count| Fact::Json(path.clone(), Want::One(list(count))))
                    .collect()
            }
            Self::Place(path, true) => {
                let numbers = near(op, text).into_iter().map(Value::from);
                numbers.map(|number| Fact::Json(path.clone(), Want::One(number))).collect()
            }
            Self::Place(path, false) => {
                vec![Fact::Json(path.clone(), Want::One(Value::from(text)))]
            }
        }
    }
}

/// The numbers next to a bound, those that hold first.
fn near(op: Op, text: &str) -> Vec<i64> {
    let Ok(number) = text.parse::<i64>() else { return Vec::new() };
    op.offsets().iter().map(|offset| number.saturating_add(*offset)).collect()
}
