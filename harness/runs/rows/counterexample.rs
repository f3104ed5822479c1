//! Making a counterexample small: which rows of a migration still show a finding.

use std::collections::{BTreeMap, BTreeSet};

use crate::checks::{self, Class, Orders, Suspicion, Tested};
use crate::data::shrink::{
    Budget, Case, CaseColumn, CaseTable, Link, Oracle, closure, greatest, rest, shrink,
};
use crate::data::{
    Cell, Clock, Column, DataError, Difference, Name, Now, Rows, Table, TableRows, ask_clock,
    ask_rows, beside, canonical, compare, holders, pin,
};
use crate::finding::Finding;
use crate::postgres::{Batch, SqlFailure};
use crate::steps::{Looks, StepFailure, Tried, Way, all_readable, readable};

use super::{Session, Stage};

/// How often the scripts are run for one counterexample.
const CALLS: usize = 60;
/// How often rows that a failure names are left out to see whether others fail.
const ROUNDS: usize = 6;
/// So many rows are sorted by insertion.
const FEW: usize = 6;
/// How far and how often one goes back to take others: each two neighbours are in one window.
const STEP: usize = 4;
const WINDOWS: usize = 3;

impl Session<'_> {
    /// What these rows show of a class of finding; `None` if they do not.
    pub(super) async fn shows(
        &mut self,
        stage: &Stage,
        given: &Rows,
        class: &Class,
    ) -> Result<Option<Finding>, DataError> {
        if let Class::Order(table) = class {
            let found = self.ordered(stage, given).await?;
            let about = |finding: &&Finding| finding.objects.contains(&table.sql());
            return Ok(found.iter().map(|it| &it.finding).find(about).cloned());
        }
        let (before, tried) = match class {
            Class::Failure { way, .. } => {
                let failed = self.blindly(stage, given, *way).await?;
                (given.clone(), Tried { failed, ..Tried::default() })
            }
            Class::Gone(table) | Class::Changed(table, _) | Class::Added(table)
                if self.trial.goes_back() =>
            {
                self.one_table(stage, given, table).await?
            }
            Class::Again(_) => {
                let looks = Looks { at_upgraded: true, ..Looks::until(Way::Again) };
                self.again(stage, given, looks).await?
            }
            _ => {
                let looks = Looks {
                    at_upgraded: !self.trial.goes_back(),
                    at_sequences: matches!(class, Class::Sequence(_)),
                    ..Looks::until(Way::Up)
                };
                self.again(stage, given, looks).await?
            }
        };
        let tested = Tested {
            migration: self.migration,
            model: &stage.model,
            before: &before,
            deletable: &stage.deletable,
            tried: &tried,
        };
        let found = checks::suspect(&tested).into_iter();
        let mut found = found.filter(|other| other.finding.allowed.is_none());
        Ok(found.find(|other| is_same(&other.class, class)).map(|other| other.finding))
    }

    /// How the scripts fail on these rows, if they do.
    async fn blindly(
        &mut self,
        stage: &Stage,
        given: &Rows,
        until: Way,
    ) -> Result<Option<(Way, StepFailure)>, DataError> {
        self.loader.open();
        self.put(stage, given);
        let nothing = Batch::default();
        let run = self.trial.run_blindly(self.loader, &stage.model, until, &nothing).await?;
        self.loader.end(&[]);
        Ok(run.err())
    }

    /// What becomes of one table's rows, up and down.
    async fn one_table(
        &mut self,
        stage: &Stage,
        given: &Rows,
        table: &Name,
    ) -> Result<(Rows, Tried), DataError> {
        let columns = beside(&stage.model, &stage.seeds, given);
        let wanted: Vec<_> = columns.into_iter().filter(|it| it.name == *table).collect();
        let now = stage.after.iter().find(|now| now.name == *table);
        let (Some(now), false) = (now, wanted.is_empty()) else {
            return Ok((Rows::default(), Tried::default()));
        };
        self.loader.open();
        self.put(stage, given);
        let before = self.loader.rows(&wanted).await?;
        let after = [readable(&wanted, now, &before)];
        let mut batch = Batch::default();
        pin(&mut batch);
        let rows = ask_rows(&mut batch, &after);
        let clock = ask_clock(&mut batch);
        let mut tried = Tried { tables: stage.after.clone(), ..Tried::default() };
        match self.trial.run_blindly(self.loader, &stage.model, Way::Down, &batch).await? {
            Ok(mut answers) => {
                tried.downgraded = Some(rows.read(&mut answers));
                tried.clock = Clock::from_rows(answers.take(clock));
            }
            Err(failed) => tried.failed = Some(failed),
        }
        self.loader.end(&[]);
        Ok((before, tried))
    }

    /// Whether the upgrade gives the same each time, as far as what is said of its second run goes.
    pub(super) async fn repeats(
        &mut self,
        stage: &Stage,
        given: &Rows,
        class: &Class,
    ) -> Result<bool, DataError> {
        let Class::Again(class) = class else { return Ok(true) };
        // Numbers that sequences give are others in one transaction, and the same in two.
        if self.spoken.draws {
            return Ok(false);
        }
        let Class::Changed(table, columns) = class.as_ref() else { return Ok(true) };
        let mut tables = None;
        let first = self.upgraded(stage, given, &mut tables).await?;
        let other = self.upgraded(stage, given, &mut tables).await?;
        let (Some(one), Some(two)) = (&first, &other) else { return Ok(false) };
        let differences = compare(one, two);
        let differing = differences.get(table).map(Difference::columns).unwrap_or_default();
        Ok(columns.iter().any(|column| !differing.contains(column.as_str())))
    }

    /// What depends on the physical order of these rows. Usually two runs say that nothing does; a
    /// third one tells what is another each time.
    pub(super) async fn ordered(
        &mut self,
        stage: &Stage,
        given: &Rows,
    ) -> Result<Vec<Suspicion>, DataError> {
        // What triggers put there would come in another order as well.
        let through = std::mem::replace(&mut self.through, false);
        let mut tables = None;
        let mut found = Ok(Vec::new());
        for window in few(stage, given) {
            found = self.ordered_few(stage, &window, &mut tables).await;
            if found.as_ref().map_or(true, |found| !found.is_empty()) {
                break;
            }
        }
        self.through = through;
        found
    }

    /// What the upgrade makes of exactly these rows beside the seeds; `None` if it fails. `tables` are
    /// those that are there then, once that is known.
    async fn upgraded(
        &mut self,
        stage: &Stage,
        given: &Rows,
        tables: &mut Option<Vec<Now>>,
    ) -> Result<Option<Rows>, DataError> {
        self.loader.open();
        self.put(stage, given);
        let upgraded = if let Some(tables) = tables {
            let mut batch = Batch::default();
            pin(&mut batch);
            let model = &stage.model;
            let rows = ask_rows(&mut batch, &all_readable(model, tables, given));
            let run = self.trial.run_blindly(self.loader, model, Way::Up, &batch).await?;
            run.ok().map(|mut answers| rows.read(&mut answers))
        } else {
            let looks = Looks { at_upgraded: true, ..Looks::until(Way::Up) };
            let tried = self.run(stage, given, looks).await?;
            *tables = tried.upgraded.is_some().then_some(tried.tables);
            tried.upgraded
        };
        self.loader.end(&[]);
        Ok(upgraded)
    }

    async fn ordered_few(
        &mut self,
        stage: &Stage,
        given: &Rows,
        tables: &mut Option<Vec<Now>>,
    ) -> Result<Vec<Suspicion>, DataError> {
        let mut reversed = given.clone();
        for held in reversed.0.values_mut() {
            held.rows.reverse();
        }
        let first = self.upgraded(stage, given, tables).await?;
        let other = self.upgraded(stage, &reversed, tables).await?;
        let (Some(one), Some(two)) = (&first, &other) else { return Ok(Vec::new()) };
        if compare(one, two).is_empty() {
            return Ok(Vec::new());
        }
        let looks = Looks { at_upgraded: true, at_model: true, ..Looks::until(Way::Up) };
        let (_, third) = self.again(stage, given, looks).await?;
        let (Some(again), Some(model)) = (&third.upgraded, &third.model) else {
            return Ok(Vec::new());
        };
        let migration = self.migration;
        let orders = Orders { migration, first: one, again, reversed: two, model };
        Ok(checks::order_dependent(&orders))
    }

    pub(super) async fn shrink(
        &mut self,
        stage: &Stage,
        given: &Rows,
        suspicion: &Suspicion,
    ) -> Result<(Rows, Option<Finding>), DataError> {
        let (case, tables) = case(stage, given);
        let hint = hint(stage, given, suspicion, &tables);
        let budget =
            Budget { calls: CALLS, time: self.options.budget.saturating_sub(self.begun.elapsed()) };
        let class = Asked::Shows(&suspicion.class);
        let mut asking = Asking { session: self, stage, class, tables, said: None };
        let shrunk = shrink(case, &hint, &mut asking, budget).await?;
        // The last case that showed it is the one that it ended with.
        Ok((asking.rows(&shrunk.case), asking.said))
    }

    /// Rows that the scripts run to their end with, as many as can be found at a small cost; `None`
    /// if there are none. The failure is what all rows together come to.
    pub(super) async fn passing(
        &mut self,
        stage: &Stage,
        given: &Rows,
        (way, failure): &(Way, StepFailure),
    ) -> Result<Option<Rows>, DataError> {
        let until = if *way == Way::Again { Way::Again } else { Way::Down };
        let (mut left, mut failure) = (given.clone(), of_server(failure));
        for _ in 0..ROUNDS {
            // What a program raises names no rows.
            let Some(sql) = &failure else { break };
            let blamed = self.blamed(stage, &left, sql).await?;
            // Of those with the same key one may stay.
            let stays = usize::from(sql.sqlstate == "23505");
            let (case, tables) = case(stage, &left);
            let places = |(name, at): &(Name, usize)| {
                let is_it = |at: &usize| {
                    stage.model.tables.get(*at).is_some_and(|table| table.name == *name)
                };
                Some((tables.iter().position(is_it)?, *at))
            };
            let gone: BTreeSet<_> = blamed.iter().skip(stays).filter_map(places).collect();
            if gone.is_empty() {
                break;
            }
            left = rows_of(stage, &tables, &rest(&case, &gone));
            if left.count() == 0 {
                return Ok(None);
            }
            let failed = self.blindly(stage, &left, until).await;
            match self.unless_refused(failed)? {
                Some(None) => return Ok(Some(left)),
                Some(Some((_, other))) => failure = of_server(&other),
                None => break,
            }
        }
        let (case, tables) = case(stage, &left);
        let budget =
            Budget { calls: CALLS, time: self.options.budget.saturating_sub(self.begun.elapsed()) };
        let class = Asked::Passes(until);
        let mut asking = Asking { session: self, stage, class, tables, said: None };
        let kept = greatest(case, &mut asking, budget).await?;
        let rows = asking.rows(&kept.case);
        Ok((rows.count() > 0 && rows != *given).then_some(rows))
    }
}

fn of_server(failure: &StepFailure) -> Option<SqlFailure> {
    match failure {
        StepFailure::Sql { failure, .. } => Some(SqlFailure::clone(failure)),
        _ => None,
    }
}

/// The last rows of each table, which are most alike, few at a time, and those that they refer to: a
/// sort keeps so few in the order in which it meets them.
fn few(stage: &Stage, given: &Rows) -> Vec<Rows> {
    let (case, tables) = case(stage, given);
    let is_named = |at: usize| {
        let table = tables.get(at).and_then(|place| stage.model.tables.get(*place));
        table.is_some_and(|table| table.is_named)
    };
    let mut windows: Vec<Rows> = Vec::new();
    for back in 0..WINDOWS {
        let mut keep = BTreeSet::new();
        for (at, table) in case.tables.iter().enumerate().filter(|(at, _)| is_named(*at)) {
            // What is gone by then begins again with the last ones.
            let end = table.rows.len().checked_sub(back * STEP).filter(|end| *end > 0);
            let end = end.unwrap_or(table.rows.len());
            keep.extend((end.saturating_sub(FEW)..end).map(|row| (at, row)));
        }
        let rows = rows_of(stage, &tables, &closure(&case, &keep));
        if !windows.contains(&rows) {
            windows.push(rows);
        }
    }
    windows
}

/// The rows of a case, whose tables are at these places of the model.
fn rows_of(stage: &Stage, tables: &[usize], case: &Case) -> Rows {
    let mut rows = BTreeMap::new();
    for (table, held) in tables.iter().zip(&case.tables) {
        let Some(table) = stage.model.tables.get(*table) else { continue };
        let columns = table.columns.iter().map(|column| column.name.clone()).collect();
        let there = stage.before.0.get(&table.name);
        let key = there.map(|there| there.key.clone()).unwrap_or_default();
        let held = TableRows { columns, key, rows: held.rows.clone(), rest: None };
        rows.insert(table.name.clone(), held);
    }
    Rows(rows)
}

/// Whether two findings are of one class; values may change in fewer columns than before.
fn is_same(one: &Class, other: &Class) -> bool {
    match (one, other) {
        (Class::Changed(table, columns), Class::Changed(same, others)) => {
            table == same && columns.iter().any(|column| others.contains(column))
        }
        (Class::Again(one), Class::Again(other)) => is_same(one, other),
        (one, other) => one == other,
    }
}

/// What is asked of a case.
#[derive(Clone, Copy)]
enum Asked<'s> {
    /// Whether it still shows this class.
    Shows(&'s Class),
    /// Whether the scripts run to their end, up to this one.
    Passes(Way),
}

/// Asks the scripts.
struct Asking<'a, 's, 'l> {
    session: &'a mut Session<'l>,
    stage: &'s Stage,
    class: Asked<'s>,
    /// The table of each table of the case.
    tables: Vec<usize>,
    /// What the last case that showed it said.
    said: Option<Finding>,
}

impl Asking<'_, '_, '_> {
    fn rows(&self, case: &Case) -> Rows {
        rows_of(self.stage, &self.tables, case)
    }
}

impl Oracle for Asking<'_, '_, '_> {
    type Error = DataError;

    async fn shows(&mut self, candidate: &Case) -> Result<bool, DataError> {
        let rows = self.rows(candidate);
        let shown = match self.class {
            Asked::Shows(class) => {
                let found = self.session.shows(self.stage, &rows, class).await;
                found.map(|found| {
                    let shows = found.is_some();
                    self.said = found.or(self.said.take());
                    shows
                })
            }
            Asked::Passes(until) => {
                let failed = self.session.blindly(self.stage, &rows, until).await;
                failed.map(|failed| failed.is_none())
            }
        };
        match shown {
            // A candidate that the schema refuses shows nothing.
            Err(DataError::Postgres(crate::postgres::PostgresError::Sql(_))) => {
                self.session.loader.end(&[]);
                Ok(false)
            }
            other => other,
        }
    }
}

/// The given rows as a case, and which table of the model each of its tables is.
fn case(stage: &Stage, given: &Rows) -> (Case, Vec<usize>) {
    let model = &stage.model;
    let has_rows = |at: &usize| {
        let table = model.tables.get(*at);
        table.and_then(|table| given.0.get(&table.name)).is_some_and(|held| !held.rows.is_empty())
    };
    let mut places = Vec::new();
    let mut tables = Vec::new();
    for (at, table) in model.tables.iter().enumerate() {
        let Some(held) = given.0.get(&table.name).filter(|held| !held.rows.is_empty()) else {
            continue;
        };
        places.push(at);
        // What refers to rows of the history only has no other values.
        let is_bound = |column: &Column| {
            let mut keys =
                table.foreign_keys.iter().filter(|key| key.columns.contains(&column.name));
            keys.any(|key| !holders(&model.tables, key.parent).iter().any(has_rows))
        };
        let columns = table.columns.iter().map(|column| CaseColumn {
            name: column.name.clone(),
            is_nullable: !column.not_null,
            canonical: if is_bound(column) {
                Vec::new()
            } else {
                canonical(&model.types, column.type_oid, column.modifier)
            },
            known: stage.known.get(&(at, column.name.clone())).cloned().unwrap_or_default(),
            is_key: table.uniques.iter().any(|unique| unique.columns.contains(&column.name)),
            is_given: !column.is_generated,
            is_number: !is_bound(column)
                && model
                    .types
                    .base_name(column.type_oid)
                    .is_some_and(|name| matches!(name, "int2" | "int4" | "int8" | "numeric")),
        });
        let columns = columns.collect();
        tables.push(CaseTable { name: table.name.clone(), columns, rows: held.rows.clone() });
    }
    let links = links(stage, &places);
    (Case { tables, links }, places)
}

fn links(stage: &Stage, places: &[usize]) -> Vec<Link> {
    let tables = &stage.model.tables;
    let position = |table: &Table, names: &[String]| -> Vec<usize> {
        let place = |name: &String| table.columns.iter().position(|it| it.name == *name);
        names.iter().filter_map(place).collect()
    };
    let mut links = Vec::new();
    for (child, at) in places.iter().enumerate() {
        let Some(table) = tables.get(*at) else { continue };
        for key in &table.foreign_keys {
            for holder in holders(tables, key.parent) {
                let (Some(parent), Some(other)) =
                    (places.iter().position(|it| *it == holder), tables.get(holder))
                else {
                    continue;
                };
                links.push(Link {
                    child,
                    child_columns: position(table, &key.columns),
                    parent,
                    parent_columns: position(other, &key.parent_columns),
                });
            }
        }
    }
    links
}

/// The rows that a finding names, in the case.
fn hint(
    stage: &Stage,
    given: &Rows,
    suspicion: &Suspicion,
    tables: &[usize],
) -> Vec<(usize, usize)> {
    let find = |name: &Name, row: &Vec<Cell>| {
        let table = tables
            .iter()
            .position(|at| stage.model.tables.get(*at).is_some_and(|table| table.name == *name))?;
        let place = given.0.get(name)?.rows.iter().position(|other| other == row)?;
        Some((table, place))
    };
    let named = suspicion.hint.iter().filter_map(|(name, at)| {
        let row = stage.before.0.get(name)?.rows.get(*at)?;
        find(name, row)
    });
    named.take(8).collect()
}
