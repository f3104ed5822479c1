//! Quoting of identifiers and literals.

use std::collections::HashSet;
use std::sync::LazyLock;

/// An identifier for use in SQL, always in quotes.
pub fn quote_ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string literal for use in SQL, right under either `standard_conforming_strings`.
pub fn quote_literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if doubled.contains('\\') {
        format!("E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

/// `schema.name` for use in SQL, both in quotes.
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quote_ident(schema), quote_ident(name))
}

/// Words that can't stand as a column's or a table's name without quotes, in some version.
const KEYWORDS: &str = "all analyse analyze and any array as asc asymmetric authorization between bigint binary \
     bit boolean both case cast char character check coalesce collate collation column \
     concurrently constraint create cross current_catalog current_date current_role \
     current_schema current_time current_timestamp current_user dec decimal default \
     deferrable desc distinct do else end except exists extract false fetch float for \
     foreign freeze from full grant greatest group grouping having ilike in initially inner \
     inout int integer intersect interval into is isnull join json json_array json_arrayagg \
     json_exists json_object json_objectagg json_query json_scalar json_serialize json_table \
     json_value lateral leading least left like limit localtime localtimestamp merge_action \
     national natural nchar none normalize not notnull null nullif numeric offset on only or \
     order out outer overlaps overlay placing position precision primary real references \
     returning right row select session_user setof similar smallint some substring symmetric \
     system_user table tablesample then time timestamp to trailing treat trim true union \
     unique user using values varchar variadic verbose when where window with xmlattributes \
     xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot \
     xmlserialize xmltable";

/// An identifier for use in SQL, in quotes where it must be: what people like to read.
pub fn ident(name: &str) -> String {
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_';
    let is_bare = begins && name.chars().all(plain);
    if is_bare && !keywords().contains(name) { name.to_owned() } else { quote_ident(name) }
}

fn keywords() -> &'static HashSet<&'static str> {
    static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| KEYWORDS.split(' ').collect());
    &WORDS
}
