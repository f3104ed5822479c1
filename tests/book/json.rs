//! The page about JSON, written out of the schemas. That reports are as those say is what the test
//! `json_schema` holds.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::reference::{code, table};

/// The schemas in the order of the page, each with its verb or verbs.
const SCHEMAS: [(&str, &str); 5] = [
    ("verify", "stairway verify"),
    ("bench", "stairway bench"),
    ("drill", "stairway drill"),
    ("gate", "stairway gate"),
    ("account", "Runs on a database"),
];

pub(crate) fn page() -> String {
    let mut text = "# JSON\n\nThe reports for programs: `--format json`, or `--report json=PATH`. \
         Their key `schema` is 1. Keys may be added under that number; those that are there keep their meaning.\n\n\
         The tables below are made of JSON Schemas (draft 2020-12) that stand in `docs/schema/` of the repository. \
         These allow no key that they don't name, and a test holds reports of the program against them.\n\n\
         A run that ends with an error before it has a verdict writes a report as well. It has the key `error`; keys \
         that are not always there may be missing, and others null.\n"
        .to_owned();
    for (name, verb) in SCHEMAS {
        let path = format!("{}/docs/schema/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        write!(
            text,
            "\n## {verb}\n\n{} The schema is `docs/schema/{name}.schema.json`.\n\n",
            of(&schema, "description")
        )
        .unwrap();
        text.push_str(&keys(name, &schema, &schema));
        for (part, inner) in schema["$defs"].as_object().unwrap() {
            let says = of(inner, "description");
            write!(text, "\n### {name}: {part}\n\n{says}\n\n").unwrap();
            text.push_str(&keys(name, &schema, inner));
        }
    }
    text
}

fn of<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn keys(name: &str, whole: &Value, schema: &Value) -> String {
    let mut rows = Vec::new();
    gather((name, whole), "", schema, &mut rows);
    table(["key", "type", "always", "means"], rows)
}

/// A row for each key of an object, those of objects within it included.
fn gather(
    (name, whole): (&str, &Value),
    before: &str,
    schema: &Value,
    rows: &mut Vec<[String; 4]>,
) {
    let none = Map::new();
    let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
    let place = |key: &str| required.iter().position(|it| it == key);
    let keys = schema["properties"].as_object().unwrap_or(&none);
    let mut keys: Vec<(&String, &Value)> = keys.iter().collect();
    // In the order of what is always there, which a list keeps and an object does not.
    keys.sort_by_key(|(key, _)| place(key).unwrap_or(required.len()));
    for (key, inner) in keys {
        let path = format!("{before}{key}");
        let always = if place(key).is_some() { "yes" } else { "no" };
        let part = inner["$ref"].as_str().and_then(|part| part.rsplit('/').next());
        let of_part = part.map_or("", |part| of(&whole["$defs"][part], "description"));
        let says = [of(inner, "description"), of_part].into_iter().find(|it| !it.is_empty());
        let says = says.unwrap_or_else(|| panic!("{name}: {path} has no description"));
        rows.push([code(&path), kind(name, inner), always.to_owned(), says.to_owned()]);
        let (object, step) = within(inner);
        gather((name, whole), &format!("{path}{step}."), object, rows);
    }
}

/// The object that a value is or holds, and how its path goes on.
fn within(schema: &Value) -> (&Value, &'static str) {
    if let Some(first) = schema["anyOf"].get(0) {
        return within(first);
    }
    match schema.get("items") {
        Some(items) => (within(items).0, "[]"),
        None => (schema, ""),
    }
}

/// What a value is, in words.
fn kind(name: &str, schema: &Value) -> String {
    if let Some(part) = schema["$ref"].as_str() {
        let part = part.rsplit('/').next().unwrap();
        return format!("[{part}](#{name}-{part})");
    }
    if let Some(values) = schema["enum"].as_array() {
        let numbers = values.iter().filter(|value| value.is_number()).count();
        let null = if values.iter().any(Value::is_null) { " or null" } else { "" };
        if numbers > 0 {
            return format!("an [exit code](exit-codes.md){null}");
        }
        let words = values.iter().filter_map(Value::as_str).map(code);
        return words.collect::<Vec<_>>().join(", ") + null;
    }
    if let Some(value) = schema.get("const") {
        return code(value);
    }
    if let Some(kinds) = schema["anyOf"].as_array() {
        return kinds.iter().map(|it| kind(name, it)).collect::<Vec<_>>().join(" or ");
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        one => vec![one.as_str().unwrap()],
    };
    let words = kinds.into_iter().map(|word| match word {
        "array" => format!("list of {}", kind(name, &schema["items"])),
        other => other.to_owned(),
    });
    words.collect::<Vec<_>>().join(" or ")
}
