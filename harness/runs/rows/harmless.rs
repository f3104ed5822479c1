//! Which statements can neither change rows nor fail because of them.
//!
//! Knows a migration's text, and doubts what it does not know. Must not know a database.

use std::collections::BTreeSet;

use super::index::Index;
use super::items::{Cursor, Item, items, parted, says};
use crate::sql::{self, StatementKind as K};

/// Which script a statement is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Upgrade,
    Downgrade,
}

/// What an upgrade makes, so that no row of before has a value in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Fresh {
    tables: BTreeSet<Vec<String>>,
    enums: BTreeSet<Vec<String>>,
    columns: Vec<Column>,
    /// Foreign keys about columns without values, by table.
    foreign_keys: BTreeSet<(Vec<String>, String)>,
}

/// A column that an upgrade adds.
#[derive(Clone, Debug)]
struct Column {
    table: Vec<String>,
    name: String,
    /// Whether it is NULL in all rows.
    is_empty: bool,
}

/// Whether no row can be in the way of a migration, nor be changed by it.
pub(super) fn is_harmless(upgrade: &str, downgrade: &str) -> bool {
    are_all(upgrade, downgrade, |_| false)
}

/// Whether every statement has to do with no rows of before, or is one that the caller knows.
pub(super) fn are_all(upgrade: &str, downgrade: &str, is_known: fn(&str) -> bool) -> bool {
    let mut fresh = Fresh::of(upgrade);
    let mut all = |script, side| {
        statements(script).is_some_and(|mut texts| {
            texts.all(|text| {
                fresh.is_without(text, side) || fresh.adds_or_takes(text, side) || is_known(text)
            })
        })
    };
    all(upgrade, Side::Upgrade) && all(downgrade, Side::Downgrade)
}

/// The statements of a script, if it can be cut.
pub(super) fn statements(script: &str) -> Option<impl Iterator<Item = &str>> {
    let statements = sql::split(script).ok()?;
    Some(statements.into_iter().filter_map(|it| script.get(it.bytes)))
}

impl Fresh {
    /// The tables and types that an upgrade makes. What is spoken of before was there before, and may
    /// make room for a table of the same name.
    pub(super) fn of(upgrade: &str) -> Self {
        let mut fresh = Self::default();
        let mut earlier = BTreeSet::new();
        for text in statements(upgrade).into_iter().flatten() {
            let spoken = sql::names(text).into_iter().filter_map(|mut name| name.parts.pop());
            let is_new = |name: &Vec<String>| name.last().is_none_or(|it| !earlier.contains(it));
            let made = made_by(text).filter(is_new);
            earlier.extend(spoken);
            match sql::kind(text) {
                K::CreateTable => fresh.tables.extend(made),
                K::CreateType => {
                    let items = items(text);
                    let mut rest = Cursor(&items);
                    rest.seek("type");
                    let name = rest.name().filter(|_| rest.skip(&["as", "enum"]));
                    fresh.enums.extend(name.map(<[_]>::to_vec));
                }
                _ => {}
            }
        }
        fresh
    }

    /// Whether a statement has to do with no rows that are there before.
    pub(super) fn is_without(&self, text: &str, side: Side) -> bool {
        let kind = sql::kind(text);
        is_of_no_rows(kind) || self.is_about(kind, text) || is_sound(kind, text, side)
    }

    /// Whether a statement has to do with tables that the migration makes, and with no others' rows.
    fn is_about(&self, kind: K, text: &str) -> bool {
        let items = items(text);
        let mut rest = Cursor(&items);
        let is_made = |name: Option<&[String]>| name.is_some_and(|it| self.tables.contains(it));
        match kind {
            K::CreateTable => is_made(made_by(text).as_deref()),
            K::CreateIndex | K::CreateTrigger => {
                rest.seek("on");
                rest.skip(&["only"]);
                is_made(rest.name())
            }
            K::AlterTable => !says(text, &["attach", "inherit"]) && is_made(rest.altered()),
            K::DropTable => {
                rest.seek("table");
                rest.skip(&["if", "exists"]);
                let mut names = parted(rest.0).map(|it| Cursor(it).name());
                !says(text, &["cascade"]) && names.all(is_made)
            }
            _ => false,
        }
    }

    /// Whether a statement does nothing but add columns that no row is in the way of, say something
    /// of them that is true without values, or take them away again. Keeps in mind which.
    fn adds_or_takes(&mut self, text: &str, side: Side) -> bool {
        let items = items(text);
        let mut rest = Cursor(&items);
        match sql::kind(text) {
            K::AlterTable => rest.altered().is_some_and(|table| {
                parted(rest.0).all(|action| match side {
                    Side::Upgrade => self.adds(table, Cursor(action)),
                    Side::Downgrade => self.takes(table, Cursor(action)),
                })
            }),
            K::CreateIndex => Index::of(&items).is_some_and(|index| {
                let has_empty = index.columns.iter().any(|it| self.is_empty(index.table, it));
                index.is_plain && has_empty && !Cursor(&items).has("distinct")
            }),
            _ => false,
        }
    }

    fn adds(&mut self, table: &[String], mut rest: Cursor<'_>) -> bool {
        if rest.skip(&["validate", "constraint"]) {
            return self.is_key(table, rest.name());
        }
        if !rest.skip(&["add"]) {
            return false;
        }
        let name = if rest.skip(&["constraint"]) { rest.name() } else { None };
        if rest.skip(&["foreign", "key"]) {
            let columns = rest.list().iter().filter_map(Item::name);
            // One NULL is enough, but for MATCH FULL.
            let has_empty = columns.into_iter().any(|column| self.is_empty(table, column));
            let key = name.map(|name| (table.to_vec(), name.concat()));
            self.foreign_keys.extend(key.filter(|_| has_empty));
            return has_empty && !rest.has("match");
        }
        rest.skip(&["column"]);
        let column = match rest.0.split_first() {
            Some((first, definition)) if name.is_none() && !first.is_any(NO_COLUMN) => {
                first.name().zip(self.is_empty_column(definition))
            }
            _ => None,
        };
        let added = column.map(|(name, is_empty)| Column {
            table: table.to_vec(),
            name: name.clone(),
            is_empty,
        });
        let is_sound = added.is_some();
        self.columns.extend(added);
        is_sound
    }

    fn takes(&self, table: &[String], mut rest: Cursor<'_>) -> bool {
        if !rest.skip(&["drop"]) {
            return false;
        }
        let is_key = rest.skip(&["constraint"]);
        if !is_key {
            rest.skip(&["column"]);
        }
        rest.skip(&["if", "exists"]);
        let name = rest.name();
        let is_new =
            |name: String| self.columns.iter().any(|it| it.table == table && it.name == name);
        let is_own = if is_key {
            self.is_key(table, name)
        } else {
            name.is_some_and(|name| is_new(name.concat()))
        };
        is_own && rest.0.is_empty()
    }

    fn is_key(&self, table: &[String], name: Option<&[String]>) -> bool {
        let key = name.map(|name| (table.to_vec(), name.concat()));
        key.is_some_and(|key| self.foreign_keys.contains(&key))
    }

    fn is_empty(&self, table: &[String], column: &str) -> bool {
        self.columns.iter().any(|it| it.table == table && it.name == column && it.is_empty)
    }

    /// Whether a column of this definition is NULL in all rows; `None` if rows may be in its way.
    fn is_empty_column(&self, definition: &[Item]) -> Option<bool> {
        let rest = Cursor(definition);
        let type_name = definition.first()?;
        let is_known = type_name.is_any(PLAIN_TYPES) || self.enums.contains(type_name.parts());
        let default = rest.after("default").and_then(<[_]>::first);
        let has_value = default.is_some_and(|it| !it.is("null"));
        let may_call = |pair: &[Item]| match pair {
            [name, open] => {
                open.is_sign("(")
                    && !name.parts().is_empty()
                    && !name.is_any(PLAIN_TYPES)
                    && !name.is("now")
            }
            _ => false,
        };
        let is_sound = match rest.after("references") {
            // NULL refers to nothing.
            Some(_) => default.is_none() && !rest.has("not"),
            None => (has_value || !rest.has("not")) && !definition.windows(2).any(may_call),
        };
        let is_sound = is_sound && is_known && !definition.iter().any(|it| it.is_any(MATTERS));
        is_sound.then_some(!has_value)
    }
}

/// The table of a `CREATE TABLE` that finds none there, takes no rows from elsewhere, and whose rows
/// are no other table's.
fn made_by(text: &str) -> Option<Vec<String>> {
    let brings =
        ["if", "select", "values", "execute", "partition", "inherits", "temp", "temporary"];
    let items = items(text);
    let tables = items.iter().filter(|item| item.is("table")).count();
    let mut rest = Cursor(&items);
    rest.seek("table");
    let name = rest.name()?;
    (tables == 1 && !says(text, &brings)).then(|| name.to_vec())
}

/// Statements that are sound as they are written.
fn is_sound(kind: K, text: &str, side: Side) -> bool {
    match kind {
        K::CreateIndex => Index::of(&items(text)).is_some_and(|it| it.is_plain && !it.is_unique),
        // Only rows that are put in notice a trigger, and none are after the downgrade.
        K::CreateTrigger => side == Side::Downgrade || !says(text, &["insert"]),
        K::DropTrigger => side == Side::Downgrade,
        K::DropType | K::DropDomain => !says(text, &["cascade"]),
        K::AlterTable => {
            let items = items(text);
            let mut rest = Cursor(&items);
            let is_security = |action: &[Item]| {
                let mut rest = Cursor(action);
                (rest.skip(&["enable"]) || rest.skip(&["disable"]))
                    && rest.skip(&["row", "level", "security"])
            };
            rest.altered().is_some() && parted(rest.0).all(is_security)
        }
        _ => false,
    }
}

/// Statements that neither change rows nor can fail because of them, whatever they say.
fn is_of_no_rows(kind: K) -> bool {
    matches!(
        kind,
        K::CreateView
            | K::CreateSequence
            | K::CreateFunction
            | K::CreateProcedure
            | K::CreateAggregate
            | K::CreatePolicy
            | K::CreateType
            | K::CreateDomain
            | K::CreateSchema
            | K::CreateStatistics
            | K::CreateRole
            | K::CreatePublication
            | K::AlterView
            | K::AlterFunction
            | K::AlterProcedure
            | K::AlterPolicy
            | K::AlterDefaultPrivileges
            | K::AlterRole
            | K::DropView
            | K::DropFunction
            | K::DropProcedure
            | K::DropPolicy
            | K::DropAggregate
            | K::DropIndex
            | K::DropRole
            | K::Comment
            | K::Grant
            | K::Revoke
    )
}

/// What is no column after ADD.
const NO_COLUMN: &[&str] =
    &["constraint", "check", "unique", "primary", "foreign", "exclude", "if"];

/// Types of the system that no constraint hides behind.
const PLAIN_TYPES: &[&str] = &[
    "bigint",
    "boolean",
    "bool",
    "bytea",
    "char",
    "character",
    "date",
    "decimal",
    "double",
    "inet",
    "int",
    "int2",
    "int4",
    "int8",
    "integer",
    "interval",
    "json",
    "jsonb",
    "numeric",
    "real",
    "smallint",
    "text",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
    "varchar",
    "varying",
];
/// What makes rows matter when a column is added.
const MATTERS: &[&str] = &["check", "unique", "primary", "constraint", "generated", "collate"];

#[cfg(test)]
mod tests {
    use super::{Fresh, Side, is_harmless, made_by};

    #[test]
    fn statements_about_tables_that_hold_no_rows() {
        let made = made_by("CREATE UNLOGGED TABLE s.t (id int REFERENCES p, d date DEFAULT now())");
        assert_eq!(made, Some(vec!["s".to_owned(), "t".to_owned()]));
        for text in [
            "CREATE TABLE IF NOT EXISTS s.t (id int)",
            "CREATE TABLE s.t AS SELECT 1",
            "CREATE TABLE s.t AS TABLE u",
            "CREATE TABLE s.t PARTITION OF u DEFAULT",
            "CREATE TEMP TABLE t (id int)",
        ] {
            assert_eq!(made_by(text), None, "{text}");
        }
        // One table goes, another one by its name comes.
        let make = "CREATE TABLE t (id int)";
        for text in ["DROP TABLE IF EXISTS t", "ALTER TABLE t RENAME TO u"] {
            assert!(!is_harmless(&format!("{text}; {make};"), "DROP TABLE t"), "{text}");
            assert!(is_harmless(&format!("{make}; {text};"), "DROP TABLE t"), "{text}");
        }
        let fresh = Fresh::of("CREATE TABLE s.t (id int)");
        for text in [
            "CREATE TABLE s.t (id int)",
            "CREATE UNIQUE INDEX i ON ONLY s.t (id)",
            "ALTER TABLE IF EXISTS ONLY s.t ADD UNIQUE (id)",
            "DROP TABLE IF EXISTS s.t",
        ] {
            assert!(fresh.is_without(text, Side::Upgrade), "{text}");
        }
        for text in [
            "CREATE UNIQUE INDEX i ON t (id)",
            "ALTER TABLE u ADD FOREIGN KEY (id) REFERENCES s.t",
            "ALTER TABLE s.t ATTACH PARTITION u DEFAULT",
            "DROP TABLE s.t, u",
            "DROP TABLE s.t CASCADE",
            "INSERT INTO s.t SELECT * FROM u",
        ] {
            assert!(!fresh.is_without(text, Side::Upgrade), "{text}");
        }
    }

    #[test]
    fn a_column_that_no_row_is_in_the_way_of() {
        for add in [
            "ADD COLUMN c numeric(8,4)",
            "add c text default '' not null",
            "ADD COLUMN c timestamptz NOT NULL DEFAULT now()",
            "ADD COLUMN c timestamp(3) with time zone DEFAULT '2020-01-01'::timestamptz",
            "ADD COLUMN c bigint REFERENCES u (id) ON DELETE CASCADE",
            "ADD COLUMN c mood NOT NULL DEFAULT 'happy'",
            "ADD COLUMN c int DEFAULT NULL, ADD d text",
        ] {
            let upgrade = format!("CREATE TYPE mood AS ENUM ('happy'); ALTER TABLE s.t {add};");
            let downgrade = "ALTER TABLE s.t DROP c; DROP TYPE mood";
            assert!(is_harmless(&upgrade, downgrade), "{add}");
            assert!(!is_harmless(&upgrade, "ALTER TABLE s.t DROP COLUMN e"), "{add}");
            assert!(!is_harmless(&upgrade, "ALTER TABLE s.t DROP COLUMN c CASCADE"), "{add}");
        }
        for add in [
            "ADD COLUMN c int NOT NULL",
            "ADD COLUMN c int NOT NULL DEFAULT NULL",
            "ADD COLUMN c int NOT NULL REFERENCES u (id)",
            "ADD COLUMN c int DEFAULT 1 REFERENCES u (id)",
            "ADD COLUMN c int NOT NULL DEFAULT nextval('n')",
            "ADD COLUMN c \"int\"",
            "ADD COLUMN IF NOT EXISTS c int",
            "ADD COLUMN c mood",
            "ADD COLUMN c text UNIQUE",
            "ADD COLUMN c text, DROP COLUMN d",
            "ADD CHECK (a > 0)",
            "ADD CONSTRAINT c CHECK (a > 0)",
        ] {
            assert!(!is_harmless(&format!("ALTER TABLE t {add}"), ""), "{add}");
        }
    }

    #[test]
    fn what_is_true_of_a_column_without_values() {
        let fill = "UPDATE t SET c = 1;";
        let add = "ALTER TABLE t ADD COLUMN c bigint;";
        let key = "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (c) REFERENCES u (id) NOT VALID;";
        let rest = "ALTER TABLE t VALIDATE CONSTRAINT k; CREATE UNIQUE INDEX i ON t (a, c);";
        let back = "ALTER TABLE t DROP CONSTRAINT k; ALTER TABLE t DROP COLUMN c;";
        assert!(is_harmless(&format!("{add}{key}{rest}"), back));
        assert!(!is_harmless(&format!("{add}{fill}{key}{rest}"), back));
        assert!(!is_harmless(&format!("{key}{rest}"), ""));
        for text in [
            "ALTER TABLE t VALIDATE CONSTRAINT other",
            "ALTER TABLE t ADD FOREIGN KEY (c, a) REFERENCES u (id, a) MATCH FULL",
            "CREATE UNIQUE INDEX i ON t (c) NULLS NOT DISTINCT",
            "CREATE UNIQUE INDEX i ON t (a)",
        ] {
            assert!(!is_harmless(&format!("{add}{text}"), back), "{text}");
        }
    }

    #[test]
    fn statements_that_are_sound_as_they_are_written() {
        let fresh = Fresh::default();
        let is_without = |text| fresh.is_without(text, Side::Upgrade);
        for text in [
            "CREATE INDEX ON s.t (a, b DESC NULLS LAST) INCLUDE (c)",
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t USING gin (a gin_trgm_ops)",
            "CREATE INDEX i ON t (lower(a)) WHERE NOT (b IN ('x', 'y')) AND c IS NOT NULL",
            "CREATE TRIGGER r AFTER UPDATE OR DELETE ON t EXECUTE FUNCTION insert_note()",
            "CREATE POLICY p ON t USING (a = 1)",
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
            "DROP TYPE mood",
        ] {
            assert!(is_without(text), "{text}");
        }
        for text in [
            "CREATE UNIQUE INDEX ON t (a)",
            "CREATE INDEX ON t ((a::int))",
            "CREATE INDEX ON t (parse(a))",
            "CREATE INDEX ON t USING gist (a)",
            "CREATE INDEX ON t (a) WHERE a::int > 0",
            "CREATE INDEX ON t (a) WHERE parse(a)",
            "CREATE INDEX ON t (a) WHERE a LIKE b",
            "CREATE INDEX ON t (a) WHERE 1 / b > 0",
            "CREATE TRIGGER r BEFORE INSERT ON t EXECUTE FUNCTION f()",
            "DROP TRIGGER r ON t",
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY, ADD UNIQUE (a)",
            "DROP TYPE mood CASCADE",
        ] {
            assert!(!is_without(text), "{text}");
        }
        assert!(fresh.is_without("DROP TRIGGER r ON t", Side::Downgrade));
    }
}
