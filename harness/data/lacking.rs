//! Rows for what a first round left out: a table without rows, a column without a value or a NULL.
//!
//! Knows one table, what the server agreed to and the rows that others hold. Must not know a session.

use std::collections::{BTreeMap, BTreeSet};

use super::compose::{part, places};
use super::model::{Column, ForeignKey, Table, TypeKind, Types};
use super::pool::refuses_null;
use super::rows::Cell;
use super::types;

/// A column that has no value, or no NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lack {
    pub(super) place: usize,
    pub(super) is_null: bool,
}

impl Lack {
    fn is_met(self, cell: Option<&Cell>) -> bool {
        cell.is_some_and(|cell| cell.is_none() == self.is_null)
    }

    pub(super) fn is_met_by(self, rows: &[Vec<Cell>]) -> bool {
        rows.iter().any(|row| self.is_met(row.get(self.place)))
    }
}

/// What `rows` leave out of what the columns may hold.
pub(super) fn lacks(table: &Table, types: &Types, rows: &[Vec<Cell>]) -> Vec<Lack> {
    let columns = table.columns.iter().enumerate().filter(|(_, column)| !column.is_generated);
    let wanted = columns.flat_map(|(place, column)| {
        let takes_null = !column.not_null && !refuses_null(types, column.type_oid);
        let null = takes_null.then_some(Lack { place, is_null: true });
        [Lack { place, is_null: false }].into_iter().chain(null)
    });
    wanted.filter(|lack| !lack.is_met_by(rows)).collect()
}

/// Columns that predicates tie, and what the server agreed to.
#[derive(Clone, Debug)]
pub(super) struct Set {
    pub(super) places: Vec<usize>,
    pub(super) good: Vec<Vec<Cell>>,
    /// Whether the server could answer.
    pub(super) is_asked: bool,
}

/// Columns that must be what another row says: a foreign key's, or those that a trigger looks up.
#[derive(Clone, Debug)]
pub(super) struct Bond {
    pub(super) places: Vec<usize>,
    pub(super) rows: Vec<Vec<Cell>>,
    /// Whether one NULL frees the others.
    pub(super) is_loose: bool,
}

/// A row, and the columns that are left to their defaults.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempt {
    pub(super) row: Vec<Cell>,
    pub(super) left: BTreeSet<usize>,
}

/// How many rows that are there are changed in the hope that they are taken again.
const HELD: usize = 4;
/// Each is tried with so many values.
const TURNS: usize = 3;
/// Keys begin here, beyond those of other rows.
const FIRST_KEY: u64 = 3001;

/// What is known about a table that lacks something.
#[derive(Debug)]
pub(super) struct Larder<'a> {
    pub(super) table: &'a Table,
    pub(super) types: &'a Types,
    /// For each column what may be tried, the best first.
    pub(super) values: Vec<Vec<String>>,
    pub(super) sets: Vec<Set>,
    pub(super) bonds: Vec<Bond>,
}

impl Larder<'_> {
    /// Whether no combination that the server agrees to has it.
    pub(super) fn is_never(&self, lack: Lack) -> bool {
        self.sets.iter().any(|set| {
            let at = set.places.iter().position(|place| *place == lack.place);
            let is_met = |good: &Vec<Cell>| at.is_some_and(|at| lack.is_met(good.get(at)));
            at.is_some() && set.is_asked && !set.good.iter().any(is_met)
        })
    }

    /// Rows to be tried for `lack`, or for any row at all; no two have a key in common that differ
    /// in `nth`, which is raised.
    pub(super) fn attempts(
        &self,
        lack: Option<Lack>,
        held: &[Vec<Cell>],
        nth: &mut usize,
    ) -> Vec<Attempt> {
        let step = held.len().div_ceil(HELD).max(1);
        let held = held
            .iter()
            .step_by(step)
            .map(|row| Attempt { row: row.clone(), left: BTreeSet::new() });
        let held: Vec<Attempt> = held.collect();
        let mut attempts = Vec::new();
        for turn in 0..TURNS {
            let made = [self.lean(), self.apart(turn), self.full(turn)];
            for base in made.into_iter().chain(held.iter().cloned()) {
                attempts.push(self.attempt(base, lack, turn, *nth));
                *nth += 1;
            }
        }
        attempts
    }

    /// Nothing that need not be there.
    fn lean(&self) -> Attempt {
        let mut lean = Attempt { row: vec![None; self.table.columns.len()], ..Attempt::default() };
        for (place, column) in self.table.columns.iter().enumerate() {
            if column.default.is_some() || column.identity.is_some() {
                lean.left.insert(place);
            } else if let (true, Some(slot)) = (column.not_null, lean.row.get_mut(place)) {
                *slot = self.value(place, 0);
            }
        }
        lean
    }

    /// Columns of one type, arrays of it included, that have nothing in common.
    fn apart(&self, turn: usize) -> Attempt {
        let mut groups: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (place, column) in self.table.columns.iter().enumerate() {
            groups.entry(self.element(column)).or_default().push(place);
        }
        let mut row = vec![None; self.table.columns.len()];
        for group in groups.values() {
            for (ordinal, place) in group.iter().enumerate() {
                let Some(column) = self.table.columns.get(*place) else { continue };
                let nth = u64::try_from(ordinal + turn * group.len()).unwrap_or_default();
                let own = types::distinct(self.types, column.type_oid, column.modifier, nth);
                if let Some(slot) = row.get_mut(*place) {
                    *slot = own.or_else(|| self.value(*place, ordinal + turn));
                }
            }
        }
        Attempt { row, left: BTreeSet::new() }
    }

    fn element(&self, column: &Column) -> u32 {
        match self.types.get(column.type_oid).map(|it| &it.kind) {
            Some(TypeKind::Array(element)) => *element,
            _ => column.type_oid,
        }
    }

    /// A value in each column.
    fn full(&self, turn: usize) -> Attempt {
        let row = (0..self.table.columns.len()).map(|place| self.value(place, turn)).collect();
        Attempt { row, left: BTreeSet::new() }
    }

    fn value(&self, place: usize, nth: usize) -> Cell {
        let values = self.values.get(place)?;
        values.get(nth % values.len().max(1)).cloned()
    }

    fn attempt(&self, base: Attempt, lack: Option<Lack>, turn: usize, nth: usize) -> Attempt {
        let mut it = base;
        if let Some(lack) = lack {
            it.left.remove(&lack.place);
            let value = if lack.is_null { None } else { self.value(lack.place, turn) };
            it.set(lack.place, value);
        }
        for bond in &self.bonds {
            self.bind(&mut it, bond, lack, turn);
        }
        for set in &self.sets {
            agree(&mut it, set, lack, turn);
        }
        self.make_new(&mut it, lack, nth);
        it
    }

    /// Gives a bond's columns what a row of the other table says, where they need it.
    fn bind(&self, it: &mut Attempt, bond: &Bond, lack: Option<Lack>, turn: usize) {
        let column = |place: &usize| self.table.columns.get(*place);
        let must = |place: &usize| column(place).is_some_and(|it| it.not_null);
        let has = |place: &usize| it.row.get(*place).is_some_and(Option::is_some);
        let is_asked = lack.filter(|lack| bond.places.contains(&lack.place));
        let frees = |place: &usize| !must(place) && !has(place);
        let is_free = if bond.is_loose {
            bond.places.iter().any(frees)
        } else {
            bond.places.iter().all(frees)
        };
        let wants_value = is_asked.is_some_and(|lack| !lack.is_null);
        if is_asked.is_some_and(|lack| lack.is_null) && bond.is_loose || is_free && !wants_value {
            return;
        }
        let fits = |row: &&Vec<Cell>| {
            let at = is_asked.and_then(|lack| bond.places.iter().position(|it| *it == lack.place));
            at.is_none_or(|at| is_asked.is_some_and(|lack| lack.is_met(row.get(at))))
        };
        let fitting: Vec<&Vec<Cell>> = bond.rows.iter().filter(fits).collect();
        match fitting.get(turn % fitting.len().max(1)) {
            Some(row) => {
                for (place, cell) in bond.places.iter().zip(*row) {
                    it.left.remove(place);
                    it.set(*place, cell.clone());
                }
            }
            None => {
                for place in bond.places.iter().filter(|place| !must(place)) {
                    it.set(*place, None);
                }
            }
        }
    }

    /// Gives each key a value that no other row has.
    fn make_new(&self, it: &mut Attempt, lack: Option<Lack>, nth: usize) {
        let keys = self.table.uniques.iter().map(|unique| (&unique.columns, unique.is_primary));
        let exclusions = self.table.exclusions.iter().map(|it| (&it.columns, false));
        for (columns, is_primary) in keys.chain(exclusions) {
            let is_bound = |place: &&usize| {
                self.bonds.iter().any(|bond| bond.places.contains(place))
                    || self.table.columns.get(**place).is_none_or(|column| column.is_generated)
            };
            let places = places(self.table, columns);
            let Some(place) = places.iter().rfind(|place| !is_bound(place)) else { continue };
            let Some(column) = self.table.columns.get(*place) else { continue };
            let is_asked = lack.is_some_and(|lack| lack.place == *place);
            let is_null = it.row.get(*place).is_none_or(Option::is_none);
            let draws = column.sequence.is_some()
                || column.default.as_ref().is_some_and(|text| text.contains('('));
            if it.left.contains(place) && draws || is_asked && is_null || is_null && !is_primary {
                continue;
            }
            let number = FIRST_KEY + u64::try_from(nth).unwrap_or_default();
            let own = types::distinct(self.types, column.type_oid, column.modifier, number);
            let is_tied = self.sets.iter().any(|set| set.places.contains(place));
            let value = own.filter(|_| !is_tied).or_else(|| self.value(*place, nth));
            if value.is_some() && !(is_tied && places.len() > 1) {
                it.left.remove(place);
                it.set(*place, value);
            }
        }
    }
}

/// Gives tied columns the nearest of the combinations that the server agreed to.
fn agree(it: &mut Attempt, set: &Set, lack: Option<Lack>, turn: usize) {
    let own = part(&it.row, &set.places);
    let asked = lack
        .and_then(|lack| Some((set.places.iter().position(|place| *place == lack.place)?, lack)));
    let fits = |good: &&Vec<Cell>| asked.is_none_or(|(at, lack)| lack.is_met(good.get(at)));
    let distance = |good: &Vec<Cell>| {
        let cells = own.iter().zip(good);
        cells
            .map(|(own, good)| match (own, good) {
                (own, good) if own == good => 0,
                (Some(_), Some(_)) => 2,
                _ => 3,
            })
            .sum::<usize>()
    };
    let mut fitting: Vec<&Vec<Cell>> = set.good.iter().filter(fits).collect();
    fitting.sort_by_key(|good| distance(good));
    let is_there = fitting.first().is_some_and(|good| distance(good) == 0);
    let at = if is_there { 0 } else { turn % fitting.len().max(1) };
    if let Some(good) = fitting.get(at) {
        for (place, cell) in set.places.iter().zip(*good) {
            it.left.remove(place);
            it.set(*place, cell.clone());
        }
    }
}

impl Attempt {
    fn set(&mut self, place: usize, cell: Cell) {
        if let Some(slot) = self.row.get_mut(place) {
            *slot = cell;
        }
    }
}

/// How many combinations the server is asked about at most.
const COMBINED: usize = 1500;
/// With fewer values of each column all combinations would be almost none.
const FEWEST: usize = 2;
/// How many values of one column are tried where columns are changed one by one.
const SINGLE: usize = 4;

/// Combinations of these values: all, with fewer of each where there are too many; and where there
/// are too many columns for that, all columns alike but for one or two.
pub(super) fn combined(lists: &[Vec<Cell>]) -> Vec<Vec<Cell>> {
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    let count = |most: usize| {
        lists.iter().map(|list| list.len().min(most)).try_fold(1_usize, usize::checked_mul)
    };
    let fits = |most: &usize| count(*most).is_some_and(|count| count <= COMBINED);
    match (FEWEST.min(longest)..=longest).rev().find(fits) {
        Some(most) => product(lists, most),
        None => near(lists),
    }
}

fn product(lists: &[Vec<Cell>], most: usize) -> Vec<Vec<Cell>> {
    let mut rows: Vec<Vec<Cell>> = vec![Vec::new()];
    for list in lists {
        let longer = rows.iter().flat_map(|row| {
            list.iter().take(most).map(|cell| row.iter().cloned().chain([cell.clone()]).collect())
        });
        rows = longer.collect();
    }
    rows
}

/// The first of each, then the second of each, and what differs from these in one or two columns.
fn near(lists: &[Vec<Cell>]) -> Vec<Vec<Cell>> {
    let base = |nth: usize| -> Vec<Cell> {
        let cell = |list: &Vec<Cell>| list.get(nth).or(list.first()).cloned().flatten();
        lists.iter().map(cell).collect()
    };
    let mut rows = vec![base(0), base(1)];
    let mut done = 0;
    for _ in 0..2 {
        let end = rows.len();
        for from in done..end {
            for (at, list) in lists.iter().enumerate() {
                for cell in list.iter().take(SINGLE) {
                    if rows.len() >= COMBINED {
                        return rows;
                    }
                    let Some(mut row) = rows.get(from).cloned() else { continue };
                    if let Some(slot) = row.get_mut(at).filter(|slot| **slot != *cell) {
                        slot.clone_from(cell);
                        rows.push(row);
                    }
                }
            }
        }
        done = end;
    }
    rows
}

/// The columns of a foreign key, and whether one NULL frees it.
pub(super) fn bond(table: &Table, key: &ForeignKey, rows: Vec<Vec<Cell>>) -> Bond {
    Bond { places: places(table, &key.columns), rows, is_loose: !key.match_full }
}

#[cfg(test)]
mod tests {
    use super::{Cell, combined};

    fn list(texts: &[&str]) -> Vec<Cell> {
        let cell = |text: &&str| (*text != "-").then(|| (*text).to_owned());
        texts.iter().map(cell).collect()
    }

    #[test]
    fn few_columns_are_combined_in_all_ways_and_many_one_by_one() {
        let few = [list(&["-", "a"]), list(&["1", "2"]), list(&["x"])];
        let all = combined(&few);
        assert_eq!(all.len(), 4);
        assert!(all.contains(&list(&["-", "2", "x"])));
        let many = vec![list(&["-", "a", "b"]); 17];
        let some = combined(&many);
        assert!(some.len() <= super::COMBINED);
        let values = |row: &Vec<Cell>| row.iter().flatten().count();
        for place in 0..17 {
            let alone = |row: &Vec<Cell>| values(row) == 1 && row.get(place) != Some(&None);
            let missing = |row: &Vec<Cell>| values(row) == 16 && row.get(place) == Some(&None);
            assert!(some.iter().any(alone) && some.iter().any(missing), "{place}");
        }
    }
}
