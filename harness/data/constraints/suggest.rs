//! Values that a table's constraints speak of.
//!
//! Knows which texts of a table speak of its columns. Must not know how values are made of them.

use std::collections::{BTreeMap, BTreeSet};

use super::class::{Class, array};
use super::columns::columns;
use super::fact::Fact;
use super::find::find;
use super::phrase::Phrase;
use super::tied::domains;
use super::values::values;
use crate::data::model::{Column, Table, TypeKind, Types};

/// How many values a column is given at most.
const MOST: usize = 64;

/// Values that the constraints of a table speak of, per column name: likely to satisfy them, edges
/// first. A column that they don't speak of, or whose value is never given, is not there.
pub fn suggest(table: &Table, types: &Types) -> BTreeMap<String, Vec<String>> {
    let mut facts = of_table(table);
    let mut suggested = BTreeMap::new();
    for column in table.columns.iter().filter(|column| !column.is_generated) {
        let mut own = facts.remove(&column.name).unwrap_or_default();
        own.extend(of_domains(types, column.type_oid));
        let class = Class::of(types, column.type_oid, column.modifier);
        let mut found = values(&own, &class, false, MOST);
        found.extend(of_elements(types, column));
        if !found.is_empty() {
            suggested.insert(column.name.clone(), found);
        }
    }
    suggested
}

fn of_table(table: &Table) -> BTreeMap<String, Vec<Fact>> {
    let constraint = table.partition.as_ref().and_then(|partition| partition.constraint.as_ref());
    let predicates = table.uniques.iter().filter_map(|unique| unique.predicate.as_ref());
    let must = table.checks.iter().chain(constraint).map(|text| (text, true));
    let may = predicates.chain(&table.expressions).map(|text| (text, false));
    let mut facts: BTreeMap<String, Vec<Fact>> = BTreeMap::new();
    for (text, is_must) in must.chain(may) {
        let phrase = Phrase::new(text);
        let words = columns(&phrase, |qualifier, name| {
            qualifier.is_none_or(|it| it == table.name.name) && table.column(name).is_some()
        });
        let used = words.iter().filter(|_| is_must).map(|at| (*at, Fact::Used));
        let found = find(&phrase, &words).found;
        for (at, fact) in found.into_iter().chain(used) {
            if let Some(word) = phrase.word(at) {
                facts.entry(word.text.clone()).or_default().push(fact);
            }
        }
    }
    passed_on(table, &facts)
}

/// What is said of a generated column is said of those that it is made of.
fn passed_on(table: &Table, facts: &BTreeMap<String, Vec<Fact>>) -> BTreeMap<String, Vec<Fact>> {
    let mut passed = facts.clone();
    for column in table.columns.iter().filter(|column| column.is_generated) {
        let (Some(own), Some(text)) = (facts.get(&column.name), &column.default) else { continue };
        let phrase = Phrase::new(text);
        let words = columns(&phrase, |_, name| table.column(name).is_some());
        let names: BTreeSet<&String> =
            words.iter().filter_map(|at| phrase.word(*at)).map(|word| &word.text).collect();
        for name in names {
            passed.entry(name.clone()).or_default().extend(own.iter().cloned());
        }
    }
    passed
}

fn of_domains(types: &Types, oid: u32) -> Vec<Fact> {
    let mut facts = Vec::new();
    for text in domains(types, oid).into_iter().flat_map(|(checks, _)| checks) {
        let phrase = Phrase::new(text);
        let words = columns(&phrase, |_, name| name == "value");
        facts.extend(find(&phrase, &words).found.into_iter().map(|(_, fact)| fact));
        facts.push(Fact::Used);
    }
    facts
}

/// Arrays of what a domain asks of their elements.
fn of_elements(types: &Types, column: &Column) -> Vec<String> {
    let Some(TypeKind::Array(element)) = types.get(column.type_oid).map(|it| &it.kind) else {
        return Vec::new();
    };
    let class = Class::of(types, *element, column.modifier);
    let items = values(&of_domains(types, *element), &class, false, MOST / 2);
    items.iter().map(|item| array(std::slice::from_ref(item))).collect()
}
