//! Which columns of a table must be chosen together.
//!
//! Knows what a row must satisfy besides keys: CHECKs, the partition constraint, domains. Must not
//! know values.

use std::collections::BTreeSet;

use super::columns::{columns, is_whole_row};
use super::phrase::Phrase;
use crate::data::model::{Table, TypeKind, Types};
use crate::postgres::quote_ident;

/// How many domains deep a type is looked into.
const DEPTH: usize = 16;

/// Columns that predicates connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tied {
    /// The columns, by their place in the table.
    pub columns: Vec<String>,
    /// What must not be false of them, as SQL over the bare names.
    pub predicates: Vec<String>,
}

/// Connected sets of columns with their predicates, by the place of their first column. A column
/// without a predicate is in no set.
///
/// Left out is what rows alone can't be asked: a predicate about `tableoid` or the whole row, and
/// one about a generated column whose expression is not known. Where it is known, it stands in.
pub fn tied(table: &Table, types: &Types) -> Vec<Tied> {
    let mut sets: Vec<(BTreeSet<usize>, Vec<String>)> = Vec::new();
    for (places, sql) in predicates(table, types) {
        let (joined, mut apart): (Vec<_>, Vec<_>) =
            sets.into_iter().partition(|(columns, _)| !columns.is_disjoint(&places));
        let mut all = (BTreeSet::new(), Vec::new());
        for (columns, predicates) in joined.into_iter().chain([(places, vec![sql])]) {
            all.0.extend(columns);
            all.1.extend(predicates);
        }
        apart.push(all);
        sets = apart;
    }
    sets.sort_by_key(|(columns, _)| columns.first().copied());
    let name = |place: usize| table.columns.get(place).map(|column| column.name.clone());
    let tied = sets.into_iter().map(|(columns, mut predicates)| {
        let mut seen = BTreeSet::new();
        predicates.retain(|predicate| seen.insert(predicate.clone()));
        Tied { columns: columns.into_iter().filter_map(name).collect(), predicates }
    });
    tied.collect()
}

type Predicate = (BTreeSet<usize>, String);

fn predicates(table: &Table, types: &Types) -> Vec<Predicate> {
    let constraint = table.partition.as_ref().and_then(|partition| partition.constraint.as_ref());
    let texts = table.checks.iter().chain(constraint);
    let texts = texts.flat_map(|text| conjuncts(text));
    let mut found: Vec<Predicate> = texts.filter_map(|text| of_table(table, text)).collect();
    for (place, column) in table.columns.iter().enumerate() {
        let Some((own, places)) = written(table, place) else { continue };
        for (checks, not_null) in domains(types, column.type_oid) {
            if not_null {
                found.push((places.clone(), format!("{own} IS NOT NULL")));
            }
            found.extend(checks.iter().map(|check| (places.clone(), about(check, &own))));
        }
        let elements = of_elements(types, column.type_oid, &own);
        found.extend(elements.into_iter().map(|predicate| (places.clone(), predicate)));
    }
    found
}

/// The parts that AND connects, each in parentheses as the server writes them: columns of different
/// parts need not be chosen together.
fn conjuncts(text: &str) -> Vec<&str> {
    let phrase = Phrase::new(text);
    let between = |from: usize, to: usize| {
        let (first, last) = (phrase.word(from)?, phrase.word(to)?);
        text.get(first.bytes.start..last.bytes.end)
    };
    let mut parts = Vec::new();
    let mut at = 0;
    loop {
        let end = phrase.is(at, "(").then(|| phrase.behind(at)).flatten();
        let Some(part) = end.and_then(|end| between(at, end.checked_sub(1)?)) else {
            return vec![text];
        };
        parts.push(part);
        match end {
            Some(end) if end == phrase.words().len() => break,
            Some(end) if phrase.is(end, "and") => at = end + 1,
            _ => return vec![text],
        }
    }
    match parts.as_slice() {
        // Parentheses around everything.
        [whole] => {
            let inner = whole.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
            let inner = inner.map(conjuncts).unwrap_or_default();
            if inner.len() > 1 { inner } else { vec![text] }
        }
        _ => parts.into_iter().flat_map(conjuncts).collect(),
    }
}

/// The checks of a domain and of those that it is made of, and whether they refuse NULL.
pub(super) fn domains(types: &Types, oid: u32) -> Vec<(&[String], bool)> {
    let mut found = Vec::new();
    let mut oid = oid;
    while found.len() < DEPTH
        && let Some(TypeKind::Domain { base, not_null, checks, .. }) =
            types.get(oid).map(|it| &it.kind)
    {
        found.push((checks.as_slice(), *not_null));
        oid = *base;
    }
    found
}

/// What a domain asks of the elements of an array.
fn of_elements(types: &Types, oid: u32, own: &str) -> Vec<String> {
    let Some(TypeKind::Array(element)) = types.get(oid).map(|it| &it.kind) else {
        return Vec::new();
    };
    let none = |what: String| {
        format!("NOT EXISTS (SELECT FROM unnest({own}) AS element(value) WHERE {what})")
    };
    let mut found = Vec::new();
    for (checks, not_null) in domains(types, *element) {
        found.extend(not_null.then(|| none("element.value IS NULL".to_owned())));
        let broken = checks.iter().map(|check| about(check, "element.value"));
        found.extend(broken.map(|check| none(format!("({check}) IS FALSE"))));
    }
    found
}

/// How a column is written in a predicate, and the columns that this asks for.
fn written(table: &Table, place: usize) -> Option<(String, BTreeSet<usize>)> {
    let column = table.columns.get(place)?;
    if !column.is_generated {
        return Some((quote_ident(&column.name), [place].into()));
    }
    let text = column.default.as_ref()?;
    let (phrase, words) = named(table, text)?;
    let places = words.iter().filter_map(|at| place_of(table, &phrase, *at)).collect();
    Some((format!("({text})"), places))
}

/// A predicate of the table's own, with generated columns written out.
fn of_table(table: &Table, text: &str) -> Option<Predicate> {
    let (phrase, words) = named(table, text)?;
    let mut places = BTreeSet::new();
    let mut changes = Vec::new();
    for at in words {
        let place = place_of(table, &phrase, at)?;
        let (own, asked) = written(table, place)?;
        places.extend(asked);
        if table.columns.get(place).is_some_and(|column| column.is_generated) {
            changes.push((phrase.word(at)?.bytes.clone(), own));
        }
    }
    (!places.is_empty()).then(|| (places, changed(text, changes)))
}

fn named(table: &Table, text: &str) -> Option<(Phrase, BTreeSet<usize>)> {
    let phrase = Phrase::new(text);
    if is_whole_row(&phrase) {
        return None;
    }
    let words =
        columns(&phrase, |qualifier, name| qualifier.is_none() && table.column(name).is_some());
    Some((phrase, words))
}

fn place_of(table: &Table, phrase: &Phrase, at: usize) -> Option<usize> {
    let name = &phrase.word(at)?.text;
    table.columns.iter().position(|column| column.name == *name)
}

/// A domain's check about this instead of VALUE.
fn about(check: &str, own: &str) -> String {
    let phrase = Phrase::new(check);
    let values = phrase.words().iter().filter(|word| word.is("value"));
    changed(check, values.map(|word| (word.bytes.clone(), own.to_owned())).collect())
}

fn changed(text: &str, changes: Vec<(std::ops::Range<usize>, String)>) -> String {
    let mut result = text.to_owned();
    for (bytes, new) in changes.into_iter().rev() {
        result.replace_range(bytes, &new);
    }
    result
}
