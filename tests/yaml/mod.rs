//! YAML as values: jobs, manifests and whatever else is to be copied.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use serde_json::Value;
use serde_saphyr::Options;

/// What one reader takes for a word and the next one for a truth value is refused, and so is a key that is
/// there twice.
fn strictly() -> Options {
    serde_saphyr::options! { strict_booleans: true }
}

/// The value of a document.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    serde_saphyr::from_str_with_options(text, strictly()).map_err(|error| error.to_string())
}

/// The values of all documents of a file.
pub(crate) fn documents(text: &str) -> Result<Vec<Value>, String> {
    serde_saphyr::from_multiple_with_options(text, strictly()).map_err(|error| error.to_string())
}

#[test]
fn what_is_no_yaml_is_refused() {
    let good = "a: 1\non: [b, \"c d\"]\ne:\n  - f: |\n      g: {\n\n      h\n  - $i == \"j\"\n";
    let value = serde_json::json!({
        "a": 1, "on": ["b", "c d"], "e": [{ "f": "g: {\n\nh\n" }, "$i == \"j\""]
    });
    assert_eq!(read(good).unwrap(), value);
    let anchors = "a: &a {b: 1}\nc:\n  <<: *a\n  d: 2\n";
    assert_eq!(read(anchors).unwrap()["c"], serde_json::json!({ "b": 1, "d": 2 }));
    for bad in ["a: b: c\n", "a: 1\na: 2\n", "a:\n\tb: 1\n", "- a\nb: 1\n", "a: [b\n", "a: \"b\n"] {
        assert!(read(bad).is_err(), "{bad:?} was read");
    }
}
