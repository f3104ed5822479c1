//! What stays the same from row to row of one table: where its keys are, and what they draw from.
//!
//! Knows keys and the values that they are given. Must not know the other cells of a row.

use std::collections::{BTreeSet, HashMap};

use super::compose::{Ingredients, places};
use super::model::{Column, ForeignKey, Table};
use super::rows::Cell;
use super::types::{Endless, endless};

/// Keys begin here: those that migrations and people write by hand are small.
const FIRST_KEY: u64 = 101;
/// So many keys are for the rows of one case.
const CASE: u64 = 1000;
/// Keys from here on leave no room behind them.
const FAR: u64 = 1 << 30;

/// The keys of one table.
pub(super) struct Frame<'i> {
    referring: Vec<Referring<'i>>,
    /// How many of the foreign keys may refer to nothing.
    optional: usize,
    uniques: Vec<Unique<'i>>,
    /// Columns that draw from a sequence and are no key.
    drawn: Vec<Own<'i>>,
}

/// A foreign key to rows that are there.
struct Referring<'i> {
    nth: usize,
    /// Its columns, by place, and whether NULL is refused there.
    places: Vec<(usize, bool)>,
    /// Whether no two rows may refer to one parent by it.
    is_unique: bool,
    /// Which of those that may refer to nothing it is.
    optional: Option<usize>,
    parents: &'i [Vec<String>],
    /// The parents by those parts that other keys have decided on, by number, for each such set.
    fitting: HashMap<Vec<usize>, HashMap<Vec<&'i str>, Vec<usize>>>,
}

/// A unique key with a column that nothing else decides.
struct Unique<'i> {
    own: Own<'i>,
    nulls_not_distinct: bool,
    not_null: bool,
    /// Whether NULL is among what the column is tried with.
    takes_null: bool,
}

/// The values of a column in which each row has its own.
struct Own<'i> {
    place: usize,
    is_number: bool,
    /// One that does not fit into the next narrower type, where that is worth trying.
    wide: Option<&'static str>,
    edges: Vec<&'i String>,
    /// Whether the edges come first.
    begins_with_edges: bool,
    endless: Endless,
    first: u64,
}

impl<'i> Frame<'i> {
    pub(super) fn new(of: &'i Ingredients<'_>, given: &[usize]) -> Self {
        let keys = of.table.foreign_keys.iter().zip(&of.parents).enumerate();
        let mut optional = 0;
        let mut referring = Vec::new();
        for (nth, (key, parents)) in keys {
            let own = is_optional(of.table, key).then_some(optional);
            optional += usize::from(own.is_some());
            let Some(parents) = parents else { continue };
            let must = |place: &usize| of.table.columns.get(*place).is_some_and(|it| it.not_null);
            let places = places(of.table, &key.columns).into_iter();
            referring.push(Referring {
                nth,
                places: places.map(|place| (place, must(&place))).collect(),
                is_unique: is_unique(of.table, key),
                optional: own,
                parents,
                fitting: HashMap::new(),
            });
        }
        Self { referring, optional, uniques: uniques(of, given), drawn: drawn(of, given) }
    }

    /// Fills in foreign keys to rows that are there; sisters share theirs.
    pub(super) fn refer(&mut self, row: &mut [Cell], at: usize, shared: Option<usize>) {
        let mut fixed = BTreeSet::new();
        for key in &mut self.referring {
            let at = shared.filter(|_| !key.is_unique).unwrap_or(at);
            let refers_to_nothing = key.optional.is_some_and(|nth| {
                // All refer, none does, only one does, only one does not.
                let chosen = nth == (at / 4) % self.optional;
                [false, true, !chosen, chosen].get(at % 4) == Some(&true)
            });
            let parent = if refers_to_nothing { None } else { key.parent(row, at, &fixed) };
            for (part, (place, must)) in key.places.iter().enumerate() {
                // One NULL is enough for a key to refer to nothing.
                if parent.is_none() && (*must || fixed.contains(place)) {
                    continue;
                }
                if let Some(slot) = row.get_mut(*place) {
                    *slot = parent.and_then(|parent| parent.get(part).cloned());
                }
                fixed.insert(*place);
            }
        }
    }

    /// Gives keys of one column a value of their own.
    pub(super) fn make_unique(&self, row: &mut [Cell], at: usize) {
        for unique in &self.uniques {
            let Some(slot) = row.get_mut(unique.own.place) else { continue };
            // Where NULLs are not distinct, one row may have one.
            if unique.nulls_not_distinct && unique.takes_null && at == 1 {
                *slot = None;
            } else if (slot.is_some() || unique.nulls_not_distinct || unique.not_null)
                && let Some(value) = unique.own.value(at)
            {
                *slot = Some(value);
            }
        }
        // What a sequence gives is never at the end of its type.
        for own in &self.drawn {
            if let (Some(slot), Some(value)) = (row.get_mut(own.place), own.value(at)) {
                *slot = Some(value);
            }
        }
    }
}

impl<'i> Referring<'i> {
    /// The parent of row `at`, in whose `fixed` places other keys have put something.
    fn parent(
        &mut self,
        row: &[Cell],
        at: usize,
        fixed: &BTreeSet<usize>,
    ) -> Option<&'i Vec<String>> {
        let is_fixed =
            |part: &usize| self.places.get(*part).is_some_and(|it| fixed.contains(&it.0));
        let parts: Vec<usize> = (0..self.places.len()).filter(is_fixed).collect();
        if parts.is_empty() {
            return self.parents.get(self.turn(at, self.parents.len()));
        }
        let places = parts.iter().filter_map(|part| self.places.get(*part));
        let own: Option<Vec<&str>> =
            places.map(|(place, _)| row.get(*place).and_then(Option::as_deref)).collect();
        let parents = self.parents;
        let fitting: &HashMap<Vec<&str>, Vec<usize>> =
            self.fitting.entry(parts).or_insert_with_key(|parts| by(parents, parts));
        // What is borrowed from the row lives shorter than the parents.
        let fitting = fitting.get(own?.as_slice()).map(Vec::as_slice).unwrap_or_default();
        let (count, nth) = (fitting.len(), self.nth);
        self.parents.get(*fitting.get(turn(nth, at, count))?)
    }

    fn turn(&self, at: usize, count: usize) -> usize {
        turn(self.nth, at, count)
    }
}

/// Ends first, so that few rows reach both; then every pair of two keys comes once.
fn turn(nth: usize, at: usize, count: usize) -> usize {
    let count = count.max(1);
    let turn = (at + nth * (at / count)) % count;
    if turn.is_multiple_of(2) { turn / 2 } else { count - 1 - turn / 2 }
}

fn by<'i>(parents: &'i [Vec<String>], parts: &[usize]) -> HashMap<Vec<&'i str>, Vec<usize>> {
    let mut found: HashMap<Vec<&str>, Vec<usize>> = HashMap::new();
    for (nth, parent) in parents.iter().enumerate() {
        let key = parts.iter().filter_map(|part| parent.get(*part)).map(String::as_str).collect();
        found.entry(key).or_default().push(nth);
    }
    found
}

/// Whether no two rows may refer to one parent by this key.
fn is_unique(table: &Table, key: &ForeignKey) -> bool {
    let within = |name: &String| key.columns.contains(name);
    table.uniques.iter().any(|unique| unique.columns.iter().all(within))
}

fn is_optional(table: &Table, key: &ForeignKey) -> bool {
    let nullable = |name: &String| table.column(name).is_some_and(|it| !it.not_null);
    if key.match_full { key.columns.iter().all(nullable) } else { key.columns.iter().any(nullable) }
}

fn refers(table: &Table, place: usize) -> bool {
    let name = table.columns.get(place).map(|it| &it.name);
    table.foreign_keys.iter().any(|key| name.is_some_and(|it| key.columns.contains(it)))
}

fn uniques<'i>(of: &'i Ingredients<'_>, given: &[usize]) -> Vec<Unique<'i>> {
    let mut found = Vec::new();
    for unique in of.table.uniques.iter().filter(|it| !it.has_expression) {
        let places = places(of.table, &unique.columns);
        // The last column that nothing else decides.
        let is_free = |place: &&usize| given.contains(place) && !refers(of.table, **place);
        let Some(place) = places.iter().rev().find(is_free) else { continue };
        let Some(column) = of.table.columns.get(*place) else { continue };
        if places.len() > 1 && !unique.is_primary {
            continue;
        }
        found.push(Unique {
            own: Own::new(of, *place, column, unique.is_primary),
            nulls_not_distinct: unique.nulls_not_distinct,
            not_null: column.not_null,
            takes_null: of.pools.get(*place).is_some_and(|pool| pool.edge.contains(&None)),
        });
    }
    found
}

fn drawn<'i>(of: &'i Ingredients<'_>, given: &[usize]) -> Vec<Own<'i>> {
    let is_key =
        |name: &String| of.table.uniques.iter().any(|unique| unique.columns == [name.as_str()]);
    let drawn = given.iter().filter_map(|place| {
        let column = of.table.columns.get(*place).filter(|it| it.sequence.is_some())?;
        let is_own = !is_key(&column.name) && !refers(of.table, *place);
        is_own.then(|| Own::new(of, *place, column, false))
    });
    drawn.collect()
}

/// Where keys begin: behind those of rows that are there, if they would meet.
fn first(of: &Ingredients<'_>, place: usize, column: &Column) -> u64 {
    let first = FIRST_KEY + u64::from(of.recipe.case) * CASE;
    let number = |row: &Vec<Cell>| row.get(place)?.as_deref()?.parse::<u64>().ok();
    let known = of.held.iter().filter_map(number).filter(|key| *key < FAR);
    let meets = |key: &u64| (first..first + CASE).contains(key);
    let unknown = of.large.and_then(|large| large.top(&column.name));
    match (known.clone().any(|key| meets(&key)), unknown) {
        (false, None) => first,
        (_, unknown) => {
            known.chain(unknown.filter(|key| *key < FAR)).fold(first, |at, key| at.max(key + 1))
        }
    }
}

impl<'i> Own<'i> {
    fn new(of: &'i Ingredients<'_>, place: usize, column: &Column, is_primary: bool) -> Self {
        let base = of.types.base_name(column.type_oid);
        let is_integer = matches!(base, Some("int2" | "int4" | "int8" | "numeric" | "oid"));
        let wide = match base {
            Some("int8") => Some("2147483648"),
            Some("int4") => Some("32768"),
            _ => None,
        };
        let pool = of.pools.get(place).into_iter();
        let mut seen = BTreeSet::new();
        let edges = pool.flat_map(|pool| pool.edge.iter().chain(&pool.plain)).flatten();
        // What numbers a key may not satisfy what is asked of it.
        let is_checked = !of.table.checks.is_empty();
        Self {
            place,
            is_number: is_integer && (is_primary || column.sequence.is_some()),
            wide: wide.filter(|_| of.focus.contains(&place)),
            edges: edges.filter(|it| seen.insert(*it)).collect(),
            begins_with_edges: of.table.is_named || !is_primary || is_checked,
            endless: endless(of.types, column.type_oid, column.modifier),
            first: first(of, place, column),
        }
    }

    /// The value in row `at`: the edges first where the script speaks of the column or it is not a
    /// number, then endlessly many.
    fn value(&self, at: usize) -> Option<String> {
        let endless = || self.endless.nth(self.first + u64::try_from(at).unwrap_or_default());
        if self.is_number {
            let wide = self.wide.filter(|_| at == 2);
            return wide.map(str::to_owned).or_else(endless);
        }
        let edge = self.edges.get(at).map(|it| (*it).clone());
        if self.begins_with_edges { edge.or_else(endless) } else { endless().or(edge) }
    }
}
