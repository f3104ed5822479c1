//! Which defaults an upgrade brings that their own column, or a CHECK about them, may refuse: those
//! that are worth asking the server for.
//!
//! Knows how a snapshot writes columns and constraints. Must not know what the server says of them.

use std::collections::BTreeSet;

use crate::schema::{Node, Snapshot};
use crate::sql::{self, TokenKind};
use crate::steps::Doubt;

/// Which tables are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those that the upgrade makes.
    New,
    /// Those of before as well, as far as the upgrade brings them a column, a default or a CHECK.
    All,
}

/// A column that has a default.
#[derive(Debug)]
struct Column<'a> {
    /// Without quotes.
    name: String,
    kind: &'a str,
    default: &'a str,
}

/// What the upgrade brings and may be refused. What draws from a sequence, is random or belongs to a
/// session is left out: what it will be can't be told from here.
pub fn doubts(before: &Snapshot, after: &Snapshot, whose: Whose) -> Vec<Doubt> {
    let (old, new) = before.apart(after);
    let is_table = |node: &&&Node| node.kind == "table";
    // A table under another name brings nothing.
    let renamed: Vec<&Node> = old
        .iter()
        .filter(is_table)
        .filter(|node| !new.iter().any(|it| it.name == node.name))
        .copied()
        .collect();
    let mut doubts = Vec::new();
    for table in new.iter().filter(is_table) {
        let same = old.iter().filter(is_table).find(|it| it.name == table.name);
        let has = |kind| children(table, kind).next().is_some();
        let is_asked = match same {
            None => true,
            // A column that is gone may be there under another name.
            Some(same) => whose == Whose::All && names(same).is_subset(&names(table)),
        };
        // Rows come into a partition by way of its parent, and a rule does what it likes.
        if is_asked && !has("partition of") && !has("rule") {
            let known: Vec<&Node> = renamed.iter().chain(same).copied().collect();
            doubts.extend(doubts_of(table, &known, after));
        }
    }
    doubts
}

fn doubts_of(table: &Node, known: &[&Node], after: &Snapshot) -> Vec<Doubt> {
    let columns: Vec<Column<'_>> = columns(table).collect();
    if columns.is_empty() {
        return Vec::new();
    }
    let known_columns: Vec<Column<'_>> =
        known.iter().flat_map(|table| self::columns(table)).collect();
    let is_new = |column: &Column<'_>| {
        !known_columns.iter().any(|it| {
            (&it.name, it.kind, it.default) == (&column.name, column.kind, column.default)
        })
    };
    let doubt =
        |part: &str, is_check| Doubt { table: table.name.clone(), part: part.to_owned(), is_check };
    let mut doubts: Vec<Doubt> = columns
        .iter()
        .filter(|it| is_new(it) && !fits(it.kind, it.default) && !says(it.default, ELSEWHERE))
        .map(|it| doubt(&it.name, false))
        .collect();
    if is_rewritten(table, after) {
        return doubts;
    }
    let is_settled = |text: &str| !says(text, ELSEWHERE) && !says(text, RANDOM);
    for check in children(table, "constraint").filter(|it| is_enforced_check(it)) {
        let words = parts(&check.text);
        let is_whole = is_of_whole_rows(&check.text);
        let about: Vec<&Column<'_>> =
            columns.iter().filter(|it| is_whole || words.contains(&it.name)).collect();
        let is_known = || {
            let mut constraints = known.iter().flat_map(|table| children(table, "constraint"));
            constraints.any(|it| it.text == check.text)
        };
        if !about.is_empty()
            && is_settled(&check.text)
            && about.iter().all(|it| is_settled(it.default))
            && (about.iter().any(|it| is_new(it)) || !is_known())
        {
            doubts.push(doubt(&unquoted(&check.name), true));
        }
    }
    doubts
}

fn children<'a>(node: &'a Node, kind: &'static str) -> impl Iterator<Item = &'a Node> {
    node.children.iter().filter(move |it| it.kind == kind)
}

fn names(table: &Node) -> BTreeSet<&str> {
    children(table, "column").map(|it| it.name.as_str()).collect()
}

/// The columns of a table that have a default.
fn columns(table: &Node) -> impl Iterator<Item = Column<'_>> {
    children(table, "column").filter_map(|column| {
        let (head, rest) = column.text.split_once(" = `")?;
        let (default, _) = rest.rsplit_once('`')?;
        let head = head.strip_suffix(" not null").unwrap_or(head);
        let kind = head.split_once(" collate ").map_or(head, |(kind, _)| kind);
        let is_generated = head.contains(" generated ");
        (!is_generated).then(|| Column { name: unquoted(&column.name), kind, default })
    })
}

fn is_enforced_check(constraint: &Node) -> bool {
    constraint.text.starts_with("CHECK ") && !constraint.text.contains(" NOT ENFORCED")
}

/// Whether a trigger may give a row other values before they are checked.
fn is_rewritten(table: &Node, after: &Snapshot) -> bool {
    let may_rewrite = |table: &Node| {
        children(table, "trigger").any(|trigger| {
            let event = trigger.text.split_once(" ON ").map_or("", |(event, _)| event);
            event.starts_with("BEFORE ") && event.contains("INSERT")
        })
    };
    let is_divided = children(table, "partition by").next().is_some();
    may_rewrite(table)
        || (is_divided
            && after
                .objects()
                .any(|part| children(part, "partition of").next().is_some() && may_rewrite(part)))
}

/// All that could be a name in an expression, without quotes.
fn parts(expression: &str) -> BTreeSet<String> {
    sql::names(expression).into_iter().flat_map(|name| name.parts).collect()
}

/// Whether an expression speaks of a row as a whole: `orders.*`.
fn is_of_whole_rows(expression: &str) -> bool {
    let tokens: Vec<&str> =
        sql::tokens(expression).filter_map(|token| expression.get(token.bytes)).collect();
    tokens.windows(2).any(|pair| pair == [".", "*"])
}

fn unquoted(name: &str) -> String {
    let inner = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    inner.map_or_else(|| name.to_owned(), |inner| inner.replace("\"\"", "\""))
}

fn says(expression: &str, words: &[&str]) -> bool {
    sql::tokens(expression).filter(|token| token.kind == TokenKind::Word).any(|token| {
        let word = expression.get(token.bytes).unwrap_or_default();
        words.iter().any(|it| it.eq_ignore_ascii_case(word))
    })
}

/// Whether a column of this type surely takes this default, as the server writes both.
fn fits(kind: &str, default: &str) -> bool {
    let (base, limits) = match kind.split_once('(') {
        Some((base, rest)) => (base, rest.split(')').next().unwrap_or_default()),
        None => (kind, ""),
    };
    if let Some((value, of)) = literal(default) {
        return match base {
            "character varying" | "character" if !limits.is_empty() => {
                let is_text = matches!(of, "character varying" | "bpchar");
                is_text && limits.parse().is_ok_and(|most| value.chars().count() <= most)
            }
            "numeric" if of == base && !limits.is_empty() => has_room(&value, limits),
            _ => of == kind,
        };
    }
    let number = default.trim_start_matches('(').trim_end_matches(')');
    let is_number = number.parse::<f64>().is_ok();
    match base {
        "boolean" => matches!(default, "true" | "false"),
        "smallint" => number.parse::<i16>().is_ok(),
        "integer" => number.parse::<i32>().is_ok(),
        "bigint" => number.parse::<i64>().is_ok(),
        "numeric" if !limits.is_empty() => has_room(number, limits),
        "numeric" | "real" | "double precision" => is_number,
        "uuid" => default.ends_with("()"),
        "date" => TIMES.contains(&default),
        _ if base.starts_with("time") => TIMES.contains(&default),
        _ => default.strip_prefix("ARRAY[]::") == Some(kind),
    }
}

/// Whether `numeric(precision,scale)` takes a number without a sign.
fn has_room(number: &str, limits: &str) -> bool {
    let limits = limits.split_once(',').and_then(|(precision, scale)| {
        Some((precision.parse::<usize>().ok()?, scale.parse::<usize>().ok()?))
    });
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_digits =
        !whole.is_empty() && whole.chars().chain(fraction.chars()).all(|c| c.is_ascii_digit());
    let whole = whole.trim_start_matches('0').len();
    is_digits
        && limits.is_some_and(|(precision, scale)| {
            // What is rounded may become one digit longer.
            let rounded = usize::from(fraction.len() > scale);
            whole + rounded + scale <= precision
        })
}

/// The text and the type of `'text'::type`.
fn literal(default: &str) -> Option<(String, &str)> {
    let mut tokens = sql::tokens(default);
    let text = tokens.next().filter(|it| it.kind == TokenKind::String)?;
    let of = default.get(text.bytes.end..)?.strip_prefix("::")?;
    let inner = default.get(text.bytes)?.strip_prefix('\'')?.strip_suffix('\'')?;
    Some((inner.replace("''", "'"), of))
}

/// Times of now that need no cast.
const TIMES: &[&str] = &[
    "now()",
    "CURRENT_TIMESTAMP",
    "CURRENT_DATE",
    "LOCALTIMESTAMP",
    "clock_timestamp()",
    "statement_timestamp()",
    "timezone('utc'::text, now())",
    "timezone('UTC'::text, now())",
];

/// What tells of a sequence or of a session.
const ELSEWHERE: &[&str] = &[
    "nextval",
    "currval",
    "lastval",
    "setval",
    "current_user",
    "session_user",
    "user",
    "current_role",
    "system_user",
    "current_catalog",
    "current_database",
    "current_schema",
    "current_schemas",
    "current_setting",
    "set_config",
    "inet_client_addr",
    "inet_client_port",
    "inet_server_addr",
    "inet_server_port",
    "pg_backend_pid",
    "txid_current",
    "pg_current_xact_id",
    "tableoid",
];

/// What is another value each time; its length may still be too much.
const RANDOM: &[&str] = &["random", "random_normal"];

#[cfg(test)]
mod tests {
    use super::{Whose, doubts, fits};
    use crate::schema::Snapshot;

    fn snapshot(tables: &str) -> Snapshot {
        Snapshot::parse(&format!("schema-snapshot 1 · postgres 18\n\n{tables}")).unwrap()
    }

    fn asked(before: &str, after: &str, whose: Whose) -> Vec<String> {
        let doubts = doubts(&snapshot(before), &snapshot(after), whose);
        let say = |table: &str, part: &str, is_check| {
            format!("{table} {}{part}", if is_check { "check " } else { "" })
        };
        doubts.iter().map(|it| say(&it.table, &it.part, it.is_check)).collect()
    }

    #[test]
    fn what_a_column_surely_takes_is_not_asked() {
        for (kind, default) in [
            ("character varying(6)", "'active'::character varying"),
            ("character(2)", "'it'::bpchar"),
            ("character varying(2)", "'ét'::character varying"),
            ("text", "'it''s (a) ::date'::text"),
            ("text[]", "'{}'::text[]"),
            ("text[]", "ARRAY[]::text[]"),
            ("public.mood", "'fine'::public.mood"),
            ("integer", "'-1'::integer"),
            ("smallint", "12"),
            ("bigint", "0"),
            ("numeric", "0.5"),
            ("numeric(3,1)", "99.9"),
            ("numeric(4,2)", "'0'::numeric"),
            ("boolean", "false"),
            ("uuid", "gen_random_uuid()"),
            ("date", "CURRENT_DATE"),
            ("timestamp(3) without time zone", "timezone('utc'::text, now())"),
        ] {
            assert!(fits(kind, default), "{kind} {default}");
        }
        for (kind, default) in [
            ("character varying(5)", "'active'::character varying"),
            ("character varying(5)[]", "'{}'::character varying[]"),
            ("character varying(5)", "now()"),
            ("public.name", "'active'::text"),
            ("public.mood", "('sad'::text)::public.mood"),
            ("smallint", "100000"),
            ("integer", "(1 / 0)"),
            ("numeric(3,1)", "1000"),
            ("numeric(3,1)", "99.95"),
            ("numeric(3,-1)", "1"),
            ("bit(3)", "'11'::\"bit\""),
            ("interval", "now()"),
            ("text", "E'a\\\\b'::text"),
        ] {
            assert!(!fits(kind, default), "{kind} {default}");
        }
    }

    #[test]
    fn checks_are_asked_where_something_has_a_default() {
        let table = |parts: &str| asked("", &format!("table public.t\n{parts}"), Whose::New);
        let number = "  column n  integer = `0`\n  column m  integer\n";
        let check = "  constraint \"C\"  CHECK ((n > 0))\n";
        assert_eq!(table(&format!("{number}{check}")), ["public.t check C"]);
        let whole = "  constraint w  CHECK (public.is_fine(t.*))\n";
        assert_eq!(table(&format!("{number}{whole}")), ["public.t check w"]);
        for parts in [
            "  constraint c  CHECK ((m > 0))\n",
            "  constraint c  CHECK ((m ~ '^.*n'::text))\n",
            "  constraint c  CHECK ((n > 0)) NOT ENFORCED\n",
            "  constraint c  UNIQUE (n)\n",
            "  constraint c  CHECK ((n > (CURRENT_USER)::integer))\n",
            "  constraint c  CHECK ((n > 0))\n  trigger r  BEFORE UPDATE OR INSERT ON public.t\n",
            "  partition of public.p  DEFAULT\n  constraint c  CHECK ((n > 0))\n",
            "  constraint c  CHECK ((n > 0))\n  rule r  CREATE RULE r AS ON INSERT\n",
        ] {
            assert_eq!(table(&format!("{number}{parts}")), [""; 0], "{parts}");
        }
        for default in
            ["nextval('n'::regclass)", "((random() * 9))::integer", "length(CURRENT_USER)"]
        {
            let number = format!("  column n  bigint = `{default}`\n");
            let parts = table(&format!("{number}{check}"));
            assert!(!parts.contains(&"public.t check C".to_owned()), "{default}");
        }
        // A trigger comes too late for what the column itself refuses.
        let trigger = "  trigger r  BEFORE INSERT ON public.t\n";
        let short = "  column s  character varying(1) not null = `'ab'::character varying`\n";
        assert_eq!(table(&format!("{number}{short}{check}{trigger}")), ["public.t s"]);
    }

    #[test]
    fn rows_of_a_divided_table_may_be_rewritten_in_its_parts() {
        let divided = "table public.t\n  partition by  LIST (n)\n  column n  integer = `0`\n  \
                       constraint c  CHECK ((n > 0))\n";
        assert_eq!(asked("", divided, Whose::New), ["public.t check c"]);
        let part = "table public.u\n  partition of public.t  DEFAULT\n  \
                    trigger r  BEFORE INSERT ON public.u\n";
        assert_eq!(asked("", &format!("{divided}{part}"), Whose::New), [""; 0]);
    }

    #[test]
    fn only_what_the_upgrade_brings_is_asked() {
        let column = "  column n  integer = `0`\n";
        let check = "  constraint c  CHECK ((n > 0))\n";
        let old = format!("table public.t\n  column id  integer\n{column}");
        let bad = format!("{old}{check}");
        assert_eq!(asked(&old, &bad, Whose::All), ["public.t check c"]);
        assert_eq!(asked(&old, &bad, Whose::New), [""; 0]);
        let more = format!("{bad}  column z  integer = `1`\n");
        assert_eq!(asked(&bad, &more, Whose::All), [""; 0]);
        let renamed = bad.replace("public.t", "public.u");
        assert_eq!(asked(&bad, &renamed, Whose::All), [""; 0]);
        let column_renamed = bad.replace("column n", "column m").replace("((n", "((m");
        assert_eq!(asked(&bad, &column_renamed, Whose::All), [""; 0]);
        let not_null = bad.replace("integer =", "integer not null =");
        assert_eq!(asked(&bad, &not_null, Whose::All), [""; 0]);
        let lower = bad.replace("`0`", "`'-1'::integer`");
        assert_eq!(asked(&bad, &lower, Whose::All), ["public.t check c"]);
    }
}
