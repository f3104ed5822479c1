//! Documents: `json`, `jsonb`, `jsonpath` and `xml`.
//!
//! Knows how they are written. Must not know columns.

use proptest::prelude::*;
use proptest::sample::select;

use super::family::{Family, Listed};

pub(super) fn family(name: &str, _: i32) -> Option<Box<dyn Family>> {
    Some(match name {
        "json" => Box::new(JSON),
        "jsonb" => Box::new(JSONB),
        "jsonpath" => Box::new(JSONPATH),
        "xml" => Box::new(XML),
        _ => return None,
    })
}

fn drawn() -> BoxedStrategy<String> {
    const LEAVES: &[&str] = &[
        "null",
        "true",
        "false",
        "0",
        "1",
        "-7",
        "1.0",
        "1.50",
        "1e3",
        "\"\"",
        "\"1\"",
        "\"a\"",
        "\"null\"",
        "\"2024-02-29\"",
        "\"\u{e9}\"",
        "{}",
        "[]",
    ];
    const KEYS: &[&str] = &["a", "b", "id", "name", "value", "A", "a b"];
    let parts = (0..7_u32, select(LEAVES), select(LEAVES), select(KEYS), select(KEYS));
    let text = parts.prop_map(|(form, one, other, key, inner)| match form {
        0 => one.to_owned(),
        1 => format!("[{one}]"),
        2 => format!("[{one}, {other}]"),
        3 => format!("{{\"{key}\": {one}}}"),
        4 => format!("{{\"{key}\": {one}, \"c\": {other}}}"),
        5 => format!("{{\"{key}\": {{\"{inner}\": {one}}}}}"),
        _ => format!("{{\"{key}\": [{one}, {{\"{inner}\": {other}}}]}}"),
    });
    text.boxed()
}

const JSONB: Listed = Listed {
    boundary: &[
        "null",
        "{}",
        "[]",
        "\"\"",
        "1",
        "\"1\"",
        "1.0",
        "1.00",
        "{\"a\": null}",
        "{\"a\": \"1\"}",
        "{\"a\": 1}",
        "{\"a\": 1.0}",
        "{\"a\": [1, \"1\", null, {\"b\": []}]}",
        "[null, null]",
        "\"null\"",
        "true",
        "\"a\"",
        "{\"\": 1, \"A\": 2}",
        "{\"\u{e9}\": \"\u{1f600}\"}",
        "12345678901234567890.123",
    ],
    plain: &[
        "{\"name\": \"Ada\"}",
        "{\"id\": 7, \"tags\": [\"new\", \"paid\"]}",
        "[1, 2, 3]",
        "{\"active\": true, \"limit\": 10}",
        "{\"address\": {\"city\": \"London\", \"zip\": \"N1\"}}",
        "[\"a\", \"b\"]",
    ],
    canonical: &["{}", "[]", "null", "{\"a\": 1}"],
    ordered: &[],
    distinct: |n| Some(format!("{{\"id\": {}}}", n.checked_add(1)?)),
    drawn: Some(drawn),
};

/// What is kept as it was written, and what `jsonb` refuses.
const JSON: Listed = Listed {
    boundary: &[
        "null",
        "{}",
        "[]",
        "\"\"",
        "1",
        "\"1\"",
        "1.0",
        "1.00",
        "{\"a\": null}",
        "{\"a\": \"1\"}",
        "{\"a\": 1, \"a\": 2}",
        "{\"a\": 1.0}",
        "{\"a\": \"x\\u0000y\"}",
        "{\"b\":1,\"a\":[ 2 ]}",
        "[null, null]",
        "\"null\"",
        "true",
        " {\"a\" : 1} ",
        "{\"\u{e9}\": \"\u{1f600}\"}",
        "1e400",
    ],
    ..JSONB
};

const JSONPATH: Listed = Listed {
    boundary: &["$", "$.a", "strict $.a", "$[*]", "$.a[0 to 2]", "$.\"a b\"", "$.**", "1", "null"],
    plain: &[
        "$.name",
        "$.items[*].price",
        "$.id",
        "$.tags[0]",
        "$.a.b",
        "$.items[*] ? (@.price > 10)",
    ],
    canonical: &["$", "$.a"],
    ordered: &[],
    distinct: |n| Some(format!("$.a{}", n.checked_add(1)?)),
    drawn: None,
};

/// A server without libxml refuses all of them.
const XML: Listed = Listed {
    boundary: &[
        "<a/>",
        "<a></a>",
        "text",
        "<a>1</a><b/>",
        "<a b=\"c\">\u{e9} &amp; &lt;</a>",
        "<!-- nothing --><a/>",
        "<a><![CDATA[<]]></a>",
    ],
    plain: &[
        "<name>Ada</name>",
        "<order id=\"7\"><item/></order>",
        "<p>hello</p>",
        "<a>1</a>",
        "<x y=\"2\"/>",
    ],
    canonical: &["<a/>", "<a>1</a>"],
    ordered: &[],
    distinct: |n| Some(format!("<a>{}</a>", n.checked_add(2)?)),
    drawn: None,
};
