//! Values of every type of `PostgreSQL`, as texts that the type's input function takes.
//!
//! Knows types and their modifiers. Must not know tables, constraints or what a domain checks: what
//! is given here may be refused by them.

mod binary;
mod containers;
mod extensions;
mod family;
mod geometric;
mod interval;
mod json;
mod nested;
mod network;
mod numbers;
mod numeric;
mod range;
mod search;
mod system;
mod text;
mod time;
mod told;

use proptest::strategy::BoxedStrategy;

use super::model::{Attribute, Type, TypeKind, Types};
use containers::{Array, Composite, Labels, Part};
use family::Family;
use range::{Multirange, Range};
use told::Told;

/// The server does not let a type contain itself; a catalog that was read wrongly might.
const DEPTH: u32 = 32;

/// What may be given to a column of some type; never NULL.
#[derive(Clone, Debug)]
pub struct Values {
    /// Edge cases, in the order of their worth for finding faults of migrations.
    pub boundary: Vec<String>,
    /// Ordinary values, as an application writes them; none is there twice.
    pub plain: Vec<String>,
    /// Anything that the type takes.
    pub any: BoxedStrategy<String>,
}

/// The values of a type with a modifier (-1 for none); `None` where nobody knows the type, or where
/// it has no values.
pub fn values(types: &Types, type_oid: u32, modifier: i32) -> Option<Values> {
    let family = family(types, type_oid, modifier, DEPTH)?;
    Some(Values { boundary: family.boundary(), plain: family.plain(), any: family.any() })
}

/// The base types, each with a modifier, that a type is made of and that nobody knows.
pub fn unknown(types: &Types, type_oid: u32, modifier: i32) -> Vec<(u32, i32)> {
    let mut found = Vec::new();
    let mut open = vec![(type_oid, modifier, DEPTH)];
    while let Some((oid, modifier, depth)) = open.pop() {
        let (Some(own), Some(depth)) = (types.get(oid), depth.checked_sub(1)) else { continue };
        match &own.kind {
            TypeKind::Base if own.schema != "pg_catalog" && base(own, modifier).is_none() => {
                found.push((oid, modifier));
            }
            TypeKind::Domain { base, modifier, .. } => open.push((*base, *modifier, depth)),
            TypeKind::Array(inner) => open.push((*inner, modifier, depth)),
            TypeKind::Range(inner) | TypeKind::Multirange(inner) => {
                open.push((*inner, -1, depth));
            }
            TypeKind::Composite(attributes) => {
                open.extend(attributes.iter().map(|it| (it.type_oid, it.modifier, depth)));
            }
            TypeKind::Base | TypeKind::Told(_) | TypeKind::Enum(_) => {}
        }
    }
    found
}

/// Texts to try as casts on a type that [`values`] does not know.
pub fn candidates() -> &'static [&'static str] {
    CANDIDATES
}

/// The n-th of distinct ordinary values, counted from 0, for keys; `None` where the type has no more.
///
/// Of ranges, boxes and circles none overlaps another.
pub fn distinct(types: &Types, type_oid: u32, modifier: i32, n: u64) -> Option<String> {
    family(types, type_oid, modifier, DEPTH)?.distinct(n)
}

/// The distinct values of one type, for many of them.
pub(super) struct Endless(Option<Box<dyn Family>>);

/// What [`distinct`] gives, one after the other.
pub(super) fn endless(types: &Types, type_oid: u32, modifier: i32) -> Endless {
    Endless(family(types, type_oid, modifier, DEPTH))
}

impl Endless {
    pub(super) fn nth(&self, n: u64) -> Option<String> {
        self.0.as_ref()?.distinct(n)
    }
}

/// The values that read best, the very simplest first; empty for a type that nobody knows.
pub fn canonical(types: &Types, type_oid: u32, modifier: i32) -> Vec<String> {
    family(types, type_oid, modifier, DEPTH).map(|it| it.canonical()).unwrap_or_default()
}

fn family(types: &Types, oid: u32, modifier: i32, depth: u32) -> Option<Box<dyn Family>> {
    let depth = depth.checked_sub(1)?;
    let own = types.get(oid)?;
    // Some types of the system are arrays to the catalog, yet not written as such.
    if let Some(base) = base(own, modifier) {
        return Some(base);
    }
    let inner = |oid: u32, modifier: i32| family(types, oid, modifier, depth);
    Some(match &own.kind {
        TypeKind::Base => return None,
        TypeKind::Told(texts) => Box::new(Told::new(texts.get(&modifier)?)?),
        TypeKind::Enum(labels) => Box::new(Labels::new(labels)?),
        TypeKind::Domain { base, modifier, .. } => inner(*base, *modifier)?,
        TypeKind::Array(element) => Box::new(Array {
            element: inner(*element, modifier)?,
            delimiter: delimiter(types, *element),
            has_nulls: !refuses_null(types, *element),
        }),
        TypeKind::Range(subtype) => Box::new(Range(inner(*subtype, -1)?)),
        TypeKind::Multirange(range) => {
            Box::new(Multirange(Range(inner(subtype(types, *range)?, -1)?)))
        }
        TypeKind::Composite(attributes) => Box::new(Composite(
            attributes.iter().map(|attribute| piece(types, attribute, depth)).collect(),
        )),
    })
}

fn piece(types: &Types, attribute: &Attribute, depth: u32) -> Part {
    Part {
        family: family(types, attribute.type_oid, attribute.modifier, depth),
        has_nulls: !refuses_null(types, attribute.type_oid),
    }
}

/// A type that is known by its name.
fn base(own: &Type, modifier: i32) -> Option<Box<dyn Family>> {
    if own.schema != "pg_catalog" {
        return (own.kind == TypeKind::Base).then(|| extensions::family(&own.name, modifier))?;
    }
    let files = [
        numbers::family,
        text::family,
        time::family,
        binary::family,
        network::family,
        json::family,
        geometric::family,
        search::family,
        system::family,
    ];
    files.into_iter().find_map(|family| family(&own.name, modifier))
}

/// What stands between the elements of an array: a comma but for boxes and what is made of them.
fn delimiter(types: &Types, element: u32) -> char {
    let mut next = types.get(element);
    for _ in 0..DEPTH {
        match next.map(|it| (&it.kind, it.name.as_str(), it.schema.as_str())) {
            Some((TypeKind::Base, "box", "pg_catalog")) => return ';',
            Some((TypeKind::Domain { base: inner, .. } | TypeKind::Array(inner), ..)) => {
                next = types.get(*inner);
            }
            _ => break,
        }
    }
    ','
}

fn subtype(types: &Types, range: u32) -> Option<u32> {
    match types.get(range)?.kind {
        TypeKind::Range(subtype) => Some(subtype),
        _ => None,
    }
}

/// Whether it is a domain that refuses NULL, or one over such a domain.
fn refuses_null(types: &Types, oid: u32) -> bool {
    let mut next = oid;
    for _ in 0..DEPTH {
        match types.get(next).map(|it| &it.kind) {
            Some(TypeKind::Domain { not_null: true, .. }) => return true,
            Some(TypeKind::Domain { base, .. }) => next = *base,
            _ => return false,
        }
    }
    false
}

const CANDIDATES: &[&str] = &[
    "1",
    "a",
    "0",
    "",
    "true",
    "1.5",
    "{}",
    "()",
    "[]",
    "empty",
    "(0,0)",
    "[1,2,3]",
    "{1}",
    "(1)",
    "{\"a\": 1}",
    "2000-01-01",
    "2000-01-01 00:00:00+00",
    "1 day",
    "00000000-0000-4000-8000-000000000000",
    "127.0.0.1",
    "\\x00",
    "0/1",
    "a.b",
    "a=>1",
    "$.a",
    "<a/>",
    "POINT(0 0)",
    "LINESTRING(0 0,1 1)",
    "POLYGON((0 0,1 0,1 1,0 0))",
    "MULTIPOINT((0 0),(1 1))",
    "MULTILINESTRING((0 0,1 1))",
    "MULTIPOLYGON(((0 0,1 0,1 1,0 0)))",
    "GEOMETRYCOLLECTION(POINT(0 0))",
    "POINT Z (0 0 0)",
    "SRID=4326;POINT(0 0)",
    "SRID=4326;POLYGON((0 0,1 0,1 1,0 0))",
    "SRID=4326;MULTIPOLYGON(((0 0,1 0,1 1,0 0)))",
    "SRID=3857;POINT(0 0)",
    "978-0-306-40615-7",
    "978-3-16-148410-0",
    "979-0-2600-0043-8",
    "0378-5955",
    "036000291452",
    "USD 1",
    "#ff0000",
    "1.0.0",
    "https://example.org/",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn types(all: &[(u32, &str, &str, TypeKind)]) -> Types {
        let types = all.iter().map(|(oid, schema, name, kind)| {
            let (schema, name) = ((*schema).to_owned(), (*name).to_owned());
            let sql = format!("{schema}.{name}");
            (*oid, Type { oid: *oid, name, schema, sql, kind: kind.clone() })
        });
        Types(types.collect::<BTreeMap<_, _>>())
    }

    fn domain(base: u32, modifier: i32, not_null: bool) -> TypeKind {
        TypeKind::Domain { base, modifier, not_null, checks: Vec::new() }
    }

    #[test]
    fn what_nobody_knows_has_no_values() {
        let types = types(&[
            (1, "pg_catalog", "pg_node_tree", TypeKind::Base),
            (2, "public", "text", domain(1, -1, false)),
            (3, "public", "geometry", TypeKind::Base),
            (4, "public", "_geometry", TypeKind::Array(3)),
            (5, "public", "nothing", TypeKind::Enum(Vec::new())),
            (6, "public", "endless", TypeKind::Array(6)),
            (7, "public", "int4", TypeKind::Base),
        ]);
        for oid in 0..8 {
            assert!(values(&types, oid, -1).is_none(), "{oid}");
            assert_eq!(distinct(&types, oid, -1, 0), None);
            assert_eq!(canonical(&types, oid, -1), Vec::<String>::new());
        }
        assert!(candidates().contains(&"POINT(0 0)"));
    }

    #[test]
    fn a_row_lives_without_an_attribute_that_nobody_knows() {
        let attribute =
            |name: &str, type_oid| Attribute { name: name.into(), type_oid, modifier: -1 };
        let types = types(&[
            (1, "public", "geometry", TypeKind::Base),
            (2, "pg_catalog", "int4", TypeKind::Base),
            (
                3,
                "public",
                "place",
                TypeKind::Composite(vec![attribute("at", 1), attribute("id", 2)]),
            ),
        ]);
        assert_eq!(distinct(&types, 3, -1, 4).unwrap(), "(,5)");
        assert_eq!(canonical(&types, 3, -1), ["(,0)", "(,1)"]);
    }

    #[test]
    fn modifiers_reach_what_is_within() {
        let types = types(&[
            (1, "pg_catalog", "varchar", TypeKind::Base),
            (2, "pg_catalog", "_varchar", TypeKind::Array(1)),
            (3, "public", "code", domain(1, 5, true)),
            (4, "public", "_code", TypeKind::Array(3)),
            (5, "public", "codes", domain(3, -1, false)),
        ]);
        let most = |oid, modifier| {
            let boundary = values(&types, oid, modifier).unwrap().boundary;
            boundary.iter().map(|text| text.chars().count()).max().unwrap()
        };
        assert_eq!((most(1, 5), most(3, -1), most(5, -1)), (1, 1, 1));
        assert_eq!(distinct(&types, 2, 5, 0).unwrap(), "{b}");
        let nulls = |oid| values(&types, oid, 5).unwrap().boundary.contains(&"{NULL}".to_owned());
        assert!(nulls(2) && !nulls(4));
    }

    #[test]
    fn boxes_have_a_delimiter_of_their_own() {
        let types = types(&[
            (1, "pg_catalog", "box", TypeKind::Base),
            (2, "pg_catalog", "_box", TypeKind::Array(1)),
            (3, "public", "area", domain(1, -1, false)),
            (4, "public", "_area", TypeKind::Array(3)),
        ]);
        let first = "{\"(0,0),(0,0)\"}";
        for oid in [2, 4] {
            assert!(values(&types, oid, -1).unwrap().boundary.contains(&first.to_owned()));
            assert!(
                values(&types, oid, -1).unwrap().boundary.iter().any(|it| it.contains("\";\""))
            );
        }
    }

    #[test]
    fn a_seed_gives_the_same_again() {
        use proptest::strategy::{Strategy, ValueTree};
        use proptest::test_runner::TestRunner;

        let attribute = |type_oid| Attribute { name: "it".into(), type_oid, modifier: -1 };
        let types = types(&[
            (1, "pg_catalog", "text", TypeKind::Base),
            (2, "pg_catalog", "_text", TypeKind::Array(1)),
            (3, "public", "both", TypeKind::Composite(vec![attribute(1), attribute(2)])),
        ]);
        let draw = || {
            let (any, mut runner) =
                (values(&types, 3, -1).unwrap().any, TestRunner::deterministic());
            (0..50).map(|_| any.new_tree(&mut runner).unwrap().current()).collect::<Vec<_>>()
        };
        assert_eq!(draw(), draw());
    }
}
