//! The values that one column draws from.
//!
//! Knows a column, its type and what its constraints and the script speak of. Must not know rows.

use std::collections::HashMap;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sha2::{Digest, Sha256};

use super::model::{Column, Table, TypeKind, Types};
use super::rows::Cell;
use super::types::{self, Values};
use crate::postgres::ResultSet;

/// What rows are made from, beside the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The same seed gives the same rows on every machine.
    pub seed: u64,
    /// Which case: case 0 is the edges first, the others draw more freely.
    pub case: u32,
    /// At most so many rows for a table.
    pub rows_per_table: usize,
    /// At least so many, where fewer would do to try what is worth trying and `rows_per_table` lets it.
    pub at_least: usize,
    /// Whether columns that have a default are left to it.
    pub leaves_defaults: bool,
    /// Once a table has taken so many rows, no others are tried.
    pub enough: usize,
    /// How far what a first round left out is looked at.
    pub effort: Effort,
}

/// How far what a first round of rows left out is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// Not at all.
    #[default]
    Once,
    /// Tables that took no row are tried again, and columns that the script speaks of and that lack a
    /// value or a NULL.
    Tables,
    /// So are columns without a value, or without a NULL though they may have one.
    Columns,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            seed: 0,
            case: 0,
            rows_per_table: 32,
            at_least: 1,
            leaves_defaults: false,
            enough: usize::MAX,
            effort: Effort::Once,
        }
    }
}

/// The values of one column.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    /// Worth trying, in this order.
    pub(super) edge: Vec<Cell>,
    /// As an application writes them; never empty, unless nothing is known about the type.
    pub(super) plain: Vec<Cell>,
}

/// What is made or asked once in a session.
#[derive(Debug, Default)]
pub struct Shelf {
    /// Values by type and modifier, since most columns share a few types.
    values: HashMap<(u32, i32), Option<Values>>,
    /// What the server said of candidates, by the question. Where a function has changed since, rows
    /// are turned away as they are put in.
    pub(super) agreed: HashMap<String, ResultSet>,
}

impl Shelf {
    /// Forgets the types that a migration can change.
    pub(super) fn forget_own(&mut self) {
        self.values.retain(|(oid, _), _| *oid < 16384);
    }

    pub(super) fn values(&mut self, types: &Types, column: &Column) -> Option<&Values> {
        let key = (column.type_oid, column.modifier);
        self.values.entry(key).or_insert_with(|| types::values(types, key.0, key.1)).as_ref()
    }
}

/// What is asked for about a column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// Whether the script speaks of it: then all its edges are tried.
    pub(super) is_focus: bool,
    /// Values from the script.
    pub(super) script: &'a [String],
    /// Values from the constraints.
    pub(super) constraints: &'a [String],
}

/// How many edges of a column that no script speaks of.
const ASIDE: usize = 2;
const EDGES: usize = 20;

pub(super) fn pool(
    shelf: &mut Shelf,
    types: &Types,
    table: &Table,
    column: &Column,
    asked: Asked<'_>,
    recipe: Recipe,
) -> Pool {
    let mut edge: Vec<Cell> = Vec::new();
    if !column.not_null && !refuses_null(types, column.type_oid) {
        edge.push(None);
    }
    let mut plain: Vec<Cell> = Vec::new();
    let offered = asked.script.iter().take(EDGES / 2).chain(asked.constraints.iter().take(EDGES));
    edge.extend(offered.cloned().map(Some));
    plain.extend(asked.constraints.iter().cloned().map(Some));
    let labels = labels(types, column.type_oid);
    if let Some(values) = shelf.values(types, column) {
        let many =
            if asked.is_focus { EDGES.saturating_sub(edge.len()).max(EDGES / 2) } else { ASIDE };
        let mut runner = runner(recipe, table, column);
        if recipe.case == 0 {
            edge.extend(values.boundary.iter().take(many).cloned().map(Some));
        } else {
            edge.extend(draws(values, &mut runner, many));
        }
        if asked.is_focus {
            edge.extend(draws(values, &mut runner, 2));
        }
        match labels {
            Some(labels) => plain.extend(labels.iter().cloned().map(Some)),
            None => plain.extend(values.plain.iter().cloned().map(Some)),
        }
        if recipe.case > 0 {
            plain.extend(draws(values, &mut runner, 4));
        }
    }
    Pool { edge: distinct(edge), plain: distinct(plain) }
}

fn draws(values: &Values, runner: &mut TestRunner, count: usize) -> Vec<Cell> {
    let draw = |_| values.any.new_tree(runner).ok().map(|tree| Some(tree.current()));
    (0..count).filter_map(draw).collect()
}

fn distinct(cells: Vec<Cell>) -> Vec<Cell> {
    let mut seen = std::collections::HashSet::new();
    cells.into_iter().filter(|cell| seen.insert(cell.clone())).collect()
}

/// Whether a domain anywhere below refuses NULL.
pub(super) fn refuses_null(types: &Types, oid: u32) -> bool {
    match types.get(oid).map(|it| &it.kind) {
        Some(TypeKind::Domain { base, not_null, .. }) => *not_null || refuses_null(types, *base),
        _ => false,
    }
}

/// The labels of an enum, also under a domain; true and false for boolean.
fn labels(types: &Types, oid: u32) -> Option<Vec<String>> {
    match &types.get(oid)?.kind {
        TypeKind::Enum(labels) => Some(labels.clone()),
        TypeKind::Domain { base, .. } => labels(types, *base),
        _ => None,
    }
}

/// Numbers that depend on the seed, the case and the column's name only.
pub(super) fn runner(recipe: Recipe, table: &Table, column: &Column) -> TestRunner {
    let mut digest = Sha256::new();
    digest.update(recipe.seed.to_le_bytes());
    digest.update(recipe.case.to_le_bytes());
    digest.update(table.name.sql());
    digest.update([0]);
    digest.update(&column.name);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &digest.finalize());
    TestRunner::new_with_rng(Config::default(), rng)
}
