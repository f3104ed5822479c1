//! What a column's type takes, by the look of a text.
//!
//! Knows built-in types by name, domains, arrays and ranges. A type that it does not know takes
//! nothing, for nothing can be said of its texts. Must not know constraints.

use super::clock::{Moment, time_of_day};
use super::decimal::Decimal;
use crate::data::model::{Type, TypeKind, Types};

/// How many domains or arrays deep a type is looked into.
const DEPTH: usize = 16;

/// What a type takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Class {
    Integer(i64, i64),
    /// With precision and scale where it has them.
    Numeric(Option<(usize, usize)>),
    Float,
    /// With the number of characters it takes at most.
    Text(Option<usize>),
    Bool,
    Date,
    Timestamp,
    Time,
    Interval,
    Uuid,
    Json,
    Bytes,
    Enum(Vec<String>),
    Array(Box<Class>),
    Range(Box<Class>),
    Multirange(Box<Class>),
    Other,
}

impl Class {
    /// Of a type by object id, with a column's modifier.
    pub(super) fn of(types: &Types, oid: u32, modifier: i32) -> Self {
        Self::read(types, oid, modifier, DEPTH)
    }

    fn read(types: &Types, oid: u32, modifier: i32, depth: usize) -> Self {
        let Some(kind) = types.get(oid).filter(|_| depth > 0) else { return Self::Other };
        let inner = |oid, modifier| Self::read(types, oid, modifier, depth - 1);
        match &kind.kind {
            TypeKind::Base => Self::base(kind, modifier),
            TypeKind::Enum(labels) => Self::Enum(labels.clone()),
            TypeKind::Domain { base, modifier, .. } => inner(*base, *modifier),
            TypeKind::Array(element) => Self::Array(Box::new(inner(*element, modifier))),
            TypeKind::Range(subtype) => Self::Range(Box::new(inner(*subtype, -1))),
            TypeKind::Multirange(range) => match inner(*range, -1) {
                Self::Range(subtype) => Self::Multirange(subtype),
                _ => Self::Other,
            },
            TypeKind::Told(_) | TypeKind::Composite(_) => Self::Other,
        }
    }

    fn base(base: &Type, modifier: i32) -> Self {
        Self::named(&base.name, modifier)
    }

    /// Of a built-in type by its own name or the standard's.
    pub(super) fn named(name: &str, modifier: i32) -> Self {
        let count = |value: i32| usize::try_from(value).ok();
        match name {
            "int2" | "smallint" => Self::Integer(i16::MIN.into(), i16::MAX.into()),
            "int4" | "int" | "integer" => Self::Integer(i32::MIN.into(), i32::MAX.into()),
            "int8" | "bigint" => Self::Integer(i64::MIN, i64::MAX),
            "numeric" | "decimal" => Self::Numeric(numeric_size(modifier)),
            "float4" | "float8" | "float" | "real" | "double" => Self::Float,
            "text" | "citext" => Self::Text(None),
            "varchar" | "bpchar" => Self::Text(count(modifier - 4).filter(|_| modifier >= 4)),
            "name" => Self::Text(Some(63)),
            "bool" | "boolean" => Self::Bool,
            "date" => Self::Date,
            "timestamp" | "timestamptz" => Self::Timestamp,
            "time" | "timetz" => Self::Time,
            "interval" => Self::Interval,
            "uuid" => Self::Uuid,
            "json" | "jsonb" => Self::Json,
            "bytea" => Self::Bytes,
            _ => Self::Other,
        }
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Integer(..) | Self::Numeric(_) | Self::Float)
    }

    pub(super) fn is_time(&self) -> bool {
        matches!(self, Self::Date | Self::Timestamp)
    }

    /// Whether the type takes this text, by the look of it.
    pub(super) fn fits(&self, text: &str) -> bool {
        match self {
            Self::Integer(min, max) => {
                text.trim().parse::<i64>().is_ok_and(|value| (*min..=*max).contains(&value))
            }
            Self::Numeric(size) => is_numeric(text, *size),
            Self::Float => text.trim().parse::<f64>().is_ok_and(f64::is_finite),
            Self::Text(most) => {
                !text.contains('\0') && most.is_none_or(|most| text.chars().count() <= most)
            }
            Self::Bool => is_bool(text),
            Self::Date | Self::Timestamp => is_infinite(text) || Moment::parse(text).is_some(),
            Self::Time => time_of_day(text).is_some(),
            Self::Interval => is_interval(text),
            Self::Uuid => is_uuid(text),
            Self::Json => serde_json::from_str::<serde_json::Value>(text).is_ok(),
            Self::Bytes => text.strip_prefix("\\x").is_some_and(|hex| {
                hex.len() % 2 == 0 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
            }),
            Self::Enum(labels) => labels.iter().any(|label| label == text),
            Self::Array(element) => {
                items(text).is_some_and(|items| items.iter().all(|item| element.fits(item)))
            }
            Self::Range(bound) => is_range(bound, text),
            Self::Multirange(bound) => {
                let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
                inner.is_some_and(|inner| inner.is_empty() || is_range(bound, inner))
            }
            Self::Other => false,
        }
    }
}

/// Precision and scale of a `numeric`; a negative scale is not told.
fn numeric_size(modifier: i32) -> Option<(usize, usize)> {
    let packed = modifier.checked_sub(4).filter(|packed| *packed >= 0)?;
    let scale = packed & 0x7ff;
    let sizes = (usize::try_from(packed >> 16).ok()?, usize::try_from(scale).ok()?);
    (scale < 0x400).then_some(sizes)
}

fn is_numeric(text: &str, size: Option<(usize, usize)>) -> bool {
    match Decimal::parse(text) {
        Some(value) => size.is_none_or(|(precision, scale)| {
            value.whole_digits() <= precision.saturating_sub(scale)
        }),
        None => size.is_none() && is_exponential(text),
    }
}

fn is_exponential(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
        && text.trim().parse::<f64>().is_ok_and(f64::is_finite)
}

fn is_bool(text: &str) -> bool {
    let words = ["t", "true", "y", "yes", "on", "1", "f", "false", "n", "no", "off", "0"];
    words.contains(&text.trim().to_ascii_lowercase().as_str())
}

fn is_infinite(text: &str) -> bool {
    matches!(text, "infinity" | "-infinity")
}

/// `1 day`, `-2 mons 3 days 04:05:06`.
fn is_interval(text: &str) -> bool {
    let units = ["year", "mon", "month", "week", "day", "hour", "min", "minute", "sec", "second"];
    let mut words = text.split_whitespace();
    let mut count = 0;
    while let Some(word) = words.next() {
        count += 1;
        if time_of_day(word.trim_start_matches('-')).is_some() {
            continue;
        }
        let unit = words.next().map(|unit| unit.trim_end_matches('s'));
        if word.parse::<i64>().is_err() || !unit.is_some_and(|unit| units.contains(&unit)) {
            return false;
        }
    }
    count > 0
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|it| it == b'-' || it.is_ascii_hexdigit())
}

fn is_range(bound: &Class, text: &str) -> bool {
    let inner = text.strip_prefix(['[', '(']).and_then(|rest| rest.strip_suffix([']', ')']));
    let Some((low, high)) = inner.and_then(|inner| inner.split_once(',')) else {
        return text == "empty";
    };
    let fits = |side: &str| side.is_empty() || bound.fits(side.trim_matches('"'));
    fits(low) && fits(high)
}

/// The items of an array's text with one dimension and no NULL.
pub(super) fn items(text: &str) -> Option<Vec<String>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut items = Vec::new();
    let (mut item, mut quoted, mut escaped) = (String::new(), false, false);
    for sign in inner.chars() {
        match sign {
            _ if escaped => {
                item.push(sign);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => items.push(std::mem::take(&mut item)),
            '{' | '}' if !quoted => return None,
            _ => item.push(sign),
        }
    }
    if !inner.is_empty() {
        items.push(item);
    }
    (!quoted).then_some(items)
}

/// An array's text of these items.
pub(super) fn array(items: &[String]) -> String {
    let quoted = |item: &String| {
        let plain = !item.is_empty()
            && item.chars().all(|sign| sign.is_ascii_alphanumeric() || "-_.:".contains(sign))
            && !item.eq_ignore_ascii_case("null");
        if plain {
            item.clone()
        } else {
            format!("\"{}\"", item.replace('\\', "\\\\").replace('"', "\\\""))
        }
    };
    format!("{{{}}}", items.iter().map(quoted).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::{Class, array, items};

    #[test]
    fn texts_fit_by_their_look() {
        let small = Class::Integer(-5, 5);
        let numeric = Class::Numeric(Some((5, 2)));
        for (class, text, want) in [
            (&small, "5", true),
            (&small, "005", true),
            (&small, "6", false),
            (&small, "1.0", false),
            (&numeric, "999.999", true),
            (&numeric, "1000", false),
            (&Class::Numeric(None), "1e5", true),
            (&Class::Numeric(None), "NaN", false),
            (&Class::Text(Some(2)), "éé", true),
            (&Class::Text(Some(2)), "abc", false),
            (&Class::Bool, "Yes", true),
            (&Class::Bool, "2", false),
            (&Class::Date, "2024-02-30", false),
            (&Class::Timestamp, "2024-02-28 10:00:00+02", true),
            (&Class::Interval, "1 day 02:00:00", true),
            (&Class::Interval, "soon", false),
            (&Class::Uuid, "00000000-0000-0000-0000-000000000001", true),
            (&Class::Json, "{\"a\": 1}", true),
            (&Class::Json, "abc", false),
            (&Class::Bytes, "\\x0a", true),
            (&Class::Range(Box::new(small.clone())), "[1,5)", true),
            (&Class::Range(Box::new(small.clone())), "[1,50)", false),
            (&Class::Array(Box::new(small.clone())), "{1,2}", true),
            (&Class::Other, "1", false),
        ] {
            assert_eq!(class.fits(text), want, "{class:?} {text}");
        }
    }

    #[test]
    fn arrays_are_read_and_written() {
        let list = ["a b", "c\"\\", "", "null", "d"].map(str::to_owned);
        assert_eq!(items(&array(&list)).unwrap(), list);
        assert_eq!(array(&list), r#"{"a b","c\"\\","","null",d}"#);
        assert_eq!(items("{}").unwrap(), Vec::<String>::new());
        assert_eq!(items("{{1},{2}}"), None);
    }
}
