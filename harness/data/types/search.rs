//! Text search: vectors and queries.
//!
//! Knows how they are written. Must not know dictionaries: words are given as they are.

use super::family::{Family, Listed};

pub(super) fn family(name: &str, _: i32) -> Option<Box<dyn Family>> {
    Some(Box::new(match name {
        "tsvector" => TSVECTOR,
        "tsquery" => TSQUERY,
        _ => return None,
    }))
}

const TSVECTOR: Listed = Listed {
    boundary: &[
        "",
        "'a'",
        "'a':1",
        "'A':1",
        "'a':1A,3B 'b':2C",
        "'a b':1",
        "'it''s':1",
        "'\u{e9}':16383",
    ],
    plain: &[
        "'cat':1 'sat':2",
        "'order':2 'paid':1",
        "'blue':1 'whale':2",
        "'post':1,4 'title':2A",
    ],
    canonical: &["", "'a'"],
    ordered: &[],
    distinct: |n| Some(format!("'a{}':1", n.checked_add(1)?)),
    drawn: None,
};

const TSQUERY: Listed = Listed {
    boundary: &[
        "",
        "'a'",
        "!'a'",
        "'a' & 'b' | !'c'",
        "'a' <-> 'b'",
        "'a' <2> 'b'",
        "'a':*",
        "'a':AB",
        "'a b'",
    ],
    plain: &["'cat' & 'sat'", "'order' | 'paid'", "'blue' <-> 'whale'", "'post'", "'new' & !'old'"],
    canonical: &["", "'a'"],
    ordered: &[],
    distinct: |n| Some(format!("'a{}'", n.checked_add(1)?)),
    drawn: None,
};
