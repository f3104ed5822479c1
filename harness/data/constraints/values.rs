//! Makes values of what is said of a column.
//!
//! Knows which values are worth a try for a fact and a type. Must not know where the fact was read.

use super::class::{Class, array};
use super::clock::Moment;
use super::decimal::Decimal;
use super::fact::{Fact, Op, Want};
use super::json::documents;
use super::pattern::{like, matching};
use super::samples::{around, cast, samples};

/// How long a text is that is made for its length.
const LONG: i64 = 10_000;

/// Values for a column of this class of which these facts are known, the most telling first; no
/// more than `most`. With `near`, also the neighbours of what it is equal to.
pub(super) fn values(facts: &[Fact], class: &Class, near: bool, most: usize) -> Vec<String> {
    let wants: Vec<(Vec<String>, Want)> = facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::Json(path, want) => Some((path.clone(), want.clone())),
            _ => None,
        })
        .collect();
    let mut lists: Vec<Vec<String>> = Vec::new();
    if *class == Class::Json && !wants.is_empty() {
        lists.push(documents(&wants, near));
    }
    lists.extend(facts.iter().map(|fact| of_fact(fact, class, near)));
    let found = dealt(lists, class, most);
    let is_used = facts.iter().any(|fact| matches!(fact, Fact::Used));
    if found.is_empty() && is_used { dealt(vec![samples(class)], class, most) } else { found }
}

/// One of each list in turn, so that no list keeps another from the few places.
fn dealt(lists: Vec<Vec<String>>, class: &Class, most: usize) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
    for _ in 0..longest {
        for text in lists.iter_mut().filter_map(Iterator::next) {
            if found.len() < most && class.fits(&text) && !found.contains(&text) {
                found.push(text);
            }
        }
    }
    found
}

fn of_fact(fact: &Fact, class: &Class, near: bool) -> Vec<String> {
    match fact {
        Fact::Compare(op, text) => compared(*op, text, class, near),
        Fact::Length(op, count) => op
            .offsets()
            .iter()
            .filter_map(|offset| count.checked_add(*offset))
            .flat_map(|count| of_length(count, class))
            .collect(),
        Fact::Count(op, count) => counted(*op, *count, class),
        Fact::Year(op, year) => {
            let years = op.offsets().iter().map(|offset| year.saturating_add(*offset));
            years.map(|year| format!("{year:04}-06-15")).collect()
        }
        Fact::Pattern(pattern, ignores_case) => {
            let found = matching(pattern, *ignores_case);
            if let Class::Array(_) = class { listed(&found) } else { found }
        }
        Fact::Like(pattern) => liked(pattern),
        Fact::Prefix(text) => vec![text.clone(), format!("{text}x"), format!("x{text}")],
        Fact::Separator(sign) => separated(sign),
        Fact::Cast(name, modifiers) => {
            let mut found = cast(name, modifiers, class);
            let target = Class::named(name, -1);
            // What can't be cast makes a constraint raise an error instead of refusing it.
            found.retain(|text| near || target.fits(text));
            found
        }
        Fact::Json(..) | Fact::Used => Vec::new(),
    }
}

fn listed(items: &[String]) -> Vec<String> {
    items.iter().map(|item| array(std::slice::from_ref(item))).collect()
}

fn compared(op: Op, text: &str, class: &Class, near: bool) -> Vec<String> {
    match class {
        Class::Array(_) if text.starts_with('{') => vec![text.to_owned()],
        Class::Array(element) => {
            let one = listed(&compared(op, text, element, near));
            one.into_iter().chain(near.then(|| "{}".to_owned())).collect()
        }
        Class::Range(_) | Class::Multirange(_) => {
            let whole = [text.to_owned(), format!("{{{text}}}")];
            whole.into_iter().chain(around(text, class)).chain(samples(class)).collect()
        }
        Class::Enum(_) | Class::Bool if op == Op::Eq => vec![text.to_owned()],
        _ if op == Op::Eq && !near => vec![text.to_owned()],
        Class::Enum(_) | Class::Bool => {
            let others = samples(class).into_iter().filter(|label| label != text);
            others.chain([text.to_owned()]).collect()
        }
        Class::Date | Class::Timestamp => near_moment(op, text),
        Class::Text(_) => near_text(op, text),
        _ if class.is_number() => near_number(op, text, class),
        _ => vec![text.to_owned()],
    }
}

fn near_number(op: Op, text: &str, class: &Class) -> Vec<String> {
    let Some(number) = Decimal::parse(text) else { return vec![text.to_owned()] };
    let whole = op.offsets().iter().map(|offset| number.plus(*offset).to_string());
    let has_fraction = !matches!(class, Class::Integer(..) | Class::Numeric(Some((_, 0))));
    let tenths = number.tenths().map(|tenth| tenth.to_string());
    whole.chain(tenths.into_iter().filter(|_| has_fraction && op != Op::Eq)).collect()
}

fn near_moment(op: Op, text: &str) -> Vec<String> {
    let Some(moment) = Moment::parse(text) else { return vec![text.to_owned()] };
    // Written as it was found, for it may be mined as such.
    let written = |offset: &i64| match offset {
        0 => text.to_owned(),
        _ => moment.plus(*offset).to_string(),
    };
    let steps = op.offsets().iter().map(written);
    // From a second at midnight one looks for the day as well.
    let day = Moment::parse(text.get(..10).unwrap_or_default()).filter(|_| moment.has_time());
    steps.chain(day.map(|day| day.to_string())).collect()
}

fn near_text(op: Op, text: &str) -> Vec<String> {
    let longer = format!("{text}x");
    let number = Decimal::parse(text).filter(|_| op != Op::Eq);
    if let Some(number) = number {
        return op.offsets().iter().map(|offset| number.plus(*offset).to_string()).collect();
    }
    let mut lower = text.to_owned();
    let last = lower.pop().and_then(|last| char::from_u32(u32::from(last).checked_sub(1)?));
    lower.extend(last.filter(|last| last.is_alphanumeric()));
    match op {
        Op::Eq => vec![text.to_owned()],
        Op::Ne => vec![longer, "x".to_owned(), text.to_owned()],
        Op::Lt | Op::Le => vec![lower, text.to_owned(), longer],
        Op::Gt | Op::Ge => vec![longer, text.to_owned(), lower],
    }
}

/// Texts of a length, of letters and of digits; for bytes, so many of them.
fn of_length(count: i64, class: &Class) -> Vec<String> {
    let Some(count) = usize::try_from(count).ok().filter(|_| count <= LONG) else {
        return Vec::new();
    };
    if *class == Class::Bytes {
        return vec![format!("\\x{}", "a1".repeat(count))];
    }
    let cut = |signs: &str| signs.chars().cycle().take(count).collect::<String>();
    vec![cut("abcdefghijklmnopqrstuvwxyz"), cut("1234567890")]
}

fn counted(op: Op, count: i64, class: &Class) -> Vec<String> {
    let Class::Array(element) = class else { return Vec::new() };
    let items = samples(element);
    let counts = op.offsets().iter().filter_map(|offset| count.checked_add(*offset));
    let counts = counts.filter_map(|count| usize::try_from(count).ok().filter(|it| *it < 100));
    let list = |count: usize| {
        let list: Vec<String> = items.iter().cycle().take(count).cloned().collect();
        array(&list)
    };
    if items.is_empty() { Vec::new() } else { counts.map(list).collect() }
}

fn liked(pattern: &str) -> Vec<String> {
    let bare: String = pattern.trim_matches('%').to_owned();
    if is_separator(&bare) { separated(&bare) } else { like(pattern) }
}

/// One or two signs or blanks.
fn is_separator(text: &str) -> bool {
    let is_sign = |sign: char| sign.is_ascii_punctuation() || sign.is_whitespace();
    !text.is_empty() && text.chars().count() <= 2 && text.chars().all(is_sign) && text != "_"
}

/// With one of it, several, none, at the ends, and twice.
fn separated(sign: &str) -> Vec<String> {
    if !is_separator(sign) {
        return vec![format!("a{sign}b"), sign.to_owned(), "a".to_owned()];
    }
    vec![
        format!("a{sign}b"),
        "a".to_owned(),
        format!("a{sign}b{sign}c"),
        format!("{sign}a"),
        format!("a{sign}"),
        format!("a{sign}{sign}b"),
    ]
}
