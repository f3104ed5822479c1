//! INSERT statements for many rows of one table.
//!
//! Knows how a table's rows are written as SQL and told of again. Must not know when they are sent.

use std::fmt::Write;

use super::model::Table;
use super::rows::Cell;
use crate::postgres::{quote_ident, quote_literal};

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
    let is_deferrable = table.uniques.iter().any(|unique| unique.is_deferrable)
        || table.exclusions.iter().any(|exclusion| exclusion.is_deferrable);
    if !table.has_insert_rule && !is_deferrable {
        out.push_str(" ON CONFLICT DO NOTHING");
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
