//! A `proptest` strategy for the rows of one table, in a database as it stands.
//!
//! Knows the catalog, the keys that are there, and what the server says of candidates. Must not know
//! what becomes of the rows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use proptest::collection::vec;
use proptest::sample::select;
use proptest::strategy::{BoxedStrategy, Just, NewTree, Strategy, Union, ValueTree};
use proptest::test_runner::TestRunner;

use super::catalog::{Model, Wanted};
use super::compose::{part, places};
use super::constraints::{suggest, tied};
use super::generated::{GeneratedRows, NoStrategy};
use super::load::Loader;
use super::model::{Column, ForeignKey, Table, TableKind};
use super::order::holders;
use super::pool::{Recipe, refuses_null, runner};
use super::question::ask;
use super::read::{Reach, ToRead};
use super::rows::{Cell, Name};
use super::{DataError, types};
use crate::postgres::{Batch, PostgresError, Session};

/// Rows that a table may hold, for properties of your own.
///
/// Generated columns, and those that draw from a sequence, are left to the server. Foreign keys refer
/// to rows that were there when the strategy was made, or are NULL. CHECK constraints and domains were
/// asked of the server; keys differ from each other and from those that were there. The server may
/// still refuse rows: for keys that are equal only to it (over expressions, or without regard to case),
/// for EXCLUDE constraints, and for what triggers say.
#[derive(Clone, Debug)]
pub struct TableStrategy {
    table: Name,
    columns: Vec<String>,
    /// Each gives some cells of a row: places in `columns`, and what is there.
    parts: Vec<BoxedStrategy<Vec<(usize, Cell)>>>,
    keys: Vec<Key>,
    count: RangeInclusive<usize>,
}

/// Columns in which no two rows are the same.
#[derive(Clone, Debug)]
struct Key {
    places: Vec<usize>,
    /// Whether two NULLs are.
    with_nulls: bool,
    /// What is there already.
    taken: BTreeSet<Vec<Cell>>,
}

impl TableStrategy {
    /// Between so many rows; from 1 to 8 if not said. There may be fewer where keys have few values.
    #[must_use]
    pub fn rows(self, count: RangeInclusive<usize>) -> Self {
        Self { count, ..self }
    }

    /// For the table `name` of the database that `session` is in.
    pub async fn read(session: Session, name: &Name) -> Result<Self, NoStrategy> {
        let mut loader = Loader::new(session);
        let words = BTreeSet::from([name.name.clone()]);
        let (model, _) = loader.begin(&Wanted { words, ..Wanted::default() }).await?;
        let table = model.tables.iter().find(|table| table.name == *name);
        let table = table.ok_or_else(|| NoStrategy::NoTable(name.sql()))?;
        if table.kind == TableKind::Partitioned {
            return Err(NoStrategy::Partitioned(name.sql()));
        }
        let reading = Reading::new(&model, table)?;
        let parents = reading.parents(&mut loader).await?;
        let mut parts = Vec::new();
        for group in reading.groups() {
            parts.push(reading.part(&mut loader, &group, &parents).await?);
        }
        let keys = reading.keys(&mut loader).await?;
        loader.end(&[]);
        loader.session().await?;
        loader.into_session().close().await.map_err(DataError::from)?;
        let columns = reading.given.iter().filter_map(|at| table.columns.get(*at));
        let columns = columns.map(|column| column.name.clone()).collect();
        Ok(Self { table: name.clone(), columns, parts, keys, count: 1..=8 })
    }
}

impl Strategy for TableStrategy {
    type Tree = Box<dyn ValueTree<Value = GeneratedRows>>;
    type Value = GeneratedRows;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let (table, columns, keys) = (self.table.clone(), self.columns.clone(), self.keys.clone());
        let rows = vec(self.parts.clone(), self.count.clone()).prop_map(move |drawn| {
            let mut taken: Vec<BTreeSet<Vec<Cell>>> =
                keys.iter().map(|key| key.taken.clone()).collect();
            let mut rows = Vec::new();
            for parts in drawn {
                let mut row = std::vec::from_elem(None, columns.len());
                for (place, cell) in parts.into_iter().flatten() {
                    if let Some(slot) = row.get_mut(place) {
                        *slot = cell;
                    }
                }
                if keys.iter().zip(&mut taken).all(|(key, taken)| key.is_new(&row, taken)) {
                    rows.push(row);
                }
            }
            GeneratedRows { table: table.clone(), columns: columns.clone(), rows }
        });
        rows.boxed().new_tree(runner)
    }
}

impl Key {
    fn is_new(&self, row: &[Cell], taken: &mut BTreeSet<Vec<Cell>>) -> bool {
        let own = part(row, &self.places);
        (!self.with_nulls && own.contains(&None)) || taken.insert(own)
    }
}

/// How many candidates the server is asked about, one column alone and several together.
const ALONE: usize = 96;
const TOGETHER: usize = 512;

/// A foreign key by its number, with the keys that it may have.
type Parents = BTreeMap<usize, Vec<Vec<String>>>;

/// One table, looked at.
struct Reading<'a> {
    model: &'a Model,
    table: &'a Table,
    suggested: BTreeMap<String, Vec<String>>,
    /// The columns that are given, by place in the table.
    given: Vec<usize>,
}

/// Columns that are chosen together, by place in the table.
#[derive(Default)]
struct Group {
    columns: BTreeSet<usize>,
    foreign_keys: Vec<usize>,
    predicates: Vec<String>,
}

impl<'a> Reading<'a> {
    fn new(model: &'a Model, table: &'a Table) -> Result<Self, NoStrategy> {
        let suggested = suggest(table, &model.types);
        let mut own = Self { model, table, suggested, given: Vec::new() };
        for (at, column) in table.columns.iter().enumerate() {
            let refers = table.foreign_keys.iter().any(|key| key.columns.contains(&column.name));
            if column.is_generated || column.identity.is_some() || column.sequence.is_some() {
                continue;
            }
            if refers || own.cells(column).is_some() {
                own.given.push(at);
            } else if column.not_null && column.default.is_none() {
                return Err(NoStrategy::NoValue { column: table.name.column(&column.name) });
            }
        }
        Ok(own)
    }

    fn takes_null(&self, column: &Column) -> bool {
        !column.not_null && !refuses_null(&self.model.types, column.type_oid)
    }

    /// What one column may have, the simplest first.
    fn cells(&self, column: &Column) -> Option<BoxedStrategy<Cell>> {
        let values = types::values(&self.model.types, column.type_oid, column.modifier)?;
        let some = |texts: Vec<String>| select(texts).prop_map(Some).boxed();
        let suggested = self.suggested.get(&column.name).cloned().unwrap_or_default();
        let lists = [(4, values.plain), (3, suggested), (2, values.boundary)];
        let lists = lists.into_iter().filter(|(_, texts)| !texts.is_empty());
        let mut choices: Vec<(u32, BoxedStrategy<Cell>)> =
            lists.map(|(weight, texts)| (weight, some(texts))).collect();
        choices.push((3, values.any.prop_map(Some).boxed()));
        if self.takes_null(column) {
            choices.push((1, Just(None).boxed()));
        }
        Some(Union::new_weighted(choices).boxed())
    }

    /// The keys that foreign keys may have, of those whose columns are given.
    async fn parents(&self, loader: &mut Loader) -> Result<Parents, NoStrategy> {
        let mut parents = BTreeMap::new();
        for (nth, key) in self.table.foreign_keys.iter().enumerate() {
            let mut found = BTreeSet::new();
            for holder in holders(&self.model.tables, key.parent) {
                let Some(holder) = self.model.tables.get(holder) else { continue };
                let asked = [whole_table(holder, &key.parent_columns)];
                for held in loader.rows(&asked).await?.0.into_values() {
                    found.extend(held.rows.into_iter().filter_map(whole));
                }
            }
            if found.is_empty() && !self.is_optional(key) {
                let parent = self.model.tables.iter().find(|it| it.oid == key.parent);
                let parent = parent.map_or_else(|| "a table".to_owned(), |it| it.name.sql());
                return Err(NoStrategy::NoParent { table: self.table.name.sql(), parent });
            }
            parents.insert(nth, found.into_iter().collect());
        }
        Ok(parents)
    }

    fn is_optional(&self, key: &ForeignKey) -> bool {
        let mut columns = key.columns.iter().filter_map(|name| self.table.column(name));
        let takes_null = |column: &Column| self.takes_null(column);
        if key.match_full { columns.all(takes_null) } else { columns.any(takes_null) }
    }

    /// The given columns in sets that nothing connects.
    fn groups(&self) -> Vec<Group> {
        let is_given = |at: &usize| self.given.contains(at);
        let given = |names: &[String]| -> BTreeSet<usize> {
            places(self.table, names).into_iter().filter(is_given).collect()
        };
        let keys = self.table.foreign_keys.iter().enumerate().map(|(nth, key)| Group {
            columns: given(&key.columns),
            foreign_keys: vec![nth],
            predicates: Vec::new(),
        });
        let checks = tied(self.table, &self.model.types).into_iter().filter_map(|set| {
            let columns = given(&set.columns);
            // What the server fills in can't be asked before it does.
            let is_known = columns.len() == set.columns.len();
            is_known.then(|| Group { columns, predicates: set.predicates, ..Group::default() })
        });
        let alone = self.given.iter().map(|at| Group { columns: [*at].into(), ..Group::default() });
        let mut groups: Vec<Group> = Vec::new();
        for mut group in keys.chain(checks).chain(alone).filter(|group| !group.columns.is_empty()) {
            let (joined, apart): (Vec<_>, Vec<_>) =
                groups.into_iter().partition(|other| !other.columns.is_disjoint(&group.columns));
            groups = apart;
            for other in joined {
                group.columns.extend(other.columns);
                group.foreign_keys.extend(other.foreign_keys);
                group.predicates.extend(other.predicates);
            }
            group.foreign_keys.sort_unstable();
            groups.push(group);
        }
        groups.sort_by_key(|group| group.columns.first().copied());
        groups
    }

    /// What the columns of one group may have.
    async fn part(
        &self,
        loader: &mut Loader,
        group: &Group,
        parents: &Parents,
    ) -> Result<BoxedStrategy<Vec<(usize, Cell)>>, NoStrategy> {
        let columns: Vec<usize> = group.columns.iter().copied().collect();
        let places: Vec<usize> =
            columns.iter().filter_map(|at| self.given.iter().position(|it| it == at)).collect();
        let placed = move |cells: Vec<Cell>| places.iter().copied().zip(cells).collect::<Vec<_>>();
        let free = match (columns.as_slice(), group.foreign_keys.as_slice()) {
            ([column], []) => self.table.columns.get(*column).and_then(|it| self.cells(it)),
            _ => None,
        };
        if let (Some(free), true) = (&free, group.predicates.is_empty()) {
            return Ok(free.clone().prop_map(move |cell| placed(vec![cell])).boxed());
        }
        let candidates = match &free {
            Some(free) => self.alone(free, &columns),
            None => self.together(group, parents, &columns),
        };
        let good = self.agreed(loader, &columns, candidates, &group.predicates).await?;
        if good.is_empty() {
            let names = columns.iter().filter_map(|at| self.table.columns.get(*at));
            let names: Vec<String> =
                names.map(|column| self.table.name.column(&column.name)).collect();
            return Err(NoStrategy::Refused { columns: names.join(", ") });
        }
        Ok(select(good).prop_map(placed).boxed())
    }

    /// Candidates for one column that a constraint is about.
    fn alone(&self, free: &BoxedStrategy<Cell>, columns: &[usize]) -> Vec<Vec<Cell>> {
        let Some(column) = columns.first().and_then(|at| self.table.columns.get(*at)) else {
            return Vec::new();
        };
        let values = types::values(&self.model.types, column.type_oid, column.modifier);
        let (plain, edges) = values.map(|it| (it.plain, it.boundary)).unwrap_or_default();
        let suggested = self.suggested.get(&column.name).cloned().unwrap_or_default();
        let known = plain.into_iter().chain(suggested).chain(edges).map(Some);
        let mut runner = runner(Recipe::default(), self.table, column);
        let drawn = (0..ALONE).filter_map(|_| drawn(free, &mut runner));
        distinct(known.chain(drawn).map(|cell| vec![cell]))
    }

    /// Candidates for columns that constraints or foreign keys connect.
    fn together(&self, group: &Group, parents: &Parents, columns: &[usize]) -> Vec<Vec<Cell>> {
        let of = |at: &usize| self.table.columns.get(*at);
        let Some(first) = columns.first().and_then(of) else { return Vec::new() };
        let mut runner = runner(Recipe::default(), self.table, first);
        let free: Vec<Option<BoxedStrategy<Cell>>> =
            columns.iter().map(|at| of(at).and_then(|column| self.cells(column))).collect();
        let mut candidates = Vec::new();
        let most = group.foreign_keys.iter().filter_map(|nth| parents.get(nth)).map(Vec::len);
        let count = TOGETHER.max(most.max().unwrap_or(0).min(TOGETHER * 4) * 2);
        for turn in 0..count {
            let mut row: Vec<Cell> = vec![None; self.table.columns.len()];
            for (at, free) in columns.iter().zip(&free) {
                let cell = free.as_ref().and_then(|free| drawn(free, &mut runner));
                if let Some(slot) = row.get_mut(*at) {
                    *slot = cell.flatten();
                }
            }
            if self.refer(&mut row, group, parents, turn) {
                candidates.push(part(&row, columns));
            }
        }
        distinct(candidates.into_iter())
    }

    /// Fills in the foreign keys of a group; gives whether they go together.
    fn refer(&self, row: &mut [Cell], group: &Group, parents: &Parents, turn: usize) -> bool {
        let mut fixed = BTreeSet::new();
        for nth in &group.foreign_keys {
            let Some(key) = self.table.foreign_keys.get(*nth) else { continue };
            let places = places(self.table, &key.columns);
            let keys = parents.get(nth).map(Vec::as_slice).unwrap_or_default();
            let fits = |key: &&Vec<String>| {
                places.iter().zip(key.iter()).all(|(place, value)| {
                    let is_same = row.get(*place).is_some_and(|it| it.as_ref() == Some(value));
                    !fixed.contains(place) || is_same
                })
            };
            let fitting: Vec<&Vec<String>> = keys.iter().filter(fits).collect();
            let is_null = self.is_optional(key) && (turn % 8 == 7 || fitting.is_empty());
            let parent = fitting.get(turn % fitting.len().max(1)).filter(|_| !is_null);
            if parent.is_none() && !is_null {
                return false;
            }
            let places = places.into_iter().enumerate();
            for (nth, place) in
                places.filter(|(_, place)| !fixed.contains(place)).collect::<Vec<_>>()
            {
                let takes_null =
                    self.table.columns.get(place).is_some_and(|it| self.takes_null(it));
                if let Some(slot) = row.get_mut(place)
                    && (parent.is_some() || takes_null)
                {
                    *slot = parent.and_then(|parent| parent.get(nth).cloned());
                }
                fixed.insert(place);
            }
        }
        true
    }

    /// Those of the candidates that the server agrees to.
    async fn agreed(
        &self,
        loader: &mut Loader,
        columns: &[usize],
        candidates: Vec<Vec<Cell>>,
        predicates: &[String],
    ) -> Result<Vec<Vec<Cell>>, NoStrategy> {
        if predicates.is_empty() {
            return Ok(candidates);
        }
        let mut good = Vec::new();
        let mut open = vec![candidates];
        while let Some(next) = open.pop().filter(|next| !next.is_empty()) {
            let mut batch = Batch::default();
            batch.say("SAVEPOINT stairway_filter");
            let asked = batch.say(&ask(self.model, self.table, columns, &next, predicates));
            batch.say("RELEASE stairway_filter");
            match loader.send(&batch).await {
                Ok(mut answers) => {
                    let rows = answers.take(asked).into_iter();
                    let nth = rows.filter_map(|row| row.first()?.as_ref()?.parse::<usize>().ok());
                    let nth: BTreeSet<usize> = nth.collect();
                    good.extend(nth.into_iter().filter_map(|at| next.get(at).cloned()));
                }
                Err(DataError::Postgres(PostgresError::Sql(_))) => {
                    loader.later("ROLLBACK TO stairway_filter");
                    // One of them fails the whole question.
                    if next.len() > 1 {
                        let (one, other) = next.split_at(next.len() / 2);
                        open.extend([other.to_vec(), one.to_vec()]);
                    }
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok(good)
    }

    /// The keys, with what is there already.
    async fn keys(&self, loader: &mut Loader) -> Result<Vec<Key>, NoStrategy> {
        let mut keys = Vec::new();
        for unique in &self.table.uniques {
            let own = places(self.table, &unique.columns).into_iter();
            let own: Vec<usize> =
                own.filter_map(|at| self.given.iter().position(|it| *it == at)).collect();
            let is_plain = unique.predicate.is_none() && !unique.has_expression;
            if !is_plain || own.len() != unique.columns.len() {
                continue;
            }
            let asked = [whole_table(self.table, &unique.columns)];
            let held = loader.rows(&asked).await?.0.into_values();
            let taken = held.flat_map(|held| held.rows).collect();
            keys.push(Key { places: own, with_nulls: unique.nulls_not_distinct, taken });
        }
        Ok(keys)
    }
}

/// All rows of a table, in these columns.
fn whole_table(table: &Table, columns: &[String]) -> ToRead {
    let (name, columns) = (table.name.clone(), columns.to_vec());
    ToRead { name, columns, key: Vec::new(), reach: Reach::All }
}

/// A key without NULLs.
fn whole(row: Vec<Cell>) -> Option<Vec<String>> {
    row.into_iter().collect()
}

fn drawn(strategy: &BoxedStrategy<Cell>, runner: &mut TestRunner) -> Option<Cell> {
    strategy.new_tree(runner).ok().map(|tree| tree.current())
}

fn distinct(all: impl Iterator<Item = Vec<Cell>>) -> Vec<Vec<Cell>> {
    let mut seen = BTreeSet::new();
    all.filter(|cells| seen.insert(cells.clone())).collect()
}
