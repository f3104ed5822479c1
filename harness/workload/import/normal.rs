//! A statement without its values: two that differ in these only are one query.
//!
//! Knows which literals are values and which belong to the text, and which lists are one whatever their
//! length. Must not know where a statement comes from.

use super::scope::{Clause, Scopes};
use super::usage;
use super::words::Words;
use crate::sql::TokenKind;

/// Where a value stands in a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// The word.
    pub(super) at: usize,
    /// The number of a placeholder; `None` for a literal.
    pub(super) number: Option<u32>,
    /// The literal as it is written.
    pub(super) text: String,
    /// The first word of the type's name before it, as in `interval '1 day'`; else the same as `at`.
    pub(super) from: usize,
    /// Whether it counts rows or is a span of time, which says nothing about anybody.
    pub(super) is_plain: bool,
}

/// A statement taken apart.
#[derive(Clone, Debug)]
pub(super) struct Normal<'t> {
    pub(super) words: Words<'t>,
    pub(super) scopes: Scopes,
    pub(super) slots: Vec<Slot>,
}

/// The words that a statement has in common with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    /// The same for lists of any length.
    pub(super) query: String,
    /// The same for lists of one length only.
    pub(super) exact: String,
}

/// What stands for a value in keys; no SQL has it.
const VALUE: &str = "\u{1}";

/// Types whose names stand before a literal, `date '2024-01-31'`.
const TYPES: [&str; 24] = [
    "interval",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "uuid",
    "json",
    "jsonb",
    "inet",
    "cidr",
    "numeric",
    "decimal",
    "int4",
    "int8",
    "float8",
    "bool",
    "boolean",
    "bytea",
    "text",
    "point",
    "box",
    "regclass",
    "precision",
];

/// Functions whose first argument says what they do.
const TOLD_FIRST: [&str; 9] = [
    "date_trunc",
    "date_part",
    "extract",
    "date_bin",
    "nextval",
    "currval",
    "current_setting",
    "timezone",
    "setval",
];

impl<'t> Normal<'t> {
    /// Takes one statement apart; `None` where it can't be read.
    pub(super) fn read(text: &'t str) -> Option<Self> {
        let words = Words::read(text)?;
        let scopes = Scopes::read(&words);
        let slots = words.places().filter_map(|at| slot(&words, &scopes, at)).collect();
        Some(Self { words, scopes, slots })
    }

    pub(super) fn keys(&self) -> Keys {
        let mut exact: Vec<String> = Vec::new();
        let mut slots = self.slots.iter().peekable();
        for at in self.words.places() {
            if slots.next_if(|slot| slot.at == at).is_some() {
                exact.push(VALUE.to_owned());
                continue;
            }
            let text = self.words.text(at);
            let is_word = self.words.kind(at) == TokenKind::Word;
            exact.push(if is_word { text.to_ascii_lowercase() } else { text.to_owned() });
        }
        Keys { query: folded(&exact).join(" "), exact: exact.join(" ") }
    }
}

/// Lists of values in brackets become one value, and rows of values one row.
fn folded(words: &[String]) -> Vec<&str> {
    let mut out: Vec<&str> = Vec::new();
    for word in words {
        out.push(word);
        // `?, ?` in a list that began with a value.
        if let [.., before, VALUE, ",", VALUE] = out.as_slice()
            && matches!(*before, "(" | "[")
        {
            out.truncate(out.len() - 2);
        }
        let row = |out: &[&str]| out.ends_with(&["(", VALUE, ")"]);
        if row(&out)
            && out.get(..out.len() - 3).is_some_and(|rest| {
                rest.ends_with(&[","]) && row(rest.get(..rest.len() - 1).unwrap_or_default())
            })
        {
            out.truncate(out.len() - 4);
        }
    }
    out
}

/// The slot at a word, if a value stands there.
fn slot(words: &Words<'_>, scopes: &Scopes, at: usize) -> Option<Slot> {
    let text = words.text(at);
    let place = scopes.place(at);
    let is_value = match words.kind(at) {
        TokenKind::Param => true,
        TokenKind::Number => !is_modifier(words, at) && !is_ordinal(words, scopes, at),
        TokenKind::String | TokenKind::DollarString => !is_told(words, at) && !is_field(words, at),
        // In a row of VALUES they are values like others.
        TokenKind::Word => {
            place.value.is_some()
                && place.depth == 1
                && words.is_one_of(at, &["null", "true", "false"])
                && matches!(words.text(at - 1), "(" | ",")
                && matches!(words.text(at + 1), ")" | ",")
        }
        _ => false,
    };
    let number = text.strip_prefix('$').filter(|_| words.kind(at) == TokenKind::Param);
    let number = number.and_then(|number| number.parse().ok());
    let from = typed_from(words, at);
    let is_interval = from < at && words.is(from, "interval");
    let slot = Slot { at, number, text: text.to_owned(), from, is_plain: is_interval };
    is_value.then(|| Slot { is_plain: is_interval || usage::is_count(words, &slot), ..slot })
}

/// `interval '1' day`, where a value by itself would be seconds.
fn is_field(words: &Words<'_>, at: usize) -> bool {
    words.is(at - 1, "interval")
        && words.is_one_of(at + 1, &["year", "month", "day", "hour", "minute", "second"])
}

/// A number of a type, as in `numeric(10, 2)`.
fn is_modifier(words: &Words<'_>, at: usize) -> bool {
    const WITH_NUMBERS: [&str; 12] = [
        "numeric",
        "decimal",
        "varchar",
        "varying",
        "char",
        "character",
        "bpchar",
        "bit",
        "float",
        "interval",
        "timestamp",
        "time",
    ];
    let open = words.open(at);
    let name = open.saturating_sub(1);
    words.text(open) == "(" && words.is_one_of(name, &WITH_NUMBERS)
}

/// A number that names a column of the result, in `ORDER BY 1, 2 DESC`.
fn is_ordinal(words: &Words<'_>, scopes: &Scopes, at: usize) -> bool {
    let place = scopes.place(at);
    let ends = words.kind(at + 1) != TokenKind::Operator && words.text(at + 1) != "::";
    let begins = words.is(at - 1, "by") || words.text(at - 1) == ",";
    place.clause == Clause::Places && place.depth == 0 && begins && ends
}

/// A string that says what is asked for and not of which row: the key of a JSON value, a time zone, a
/// unit of time, the configuration of a text search.
fn is_told(words: &Words<'_>, at: usize) -> bool {
    let is_key = matches!(words.text(at - 1), "->" | "->>" | "#>" | "#>>" | "#-");
    let is_zone = words.is(at - 1, "zone") && words.is(at - 2, "time");
    let is_first = words.text(at - 1) == "(" && words.is_one_of(at - 2, &TOLD_FIRST);
    let searches = [
        "to_tsvector",
        "to_tsquery",
        "plainto_tsquery",
        "phraseto_tsquery",
        "websearch_to_tsquery",
    ];
    let is_search = words.text(at - 1) == "("
        && words.text(at + 1) == ","
        && words.is_one_of(at - 2, &searches);
    let is_escape = words.is_one_of(at - 1, &["escape", "uescape"]);
    is_key || is_zone || is_first || is_search || is_escape
}

/// Where the name of a type before a literal begins; `at` if there is none.
fn typed_from(words: &Words<'_>, at: usize) -> usize {
    let before = at - 1;
    if words.is(before, "zone") && words.is(before - 1, "time") {
        let from = before.saturating_sub(3);
        return if words.is_one_of(from, &["time", "timestamp"]) { from } else { at };
    }
    // `double precision '1'`, but `x::date` and `a.date` are no such thing.
    let from = if words.is(before, "precision") { before - 1 } else { before };
    let is_type = words.is_one_of(before, &TYPES)
        && !matches!(words.text(from.saturating_sub(1)), "::" | ".");
    if is_type { from } else { at }
}

/// The value of a literal as text: `None` for NULL and what is not told.
pub(super) fn value(literal: &str) -> Option<String> {
    let is_word = |word: &str| literal.eq_ignore_ascii_case(word);
    if is_word("null") {
        return None;
    }
    if let Some(body) =
        literal.strip_prefix('$').filter(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    {
        let (tag, rest) = body.split_once('$')?;
        return Some(rest.strip_suffix('$')?.strip_suffix(tag)?.strip_suffix('$')?.to_owned());
    }
    let begins = literal.as_bytes().first().map(u8::to_ascii_lowercase);
    let quoted = literal.get(1..).filter(|rest| rest.starts_with('\''));
    match (begins, quoted) {
        (Some(b'e'), Some(rest)) => return unescaped(rest.get(1..)?.strip_suffix('\'')?),
        (Some(b'n' | b'b'), Some(rest)) => return value(rest),
        // So bits are read from text.
        (Some(b'x'), Some(rest)) => return value(rest).map(|digits| format!("x{digits}")),
        (Some(b'u'), None) => {
            return literal.get(2..).filter(|rest| !rest.contains('\\')).and_then(value);
        }
        _ => {}
    }
    match literal.strip_prefix('\'') {
        // Two pieces of one string are left alone.
        Some(body) => {
            let body = body.strip_suffix('\'')?;
            let plain = body.replace("''", "");
            (!plain.contains('\'')).then(|| body.replace("''", "'"))
        }
        None => Some(literal.chars().filter(|c| !c.is_whitespace()).collect()),
    }
}

/// A string with backslashes as the server reads it; `None` for codes of bytes and characters.
fn unescaped(body: &str) -> Option<String> {
    let mut out = String::with_capacity(body.len());
    let mut signs = body.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '\'' => {
                signs.next().filter(|next| *next == '\'')?;
                out.push('\'');
            }
            '\\' => match signs.next()? {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                'b' => out.push('\u{8}'),
                'f' => out.push('\u{c}'),
                'x' | 'u' | 'U' | '0'..='7' => return None,
                other => out.push(other),
            },
            other => out.push(other),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{Normal, value};

    fn shape(text: &str) -> String {
        Normal::read(text).unwrap().keys().query.replace('\u{1}', "?")
    }

    fn slots(text: &str) -> Vec<String> {
        Normal::read(text).unwrap().slots.into_iter().map(|slot| slot.text).collect()
    }

    #[test]
    fn values_and_comments_make_no_other_query() {
        let one = shape("select * from T where a = 'it''s' and b > -5 -- x\n");
        for other in [
            "SELECT *\n  FROM t WHERE a=E'it\\'s' AND b>7 /*traceparent='00-1-2-01',x='y'*/",
            "SELECT * FROM t WHERE a = $$no$$ AND b > $1;",
            "/* first */ SELECT * FROM t WHERE a = $q$it's$q$ AND b > 0x1F",
        ] {
            assert_eq!(shape(other), one, "{other}");
        }
        assert_eq!(one, "select * from t where a = ? and b > ?");
        assert_ne!(shape("SELECT \"A\" FROM t"), shape("SELECT a FROM t"));
    }

    #[test]
    fn lists_of_any_length_are_one() {
        let one = shape("SELECT a FROM t WHERE b IN (1)");
        assert_eq!(shape("SELECT a FROM t WHERE b IN (1, 2, -3)"), one);
        assert_eq!(shape("SELECT a FROM t WHERE b IN ($1 /*, ... */)"), one);
        assert_eq!(shape("SELECT ANY(ARRAY[1,2])"), shape("SELECT ANY(ARRAY[1])"));
        let rows = shape("INSERT INTO t (a, b) VALUES (1, 'x')");
        assert_eq!(shape("INSERT INTO t (a, b) VALUES (1, 'x'), (2, NULL), ($1, $2)"), rows);
        assert_ne!(shape("INSERT INTO t (a, b) VALUES (1, now())"), rows);
        // Arguments are no list of values where others stand between them.
        assert_ne!(shape("SELECT f(1, a, 2)"), shape("SELECT f(1, a)"));
        let keys = Normal::read("SELECT a FROM t WHERE b IN (1, 2)").unwrap().keys();
        assert_ne!(
            keys.exact,
            Normal::read("SELECT a FROM t WHERE b IN (1)").unwrap().keys().exact
        );
    }

    #[test]
    fn what_belongs_to_the_text_stays() {
        for (text, expected) in [
            (
                "SELECT a::numeric(10,2), CAST(b AS varchar(9)) FROM t WHERE c = 3 ORDER BY 1, 2 DESC",
                &["3"][..],
            ),
            ("SELECT count(*) FROM t GROUP BY 1 ORDER BY count(*) + 4", &["4"]),
            ("SELECT d->>'k', d#>>'{a,b}' FROM t WHERE d->'x' = '7'", &["'7'"]),
            ("SELECT a FROM t WHERE d ? 'me' AND d ?| '{x}' AND e ?& $1", &["'me'", "'{x}'", "$1"]),
            ("SELECT now() - interval '1' day, interval '2'", &["'2'"]),
            (
                "SELECT date_trunc('day', a AT TIME ZONE 'UTC') FROM t WHERE a > now() - interval '1 day'",
                &["'1 day'"],
            ),
            ("SELECT to_tsvector('english', a) FROM t WHERE b LIKE 'x%' ESCAPE '!'", &["'x%'"]),
            ("SELECT a FROM t LIMIT 10 OFFSET 20", &["10", "20"]),
            (
                "SELECT B'01', X'ff', N'me', U&'d!0061' UESCAPE '!' FROM t",
                &["B'01'", "X'ff'", "N'me'", "U&'d!0061' UESCAPE '!'"],
            ),
            ("SELECT * FROM t WHERE a = true AND b IS NULL", &[]),
            ("INSERT INTO t VALUES (NULL, true, DEFAULT, f(NULL))", &["NULL", "true"]),
            ("SELECT '{1,2}'::int[], tags[1], $2", &["'{1,2}'", "1", "$2"]),
        ] {
            assert_eq!(slots(text), expected, "{text}");
        }
    }

    #[test]
    fn a_type_before_a_literal_is_known() {
        let from = |text: &str| {
            let normal = Normal::read(text).unwrap();
            let slot = normal.slots.last().unwrap().clone();
            (slot.from..slot.at)
                .map(|at| normal.words.text(at).to_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(from("SELECT now() - interval '1 day'"), "interval");
        assert_eq!(from("SELECT timestamp with time zone $1"), "timestamp with time zone");
        assert_eq!(from("SELECT a FROM t WHERE date = '1'"), "");
        assert_eq!(from("SELECT double precision '1'"), "double precision");
    }

    #[test]
    fn literals_have_values() {
        for (literal, expected) in [
            ("'it''s'", Some("it's")),
            ("E'a\\n\\'b'", Some("a\n'b")),
            ("$$a'b$$", Some("a'b")),
            ("$q$a$$b$q$", Some("a$$b")),
            ("- 5", Some("-5")),
            ("1.5e3", Some("1.5e3")),
            ("NULL", None),
            ("E'\\x41'", None),
            ("N'it''s'", Some("it's")),
            ("B'01'", Some("01")),
            ("X'1F'", Some("x1F")),
            ("U&'a'", Some("a")),
            ("U&'\\0061'", None),
            ("u&'a!0061' UESCAPE '!'", None),
            ("'a'\n'b'", None),
            ("true", Some("true")),
            ("''", Some("")),
        ] {
            assert_eq!(value(literal).as_deref(), expected, "{literal}");
        }
    }
}
