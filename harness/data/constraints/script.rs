//! Values worth giving to columns because a migration names them.
//!
//! Knows which tables a statement touches and which keys it brings along. Must not know how values
//! are made of what is said of a column, nor what the migration does to the schema.

use std::collections::BTreeMap;

use super::class::Class;
use super::columns::{columns, qualifier};
use super::fact::{Fact, Op, Want};
use super::find::{Finder, find};
use super::insert::{constant, inserts};
use super::loose::loose;
use super::phrase::Phrase;
use super::renames::Renames;
use super::values::values;
use super::words::Kind;
use crate::data::model::{Column, Table, Types};
use crate::sql::{Name, names, statements};

/// How many values a column is given for what the script says of it.
const MOST: usize = 24;
/// How many more for constants of which nobody can tell the column.
const LOOSE: usize = 8;
/// How many facts of a column are looked at.
const FACTS: usize = 200;
/// How deep a routine in a routine is read.
const DEPTH: usize = 4;

/// Values worth giving to columns because the script names them: per table place in `tables` and
/// column name. Keys that the script itself inserts are not given to the columns of that key.
pub fn of_script(
    sql: &str,
    tables: &[Table],
    types: &Types,
) -> BTreeMap<(usize, String), Vec<String>> {
    let renames = Renames::of(sql, tables);
    let mut reading = Reading { tables, renames, said: BTreeMap::new(), taken: BTreeMap::new() };
    reading.script(sql, DEPTH);
    reading.values(types)
}

type Place = (usize, String);

/// What was read of a script.
struct Reading<'a> {
    tables: &'a [Table],
    renames: Renames,
    said: BTreeMap<Place, Said>,
    /// Keys that the script inserts.
    taken: BTreeMap<Place, Vec<String>>,
}

#[derive(Default)]
struct Said {
    facts: Few,
    /// Constants of statements that touch the table.
    loose: Few,
}

/// The first facts, each once: a script of seeds has more than anybody wants.
#[derive(Default)]
struct Few(Vec<Fact>);

impl Few {
    fn extend(&mut self, facts: impl IntoIterator<Item = Fact>) {
        for fact in facts {
            if self.0.len() >= FACTS {
                return;
            }
            if fact != Fact::Used && !self.0.contains(&fact) {
                self.0.push(fact);
            }
        }
    }
}

impl Reading<'_> {
    fn script(&mut self, sql: &str, depth: usize) {
        for statement in statements(sql).map_while(Result::ok) {
            let text = statement.text(sql);
            let phrase = Phrase::new(text);
            if phrase.is(0, "comment") {
                continue;
            }
            let bodies = phrase.words().iter().filter(|word| word.kind == Kind::Body);
            for body in bodies.filter(|_| depth > 0) {
                self.script(&body.text, depth - 1);
            }
            let touched = self.touched(&names(text));
            if !touched.is_empty() {
                self.statement(&phrase, &touched);
            }
        }
    }

    fn touched(&self, names: &[Name]) -> Vec<usize> {
        let is_named = |at: usize, table: &Table| {
            names.iter().any(|name| match name.parts.as_slice() {
                [schema, name, ..] if *schema == table.name.schema => *name == table.name.name,
                [name] => *name == table.name.name || self.renames.is_table(at, name),
                [.., name] => self.renames.is_table(at, name),
                [] => false,
            })
        };
        let tables = self.tables.iter().enumerate();
        tables.filter(|(at, table)| is_named(*at, table)).map(|(at, _)| at).collect()
    }

    fn statement(&mut self, phrase: &Phrase, touched: &[usize]) {
        let words =
            columns(phrase, |qualifier, name| !self.places(touched, qualifier, name).is_empty());
        let mut finder = find(phrase, &words);
        self.inserted(&mut finder, touched);
        for (at, fact) in std::mem::take(&mut finder.found) {
            let Some(word) = phrase.word(at) else { continue };
            for place in self.places(touched, qualifier(phrase, at), &word.text) {
                self.said.entry(place).or_default().facts.extend([fact.clone()]);
            }
        }
        let keys = std::mem::take(&mut finder.loose_keys);
        let keys = keys.into_iter().map(|key| Fact::Json(vec![key], Want::Any));
        let mut facts = Few::default();
        facts.extend(keys.chain(loose(phrase, &finder.used)));
        for table in touched {
            for column in self.tables.get(*table).into_iter().flat_map(|table| &table.columns) {
                let said = self.said.entry((*table, column.name.clone())).or_default();
                said.loose.extend(facts.0.iter().cloned());
            }
        }
    }

    /// The columns that a name can mean.
    fn places(&self, touched: &[usize], qualifier: Option<&str>, name: &str) -> Vec<Place> {
        let is_called = |at: usize, called: &str| {
            let own = self.tables.get(at).is_some_and(|table| table.name.name == called);
            own || self.renames.is_table(at, called)
        };
        let is_table = qualifier.filter(|it| touched.iter().any(|at| is_called(*at, it)));
        let mut places = Vec::new();
        for at in touched.iter().filter(|at| is_table.is_none_or(|it| is_called(**at, it))) {
            let Some(table) = self.tables.get(*at) else { continue };
            let old = self.renames.column(*at, name);
            let found = table.column(name).or_else(|| table.column(old?));
            places.extend(found.map(|column| (*at, column.name.clone())));
        }
        places
    }

    /// Constants that are inserted: keys are taken by them, other columns may have them.
    fn inserted(&mut self, finder: &mut Finder<'_>, touched: &[usize]) {
        for insert in inserts(finder.phrase) {
            let name = Name { parts: insert.table.clone(), bytes: 0..0 };
            let found = self.touched(&[name]).into_iter().find(|at| touched.contains(at));
            let Some((at, table)) = found.and_then(|at| Some((at, self.tables.get(at)?))) else {
                continue;
            };
            let all = || table.columns.iter().map(|column| column.name.clone()).collect();
            let columns = insert.columns.unwrap_or_else(all);
            for (column, range) in insert.rows.iter().flat_map(|row| columns.iter().zip(row)) {
                let Some((place, text)) = constant(finder.phrase, range) else { continue };
                finder.used.insert(place);
                let Some((_, column)) = self.places(&[at], None, column).pop() else { continue };
                let is_key = table.uniques.iter().any(|unique| unique.columns.contains(&column));
                let key = (at, column);
                if is_key {
                    self.taken.entry(key).or_default().push(text);
                } else {
                    let fact = Fact::Compare(Op::Eq, text);
                    self.said.entry(key).or_default().facts.extend([fact]);
                }
            }
        }
    }

    fn values(self, types: &Types) -> BTreeMap<Place, Vec<String>> {
        let mut all = BTreeMap::new();
        for (place, said) in &self.said {
            let table = self.tables.get(place.0);
            let Some(column) = table.and_then(|table| table.column(&place.1)) else { continue };
            let taken = self.taken.get(place).map_or(&[][..], Vec::as_slice);
            let found = of_column(column, said, taken, types);
            if !found.is_empty() {
                all.insert(place.clone(), found);
            }
        }
        all
    }
}

fn of_column(column: &Column, said: &Said, taken: &[String], types: &Types) -> Vec<String> {
    if column.is_generated {
        return Vec::new();
    }
    let class = Class::of(types, column.type_oid, column.modifier);
    let mut found = values(&said.facts.0, &class, true, MOST);
    let is_for = |fact: &Fact| match fact {
        // A string is for what is written as one, and for a type that it can only mean.
        Fact::Compare(Op::Eq, _) => !class.is_number() && class != Class::Bool,
        Fact::Compare(..) => class.is_number(),
        _ => true,
    };
    let loose: Vec<Fact> = said.loose.0.iter().filter(|fact| is_for(fact)).cloned().collect();
    for text in values(&loose, &class, true, LOOSE) {
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found.retain(|text| !taken.iter().any(|key| is_same(key, text)));
    found
}

/// Whether two keys are one, also where case or leading zeros do not count.
fn is_same(one: &str, other: &str) -> bool {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    one.trim_end().eq_ignore_ascii_case(other.trim_end())
        || number(one)
            .is_some_and(|value| number(other).is_some_and(|it| it.total_cmp(&value).is_eq()))
}
