//! What is sent and what is told of it, where nothing hangs on how long anything took: these run beside
//! other tests.

use std::fs;

use serde_json::Value;

use super::compared::{OF_CUSTOMER, compared};
use super::{BY_KEY, ITEMS, bench, project, servers, times, words};

#[test]
fn queries_are_measured_as_they_are_written() {
    let write = (
        "rename.sql",
        "-- stairway: weight 2\n-- stairway: budget 1s\n\
         -- stairway: param id from SELECT id FROM public.item\n\
         -- stairway: param name from generated public.item.name\n\
         UPDATE public.item SET name = :name WHERE id = :id;\n",
    );
    let new = ("new.sql", "-- stairway: rate 20\nSELECT count(extra) FROM public.item;\n");
    let wrong = ("divides.sql", "SELECT 1 / (SELECT 0);\n");
    let add = ("ALTER TABLE item ADD COLUMN extra int;", "ALTER TABLE item DROP COLUMN extra;");
    let project = project(&[ITEMS, add], &[BY_KEY, write, new, wrong]);
    let major = servers::majors()[0].to_string();
    for protocol in ["prepared", "simple"] {
        let line = "--rate 400 --requests 600 --pairs 3 --no-impact --scale 1 --format json --server local \
                    --postgres";
        let args = words(line, &[&major, "--protocol", protocol]);
        let ran = bench(project.path(), &args);
        let report = ran.json();
        let of = |name: &str| compared(&report, name).clone();
        assert_eq!(of("rename")["gate"]["verdict"], "pass", "{report:#}");
        assert_eq!(of("rename")["gate"]["budget"], 1000.0);
        assert_eq!(
            (of("rename")["rate"].as_f64(), of("new")["rate"].as_f64()),
            (Some(190.0), Some(20.0))
        );
        assert_eq!(of("new")["compared"], Value::Null);
        assert_eq!(of("new")["uncompared"], "new: the database of before does not know it");
        assert_eq!(of("by_key")["failed"], 0);
        assert_eq!(of("divides")["failed"], of("divides")["latency"]["requests"]);
        assert!(report["gate"]["failed"]["22012"].as_u64().unwrap() > 300, "{report:#}");
        assert_eq!(report["gate"]["verdict"], "fail", "{report:#}");
    }
}

#[test]
fn each_database_is_sent_values_of_its_own_types() {
    let setup = (
        "CREATE TABLE item (id int PRIMARY KEY, code char(3) NOT NULL, tags int[] NOT NULL);
         INSERT INTO item SELECT n, lpad(n::text, 3, '0'), ARRAY[n, n + 1] FROM generate_series(1, 200) n;
         CREATE TABLE used (id int);
         CREATE FUNCTION uses() RETURNS bigint LANGUAGE plpgsql AS
           $$ BEGIN RETURN (SELECT count(*) FROM used); END $$;",
        "DROP FUNCTION uses(); DROP TABLE item, used;",
    );
    let change = (
        "ALTER TABLE item ALTER COLUMN id TYPE text; DROP TABLE used;",
        "CREATE TABLE used (id int); ALTER TABLE item ALTER COLUMN id TYPE int USING id::int;",
    );
    let code = (
        "by_code.sql",
        "-- stairway: param code, tag from SELECT code, tags[1] FROM public.item\n\
         SELECT 1 / count(*) FROM public.item WHERE code = :code AND tags @> ARRAY[:tag]::int[];\n",
    );
    let uses = ("uses.sql", "SELECT uses();\n");
    let project = project(&[setup, change], &[BY_KEY, code, uses]);
    let major = servers::majors()[0].to_string();
    let line = "--rate 400 --requests 100 --runs 3 --pairs 3 --no-impact --scale 1 --format json --server local --postgres";
    let report = bench(project.path(), &words(line, &[&major])).json();
    for query in ["by_key", "by_code"] {
        let told = compared(&report, query);
        assert_eq!(told["failed"], 0, "{query}: {report:#}");
        assert_ne!(told["compared"], Value::Null);
    }
    let broken = compared(&report, "uses");
    assert_eq!(
        (&broken["failed"], &broken["compared"]["change"]),
        (&broken["latency"]["requests"], &"worse".into())
    );
    let found = report["findings"].as_array().unwrap().iter();
    let detail =
        found.filter(|it| it["check"] == "latency-regression").find_map(|it| it["detail"].as_str());
    assert!(detail.unwrap().contains("of its requests failed"), "{report:#}");
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
    let new = ("new.sql", "-- stairway: rate 0.1\nSELECT 1 WHERE false;\n");
    project(&[setup, widen, lock, wide], &[OF_CUSTOMER, new])
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
    for &major in servers::majors().iter().rev().take(times()) {
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
        assert!(long > 200.0, "{report:#}");
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
        assert_eq!(compared(&report, "new")["uncompared"], "too rare to be compared", "{report:#}");
        assert_eq!(
            (&report["verdict"], ran.code),
            (&"fail".into(), 1),
            "others are kept waiting on any machine"
        );
    }
}

#[test]
fn an_upgrade_that_fails_only_beside_the_workload_is_told() {
    let wide = (
        "SET LOCAL lock_timeout = '20ms'; ALTER TABLE item ADD COLUMN note text;",
        "ALTER TABLE item DROP COLUMN note;",
    );
    let comment = ("COMMENT ON TABLE item IS 'x';", "COMMENT ON TABLE item IS NULL;");
    // At each moment somebody reads.
    let slow = ("slow.sql", "SELECT pg_sleep(0.2) FROM public.item LIMIT 1;\n");
    let project = project(&[ITEMS, wide, comment], &[slow]);
    let major = servers::majors()[0].to_string();
    let line = "--rate 30 --budget 2s --requests 100 --runs 3 --pairs 0 --scale 1 --format json --since 1 --server local \
                --postgres";
    let ran = bench(project.path(), &words(line, &[&major]));
    let report = ran.json();
    let impact = report["impact"].as_array().unwrap();
    assert_eq!(impact.len(), 1, "the next one has no ground to stand on: {report:#}");
    assert!(impact[0]["failed"].as_str().unwrap().contains("lock timeout"), "{report:#}");
    let found = report["findings"].as_array().unwrap();
    let told = found.iter().find(|it| it["check"] == "blocking-lock").unwrap();
    assert_eq!(told["severity"], "error", "{report:#}");
    let message = told["message"].as_str().unwrap();
    assert!(message.starts_with("the upgrade fails while the workload goes on: "), "{message}");
    assert_eq!(ran.code, 1);
}

#[test]
fn rows_that_wait_partitions_and_emptied_tables_are_what_they_are() {
    let setup = (
        "CREATE TABLE item (id int PRIMARY KEY, n int NOT NULL);
         INSERT INTO item SELECT n, n FROM generate_series(1, 50) n;
         CREATE TABLE log (id int PRIMARY KEY, note text);
         INSERT INTO log SELECT n, 'x' FROM generate_series(1, 200000) n;
         CREATE TABLE parted (id int, v int) PARTITION BY RANGE (id);
         CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (5000);
         CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (5000) TO (10000);
         INSERT INTO parted SELECT n, n FROM generate_series(0, 9999) n;
         CREATE TABLE \"Odd.Name\" (id int);
         INSERT INTO \"Odd.Name\" SELECT generate_series(1, 100);",
        "DROP TABLE item, log, parted, \"Odd.Name\";",
    );
    let empty = ("TRUNCATE log;", "SELECT 1;");
    let parts = (
        "-- stairway: allow(table-rewrite) public.parted reason: at night
         ALTER TABLE parted ALTER v TYPE bigint; LOCK TABLE \"Odd.Name\"; SELECT pg_sleep(0.3);
         CREATE INDEX parted_v ON ONLY parted (v);",
        "DROP INDEX parted_v; ALTER TABLE parted ALTER v TYPE int;",
    );
    let rows = ("UPDATE item SET n = n + 1; SELECT pg_sleep(0.5);", "UPDATE item SET n = n - 1;");
    let count = (
        "count.sql",
        "-- stairway: param id from SELECT id FROM public.item\n\
         UPDATE public.item SET n = 0 WHERE id = :id;\n",
    );
    let project = project(&[setup, empty, parts, rows], &[count]);
    let settings = "[bench.production-rows]\n\"public.parted\" = 3000000\n";
    fs::write(project.path().join("stairway.toml"), settings).unwrap();
    let major = servers::majors()[0].to_string();
    let line = "--rate 100 --requests 100 --runs 3 --pairs 0 --scale 1 --format json --since 1 --server local --postgres";
    let ran = bench(project.path(), &words(line, &[&major]));
    let report = ran.json();
    let impact = report["impact"].as_array().unwrap();
    assert_eq!(impact[0]["rewritten"], serde_json::json!([]), "it was emptied: {report:#}");
    let rewritten = impact[1]["rewritten"].as_array().unwrap();
    let told: Vec<_> = rewritten.iter().map(|it| it["table"].as_str().unwrap()).collect();
    assert_eq!(told, ["public.parted"], "{report:#}");
    // Some are made up for each partition.
    assert!(rewritten[0]["rows"].as_f64().unwrap() >= 10_000.0, "{report:#}");
    assert_eq!(rewritten[0]["reasons"], serde_json::json!(["a column's type changes"]));
    assert_eq!(impact[1]["unprobed"], serde_json::json!([]), "{report:#}");
    let blocked = impact[1]["blocked"].as_array().unwrap().iter();
    let tables: Vec<_> = blocked.map(|it| it["table"].as_str().unwrap()).collect();
    assert!(
        tables.contains(&"public.parted") && tables.contains(&"public.\"Odd.Name\""),
        "{tables:?}"
    );
    let found = report["findings"].as_array().unwrap();
    let rewrite = found.iter().find(|it| it["check"] == "table-rewrite").unwrap();
    assert_eq!((&rewrite["severity"], &rewrite["allowed"]), (&"error".into(), &"at night".into()));
    assert!(!found.iter().any(|it| it["check"] == "stale-claim"), "{report:#}");
    let invalid = found.iter().find(|it| it["check"] == "invalid-index").unwrap();
    assert_eq!(invalid["objects"], serde_json::json!(["public.parted_v"]), "{report:#}");
    let waited = impact[2]["workload"]["longest_wait"].as_f64().unwrap();
    assert!(waited > 200.0, "{report:#}");
    let of_rows = found.iter().filter(|it| it["file"].to_string().contains("4_step"));
    let messages: Vec<_> = of_rows.map(|it| it["message"].as_str().unwrap()).collect();
    assert_eq!(messages.len(), 1, "{report:#}");
    assert!(messages[0].starts_with("requests of the workload wait "), "{messages:?}");
}
