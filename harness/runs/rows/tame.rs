//! Which scripts take no value with them, there and back, as far as their text tells: what they do to
//! rows is to look at them, and at most to fail because of them.
//!
//! Knows a migration's text, and doubts what it does not know. Must not know a database.

use super::harmless::are_all;
use super::items::{Cursor, Item, items, parted, says};
use crate::sql::{self, StatementKind as K};

/// Whether every row and value that stood before a script stands after it and the other one: one of
/// them may fail, but neither changes a row, and what is taken away again is what was made.
pub(in crate::runs) fn keeps_rows(there: &str, back: &str) -> bool {
    are_all(there, back, only_looks)
}

/// Whether a statement changes no row.
fn only_looks(text: &str) -> bool {
    match sql::kind(text) {
        // The other script would be read in another place than it was written for.
        K::Set | K::SetLocal | K::Reset => !says(text, &["search_path", "all"]),
        K::Begin
        | K::Commit
        | K::SetConstraints
        | K::SetTransaction
        | K::Show
        | K::Lock
        | K::Analyze
        | K::Vacuum
        | K::Reindex
        | K::Checkpoint
        | K::CreateIndex => true,
        K::Select => calls_nothing(text) && !says(text, &["into"]),
        K::AlterTable => {
            let items = items(text);
            let mut rest = Cursor(&items);
            rest.altered().is_some() && parted(rest.0).all(only_constrains)
        }
        _ => false,
    }
}

/// Whether a query calls no function that somebody wrote.
fn calls_nothing(text: &str) -> bool {
    let known =
        ["pg_sleep", "count", "in", "as", "and", "or", "not", "where", "from", "exists", "any"];
    items(text).windows(2).all(|pair| match pair {
        [name, open] if open.is_sign("(") && !name.parts().is_empty() => {
            name.is_any(&known) || name.is_any(&["select", "values", "on", "using", "by"])
        }
        _ => true,
    })
}

/// Whether an action of `ALTER TABLE` only says what values may be.
fn only_constrains(action: &[Item]) -> bool {
    let mut rest = Cursor(action);
    if rest.skip(&["alter"]) {
        rest.skip(&["column"]);
        if rest.name().is_none() {
            return false;
        }
        let changes = rest.skip(&["set"]) || rest.skip(&["drop"]);
        return changes && (rest.skip(&["not", "null"]) || rest.skip(&["default"]));
    }
    let adds: &[&[&str]] = &[
        &["add", "constraint"],
        &["add", "check"],
        &["add", "unique"],
        &["add", "primary"],
        &["add", "foreign"],
        &["add", "exclude"],
    ];
    adds.iter().any(|words| rest.skip(words))
        || rest.skip(&["validate", "constraint"])
        || (rest.skip(&["drop", "constraint"]) && !rest.has("cascade"))
}

#[cfg(test)]
mod tests {
    use super::keeps_rows;

    #[test]
    fn scripts_that_take_nothing_with_them() {
        for (there, back) in [
            ("ALTER TABLE t ADD c text; SELECT pg_sleep(seconds) FROM g", "ALTER TABLE t DROP c"),
            ("CREATE UNIQUE INDEX CONCURRENTLY i ON t (c)", "DROP INDEX CONCURRENTLY i"),
            ("BEGIN; CREATE TABLE u (id int); COMMIT;", "BEGIN; DROP TABLE u; COMMIT"),
            (
                "ALTER TABLE t ADD CONSTRAINT k CHECK (c > 0) NOT VALID",
                "ALTER TABLE t DROP CONSTRAINT k",
            ),
            (
                "ALTER TABLE t ADD FOREIGN KEY (c) REFERENCES u ON DELETE CASCADE",
                "ALTER TABLE t DROP CONSTRAINT t_c_fkey",
            ),
            ("ALTER TABLE t ALTER c SET NOT NULL", "ALTER TABLE t ALTER COLUMN c DROP NOT NULL"),
        ] {
            assert!(keeps_rows(there, back), "{there} | {back}");
        }
    }

    #[test]
    fn scripts_that_may_take_something() {
        for (there, back) in [
            ("ALTER TABLE t DROP c", "ALTER TABLE t ADD c text"),
            ("UPDATE t SET c = 1", "SELECT 1"),
            ("CREATE INDEX i ON t (c)", "DELETE FROM t"),
            ("CREATE INDEX i ON t (c)", "ALTER TABLE t DROP c"),
            ("CREATE TABLE u (id int)", "DROP TABLE u CASCADE"),
            ("CREATE TABLE IF NOT EXISTS u (id int)", "DROP TABLE u"),
            ("DROP TABLE u; CREATE TABLE u (id int)", "DROP TABLE u"),
            ("SET search_path = s; CREATE TABLE u (id int)", "DROP TABLE u"),
            ("SELECT tidy(c) FROM t", "SELECT 1"),
            ("SELECT * INTO u FROM t", "DROP TABLE u"),
            ("ALTER TABLE t ALTER c TYPE int USING 0", "ALTER TABLE t ALTER c TYPE text"),
            ("ALTER TABLE t DROP CONSTRAINT k CASCADE", "SELECT 1"),
            ("DO $$ BEGIN END $$", "SELECT 1"),
            ("CALL tidy()", "SELECT 1"),
        ] {
            assert!(!keeps_rows(there, back), "{there} | {back}");
        }
    }
}
