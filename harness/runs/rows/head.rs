//! Which tables and columns of a schema rows reach: all tables are given rows at once, in a
//! transaction that leaves nothing.

use super::{RowOptions, RowVerdict, Stage};
use crate::data::{
    Column, DataError, Effort, Loader, Model, Name, Recipe, Rows, Table, TableKind, TableRows,
    ToRead, TypeKind, Unfilled, Wanted, all_columns, constraints, tops, types,
};
use crate::postgres::{PostgresError, ident, quote_ident};
use crate::runs::coverage::{Gap, Head, Tried};

impl RowVerdict {
    /// With nothing but the figures.
    pub(super) fn of(stage: &Stage) -> Self {
        let named = stage.model.tables.iter().filter(|table| table.is_named);
        let named: Vec<&Name> =
            named.filter(|it| it.kind == TableKind::Plain).map(|it| &it.name).collect();
        let is_empty = |name: &&&Name| stage.before.0.get(name).is_none_or(TableRows::is_empty);
        let unfilled = named.iter().filter(is_empty).count();
        Self { given: stage.given, tables: (named.len(), unfilled), ..Self::default() }
    }

    /// What is told of it.
    pub(in crate::runs) fn tried(&self) -> Tried {
        let (tables, unfilled) = self.tables;
        Tried { rows: self.given, tables, unfilled, head: None }
    }
}

/// Gives rows to all tables but the version table, and says what they have then.
pub(in crate::runs) async fn head(
    loader: &mut Loader,
    version_table: &(String, String),
    options: &RowOptions,
) -> Result<Head, DataError> {
    let wanted = Wanted { all: true, ..Wanted::default() };
    let (mut model, _) = loader.begin(&wanted).await?;
    let (schema, name) = version_table;
    model.tables.retain(|it| it.name.schema != *schema || it.name.name != *name);
    let (positions, seeds) = loader.look(&model, &holding(&model)).await?;
    loader.align(&positions, &tops(&model, &seeds));
    let looked = look(loader, &model, seeds, options).await;
    let looked = match looked {
        Err(DataError::Postgres(PostgresError::Sql(failure))) => {
            Ok(count(&model, &Rows::default(), &[], &failure.to_string()))
        }
        other => other,
    };
    let head = looked?;
    loader.end(&positions);
    loader.session().await?;
    Ok(head)
}

async fn look(
    loader: &mut Loader,
    model: &Model,
    seeds: Rows,
    options: &RowOptions,
) -> Result<Head, DataError> {
    let recipe = Recipe {
        seed: options.seed,
        rows_per_table: options.rows_per_table,
        effort: Effort::Columns,
        ..Recipe::default()
    };
    let filled = loader.fill(model, &seeds, "", recipe).await?;
    let mut large = seeds.0;
    large.retain(|_, held| held.rest.is_some());
    let mut all = all_columns(model);
    all.retain(|table| !large.contains_key(&table.name));
    let mut rows = if all.is_empty() { Rows::default() } else { loader.rows(&all).await? };
    // Of large ones there are a few, and those that were given.
    for (name, mut held) in large {
        let given = filled.beside.0.get(&name).map(|given| given.rows.clone());
        held.rows.extend(given.unwrap_or_default());
        rows.0.insert(name, held);
    }
    let mut head = count(model, &rows, &filled.unfilled, "no rows were made for it");
    probe(loader, model, &rows, &filled.never_null, &mut head).await?;
    Ok(head)
}

/// The tables that the history left rows in.
pub(super) fn holding(model: &Model) -> Vec<ToRead> {
    let may_hold =
        |name: &Name| model.tables.iter().any(|table| table.name == *name && !table.is_empty);
    all_columns(model).into_iter().filter(|table| may_hold(&table.name)).collect()
}

/// The figures as far as the rows say them; a column without a NULL is not yet known to be allowed
/// one.
fn count(model: &Model, rows: &Rows, unfilled: &[Unfilled], otherwise: &str) -> Head {
    let mut head = Head::default();
    for table in model.tables.iter().filter(|table| table.kind != TableKind::Partitioned) {
        head.tables += 1;
        head.tables_secured += usize::from(table.has_row_security);
        let columns = || table.columns.iter().filter(|column| !column.is_generated);
        head.columns += columns().count();
        head.labels += columns().map(|column| labels(model, column).len()).sum::<usize>();
        let held = rows.0.get(&table.name).filter(|held| !held.rows.is_empty());
        let Some(held) = held else {
            head.columns_nullable += columns().filter(|column| !column.not_null).count();
            let why = unfilled.iter().find(|it| it.table == table.name);
            let why = why.map_or(otherwise, |it| it.why.as_str()).to_owned();
            head.gaps.push(Gap { table: table.name.sql(), column: None, why });
            continue;
        };
        head.tables_seeded += 1;
        for column in columns() {
            let (has_value, has_null) = has(held, column);
            let reached = labels(model, column).iter().filter(|label| holds(held, column, label));
            head.labels_reached += reached.count();
            head.columns_filled += usize::from(has_value);
            head.columns_nullable += usize::from(has_null);
            head.columns_nulled += usize::from(has_null);
            head.columns_covered += usize::from(has_value && (has_null || column.not_null));
            if !has_value {
                let why = no_value(model, column);
                head.gaps.push(gap(table, column, why));
            }
        }
    }
    head
}

/// Asks the server about each column that has no NULL although its table says that it may: the
/// reason, or that nothing but the generator left it out.
async fn probe(
    loader: &mut Loader,
    model: &Model,
    rows: &Rows,
    never: &[(Name, String)],
    head: &mut Head,
) -> Result<(), DataError> {
    for table in &model.tables {
        let held = rows.0.get(&table.name).filter(|held| !held.rows.is_empty());
        let Some(held) = held else { continue };
        let alone = alone(model, table);
        for column in table.columns.iter().filter(|it| !it.is_generated && !it.not_null) {
            let (has_value, has_null) = has(held, column);
            if has_null || !has_value {
                continue;
            }
            let refusal = set_null(loader, table, column).await?;
            let state = refusal.as_ref().map(|(state, _)| state.as_str());
            let is_never = || {
                let is_it = |(table_name, name): &(Name, String)| {
                    *table_name == table.name && *name == column.name
                };
                alone.contains(&column.name) || never.iter().any(is_it)
            };
            // A domain says so, or CHECKs, whatever the other columns hold.
            if state == Some("23502") || state == Some("23514") && is_never() {
                head.columns_covered += 1;
                continue;
            }
            head.columns_nullable += 1;
            let why = refusal.map_or_else(
                || "NULL is taken, but no row has it".to_owned(),
                |(_, words)| format!("no row has NULL: {words}"),
            );
            head.gaps.push(gap(table, column, why));
        }
    }
    head.gaps.sort_by(|one, other| (&one.table, &one.column).cmp(&(&other.table, &other.column)));
    Ok(())
}

/// SQLSTATE and words of the server if it refuses NULL in a row that is there.
async fn set_null(
    loader: &mut Loader,
    table: &Table,
    column: &Column,
) -> Result<Option<(String, String)>, DataError> {
    let (name, column) = (table.name.sql(), quote_ident(&column.name));
    let ask = format!(
        "SAVEPOINT stairway_null;UPDATE ONLY {name} SET {column} = NULL \
         WHERE ctid = (SELECT ctid FROM ONLY {name} LIMIT 1)"
    );
    let answer = loader.session().await?.execute(&ask).await;
    let refusal = match answer {
        Ok(()) => None,
        Err(PostgresError::Sql(failure)) => {
            Some((failure.sqlstate.clone(), failure.message.clone()))
        }
        Err(other) => return Err(other.into()),
    };
    let back = "ROLLBACK TO stairway_null;RELEASE stairway_null";
    loader.session().await?.execute(back).await?;
    Ok(refusal)
}

/// Columns that a predicate is about without any other one.
fn alone(model: &Model, table: &Table) -> Vec<String> {
    let sets = constraints::tied(table, &model.types).into_iter();
    sets.filter(|set| set.columns.len() == 1).flat_map(|set| set.columns).collect()
}

/// The labels of a column's enum type, if it is one.
fn labels<'m>(model: &'m Model, column: &Column) -> &'m [String] {
    match model.types.base(column.type_oid).map(|it| &it.kind) {
        Some(TypeKind::Enum(labels)) => labels,
        _ => &[],
    }
}

/// Whether a row has this value in a column.
fn holds(held: &TableRows, column: &Column, value: &str) -> bool {
    let place = held.columns.iter().position(|name| *name == column.name);
    let cell = |row: &Vec<Option<String>>| {
        place.and_then(|at| row.get(at)).is_some_and(|cell| cell.as_deref() == Some(value))
    };
    held.rows.iter().any(cell)
}

/// Whether a column has a value, and whether it has a NULL.
fn has(held: &TableRows, column: &Column) -> (bool, bool) {
    let place = held.columns.iter().position(|name| *name == column.name);
    let cell = |row: &Vec<_>| place.and_then(|at| row.get(at)).is_some_and(Option::is_some);
    (held.rows.iter().any(cell), !held.rows.iter().all(cell))
}

fn no_value(model: &Model, column: &Column) -> String {
    let types = &model.types;
    if types::values(types, column.type_oid, column.modifier).is_some() {
        return "no row has a value".to_owned();
    }
    let name = types.get(column.type_oid).map_or("its type", |it| it.sql.as_str());
    format!("no value of {name} is known")
}

fn gap(table: &Table, column: &Column, why: String) -> Gap {
    Gap { table: table.name.sql(), column: Some(ident(&column.name)), why }
}
