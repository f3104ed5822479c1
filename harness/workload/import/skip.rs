//! What is not imported, and why.
//!
//! Knows which statements an application's work is made of. Must not know how often they come.

use std::collections::HashSet;
use std::fmt;

use super::normal::Normal;
use super::scope::Relation;
use crate::sql::{self, StatementKind as K};

/// Why a statement is no query of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// BEGIN, COMMIT, SAVEPOINT and the like.
    Transaction,
    /// SET, DDL, VACUUM and whatever else is neither a query nor a change of rows.
    Utility,
    /// COPY.
    Copy,
    /// EXPLAIN.
    Explain,
    /// CALL and DO, which can't be prepared.
    Call,
    /// It reads the server's own tables only.
    Catalog,
    /// It reads no table and calls no function of the database's own.
    NoTable,
    /// It is sent by a function that is counted itself.
    Nested,
    /// A further part of a result.
    Fetch,
    /// Its text is hidden from this role.
    Hidden,
    /// Its text can't be read: it is cut off, or no SQL.
    Unreadable,
}

impl fmt::Display for Skip {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Transaction => "transaction control",
            Self::Utility => "utility statements",
            Self::Copy => "COPY",
            Self::Explain => "EXPLAIN",
            Self::Call => "CALL and DO, which can't be prepared",
            Self::Catalog => "queries of the server's catalogs",
            Self::NoTable => "queries that read no table",
            Self::Nested => "statements within functions",
            Self::Fetch => "further parts of a result",
            Self::Hidden => "texts that are hidden from this role",
            Self::Unreadable => "texts that can't be read",
        })
    }
}

/// Why a statement of this kind is none, whatever it names.
pub(super) fn by_kind(text: &str) -> Option<Skip> {
    match sql::kind(text) {
        K::Select | K::With | K::Insert | K::Update | K::Delete | K::Merge => None,
        kind if kind.controls_transaction() => Some(Skip::Transaction),
        K::SetTransaction | K::CommitPrepared | K::RollbackPrepared => Some(Skip::Transaction),
        K::Copy => Some(Skip::Copy),
        K::Explain => Some(Skip::Explain),
        K::Call | K::Do => Some(Skip::Call),
        _ => Some(Skip::Utility),
    }
}

/// Functions that ask the server about itself, or only shape a value.
const OWN: [&str; 15] = [
    "version",
    "now",
    "current_database",
    "current_schema",
    "current_schemas",
    "set_config",
    "current_setting",
    "count",
    "txid_current",
    "inet_server_addr",
    "inet_client_addr",
    "generate_series",
    "unnest",
    "to_regclass",
    "format_type",
];

/// Why a query is none, by what it names; `own` are tables that are called like catalogs and are none.
pub(super) fn by_names(normal: &Normal<'_>, own: &HashSet<String>) -> Option<Skip> {
    if normal.scopes.scopes.iter().any(|scope| scope.makes_table) {
        return Some(Skip::Utility);
    }
    let mut tables = normal.scopes.tables().peekable();
    if tables.peek().is_some() {
        return tables.all(|it| is_catalog(it, own)).then_some(Skip::Catalog);
    }
    let words = &normal.words;
    let calls = |at: usize| {
        let name = words.function(at).filter(|_| words.text(at + 1) == "(")?;
        (!name.starts_with("pg_") && !OWN.contains(&name.as_str())).then_some(())
    };
    let has_own = words.places().any(|at| calls(at).is_some());
    (!has_own).then_some(Skip::NoTable)
}

fn is_catalog(relation: &Relation, own: &HashSet<String>) -> bool {
    match relation.name.as_slice() {
        [name] => name.starts_with("pg_") && !own.contains(name),
        // Nobody else's schema may begin like that.
        [.., schema, _] => schema == "information_schema" || schema.starts_with("pg_"),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Skip, by_kind, by_names};
    use crate::workload::import::normal::Normal;

    #[test]
    fn only_queries_of_an_application_stay() {
        let own = HashSet::from(["pg_own".to_owned()]);
        for (text, expected) in [
            ("SELECT a FROM t", None),
            ("SELECT a FROM public.pg_search_documents", None),
            ("SELECT a FROM pg_own", None),
            ("SELECT a FROM pg_other", Some(Skip::Catalog)),
            ("WITH x AS (SELECT 1) DELETE FROM t USING x", None),
            ("INSERT INTO t VALUES (1)", None),
            ("SELECT place_order($1)", None),
            ("SELECT nextval('s')", None),
            ("BEGIN", Some(Skip::Transaction)),
            ("SET TRANSACTION READ ONLY", Some(Skip::Transaction)),
            ("SET search_path = x", Some(Skip::Utility)),
            ("CREATE TABLE t (a int)", Some(Skip::Utility)),
            ("SELECT a INTO u FROM t", Some(Skip::Utility)),
            ("COPY t FROM STDIN", Some(Skip::Copy)),
            ("EXPLAIN SELECT a FROM t", Some(Skip::Explain)),
            ("CALL work(1)", Some(Skip::Call)),
            (
                "SELECT relname FROM pg_catalog.pg_class c JOIN pg_namespace n ON true",
                Some(Skip::Catalog),
            ),
            ("SELECT * FROM information_schema.tables", Some(Skip::Catalog)),
            ("SELECT a FROM t, pg_class", None),
            ("SELECT 1", Some(Skip::NoTable)),
            ("SELECT coalesce(1, 2)", Some(Skip::NoTable)),
            ("SELECT pg_advisory_lock($1), version()", Some(Skip::NoTable)),
        ] {
            let found = by_kind(text).or_else(|| by_names(&Normal::read(text).unwrap(), &own));
            assert_eq!(found, expected, "{text}");
        }
    }
}
