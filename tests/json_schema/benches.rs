//! `bench`: a query that loses its index and a migration that others wait for; and a run without a verdict.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::servers;
use crate::shape::Schema;

const ITEMS: &str = "CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL, at date);\n\
    CREATE INDEX item_name ON item (name);\n\
    INSERT INTO item SELECT n, 'item ' || n, '2024-01-01' FROM generate_series(1, 20000) n;\n";
const TIDY: &str = "DROP INDEX item_name;\nALTER TABLE item ALTER COLUMN id TYPE bigint;\n";

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("migrations/up/1_items.sql", ITEMS);
    put("migrations/down/1_items.sql", "DROP TABLE item;\n");
    put("migrations/up/2_tidy.sql", TIDY);
    put(
        "migrations/down/2_tidy.sql",
        "ALTER TABLE item ALTER COLUMN id TYPE int;\nCREATE INDEX item_name ON item (name);\n",
    );
    put(
        "workload/by_name.sql",
        "-- stairway: param name from SELECT name FROM public.item\n-- stairway: budget 1s\n\
         SELECT * FROM public.item WHERE name = :name;\n",
    );
    folder
}

fn bench(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stairway"));
    command
        .args(["bench", "--format", "json", "--quiet", "--since", "1", "--requests", "100"])
        .args(["--runs", "3", "--pairs", "8", "--scale", "1", "--rate", "400", "--budget", "1s"])
        .args(words)
        .current_dir(folder)
        .env_remove("STAIRWAY_MIGRATIONS")
        .output()
        .unwrap()
}

#[test]
fn of_a_query_that_became_slower() {
    let folder = project();
    let major = servers::majors()[0].to_string();
    let output = bench(folder.path(), &["--server", "local", "--postgres", &major]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1 | 15)), "{said}");
    let report = Schema::of("bench").fits_text(&output.stdout);
    // What is not there was not held against anything.
    let query = &report["queries"][0];
    for key in ["gate", "compared", "turns", "plan"] {
        assert!(query[key].is_object(), "{key}: {query:#}");
    }
    let impact = &report["impact"][0];
    for key in ["locks", "rewritten"] {
        assert!(impact[key][0].is_object(), "{key}: {impact:#}");
    }
    assert!(report["findings"][0].is_object(), "{report:#}");
}

#[test]
fn of_a_run_without_a_verdict() {
    let folder = project();
    let output = bench(folder.path(), &["--server", "postgres://127.0.0.1:1/none"]);
    let report = Schema::of("bench").fits_text(&output.stdout);
    assert_eq!((output.status.code(), &report["error"]["exit"]), (Some(3), &3.into()));
}
