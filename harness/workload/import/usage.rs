//! What a value is for: which column it is compared with, put into, or counts rows for.
//!
//! Knows operators, lists and rows around a value. Must not know which columns there are.

use super::normal::Slot;
use super::scope::{Clause, Scopes};
use super::words::Words;
use crate::sql::TokenKind;

/// What a value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Limit,
    Offset,
    /// Compared with a column in a way that a value of it may be.
    Compared,
    /// Beside a column in another way, such as `~` or `@@`: what its values are is not told by it.
    Beside,
    /// In a list with others, `IN (..)`.
    Listed,
    /// An array, `= ANY (..)`.
    Array,
    /// The new value of a column.
    Assigned,
    /// Part of what a column is set to, as in `a = a + 1`.
    Within,
    /// The value of a column in a new row.
    Inserted,
    /// Something else.
    Argument,
}

/// A column as the statement names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// What stands before it: nothing, an alias, a table, or a schema and a table.
    pub(super) qualifier: Vec<String>,
    pub(super) name: String,
    /// The function around it, as in `lower(email) = ..`.
    pub(super) function: Option<String>,
}

/// What one value is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) role: Role,
    pub(super) column: Option<Column>,
    /// The query that it stands in.
    pub(super) scope: usize,
    /// Whether rows are wanted that have another value, as by `<>` and NOT LIKE.
    pub(super) differs: bool,
    /// Whether it is a pattern of LIKE.
    pub(super) is_pattern: bool,
}

const COMPARES: [&str; 10] = ["=", "<>", "!=", "<", ">", "<=", ">=", "@>", "<@", "&&"];
const LISTS: [&str; 4] = ["in", "any", "some", "all"];

/// What the value at `slot` is for.
pub(super) fn usage(words: &Words<'_>, scopes: &Scopes, slot: &Slot) -> Usage {
    let (left, right) = widen(words, slot);
    let place = scopes.place(slot.at);
    let scope = place.scope;
    let is_pattern = words.is_one_of(left - 1, &["like", "ilike"]);
    let other = Usage {
        role: Role::Argument,
        column: None,
        scope,
        differs: differs(words, left, right),
        is_pattern,
    };
    let found = counted(words, left)
        .or_else(|| compared(words, left, right))
        .or_else(|| listed(words, slot.at))
        .or_else(|| between(words, left));
    // What is set to the value is on the other side of a `=` as well.
    let is_set =
        place.clause == Clause::Set && place.depth == 0 && words.text(place.set + 1) == "=";
    if is_set && left == place.set + 2 {
        return Usage { role: Role::Assigned, column: plain(words, place.set), ..other };
    }
    let is_part = place.clause == Clause::Set && place.depth == 0 && place.set > 0;
    if let Some((role, column)) = found.filter(|(role, _)| !is_part || *role != Role::Beside) {
        return Usage { role, column, ..other };
    }
    if let Some(value) = place.value {
        let name = scopes.scope(scope).and_then(|scope| scope.columns.get(value));
        let column =
            name.map(|name| Column { qualifier: Vec::new(), name: name.clone(), function: None });
        if column.is_some() {
            return Usage { role: Role::Inserted, column, ..other };
        }
    }
    if place.clause == Clause::Set && place.set > 0 {
        return Usage { role: Role::Within, column: plain(words, place.set), ..other };
    }
    other
}

/// Whether the value from `left` to `right` is one that rows must not have.
fn differs(words: &Words<'_>, left: usize, right: usize) -> bool {
    let before = left - 1;
    let is_other = |at: usize| matches!(words.text(at), "<>" | "!=");
    let is_not = |at: usize| words.is(at.saturating_sub(1), "not");
    is_other(before)
        || is_other(right + 1)
        || words.is(before, "from") && words.is(before - 1, "distinct") && !is_not(before - 1)
        || words.is_one_of(before, &["like", "ilike"]) && is_not(before)
        || between_at(words, left).is_some_and(is_not)
}

/// Whether the value at `slot` is a number of rows.
pub(super) fn is_count(words: &Words<'_>, slot: &Slot) -> bool {
    counted(words, widen(words, slot).0).is_some()
}

fn plain(words: &Words<'_>, at: usize) -> Option<Column> {
    words.name(at).map(|name| Column { qualifier: Vec::new(), name, function: None })
}

/// The value with casts, a sign, brackets and a function around it: its first and its last word.
fn widen(words: &Words<'_>, slot: &Slot) -> (usize, usize) {
    let (mut left, mut right) = (slot.from, slot.at);
    loop {
        if words.text(right + 1) == "::" {
            right = type_end(words, right + 2);
            continue;
        }
        let is_cast = words.is(left.saturating_sub(2), "cast") && words.is(right + 1, "as");
        if words.text(left - 1) == "(" && is_cast {
            right = words.close(left - 1);
            left -= 2;
            continue;
        }
        let is_alone = words.text(left - 1) == "(" && words.text(right + 1) == ")";
        let name = left.saturating_sub(2);
        if !is_alone || words.is_one_of(name, &LISTS) || words.is(name, "values") {
            return (left, right);
        }
        let is_function = words.function(name).is_some();
        left -= if is_function { 2 } else { 1 };
        right += 1;
    }
}

/// The last word of the type that begins at `at`.
fn type_end(words: &Words<'_>, at: usize) -> usize {
    let mut end = at;
    loop {
        let next = end + 1;
        let goes_on = words.is_one_of(next, &["with", "without", "varying", "precision"])
            || words.is_one_of(next, &["time", "zone"])
                && words.is_one_of(end, &["with", "without", "time"]);
        if goes_on {
            end = next;
        } else if words.text(next) == "." {
            end = next + 1;
        } else if words.text(next) == "[" || words.text(next) == "(" {
            end = words.close(next);
        } else {
            return end;
        }
    }
}

/// The first word of the type that ends at `end`, if it has several.
fn type_begin(words: &Words<'_>, end: usize) -> usize {
    let before = end.saturating_sub(1);
    let has_two = words.is(end, "precision") && words.is(before, "double")
        || words.is(end, "varying") && words.is_one_of(before, &["character", "char", "bit"]);
    // `timestamp with time zone`
    let has_four = words.is(end, "zone") && words.is(before, "time");
    end.saturating_sub(if has_four { 3 } else { usize::from(has_two) })
}

fn counted(words: &Words<'_>, left: usize) -> Option<(Role, Option<Column>)> {
    let before = left - 1;
    if words.is(before, "limit")
        || words.is_one_of(before, &["first", "next"]) && words.is(before - 1, "fetch")
    {
        return Some((Role::Limit, None));
    }
    words.is(before, "offset").then_some((Role::Offset, None))
}

/// A comparison with a column, on either side.
fn compared(words: &Words<'_>, left: usize, right: usize) -> Option<(Role, Option<Column>)> {
    let before = left - 1;
    if words.is(before, "from") && words.is(before - 1, "distinct") {
        let not = usize::from(words.is(before - 2, "not"));
        return Some((Role::Compared, column_before(words, before.saturating_sub(3 + not))));
    }
    if words.is_one_of(before, &["like", "ilike"]) {
        let not = usize::from(words.is(before - 1, "not"));
        return Some((Role::Compared, column_before(words, before - 1 - not)));
    }
    let role = |at: usize| match words.kind(at) {
        TokenKind::Operator if COMPARES.contains(&words.text(at)) => Some(Role::Compared),
        TokenKind::Operator if !matches!(words.text(at), "::" | ":=" | "..") => Some(Role::Beside),
        _ => None,
    };
    let one = role(before).and_then(|role| Some((role, Some(column_before(words, before - 1)?))));
    one.or_else(|| {
        role(right + 1).and_then(|role| Some((role, Some(column_after(words, right + 2)?))))
    })
}

/// An item of `IN (..)` or `ANY (..)`.
fn listed(words: &Words<'_>, at: usize) -> Option<(Role, Option<Column>)> {
    let open = words.open(at);
    let outer = words.open(open);
    // ANY (ARRAY[..])
    let is_array = words.text(open) == "[" && words.is(open - 1, "array");
    let bracket = if is_array { outer } else { open };
    let list = bracket.saturating_sub(1);
    if words.text(bracket) != "(" || bracket == 0 {
        return None;
    }
    if words.is(list, "in") {
        let not = usize::from(words.is(list - 1, "not"));
        return Some((Role::Listed, column_before(words, list - 1 - not)));
    }
    let role = if is_array { Role::Listed } else { Role::Array };
    words
        .is_one_of(list, &["any", "some", "all"])
        .then(|| (role, column_before(words, list.saturating_sub(2))))
}

/// Either bound of BETWEEN.
fn between(words: &Words<'_>, left: usize) -> Option<(Role, Option<Column>)> {
    let at = between_at(words, left)?;
    let not = usize::from(words.is(at - 1, "not"));
    Some((Role::Compared, column_before(words, at - 1 - not)))
}

/// The word BETWEEN of the bound that begins at `left`.
fn between_at(words: &Words<'_>, left: usize) -> Option<usize> {
    let mut at = left - 1;
    if words.is(at, "and") {
        let depth = words.open(at);
        at -= 1;
        while !words.is(at, "between") || words.open(at) != depth {
            if at == 0
                || words.open(at) == depth && words.is_one_of(at, &["and", "or", "where", "on"])
            {
                return None;
            }
            at -= 1;
        }
    }
    if words.is(at, "symmetric") {
        at -= 1;
    }
    words.is(at, "between").then_some(at)
}

/// The column that ends with the word at `end`. In `a - b = 1` it is not b that is compared, and `->`
/// leads into a value.
fn column_before(words: &Words<'_>, end: usize) -> Option<Column> {
    let (column, begin) = column_at(words, end)?;
    let is_part = words.kind(begin.saturating_sub(1)) == TokenKind::Operator;
    (!is_part).then_some(column)
}

/// The column that begins with the word at `begin`.
fn column_after(words: &Words<'_>, begin: usize) -> Option<Column> {
    let mut end = begin;
    while words.text(end + 1) == "." {
        end += 2;
    }
    if words.text(end + 1) == "(" {
        end = words.close(end + 1);
    }
    let goes_on = words.kind(end + 1) == TokenKind::Operator && words.text(end + 1) != "::";
    column_at(words, end).filter(|_| !goes_on).map(|(column, _)| column)
}

/// The column that ends with the word at `end`, and the word that it begins with.
fn column_at(words: &Words<'_>, end: usize) -> Option<(Column, usize)> {
    if words.text(end) == ")" {
        let open = words.opening(end);
        let before = open.saturating_sub(1);
        let function = words.function(before)?;
        let (column, begin) = column_at(words, end - 1)?;
        let is_alone = column.function.is_none() && begin == open + 1;
        return is_alone.then_some((Column { function: Some(function), ..column }, before));
    }
    let mut begin = type_begin(words, end);
    if begin < end && words.text(begin - 1) != "::" {
        return None;
    }
    // `a::text`
    while words.text(begin.saturating_sub(1)) == "::" {
        begin = begin.saturating_sub(2);
    }
    let name = words.name(begin)?;
    let mut qualifier = Vec::new();
    while words.text(begin.saturating_sub(1)) == "." {
        begin = begin.saturating_sub(2);
        qualifier.insert(0, words.name(begin)?);
    }
    Some((Column { qualifier, name, function: None }, begin))
}

#[cfg(test)]
mod tests {
    use super::usage;
    use crate::workload::import::normal::Normal;

    fn told(text: &str) -> Vec<String> {
        let normal = Normal::read(text).unwrap();
        let one = |slot| {
            let usage = usage(&normal.words, &normal.scopes, slot);
            let column = usage.column.map(|it| {
                let mut name = it.qualifier.join(".");
                name = if name.is_empty() { it.name } else { format!("{name}.{}", it.name) };
                it.function.map(|function| format!("{function}({name})")).unwrap_or(name)
            });
            let not = if usage.differs { " not" } else { "" };
            let like = if usage.is_pattern { " like" } else { "" };
            let column = column.unwrap_or_default();
            format!("{:?}{not}{like} {column}", usage.role).trim().to_owned()
        };
        normal.slots.iter().map(one).collect()
    }

    #[test]
    fn a_value_belongs_to_the_column_beside_it() {
        for (condition, expected) in [
            ("a = 1", &["Compared a"][..]),
            ("1 < T.a", &["Compared t.a"]),
            ("s.t.\"A b\" <> $1::int", &["Compared not s.t.A b"]),
            ("a = lower($1)", &["Compared a"]),
            ("a = CAST($1 AS numeric(9, 2)) AND b = ($2)", &["Compared a", "Compared b"]),
            ("lower(t.a) = $1 AND $2 = upper(b)", &["Compared lower(t.a)", "Compared upper(b)"]),
            ("a::text = 'x' AND a::date > date '2024-01-01'", &["Compared a", "Compared a"]),
            (
                "a BETWEEN 1 AND $2::int AND b NOT BETWEEN lower($3) AND $4",
                &["Compared a", "Compared a", "Compared not b", "Compared not b"],
            ),
            ("a IN (1, 2) AND b NOT IN ($1)", &["Listed a", "Listed a", "Listed b"]),
            (
                "a = ANY($1) AND b = ANY (ARRAY[1, 2]) AND c <> ALL('{1}'::int[])",
                &["Array a", "Listed b", "Listed b", "Array c"],
            ),
            ("a LIKE 'x%' AND b NOT ILIKE $1", &["Compared like a", "Compared not like b"]),
            (
                "a IS NOT DISTINCT FROM $1 AND b IS DISTINCT FROM 2 AND 3 != c",
                &["Compared a", "Compared not b", "Compared not c"],
            ),
            (
                "timestamp > $1 AND position - 1 > 2",
                &["Compared timestamp", "Beside position", "Argument"],
            ),
            (
                "a::double precision = 1 AND b::timestamp with time zone > $1 AND trim(c) = $2",
                &["Compared a", "Compared b", "Argument"],
            ),
            ("a ~ 'x' AND b @@ $1", &["Beside a", "Beside b"]),
            ("a - b > 3 AND d->>'k' = 'v'", &["Argument", "Argument"]),
            ("a > now() - interval '1 day'", &["Argument"]),
            ("f(1) AND coalesce(a, 2) = 3", &["Argument", "Argument", "Argument"]),
            ("a = 1 LIMIT 10 OFFSET $2", &["Compared a", "Limit", "Offset"]),
            ("true FETCH FIRST 5 ROWS ONLY", &["Limit"]),
            ("a IN (SELECT b FROM u WHERE c = 1)", &["Compared c"]),
        ] {
            assert_eq!(
                told(&format!("SELECT * FROM t WHERE {condition}")),
                expected,
                "{condition}"
            );
        }
    }

    #[test]
    fn new_values_belong_to_their_columns() {
        assert_eq!(
            told(
                "INSERT INTO t (a, b) VALUES ($1, lower($2)), (3, 4) ON CONFLICT (a) DO UPDATE SET b = $5"
            ),
            ["Inserted a", "Inserted b", "Inserted a", "Inserted b", "Assigned b"]
        );
        assert_eq!(
            told("UPDATE t SET a = $1, b = b + $2, c = coalesce($3, c) WHERE d = $4"),
            ["Assigned a", "Within b", "Within c", "Compared d"]
        );
        assert_eq!(
            told("UPDATE t SET position = position - 1 WHERE id = 2"),
            ["Within position", "Compared id"]
        );
        assert_eq!(told("UPDATE t SET a = '1'::int WHERE b = 2"), ["Assigned a", "Compared b"]);
        assert_eq!(told("INSERT INTO t VALUES (1)"), ["Argument"]);
    }
}
