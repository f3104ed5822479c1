//! What a script that commits statement by statement leaves when it stops, and taking that back.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::migrations::Move;
use crate::postgres::{PostgresError, Session, milliseconds, qualified};
use crate::sql::{self, StatementKind};

use super::script::Left;
use super::version_table::Ledger;

/// The invalid indexes, by oid.
pub async fn invalid_indexes(session: &mut Session) -> Result<BTreeSet<String>, PostgresError> {
    let sql = "SELECT indexrelid FROM pg_catalog.pg_index WHERE NOT indisvalid";
    Ok(session.rows(sql).await?.into_iter().flatten().flatten().collect())
}

/// Drops the invalid indexes that are not among `known` and that concurrent builds and rebuilds in
/// `script` can have left: others' builds may fail at the same time. Gives their names.
pub async fn drop_invalid(
    session: &mut Session,
    known: &BTreeSet<String>,
    script: &str,
) -> Result<Vec<String>, PostgresError> {
    let sql = "SELECT i.indexrelid, n.nspname, c.relname, t.relname FROM pg_catalog.pg_index i \
               JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
               JOIN pg_catalog.pg_class t ON t.oid = i.indrelid \
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
               WHERE NOT i.indisvalid AND c.relkind = 'i'";
    let mut dropped = Vec::new();
    for row in session.rows(sql).await? {
        let cells: Vec<String> = row.into_iter().flatten().collect();
        let [oid, schema, name, table] = cells.as_slice() else { continue };
        if !known.contains(oid) && may_leave(script, name, table) {
            let index = qualified(schema, name);
            session.execute(&format!("DROP INDEX CONCURRENTLY IF EXISTS {index}")).await?;
            dropped.push(format!("{schema}.{name}"));
        }
    }
    Ok(dropped)
}

/// Whether a script builds an index of this name, or one of the server's choice on this table.
fn may_leave(script: &str, name: &str, table: &str) -> bool {
    let spoken = spoken_of(script);
    // A rebuild makes `name_ccnew` beside `name`.
    let rebuilt = name.rsplit_once("_cc").map(|(stem, _)| stem);
    let is_named = spoken.contains(name) || rebuilt.is_some_and(|stem| spoken.contains(stem));
    let words: Vec<String> = sql::names(script).into_iter().map(|it| it.parts.concat()).collect();
    let has_unnamed = words.windows(2).any(|pair| pair == ["concurrently", "on"]);
    let is_of_server =
        has_unnamed && name.strip_prefix(table).is_some_and(|it| it.starts_with('_'));
    is_named || (spoken.contains(table) && (is_of_server || rebuilt.is_some()))
}

/// The last parts of all names.
fn spoken_of(text: &str) -> BTreeSet<String> {
    sql::names(text).into_iter().filter_map(|mut name| name.parts.pop()).collect()
}

/// Takes back what a script that commits statement by statement did before it stopped: those statements
/// of the other script that speak of what it made, where that may not be there. Then the version table.
/// Gives how many statements took something back, and how many found nothing.
pub async fn undo(
    session: &mut Session,
    ledger: &Ledger,
    back: &Move<'_>,
    left: &Left,
    within: Duration,
) -> Result<(usize, usize), PostgresError> {
    /// Undefined table, object, column, function, schema.
    const MISSING: [&str; 5] = ["42P01", "42704", "42703", "42883", "3F000"];
    let made: Vec<&str> = left.done.iter().chain(&left.doubtful).map(String::as_str).collect();
    let (mut done, mut missing) = (0, 0);
    if let Some(script) = back.script().filter(|_| !made.is_empty()) {
        let sql = script.sql();
        let cut = sql::split(&sql);
        let cut = cut.map_err(|error| PostgresError::Unexpected(error.to_string()))?;
        session.execute(&format!("SET statement_timeout = {}", milliseconds(within))).await?;
        let texts = cut.iter().map(|statement| statement.text(&sql));
        for text in texts.filter(|text| takes_back(text, &made)) {
            match session.execute(text).await {
                Ok(()) => done += 1,
                Err(PostgresError::Sql(failure))
                    if MISSING.contains(&failure.sqlstate.as_str()) =>
                {
                    missing += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }
    session.execute(&ledger.entry(back)).await?;
    Ok((done, missing))
}

/// Whether a statement takes away something that one of `made` speaks of.
fn takes_back(text: &str, made: &[&str]) -> bool {
    /// What stands before the name of what is dropped.
    const BEFORE: [&str; 15] = [
        "drop",
        "alter",
        "table",
        "index",
        "view",
        "materialized",
        "type",
        "sequence",
        "function",
        "concurrently",
        "if",
        "exists",
        "only",
        "column",
        "constraint",
    ];
    // Each statement is its own transaction: those of the script are around nothing.
    if sql::kind(text).controls_transaction() {
        return false;
    }
    let names = sql::names(text).into_iter().filter_map(|mut name| name.parts.pop());
    let mut names = names.filter(|name| !BEFORE.contains(&name.as_str()));
    let is_alter = sql::kind(text) == StatementKind::AlterTable;
    // Of a table that is altered, the column or constraint is what was made.
    let target = if is_alter { names.nth(1) } else { names.next() };
    target.is_some_and(|name| made.iter().any(|text| spoken_of(text).contains(&name)))
}

#[cfg(test)]
mod tests {
    use super::{may_leave, takes_back};

    #[test]
    fn only_what_a_script_builds_is_its_own() {
        let build = "CREATE INDEX CONCURRENTLY i ON s.t (a)";
        assert!(may_leave(build, "i", "t"));
        assert!(!may_leave(build, "j", "t") && !may_leave(build, "t_a_idx", "t"));
        let unnamed = "CREATE INDEX CONCURRENTLY ON s.t (a)";
        assert!(may_leave(unnamed, "t_a_idx", "t") && !may_leave(unnamed, "u_a_idx", "u"));
        let rebuild = "REINDEX TABLE CONCURRENTLY t";
        assert!(may_leave(rebuild, "i_ccnew", "t") && !may_leave(rebuild, "i", "t"));
        assert!(may_leave("REINDEX INDEX CONCURRENTLY i", "i_ccnew1", "t"));
    }

    #[test]
    fn only_what_was_made_is_taken_back() {
        let made = ["CREATE INDEX CONCURRENTLY i ON t (a)", "ALTER TABLE t ADD COLUMN c int"];
        assert!(takes_back("DROP INDEX CONCURRENTLY IF EXISTS s.i", &made));
        assert!(takes_back("ALTER TABLE ONLY t DROP COLUMN c", &made));
        assert!(!takes_back("DROP INDEX CONCURRENTLY j", &made));
        assert!(!takes_back("ALTER TABLE t DROP COLUMN d", &made));
        assert!(!takes_back("COMMIT", &made));
    }
}
