//! Tables whose rows come of the triggers of other tables.
//!
//! Knows a session with an open transaction. Must not know what triggers do beside inserting.

use super::DataError;
use super::fill::Fill;
use super::model::Table;
use super::order::Unit;
use crate::postgres::{Batch, quote_ident};

impl Fill<'_> {
    /// The units without tables that are kept in step by triggers of others and have rows of them:
    /// rows that nothing else knows of would be no state that such a table is ever in.
    pub(super) async fn without_copies(
        &mut self,
        level: Vec<Unit>,
    ) -> Result<Vec<Unit>, DataError> {
        let is_written = |at: &usize| self.written.iter().any(|targets| targets.contains(at));
        let is_copy = |at: &usize| {
            let is_bare = self.held.get(at).is_none_or(Vec::is_empty);
            is_bare && is_written(at) && self.model.tables.get(*at).is_some_and(is_kept_by_others)
        };
        let copies: Vec<usize> = level.iter().flatten().copied().filter(is_copy).collect();
        if copies.is_empty() {
            return Ok(level);
        }
        self.look_again(&copies).await?;
        let is_full = |at: &usize| {
            copies.contains(at) && self.held.get(at).is_some_and(|rows| !rows.is_empty())
        };
        let (left, level): (Vec<Unit>, Vec<Unit>) =
            level.into_iter().partition(|unit| unit.iter().all(is_full));
        let left = left.iter().flatten().filter_map(|at| self.model.tables.get(*at));
        self.filled.copies.extend(left.map(|table| table.name.clone()));
        Ok(level)
    }

    /// What triggers of other tables put into those that took nothing.
    pub(super) async fn look_again(&mut self, filled: &[usize]) -> Result<(), DataError> {
        let is_bare = |at: &usize| self.held.get(at).is_none_or(Vec::is_empty);
        let bare: Vec<usize> = filled.iter().copied().filter(is_bare).collect();
        if bare.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::default();
        let mut asked = Vec::new();
        for at in bare {
            let Some(table) = self.model.tables.get(at) else { continue };
            let names: Vec<_> = table.columns.iter().map(|it| quote_ident(&it.name)).collect();
            let select = format!("SELECT {} FROM ONLY {}", names.join(", "), table.name.sql());
            asked.push((at, batch.say(&select)));
        }
        let mut answers = self.wire.send(&batch).await?;
        for (at, asked) in asked {
            let rows = answers.take(asked);
            if !rows.is_empty() {
                self.held.insert(at, rows);
                self.has_rows(at);
            }
        }
        Ok(())
    }

    /// It is not without rows after all.
    pub(super) fn has_rows(&mut self, at: usize) {
        let Some(table) = self.model.tables.get(at) else { return };
        self.filled.unfilled.retain(|it| it.table != table.name);
    }
}

/// Whether its key is given by whoever inserts, and refers to nothing.
fn is_kept_by_others(table: &Table) -> bool {
    let draws = |name: &String| {
        table.column(name).is_none_or(|it| it.default.is_some() || it.identity.is_some())
    };
    let key = table.uniques.iter().find(|unique| unique.is_primary || unique.columns.len() == 1);
    table.foreign_keys.is_empty() && key.is_some_and(|key| !key.columns.iter().any(draws))
}
