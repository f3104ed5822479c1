//! A second round for tables that took no row and columns that have no value or no NULL: what ties
//! columns is asked of the server, and what triggers say is read.
//!
//! Knows a wire with an open transaction. Must not know how such rows are thought up.

use std::collections::BTreeMap;

use super::DataError;
use super::compose::{Planned, part, places};
use super::constraints::{look_ups, of_trigger, suggest, tied};
use super::fill::Fill;
use super::lacking::{Attempt, Bond, Lack, Larder, Set, bond, combined, lacks};
use super::model::{Table, TableKind};
use super::order::holders;
use super::pool::Effort;
use super::question::ask;
use super::rows::Cell;
use crate::postgres::{Batch, PostgresError};

/// How many values of a column are tried.
const VALUES: usize = 12;
/// How many keys of a parent.
const KEYS: usize = 4;
/// How many rows that a trigger may look up.
const LOOKED_UP: usize = 6;
/// As many rows are enough for a table that had none.
const ENOUGH: usize = 4;

impl Fill<'_> {
    /// Looks once more at tables that lack something.
    pub(super) async fn complete(&mut self, filled: &[usize]) -> Result<(), DataError> {
        if self.recipe.effort == Effort::Once {
            return Ok(());
        }
        self.look_again(filled).await?;
        let mut lacking = Vec::new();
        for at in filled {
            let Some(table) = self.model.tables.get(*at) else { continue };
            let held = self.held.get(at).map(Vec::as_slice).unwrap_or_default();
            let mut lacks = lacks(table, &self.model.types, held);
            if self.recipe.effort == Effort::Tables && !held.is_empty() {
                lacks.retain(|lack| {
                    table.columns.get(lack.place).is_some_and(|it| self.is_spoken_of(table, it))
                });
            }
            if !lacks.is_empty() && table.kind == TableKind::Plain {
                lacking.push((*at, lacks));
            }
        }
        let bodies = self.bodies(&lacking).await?;
        for (at, lacks) in lacking {
            let Some(table) = self.model.tables.get(at) else { continue };
            let none = Vec::new();
            let larder = self.larder(table, bodies.get(&table.oid).unwrap_or(&none)).await?;
            self.give(at, &larder, &lacks).await?;
        }
        Ok(())
    }

    /// The bodies of the triggers that look at inserted rows, by table.
    async fn bodies(
        &mut self,
        lacking: &[(usize, Vec<Lack>)],
    ) -> Result<BTreeMap<u32, Vec<String>>, DataError> {
        let tables = lacking.iter().filter_map(|(at, _)| self.model.tables.get(*at));
        let oids: Vec<String> = tables.map(|table| table.oid.to_string()).collect();
        let mut bodies: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        if oids.is_empty() {
            return Ok(bodies);
        }
        let ask = format!(
            "SELECT t.tgrelid, p.prosrc FROM pg_catalog.pg_trigger t \
             JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid \
             WHERE t.tgrelid IN ({}) AND NOT t.tgisinternal AND t.tgtype & 4 <> 0 \
             AND t.tgenabled <> 'D' ORDER BY t.tgrelid, t.tgname",
            oids.join(", ")
        );
        let mut batch = Batch::default();
        let asked = batch.say(&ask);
        for row in self.wire.send(&batch).await?.take(asked) {
            let mut cells = row.into_iter().flatten();
            if let (Some(oid), Some(body)) = (cells.next(), cells.next())
                && let Ok(oid) = oid.parse()
            {
                bodies.entry(oid).or_default().push(body);
            }
        }
        Ok(bodies)
    }

    async fn larder<'t>(
        &mut self,
        table: &'t Table,
        bodies: &[String],
    ) -> Result<Larder<'t>, DataError>
    where
        Self: 't,
    {
        let values = self.candidates(table, bodies);
        let mut bonds: Vec<Bond> = Vec::new();
        for key in &table.foreign_keys {
            let keys = self.keys(&holders(&self.model.tables, key.parent), &key.parent_columns);
            let rows = keys.into_iter().map(|key| key.into_iter().map(Some).collect()).collect();
            bonds.push(bond(table, key, rows));
        }
        for body in bodies {
            for found in look_ups(body, table, &self.model.tables) {
                let Some(other) = self.model.tables.get(found.table) else { continue };
                let (theirs, own): (Vec<_>, Vec<_>) = found.pairs.into_iter().unzip();
                let from = places(other, &theirs);
                let held = self.held.get(&found.table).into_iter().flatten();
                let rows = held.take(LOOKED_UP).map(|row| part(row, &from)).collect();
                bonds.push(Bond { places: places(table, &own), rows, is_loose: true });
            }
        }
        let mut sets = Vec::new();
        for set in tied(table, &self.model.types) {
            let places = places(table, &set.columns);
            let combined = combined(&lists(table, &places, &values, &bonds));
            let good = if combined.is_empty() {
                None
            } else {
                self.agreed(&ask(self.model, table, &places, &combined, &set.predicates)).await?
            };
            let is_asked = good.is_some();
            let good = good.unwrap_or_default().into_iter();
            let good = good.filter_map(|nth| combined.get(nth).cloned()).collect();
            sets.push(Set { places, good, is_asked });
        }
        let types = &self.model.types;
        Ok(Larder { table, types, values, sets, bonds })
    }

    /// What may be tried in each column.
    fn candidates(&mut self, table: &Table, bodies: &[String]) -> Vec<Vec<String>> {
        let types = &self.model.types;
        let mut suggested = suggest(table, types);
        for (name, texts) in bodies.iter().flat_map(|body| of_trigger(body, table, types)) {
            suggested.entry(name).or_default().extend(texts);
        }
        let mut all = Vec::new();
        for column in &table.columns {
            let mut texts = suggested.remove(&column.name).unwrap_or_default();
            texts.truncate(VALUES);
            if let Some(values) = self.shelf.values(types, column) {
                texts.extend(values.plain.iter().chain(values.boundary.iter().take(4)).cloned());
            }
            let mut seen = std::collections::HashSet::new();
            texts.retain(|text| seen.insert(text.clone()));
            all.push(texts);
        }
        all
    }

    /// The numbers that the server agrees to; `None` where it can't say.
    async fn agreed(&mut self, ask: &str) -> Result<Option<Vec<usize>>, DataError> {
        let mut batch = Batch::default();
        batch.say("SAVEPOINT stairway_filter");
        let asked = batch.say(ask);
        batch.say("RELEASE stairway_filter");
        let (mut answers, result) = self.wire.send_so_far(&batch).await;
        match result {
            Ok(()) => {
                let rows = answers.take(asked).into_iter();
                let nth = |row: Vec<Cell>| row.into_iter().next().flatten()?.parse().ok();
                Ok(Some(rows.filter_map(nth).collect()))
            }
            Err(DataError::Postgres(PostgresError::Sql(_))) => {
                self.wire.later("ROLLBACK TO stairway_filter");
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    async fn give(
        &mut self,
        at: usize,
        larder: &Larder<'_>,
        lacks: &[Lack],
    ) -> Result<(), DataError> {
        let mut nth = 0;
        let is_bare = |held: Option<&Vec<Vec<Cell>>>| held.is_none_or(Vec::is_empty);
        if is_bare(self.held.get(&at)) {
            let attempts = larder.attempts(None, &[], &mut nth);
            self.attempt(at, larder.table, attempts, ENOUGH).await?;
            if is_bare(self.held.get(&at)) {
                return Ok(());
            }
            self.has_rows(at);
        }
        for lack in lacks {
            let held = self.held.get(&at).cloned().unwrap_or_default();
            if lack.is_met_by(&held) {
                continue;
            }
            if larder.is_never(*lack) {
                self.never(larder.table, *lack);
                continue;
            }
            let attempts = larder.attempts(Some(*lack), &held, &mut nth);
            self.attempt(at, larder.table, attempts, 1).await?;
        }
        Ok(())
    }

    fn never(&mut self, table: &Table, lack: Lack) {
        if let (Some(column), true) = (table.columns.get(lack.place), lack.is_null) {
            self.filled.never_null.push((table.name.clone(), column.name.clone()));
        }
    }

    /// Inserts row by row until so many are taken.
    async fn attempt(
        &mut self,
        at: usize,
        table: &Table,
        attempts: Vec<Attempt>,
        enough: usize,
    ) -> Result<(), DataError> {
        let mut taken = 0;
        for attempt in attempts {
            let left = |place: &usize| attempt.left.contains(place);
            let is_given = |place: &usize| {
                table.columns.get(*place).is_some_and(|column| !column.is_generated) && !left(place)
            };
            let columns = (0..table.columns.len()).filter(is_given).collect();
            let planned = Planned { columns, wanted: 1, rows: vec![attempt.row] };
            let (rows, _) = self.each(table, &[planned]).await?;
            taken += rows.len();
            self.filled.given += rows.len();
            self.held.entry(at).or_default().extend(rows);
            if taken >= enough {
                break;
            }
        }
        Ok(())
    }
}

/// What each of these columns is tried with.
fn lists(
    table: &Table,
    places: &[usize],
    values: &[Vec<String>],
    bonds: &[Bond],
) -> Vec<Vec<Cell>> {
    let list = |place: &usize| {
        let column = table.columns.get(*place);
        let null = column.is_some_and(|it| !it.not_null).then_some(None);
        let bound = bonds.iter().find_map(|bond| {
            let at = bond.places.iter().position(|it| it == place)?;
            Some(bond.rows.iter().filter_map(move |row| row.get(at).cloned().flatten()))
        });
        let mut texts: Vec<String> = Vec::new();
        for text in bound.into_iter().flatten() {
            if texts.len() < KEYS && !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts.extend(values.get(*place).into_iter().flatten().cloned());
        null.into_iter().chain(texts.into_iter().map(Some)).collect()
    };
    places.iter().map(list).collect()
}
