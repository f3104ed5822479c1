//! Values of a class, and texts that are or are not of a type.
//!
//! Knows a few plain values only. Must not know constraints.

use super::class::{Class, array};
use super::clock::Moment;
use super::decimal::Decimal;

/// A few values of a class, in ascending order where it has one.
pub(super) fn samples(class: &Class) -> Vec<String> {
    let texts: &[&str] = match class {
        Class::Integer(..) => &["1", "2", "0"],
        Class::Numeric(_) | Class::Float => &["1", "2", "0", "0.5"],
        Class::Text(_) => &["a", "b", "A", "ab", "1"],
        Class::Bool => &["true", "false"],
        Class::Date => &["2024-01-01", "2024-01-02"],
        Class::Timestamp => &["2024-01-01 00:00:00", "2024-01-01 12:00:00"],
        Class::Time => &["08:00:00", "09:00:00"],
        Class::Interval => &["1 day", "00:00:00"],
        Class::Uuid => {
            &["00000000-0000-0000-0000-000000000001", "00000000-0000-4000-8000-000000000002"]
        }
        Class::Json => &["{}", "{\"a\": 1}", "[]", "[1]", "null", "\"a\"", "1"],
        Class::Bytes => &["\\x", "\\x00"],
        Class::Enum(labels) => return labels.clone(),
        Class::Array(element) => return arrays(element),
        Class::Range(bound) => return ranges(bound),
        Class::Multirange(bound) => {
            let each = ranges(bound).into_iter().filter(|range| range != "empty");
            return each.map(|range| format!("{{{range}}}")).chain(["{}".to_owned()]).collect();
        }
        Class::Other => &[],
    };
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn arrays(element: &Class) -> Vec<String> {
    let items = samples(element);
    let sizes = [1, 2, 0].map(|size| items.iter().take(size).cloned().collect::<Vec<_>>());
    sizes.iter().map(|items| array(items)).collect()
}

fn ranges(bound: &Class) -> Vec<String> {
    let (low, high) = match bound {
        Class::Integer(..) | Class::Numeric(_) => ("1", "10"),
        Class::Date => ("2024-01-01", "2024-02-01"),
        Class::Timestamp => ("\"2024-01-01 00:00:00\"", "\"2024-02-01 00:00:00\""),
        _ => return vec!["empty".to_owned(), "(,)".to_owned()],
    };
    vec![
        format!("[{low},{high})"),
        format!("[{low},{low}]"),
        "empty".to_owned(),
        format!("(,{high})"),
        format!("[{low},)"),
    ]
}

/// Ranges that begin, lie and end at a bound.
pub(super) fn around(text: &str, class: &Class) -> Vec<String> {
    let (Class::Range(bound) | Class::Multirange(bound)) = class else { return Vec::new() };
    let near = |step: i64| {
        let number = Decimal::parse(text).map(|number| number.plus(step).to_string());
        let moment = || Moment::parse(text).map(|moment| format!("\"{}\"", moment.plus(step)));
        number.filter(|_| bound.is_number()).or_else(moment)
    };
    let (Some(below), Some(at), Some(above)) = (near(-1), near(0), near(1)) else {
        return Vec::new();
    };
    let plain =
        [format!("[{at},{above})"), format!("[{below},{at})"), format!("[{below},{above})")];
    let multi = |range: String| match class {
        Class::Multirange(_) => format!("{{{range}}}"),
        _ => range,
    };
    plain.map(multi).into()
}

/// Values for a column that becomes another type: texts that are such and texts that are not, and
/// what just fits its modifiers and what does not.
pub(super) fn cast(name: &str, modifiers: &[String], class: &Class) -> Vec<String> {
    let sizes: Vec<usize> = modifiers.iter().filter_map(|size| size.parse().ok()).collect();
    let texts: &[&str] = match name {
        "varchar" | "char" | "character" | "bpchar" => return lengths(&sizes),
        "numeric" | "decimal" if !sizes.is_empty() => return digits(&sizes),
        "smallint" | "int2" => &["32767", "32768", "007", "1.5", "abc", ""],
        "int" | "integer" | "int4" => {
            &["12", "007", "1.5", "abc", "", "2147483647", "2147483648", "-1"]
        }
        "bigint" | "int8" => &["12", "007", "1.5", "abc", "", "9223372036854775808"],
        "numeric" | "decimal" | "real" | "float" | "float4" | "float8" | "double" => {
            &["12", "007", "1.5", "abc", "", "1e5"]
        }
        "bool" | "boolean" => &["true", "f", "yes", "0", "2", "abc", ""],
        "json" | "jsonb" => &["{\"a\": 1}", "[]", "null", "abc", ""],
        "uuid" => {
            &["00000000-0000-4000-8000-000000000001", "00000000000040008000000000000002", "abc", ""]
        }
        "date" => &["2024-02-29", "2023-02-29", "29.02.2024", "abc", ""],
        "timestamp" | "timestamptz" => {
            &["2024-02-29 12:00:00", "2024-02-29 12:00:00+02", "2024-02-29", "abc", ""]
        }
        "time" | "timetz" => &["08:30:00", "25:00", "abc", ""],
        "interval" => &["1 day", "abc", ""],
        "inet" | "cidr" => &["10.0.0.1", "10.0.0.0/8", "abc", ""],
        _ => return Vec::new(),
    };
    let is_told = matches!(class, Class::Text(_)) || class.is_number() || class.is_time();
    texts.iter().filter(|_| is_told).map(|text| (*text).to_owned()).collect()
}

/// As long as it may be, and longer by one.
fn lengths(sizes: &[usize]) -> Vec<String> {
    let Some(size) = sizes.first().filter(|size| **size < 10_000) else { return Vec::new() };
    let letters = |count: usize| {
        let signs = "abcdefghijklmnopqrstuvwxyz1234567890".chars().cycle();
        signs.take(count).collect::<String>()
    };
    let nines = |count: usize| "9".repeat(count);
    vec![letters(*size), letters(size + 1), nines(*size), nines(size + 1)]
}

/// As many digits before and behind the point as there may be, and one more of each.
fn digits(sizes: &[usize]) -> Vec<String> {
    let precision = sizes.first().copied().unwrap_or(0).min(1000);
    let scale = sizes.get(1).copied().unwrap_or(0).min(precision);
    let whole = precision - scale;
    let written = |whole: usize, scale: usize| {
        let point = if scale == 0 { "" } else { "." };
        let before = if whole == 0 { "0".to_owned() } else { "9".repeat(whole) };
        format!("{before}{point}{}", "9".repeat(scale))
    };
    let small = |scale: usize| format!("0.{}", "1".repeat(scale));
    vec![written(whole, scale), written(whole + 1, 0), small(scale + 1), written(whole, scale + 1)]
}
