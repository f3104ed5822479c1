//! What a migration's text speaks of.

use std::collections::BTreeSet;

use super::seeds::without_seeds;
use crate::migrations::{Migration, Script};
use crate::sql::{self, StatementKind as K, TokenKind};

/// What a migration's text speaks of.
#[derive(Clone, Debug, Default)]
pub(in crate::runs) struct Spoken {
    /// Everything that could be a name, in bodies and strings as well.
    pub(super) words: BTreeSet<String>,
    /// Whether a statement may touch tables that the text does not name.
    pub(super) is_dynamic: bool,
    /// Whether anything in it can have to do with rows.
    pub(super) has_to_do_with_rows: bool,
    /// Whether the upgrade may leave a sequence where it should not be.
    pub(super) may_move_sequences: bool,
    /// Whether the upgrade inserts rows of its own.
    pub(super) inserts: bool,
    /// Whether rows may be turned away after the upgrade.
    pub(super) may_refuse: bool,
    /// Whether what the upgrade does may depend on the order in which it meets rows.
    pub(super) depends_on_order: bool,
    /// Both scripts, as far as their constants are worth trying.
    pub(super) text: String,
}

pub(super) fn of(migration: &Migration) -> Spoken {
    let mut spoken = Spoken::default();
    if adds_columns_only(migration) {
        return spoken;
    }
    for script in std::iter::once(&migration.upgrade).chain(&migration.downgrade) {
        script_of(script, &mut spoken);
    }
    let downgrade = migration.downgrade.as_ref().map_or("", |script| &script.text);
    let (upgrade, downgrade) = without_seeds(&migration.upgrade.text, downgrade);
    spoken.text = format!("{upgrade}\n{downgrade}\n");
    let upgrade = words_of(&migration.upgrade.text);
    let says = |words: &[&str]| words.iter().any(|word| upgrade.contains(*word));
    spoken.may_move_sequences = says(SEQUENCES);
    spoken.inserts = says(&["insert", "copy", "merge"]);
    spoken.may_refuse = says(REFUSE);
    spoken.depends_on_order = says(ORDER);
    spoken
}

const SEQUENCES: &[&str] = &[
    "insert",
    "copy",
    "merge",
    "setval",
    "sequence",
    "serial",
    "bigserial",
    "smallserial",
    "serial2",
    "serial4",
    "serial8",
    "identity",
    "restart",
    "type",
    "nextval",
];

const REFUSE: &[&str] = &[
    "default",
    "check",
    "trigger",
    "rename",
    "function",
    "rule",
    "domain",
    "generated",
    "constraint",
    "type",
    "exclude",
    "cascade",
];

const ORDER: &[&str] = &[
    "limit",
    "fetch",
    "distinct",
    "row_number",
    "rank",
    "first_value",
    "last_value",
    "nth_value",
    "lag",
    "lead",
    "ntile",
    "array_agg",
    "string_agg",
    "json_agg",
    "jsonb_agg",
    "xmlagg",
    "json_object_agg",
    "jsonb_object_agg",
    "array",
    "from",
    "conflict",
    "loop",
    "ctid",
    "offset",
];

/// All words of a text, those in bodies and strings as well.
fn words_of(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    words(text, &mut found);
    found
}

/// Whether the upgrade does nothing but add columns that no row can be in the way of, and the
/// downgrade nothing but take those away.
fn adds_columns_only(migration: &Migration) -> bool {
    let Some(downgrade) = &migration.downgrade else { return false };
    let parse = |script: &Script, parse: fn(&str) -> Option<(String, String)>| {
        let statements = sql::split(&script.text).ok()?;
        let texts = statements.iter().map(|it| script.text.get(it.bytes.clone()).unwrap_or(""));
        texts.map(parse).collect::<Option<BTreeSet<_>>>()
    };
    match (parse(&migration.upgrade, added), parse(downgrade, dropped)) {
        (Some(added), Some(dropped)) => !added.is_empty() && added == dropped,
        _ => false,
    }
}

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
];
/// What makes rows matter when a column is added.
const MATTERS: &[&str] = &[
    "check",
    "unique",
    "primary",
    "references",
    "constraint",
    "generated",
    "collate",
    "nextval",
    "random",
    "gen_random_uuid",
];

/// Table and column of `ALTER TABLE t ADD [COLUMN] c type [DEFAULT ..] [NOT NULL]`.
fn added(statement: &str) -> Option<(String, String)> {
    let words = plain_words(statement)?;
    let mut rest = words.iter().map(String::as_str).peekable();
    (rest.next()? == "alter" && rest.next()? == "table").then_some(())?;
    let table = rest.next()?.to_owned();
    (rest.next()? == "add").then_some(())?;
    rest.next_if_eq(&"column");
    let column = rest.next()?.to_owned();
    rest.next_if(|word| PLAIN_TYPES.contains(word))?;
    let rest: Vec<&str> = rest.collect();
    let has = |word: &str| rest.contains(&word);
    let is_sound =
        !rest.iter().any(|word| MATTERS.contains(word)) && (!has("not") || has("default"));
    is_sound.then_some((table, column))
}

/// Table and column of `ALTER TABLE t DROP [COLUMN] c`.
fn dropped(statement: &str) -> Option<(String, String)> {
    let words = plain_words(statement)?;
    let words: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| *word != "column").collect();
    match words.as_slice() {
        ["alter", "table", table, "drop", column] => {
            Some(((*table).to_owned(), (*column).to_owned()))
        }
        _ => None,
    }
}

/// The words of a statement of one action without quoted names, folded; numbers, strings and
/// parentheses are left out.
fn plain_words(statement: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut depth = 0;
    for token in sql::tokens(statement) {
        let text = statement.get(token.bytes)?;
        match (token.kind, text) {
            (TokenKind::Word, _) => words.push(text.to_ascii_lowercase()),
            (TokenKind::Punct, "(") => depth += 1,
            (TokenKind::Punct, ")") => depth -= 1,
            (TokenKind::Punct, "," | ".") if depth == 0 => return None,
            (TokenKind::QuotedIdent, _) => return None,
            _ => {}
        }
    }
    Some(words)
}

fn script_of(script: &Script, spoken: &mut Spoken) {
    let Ok(statements) = sql::split(&script.text) else { return };
    for statement in statements {
        let Some(text) = script.text.get(statement.bytes) else { continue };
        let kind = sql::kind(text);
        if is_harmless(kind) {
            continue;
        }
        spoken.has_to_do_with_rows = true;
        spoken.is_dynamic |= is_dynamic(kind, text);
        words(text, &mut spoken.words);
    }
}

/// Statements that neither change rows nor can fail because of them.
fn is_harmless(kind: K) -> bool {
    matches!(
        kind,
        K::CreateView
            | K::CreateSequence
            | K::CreateFunction
            | K::CreateProcedure
            | K::CreateAggregate
            | K::CreateType
            | K::CreateDomain
            | K::CreateSchema
            | K::CreateStatistics
            | K::CreateRole
            | K::CreatePublication
            | K::AlterView
            | K::AlterFunction
            | K::AlterProcedure
            | K::AlterDefaultPrivileges
            | K::AlterRole
            | K::DropView
            | K::DropFunction
            | K::DropProcedure
            | K::DropAggregate
            | K::DropRole
            | K::Comment
            | K::Grant
            | K::Revoke
    )
}

fn is_dynamic(kind: K, text: &str) -> bool {
    let has = |word: &str| {
        sql::tokens(text).any(|token| {
            token.kind == TokenKind::Word
                && text.get(token.bytes).is_some_and(|it| it.eq_ignore_ascii_case(word))
        })
    };
    match kind {
        K::Do | K::Call | K::Select => true,
        K::DropSchema | K::DropType | K::DropDomain | K::DropExtension | K::DropTable => {
            has("cascade")
        }
        _ => false,
    }
}

/// Names and, for bodies and statements in strings, the names in those.
fn words(text: &str, into: &mut BTreeSet<String>) {
    for name in sql::names(text) {
        into.extend(name.parts);
    }
    for token in sql::tokens(text) {
        let inner = match token.kind {
            TokenKind::DollarString => text.get(token.bytes).map(|it| it.trim_matches('$')),
            TokenKind::String => text.get(token.bytes).map(|it| it.trim_matches('\'')),
            _ => None,
        };
        if let Some(inner) = inner.filter(|inner| inner.contains(' ')) {
            words(inner, into);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{added, dropped};

    #[test]
    fn a_column_that_no_row_is_in_the_way_of() {
        for text in [
            "ALTER TABLE t ADD COLUMN c numeric(8,4)",
            "alter table t add c text default '' not null",
            "ALTER TABLE t ADD COLUMN c timestamptz NOT NULL DEFAULT now()",
        ] {
            assert_eq!(added(text), Some(("t".to_owned(), "c".to_owned())), "{text}");
        }
        for text in [
            "ALTER TABLE t ADD COLUMN c int NOT NULL",
            "ALTER TABLE t ADD COLUMN c mood",
            "ALTER TABLE t ADD COLUMN c text UNIQUE",
            "ALTER TABLE t ADD COLUMN c text, DROP COLUMN d",
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
        ] {
            assert_eq!(added(text), None, "{text}");
        }
        assert_eq!(dropped("ALTER TABLE t DROP COLUMN c"), Some(("t".to_owned(), "c".to_owned())));
        assert_eq!(dropped("ALTER TABLE t DROP COLUMN c CASCADE"), None);
    }
}
