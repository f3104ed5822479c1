//! SARIF of hand-made reports, held against the standard's schema. Knows nothing of servers.

use serde_json::Value;

use super::super::samples;
use super::{sarif, unfinished};
use crate::finding::{CheckId, Finding, Span};
use crate::report::{Report, Root};

fn valid(text: &str) -> Value {
    let schema = include_str!("../../../fixtures/sarif/sarif-schema-2.1.0.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    // A schema that accepts everything would prove nothing.
    let toolless = serde_json::json!({ "version": "2.1.0", "runs": [{}] });
    assert!(!validator.is_valid(&toolless));
    let document: Value = serde_json::from_str(text).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    document
}

fn results(report: &Report) -> Vec<Value> {
    let text = sarif(report, &Root::at("/repo", "/repo/sub")).unwrap();
    valid(&text)["runs"][0]["results"].as_array().unwrap().clone()
}

#[test]
fn every_finding_is_a_result_with_its_rule() {
    let text = sarif(&samples::nasty(), &Root::at("/repo", "/repo/sub")).unwrap();
    let run = &valid(&text)["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), CheckId::ALL.len());
    for rule in rules {
        assert!(rule["fullDescription"]["text"].as_str().unwrap().len() > 20, "{rule}");
        let page = rule["help"]["markdown"].as_str().unwrap();
        assert!(page.starts_with(&format!("# {}\n", rule["id"].as_str().unwrap())), "{page}");
    }
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 5);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(result["suppressions"].is_array());
    }
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    let notifications = &run["invocations"][0]["toolExecutionNotifications"];
    assert_eq!(notifications.as_array().unwrap().len(), 2);
    let said = notifications[1]["message"]["text"].as_str().unwrap();
    assert!(said.starts_with("4 later was not judged: for want of"), "{said}");
}

#[test]
fn places_are_relative_encoded_and_in_utf16() {
    let results = results(&samples::nasty());
    let accepted = &results[1]["locations"][0]["physicalLocation"];
    let artifact = &accepted["artifactLocation"];
    assert_eq!(artifact["uri"], "sub/migrations/2_a%2Cb%3A%20100%25/up.sql");
    assert_eq!(artifact["uriBaseId"], "%SRCROOT%");
    let region = &accepted["region"];
    assert_eq!((&region["startLine"], &region["endLine"]), (&2.into(), &2.into()));
    // The smile is two UTF-16 units wide, and stands behind 32 others.
    assert_eq!((&region["startColumn"], &region["endColumn"]), (&33.into(), &35.into()));
    let drift = &results[2]["locations"][0];
    assert_eq!(drift["physicalLocation"]["region"]["endLine"], 5);
    assert_eq!(drift["logicalLocations"][0]["fullyQualifiedName"], "public.\"a b\"");
}

#[test]
fn accepted_findings_are_suppressed_with_their_reason() {
    let results = results(&samples::nasty());
    let suppressed: Vec<_> = results
        .iter()
        .filter(|result| !result["suppressions"].as_array().unwrap().is_empty())
        .collect();
    assert_eq!(suppressed.len(), 1);
    let suppression = &suppressed[0]["suppressions"][0];
    assert_eq!(suppression["kind"], "inSource");
    assert_eq!(suppression["justification"], "nobody reads by position | @lead");
}

#[test]
fn fingerprints_stay_when_lines_shift_and_differ_otherwise() {
    let report = |text: &str, needle: &str| {
        let mut report = samples::empty();
        report.sources.insert("migrations/1.sql".into(), text.into());
        let start = text.find(needle).unwrap();
        let span = Span::new("migrations/1.sql", text, start..start + needle.len());
        let finding = || Finding::new(CheckId::SchemaDrift, "m").at(span.clone());
        report.migrations.push(samples::migration("1", "one", vec![finding(), finding()]));
        report
    };
    let fingerprints = |report: &Report| -> Vec<String> {
        let of = |result: &Value| result["partialFingerprints"]["stairwayFinding/v1"].clone();
        results(report).iter().map(|result| of(result).as_str().unwrap().to_owned()).collect()
    };
    let before = fingerprints(&report("DROP TABLE a;\nDROP TABLE b;", "DROP TABLE a;"));
    let after = fingerprints(&report("\n-- new\n  DROP TABLE\n a;", "DROP TABLE\n a;"));
    assert_eq!(before, after);
    assert_ne!(before[0], before[1]);
    let other = fingerprints(&report("DROP TABLE a;\nDROP TABLE b;", "DROP TABLE b;"));
    assert!(!before.contains(&other[0]));
}

#[test]
fn a_run_without_a_verdict_has_no_results_and_says_why() {
    let text = unfinished(&samples::unfinished(), &Root::at("/repo", "/repo")).unwrap();
    let run = &valid(&text)["runs"][0];
    assert!(run.get("results").is_none());
    let invocation = &run["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(invocation["exitCode"], 3);
    let notification = &invocation["toolExecutionNotifications"][0];
    assert_eq!(notification["level"], "error");
    assert_eq!(notification["message"]["text"], "no 100% server\ncaused by: <&>\n::end");
}
