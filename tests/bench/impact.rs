//! What migrations do to others while they run.

use std::time::Duration;

use serde_json::Value;

use super::{bench, command, project, servers, times, with_server, words};

/// A migration on this many rows, and what it does to others.
const BIG: (&str, &str) = (
    "CREATE TABLE parent (id int PRIMARY KEY);
     INSERT INTO parent SELECT generate_series(0, 999);
     CREATE TABLE big (id int PRIMARY KEY, a int NOT NULL, b int, note text);
     INSERT INTO big SELECT n, n, n % 1000, 'note ' || n FROM generate_series(1, 1000000) n;
     CREATE TABLE item (id int PRIMARY KEY);",
    "DROP TABLE big, parent, item;",
);
const BLOCKING: [(&str, bool); 5] = [
    ("ALTER TABLE big ALTER COLUMN a TYPE bigint;", true),
    ("CREATE INDEX big_note ON big (note);", false),
    ("ALTER TABLE big ADD COLUMN at timestamptz NOT NULL DEFAULT clock_timestamp();", true),
    ("ALTER TABLE big ALTER COLUMN b SET NOT NULL;", true),
    ("ALTER TABLE big ADD CONSTRAINT big_b FOREIGN KEY (b) REFERENCES parent;", false),
];
const BRIEF: &str =
    "--rate 1000 --requests 100 --runs 3 --pairs 0 --scale 1 --format json --since 1 --server";

/// What a writer (or a reader) of `big` waits for at most while a bench watches a migration.
async fn outside(server: &servers::TestServer, reads: bool) -> f64 {
    let mut admin = server.session("postgres").await;
    let watched = "SELECT datname FROM pg_stat_activity WHERE application_name = 'stairway holds'";
    let begun = std::time::Instant::now();
    let database = loop {
        assert!(begun.elapsed() < Duration::from_mins(3), "nothing is watched");
        if let Some(database) = admin.value(watched).await.unwrap() {
            break database;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    let mut session = server.session(&database).await;
    let lock = "BEGIN; LOCK TABLE big IN ROW EXCLUSIVE MODE; ROLLBACK";
    let asked = if reads { "SELECT 1 FROM big LIMIT 1" } else { lock };
    let mut longest = 0.0_f64;
    while admin.value(watched).await.unwrap().is_some() {
        let start = std::time::Instant::now();
        session.execute(asked).await.unwrap();
        longest = longest.max(start.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    session.close().await.unwrap();
    admin.close().await.unwrap();
    longest
}

#[test]
fn what_a_migration_blocks_is_what_others_see() {
    let count = if times() > 1 { BLOCKING.len() } else { 2 };
    with_server(|server, url| {
        for (up, blocks_readers) in BLOCKING.iter().take(count) {
            let project = project(&[BIG, (up, "SELECT 1;")], &[("one.sql", "SELECT 1")]);
            let child = command(project.path(), &words(BRIEF, &[url])).spawn().unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let seen = runtime.unwrap().block_on(outside(server, *blocks_readers));
            let output = child.wait_with_output().unwrap();
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            let blocked = &report["impact"][0]["blocked"];
            let big = blocked.as_array().unwrap().iter().find(|it| it["table"] == "public.big");
            let big = big.unwrap_or_else(|| panic!("{up}: {report:#}"));
            let kind = if *blocks_readers { "reads" } else { "writes" };
            let told = big[kind].as_f64().unwrap();
            println!("{up} {kind} blocked for {told} ms, seen from outside {seen:.1} ms");
            assert!((told / seen - 1.0).abs() < 0.15, "{up}: {told} ms, outside {seen} ms");
            assert_eq!(big["reads"].as_f64().unwrap() > 50.0, *blocks_readers, "{report:#}");
            let is_rewrite = up.contains("TYPE") || up.contains("clock_timestamp");
            let rewritten = report["impact"][0]["rewritten"].as_array().unwrap();
            assert_eq!(!rewritten.is_empty(), is_rewrite, "{report:#}");
            if is_rewrite {
                let found = report["findings"].as_array().unwrap().iter();
                let rewrite = found.clone().find(|it| it["check"] == "table-rewrite").unwrap();
                assert_eq!(rewrite["severity"], "error", "a million rows are over the budget");
                assert!(rewrite["help"].as_str().unwrap().contains("batches"), "{rewrite:#}");
                assert!(found.clone().any(|it| it["check"] == "blocking-lock"), "{report:#}");
            }
        }
    });
}

#[test]
fn what_blocks_nobody_gives_no_finding() {
    let concurrently = (
        "-- stairway: no-transaction\nCREATE INDEX CONCURRENTLY big_a ON big (a);",
        "DROP INDEX big_a;",
    );
    let project = project(
        &[
            BIG,
            ("ALTER TABLE big ADD COLUMN c int;", "ALTER TABLE big DROP COLUMN c;"),
            concurrently,
            (
                "ALTER TABLE big ADD CONSTRAINT big_c CHECK (c > 0) NOT VALID;",
                "ALTER TABLE big DROP CONSTRAINT big_c;",
            ),
        ],
        &[("one.sql", "SELECT 1")],
    );
    let major = servers::majors()[0].to_string();
    let ran = bench(project.path(), &words(BRIEF, &["local", "--postgres", &major]));
    let report = ran.json();
    assert_eq!(report["findings"], serde_json::json!([]), "{report:#}\n{}", ran.stderr);
    let impacts = report["impact"].as_array().unwrap();
    assert_eq!(impacts.len(), 3);
    for impact in impacts {
        assert_eq!(impact["rewritten"], serde_json::json!([]), "{impact:#}");
        assert!(impact["wal_bytes"].as_u64().unwrap() > 0, "{impact:#}");
    }
    let held = impacts[1]["locks"].as_array().unwrap();
    let mode = |wanted: &str| held.iter().any(|it| it["mode"] == wanted);
    assert!(mode("ShareUpdateExclusiveLock") && !mode("ShareLock"), "{held:#?}");
}
