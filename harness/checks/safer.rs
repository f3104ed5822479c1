//! What an upgrade may do to others, and how the same is done while they go on.

use std::time::Duration;

use crate::finding::{Finding, Severity};
use crate::sql::{self, StatementKind as K};
use crate::workload::MissingIndex;

use super::times::millis;

/// What is allowed; over it a finding is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// How long others may wait for a lock.
    pub blocked: Duration,
    /// How many rows of one table may be rewritten.
    pub rewrite_rows: u64,
    /// How long an upgrade may take, if anybody minds.
    pub duration: Option<Duration>,
    /// How many bytes of WAL it may write, if anybody minds.
    pub wal: Option<u64>,
}

impl Default for Budgets {
    fn default() -> Self {
        let (duration, wal) = (None, None);
        Self { blocked: Duration::from_secs(1), rewrite_rows: 100_000, duration, wal }
    }
}

/// An error if it is over its budget.
pub(super) fn over(finding: Finding, is_over: bool) -> Finding {
    if is_over { Finding { severity: Severity::Error, ..finding } } else { finding }
}

/// How an index is made while others go on.
pub(super) fn concurrently(definition: &str) -> String {
    definition.replacen("INDEX", "INDEX CONCURRENTLY", 1)
}

/// What an index that is missing does, and how it is made.
pub(super) fn with_index(finding: Finding, missing: Option<&MissingIndex>) -> Finding {
    let Some(missing) = missing else { return finding };
    let tried = format!(
        "tried on the copy: alone it takes {} with an index and {} without",
        millis(missing.with),
        millis(missing.without)
    );
    let detail = match &finding.detail {
        Some(detail) => format!("{detail}\n{tried}"),
        None => tried,
    };
    let definition = concurrently(&missing.definition);
    let help = format!("make the index, in a script without a transaction: {definition}");
    finding.detail(detail).help(help)
}

/// What does the same while others go on, by what the script says.
pub(super) fn safer(script: &str) -> String {
    let statements = sql::split(script).unwrap_or_default();
    let texts = statements.iter().map(|statement| statement.text(script));
    let mut advice: Vec<&str> = Vec::new();
    for text in texts {
        let has = |words: &[&str]| {
            let mut tokens = sql::tokens(text).filter_map(|token| text.get(token.bytes));
            words.iter().all(|word| tokens.any(|it| it.eq_ignore_ascii_case(word)))
        };
        let own: &[&str] = match sql::kind(text) {
            K::CreateIndex if !has(&["concurrently"]) => {
                &["CREATE INDEX CONCURRENTLY, in a script without a transaction"]
            }
            K::AlterTable if has(&["table", "alter", "type"]) => &[
                "a new column of the new type, filled in batches, kept by a trigger meanwhile, and swapped \
                 by name",
            ],
            K::AlterTable if has(&["foreign", "key"]) || has(&["references"]) => {
                &["ADD CONSTRAINT .. NOT VALID, and VALIDATE CONSTRAINT in a later transaction"]
            }
            K::AlterTable if has(&["set", "not", "null"]) => &[
                "ADD CONSTRAINT .. CHECK (.. IS NOT NULL) NOT VALID, VALIDATE CONSTRAINT in a later \
                 transaction, and only then SET NOT NULL, which reads nothing any more",
            ],
            K::AlterTable if has(&["check"]) => {
                &["ADD CONSTRAINT .. NOT VALID, and VALIDATE CONSTRAINT in a later transaction"]
            }
            K::AlterTable if has(&["add"]) && has(&["default"]) => &[
                "ADD COLUMN without the default, fill it in batches, then SET DEFAULT: only a constant \
                 is added without writing all rows",
            ],
            K::Update | K::Delete => {
                &["batches of some thousand rows, each in a transaction of its own"]
            }
            K::Cluster | K::Vacuum => &["pg_repack, or a time in which nobody works"],
            _ => &[],
        };
        advice.extend(own.iter().filter(|it| !advice.contains(it)).copied().collect::<Vec<_>>());
    }
    match advice.as_slice() {
        [] => "do it in a time in which nobody works, or in smaller parts".to_owned(),
        all => all.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::safer;

    #[test]
    fn each_statement_has_its_safer_form() {
        for (script, part) in [
            ("CREATE INDEX i ON t (a)", "CONCURRENTLY"),
            ("ALTER TABLE t ALTER COLUMN a TYPE bigint", "a new column of the new type"),
            ("ALTER TABLE t ALTER a SET NOT NULL", "only then SET NOT NULL"),
            ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u", "NOT VALID"),
            ("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", "NOT VALID"),
            ("ALTER TABLE t ADD COLUMN a timestamptz DEFAULT clock_timestamp()", "SET DEFAULT"),
            ("UPDATE t SET a = 1", "batches"),
            ("LOCK TABLE t", "nobody works"),
            ("ALTER TABLE t ADD COLUMN type text DEFAULT f()", "SET DEFAULT"),
        ] {
            assert!(safer(script).contains(part), "{script}: {}", safer(script));
        }
    }
}
