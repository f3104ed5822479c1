//! Giving rows to tables: candidates are judged by the server with the constraints' own
//! expressions, inserted, and what the server turns away is looked at one by one.
//!
//! Knows a wire with an open transaction. Must not know why rows are wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::DataError;
use super::catalog::Model;
use super::compose::{Ingredients, Planned, apart, elsewhere, refer_within};
use super::constraints::{of_script, suggest, tied};
use super::insert::insert_into;
use super::large::{Large, large};
use super::model::{Column, Table, TableKind};
use super::order::{holders, levels, written};
use super::pool::{Asked, Recipe, Shelf, pool};
use super::question::Question;
use super::rows::{Cell, Name, Rows};
use super::sequences::{Tops, moved, raise};
use super::wire::Wire;
use crate::postgres::{Batch, PostgresError, SqlFailure};
use crate::sql;

/// A table that was given no rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfilled {
    /// Which.
    pub table: Name,
    /// Why, in the server's words where it has any.
    pub why: String,
    /// The SQLSTATE of the server's refusal, if it is one of what a row can be.
    pub sqlstate: Option<String>,
    /// The row that was refused first, by column, if one was.
    pub row: Vec<(String, Cell)>,
}

/// What filling came to.
#[derive(Clone, Debug, Default)]
pub struct Filled {
    /// The tables that stayed without generated rows.
    pub unfilled: Vec<Unfilled>,
    /// How many rows the tables took.
    pub given: usize,
    /// How many of them went in by COPY.
    pub copied: usize,
    /// The tables that were left to the triggers of others.
    pub copies: Vec<Name>,
    /// Those that large tables took.
    pub beside: Rows,
    /// Columns that no CHECK allows a NULL in, whatever the other columns hold, as far as was tried.
    pub never_null: Vec<(Name, String)>,
}

/// How many candidates for a row whose columns are tied by constraints.
const CANDIDATES: usize = 8;
/// How many more candidates than rows at most: values are tried with many rows already.
const SPARE: usize = 512;
/// How many rows go into one message, one by one.
const ONE_BY_ONE: usize = 64;
/// Questions that are longer are of rows in bulk: what is said of them is not kept. In bytes.
const KEPT: usize = 1 << 16;
/// After so many rows turned away in a row, and none taken, a table is given up.
const PATIENCE: usize = 24;

/// One filling of tables.
pub(super) struct Fill<'a> {
    pub(super) wire: &'a mut Wire,
    pub(super) shelf: &'a mut Shelf,
    pub(super) model: &'a Model,
    pub(super) recipe: Recipe,
    /// What the tables hold so far, by place.
    pub(super) held: BTreeMap<usize, Vec<Vec<Cell>>>,
    /// The large ones among them, by place.
    pub(super) large: BTreeMap<usize, Large>,
    /// For each table those that its triggers insert into.
    pub(super) written: Vec<Vec<usize>>,
    /// The row that was refused first of the table that is being filled.
    refused: Vec<(String, Cell)>,
    script: BTreeMap<(usize, String), Vec<String>>,
    words: BTreeSet<String>,
    has_star: bool,
    pub(super) filled: Filled,
}

impl<'a> Fill<'a> {
    /// `before` is what the tables hold already, `script` the text whose constants are worth trying.
    pub(super) fn new(
        wire: &'a mut Wire,
        shelf: &'a mut Shelf,
        model: &'a Model,
        recipe: Recipe,
        before: &Rows,
        script: &str,
    ) -> Self {
        let named = sql::names(script).into_iter().flat_map(|name| name.parts);
        let held = model.tables.iter().enumerate().filter_map(|(at, table)| {
            before.0.get(&table.name).map(|rows| (at, rows.rows.clone()))
        });
        Self {
            wire,
            shelf,
            model,
            recipe,
            held: held.collect(),
            large: large(model, before),
            written: written(&model.tables),
            refused: Vec::new(),
            script: of_script(script, &model.tables, &model.types),
            words: named.collect(),
            has_star: names_all_columns(script),
            filled: Filled::default(),
        }
    }

    pub(super) async fn run(mut self) -> Result<Filled, DataError> {
        for level in levels(&self.model.tables) {
            let mut plans: Vec<BTreeMap<usize, Planned>> = Vec::new();
            let level = self.without_copies(level).await?;
            for unit in level {
                if self.recipe.enough == usize::MAX {
                    plans.push(self.plan(&unit, &unit));
                } else {
                    // To see whether a table takes a row, what is there is enough to refer to.
                    let is_named = |at: &&usize| {
                        self.model.tables.get(**at).is_some_and(|table| table.is_named)
                    };
                    let named: Vec<usize> = unit.iter().filter(is_named).copied().collect();
                    plans.extend(named.iter().map(|at| self.plan(&[*at], &[])));
                }
            }
            self.judge(&mut plans).await?;
            for plan in plans.iter_mut().filter(|plan| plan.len() > 1) {
                // Rows that others referred to may be gone.
                let tables = &self.model.tables;
                refer_within(plan, tables, &|oid| holders(tables, oid));
            }
            let filled: Vec<usize> = plans.iter().flat_map(BTreeMap::keys).copied().collect();
            self.insert(plans).await?;
            self.complete(&filled).await?;
            // What triggers of the next tables draw must not be there already.
            let mut tops = Tops::new();
            for at in filled {
                if let (Some(table), Some(rows)) = (self.model.tables.get(at), self.held.get(&at)) {
                    raise(&mut tops, table, rows);
                    self.raise_large(&mut tops, at, table);
                }
            }
            self.wire.later(&moved(&tops));
        }
        self.filled.beside = self.beside();
        Ok(self.filled)
    }

    /// Composes the rows of one unit, more than are wanted where constraints tie columns. They refer
    /// to rows of `among` that are still to be, and to rows of other tables that are there.
    fn plan(&mut self, unit: &[usize], among: &[usize]) -> BTreeMap<usize, Planned> {
        let mut planned = BTreeMap::new();
        for at in unit {
            let Some(table) = self.model.tables.get(*at) else { continue };
            match self.cannot(table) {
                Some(why) => self.unfilled(table, why, None),
                None => {
                    planned.insert(*at, self.compose(table, among));
                }
            }
        }
        if !among.is_empty() {
            let tables = &self.model.tables;
            refer_within(&mut planned, tables, &|oid| holders(tables, oid));
        }
        planned
    }

    /// Whether the script speaks of a column, or of its type.
    pub(super) fn is_spoken_of(&self, table: &Table, column: &Column) -> bool {
        let own = self.model.types.get(column.type_oid).map(|it| it.name.as_str());
        table.is_named
            && (self.has_star
                || self.words.contains(&column.name)
                || own.is_some_and(|name| self.words.contains(name)))
    }

    fn compose(&mut self, table: &Table, unit: &[usize]) -> Planned {
        let at = self.model.tables.iter().position(|it| it.oid == table.oid).unwrap_or_default();
        let suggested = suggest(table, &self.model.types);
        let mut focus = BTreeSet::new();
        let mut pools = Vec::new();
        for (place, column) in table.columns.iter().enumerate() {
            let is_focus = self.is_spoken_of(table, column);
            if is_focus {
                focus.insert(place);
            }
            let none = Vec::new();
            let script = self.script.get(&(at, column.name.clone())).unwrap_or(&none);
            let constraints = suggested.get(&column.name).unwrap_or(&none);
            let asked = Asked { is_focus, script, constraints };
            let types = &self.model.types;
            pools.push(pool(self.shelf, types, table, column, asked, self.recipe));
        }
        let parents = table.foreign_keys.iter().map(|key| {
            let holders = holders(&self.model.tables, key.parent);
            if holders.iter().any(|holder| unit.contains(holder)) {
                return None;
            }
            Some(self.keys(&holders, &key.parent_columns))
        });
        let parents = parents.collect();
        let types = &self.model.types;
        let recipe = self.recipe;
        let held = self.held.get(&at).map(Vec::as_slice).unwrap_or_default();
        let large = self.large.get(&at);
        let ingredients = Ingredients { table, types, pools, focus, parents, held, large, recipe };
        let wanted = ingredients.count();
        let is_tied = !tied(table, types).is_empty();
        let spare = if is_tied { (wanted * (CANDIDATES - 1)).min(SPARE) } else { 0 };
        ingredients.compose(0, wanted + spare, wanted)
    }

    fn unfilled(&mut self, table: &Table, why: String, sqlstate: Option<String>) {
        if table.kind != TableKind::Partitioned {
            let row = std::mem::take(&mut self.refused);
            self.filled.unfilled.push(Unfilled { table: table.name.clone(), why, sqlstate, row });
        }
    }

    /// Has the server evaluate what ties columns, and keeps rows of values that it agrees to.
    async fn judge(&mut self, plans: &mut [BTreeMap<usize, Planned>]) -> Result<(), DataError> {
        let mut asked = Vec::new();
        for (nth, plan) in plans.iter().enumerate() {
            for (at, planned) in plan {
                let Some(table) = self.model.tables.get(*at) else { continue };
                for set in tied(table, &self.model.types) {
                    asked.push(Question::new((nth, *at), self.model, table, planned, set));
                }
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        // The same was asked for another migration more often than not.
        let mut open = Vec::new();
        for question in &mut asked {
            match self.shelf.agreed.get(&question.sql) {
                Some(rows) => question.take(rows),
                None => open.push(question),
            }
        }
        let mut next = 0;
        while let Some(rest) = open.get_mut(next..).filter(|rest| !rest.is_empty()) {
            let mut batch = Batch::default();
            batch.say("SAVEPOINT stairway_filter");
            for question in &*rest {
                batch.say(&question.sql);
            }
            batch.say("RELEASE stairway_filter");
            let (answers, result) = self.wire.send_so_far(&batch).await;
            let answered = answers.after(1);
            for (question, answer) in rest.iter_mut().zip(answered.by(1)) {
                let rows = answer.first().map(Vec::as_slice).unwrap_or_default();
                question.take(rows);
                if question.sql.len() < KEPT {
                    self.shelf.agreed.insert(question.sql.clone(), rows.to_vec());
                }
            }
            match result {
                Ok(()) => break,
                Err(DataError::Postgres(PostgresError::Sql(_))) => {
                    // An expression that itself fails says nothing: then rows are tried one by one.
                    self.wire.later("ROLLBACK TO stairway_filter");
                    next += answered.count() + 1;
                }
                Err(other) => return Err(other),
            }
        }
        for question in asked {
            let (plan, table) = question.of;
            if let Some(planned) = plans.get_mut(plan).and_then(|plan| plan.get_mut(&table)) {
                question.apply(planned);
            }
        }
        for planned in plans.iter_mut().flat_map(BTreeMap::values_mut) {
            planned.rows.truncate(planned.wanted);
        }
        Ok(())
    }

    async fn insert(&mut self, plans: Vec<BTreeMap<usize, Planned>>) -> Result<(), DataError> {
        let mut alone = Vec::new();
        for mut plan in plans {
            // What no row is left for would be no statement.
            let is_empty = |_: &usize, planned: &mut Planned| planned.rows.is_empty();
            for (at, _) in plan.extract_if(.., is_empty) {
                self.took(at, Vec::new(), 0, None);
            }
            match plan.len() {
                0 => {}
                1 => {
                    for (at, planned) in plan {
                        if self.is_for_copy(at, &planned) {
                            // What is there first stays, also where a partition is given rows twice.
                            self.insert_alone(std::mem::take(&mut alone)).await?;
                            if self.copied(at, &planned).await? {
                                continue;
                            }
                        }
                        alone.push((at, planned));
                    }
                }
                _ => self.insert_together(plan).await?,
            }
        }
        self.insert_alone(alone).await
    }

    /// Tables whose rows refer to no other of them, in this order.
    async fn insert_alone(&mut self, alone: Vec<(usize, Planned)>) -> Result<(), DataError> {
        let tables = &self.model.tables;
        let mut next = 0;
        while next < alone.len() {
            let rest = alone.get(next..).unwrap_or_default();
            let mut batch = Batch::default();
            for (at, planned) in rest {
                let Some(table) = tables.get(*at) else { continue };
                batch.say("SAVEPOINT stairway_fill");
                batch.say(&insert_into(table, &planned.columns, &planned.rows));
                batch.say("RELEASE stairway_fill");
            }
            let (answers, result) = self.wire.send_so_far(&batch).await;
            let whole = answers.count() / 3;
            for ((at, planned), answer) in rest.iter().zip(answers.by(3)) {
                let taken = answer.get(1).cloned().unwrap_or_default();
                self.took(*at, taken, planned.rows.len(), None);
            }
            match result {
                Ok(()) => return Ok(()),
                Err(DataError::Postgres(PostgresError::Sql(_))) => {
                    self.wire.later("ROLLBACK TO stairway_fill");
                    if let Some((at, planned)) = rest.get(whole) {
                        let (at, planned) = (*at, planned.clone());
                        self.one_by_one(at, &planned).await?;
                    }
                    next += whole + 1;
                }
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// Rows that refer to each other across tables go into one statement: foreign keys are checked
    /// at its end.
    async fn insert_together(&mut self, plan: BTreeMap<usize, Planned>) -> Result<(), DataError> {
        let tables = &self.model.tables;
        let mut insert = "WITH ".to_owned();
        for (nth, (at, planned)) in plan.iter().enumerate() {
            let Some(table) = tables.get(*at) else { continue };
            let separator = if nth == 0 { "" } else { ", " };
            let _ = write!(
                insert,
                "{separator}s{nth} AS ({})",
                insert_into(table, &planned.columns, &planned.rows)
            );
        }
        insert.push_str(" SELECT 1");
        let mut batch = Batch::default();
        batch.say_all(&["SAVEPOINT stairway_fill", "SET CONSTRAINTS ALL DEFERRED", &insert]);
        batch.say_all(&["SET CONSTRAINTS ALL IMMEDIATE", "RELEASE stairway_fill"]);
        match self.wire.send(&batch).await {
            Ok(_) => {
                for (at, planned) in plan {
                    let sent = planned.rows.len();
                    self.took(at, planned.rows, sent, None);
                }
                Ok(())
            }
            Err(DataError::Postgres(PostgresError::Sql(_))) => {
                self.wire.later("ROLLBACK TO stairway_fill");
                // Then at least those that need not refer to each other, and what refers to them.
                let members: Vec<usize> = plan.keys().copied().collect();
                let plan = plan.into_iter().map(|(at, planned)| {
                    let (planned, must) = apart(&self.model.tables, at, planned, &members);
                    (must, at, planned)
                });
                let mut plan: Vec<_> = plan.collect();
                plan.sort_by_key(|(must, at, _)| (*must, *at));
                for (_, at, planned) in plan {
                    self.one_by_one(at, &planned).await?;
                }
                Ok(())
            }
            Err(other) => Err(other),
        }
    }

    async fn one_by_one(&mut self, at: usize, planned: &Planned) -> Result<(), DataError> {
        let Some(table) = self.model.tables.get(at) else { return Ok(()) };
        self.refused.clear();
        let one = |row: &Vec<Cell>| Planned {
            columns: planned.columns.clone(),
            wanted: 1,
            rows: vec![row.clone()],
        };
        let rows: Vec<Planned> = planned.rows.iter().map(one).collect();
        let (mut taken, mut why) = self.each(table, &rows).await?;
        let is_own = |name: &String| table.uniques.iter().any(|unique| unique.name == *name);
        let collides =
            |why: &SqlFailure| why.sqlstate == "23505" && !why.object.as_ref().is_some_and(is_own);
        if taken.is_empty() && why.as_deref().is_some_and(collides) {
            // What a trigger puts into another table has keys that are taken there.
            let rows: Vec<Planned> = elsewhere(table, &self.model.types, planned).collect();
            let again = self.each(table, &rows).await?;
            (taken, why) = (again.0, again.1.or(why));
        }
        // A NULL that was given for want of a value says nothing of the table.
        let is_ours = |why: &SqlFailure| {
            let names = planned.columns.iter().filter_map(|place| table.columns.get(*place));
            why.sqlstate == "23502"
                && names.map(|it| Some(&it.name)).any(|it| it == why.object.as_ref())
        };
        let is_ours = why.as_deref().is_some_and(is_ours);
        self.took(at, taken, planned.rows.len(), why);
        if let Some(last) = self.filled.unfilled.last_mut().filter(|_| is_ours)
            && last.table == table.name
        {
            last.sqlstate = None;
        }
        Ok(())
    }

    /// Inserts one after the other: the rows that were taken, and the first refusal.
    pub(super) async fn each(
        &mut self,
        table: &Table,
        rows: &[Planned],
    ) -> Result<(Vec<Vec<Cell>>, Option<Box<SqlFailure>>), DataError> {
        let mut taken = Vec::new();
        let mut why = None;
        let (mut next, mut turned_away) = (0, 0);
        while next < rows.len()
            && taken.len() < self.recipe.enough
            && (turned_away < PATIENCE || !taken.is_empty())
        {
            let mut batch = Batch::default();
            for row in rows.iter().skip(next).take(ONE_BY_ONE) {
                batch.say("SAVEPOINT stairway_row");
                batch.say(&insert_into(table, &row.columns, &row.rows));
                batch.say("RELEASE stairway_row");
            }
            let (answers, result) = self.wire.send_so_far(&batch).await;
            taken.extend(answers.by(3).filter_map(|answer| answer.get(1)).flatten().cloned());
            next += answers.count() / 3;
            match result {
                Ok(()) => {}
                Err(DataError::Postgres(PostgresError::Sql(failure))) => {
                    self.wire.later("ROLLBACK TO stairway_row");
                    if let (None, Some(row)) = (&why, rows.get(next)) {
                        self.refused = row.by_column(table);
                    }
                    why.get_or_insert(failure);
                    next += 1;
                    turned_away += 1;
                }
                Err(other) => return Err(other),
            }
        }
        Ok((taken, why))
    }

    pub(super) fn took(
        &mut self,
        at: usize,
        rows: Vec<Vec<Cell>>,
        sent: usize,
        refusal: Option<Box<SqlFailure>>,
    ) {
        let Some(table) = self.model.tables.get(at) else { return };
        self.filled.given += rows.len();
        if rows.is_empty() {
            let sqlstate = refusal.as_ref().map(|refusal| refusal.sqlstate.clone());
            let silent = match sent {
                0 => "no values were found that its constraints agree to",
                _ => "each row was turned away without a word, by a trigger, a rule or a key",
            };
            let why = refusal.map_or_else(|| silent.to_owned(), |refusal| refusal.to_string());
            self.unfilled(table, why, sqlstate);
        }
        self.held.entry(at).or_default().extend(rows);
    }
}

/// Whether the text reads whole rows: then every column is spoken of.
fn names_all_columns(script: &str) -> bool {
    sql::tokens(script).any(|token| {
        token.kind == sql::TokenKind::Operator
            && script.get(token.bytes).is_some_and(|it| it == "*")
    })
}
