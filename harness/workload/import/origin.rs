//! Where the values of a query's parameters come from.
//!
//! Knows what a parameter is for, and from the catalog, if there is one, which table has the column and
//! what it refers to. What can't be told is said, never made up.

use std::collections::HashMap;

use super::catalog::{Catalog, Facts, ForeignKey, Table};
use super::scope::{Relation, Scopes};
use super::usage::{Column, Role, Usage};
use crate::postgres::{ident, quote_literal};

/// One parameter of a query that is made.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) usage: Usage,
    /// In which brackets it stands: rows of one INSERT are told apart by it.
    pub(super) row: usize,
    /// Values that may be told to anybody: of LIMIT, OFFSET and intervals.
    pub(super) plain: Vec<String>,
}

/// Where the values of some parameters come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) names: Vec<String>,
    /// What a header says after `from`; `None` where nobody can tell.
    pub(super) from: Option<String>,
    /// The same for people, or why nobody can.
    pub(super) told: String,
    /// Whether it is the usual value, since nothing tells it.
    pub(super) is_guess: bool,
}

/// A column of a table.
struct Found<'c> {
    /// Which query's which relation.
    place: (usize, usize),
    /// The table's name in SQL.
    table: String,
    column: String,
    facts: Option<(&'c Table, &'c Facts)>,
}

/// Values that are drawn together, since they are of one row.
struct Together {
    place: (usize, usize),
    table: String,
    names: Vec<String>,
    columns: Vec<String>,
    conditions: Vec<String>,
    has_pattern: bool,
}

/// What is said of values that stand for patterns.
const WHOLE: &str = ", whole values instead of patterns";

/// The origins of all parameters.
pub(super) fn origins(
    parameters: &[Parameter],
    scopes: &Scopes,
    catalog: Option<&Catalog>,
) -> Vec<Origin> {
    let mut work = Work { scopes, catalog, parameters, done: Vec::new(), together: Vec::new() };
    for parameter in parameters {
        if work.done.iter().any(|origin| origin.names.contains(&parameter.name)) {
            continue;
        }
        work.take(parameter);
    }
    let mut done = work.done;
    done.extend(work.together.into_iter().map(Together::origin));
    let places: HashMap<&str, usize> =
        parameters.iter().enumerate().map(|(at, it)| (it.name.as_str(), at)).collect();
    done.sort_by_key(|origin| origin.names.first().and_then(|it| places.get(it.as_str())));
    done
}

struct Work<'w> {
    scopes: &'w Scopes,
    catalog: Option<&'w Catalog>,
    parameters: &'w [Parameter],
    done: Vec<Origin>,
    together: Vec<Together>,
}

impl<'w> Work<'w> {
    fn take(&mut self, parameter: &Parameter) {
        let name = &parameter.name;
        match (parameter.usage.role, &parameter.usage.column) {
            (Role::Limit, _) => self.counted(parameter, "10"),
            (Role::Offset, _) => self.counted(parameter, "0"),
            (_, None) if !parameter.plain.is_empty() => self.counted(parameter, ""),
            (Role::Argument, _) | (_, None) => {
                self.open(name, "it is compared with no column".to_owned());
            }
            (Role::Beside, Some(column)) => {
                self.open(
                    name,
                    format!("it is beside {}, whose values it need not have", column.name),
                );
            }
            (Role::Inserted, Some(column)) => self.inserted(parameter, &column.name),
            (role, Some(column)) => {
                let scope = self.scopes.scope(parameter.usage.scope);
                let is_insert = scope.is_some_and(|scope| scope.verb == "insert");
                if role == Role::Assigned && is_insert {
                    return self.inserted(parameter, &column.name);
                }
                match self.find(column, parameter.usage.scope) {
                    Ok(found) => self.found(parameter, column, &found),
                    Err(why) => self.open(name, why),
                }
            }
        }
    }

    fn open(&mut self, name: &str, why: String) {
        self.done.push(Origin {
            names: vec![name.to_owned()],
            from: None,
            told: why,
            is_guess: false,
        });
    }

    fn one(&mut self, name: &str, from: String, told: String) {
        self.done.push(Origin {
            names: vec![name.to_owned()],
            from: Some(from),
            told,
            is_guess: false,
        });
    }

    /// As they were seen, else `usual`, which is said.
    fn counted(&mut self, parameter: &Parameter, usual: &str) {
        if parameter.plain.is_empty() {
            return self.done.push(Origin {
                names: vec![parameter.name.clone()],
                from: Some(format!("VALUES ({usual})")),
                told: format!("{usual}, which is a guess"),
                is_guess: true,
            });
        }
        let is_number = |value: &String| value.parse::<i64>().is_ok();
        let quoted = parameter.plain.iter().map(|value| {
            format!("({})", if is_number(value) { value.clone() } else { quote_literal(value) })
        });
        let from = format!("VALUES {}", quoted.collect::<Vec<_>>().join(", "));
        self.one(&parameter.name, from, parameter.plain.join(", "));
    }

    fn found(&mut self, parameter: &Parameter, column: &Column, found: &Found<'_>) {
        let name = &parameter.name;
        let column = match &column.function {
            Some(function) => format!("{}({})", ident(function), ident(&found.column)),
            None => ident(&found.column),
        };
        let is_new = matches!(parameter.usage.role, Role::Assigned | Role::Within);
        let is_full = found.facts.is_some_and(|(_, facts)| facts.is_not_null);
        let condition = (!is_new && !is_full).then(|| format!("{column} IS NOT NULL"));
        let is_pattern = parameter.usage.is_pattern;
        let whole = if is_pattern { WHOLE } else { "" };
        let told = format!("{}.{}{whole}", found.table, ident(&found.column));
        let is_free = parameter.usage.role == Role::Compared && parameter.usage.differs;
        match parameter.usage.role {
            // Of one row with what must be equal, one that differs would leave nothing.
            role if is_free || matches!(role, Role::Listed | Role::Array) => {
                let is_array = parameter.usage.role == Role::Array;
                let value = if is_array { format!("ARRAY[{column}]") } else { column };
                let told = if is_array { format!("{told}, one of them") } else { told };
                let condition = condition.map(|it| format!(" WHERE {it}")).unwrap_or_default();
                self.one(name, format!("SELECT {value} FROM {}{condition}", found.table), told);
            }
            Role::Assigned if self.is_alone(parameter, found) => {
                self.made(name, found.facts.map(|(table, _)| table), &found.table, &found.column);
            }
            _ => {
                let fits =
                    |it: &&mut Together| it.place == found.place && !it.columns.contains(&column);
                match self.together.iter_mut().find(fits) {
                    Some(together) => {
                        together.names.push(name.clone());
                        together.columns.push(column);
                        together.conditions.extend(condition);
                        together.has_pattern |= is_pattern;
                    }
                    None => self.together.push(Together {
                        place: found.place,
                        table: found.table.clone(),
                        names: vec![name.clone()],
                        columns: vec![column],
                        conditions: condition.into_iter().collect(),
                        has_pattern: is_pattern,
                    }),
                }
            }
        }
    }

    /// Whether a unique column is set without its row being named: another row's value would be refused.
    fn is_alone(&self, parameter: &Parameter, found: &Found<'_>) -> bool {
        let is_unique = found.facts.is_some_and(|(_, facts)| facts.is_unique);
        let names_row = |other: &&Parameter| {
            other.usage.role == Role::Compared && other.usage.scope == parameter.usage.scope
        };
        is_unique && !self.parameters.iter().any(|other| names_row(&other))
    }

    /// A value for a new row: one that it may refer to, else one that is made up.
    fn inserted(&mut self, parameter: &Parameter, column: &str) {
        let scope = self.scopes.scope(parameter.usage.scope);
        let Some(target) = scope.and_then(|scope| scope.relations.first()) else {
            return self
                .open(&parameter.name, "it is not told into which table it goes".to_owned());
        };
        let written = written(target);
        let Some(catalog) = self.catalog else {
            // What refers to other rows is told by its name only.
            if column.ends_with("_id") {
                let told = format!("{written}.{}", ident(column));
                let from =
                    format!("SELECT {0} FROM {written} WHERE {0} IS NOT NULL", ident(column));
                return self.one(&parameter.name, from, told);
            }
            return self.made(&parameter.name, None, &written, column);
        };
        let Some(table) = catalog.table(&target.name) else {
            return self.open(&parameter.name, format!("the database has no table {written}"));
        };
        if table.column(column).is_none() {
            return self.open(&parameter.name, format!("{written} has no column {column}"));
        }
        let of = |name: &str| self.in_row(parameter, name);
        let key = table.keys.iter().find_map(|key| {
            let names: Option<Vec<String>> = key.columns.iter().map(|(one, _)| of(one)).collect();
            let is_taken =
                |name: &String| self.done.iter().any(|origin| origin.names.contains(name));
            let has_it = key.columns.iter().any(|(one, _)| one == column);
            names.filter(|names| has_it && !names.iter().any(is_taken)).map(|names| (names, key))
        });
        match key {
            Some((names, key)) => self.done.push(referred(names, key)),
            None => self.made(&parameter.name, Some(table), &written, column),
        }
    }

    /// The parameter of the same new row for another column.
    fn in_row(&self, parameter: &Parameter, column: &str) -> Option<String> {
        let is_it = |other: &&Parameter| {
            other.row == parameter.row
                && other.usage.role == parameter.usage.role
                && other.usage.column.as_ref().is_some_and(|it| it.name == column)
        };
        self.parameters.iter().find(is_it).map(|other| other.name.clone())
    }

    fn made(&mut self, name: &str, table: Option<&Table>, written: &str, column: &str) {
        let full = match table {
            Some(table) => format!("{}.{}.{column}", table.schema, table.name),
            None if written.contains('.') => format!("{written}.{column}"),
            None => format!("public.{written}.{column}"),
        };
        if full.split('.').count() != 3 || full.contains('"') {
            return self.open(name, format!("values can't be made up for {full}"));
        }
        let told = format!("made up for {full}");
        self.one(name, format!("generated {full}"), told);
    }

    /// The table's column that a name in this query means, from the inner query outwards.
    fn find(&self, column: &Column, scope: usize) -> Result<Found<'w>, String> {
        let mut at = Some(scope);
        while let Some(place) = at {
            let Some(scope) = self.scopes.scope(place) else { break };
            let all = scope.relations.iter().enumerate();
            let fits: Vec<(usize, &Relation)> = match column.qualifier.as_slice() {
                [] => all.filter(|(_, it)| self.may_have(it, &column.name)).collect(),
                qualifier => all.filter(|(_, it)| is_called(it, qualifier)).collect(),
            };
            match fits.as_slice() {
                [] => at = scope.parent,
                [(nth, relation)] => return self.of((place, *nth), relation, &column.name),
                several => {
                    let names: Vec<String> = several.iter().map(|(_, it)| written(it)).collect();
                    let help = if self.catalog.is_some() { "" } else { "; --database-url tells" };
                    return Err(format!("{} may be of {}{help}", column.name, names.join(" or ")));
                }
            }
        }
        Err(format!("{} is a column of no table that is named", column.name))
    }

    /// Whether a name without a qualifier may be a column of it.
    fn may_have(&self, relation: &Relation, column: &str) -> bool {
        match self.catalog {
            Some(catalog) if relation.is_table => {
                catalog.table(&relation.name).is_none_or(|table| table.column(column).is_some())
            }
            _ => true,
        }
    }

    fn of(
        &self,
        place: (usize, usize),
        relation: &Relation,
        column: &str,
    ) -> Result<Found<'w>, String> {
        if !relation.is_table {
            return Err(format!("{column} is computed by the query itself"));
        }
        let Some(catalog) = self.catalog else {
            return Ok(Found {
                place,
                table: written(relation),
                column: column.to_owned(),
                facts: None,
            });
        };
        let Some(table) = catalog.table(&relation.name) else {
            return Err(format!("the database has no table {}", written(relation)));
        };
        let facts = table.column(column).map(|facts| (table, facts));
        let found = facts.map(|facts| Found {
            place,
            table: table.sql(),
            column: column.to_owned(),
            facts: Some(facts),
        });
        found.ok_or_else(|| format!("{} has no column {column}", table.sql()))
    }
}

impl Together {
    fn origin(self) -> Origin {
        let conditions = if self.conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", self.conditions.join(" AND "))
        };
        let columns = self.columns.join(", ");
        let whole = if self.has_pattern { WHOLE } else { "" };
        let told = match self.columns.as_slice() {
            [one] => format!("{}.{one}{whole}", self.table),
            _ => format!("{}, of one row{whole}", self.table),
        };
        let from = format!("SELECT {columns} FROM {}{conditions}", self.table);
        Origin { names: self.names, from: Some(from), told, is_guess: false }
    }
}

fn referred(names: Vec<String>, key: &ForeignKey) -> Origin {
    let table = format!("{}.{}", ident(&key.schema), ident(&key.table));
    let columns: Vec<String> = key.columns.iter().map(|(_, other)| ident(other)).collect();
    let columns = columns.join(", ");
    let told = format!("{table}.{columns}, which it refers to");
    Origin { names, from: Some(format!("SELECT {columns} FROM {table}")), told, is_guess: false }
}

/// A relation's name in SQL, as it is written.
fn written(relation: &Relation) -> String {
    match (relation.name.as_slice(), &relation.alias) {
        ([], alias) => alias.clone().unwrap_or_else(|| "a query in brackets".to_owned()),
        (name, _) => name.iter().map(|part| ident(part)).collect::<Vec<_>>().join("."),
    }
}

fn is_called(relation: &Relation, qualifier: &[String]) -> bool {
    match (&relation.alias, qualifier) {
        (Some(alias), [one]) => alias == one,
        (Some(_), _) => false,
        (None, _) => relation.name.ends_with(qualifier),
    }
}

#[cfg(test)]
mod tests;
