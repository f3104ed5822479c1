//! What a reader and a writer of a table ask for, without reading or writing much.

use super::query::{Effect, Query};

/// A query that takes a reader's lock on `table`, which is SQL.
pub fn reader(table: &str) -> Query {
    Query::plain(table, &format!("SELECT 1 FROM {table} LIMIT 1"), Effect::Reads)
}

/// A query that takes a writer's lock on `table` and gives it back: rows stay as they are.
pub fn writer(table: &str) -> Query {
    let lock = format!("LOCK TABLE {table} IN ROW EXCLUSIVE MODE");
    Query::plain(table, &lock, Effect::RolledBack)
}
