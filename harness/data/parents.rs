//! What the rows of a table may refer to.
//!
//! Knows the rows that tables hold so far. Must not know how rows are composed.

use std::collections::BTreeSet;

use super::compose::{part, places};
use super::fill::Fill;
use super::model::{Table, TableKind};
use super::order::holders;
use super::rows::Cell;

impl Fill<'_> {
    /// The keys that rows of `holders` have in these columns.
    pub(super) fn keys(&self, holders: &[usize], columns: &[String]) -> Vec<Vec<String>> {
        let mut keys = Vec::new();
        for holder in holders {
            let Some(table) = self.model.tables.get(*holder) else { continue };
            let places = places(table, columns);
            for row in self.held.get(holder).into_iter().flatten() {
                let key: Option<Vec<String>> = part(row, &places).into_iter().collect();
                keys.extend(key.filter(|key| key.len() == columns.len()));
            }
        }
        keys
    }

    fn has_key(&self, holders: &[usize], columns: &[String]) -> bool {
        holders.iter().any(|holder| {
            let Some(table) = self.model.tables.get(*holder) else { return false };
            let places = places(table, columns);
            let has =
                |row: &Vec<Cell>| places.iter().all(|at| row.get(*at).is_some_and(Option::is_some));
            places.len() == columns.len() && self.held.get(holder).into_iter().flatten().any(has)
        })
    }

    /// Why a table can't be given rows at all.
    pub(super) fn cannot(&self, table: &Table) -> Option<String> {
        if table.kind == TableKind::Foreign {
            return Some("it is a foreign table".to_owned());
        }
        for key in &table.foreign_keys {
            let must = |name: &String| table.column(name).is_some_and(|column| column.not_null);
            let holders = holders(&self.model.tables, key.parent);
            if key.columns.iter().all(must)
                && !self.has_key(&holders, &key.parent_columns)
                && !self.is_in_circle(table, &holders)
            {
                let parent = self.model.tables.iter().find(|it| it.oid == key.parent);
                let parent = parent.map_or_else(|| "a table".to_owned(), |it| it.name.sql());
                return Some(format!("it refers to {parent}, which has no rows"));
            }
        }
        None
    }

    fn is_in_circle(&self, table: &Table, others: &[usize]) -> bool {
        let mut open: Vec<usize> = others.to_vec();
        let mut seen = BTreeSet::new();
        while let Some(at) = open.pop() {
            let Some(other) = self.model.tables.get(at).filter(|_| seen.insert(at)) else {
                continue;
            };
            if other.oid == table.oid {
                return true;
            }
            for key in &other.foreign_keys {
                open.extend(holders(&self.model.tables, key.parent));
            }
        }
        false
    }
}
