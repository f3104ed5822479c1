//! Rows put together from the values of their columns.
//!
//! Knows one table's pools, its keys and the rows that others hold already. Must not know a session.

use std::collections::{BTreeMap, BTreeSet};

use super::frame::Frame;
use super::large::Large;
use super::model::{Column, ForeignKey, Table, Types};
use super::order::holders;
use super::pool::{Pool, Recipe};
use super::rows::Cell;
use super::types;

/// Rows that a table is to be given.
#[derive(Clone, Debug, Default)]
pub(super) struct Planned {
    /// The columns that are given, by place in the table.
    pub(super) columns: Vec<usize>,
    /// How many rows are wanted; there may be more, for those that are turned away.
    pub(super) wanted: usize,
    /// The rows, each as long as the table has columns.
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Planned {
    /// The values that are given in the first row, by column.
    pub(super) fn by_column(&self, table: &Table) -> Vec<(String, Cell)> {
        let row = self.rows.first();
        let given = self
            .columns
            .iter()
            .filter_map(|at| Some((table.columns.get(*at)?.name.clone(), row?.get(*at)?.clone())));
        given.collect()
    }
}

/// What is known about one table when its rows are composed.
#[derive(Debug)]
pub(super) struct Ingredients<'a> {
    pub(super) table: &'a Table,
    pub(super) types: &'a Types,
    /// One for each column.
    pub(super) pools: Vec<Pool>,
    /// The columns that the script speaks of, by place.
    pub(super) focus: BTreeSet<usize>,
    /// For each foreign key the keys that may be referred to; `None` for rows of the same unit.
    pub(super) parents: Vec<Option<Vec<Vec<String>>>>,
    /// The rows that are there, as far as they are known.
    pub(super) held: &'a [Vec<Cell>],
    /// The largest values of keys among those that are not known.
    pub(super) large: Option<&'a Large>,
    pub(super) recipe: Recipe,
}

/// Keys that no other row of any table has begin here.
const ELSEWHERE: u64 = 2001;
const ALONE: usize = 8;
const COMPANY: usize = 4;
const SISTERS: usize = 12;
/// Which of the endless values sisters share, so that they share them with no other row.
const SHARED: u64 = 907;

impl Ingredients<'_> {
    /// How many rows make sense.
    pub(super) fn count(&self) -> usize {
        let edges = |at: &usize| self.pools.get(*at).map_or(0, |pool| pool.edge.len());
        let most = self.focus.iter().map(edges).max().unwrap_or(0);
        let wanted = match (self.table.is_named, most) {
            (false, _) => COMPANY,
            (true, 0) => ALONE,
            (true, most) if self.focus.len() == 1 => 2 + most + self.sisters(),
            (true, most) => 2 + most + most.div_ceil(2) + self.sisters(),
        };
        wanted.max(self.recipe.at_least).min(self.recipe.rows_per_table.max(1))
    }

    fn sisters(&self) -> usize {
        (2 * (self.focus.len() + 1)).min(SISTERS)
    }

    /// Rows `first..first + count`; they differ with their numbers only.
    pub(super) fn compose(&self, first: usize, count: usize, wanted: usize) -> Planned {
        let columns = self.given();
        let mut frame = Frame::new(self, &columns);
        let rows = (first..first + count).map(|at| self.row(at, wanted, &columns, &mut frame));
        let rows = rows.collect();
        Planned { columns, wanted, rows }
    }

    /// The columns that are given a value.
    fn given(&self) -> Vec<usize> {
        let is_given = |(at, column): &(usize, &Column)| {
            let known = self
                .pools
                .get(*at)
                .is_some_and(|pool| !pool.plain.is_empty() || !pool.edge.is_empty());
            let refers =
                self.table.foreign_keys.iter().any(|key| key.columns.contains(&column.name));
            let has_default = column.default.is_some() || column.identity.is_some();
            let is_left = self.recipe.leaves_defaults && has_default;
            !column.is_generated && !is_left && (known || refers)
        };
        self.table.columns.iter().enumerate().filter(is_given).map(|(at, _)| at).collect()
    }

    fn row(&self, at: usize, wanted: usize, given: &[usize], frame: &mut Frame<'_>) -> Vec<Cell> {
        let sisters = if self.table.is_named { self.sisters() } else { 0 };
        let body = wanted.saturating_sub(sisters).max(1);
        // Past the wanted rows come more of the same, for those that are turned away.
        let round = at / wanted.max(1);
        let place = at % wanted.max(1);
        let sister = place.checked_sub(body);
        let mut row: Vec<Cell> = vec![None; self.table.columns.len()];
        for column in given {
            let cell = match sister {
                Some(sister) => self.sister_cell(*column, sister, round),
                None => self.cell(*column, place, round),
            };
            if let Some(slot) = row.get_mut(*column) {
                *slot = cell;
            }
        }
        frame.refer(&mut row, at, sister.map(|nth| round * wanted + body + nth / 2));
        frame.make_unique(&mut row, at);
        row
    }

    /// The cell of an ordinary row.
    fn cell(&self, column: usize, place: usize, round: usize) -> Cell {
        let pool = self.pools.get(column)?;
        let pick = |cells: &[Cell], at: usize| cells.get(at % cells.len().max(1)).cloned();
        let plain = || {
            let at = place + column + round;
            pick(&pool.plain, at).or_else(|| pick(&pool.edge, at)).flatten()
        };
        let takes_null = pool.edge.first().is_some_and(Option::is_none);
        match place {
            1 if takes_null => None,
            0 | 1 => plain(),
            _ => match self.focus.iter().position(|it| *it == column) {
                Some(ordinal) => {
                    let step = place - 2;
                    let alone = self.focus.len() == 1;
                    let is_edge = alone || !(step + ordinal).is_multiple_of(3);
                    // Every third one is not.
                    let others = (step + ordinal).div_ceil(3) - ordinal.div_ceil(3);
                    let edge = step - if alone { 0 } else { others } + round * 7;
                    match is_edge.then(|| pool.edge.get(edge)).flatten() {
                        Some(cell) => cell.clone(),
                        None => plain(),
                    }
                }
                None if takes_null && (place + column).is_multiple_of(3) => None,
                None if place.is_multiple_of(5) => {
                    pick(&pool.edge, place / 5).unwrap_or_else(plain)
                }
                None => plain(),
            },
        }
    }

    /// The cell of one of the rows that come in pairs: two are alike but for one column, and the two
    /// of the first pair but for their keys. No two pairs have a value in common.
    fn sister_cell(&self, column: usize, sister: usize, round: usize) -> Cell {
        let pair = sister / 2;
        let about = pair.checked_sub(1).and_then(|nth| self.focus.iter().nth(nth));
        let differs = !sister.is_multiple_of(2) && about == Some(&column);
        let shared = self.table.columns.get(column).and_then(|it| {
            let is_shared = self.focus.contains(&column) && !differs;
            let nth = SHARED + u64::try_from(round * SISTERS + pair).unwrap_or_default();
            is_shared.then(|| types::distinct(self.types, it.type_oid, it.modifier, nth)).flatten()
        });
        shared.map_or_else(|| self.cell(column, pair, round + usize::from(differs)), Some)
    }
}

/// Fills in the foreign keys between tables of one unit, whose rows are all planned.
pub(super) fn refer_within(
    unit: &mut BTreeMap<usize, Planned>,
    tables: &[Table],
    holders: &impl Fn(u32) -> Vec<usize>,
) {
    let members: Vec<usize> = unit.keys().copied().collect();
    for member in &members {
        let Some(table) = tables.get(*member) else { continue };
        for key in &table.foreign_keys {
            let within: Vec<usize> =
                holders(key.parent).into_iter().filter(|at| unit.contains_key(at)).collect();
            if within.is_empty() {
                continue;
            }
            let parents: Vec<Vec<Cell>> = within
                .iter()
                .filter_map(|at| Some((tables.get(*at)?, unit.get(at)?)))
                .flat_map(|(parent, planned)| {
                    let places = places(parent, &key.parent_columns);
                    planned.rows.iter().map(move |row| part(row, &places))
                })
                .collect();
            let own = places(table, &key.columns);
            let is_nullable =
                own.iter().any(|at| table.columns.get(*at).is_some_and(|it| !it.not_null));
            let Some(planned) = unit.get_mut(member) else { continue };
            let shared = shared_columns(table, key);
            for (at, row) in planned.rows.iter_mut().enumerate() {
                // Roots, then itself, then a forest.
                let parent = match at {
                    0 if is_nullable => None,
                    1 => parents.get(1).or(parents.first()),
                    _ if is_nullable && at.is_multiple_of(5) => None,
                    _ => parents.get(at / 2),
                };
                let fits = |parent: &&Vec<Cell>| {
                    shared.iter().all(|part| {
                        own.get(*part).and_then(|place| row.get(*place)) == parent.get(*part)
                    })
                };
                let parent = parent
                    .filter(fits)
                    .or_else(|| if is_nullable { None } else { parents.iter().find(fits) });
                for (part, place) in own.iter().enumerate() {
                    if shared.contains(&part) {
                        continue;
                    }
                    if let Some(slot) = row.get_mut(*place) {
                        *slot = parent.and_then(|parent| parent.get(part).cloned().flatten());
                    }
                }
            }
        }
    }
}

/// Rows of one of `members` that refer to no other of them where they need not, and whether they
/// must.
pub(super) fn apart(
    tables: &[Table],
    at: usize,
    mut planned: Planned,
    members: &[usize],
) -> (Planned, bool) {
    let Some(table) = tables.get(at) else { return (planned, false) };
    let is_inside = |holder: &usize| *holder != at && members.contains(holder);
    let mut must = false;
    for key in &table.foreign_keys {
        if !holders(tables, key.parent).iter().any(is_inside) {
            continue;
        }
        let own = places(table, &key.columns);
        let nullable = |place: &usize| table.columns.get(*place).is_some_and(|it| !it.not_null);
        must |= !own.iter().any(nullable);
        for row in &mut planned.rows {
            for place in own.iter().filter(|place| nullable(place)) {
                if let Some(cell) = row.get_mut(*place) {
                    *cell = None;
                }
            }
        }
    }
    (planned, must)
}

/// The rows one by one, with keys of one column that no row of any table is given otherwise.
pub(super) fn elsewhere<'p>(
    table: &'p Table,
    types: &'p Types,
    planned: &'p Planned,
) -> impl Iterator<Item = Planned> + 'p {
    let is_free = |place: &usize| {
        let name = table.columns.get(*place).map(|it| &it.name);
        let refers = |key: &ForeignKey| name.is_some_and(|it| key.columns.contains(it));
        let is_key = |columns: &[String]| matches!(columns, [own] if Some(own) == name);
        table.uniques.iter().any(|unique| is_key(&unique.columns))
            && !table.foreign_keys.iter().any(refers)
    };
    let free: Vec<usize> = planned.columns.iter().copied().filter(is_free).collect();
    planned.rows.iter().zip(ELSEWHERE..).map(move |(row, nth)| {
        let mut row = row.clone();
        for place in &free {
            let column = table.columns.get(*place);
            let own = column.and_then(|it| types::distinct(types, it.type_oid, it.modifier, nth));
            if let (Some(slot), Some(own)) = (row.get_mut(*place), own)
                && slot.is_some()
            {
                *slot = Some(own);
            }
        }
        Planned { columns: planned.columns.clone(), wanted: 1, rows: vec![row] }
    })
}

/// The parts of a key that other keys decide as well: a tenant, say.
fn shared_columns(table: &Table, key: &ForeignKey) -> Vec<usize> {
    let others = |name: &String| {
        table
            .foreign_keys
            .iter()
            .any(|other| other.name != key.name && other.columns.contains(name))
            || table.uniques.iter().any(|unique| unique.is_primary && unique.columns.contains(name))
    };
    (0..key.columns.len()).filter(|at| key.columns.get(*at).is_some_and(others)).collect()
}

pub(super) fn places(table: &Table, names: &[String]) -> Vec<usize> {
    let place = |name: &String| table.columns.iter().position(|it| it.name == *name);
    names.iter().filter_map(place).collect()
}

pub(super) fn part(row: &[Cell], places: &[usize]) -> Vec<Cell> {
    places.iter().map(|at| row.get(*at).cloned().flatten()).collect()
}
