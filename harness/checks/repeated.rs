//! `data-loss` after the second upgrade: of the rows of before it must leave what the first one left.
//!
//! Both differ only where the downgrade did not give back what was there, which is claimed then. Rows
//! that upgrades add and columns that they make are their own: only rows of before are compared, in
//! their columns.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::{Cell, Difference, TableRows, compare};
use crate::steps::Way;

use super::data_loss::{Place, changed, gone};
use super::{Class, Suspicion, Tested};

const HELP: &str = "write the upgrade so that it does nothing to what it has done already: the downgrade \
                    leaves it there";

pub(super) fn suspect(tested: &Tested<'_>) -> Vec<Suspicion> {
    let (Some(first), Some(second)) = (&tested.tried.upgraded, &tested.tried.reupgraded) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (name, difference) in compare(first, second) {
        let (Some(before), Some(first), Some(second)) =
            (tested.before.0.get(&name), first.0.get(&name), second.0.get(&name))
        else {
            continue;
        };
        let old = Old::of(before, first);
        let difference = old.part(&difference, first);
        let place = Place { name: &name, before: first, after: second, way: Way::Again };
        let suspicions = gone(tested, &place, &difference).into_iter();
        for mut suspicion in suspicions.chain(changed(tested, &place, &difference)) {
            for (_, at) in &mut suspicion.hint {
                *at = old.places.get(at).copied().unwrap_or(usize::MAX);
            }
            suspicion.finding = suspicion.finding.help(HELP);
            suspicion.finding.is_of_second = true;
            suspicion.class = Class::Again(Box::new(suspicion.class));
            found.push(suspicion);
        }
    }
    found
}

/// The rows of before among those after the first upgrade.
struct Old<'a> {
    /// For the place of each after the upgrade its place before.
    places: BTreeMap<usize, usize>,
    columns: BTreeSet<&'a str>,
}

impl<'a> Old<'a> {
    fn of(before: &'a TableRows, first: &TableRows) -> Self {
        let key: Option<Vec<(usize, usize)>> = before
            .key
            .iter()
            .map(|at| {
                let name = before.columns.get(*at)?;
                Some((*at, first.columns.iter().position(|it| it == name)?))
            })
            .collect();
        let key = key.unwrap_or_default();
        let mut known: BTreeMap<Vec<Option<&Cell>>, usize> = BTreeMap::new();
        for (at, row) in before.rows.iter().enumerate().filter(|_| !key.is_empty()) {
            known.insert(key.iter().map(|(old, _)| row.get(*old)).collect(), at);
        }
        let place = |(at, row): (usize, &Vec<Cell>)| {
            let own: Vec<Option<&Cell>> = key.iter().map(|(_, new)| row.get(*new)).collect();
            Some((at, *known.get(&own)?))
        };
        let places = first.rows.iter().enumerate().filter_map(place).collect();
        Self { places, columns: before.columns.iter().map(String::as_str).collect() }
    }

    /// What became of them, in the columns of before.
    fn part(&self, difference: &Difference, first: &TableRows) -> Difference {
        let is_old = |at: &usize| self.places.contains_key(at) && *at < first.rows.len();
        let mut part = Difference {
            lost: difference.lost.iter().copied().filter(is_old).collect(),
            ..Difference::default()
        };
        for row in difference.changed.iter().filter(|row| is_old(&row.before)) {
            let mut row = row.clone();
            row.columns.retain(|column| self.columns.contains(column.as_str()));
            if !row.columns.is_empty() {
                part.changed.push(row);
            }
        }
        part
    }
}
