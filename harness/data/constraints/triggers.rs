//! What the body of a trigger's function says of the rows that it looks at.
//!
//! Knows the body as text, with `NEW` for the row. Must not know what the trigger does with it: whether
//! it takes a row is for the server to say.

use std::collections::BTreeMap;

use super::class::Class;
use super::columns::columns;
use super::fact::Fact;
use super::find::find;
use super::insert::inserts;
use super::phrase::Phrase;
use super::values::values;
use super::words::Kind;
use crate::data::model::{Table, Types};

/// How many values a column is given for what a trigger says of it.
const MOST: usize = 8;

/// Columns of another table that a trigger compares with columns of the new row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookUp {
    /// That table, by its place.
    pub table: usize,
    /// Its column and the new row's, each pair once.
    pub pairs: Vec<(String, String)>,
}

/// Values that the body of a trigger of `table` compares with columns of the new row, per column name.
pub fn of_trigger(body: &str, table: &Table, types: &Types) -> BTreeMap<String, Vec<String>> {
    let phrase = Phrase::new(body);
    let words = columns(&phrase, |qualifier, name| {
        qualifier == Some("new") && table.column(name).is_some()
    });
    let mut facts: BTreeMap<String, Vec<Fact>> = BTreeMap::new();
    for (at, fact) in find(&phrase, &words).found {
        if let Some(word) = phrase.word(at) {
            facts.entry(word.text.clone()).or_default().push(fact);
        }
    }
    let mut found = BTreeMap::new();
    for column in table.columns.iter().filter(|column| !column.is_generated) {
        let Some(facts) = facts.get(&column.name) else { continue };
        let class = Class::of(types, column.type_oid, column.modifier);
        let texts = values(facts, &class, true, MOST);
        if !texts.is_empty() {
            found.insert(column.name.clone(), texts);
        }
    }
    found
}

/// What the body of a trigger of `own` looks up in tables that it names.
pub fn look_ups(body: &str, own: &Table, tables: &[Table]) -> Vec<LookUp> {
    let phrase = Phrase::new(body);
    let mut found = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        let is_name = |place: &usize| is_relation(&phrase, *place, &table.name.name);
        if !(0..phrase.words().len()).any(|place| is_name(&place)) {
            continue;
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (other, new) in compared(&phrase) {
            let is_pair = table.column(&other).is_some() && own.column(&new).is_some();
            if is_pair && !pairs.iter().any(|(_, known)| *known == new) {
                pairs.push((other, new));
            }
        }
        if !pairs.is_empty() {
            found.push(LookUp { table: at, pairs });
        }
    }
    found
}

/// The tables that the body of a trigger inserts into, by place.
pub fn inserts_into(body: &str, tables: &[Table]) -> Vec<usize> {
    let found = inserts(&Phrase::new(body));
    let is_named = |table: &Table| {
        found.iter().any(|insert| match insert.table.as_slice() {
            [schema, name] => *schema == table.name.schema && *name == table.name.name,
            [name] => *name == table.name.name,
            _ => false,
        })
    };
    (0..tables.len()).filter(|at| tables.get(*at).is_some_and(is_named)).collect()
}

/// Whether a word is a table that rows are read from.
fn is_relation(phrase: &Phrase, at: usize, name: &str) -> bool {
    let begins = |at: usize| {
        let before = at.checked_sub(1).and_then(|at| phrase.word(at));
        before.is_some_and(|word| word.is_any(&["from", "join", ","]))
    };
    let is_called = phrase.word(at).is_some_and(|word| word.is_name() && word.text == *name);
    is_called && (begins(at) || phrase.is_before(at, 1, ".") && at > 1 && begins(at - 2))
}

/// Names that are compared with columns of the new row, each with that column.
fn compared(phrase: &Phrase) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for at in 0..phrase.words().len() {
        if !(phrase.is(at, "new") && phrase.is(at + 1, ".")) {
            continue;
        }
        let Some(column) = phrase.word(at + 2).filter(|word| word.is_name()) else { continue };
        let before = sign_before(phrase, at).and_then(|end| end.checked_sub(1));
        let after = sign_after(phrase, at + 3)
            .map(|start| if phrase.is(start + 1, ".") { start + 2 } else { start });
        for other in before.into_iter().chain(after) {
            let Some(word) = phrase.word(other).filter(|word| word.kind == Kind::Name) else {
                continue;
            };
            let is_row = phrase.is_before(other, 1, ".")
                && (phrase.is_before(other, 2, "new") || phrase.is_before(other, 2, "old"));
            if !is_row {
                found.push((word.text.clone(), column.text.clone()));
            }
        }
    }
    found
}

/// Where what a comparison has on its left ends, if `at` is on its right.
fn sign_before(phrase: &Phrase, at: usize) -> Option<usize> {
    let last = at.checked_sub(1)?;
    if phrase.word(last)?.is_any(&["=", "<>", "!="]) {
        return Some(last);
    }
    if !(phrase.is(last, "from") && phrase.is_before(last, 1, "distinct")) {
        return None;
    }
    let not = usize::from(phrase.is_before(last, 2, "not"));
    last.checked_sub(2 + not).filter(|at| phrase.is(*at, "is"))
}

/// Where what a comparison has on its right begins, if its left ends before `at`.
fn sign_after(phrase: &Phrase, at: usize) -> Option<usize> {
    if phrase.word(at)?.is_any(&["=", "<>", "!="]) {
        return Some(at + 1);
    }
    let not = usize::from(phrase.is(at + 1, "not"));
    let is_distinct = phrase.is(at, "is") && phrase.is(at + 1 + not, "distinct");
    (is_distinct && phrase.is(at + 2 + not, "from")).then_some(at + 3 + not)
}
