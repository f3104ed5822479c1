//! Statements that `PostgreSQL` refuses in a transaction block.
//!
//! Knows what the server refuses by the statement's own words, on 14 to 18. Must not know what the
//! server alone can tell: a procedure that commits, `CLUSTER` and `REINDEX` of a partitioned table.

use super::kind::{StatementKind, kind, significant};
use super::token::{TokenKind, tokens};

/// The words that make the server refuse the statement in a transaction block, or none where it
/// runs in one. Several statements in one message are such a block as well.
///
/// Where options or the object's state decide, it answers for what the statement says: `CREATE
/// SUBSCRIPTION` without `create_slot = false` or `connect = false` is refused; `DROP SUBSCRIPTION`
/// is, since a subscription has a slot unless somebody took it away.
pub fn refuses_transaction(statement: &str) -> Option<&'static str> {
    use StatementKind as K;
    let words = || Words::new(statement);
    match kind(statement) {
        K::CreateIndex if words().has(&["index", "concurrently"]) => {
            Some("CREATE INDEX CONCURRENTLY")
        }
        K::DropIndex if words().has(&["index", "concurrently"]) => Some("DROP INDEX CONCURRENTLY"),
        K::Reindex => reindex(&words()),
        K::AlterTable if words().detaches_concurrently() => {
            Some("DETACH PARTITION .. CONCURRENTLY")
        }
        K::Vacuum => Some("VACUUM"),
        K::Cluster if words().names_no_table() => Some("CLUSTER"),
        K::CreateDatabase => Some("CREATE DATABASE"),
        K::DropDatabase => Some("DROP DATABASE"),
        K::AlterDatabase if words().has(&["set", "tablespace"]) => {
            Some("ALTER DATABASE SET TABLESPACE")
        }
        K::CreateTablespace => Some("CREATE TABLESPACE"),
        K::DropTablespace => Some("DROP TABLESPACE"),
        K::AlterSystem => Some("ALTER SYSTEM"),
        K::Discard if words().has(&["discard", "all"]) => Some("DISCARD ALL"),
        K::CommitPrepared => Some("COMMIT PREPARED"),
        K::RollbackPrepared => Some("ROLLBACK PREPARED"),
        K::CreateSubscription if words().makes_slot() => Some("CREATE SUBSCRIPTION"),
        K::DropSubscription => Some("DROP SUBSCRIPTION"),
        K::AlterSubscription if words().refreshes() => Some("ALTER SUBSCRIPTION .. REFRESH"),
        K::AlterSubscription if words().changes_slot() => Some("ALTER SUBSCRIPTION .. SET"),
        _ => None,
    }
}

fn reindex(words: &Words<'_>) -> Option<&'static str> {
    if words.is_on("concurrently") || words.outside().any(|word| is(word, "concurrently")) {
        return Some("REINDEX CONCURRENTLY");
    }
    let mut outside = words.outside().skip(1);
    let what = outside.find(|word| !is(word, "verbose"))?;
    match () {
        () if is(what, "database") => Some("REINDEX DATABASE"),
        () if is(what, "system") => Some("REINDEX SYSTEM"),
        () if is(what, "schema") => Some("REINDEX SCHEMA"),
        () => None,
    }
}

fn is(word: &str, want: &str) -> bool {
    word.eq_ignore_ascii_case(want)
}

/// A statement's words and signs, each with the depth of its parentheses.
struct Words<'a> {
    all: Vec<(usize, &'a str)>,
}

impl<'a> Words<'a> {
    fn new(statement: &'a str) -> Self {
        let mut depth = 0_usize;
        let all = significant(statement).map(|(token, text)| match (token.kind, text) {
            (TokenKind::Punct, "(") => {
                depth += 1;
                (depth, text)
            }
            (TokenKind::Punct, ")") => {
                depth = depth.saturating_sub(1);
                (depth + 1, text)
            }
            _ => (depth, text),
        });
        Self { all: all.collect() }
    }

    /// Those outside of parentheses.
    fn outside(&self) -> impl Iterator<Item = &'a str> {
        self.all.iter().filter(|(depth, word)| *depth == 0 && *word != ";").map(|(_, word)| *word)
    }

    /// Whether `wanted` stand side by side, outside of parentheses.
    fn has(&self, wanted: &[&str]) -> bool {
        let outside: Vec<_> = self.outside().collect();
        outside
            .windows(wanted.len())
            .any(|found| found.iter().zip(wanted).all(|(word, want)| is(word, want)))
    }

    /// The value of an option in parentheses: `(name)`, `(name off)`, `(name = false)`.
    fn option(&self, name: &str) -> Option<&'a str> {
        let mut inside = self.all.iter().skip_while(|(depth, word)| *depth != 1 || !is(word, name));
        inside.next()?;
        let value = inside.map(|(_, word)| *word).find(|word| *word != "=");
        Some(value.filter(|word| !matches!(*word, "," | ")")).unwrap_or("true"))
    }

    fn is_on(&self, name: &str) -> bool {
        self.option(name).is_some_and(|value| !is_off(value))
    }

    fn is_off(&self, name: &str) -> bool {
        self.option(name).is_some_and(is_off)
    }

    /// `DETACH PARTITION name CONCURRENTLY`, whatever the parts of the name are.
    fn detaches_concurrently(&self) -> bool {
        self.has(&["detach", "partition"])
            && self.outside().last().is_some_and(|word| is(word, "concurrently"))
    }

    /// `CLUSTER`, `CLUSTER VERBOSE` or `CLUSTER (VERBOSE)`.
    fn names_no_table(&self) -> bool {
        !self.outside().skip(1).any(|word| !is(word, "verbose"))
    }

    fn makes_slot(&self) -> bool {
        !self.is_off("create_slot") && !self.is_off("connect")
    }

    /// The options that the publisher's slot must learn of.
    fn changes_slot(&self) -> bool {
        self.option("failover").is_some() || self.is_off("two_phase")
    }

    /// Also a new list of publications is fetched from the publisher, unless told otherwise.
    fn refreshes(&self) -> bool {
        let refresh = self.has(&["refresh", "publication"]);
        let lists = [["set", "publication"], ["add", "publication"], ["drop", "publication"]];
        let list = lists.iter().any(|words| self.has(words));
        refresh || (list && !self.is_off("refresh"))
    }
}

/// A boolean option's words for no, also as strings.
fn is_off(value: &str) -> bool {
    let value = value.trim_matches('\'');
    value == "0" || is(value, "false") || is(value, "off") || is(value, "no")
}

/// Whether a ROLLBACK goes back to a savepoint and leaves its transaction open.
pub fn is_to_savepoint(statement: &str) -> bool {
    let mut words = tokens(statement).filter_map(|token| statement.get(token.bytes));
    words.any(|word| word.eq_ignore_ascii_case("to"))
}

#[cfg(test)]
mod tests {
    use super::refuses_transaction;

    #[test]
    fn what_the_server_refuses_is_named() {
        for (text, want) in [
            (
                "create unique index /* x */ concurrently if not exists a on b (c)",
                "CREATE INDEX CONCURRENTLY",
            ),
            ("CREATE INDEX CONCURRENTLY ON b (c);", "CREATE INDEX CONCURRENTLY"),
            ("drop index concurrently if exists a", "DROP INDEX CONCURRENTLY"),
            ("reindex table concurrently a", "REINDEX CONCURRENTLY"),
            ("reindex (verbose, concurrently) table a", "REINDEX CONCURRENTLY"),
            ("reindex (concurrently on) index a", "REINDEX CONCURRENTLY"),
            ("reindex database a", "REINDEX DATABASE"),
            ("reindex (verbose) schema a", "REINDEX SCHEMA"),
            ("reindex system a", "REINDEX SYSTEM"),
            (
                "alter table a detach partition \"B\".c concurrently",
                "DETACH PARTITION .. CONCURRENTLY",
            ),
            ("vacuum (analyze) a", "VACUUM"),
            ("cluster", "CLUSTER"),
            ("cluster (verbose);", "CLUSTER"),
            ("create database a", "CREATE DATABASE"),
            ("drop database if exists a with (force)", "DROP DATABASE"),
            ("alter database a set tablespace b", "ALTER DATABASE SET TABLESPACE"),
            ("create tablespace a location '/a'", "CREATE TABLESPACE"),
            ("drop tablespace a", "DROP TABLESPACE"),
            ("alter system reset all", "ALTER SYSTEM"),
            ("discard all", "DISCARD ALL"),
            ("commit prepared 'a'", "COMMIT PREPARED"),
            ("rollback prepared 'a'", "ROLLBACK PREPARED"),
            ("create subscription a connection 'b' publication c", "CREATE SUBSCRIPTION"),
            (
                "create subscription a connection 'b' publication c with (create_slot)",
                "CREATE SUBSCRIPTION",
            ),
            ("drop subscription a", "DROP SUBSCRIPTION"),
            ("alter subscription a refresh publication", "ALTER SUBSCRIPTION .. REFRESH"),
            ("alter subscription a add publication b", "ALTER SUBSCRIPTION .. REFRESH"),
            ("alter subscription a set (failover = false)", "ALTER SUBSCRIPTION .. SET"),
        ] {
            assert_eq!(refuses_transaction(text), Some(want), "{text}");
        }
    }

    #[test]
    fn what_runs_in_a_transaction_is_left_alone() {
        for text in [
            "create index a on b (c)",
            "create index \"concurrently\" on b (c)",
            "create table concurrently_done (a int)",
            "-- concurrently\ndrop index a",
            "refresh materialized view concurrently a",
            "reindex table a",
            "reindex (concurrently false) table a",
            "reindex table \"database\"",
            "alter table a detach partition b",
            "alter table a detach partition b finalize",
            "cluster a using b",
            "cluster verbose a",
            "analyze a",
            "alter database a set work_mem = '1MB'",
            "alter table a set tablespace b",
            "discard temp",
            "alter type a add value 'b'",
            "create subscription a connection 'b' publication c with (connect = false)",
            "create subscription a connection 'b' publication c with (enabled, create_slot = 'off')",
            "alter subscription a disable",
            "alter subscription a set (two_phase = true, slot_name = none)",
            "alter subscription a set publication b with (refresh = false)",
            "do $$ begin execute 'vacuum'; end $$",
            "select 'vacuum'",
            "",
        ] {
            assert_eq!(refuses_transaction(text), None, "{text}");
        }
    }
}
