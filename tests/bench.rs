//! `stairway bench` as its user runs it, on real servers: what stalls it, what it blames, what it says
//! of bad input. `STAIRWAY_SWEEP=full` does each of the measurements twenty times.

mod servers;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// How often each measurement is repeated.
fn times() -> usize {
    if std::env::var("STAIRWAY_SWEEP").is_ok_and(|sweep| sweep == "full") { 20 } else { 1 }
}

/// A project with these migrations, up and down, and these queries.
fn project(scripts: &[(&str, &str)], queries: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (at, (up, down)) in scripts.iter().enumerate() {
        for (way, sql) in [("up", up), ("down", down)] {
            let place = folder.path().join("migrations").join(way);
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join(format!("{}_step.sql", at + 1)), sql).unwrap();
        }
    }
    let workload = folder.path().join("workload");
    fs::create_dir_all(&workload).unwrap();
    for (name, sql) in queries {
        fs::write(workload.join(name), sql).unwrap();
    }
    folder
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stairway"));
    for variable in stairway::env::ALL {
        let keeps = ["STAIRWAY_CACHE", "STAIRWAY_RUNTIME", "STAIRWAY_POSTGRES_BIN"];
        if !keeps.contains(&variable.name) {
            command.env_remove(variable.name);
        }
    }
    command.arg("bench").args(args).current_dir(folder).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }
}

fn bench(folder: &Path, args: &[&str]) -> Ran {
    let output = command(folder, args).output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs it, and does something once as the second run begins.
fn bench_and(folder: &Path, args: &[&str], then: impl FnOnce(&Child)) -> Ran {
    let mut child = command(folder, args).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut stderr = String::new();
    while !stderr.contains("run 2 of 5: warm") {
        assert!(said.read_line(&mut stderr).unwrap() > 0, "it ended before: {stderr}");
    }
    then(&child);
    let rest = std::thread::spawn(move || {
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        rest
    });
    let output = child.wait_with_output().unwrap();
    stderr.push_str(&rest.join().unwrap());
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr,
    }
}

/// Whether requests are being sent: a thread beats beside them.
fn is_measuring(child: &Child) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let names = threads.flatten().filter_map(|it| fs::read_to_string(it.path().join("comm")).ok());
    names.into_iter().any(|name| name.trim() == "heart")
}

/// What a machine that moved makes of a verdict.
fn expected_code(report: &Value, otherwise: i32) -> i32 {
    if report["calibration"]["moved"].as_f64().unwrap() > 0.15 { 15 } else { otherwise }
}

const ITEMS: (&str, &str) = (
    "CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL);
     INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 1000) n;",
    "DROP TABLE item;",
);
const BY_KEY: (&str, &str) = (
    "by_key.sql",
    "-- stairway: param id from SELECT id FROM public.item\nSELECT * FROM public.item WHERE id = :id;\n",
);
const NOTHING: (&str, &str) = ("COMMENT ON TABLE item IS 'x';", "COMMENT ON TABLE item IS NULL;");

/// 12 seconds of requests, 400 a second, in 5 runs, and nothing compared.
const TWELVE: &str =
    "--rate 400 --requests 960 --runs 5 --pairs 0 --no-impact --scale 10 --format json --server";
/// As few as a comparison takes.
const SHORT: &str = "--rate 200 --requests 100 --runs 3 --pairs 8 --no-impact --scale 1 --format json --since 1 \
                     --server local --postgres";

/// Words of a command line, and some more.
fn words<'w>(line: &'w str, more: &[&'w str]) -> Vec<&'w str> {
    line.split_whitespace().chain(more.iter().copied()).collect()
}

#[test]
fn what_keeps_its_budget_passes() {
    let project = project(&[ITEMS, NOTHING], &[BY_KEY]);
    for major in servers::majors().iter().take(times()) {
        for _ in 0..times() {
            let major = major.to_string();
            let ran = bench(project.path(), &words(TWELVE, &["local", "--postgres", &major]));
            let report = ran.json();
            assert_eq!(report["gate"]["verdict"], "pass", "{report:#}\n{}", ran.stderr);
            assert_eq!(ran.code, expected_code(&report, 0), "{report:#}");
            assert_eq!(report["gate"]["requests"], 4800);
            assert_eq!(report["migrations"], serde_json::json!(["2 step"]));
        }
    }
}

/// A server that others can reach while it is measured on.
fn with_server(work: impl Fn(&servers::TestServer, &str)) {
    let server = servers::server(servers::majors()[0]).unwrap();
    let url = server.target("postgres").url_with_password();
    work(&server, &url);
}

#[test]
fn a_lock_of_two_seconds_in_twelve_fails() {
    let project = project(&[ITEMS, NOTHING], &[BY_KEY]);
    with_server(|server, url| {
        for _ in 0..times() {
            let args = words(TWELVE, &[url]);
            let ran = bench_and(project.path(), &args, |child| {
                while !is_measuring(child) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(async {
                    let mut admin = server.session("postgres").await;
                    let database = admin
                        .value("SELECT datname FROM pg_stat_activity WHERE application_name = 'stairway load' LIMIT 1")
                        .await
                        .unwrap()
                        .expect("the load is connected");
                    let mut other = server.session(&database).await;
                    other
                        .execute("BEGIN; LOCK TABLE item IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(2); COMMIT")
                        .await
                        .unwrap();
                    other.close().await.unwrap();
                    admin.close().await.unwrap();
                });
            });
            let report = ran.json();
            let gate = &report["gate"];
            assert_eq!(gate["verdict"], "fail", "{report:#}\n{}", ran.stderr);
            assert_eq!(gate["reason"], "too many requests waited for a lock", "{report:#}");
            assert!(gate["blocked"].as_u64().unwrap() > 240, "{report:#}");
            let finding = &report["findings"][0];
            assert_eq!(finding["check"], "latency-budget", "{report:#}");
            let detail = finding["detail"].as_str().unwrap();
            assert!(detail.contains("AccessShareLock on item, held by stairway test"), "{detail}");
            assert_eq!(ran.code, expected_code(&report, 1), "{report:#}");
        }
    });
}

#[test]
fn a_client_that_stands_still_for_three_seconds_proves_nothing() {
    let project = project(&[ITEMS, NOTHING], &[BY_KEY]);
    let major = servers::majors()[0].to_string();
    for _ in 0..times() {
        let args = words(TWELVE, &["local", "--postgres", &major]);
        let ran = bench_and(project.path(), &args, |child| {
            while !is_measuring(child) {
                std::thread::sleep(Duration::from_millis(1));
            }
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
            kill(pid, Signal::SIGSTOP).unwrap();
            std::thread::sleep(Duration::from_secs(3));
            kill(pid, Signal::SIGCONT).unwrap();
        });
        let report = ran.json();
        assert_eq!(report["gate"]["verdict"], "inconclusive", "{report:#}\n{}", ran.stderr);
        let reason = report["gate"]["reason"].as_str().unwrap();
        assert!(reason.starts_with("requests were sent late"), "{report:#}");
        assert!(report["gate"]["late"].as_u64().unwrap() > 240, "{report:#}");
        assert_eq!((ran.code, &report["findings"]), (15, &serde_json::json!([])), "{report:#}");
    }
}

/// Seconds to sleep: log-normal, with this p95.
fn sleeps(p95: f64) -> String {
    use statrs::distribution::{ContinuousCDF, Normal};
    let normal = Normal::new(0.0, 1.0).unwrap();
    let quantile = |at: i32| normal.inverse_cdf((f64::from(at) + 0.5) / 2000.0);
    let seconds = |at| p95 * (0.5 * (quantile(at) - quantile(1899))).exp();
    let lines: Vec<String> = (0..2000).map(|at| format!("{:.6}", seconds(at))).collect();
    format!("s\n{}\n", lines.join("\n"))
}

#[test]
fn far_from_the_budget_the_gate_is_never_wrong() {
    let query = ("sleep.sql", "-- stairway: param s from csv sleeps.csv\nSELECT pg_sleep(:s);\n");
    let project = project(&[ITEMS, NOTHING], &[query]);
    let major = servers::majors()[0].to_string();
    let requests = if times() > 1 { "1000" } else { "300" };
    for (factor, wrong) in [(0.80, "fail"), (1.25, "pass")] {
        fs::write(project.path().join("workload/sleeps.csv"), sleeps(0.040 * factor)).unwrap();
        for round in 0..times() {
            let seed = round.to_string();
            let line = "--budget 40ms --rate 300 --connections 24 --pairs 0 --no-impact --scale 10 --format json \
                        --server local --postgres";
            let args = words(line, &[&major, "--requests", requests, "--seed", &seed]);
            let ran = bench(project.path(), &args);
            let report = ran.json();
            let gate = &report["gate"];
            assert_ne!(gate["verdict"], wrong, "{factor}: {report:#}");
            let p95 = gate["p95"].as_f64().unwrap();
            assert!(p95 > 40.0 * factor * 0.9, "nobody sleeps less than asked: {report:#}");
            println!("{factor} of the budget: {} with a p95 of {p95} ms", gate["verdict"]);
        }
    }
}

const ORDERS: (&str, &str) = (
    "CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL, total int);
     INSERT INTO orders SELECT n, n % 50000, n FROM generate_series(1, 150000) n;
     CREATE INDEX orders_by_customer ON orders (customer);
     CREATE TABLE item (id int PRIMARY KEY);",
    "DROP TABLE orders, item;",
);
const OF_CUSTOMER: (&str, &str) = (
    "of_customer.sql",
    "-- stairway: param customer from SELECT DISTINCT customer FROM public.orders\n\
     SELECT sum(total) FROM public.orders WHERE customer = :customer;\n",
);
const BY_NUMBER: (&str, &str) = (
    "by_number.sql",
    "-- stairway: weight 3\n-- stairway: param id from SELECT id FROM public.orders LIMIT 1000\n\
     SELECT * FROM public.orders WHERE id = :id;\n",
);
const WITHOUT_INDEX: (&str, &str) =
    ("DROP INDEX orders_by_customer;", "CREATE INDEX orders_by_customer ON orders (customer);");
fn compared<'r>(report: &'r Value, query: &str) -> &'r Value {
    let queries = report["queries"].as_array().unwrap();
    queries.iter().find(|it| it["name"] == query).unwrap()
}

#[test]
fn a_dropped_index_is_named_and_blamed_on_its_migration() {
    let project = project(&[ORDERS, NOTHING, WITHOUT_INDEX, NOTHING], &[OF_CUSTOMER, BY_NUMBER]);
    for major in servers::majors() {
        let major = major.to_string();
        let args = words(SHORT, &[&major]);
        let report = bench(project.path(), &args).json();
        let found = report["findings"].as_array().unwrap().iter();
        let slow = serde_json::json!(["of_customer"]);
        let found: Vec<&Value> = found.filter(|it| it["objects"] == slow).collect();
        assert_eq!(found.len(), 1, "{report:#}");
        assert_eq!(found[0]["check"], "latency-regression");
        assert!(found[0]["file"].as_str().unwrap().ends_with("up/3_step.sql"), "{report:#}");
        let detail = found[0]["detail"].as_str().unwrap();
        for part in [
            "is gone: CREATE INDEX orders_by_customer ON public.orders",
            "now: Seq Scan on orders",
            "no more: ",
        ] {
            assert!(detail.contains(part), "{part}: {detail}");
        }
        let help = found[0]["help"].as_str().unwrap();
        assert!(help.contains("CREATE INDEX CONCURRENTLY orders_by_customer"), "{help}");
        let slow = compared(&report, "of_customer");
        assert_eq!(
            (&slow["compared"]["change"], &slow["migration"]),
            (&"worse".into(), &"3 step".into())
        );
    }
}

#[test]
fn an_added_index_is_credited_and_a_comment_is_no_regression() {
    let (drop, create) = WITHOUT_INDEX;
    let slow = (ORDERS.0.to_owned() + drop, ORDERS.1);
    let credited = project(&[(&slow.0, slow.1), (create, drop), NOTHING], &[OF_CUSTOMER]);
    let major = servers::majors()[0].to_string();
    let args = words(SHORT, &[&major]);
    let report = bench(credited.path(), &args).json();
    let faster = compared(&report, "of_customer");
    assert_eq!(
        (&faster["compared"]["change"], &faster["migration"]),
        (&"better".into(), &"2 step".into()),
        "{report:#}"
    );
    assert_eq!(report["findings"], serde_json::json!([]));
    let nothing = project(&[ORDERS, NOTHING], &[OF_CUSTOMER, BY_NUMBER]);
    for _ in 0..times() {
        let report = bench(nothing.path(), &args).json();
        for query in ["of_customer", "by_number"] {
            assert_ne!(compared(&report, query)["compared"]["change"], "worse", "{report:#}");
        }
        assert_eq!(report["findings"], serde_json::json!([]), "{report:#}");
    }
}

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
        assert_eq!(of("new")["compared"], Value::Null, "the database of before does not know it");
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

#[test]
fn bad_input_names_the_thing_and_what_to_do() {
    let major = servers::majors()[0].to_string();
    let with = |queries: &[(&str, &str)], more: &[&str]| {
        let project = project(&[ITEMS], queries);
        let args = [&["--server", "local", "--postgres", &major, "--scale", "1", "--quiet"], more]
            .concat();
        let ran = bench(project.path(), &args);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        ran.stderr
    };
    let says = |queries: &[(&str, &str)], more: &[&str], parts: &[&str]| {
        let said = with(queries, more);
        for part in parts {
            assert!(said.contains(part), "{part}: {said}");
        }
    };
    says(&[], &[], &["no queries in workload", "--workload DIR"]);
    says(&[BY_KEY], &["--workload", "none"], &["can't read none"]);
    says(&[("two.sql", "SELECT 1; SELECT 2")], &[], &["two.sql holds 2 statements"]);
    says(
        &[("a.sql", "-- stairway: wait 3\nSELECT 1")],
        &[],
        &["a.sql:1:", "\"wait\" is not known", "weight"],
    );
    says(&[("a.sql", "SELECT :id")], &[], &["the parameter :id has no values", "param id from"]);
    says(
        &[("a.sql", "SELECT nothing FROM nowhere")],
        &[],
        &["a.sql: the server refuses the query", "nowhere"],
    );
    says(
        &[("a.sql", "-- stairway: param id from SELECT id FROM item WHERE false\nSELECT :id::int")],
        &[],
        &["there are no values for :id"],
    );
    says(
        &[("a.sql", "-- stairway: param id from VALUES ('x')\nSELECT * FROM item WHERE id = :id")],
        &[],
        &["a.sql: the server refuses", ":id as integer"],
    );
    let said = with(
        &[(
            "a.sql",
            "-- stairway: param id from VALUES ('x y')\nSELECT * FROM item WHERE id = :id",
        )],
        &[],
    );
    assert!(said.contains("the server refuses it") && !said.contains("x y"), "{said}");
    says(
        &[("a.sql", "-- stairway: param n from generated public.item\nSELECT :n::text")],
        &[],
        &["values of :n", "schema.table.column"],
    );
    says(&[BY_KEY], &["--rate", "0"], &["--rate", "0.1 to 100000"]);
    says(&[BY_KEY], &["--budget", "150"], &["--budget", "150ms"]);
    says(&[BY_KEY], &["--runs", "1"], &["--runs"]);
    says(&[BY_KEY], &["--pairs", "1"], &["--pairs", "from 3"]);
    says(
        &[BY_KEY, ("b.sql", "-- stairway: rate 300\nSELECT 1")],
        &["--rate", "200"],
        &["come to 300 a second", "--rate"],
    );
}
