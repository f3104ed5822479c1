//! What migrations do to others while they run.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::compared::{OF_CUSTOMER, compared};
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
    let database = loop {
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

/// Migrations that widen a column, lock a table that they don't name, and widen another column.
fn widening() -> tempfile::TempDir {
    let setup = (
        "CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL, total int);
         INSERT INTO orders SELECT n, n % 5000, n FROM generate_series(1, 60000) n;
         CREATE INDEX orders_by_customer ON orders (customer);
         CREATE TABLE item (id int PRIMARY KEY);
         CREATE FUNCTION slow() RETURNS void LANGUAGE plpgsql AS
           $$ BEGIN LOCK TABLE item IN SHARE MODE; PERFORM pg_sleep(0.5); END $$;",
        "DROP FUNCTION slow(); DROP TABLE orders, item;",
    );
    let widen = (
        "-- stairway: allow(table-rewrite) public.orders reason: at night
         -- stairway: allow(table-rewrite) public.item reason: it is small
         ALTER TABLE orders ALTER total TYPE bigint; SELECT pg_sleep(0.3);",
        "ALTER TABLE orders ALTER total TYPE int;",
    );
    let lock = ("SELECT slow();", "SELECT 1;");
    let wide =
        ("ALTER TABLE orders ALTER id TYPE bigint;", "ALTER TABLE orders ALTER id TYPE int;");
    let by_total = (
        "by_total.sql",
        "-- stairway: rate 40\n-- stairway: budget 500us\n\
         -- stairway: param total from SELECT total FROM public.orders LIMIT 100\n\
         SELECT * FROM public.orders o WHERE o.total = :total;\n",
    );
    let new = ("new.sql", "-- stairway: rate 0.1\nSELECT 1 WHERE false;\n");
    project(&[setup, widen, lock, wide], &[OF_CUSTOMER, by_total, new])
}

#[test]
fn what_a_migration_does_to_the_workload_and_to_production_is_told() {
    let project = widening();
    let line = "--rate 100 --requests 100 --runs 3 --pairs 3 --scale 1 --format json --since 1 --server local --postgres";
    let settings = "[bench]\nwal-mb = 100\nduration-ms = 60000\n\n[bench.production-rows]\n";
    let rows = |table: &str| {
        let settings = format!("{settings}\"{table}\" = 40000000\n");
        fs::write(project.path().join("stairway.toml"), settings).unwrap();
    };
    for major in servers::majors() {
        let major = major.to_string();
        rows("public.order");
        let ran = bench(project.path(), &words(line, &[&major]));
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains("names \"public.order\", but there is no such table"));
        rows("public.orders");
        let ran = bench(project.path(), &words(line, &[&major]));
        let report = ran.json();
        let impact = &report["impact"][0];
        let workload = &impact["workload"];
        assert!(workload["blocked"].as_u64().unwrap() > 5, "{report:#}");
        assert!(workload["longest_wait"].as_f64().unwrap() > 150.0, "{report:#}");
        assert_eq!(workload["failed"], 0, "{report:#}");
        let waited = workload["waited_for"].to_string();
        assert!(waited.contains("AccessShareLock on orders, held by stairway migrate"), "{waited}");
        let reasons = &impact["rewritten"][0]["reasons"];
        assert_eq!(reasons, &serde_json::json!(["a column's type changes"]), "{report:#}");
        assert_eq!(impact["rewritten"][0]["table"], "public.orders");
        let production = &impact["forecast"]["tables"][0];
        assert_eq!(
            (&production["table"], &production["rows"]),
            (&"public.orders".into(), &40_000_000.into())
        );
        assert!(production["blocked"].as_f64().unwrap() > 100_000.0, "{report:#}");
        let locks = impact["locks"].as_array().unwrap().iter();
        let ours = locks.clone().filter(|it| it["relation"].as_str().unwrap().contains("stairway"));
        assert_eq!(ours.count(), 0, "{report:#}");
        let exclusive = locks.clone().find(|it| it["mode"] == "AccessExclusiveLock").unwrap();
        let span = &exclusive["spans"][0];
        let long = span[1].as_f64().unwrap() - span[0].as_f64().unwrap();
        assert!(
            long > 200.0 && long < impact["milliseconds"].as_f64().unwrap() + 50.0,
            "{report:#}"
        );
        let found = report["findings"].as_array().unwrap();
        let of = |check: &str, object: &str| {
            let is_it =
                |it: &&Value| it["check"] == check && it["objects"].to_string().contains(object);
            found.iter().filter(is_it).collect::<Vec<_>>()
        };
        let rewrites = of("table-rewrite", "public.orders");
        assert_eq!(rewrites.len(), 2, "{report:#}");
        assert_eq!(rewrites[0]["allowed"], "at night");
        assert_eq!(
            (&rewrites[1]["severity"], &rewrites[1]["allowed"]),
            (&"error".into(), &Value::Null)
        );
        assert!(rewrites[1]["message"].as_str().unwrap().ends_with("and 40000000 in production"));
        let stale = found.iter().filter(|it| it["check"] == "stale-claim");
        assert_eq!(stale.count(), 1, "{report:#}");
        let item = of("blocking-lock", "public.item");
        assert!(
            item[0]["message"].as_str().unwrap().contains("holds ShareLock on public.item"),
            "{report:#}"
        );
        let budgets = of("migration-budget", "");
        assert!(
            budgets.iter().any(|it| it["message"].as_str().unwrap().contains("of WAL")),
            "{report:#}"
        );
        let missing = &compared(&report, "by_total")["missing_index"];
        assert_eq!(missing["definition"], "CREATE INDEX ON public.orders (total)", "{report:#}");
        assert!(missing["with"].as_f64().unwrap() * 2.0 < missing["without"].as_f64().unwrap());
        let slow = found.iter().find(|it| it["check"] == "latency-budget").unwrap();
        let help = slow["help"].as_str().unwrap();
        assert!(help.ends_with("CREATE INDEX CONCURRENTLY ON public.orders (total)"), "{help}");
        assert_eq!(compared(&report, "new")["uncompared"], "too rare to be compared", "{report:#}");
        assert_eq!(
            (&report["verdict"], ran.code),
            (&"fail".into(), 1),
            "others are kept waiting on any machine"
        );
    }
}
