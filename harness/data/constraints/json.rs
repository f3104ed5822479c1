//! Documents with the keys that expressions ask for.
//!
//! Knows how documents are put together. Must not know where the keys come from.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::fact::Want;

/// Documents with each place present, of another kind, NULL and absent, the fullest first. Without
/// `strange`, a place that must be a number or a list is never anything else, for what reads it would
/// raise an error.
pub(super) fn documents(wants: &[(Vec<String>, Want)], strange: bool) -> Vec<String> {
    let places = gathered(wants);
    let mut found: Vec<Value> = Vec::new();
    let mut add = |document: Value| {
        if !found.contains(&document) {
            found.push(document);
        }
    };
    let top = wants.iter().filter_map(|(path, want)| match want {
        Want::One(value) if path.is_empty() => Some(value.clone()),
        Want::Kind(kind) if path.is_empty() => sample(kind),
        _ => None,
    });
    let top: Vec<Value> = top.collect();
    let is_object = |value: &Value| value.is_object();
    if places.is_empty() || !(top.is_empty() || top.iter().any(is_object)) {
        top.into_iter().for_each(&mut add);
    }
    if !places.is_empty() {
        add(full(&places, None));
        for path in places.keys() {
            for value in candidates(&places, path, strange) {
                add(full(&places, Some((path, Some(&value)))));
            }
            add(full(&places, Some((path, None))));
        }
        add(json!({}));
    }
    found.iter().map(Value::to_string).collect()
}

type Places = BTreeMap<Vec<String>, Vec<Value>>;

/// What is wanted at each place; a place on the way to another one is not one.
fn gathered(wants: &[(Vec<String>, Want)]) -> Places {
    let mut places = Places::new();
    for (path, want) in wants.iter().filter(|(path, _)| !path.is_empty()) {
        let is_way =
            wants.iter().any(|(other, _)| other.len() > path.len() && other.starts_with(path));
        let values = match want {
            Want::One(value) => Some(value.clone()),
            Want::Kind(kind) => sample(kind),
            Want::Any => None,
        };
        if !is_way {
            places.entry(path.clone()).or_default().extend(values);
        }
    }
    places
}

fn candidates(places: &Places, path: &[String], strange: bool) -> Vec<Value> {
    let wanted = places.get(path).cloned().unwrap_or_default();
    if !strange && wanted.iter().any(|value| value.is_number() || value.is_array()) {
        return wanted;
    }
    wanted.into_iter().chain([json!("a"), json!(1), Value::Null]).collect()
}

/// All places filled, but for one of them as it is said.
fn full(places: &Places, other: Option<(&[String], Option<&Value>)>) -> Value {
    let mut document = Value::Object(Map::new());
    for path in places.keys() {
        let value = match other {
            Some((place, value)) if place == path => value.cloned(),
            _ => candidates(places, path, true).into_iter().next(),
        };
        if let Some(value) = value {
            put(&mut document, path, value);
        }
    }
    document
}

fn put(place: &mut Value, path: &[String], value: Value) {
    let Some((key, rest)) = path.split_first() else {
        *place = value;
        return;
    };
    // A small number can be a place in a list.
    if let Some(index) = key.parse::<usize>().ok().filter(|index| *index < 4) {
        if !place.is_array() {
            *place = json!([]);
        }
        if let Value::Array(list) = place {
            list.resize(list.len().max(index + 1), Value::Null);
            list.get_mut(index).into_iter().for_each(|item| put(item, rest, value.clone()));
        }
        return;
    }
    if !place.is_object() {
        *place = json!({});
    }
    if let Value::Object(map) = place {
        put(map.entry(key).or_insert(Value::Null), rest, value);
    }
}

/// A value that `jsonb_typeof` calls so.
fn sample(kind: &str) -> Option<Value> {
    Some(match kind {
        "object" => json!({"a": 1}),
        "array" => json!([1]),
        "string" => json!("a"),
        "number" => json!(1),
        "boolean" => json!(true),
        "null" => Value::Null,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Want, documents};

    fn path(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn a_key_is_text_number_null_and_absent() {
        assert_eq!(
            documents(&[(path(&["k"]), Want::Any)], true),
            [r#"{"k":"a"}"#, r#"{"k":1}"#, r#"{"k":null}"#, "{}"]
        );
    }

    #[test]
    fn keys_stand_together_and_within_each_other() {
        let wants = [
            (path(&[]), Want::Kind("object".to_owned())),
            (path(&["a"]), Want::Any),
            (path(&["a", "b"]), Want::One(json!(5))),
            (path(&["list", "0"]), Want::Kind("boolean".to_owned())),
        ];
        let found = documents(&wants, true);
        assert_eq!(found[0], r#"{"a":{"b":5},"list":[true]}"#);
        assert!(found.contains(&r#"{"list":[true]}"#.to_owned()), "{found:?}");
        assert_eq!(documents(&[(path(&[]), Want::Kind("array".to_owned()))], true), ["[1]"]);
        let number = [(path(&["n"]), Want::One(json!(5)))];
        assert_eq!(documents(&number, false), [r#"{"n":5}"#, "{}"]);
        assert_eq!(documents(&number, true).len(), 5);
    }
}
