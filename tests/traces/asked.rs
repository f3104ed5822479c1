//! How traces are asked for, and what becomes of a run whose trace nobody takes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::collector::{Answer, Collector, about};
use crate::{program, servers};

/// A history of two migrations, of which the second can't be taken back.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let migrations = folder.path().join("migrations");
    fs::create_dir(&migrations).unwrap();
    for (name, sql) in [
        ("1_item.up.sql", "CREATE TABLE item (id int PRIMARY KEY);\n"),
        ("1_item.down.sql", "DROP TABLE item;\n"),
        ("2_note.up.sql", "ALTER TABLE item ADD COLUMN note text;\n"),
        ("2_note.down.sql", "ALTER TABLE item DROP COLUMN notes;\n"),
    ] {
        fs::write(migrations.join(name), sql).unwrap();
    }
    folder
}

fn verify(folder: &Path) -> Command {
    let mut command = program::program();
    let major = servers::majors()[0].to_string();
    command.args(["verify", "--no-rows", "--no-cache", "--no-repro", "--format", "json"]);
    command.args(["--server", "local", "--postgres", &major]);
    command.current_dir(folder).stdin(Stdio::null());
    command
}

fn ended(output: &Output) -> (Option<i32>, String, Value) {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{stderr}"));
    (output.status.code(), stderr, report)
}

#[test]
fn a_verification_has_a_span_for_each_migration() {
    let (folder, collector) = (project(), Collector::start(Answer::Status(200)));
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut command = verify(folder.path());
    collector.asks(&mut command).env("TRACEPARENT", parent);
    let (code, stderr, report) = ended(&command.output().unwrap());
    assert_eq!(code, Some(1), "{stderr}");
    let trace = collector.trace();
    trace.is_whole();
    let root = trace.root();
    assert_eq!(root.name, "stairway verify");
    let number = |bytes: &[u8]| u128::from_be_bytes(bytes.try_into().unwrap());
    assert_eq!(format!("{:x}", number(&root.trace_id)), "4bf92f3577b34da6a3ce929d0e0e4736");
    let above = u64::from_be_bytes(root.parent_span_id.as_slice().try_into().unwrap());
    assert_eq!(format!("{above:x}"), "f067aa0ba902b7");
    assert_eq!(root.status.as_ref().unwrap().message, "findings");
    let said = about(root);
    assert_eq!(said["process.exit.code"], 1);
    assert_eq!(said["stairway.verdict"], report["verdict"]);
    assert_eq!(said["stairway.history.migrations"], 2);
    assert_eq!(said["stairway.server.version"], report["server"]["version"]);
    assert_eq!(trace.resource["service.name"], "stairway");
    assert_eq!(trace.resource["service.version"], env!("CARGO_PKG_VERSION"));
    let climbs = trace.below(root);
    let errors = climbs.iter().map(|it| about(it)["stairway.errors"].as_u64().unwrap());
    assert_eq!(errors.map(|it| it > 0).collect::<Vec<_>>(), [false, true]);
    for (climb, migration) in climbs.iter().zip(report["migrations"].as_array().unwrap()) {
        assert_eq!(climb.name, "climb");
        let named = about(climb)["stairway.migration"].as_str().unwrap().to_owned();
        assert!(named.starts_with(migration["revision"].as_str().unwrap()), "{named}");
    }
}

#[test]
fn the_usual_variables_are_followed() {
    let (folder, collector) = (project(), Collector::start(Answer::Status(200)));
    let mut command = verify(folder.path());
    command
        .env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("{}/of/traces", collector.url()))
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
        .env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20t0ken")
        .env("OTEL_SERVICE_NAME", "shop-migrations")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=ci");
    let (code, stderr, _) = ended(&command.output().unwrap());
    assert_eq!(code, Some(1), "{stderr}");
    let requests = collector.requests();
    for request in &requests {
        let head = request.head.to_lowercase();
        assert!(head.starts_with("post /of/traces http/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: application/json"), "{head}");
        assert!(request.head.contains("Bearer t0ken"), "{}", request.head);
    }
    let sent: Value = serde_json::from_slice(&requests[0].body).unwrap();
    let resource = sent["resourceSpans"][0]["resource"]["attributes"].as_array().unwrap();
    let has = |key: &str, value: &str| {
        resource.iter().any(|it| it["key"] == key && it["value"]["stringValue"] == value)
    };
    assert!(has("service.name", "shop-migrations"), "{resource:?}");
    assert!(has("deployment.environment.name", "ci"), "{resource:?}");

    for (name, value) in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
        let mut command = verify(folder.path());
        let (code, stderr, _) =
            ended(&collector.asks(&mut command).env(name, value).output().unwrap());
        assert_eq!(code, Some(1), "{stderr}");
        assert!(!stderr.contains("warning"), "{stderr}");
        assert!(collector.requests().is_empty(), "{name}");
    }
}

/// Nothing is hidden, nothing hangs, and the run ends as it would without.
#[test]
fn a_trace_that_nobody_takes_is_a_warning() {
    let folder = project();
    let [deaf, refusing] = [Answer::Silence, Answer::Status(401)].map(Collector::start);
    let nobody = {
        // Whoever had this port is gone.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port())
    };
    for (endpoint, words) in [
        (deaf.url(), "3 spans were not taken: it does not answer in time"),
        (refusing.url(), "3 spans were not taken: "),
        (nobody, "3 spans were not taken: "),
        ("not a url".to_owned(), "no trace: the collector's address can't be used"),
    ] {
        let mut command = verify(folder.path());
        command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)
            .env("OTEL_EXPORTER_OTLP_TIMEOUT", "300")
            .env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=s3cret");
        let (code, stderr, _) = ended(&command.output().unwrap());
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains("warning: ") && stderr.contains(words), "{endpoint}: {stderr}");
        assert!(!stderr.contains("s3cret"), "{stderr}");
    }
    let mut command = verify(folder.path());
    refusing.asks(&mut command).env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let (code, stderr, _) = ended(&command.output().unwrap());
    assert_eq!(code, Some(1));
    assert!(stderr.contains("no trace: OTEL_EXPORTER_OTLP_PROTOCOL=grpc: known are"), "{stderr}");
}
