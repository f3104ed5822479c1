//! Which rows point at which.
//!
//! Knows links and sets of rows. Must not know what the rows are searched for.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::data::rows::Cell;

use super::case::{Case, CaseTable, Link};

/// The rows of a case, numbered, with their parents and children. A number holds for that case
/// only.
#[derive(Debug)]
pub(super) struct Graph {
    /// Table and row by number, in order.
    places: Vec<(usize, usize)>,
    parents: Vec<Vec<usize>>,
    children: Vec<Vec<usize>>,
    /// All rows, parents first wherever links make no circle.
    pub(super) order: Vec<usize>,
}

impl Graph {
    pub(super) fn new(case: &Case) -> Self {
        let rows = |(at, table): (usize, &CaseTable)| (0..table.rows.len()).map(move |r| (at, r));
        let places: Vec<_> = case.tables.iter().enumerate().flat_map(rows).collect();
        let empty = vec![Vec::new(); places.len()];
        let mut graph = Self { parents: empty.clone(), children: empty, places, order: Vec::new() };
        for link in &case.links {
            graph.add(case, link);
        }
        graph.order = graph.sorted(case);
        graph
    }

    fn add(&mut self, case: &Case, link: &Link) {
        let (Some(child), Some(parent)) =
            (case.tables.get(link.child), case.tables.get(link.parent))
        else {
            return;
        };
        let mut targets: HashMap<Vec<&str>, Vec<usize>> = HashMap::new();
        for (number, row) in parent.rows.iter().enumerate() {
            if let Some(values) = tuple(row, &link.parent_columns) {
                targets.entry(values).or_default().extend(self.number((link.parent, number)));
            }
        }
        for (number, row) in child.rows.iter().enumerate() {
            let values = tuple(row, &link.child_columns);
            let found = values.and_then(|values| targets.get(&values));
            let Some(own) = self.number((link.child, number)) else { continue };
            for parent in found.into_iter().flatten() {
                self.parents.get_mut(own).into_iter().for_each(|it| it.push(*parent));
                self.children.get_mut(*parent).into_iter().for_each(|it| it.push(own));
            }
        }
    }

    /// Tables are kept together, so that a part from the front leaves out whole tables.
    fn sorted(&self, case: &Case) -> Vec<usize> {
        let above = |table: usize| {
            let own = case.links.iter().filter(move |link| link.child == table);
            own.map(|link| link.parent).collect()
        };
        let tables = parents_first(0..case.tables.len(), above);
        let of_table = |table: usize| {
            let from = self.places.partition_point(|place| place.0 < table);
            from..self.places.partition_point(|place| place.0 <= table)
        };
        let rows = tables.into_iter().flat_map(of_table);
        parents_first(rows, |row| self.parents.get(row).cloned().unwrap_or_default())
    }

    /// The number of a row.
    pub(super) fn number(&self, place: (usize, usize)) -> Option<usize> {
        self.places.binary_search(&place).ok()
    }

    /// Rows with all that they point at.
    pub(super) fn with_parents(&self, rows: &BTreeSet<usize>) -> BTreeSet<usize> {
        reach(rows, &self.parents)
    }

    /// Rows with all that point at them.
    pub(super) fn with_children(&self, rows: &BTreeSet<usize>) -> BTreeSet<usize> {
        reach(rows, &self.children)
    }

    /// The case with these rows only.
    pub(super) fn part(&self, case: &Case, rows: &BTreeSet<usize>) -> Case {
        let keep: BTreeSet<_> = rows.iter().filter_map(|row| self.places.get(*row)).collect();
        let part = |(at, table): (usize, &CaseTable)| CaseTable {
            name: table.name.clone(),
            columns: table.columns.clone(),
            rows: kept(&table.rows, |row| keep.contains(&(at, row))),
        };
        let tables = case.tables.iter().enumerate().map(part).collect();
        Case { tables, links: case.links.clone() }
    }

    /// Where some rows are once only `all` are left, as table and row.
    pub(super) fn places_within(
        &self,
        all: &BTreeSet<usize>,
        rows: &BTreeSet<usize>,
    ) -> BTreeSet<(usize, usize)> {
        let mut counts: HashMap<usize, usize> = HashMap::new();
        let mut found = BTreeSet::new();
        for row in all {
            let Some((table, _)) = self.places.get(*row) else { continue };
            let count = counts.entry(*table).or_default();
            if rows.contains(row) {
                found.insert((*table, *count));
            }
            *count += 1;
        }
        found
    }
}

/// The case with these rows, given as table and row, and all that they point at.
pub fn closure(case: &Case, keep: &BTreeSet<(usize, usize)>) -> Case {
    let graph = Graph::new(case);
    let rows = keep.iter().filter_map(|place| graph.number(*place)).collect();
    graph.part(case, &graph.with_parents(&rows))
}

/// The case without these rows, given as table and row, and without all that points at them.
pub fn rest(case: &Case, gone: &BTreeSet<(usize, usize)>) -> Case {
    let graph = Graph::new(case);
    let rows = gone.iter().filter_map(|place| graph.number(*place)).collect();
    let gone = graph.with_children(&rows);
    let left = graph.order.iter().copied().filter(|row| !gone.contains(row)).collect();
    graph.part(case, &left)
}

fn kept(rows: &[Vec<Cell>], is_kept: impl Fn(usize) -> bool) -> Vec<Vec<Cell>> {
    let rows = rows.iter().enumerate().filter(|(number, _)| is_kept(*number));
    rows.map(|(_, row)| row.clone()).collect()
}

fn tuple<'a>(row: &'a [Cell], columns: &[usize]) -> Option<Vec<&'a str>> {
    columns.iter().map(|column| row.get(*column)?.as_deref()).collect()
}

fn reach(from: &BTreeSet<usize>, edges: &[Vec<usize>]) -> BTreeSet<usize> {
    let mut reached = from.clone();
    let mut open: Vec<usize> = from.iter().copied().collect();
    while let Some(row) = open.pop() {
        for next in edges.get(row).into_iter().flatten() {
            if reached.insert(*next) {
                open.push(*next);
            }
        }
    }
    reached
}

fn parents_first(
    all: impl IntoIterator<Item = usize>,
    parents: impl Fn(usize) -> Vec<usize>,
) -> Vec<usize> {
    let mut order = Vec::new();
    let mut seen = HashSet::new();
    for start in all {
        let mut open = vec![(start, false)];
        while let Some((node, is_left)) = open.pop() {
            if is_left {
                order.push(node);
            } else if seen.insert(node) {
                open.push((node, true));
                open.extend(parents(node).into_iter().map(|parent| (parent, false)));
            }
        }
    }
    order
}
