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
    let made = made(&migration.upgrade);
    for script in std::iter::once(&migration.upgrade).chain(&migration.downgrade) {
        script_of(script, &made, &mut spoken);
    }
    let downgrade = migration.downgrade.as_ref().map_or("", |script| &script.text);
    let (upgrade, downgrade) = without_seeds(&migration.upgrade.text, downgrade);
    spoken.text = format!("{upgrade}\n{downgrade}\n");
    spoken.may_move_sequences = may_move_sequences(&migration.upgrade);
    spoken.inserts = says(&migration.upgrade.text, &["insert", "copy", "merge"]);
    spoken.may_refuse = may_refuse(&migration.upgrade);
    spoken.depends_on_order = depends_on_order(&migration.upgrade);
    spoken
}

/// Whether this is true of a statement; of the whole text if it can't be cut.
fn any(script: &Script, is: impl Fn(K, &str) -> bool) -> bool {
    match sql::split(&script.text) {
        Ok(statements) => {
            let mut texts = statements.iter().filter_map(|it| script.text.get(it.bytes.clone()));
            texts.any(|text| is(sql::kind(text), text))
        }
        Err(_) => is(K::Do, &script.text),
    }
}

fn may_move_sequences(upgrade: &Script) -> bool {
    // A new table's sequence is where its rows are: there are none.
    any(upgrade, |kind, text| match kind {
        K::CreateTable => {
            says(text, &["as", "of", "partition", "inherits"]) && says(text, SEQUENCES)
        }
        K::CreateIndex | K::CreateSequence | K::Comment => false,
        _ => says(text, SEQUENCES),
    })
}

/// Whether a statement changes what the tables of before take.
fn may_refuse(upgrade: &Script) -> bool {
    any(upgrade, |kind, text| match kind {
        K::Select | K::Insert | K::Update | K::Delete | K::Comment | K::CreateIndex => false,
        // A new table's constraints are about its own rows.
        K::CreateTable => says(text, &["partition", "inherits"]),
        _ => says(text, REFUSE),
    })
}

/// Whether a statement reads rows, or does so in its body.
fn depends_on_order(upgrade: &Script) -> bool {
    any(upgrade, |kind, text| {
        let is_definition =
            matches!(kind, K::CreateTable | K::CreateIndex | K::AlterTable | K::Delete);
        // These are only words of theirs where no query is in them.
        let is_theirs = |word: &str| {
            is_definition && matches!(word, "from" | "array") && !says(text, &["select"])
        };
        let order: Vec<&str> = ORDER.iter().copied().filter(|word| !is_theirs(word)).collect();
        says(text, &order)
    })
}

fn says(text: &str, words: &[&str]) -> bool {
    let found = words_of(text);
    words.iter().any(|word| found.contains(*word))
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

fn script_of(script: &Script, made: &[Vec<String>], spoken: &mut Spoken) {
    let Ok(statements) = sql::split(&script.text) else { return };
    for statement in statements {
        let Some(text) = script.text.get(statement.bytes) else { continue };
        let kind = sql::kind(text);
        if is_harmless(kind) || is_about(kind, text, made) {
            continue;
        }
        spoken.has_to_do_with_rows = true;
        spoken.is_dynamic |= is_dynamic(kind, text);
        words(text, &mut spoken.words);
    }
}

/// The tables that a script makes, without rows.
fn made(upgrade: &Script) -> Vec<Vec<String>> {
    let Ok(statements) = sql::split(&upgrade.text) else { return Vec::new() };
    let texts = statements.iter().filter_map(|it| upgrade.text.get(it.bytes.clone()));
    texts.filter(|text| sql::kind(text) == K::CreateTable).filter_map(made_by).collect()
}

/// The table of a `CREATE TABLE` that finds none there, takes no rows from elsewhere, and whose rows
/// are no other table's.
fn made_by(text: &str) -> Option<Vec<String>> {
    let brings =
        ["if", "select", "values", "execute", "partition", "inherits", "temp", "temporary"];
    let names = parts(text);
    let is_table = |name: &&Vec<String>| name.as_slice() == ["table"];
    let is_new = !says(text, &brings) && names.iter().filter(is_table).count() == 1;
    after(&names, &["table"]).next().filter(|_| is_new).cloned()
}

/// Whether a statement has to do with tables that the migration makes, and with no others' rows.
fn is_about(kind: K, text: &str, made: &[Vec<String>]) -> bool {
    let names = parts(text);
    let is_made = |name: &Vec<String>| made.contains(name);
    match kind {
        K::CreateTable => made_by(text).as_ref().is_some_and(is_made),
        K::CreateIndex | K::CreateTrigger => {
            after(&names, &["on", "only"]).next().is_some_and(is_made)
        }
        K::AlterTable => {
            !says(text, &["attach", "inherit"])
                && after(&names, &["table", "if", "exists", "only"]).next().is_some_and(is_made)
        }
        K::DropTable => {
            !says(text, &["cascade"]) && after(&names, &["table", "if", "exists"]).all(is_made)
        }
        _ => false,
    }
}

fn parts(text: &str) -> Vec<Vec<String>> {
    sql::names(text).into_iter().map(|name| name.parts).collect()
}

/// The names after the first one of these words, and after those that follow it.
fn after<'a>(names: &'a [Vec<String>], words: &[&str]) -> impl Iterator<Item = &'a Vec<String>> {
    let is = |name: &Vec<String>, word: &str| name.len() == 1 && name.iter().all(|it| it == word);
    let first = names.iter().position(|name| words.first().is_some_and(|word| is(name, word)));
    let rest = first.and_then(|at| names.get(at..)).unwrap_or_default();
    let skipped = rest.iter().take_while(|name| words.iter().any(|word| is(name, word))).count();
    rest.iter().skip(skipped)
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
            | K::DropIndex
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
    use super::{added, dropped, is_about, made_by, sql};

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
        let made = [vec!["s".to_owned(), "t".to_owned()]];
        for text in [
            "CREATE TABLE s.t (id int)",
            "CREATE UNIQUE INDEX i ON ONLY s.t (id)",
            "ALTER TABLE IF EXISTS ONLY s.t ADD UNIQUE (id)",
            "DROP TABLE IF EXISTS s.t",
        ] {
            assert!(is_about(sql::kind(text), text, &made), "{text}");
        }
        for text in [
            "CREATE INDEX i ON t (id)",
            "ALTER TABLE u ADD FOREIGN KEY (id) REFERENCES s.t",
            "ALTER TABLE s.t ATTACH PARTITION u DEFAULT",
            "DROP TABLE s.t, u",
            "DROP TABLE s.t CASCADE",
            "INSERT INTO s.t SELECT * FROM u",
        ] {
            assert!(!is_about(sql::kind(text), text, &made), "{text}");
        }
    }

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
