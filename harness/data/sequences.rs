//! Sequences brought to where rows have brought them.
//!
//! Knows which column draws from which sequence. Must not know when that matters.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::catalog::Model;
use super::model::{Table, TableKind};
use crate::postgres::{quote_ident, quote_literal};

/// Statements that bring sequences to where the rows that are there have brought them: how often they
/// were drawn from in earlier climbs must not be seen. Ascending ones only: the others are as rare as
/// they are unlikely to be behind.
pub(super) fn settled(model: &Model) -> String {
    let mut tops: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (table, column, sequence) in sequences(&model.tables) {
        let column = quote_ident(column);
        let top = format!("SELECT max({column}::bigint) FROM ONLY {}", table.name.sql());
        tops.entry(sequence).or_default().push(top);
    }
    let mut message = String::new();
    for (sequence, tops) in tops {
        let _ = write!(
            message,
            "SELECT pg_catalog.setval({sequence}, CASE WHEN m.top >= q.seqstart \
             THEN least(m.top, q.seqmax) ELSE q.seqstart END, coalesce(m.top >= q.seqstart, false)) \
             FROM (SELECT max(u.top) AS top FROM ({}) u(top)) m, pg_catalog.pg_sequence q \
             WHERE q.seqrelid = {sequence}::pg_catalog.regclass AND q.seqincrement > 0;",
            tops.join(" UNION ALL "),
            sequence = quote_literal(sequence),
        );
    }
    message
}

/// Statements that move sequences past the values that their columns have.
pub(super) fn moved_on(tables: &[&Table]) -> String {
    let mut message = String::new();
    for (table, column, sequence) in sequences(tables.iter().copied()) {
        let _ = write!(
            message,
            "SELECT pg_catalog.setval({seq}, m.top) FROM (SELECT max({column}::bigint) AS top FROM ONLY {table}) m, \
             {sequence} s WHERE m.top > s.last_value OR (m.top = s.last_value AND NOT s.is_called);",
            seq = quote_literal(sequence),
            column = quote_ident(column),
            table = table.name.sql(),
        );
    }
    message
}

/// Columns with the sequences that they draw from.
pub(super) fn sequences<'t>(
    tables: impl IntoIterator<Item = &'t Table>,
) -> impl Iterator<Item = (&'t Table, &'t str, &'t str)> {
    tables.into_iter().filter(|table| table.kind == TableKind::Plain).flat_map(|table| {
        table.columns.iter().filter_map(move |column| {
            Some((table, column.name.as_str(), column.sequence.as_deref()?))
        })
    })
}
