//! INSERT statements.
//!
//! Knows how a table's rows are written as SQL. Must not know when they are sent.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::model::{Identity, Table};
use super::rows::{Cell, Name, TableRows};
use crate::postgres::{ident, quote_ident, quote_literal};

/// Ends a statement that leaves out rows that collide.
pub(super) const LEAVE_OUT: &str = " ON CONFLICT DO NOTHING";

/// Whether a statement for this table can end so.
pub(super) fn may_leave_out(table: &Table) -> bool {
    let is_deferrable = table.uniques.iter().any(|unique| unique.is_deferrable)
        || table.exclusions.iter().any(|exclusion| exclusion.is_deferrable);
    !table.has_insert_rule && !is_deferrable
}

/// One statement that inserts rows, leaves out those that collide where that can be said, and gives
/// all columns of those that it took.
pub(super) fn insert_into(table: &Table, places: &[usize], rows: &[Vec<Cell>]) -> String {
    let mut out = String::new();
    if places.is_empty() {
        // There is no such form for several rows.
        let _ = write!(out, "INSERT INTO {} DEFAULT VALUES RETURNING ", table.name.sql());
        out.push_str(if table.columns.is_empty() { "true" } else { "*" });
        return out;
    }
    let _ = write!(out, "INSERT INTO {} (", table.name.sql());
    for (nth, place) in places.iter().enumerate() {
        let name = table.columns.get(*place).map(|it| it.name.as_str()).unwrap_or_default();
        let _ = write!(out, "{}{}", if nth == 0 { "" } else { ", " }, quote_ident(name));
    }
    out.push_str(") OVERRIDING SYSTEM VALUE VALUES ");
    for (nth, row) in rows.iter().enumerate() {
        out.push_str(if nth == 0 { "(" } else { ", (" });
        for (nth, place) in places.iter().enumerate() {
            if nth > 0 {
                out.push_str(", ");
            }
            out.push_str(&literal(row.get(*place).and_then(Option::as_deref)));
        }
        out.push(')');
    }
    if may_leave_out(table) {
        out.push_str(LEAVE_OUT);
    }
    out.push_str(" RETURNING ");
    for (nth, column) in table.columns.iter().enumerate() {
        let _ = write!(out, "{}{}", if nth == 0 { "" } else { ", " }, quote_ident(&column.name));
    }
    out
}

/// A cell as a literal.
pub(super) fn literal(cell: Option<&str>) -> String {
    cell.map_or_else(|| "NULL".to_owned(), quote_literal)
}

/// The statements that insert rows, generated columns left out: one, or one for each row where there
/// are no columns; none for no rows.
pub(super) fn insert<'r>(
    table: &Table,
    held: &TableRows,
    rows: impl Iterator<Item = &'r Vec<Cell>>,
) -> Vec<String> {
    let given: Vec<usize> = (0..held.columns.len())
        .filter(|at| {
            let name = held.columns.get(*at);
            let column = name.and_then(|name| table.column(name));
            column.is_some_and(|column| !column.is_generated)
        })
        .collect();
    let names: Vec<String> =
        given.iter().filter_map(|at| held.columns.get(*at)).map(|name| quote_ident(name)).collect();
    if names.is_empty() {
        return rows.map(|_| format!("INSERT INTO {} DEFAULT VALUES", table.name.sql())).collect();
    }
    let mut out = String::new();
    for row in rows {
        if out.is_empty() {
            let (name, columns) = (table.name.sql(), names.join(", "));
            let _ = write!(out, "INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE VALUES ");
        } else {
            out.push_str(", ");
        }
        let cells: Vec<String> =
            given.iter().map(|at| literal(row.get(*at).and_then(Option::as_deref))).collect();
        let _ = write!(out, "({})", cells.join(", "));
    }
    Some(out).filter(|out| !out.is_empty()).into_iter().collect()
}

/// What is written instead of a column's value, by name: an expression, or nothing, and the column
/// is left out.
pub type Instead = BTreeMap<String, Option<String>>;

/// One row as a statement to be read: columns that are NULL and have no default are left out, and
/// so are those that say what the default says.
pub fn insert_readably(table: &Table, held: &TableRows, row: &[Cell], instead: &Instead) -> String {
    let mut names = Vec::new();
    let mut values = Vec::new();
    let mut overrides = false;
    for (name, cell) in held.columns.iter().zip(row) {
        let Some(column) = table.column(name).filter(|column| !column.is_generated) else {
            continue;
        };
        if cell.is_none() && column.default.is_none() && column.identity.is_none() {
            continue;
        }
        let value = match instead.get(name) {
            Some(None) => continue,
            Some(Some(other)) => other.clone(),
            None => readable(cell.as_deref()),
        };
        overrides |= column.identity == Some(Identity::Always);
        names.push(ident(name));
        values.push(value);
    }
    let table = table.name.sql();
    if names.is_empty() {
        return format!("INSERT INTO {table} DEFAULT VALUES;");
    }
    let overriding = if overrides { " OVERRIDING SYSTEM VALUE" } else { "" };
    format!(
        "INSERT INTO {table} ({}){overriding} VALUES ({});",
        names.join(", "),
        values.join(", ")
    )
}

/// The row of a table that nothing more is known of, as a statement to be read.
pub fn insert_written(table: &Name, held: &TableRows) -> Option<String> {
    let names: Vec<String> = held.columns.iter().map(|name| ident(name)).collect();
    let values = held.rows.first()?.iter().map(|cell| readable(cell.as_deref()));
    let (names, values) = (names.join(", "), values.collect::<Vec<_>>().join(", "));
    Some(format!("INSERT INTO {} ({names}) VALUES ({values});", table.sql()))
}

/// A literal; numbers stand without quotes.
fn readable(cell: Option<&str>) -> String {
    let is_number = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_plain = digits.len() < 19 && digits.bytes().all(|byte| byte.is_ascii_digit());
        !digits.is_empty() && is_plain && (digits == "0" || !digits.starts_with('0'))
    };
    match cell {
        Some(text) if is_number(text) => text.to_owned(),
        other => literal(other),
    }
}
