//! Runs on a database that matters, and drills.

use serde_json::Value;

use stairway::backup::Format;

use crate::collector::{Answer, Collector, Trace, about, is_wrong, seconds};
use crate::servers;
use crate::site::{SECRET, Site};
use crate::yard::{Ran, Yard};

/// The steps of a report are spans, in their order, each as long as it says.
fn agree(trace: &Trace, steps: &Value) {
    let spans = trace.below(trace.root());
    let names: Vec<&str> = spans.iter().map(|it| it.name.as_str()).collect();
    let steps = steps.as_array().unwrap();
    let told: Vec<&str> = steps.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, told);
    for (span, step) in spans.iter().zip(steps) {
        let (took, said) = (seconds(span), step["seconds"].as_f64().unwrap());
        assert!((took - said).abs() < 0.5, "{}: {took} {said}", span.name);
        if let Some(ended) = step["ended"].as_str() {
            assert_eq!(about(span)["stairway.step.ended"], ended);
            assert_eq!(is_wrong(span), ended == "failed");
        }
    }
}

#[test]
fn an_upgrade_and_the_way_back() {
    let mut site = Site::new(servers::majors()[0]).unwrap();
    let collector = Collector::start(Answer::Status(200));
    site.set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    for version in [2, 3] {
        site.migration(
            version,
            &format!("ALTER TABLE orders ADD COLUMN note{version} text;\n"),
            &format!("ALTER TABLE orders DROP COLUMN note{version};\n"),
        );
    }
    let ran = site.run(&["upgrade"]);
    site.holds(&ran, 0, "AFTER");
    let trace = collector.trace();
    trace.is_whole();
    agree(&trace, &ran.report["steps"]);
    let said = about(trace.root());
    assert_eq!(said["stairway.run"], ran.report["run"]);
    assert_eq!(said["stairway.state"], "AFTER");
    assert_eq!(said["process.exit.code"], 0);
    assert_eq!(
        (&said["stairway.from"], &said["stairway.to"]),
        (&ran.report["from"], &ran.report["to"])
    );
    assert!(!is_wrong(trace.root()));
    let moves = trace.below(trace.named("apply"));
    let revisions: Vec<Value> =
        moves.iter().map(|it| about(it)["stairway.migration"].clone()).collect();
    assert_eq!(revisions, ["2", "3"]);
    assert!(moves.iter().all(|it| it.name == "upgrade" && !is_wrong(it)));

    site.migration(
        4,
        &format!("INSERT INTO orders (user_id, amount, card) VALUES (-1, 1, '{SECRET}');\n"),
        "SELECT 1;\n",
    );
    let ran = site.run(&["upgrade", "--skip-test"]);
    assert_ne!(ran.code, Some(0), "{}", ran.said);
    let requests = collector.requests();
    let trace = Trace::of(&requests);
    trace.is_whole();
    agree(&trace, &ran.report["steps"]);
    let root = trace.root();
    assert!(is_wrong(root));
    let said = about(root);
    assert_eq!(said["process.exit.code"], ran.code.unwrap());
    assert_eq!(said["db.response.status_code"], "23503");
    assert_eq!(said["stairway.trouble.step"], ran.report["trouble"]["step"]);
    let failed: Vec<&str> =
        trace.spans.iter().filter(|it| is_wrong(it)).map(|it| it.name.as_str()).collect();
    assert!(failed.contains(&"upgrade"), "{failed:?}");
    for request in &requests {
        let sent = String::from_utf8_lossy(&request.body);
        assert!(!sent.contains(SECRET), "a value of a row was sent");
        let password = site.target.url_with_password();
        assert!(!sent.contains(&password), "the URL was sent");
    }
}

#[tokio::test]
async fn a_drill_has_a_span_for_each_phase() {
    let yard = Yard::new(servers::majors()[0]).await;
    let backup = yard.ours("shop", "store", Format::Custom).await;
    let collector = Collector::start(Answer::Status(200));
    let mut command = yard.command(&["--backup", backup.path.to_str().unwrap()]);
    let ran = Ran::of(&collector.asks(&mut command).output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let trace = collector.trace();
    trace.is_whole();
    agree(&trace, &ran.report["phases"]);
    let said = about(trace.root());
    assert_eq!(said["stairway.rto"], ran.report["rto"]["seconds"]);
    assert_eq!(said["stairway.run"], ran.report["run"]);
    assert_eq!(said["stairway.verdict"], "ok");
}
