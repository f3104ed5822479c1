//! What touches a database: drills and gates, and the account of each verb that moves one.

use std::fs;

use serde_json::Value;

use crate::ground::{bare, gate, release};
use crate::servers;
use crate::shape::Schema;
use crate::site::Site;

#[track_caller]
fn drill(site: &Site, words: &[&str], code: i32) -> Value {
    let mut command = site.command(&["drill", "--quiet", "--format", "json"]);
    let output = command.args(words).output().unwrap();
    let report = Schema::of("drill").fits_text(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{report:#}");
    report
}

#[test]
fn of_drills_and_gates() {
    let site = release(0);
    let drilled: Value =
        serde_json::from_slice(&fs::read(site.path("drill.json")).unwrap()).unwrap();
    Schema::of("drill").fits(&drilled);
    assert_eq!(drilled["verdict"], "ok");
    assert!(drilled["pending"][0].is_object() && drilled["rto"].is_object(), "{drilled:#}");
    let schema = Schema::of("gate");
    let passed = gate(&site, &[]);
    schema.fits(&passed.report);
    assert_eq!(passed.code, Some(0), "{}", passed.said);

    let up = "ALTER TABLE orders ADD COLUMN note text NOT NULL DEFAULT '';\n";
    fs::write(site.path("migrations/2_it.up.sql"), up).unwrap();
    let failed = gate(&site, &[]);
    schema.fits(&failed.report);
    assert_eq!((failed.code, failed.report["verdict"].as_str()), (Some(14), Some("fail")));
    let nowhere = bare(&site, &["--database-url", "postgres://127.0.0.1:1/none"]);
    schema.fits(&nowhere.report);
    assert_eq!((nowhere.code, &nowhere.report["error"]["exit"]), (Some(10), &10.into()));

    // The newest backup is cut off; no file of roles is there.
    let backup = site.backups().pop().unwrap();
    let bytes = fs::read(&backup).unwrap();
    fs::write(&backup, &bytes[..bytes.len() / 2]).unwrap();
    let bad = drill(&site, &[], 12);
    assert_eq!(bad["verdict"], "bad-backup");
    assert!(bad["checks"].as_array().unwrap().iter().any(|it| !it["fault"].is_null()), "{bad:#}");
    let unfinished = drill(&site, &["--globals", "no-such.sql"], 2);
    assert!(unfinished["error"].is_object(), "{unfinished:#}");
}

/// Runs a verb, holds what it prints and what it wrote against the schema, and gives its report.
#[track_caller]
fn account(site: &Site, words: &[&str], code: i32, state: &str) -> Value {
    let mut command = site.command(words);
    let output = command.args(["--format", "json"]).output().unwrap();
    let printed = Schema::of("account").fits_text(&output.stdout);
    let found = (output.status.code(), printed["state"].as_str());
    assert_eq!(found, (Some(code), Some(state)), "{words:?}: {printed:#}");
    printed
}

#[test]
fn of_runs_on_a_database() {
    let majors = servers::majors();
    let site = Site::new(majors[majors.len() - 1]).unwrap();
    site.migration(
        2,
        "ALTER TABLE orders ADD COLUMN note text;\n",
        "ALTER TABLE orders DROP COLUMN note;\n",
    );
    let plan = account(&site, &["upgrade", "--dry-run"], 0, "BEFORE");
    assert!(plan["sql"].as_str().unwrap().contains("ADD COLUMN note"), "{plan:#}");
    let done = account(&site, &["upgrade"], 0, "AFTER");
    assert!(done["backup"].is_object() && done["moves"][0].is_object(), "{done:#}");
    assert!(done["validation"][0].is_object() && done["preflight"][0].is_object(), "{done:#}");
    account(&site, &["validate"], 0, "BEFORE");
    account(&site, &["downgrade", "-1", "--skip-backup"], 0, "AFTER");
    account(&site, &["stamp", "2", "--reason", "to see it"], 0, "AFTER");
    account(&site, &["stamp", "1", "--reason", "to see it"], 0, "AFTER");
    let restored = account(&site, &["restore", "latest", "--accept-loss", "all"], 0, "AFTER");
    assert!(restored["kept_database"].is_string(), "{restored:#}");
    account(&site, &["recover"], 0, "BEFORE");

    site.migration(2, "SELECT 1 / 0;\n", "SELECT 1;\n");
    let failed = account(&site, &["upgrade"], 13, "BEFORE");
    assert_eq!(failed["trouble"]["sqlstate"], "22012", "{failed:#}");
    let wrote: Vec<_> =
        fs::read_dir(site.path("logs")).unwrap().map(|it| it.unwrap().path()).collect();
    let reports = wrote.iter().filter(|path| path.extension().is_some_and(|end| end == "json"));
    let reports: Vec<_> = reports.collect();
    assert!(reports.len() > 5, "{wrote:?}");
    for path in reports {
        Schema::of("account").fits_text(&fs::read(path).unwrap());
    }
}
