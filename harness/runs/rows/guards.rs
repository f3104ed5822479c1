//! What stands between a table and its new rows: triggers that fire on INSERT, and their functions.
//!
//! Knows the schema before a migration, and which statements reach for such a table or function. A
//! text alone does not tell: a column that is added is harmless unless a trigger copies whole rows.

use std::collections::BTreeSet;

use super::items::says;
use crate::schema::{Node, Snapshot};
use crate::sql::{self, StatementKind as K};

/// Names without a schema, folded as SQL folds them.
#[derive(Debug, Default)]
pub(super) struct Guards {
    tables: BTreeSet<String>,
    functions: BTreeSet<String>,
}

impl Guards {
    pub(super) fn of(schema: &Snapshot) -> Self {
        let mut guards = Self::default();
        for table in schema.objects() {
            for trigger in table.children.iter().filter(|part| fires_on_insert(part)) {
                guards.tables.insert(bare(&table.name));
                let call = trigger.text.rsplit_once(" EXECUTE FUNCTION ");
                let function = call.and_then(|(_, call)| call.split_once('('));
                guards.functions.extend(function.map(|(function, _)| bare(function)));
            }
        }
        guards
    }

    /// Whether a statement may change what such a trigger does, or what it meets.
    pub(super) fn may_fail_after(&self, text: &str) -> bool {
        let named = |among: &BTreeSet<String>| {
            let mut names = sql::names(text).into_iter();
            names.any(|mut name| name.parts.pop().is_some_and(|last| among.contains(&last)))
        };
        match sql::kind(text) {
            K::AlterTable | K::DropTable => named(&self.tables),
            K::CreateFunction => says(text, &["replace"]) && named(&self.functions),
            K::AlterFunction | K::DropFunction => named(&self.functions),
            _ => false,
        }
    }
}

/// Whether a trigger that an upgrade makes fires on INSERT.
pub(super) fn makes_one(text: &str) -> bool {
    sql::kind(text) == K::CreateTrigger && says(text, &["insert"])
}

fn fires_on_insert(part: &Node) -> bool {
    let is_on = !part.text.ends_with(", disabled") && !part.text.ends_with(", replica");
    let events = part.text.split_once(" ON ").map_or("", |(events, _)| events);
    part.kind == "trigger" && is_on && events.contains("INSERT")
}

/// The last part of a name as SQL writes it, without quotes.
fn bare(name: &str) -> String {
    match name.strip_suffix('"').and_then(|rest| rest.rsplit_once('"')) {
        Some((_, last)) => last.to_owned(),
        None => name.rsplit_once('.').map_or(name, |(_, last)| last).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Guards, bare, makes_one};

    #[test]
    fn statements_that_reach_for_what_guards_a_table() {
        let set = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect();
        let guards = Guards { tables: set(&["visit"]), functions: set(&["check_visit"]) };
        for text in [
            "ALTER TABLE public.visit ADD COLUMN note text",
            "CREATE OR REPLACE FUNCTION check_visit() RETURNS trigger LANGUAGE plpgsql AS ''",
            "ALTER FUNCTION public.check_visit() RENAME TO other",
            "DROP FUNCTION IF EXISTS Check_Visit()",
        ] {
            assert!(guards.may_fail_after(text), "{text}");
        }
        for text in [
            "ALTER TABLE public.visits ADD COLUMN visit text",
            "CREATE FUNCTION check_visit(int) RETURNS int LANGUAGE sql AS ''",
            "CREATE INDEX ON visit (note)",
        ] {
            let expected = text.contains("COLUMN visit");
            assert_eq!(guards.may_fail_after(text), expected, "{text}");
        }
        assert!(makes_one("CREATE TRIGGER t BEFORE INSERT OR UPDATE ON v EXECUTE FUNCTION f()"));
        assert!(!makes_one("CREATE TRIGGER t BEFORE UPDATE ON v EXECUTE FUNCTION f()"));
    }

    #[test]
    fn the_last_part_of_a_name() {
        assert_eq!(
            ["public.a", "public.\"A b\"", "\"A.x\"", "a"].map(bare),
            ["a", "A b", "A.x", "a"]
        );
    }
}
