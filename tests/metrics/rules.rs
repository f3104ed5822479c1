//! Rules and dashboard speak of what runs can write, and of nothing else; and each rule is tried.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use stairway::exit::Exit;
use stairway::finding::{Severity, Verdict};
use stairway::report::prometheus::{FAMILIES, Family, Kind};
use stairway::runs::drill::CHECKS;

use crate::{program, promtool, yaml};

/// Words of PromQL that are neither names of metrics nor followed by a parenthesis.
const WORDS: [&str; 10] =
    ["and", "or", "unless", "offset", "bool", "sum", "min", "max", "count", "avg"];
/// Those that labels in parentheses follow.
const LISTS: [&str; 4] = ["by", "without", "on", "ignoring"];

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ci").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(place(name)).unwrap()
}

/// A selector: the name of a metric, and for each label what it is held against.
#[derive(Debug, PartialEq)]
struct Selector {
    name: String,
    matchers: Vec<(String, String)>,
}

/// All selectors of an expression. Labels in `by (..)` are held against those of all families.
fn selectors(expr: &str) -> Vec<Selector> {
    let (mut found, mut rest): (Vec<Selector>, &str) = (Vec::new(), expr);
    while let Some(at) = rest.find(|c: char| c.is_ascii_alphabetic() || "_:\"$[".contains(c)) {
        // What a number ends with is its unit.
        let is_unit = rest[..at].ends_with(|c: char| c.is_ascii_digit());
        rest = &rest[at..];
        if rest.starts_with('[') {
            rest = &rest[rest.find(']').expect(expr)..];
            continue;
        }
        assert!(!rest.starts_with('"'), "a text outside of a selector: {expr}");
        let is_variable = rest.starts_with('$');
        let word = rest.trim_start_matches('$');
        let end = word.find(|c: char| !c.is_ascii_alphanumeric() && !"_:".contains(c));
        let (word, after) = word.split_at(end.unwrap_or(word.len()));
        rest = after;
        if is_variable || is_unit {
            continue;
        }
        if LISTS.contains(&word) {
            let (labels, after) =
                rest.trim_start().strip_prefix('(').unwrap().split_once(')').unwrap();
            for label in labels.split(',').map(str::trim) {
                assert!(is_label(label), "no family has the label {label}: {expr}");
            }
            rest = after;
        } else if !WORDS.contains(&word) && !rest.starts_with('(') {
            let (matchers, after) = matchers(rest);
            found.push(Selector { name: word.to_owned(), matchers });
            rest = after;
        }
    }
    found
}

/// What stands in braces behind a name.
fn matchers(text: &str) -> (Vec<(String, String)>, &str) {
    let Some(mut rest) = text.strip_prefix('{') else { return (Vec::new(), text) };
    let mut matchers = Vec::new();
    while !rest.starts_with('}') {
        let at = rest.find(['=', '!']).expect(text);
        let (label, after) = rest.split_at(at);
        let (value, after) = after
            .trim_start_matches(['=', '!', '~'])
            .strip_prefix('"')
            .unwrap()
            .split_once('"')
            .unwrap();
        matchers.push((label.to_owned(), value.to_owned()));
        rest = after.trim_start_matches(',');
    }
    (matchers, &rest[1..])
}

/// Of every sample, by us or by the scrape.
fn is_label(label: &str) -> bool {
    ["instance", "job"].contains(&label) || FAMILIES.iter().any(|it| it.labels.contains(&label))
}

/// The family of a name, if a run can write it.
fn family(name: &str) -> Option<&'static Family> {
    let is_it = |it: &&&Family| {
        let summed = ["_sum", "_count"].map(|end| format!("{}{end}", it.name));
        it.name == name || (it.kind == Kind::Summary && summed.iter().any(|it| it == name))
    };
    FAMILIES.iter().find(is_it).copied()
}

/// The verbs that take `--metrics`.
fn jobs() -> BTreeSet<String> {
    let help = |words: &[&str]| {
        let output = program::program().args(words).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let all = help(&["--help"]);
    let verbs =
        all.split_once("Commands:\n").unwrap().1.lines().take_while(|line| !line.is_empty());
    let verbs = verbs.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let measured = verbs.filter(|verb| !verb.is_empty() && *verb != "help");
    measured
        .filter(|verb| help(&[verb, "--help"]).contains("--metrics <DIR>"))
        .map(str::to_owned)
        .collect()
}

/// The values that a label can have, where that is a closed set.
fn values(label: &str, family: &Family, jobs: &BTreeSet<String>) -> Option<BTreeSet<String>> {
    let of = |words: &[&str]| Some(words.iter().map(|it| (*it).to_owned()).collect());
    match (label, family.name) {
        ("job", _) => Some(jobs.clone()),
        ("outcome", "stairway_run_outcome") => of(&Exit::ALL.map(Exit::as_str)),
        ("outcome", _) => of(&["downgrade", "restore", "refused", "failed"]),
        ("severity", _) => {
            of(&[Severity::Error, Severity::Warning, Severity::Note].map(Severity::as_str))
        }
        ("verdict", _) => {
            of(&[Verdict::Pass, Verdict::Fail, Verdict::Inconclusive].map(Verdict::as_str))
        }
        ("check", _) => of(&CHECKS.iter().map(|(name, _)| *name).collect::<Vec<_>>()),
        ("quantile", _) => of(&["0.5", "0.95", "0.99"]),
        // Of a run on a database, but for the one of all jobs; `tests/metrics/deployed.rs` has them all.
        ("stage", _) => of(&["total", "backup", "rehearse", "apply", "validate"]),
        _ => None,
    }
}

/// What is wrong with an expression.
fn wrong(expr: &str, jobs: &BTreeSet<String>) -> Option<String> {
    for Selector { name, matchers } in selectors(expr) {
        let Some(family) = family(&name) else { return Some(format!("no run writes {name}")) };
        for (label, value) in matchers {
            let is_known = ["instance", "job"].contains(&label.as_str())
                || family.labels.contains(&label.as_str());
            // Where a scrape has replaced ours.
            if label == "exported_job" {
                continue;
            }
            if !is_known {
                return Some(format!("{name} has no label {label}"));
            }
            let Some(known) = values(&label, family, jobs) else { continue };
            let words = value.split('|').filter(|word| !word.starts_with('$'));
            for word in words {
                if !known.contains(word) {
                    return Some(format!("{label} of {name} is never {word}"));
                }
            }
        }
    }
    None
}

#[test]
fn expressions_are_read() {
    let jobs = BTreeSet::from(["drill".to_owned()]);
    let sound = "time() - max by (instance) (stairway_drill_rto_seconds{job=\"drill\"}) > 26 * 3600 or \
                 sum by (job) (increase(stairway_rollbacks_total[1h])) > 1e3 and vector($rto) offset 5m";
    let names: Vec<String> = selectors(sound).into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["stairway_drill_rto_seconds", "stairway_rollbacks_total"]);
    assert_eq!(wrong(sound, &jobs), None);
    assert_eq!(wrong("rate(stairway_query_latency_seconds_count[$__range])", &jobs), None);
    for (expr, why) in [
        ("stairway_gone > 0", "no run writes stairway_gone"),
        ("up{job=\"drill\"} == 0", "no run writes up"),
        ("stairway_drill_rto_seconds_count", "no run writes stairway_drill_rto_seconds_count"),
        ("stairway_findings{stage=\"x\"}", "stairway_findings has no label stage"),
        ("stairway_findings{job=~\"drill|dril\"}", "job of stairway_findings is never dril"),
        (
            "sum(stairway_run_outcome{outcome!~\"success|failed\"})",
            "outcome of stairway_run_outcome is never failed",
        ),
    ] {
        assert_eq!(wrong(expr, &jobs).as_deref(), Some(why));
    }
    let unknown = std::panic::catch_unwind(|| selectors("sum by (place) (stairway_findings)"));
    assert!(unknown.is_err());
}

/// Name and rule.
fn rules() -> BTreeMap<String, Value> {
    let read = yaml::read(&text("prometheus/stairway.rules.yml")).unwrap();
    let groups = read["groups"].as_array().unwrap().clone();
    let all = groups.into_iter().flat_map(|group| group["rules"].as_array().unwrap().clone());
    let mut rules = BTreeMap::new();
    for rule in all {
        let name = rule["alert"].as_str().unwrap().to_owned();
        assert!(rules.insert(name.clone(), rule).is_none(), "{name} is there twice");
    }
    rules
}

#[test]
fn rules_speak_of_what_runs_write_and_say_what_to_do() {
    let jobs = jobs();
    for job in [
        "verify",
        "bench",
        "drill",
        "backup",
        "upgrade",
        "downgrade",
        "restore",
        "validate",
        "recover",
    ] {
        assert!(jobs.contains(job), "{job} takes no --metrics: {jobs:?}");
    }
    let (rules, mut named) = (rules(), BTreeSet::new());
    for (name, rule) in &rules {
        let expr = rule["expr"].as_str().unwrap();
        assert_eq!(wrong(expr, &jobs), None, "{name}");
        named.extend(selectors(expr).into_iter().map(|it| it.name));
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(["warning", "critical"].contains(&severity), "{name}: {severity}");
        for annotation in ["summary", "description", "runbook"] {
            let text = rule["annotations"][annotation].as_str().unwrap();
            assert!(text.len() > 20, "{name}: {annotation}");
        }
        let runbook = rule["annotations"]["runbook"].as_str().unwrap();
        assert!(runbook.contains('`'), "{name} names no command: {runbook}");
        for command in runbook.split('`').skip(1).step_by(2) {
            let mut words = command.split(' ');
            if words.next() == Some("stairway") {
                let verb = words.next().unwrap();
                let is_verb = verb.starts_with("{{") || is_verb(verb);
                assert!(is_verb, "{name}: there is no `{command}`");
            }
        }
    }
    // What the guide asks to be told of.
    for condition in [
        "stairway_run_outcome",
        "stairway_rollbacks_total",
        "stairway_run_duration_seconds",
        "stairway_stage_success",
        "stairway_last_success_timestamp_seconds",
        "stairway_backup_created_timestamp_seconds",
    ] {
        assert!(named.contains(condition), "no rule looks at {condition}");
    }
    let expr = |name: &str| rules[name]["expr"].as_str().unwrap().to_owned();
    assert!(expr("StairwayDrillAbsent").starts_with("absent("));
    assert!(expr("StairwayDrillTooOld").starts_with("time() - "));
}

/// No run that failed goes without an alert.
#[test]
fn each_bad_outcome_is_in_a_rule() {
    let rules = rules();
    let matched = rules.values().flat_map(|rule| selectors(rule["expr"].as_str().unwrap()));
    let of_outcomes = matched.filter(|it| it.name == "stairway_run_outcome");
    let words: BTreeSet<String> = of_outcomes
        .flat_map(|it| it.matchers)
        .filter(|(label, _)| label == "outcome")
        .flat_map(|(_, value)| value.split('|').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    // Another runner is at work, which is what the lock is for.
    let fine = [Exit::Clean, Exit::AlreadyRunning];
    for exit in Exit::ALL.iter().filter(|it| !fine.contains(it)) {
        assert!(words.contains(exit.as_str()), "{} is in no rule", exit.as_str());
    }
}

fn is_verb(word: &str) -> bool {
    let output = program::program().args([word, "--help"]).output().unwrap();
    output.status.success()
}

/// promtool says whether they hold; this says that none was forgotten.
#[test]
fn each_rule_is_tried_on_something_bad_and_on_something_good() {
    let read = yaml::read(&text("prometheus/stairway.rules.test.yml")).unwrap();
    let tests = read["tests"].as_array().unwrap();
    let cases = tests.iter().flat_map(|it| it["alert_rule_test"].as_array().unwrap());
    let (mut fires, mut keeps) = (BTreeSet::new(), BTreeSet::new());
    for case in cases {
        let name = case["alertname"].as_str().unwrap().to_owned();
        let alerts = case.get("exp_alerts").and_then(Value::as_array);
        if alerts.is_some_and(|it| !it.is_empty()) {
            fires.insert(name)
        } else {
            keeps.insert(name)
        };
    }
    let all: BTreeSet<String> = rules().into_keys().collect();
    assert_eq!(fires, all, "each fires");
    assert_eq!(keeps, all, "each keeps still");
}

#[test]
fn promtool_takes_the_rules_and_their_tests_pass() {
    let folder = place("prometheus");
    let Some((is_good, said)) = promtool::says(&["check", "rules", "stairway.rules.yml"], &folder)
    else {
        return;
    };
    assert!(is_good && said.contains(&format!("{} rules found", rules().len())), "{said}");
    let words = ["test", "rules", "stairway.rules.test.yml"];
    let (is_good, said) = promtool::says(&words, &folder).unwrap();
    assert!(is_good, "{said}");
    // A threshold that moves is noticed.
    let scratch = tempfile::tempdir().unwrap();
    let (rules, tests) =
        (text("prometheus/stairway.rules.yml"), text("prometheus/stairway.rules.test.yml"));
    for (one, other) in [("> 900\n", "> 901\n"), ("outcome=\"backup-failed\"", "outcome=\"usage\"")]
    {
        assert!(rules.contains(one));
        fs::write(scratch.path().join("stairway.rules.yml"), rules.replace(one, other)).unwrap();
        fs::write(scratch.path().join("stairway.rules.test.yml"), &tests).unwrap();
        let (is_good, said) = promtool::says(&words, scratch.path()).unwrap();
        assert!(!is_good && said.contains("FAILED"), "{said}");
    }
}

/// All values of this key, wherever they are.
fn all<'v>(value: &'v Value, key: &str, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(pairs) => {
            found.extend(pairs.get(key));
            pairs.values().for_each(|it| all(it, key, found));
        }
        Value::Array(items) => items.iter().for_each(|it| all(it, key, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_speaks_of_what_runs_write() {
    let dashboard: Value = serde_json::from_str(&text("grafana/stairway.json")).unwrap();
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 41);
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: Vec<&str> = variables.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["datasource", "instance", "job", "rto", "rpo"]);
    assert_eq!(variables[0]["type"], "datasource");
    let (jobs, mut named) = (jobs(), BTreeSet::new());
    let mut exprs = Vec::new();
    all(&dashboard, "expr", &mut exprs);
    assert!(exprs.len() > 20);
    for expr in exprs {
        let expr = expr.as_str().unwrap();
        assert_eq!(wrong(expr, &jobs), None, "{expr}");
        named.extend(selectors(expr).into_iter().map(|it| it.name));
        let used = expr.match_indices('$').map(|(at, _)| {
            let name = &expr[at + 1..];
            let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            &name[..end.unwrap_or(name.len())]
        });
        for variable in used {
            assert!(names.contains(&variable) || variable == "__range", "{expr}: {variable}");
        }
    }
    // A family that is on no panel is one that nobody sees; the time of a run is in its age.
    for family in FAMILIES.iter().filter(|it| it.name != "stairway_last_run_timestamp_seconds") {
        let summed = format!("{}_count", family.name);
        assert!(
            named.contains(family.name) || named.contains(&summed),
            "no panel has {}",
            family.name
        );
    }
    for variable in &variables[1..3] {
        let query = variable["definition"].as_str().unwrap();
        let inner = query.strip_prefix("label_values(").unwrap().rsplit_once(',').unwrap().0;
        assert_eq!(wrong(inner, &jobs), None, "{query}");
        assert!(!selectors(inner).is_empty());
    }
    let mut sources = Vec::new();
    all(&dashboard["panels"], "datasource", &mut sources);
    assert!(sources.iter().all(|it| it["uid"] == "${datasource}"), "a source that only we have");
    panels_have_places(&dashboard);
}

/// Panels have ids and places of their own.
fn panels_have_places(dashboard: &Value) {
    let panels = dashboard["panels"].as_array().unwrap();
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
        let of = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(of("x") + of("w") <= 24, "{title} is too wide");
        for y in of("y")..of("y") + of("h") {
            for x in of("x")..of("x") + of("w") {
                assert!(cells.insert((x, y)), "{title} lies on another one");
            }
        }
        if panel["type"] != "row" {
            assert!(panel["description"].as_str().unwrap().len() > 10, "{title}");
        }
    }
}
