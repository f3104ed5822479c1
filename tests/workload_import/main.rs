//! `stairway workload import` as its user runs it: on real servers with `pg_stat_statements`, and on the
//! logs that they write. What it makes is measured by `stairway bench`.

mod logs;
mod statements;
mod watched;

#[path = "../homes/mod.rs"]
mod homes;
#[path = "../program/mod.rs"]
mod program;
#[path = "../servers/mod.rs"]
mod servers;

use std::fs;
use std::path::Path;
use std::process::Stdio;

/// What a run said.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

fn stairway(folder: &Path, args: &[&str]) -> Ran {
    let mut command = program::program();
    let output = command.args(args).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn import(folder: &Path, args: &[&str]) -> Ran {
    let mut words = vec!["workload", "import"];
    words.extend(args);
    stairway(folder, &words)
}

/// The tables of the application, as its migrations make them.
const TABLES: &str = "CREATE TABLE customer (id int PRIMARY KEY, email text NOT NULL UNIQUE, city text);
    CREATE TABLE orders (id bigint PRIMARY KEY, customer_id int NOT NULL REFERENCES customer, note text,
        total numeric(10, 2) NOT NULL DEFAULT 0, placed_at timestamptz NOT NULL DEFAULT now());
    CREATE INDEX ON orders (customer_id);";
const ROWS: &str =
    "INSERT INTO customer SELECT n, 'person' || n || '@example.org', 'city ' || n % 7
        FROM generate_series(1, 200) n;
    INSERT INTO orders SELECT n, n % 200 + 1, 'note ' || n, n, now() - n * interval '1 hour'
        FROM generate_series(1, 1000) n;";

/// A project whose migrations make these tables; the last one changes nothing that a query notices.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, sql) in [
        ("migrations/up/1_tables.sql", TABLES),
        ("migrations/down/1_tables.sql", "DROP TABLE orders, customer;"),
        ("migrations/up/2_comment.sql", "COMMENT ON TABLE orders IS 'x';"),
        ("migrations/down/2_comment.sql", "COMMENT ON TABLE orders IS NULL;"),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, sql).unwrap();
    }
    folder
}

/// Measures the workload of a project, briefly. Everything must be sent, and nothing may fail.
fn bench(folder: &Path, major: u32) -> serde_json::Value {
    let major = major.to_string();
    let mut words = vec!["bench", "--server", "local", "--postgres", &major, "--format", "json"];
    words.extend(
        "--scale 300 --requests 200 --runs 3 --pairs 0 --no-impact --budget 10s".split(' '),
    );
    let ran = stairway(folder, &words);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.stdout, ran.stderr));
    for query in report["queries"].as_array().unwrap() {
        assert_eq!(query["failed"], 0, "{query:#}\n{}", ran.stderr);
        assert!(query["latency"]["requests"].as_u64().unwrap() > 0, "{query:#}");
    }
    assert_eq!(report["gate"]["failed"], serde_json::json!({}), "{report:#}");
    report
}

/// The files of the workload that end like this, by name.
fn names(folder: &Path, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(folder.join("workload")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(ending)).collect();
    names.sort();
    names
}

fn text(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join("workload").join(name)).unwrap()
}

/// The lines of a file of the workload but for the first one, which counts.
fn said(folder: &Path, name: &str) -> Vec<String> {
    text(folder, name).lines().skip(1).map(str::to_owned).collect()
}
