//! In which order tables are filled: those that others refer to come first, and those that refer to
//! each other come together.
//!
//! Knows foreign keys between tables, and which tables triggers insert into. Must not know rows.

use std::collections::BTreeMap;

use super::constraints::inserts_into;
use super::model::{Table, TableKind};

/// Tables that are filled at once, by their places: one, or several that refer to each other.
pub(super) type Unit = Vec<usize>;

/// Units level by level: what a level refers to is in the levels before it.
pub(super) fn levels(tables: &[Table]) -> Vec<Vec<Unit>> {
    let mut edges = edges(tables);
    after_triggers(&mut edges, &written(tables));
    let units = components(&edges);
    let mut unit_of = vec![0; tables.len()];
    for (at, unit) in units.iter().enumerate() {
        for table in unit {
            if let Some(slot) = unit_of.get_mut(*table) {
                *slot = at;
            }
        }
    }
    // A component comes after all that it refers to.
    let mut level: Vec<usize> = Vec::new();
    let mut levels: Vec<Vec<Unit>> = Vec::new();
    for (at, unit) in units.into_iter().enumerate() {
        let parents = unit.iter().filter_map(|table| edges.get(*table)).flatten();
        let parents = parents.filter_map(|table| unit_of.get(*table)).filter(|of| **of != at);
        let own = parents.filter_map(|of| level.get(*of)).map(|it| it + 1).max().unwrap_or(0);
        level.push(own);
        if levels.len() <= own {
            levels.resize(own + 1, Vec::new());
        }
        if let Some(units) = levels.get_mut(own) {
            units.push(unit);
        }
    }
    levels
}

/// The tables in which the rows of `oid` are, by place: itself, or its partitions.
pub fn holders(tables: &[Table], oid: u32) -> Vec<usize> {
    let mut found = Vec::new();
    let mut open = vec![oid];
    while let Some(oid) = open.pop() {
        for (at, table) in tables.iter().enumerate() {
            if table.oid == oid && table.kind == TableKind::Plain {
                found.push(at);
            }
            if table.partition.is_some() && table.parents.contains(&oid) {
                open.push(table.oid);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// For each table the tables that it refers to, without itself.
fn edges(tables: &[Table]) -> Vec<Vec<usize>> {
    let mut held: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    tables
        .iter()
        .enumerate()
        .map(|(at, table)| {
            let mut to = Vec::new();
            for key in &table.foreign_keys {
                let holders = held.entry(key.parent).or_insert_with(|| holders(tables, key.parent));
                to.extend(holders.iter().copied().filter(|other| *other != at));
            }
            to.sort_unstable();
            to.dedup();
            to
        })
        .collect()
}

/// For each table those that its triggers insert into, without itself.
pub(super) fn written(tables: &[Table]) -> Vec<Vec<usize>> {
    let of = |(at, table): (usize, &Table)| {
        let found = table.inserting.iter().flat_map(|body| inserts_into(body, tables));
        found.filter(|other| *other != at).collect()
    };
    tables.iter().enumerate().map(of).collect()
}

/// A table that triggers insert into comes after those that they belong to, so that it holds what
/// they put there; but not where it would be referred to itself.
fn after_triggers(edges: &mut [Vec<usize>], written: &[Vec<usize>]) {
    for (source, targets) in written.iter().enumerate() {
        for target in targets {
            if !reaches(edges, source, *target)
                && let Some(to) = edges.get_mut(*target)
            {
                to.push(source);
                to.sort_unstable();
                to.dedup();
            }
        }
    }
}

fn reaches(edges: &[Vec<usize>], from: usize, to: usize) -> bool {
    let mut seen = vec![false; edges.len()];
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if let Some(seen) = seen.get_mut(at).filter(|seen| !**seen) {
            *seen = true;
            open.extend(edges.get(at).into_iter().flatten());
        }
    }
    false
}

/// Strongly connected components, each after those that it points at (Tarjan), without recursion.
fn components(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let count = edges.len();
    let mut state = Search {
        index: vec![None; count],
        low: vec![0; count],
        on: vec![false; count],
        ..Search::default()
    };
    for root in 0..count {
        if state.index.get(root).is_some_and(Option::is_none) {
            state.visit(root, edges);
        }
    }
    state.found
}

#[derive(Default)]
struct Search {
    index: Vec<Option<usize>>,
    low: Vec<usize>,
    on: Vec<bool>,
    stack: Vec<usize>,
    next: usize,
    found: Vec<Vec<usize>>,
}

impl Search {
    fn visit(&mut self, root: usize, edges: &[Vec<usize>]) {
        let mut path = vec![(root, 0)];
        self.open(root);
        while let Some((node, edge)) = path.pop() {
            if let Some(to) = edges.get(node).and_then(|to| to.get(edge)).copied() {
                path.push((node, edge + 1));
                match self.index.get(to).copied().flatten() {
                    None => {
                        self.open(to);
                        path.push((to, 0));
                    }
                    Some(index) if self.on.get(to).copied().unwrap_or_default() => {
                        self.lower(node, index);
                    }
                    Some(_) => {}
                }
            } else {
                if let Some((parent, _)) = path.last() {
                    let low = self.low.get(node).copied().unwrap_or_default();
                    self.lower(*parent, low);
                }
                self.close(node);
            }
        }
    }

    fn open(&mut self, node: usize) {
        if let (Some(index), Some(low), Some(on)) =
            (self.index.get_mut(node), self.low.get_mut(node), self.on.get_mut(node))
        {
            (*index, *low, *on) = (Some(self.next), self.next, true);
        }
        self.next += 1;
        self.stack.push(node);
    }

    fn lower(&mut self, node: usize, to: usize) {
        if let Some(low) = self.low.get_mut(node) {
            *low = (*low).min(to);
        }
    }

    fn close(&mut self, node: usize) {
        if self.index.get(node).copied().flatten() != self.low.get(node).copied() {
            return;
        }
        let mut component = Vec::new();
        while let Some(top) = self.stack.pop() {
            if let Some(on) = self.on.get_mut(top) {
                *on = false;
            }
            component.push(top);
            if top == node {
                break;
            }
        }
        component.sort_unstable();
        self.found.push(component);
    }
}

#[cfg(test)]
mod tests {
    use super::{after_triggers, components};

    #[test]
    fn what_triggers_insert_into_comes_after_them_but_makes_no_circle() {
        let mut edges = vec![vec![], vec![0], vec![]];
        after_triggers(&mut edges, &[vec![2], vec![0, 2], vec![]]);
        assert_eq!(edges, [vec![], vec![0], vec![0, 1]]);
    }

    #[test]
    fn what_is_referred_to_comes_first_and_circles_stay_together() {
        let edges = vec![vec![1], vec![2, 3], vec![1], vec![], vec![0]];
        assert_eq!(components(&edges), [vec![3], vec![1, 2], vec![0], vec![4]]);
    }
}
