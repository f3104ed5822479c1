//! The schemas themselves, and what it is to fit one.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::{Map, Value};
use stairway::exit::Exit;

/// The schema of one verb's report.
pub(crate) struct Schema {
    name: String,
    validator: Validator,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema")
}

fn read(name: &str) -> Value {
    let text = fs::read_to_string(folder().join(format!("{name}.schema.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

impl Schema {
    pub(crate) fn of(name: &str) -> Self {
        let options = jsonschema::options().should_validate_formats(true);
        Self { name: name.to_owned(), validator: options.build(&read(name)).unwrap() }
    }

    /// A report fits, and would not with one more key in any of its objects.
    #[track_caller]
    pub(crate) fn fits(&self, report: &Value) {
        assert!(report.is_object(), "no report of {}: {report}", self.name);
        let wrong: Vec<String> = self
            .validator
            .iter_errors(report)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{}: {}\n{report:#}", self.name, wrong.join("\n"));
        for place in objects(report, String::new()) {
            let mut more = report.clone();
            let object = more.pointer_mut(&place).and_then(Value::as_object_mut).unwrap();
            object.insert("undocumented".to_owned(), Value::from(1));
            assert!(
                !self.validator.is_valid(&more),
                "{}: anything may stand in {place}",
                self.name
            );
        }
    }

    /// The same of the text of one.
    #[track_caller]
    pub(crate) fn fits_text(&self, text: &[u8]) -> Value {
        let report = serde_json::from_slice(text);
        let report =
            report.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(text)));
        self.fits(&report);
        report
    }
}

/// Where in a value there are objects, the value itself included.
fn objects(value: &Value, place: String) -> Vec<String> {
    let (mut found, inner): (Vec<String>, Vec<(String, &Value)>) = match value {
        Value::Object(keys) => {
            let inner = keys.iter().map(|(key, value)| (format!("{place}/{key}"), value));
            let inner = inner.collect();
            (vec![place], inner)
        }
        Value::Array(items) => {
            let inner =
                items.iter().enumerate().map(|(at, value)| (format!("{place}/{at}"), value));
            (Vec::new(), inner.collect())
        }
        _ => return Vec::new(),
    };
    found.extend(inner.into_iter().flat_map(|(place, value)| objects(value, place)));
    found
}

/// Calls `look` with every part of a schema.
fn each(schema: &Value, look: &mut dyn FnMut(&Map<String, Value>)) {
    match schema {
        Value::Object(keys) => {
            look(keys);
            keys.values().for_each(|inner| each(inner, look));
        }
        Value::Array(items) => items.iter().for_each(|inner| each(inner, look)),
        _ => {}
    }
}

#[test]
fn schemas_are_sound_say_what_keys_mean_and_know_all_exit_codes() {
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    let wanted = ["account", "bench", "drill", "gate", "verify"];
    assert_eq!(names, wanted.map(|name| format!("{name}.schema.json")));
    let mut codes: Vec<Value> = Exit::ALL.iter().map(|exit| exit.code().into()).collect();
    for name in wanted {
        let schema = read(name);
        assert!(jsonschema::meta::is_valid(&schema), "{name}");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        let mut keys = 0;
        each(&schema, &mut |part| {
            let is_object = part.get("type").is_some_and(|kind| kind == "object");
            if let (true, Some(Value::Object(properties))) = (is_object, part.get("properties")) {
                assert_eq!(part["additionalProperties"], false, "{name}: {part:?}");
                for (key, value) in properties {
                    let is_said = value["description"].as_str().is_some_and(|it| it.ends_with('.'));
                    assert!(is_said || value.get("$ref").is_some(), "{name}: {key}");
                    keys += 1;
                }
            }
            if let Some(exits) = part.get("enum").and_then(Value::as_array).filter(|it| it[0] == 0)
            {
                let known: Vec<Value> = exits.iter().filter(|it| !it.is_null()).cloned().collect();
                assert_eq!(known, codes, "{name}");
            }
        });
        assert!(keys > 20, "{name}: {keys} keys");
    }
    // What is compared above is something.
    assert_eq!(codes.remove(0), 0);
}

#[test]
fn what_does_not_fit_is_seen() {
    let schema = Schema::of("gate");
    assert!(!schema.validator.is_valid(&serde_json::json!({"schema": 1})));
    let place = objects(&serde_json::json!({"a": [{"b": {}}], "c": 1}), String::new());
    assert_eq!(place, ["", "/a/0", "/a/0/b"]);
}
