//! A table that becomes a list of cards where there is no room for its columns.
//!
//! Knows headings and cells. Must not know what is in them.

use maud::{Markup, html};

/// A column's heading, and whether numbers stand in it.
pub(in crate::report) type Column = (&'static str, bool);

/// The table; the first cell of each row is its heading. Roles are written, since what is laid out as
/// cards is no table for a browser.
pub(in crate::report) fn table(caption: &str, columns: &[Column], rows: &[Vec<Markup>]) -> Markup {
    html! {
        table.wide role="table" {
            caption { (caption) }
            thead role="rowgroup" { tr role="row" {
                @for (name, is_number) in columns {
                    th.n[*is_number] role="columnheader" scope="col" { (name) }
                }
            } }
            tbody role="rowgroup" {
                @for row in rows { tr role="row" { (cells(columns, row)) } }
            }
        }
    }
}

fn cells(columns: &[Column], row: &[Markup]) -> Markup {
    html! {
        @for (at, (cell, (name, is_number))) in row.iter().zip(columns).enumerate() {
            @if at == 0 {
                th role="rowheader" scope="row" { (cell) }
            } @else {
                td.n[*is_number] role="cell" data-label=(name) { div { (cell) } }
            }
        }
    }
}
