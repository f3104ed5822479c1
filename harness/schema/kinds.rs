//! The words for kinds: which stand first, which are two words, which have no name.
//!
//! Knows words only. A kind that is missing here is still read, rendered and compared; it sorts
//! after those that are listed and its line is less good to read.

/// Top-level kinds in the order of the text; others follow by name.
const OBJECTS: &[&str] = &[
    "database",
    "extension",
    "schema",
    "language",
    "collation",
    "type",
    "domain",
    "sequence",
    "table",
    "foreign table",
    "view",
    "materialized view",
    "function",
    "procedure",
    "aggregate",
];

/// Kinds inside an object, before those that are not listed.
const LEADING: &[&str] = &[
    "comment",
    "security label",
    "owner",
    "of",
    "inherits",
    "partition of",
    "partition by",
    "persistence",
    "using",
    "server",
    "tablespace",
    "storage",
    "replica identity",
    "row security",
    "populated",
    "owned by",
    "column",
];

/// Kinds inside an object, after those that are not listed.
const TRAILING: &[&str] = &[
    "not null",
    "sequence",
    "constraint",
    "index",
    "statistics",
    "trigger",
    "triggers",
    "rule",
    "policy",
    "grant",
    "definition",
    "body",
];

/// Kinds of more than one word: a reader of the text must know where the name begins.
const PHRASES: &[&str] = &[
    "access method",
    "default privileges",
    "event trigger",
    "foreign data wrapper",
    "foreign table",
    "materialized view",
    "not null",
    "operator class",
    "operator family",
    "owned by",
    "partition by",
    "partition of",
    "replica identity",
    "row security",
    "security label",
    "system privileges",
    "text search configuration",
    "text search dictionary",
    "text search parser",
    "text search template",
    "user mapping",
];

/// Kinds that never have a name, so that one blank is enough before their text.
const NAMELESS: &[&str] = &[
    "comment",
    "grant",
    "of",
    "owned by",
    "owner",
    "partition by",
    "persistence",
    "populated",
    "replica identity",
    "row security",
    "storage",
    "tablespace",
    "using",
    "unmodelled",
];

fn place(list: &[&str], kind: &str) -> Option<usize> {
    list.iter().position(|listed| *listed == kind)
}

/// Where a top-level kind stands.
pub(super) fn object_rank(kind: &str) -> usize {
    place(OBJECTS, kind).unwrap_or(OBJECTS.len())
}

/// Where a kind stands inside its parent.
pub(super) fn child_rank(kind: &str) -> usize {
    let unlisted = LEADING.len();
    place(LEADING, kind)
        .or_else(|| place(TRAILING, kind).map(|place| unlisted + 1 + place))
        .unwrap_or(unlisted)
}

/// Whether a kind never has a name.
pub(super) fn is_nameless(kind: &str) -> bool {
    NAMELESS.contains(&kind)
}

/// The kind that `line` begins with and what follows it.
pub(super) fn split_kind(line: &str) -> (&str, &str) {
    let phrase = PHRASES
        .iter()
        .filter_map(|phrase| {
            let rest = line.strip_prefix(phrase)?;
            (rest.is_empty() || rest.starts_with(' ')).then_some((*phrase, rest))
        })
        .max_by_key(|(phrase, _)| phrase.len());
    phrase.unwrap_or_else(|| match line.find(' ') {
        Some(at) => line.split_at(at),
        None => (line, ""),
    })
}
