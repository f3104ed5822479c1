//! What verifications and benches say: the numbers of their reports.

use std::path::Path;
use std::process::{Output, Stdio};

use jiff::Timestamp;
use serde_json::Value;

use crate::page::{Page, names};
use crate::{program, servers};

pub(crate) fn run(words: &[&str], metrics: &Path) -> Output {
    let major = servers::majors()[0].to_string();
    let mut command = program::program();
    command
        .args(words)
        .arg("--metrics")
        .arg(metrics)
        .env("STAIRWAY_SERVER", "local")
        .env("STAIRWAY_POSTGRES", major)
        .env("STAIRWAY_NO_CACHE", "1")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null());
    command.output().unwrap()
}

#[track_caller]
fn ends(output: &Output, code: i32) -> Value {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Findings that nobody accepts, of this severity.
fn counted(report: &Value, severity: &str) -> f64 {
    let migrations = report["migrations"].as_array().into_iter().flatten();
    let of_migrations = migrations.filter_map(|it| it["findings"].as_array()).flatten();
    let all = report["findings"].as_array().unwrap().iter().chain(of_migrations);
    let of_it = all.filter(|it| it["allowed"].is_null() && it["severity"] == severity);
    u32::try_from(of_it.count()).unwrap().into()
}

#[test]
fn a_verification_says_how_it_ended_and_keeps_what_it_does_not_know() {
    let metrics = tempfile::tempdir().unwrap();
    let verify = |folder: &str, more: &[&str]| {
        let words = ["verify", folder, "--no-repro", "--format", "json", "--quiet"];
        run(&[&words, more].concat(), metrics.path())
    };
    let since = Timestamp::now();
    ends(&verify("fixtures/layouts/plain", &[]), 0);
    let good = Page::of(metrics.path(), "verify");
    good.ended("success", since);
    assert_eq!(good.value("findings severity=error"), 0.0);
    assert!(good.value("run_duration_seconds stage=climb") > 0.0);
    assert_eq!(good.count("run_duration_seconds"), 7);
    assert_eq!(good.count("backup_size_bytes"), 0, "what nobody knows is not invented");
    let success = good.value("last_success_timestamp_seconds");

    let since = Timestamp::now();
    let report = ends(&verify("fixtures/clinic-faulty/migrations", &["--no-rows"]), 1);
    let faulty = Page::of(metrics.path(), "verify");
    faulty.ended("findings", since);
    for severity in ["error", "warning", "note"] {
        let found = faulty.value(&format!("findings severity={severity}"));
        assert_eq!(found, counted(&report, severity), "{severity}");
    }
    assert!(faulty.value("findings severity=error") > 10.0);
    assert_eq!(faulty.value("last_success_timestamp_seconds"), success);

    let nowhere = ["--server", "postgres://nobody@127.0.0.1:1/none"];
    for (folder, more, code, outcome) in [
        ("fixtures/layouts/plain", &nowhere[..], 3, "no-server"),
        ("no/such/folder", &[], 2, "usage"),
    ] {
        let since = Timestamp::now();
        ends(&verify(folder, more), code);
        let failed = Page::of(metrics.path(), "verify");
        failed.ended(outcome, since);
        assert_eq!(failed.value("last_success_timestamp_seconds"), success);
        assert_eq!(failed.count("findings"), 0, "nobody looked");
        assert_eq!(failed.count("run_duration_seconds"), 1);
    }
    assert_eq!(names(metrics.path()), ["stairway_verify.prom"]);
}

#[test]
fn a_bench_says_what_was_measured() {
    let project = tempfile::tempdir().unwrap();
    for (name, sql) in [
        ("migrations/up/1_item.sql", "CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL);"),
        ("migrations/down/1_item.sql", "DROP TABLE item;"),
        ("migrations/up/2_note.sql", "ALTER TABLE item ADD COLUMN note text;"),
        ("migrations/down/2_note.sql", "ALTER TABLE item DROP COLUMN note;"),
        (
            "workload/by_key.sql",
            "-- stairway: param id from SELECT id FROM public.item\n\
             SELECT name FROM public.item WHERE id = :id;\n",
        ),
    ] {
        let path = project.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, sql).unwrap();
    }
    let metrics = tempfile::tempdir().unwrap();
    let (migrations, workload) =
        (project.path().join("migrations"), project.path().join("workload"));
    let words = [
        "bench",
        migrations.to_str().unwrap(),
        "--workload",
        workload.to_str().unwrap(),
        "--scale=500",
        "--rate=400",
        "--requests=100",
        "--runs=3",
        "--pairs=3",
        "--budget=77ms",
        "--format=json",
    ];
    let since = Timestamp::now();
    let output = run(&words, metrics.path());
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    let page = Page::of(metrics.path(), "bench");
    let verdict = report["verdict"].as_str().unwrap();
    let (code, outcome) = match verdict {
        "pass" => (0, "success"),
        "fail" => (1, "findings"),
        _ => (15, "gate-inconclusive"),
    };
    ends(&output, code);
    page.ended(outcome, since);
    for word in ["pass", "fail", "inconclusive"] {
        let is = if word == verdict { 1.0 } else { 0.0 };
        assert_eq!(page.value(&format!("gate_verdict verdict={word}")), is);
    }
    let near = |name: &str, millis: &Value| {
        let (seconds, millis) = (page.value(name), number(millis));
        assert!(
            (seconds * 1e3 - millis).abs() <= 0.002 + millis * 0.001,
            "{name}: {seconds} {millis}"
        );
    };
    near("query_latency_seconds quantile=0.95", &report["gate"]["p95"]);
    near("query_latency_seconds quantile=0.5", &report["latency"]["p50"]);
    near("query_latency_seconds quantile=0.99", &report["latency"]["p99"]);
    assert_eq!(page.value("latency_budget_seconds"), 0.077);
    let count = page.value("query_latency_seconds_count");
    assert_eq!(count, number(&report["latency"]["requests"]));
    let mean = page.value("query_latency_seconds_sum") / count;
    assert!(mean > 0.0 && mean * 1e3 <= number(&report["latency"]["longest"]) * 1.01, "{mean}");
    for severity in ["error", "warning", "note"] {
        let found = page.value(&format!("findings severity={severity}"));
        assert_eq!(found, counted(&report, severity), "{severity}");
    }
    let impacts = report["impact"].as_array().unwrap();
    assert_eq!(impacts.len(), 1, "{report:#}");
    assert!(page.value("lock_wait_seconds_max") >= 0.0);
    // Where nobody watched, nobody says that there was no wait.
    run(&[&words[..], &["--no-impact"]].concat(), metrics.path());
    assert_eq!(Page::of(metrics.path(), "bench").find("lock_wait_seconds_max"), None);
    // What was measured stays after a bench that measured nothing; what it was judged does not.
    let since = Timestamp::now();
    ends(&run(&["bench", "no/such/folder"], metrics.path()), 2);
    let failed = Page::of(metrics.path(), "bench");
    failed.ended("usage", since);
    assert!(failed.find("query_latency_seconds quantile=0.95").is_some());
    assert!(failed.find("query_latency_seconds_count").is_some());
    assert_eq!(failed.count("gate_verdict"), 0);
}
