//! Rows that showed something once: kept beside the tests, and tried first.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{LOSS, TABLE, assert_same, clinic, json, project, run, servers, verify, without_times};

/// Only a row that nobody would generate is gone.
const RARE: (&str, &str) =
    ("DELETE FROM guest WHERE md5(phone) = 'ce5bc12f1cd38c952dfbefb0742eb173';", "SELECT 1;");

fn write(project: &Path, name: &str, text: &str) {
    let path = project.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn findings(report: &Value, at: usize) -> Vec<(String, String)> {
    let list = report["migrations"][at]["findings"].as_array().unwrap();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    list.iter().map(|it| (word(&it["check"]), word(&it["severity"]))).collect()
}

/// The names and texts of a folder's files.
fn files(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<(String, String)> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn what_a_migration_fails_on_is_kept_as_sql() {
    let project = project("[rows]\nkeep = \"tests/rows\"\n", &[TABLE, LOSS]);
    let ran = verify(project.path(), &[]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    let kept = files(&project.path().join("tests/rows"));
    let (name, text) = &kept[0];
    assert_eq!((kept.len(), name.as_str()), (1, "2.sql"));
    insta::assert_snapshot!(text);
    // Neither other rows of the same kind nor another finding of them are added.
    for seed in ["0", "7", "8"] {
        let ran = verify(project.path(), &["--seed", seed, "--cases", "2", "--format", "json"]);
        assert_eq!(findings(&json(&ran), 1).len(), 1, "said once: {}", ran.stdout);
        assert_eq!(files(&project.path().join("tests/rows")), kept);
    }
    // It is said where, unless nobody wants to hear.
    let elsewhere = ["--keep-rows", "elsewhere", "--no-cache", "--no-repro", "--server", "local"];
    let major = servers::majors()[0].to_string();
    let verify = [&["verify", "--postgres", &major], &elsewhere[..]].concat();
    let said = "rows of 2 are kept in elsewhere/2.sql and tried first from now on";
    assert!(run(project.path(), &[], &verify).stderr.contains(said));
    assert_eq!(files(&project.path().join("elsewhere")), kept);
    assert!(!run(project.path(), &[], &verify).stderr.contains(said), "it is no news");
}

#[test]
fn nothing_is_written_where_no_folder_is_named_or_found() {
    let project = project("", &[TABLE, LOSS]);
    let names = || -> Vec<String> {
        let entries = fs::read_dir(project.path()).unwrap();
        let names = entries.map(|it| it.unwrap().file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    assert_eq!(verify(project.path(), &[]).code, 1);
    assert_eq!(names(), ["migrations", "stairway.toml"]);
    fs::create_dir_all(project.path().join("tests/stairway-rows")).unwrap();
    assert_eq!(verify(project.path(), &["--no-kept-rows"]).code, 1);
    assert_eq!(files(&project.path().join("tests/stairway-rows")), []);
    assert_eq!(verify(project.path(), &[]).code, 1);
    assert_eq!(files(&project.path().join("tests/stairway-rows")).len(), 1);
    assert_eq!(names(), ["migrations", "stairway.toml", "tests"]);
}

#[test]
fn what_is_accepted_is_not_kept() {
    let claimed = "[[claim]]\nrevision = \"2\"\nclaim = \"lossy public.guest.phone reason: nobody calls\"\n\
                   [rows]\nkeep = \"rows\"\n";
    let claimed = project(claimed, &[TABLE, LOSS]);
    assert_eq!(verify(claimed.path(), &[]).code, 0);
    assert_eq!(files(&claimed.path().join("rows")), []);
    let known = project("[rows]\nkeep = \"rows\"\n", &[TABLE, LOSS]);
    let major = servers::majors()[0].to_string();
    let baseline = ["baseline", "--server", "local", "--postgres", &major, "--no-cache"];
    let ran = run(known.path(), &[], &baseline);
    assert!(ran.stdout.contains("1 finding recorded"), "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(verify(known.path(), &[]).code, 0);
    assert_eq!(files(&known.path().join("rows")), []);
}

#[test]
fn the_same_command_says_the_same_before_and_after_rows_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().to_str().unwrap();
    let said = |more: &[&str]| {
        let mut report = json(&verify(clinic(), &[&["--format", "json"], more].concat()));
        without_times(&mut report);
        serde_json::to_string_pretty(&report).unwrap()
    };
    let first = said(&["--keep-rows", kept]);
    let written = files(folder.path());
    assert!(written.len() >= 2, "{written:?}");
    let second = said(&["--keep-rows", kept]);
    assert_same(&first, &second);
    assert_eq!(files(folder.path()), written);
}

#[test]
fn kept_rows_show_what_generated_rows_do_not() {
    let project = project("", &[TABLE, RARE]);
    assert_eq!(verify(project.path(), &[]).code, 0, "nobody would generate it");
    let by_hand = "insert into guest (phone, id) values ('5', 7), ('room 101', 8);\n";
    write(project.path(), "stairway-rows/2.sql", by_hand);
    for more in [&[][..], &["--seed", "7", "--rows-per-table", "1"]] {
        let ran = verify(project.path(), &[&["--format", "json"], more].concat());
        let report = json(&ran);
        let finding = &report["migrations"][1]["findings"][0];
        assert_eq!((ran.code, &finding["check"]), (1, &"data-loss".into()), "{report:#}");
        assert_eq!(finding["rows"].as_array().unwrap().len(), 1, "made small: {finding}");
        assert!(finding["rows"][0]["insert"].as_str().unwrap().ends_with(", 'room 101');"));
    }
    assert_eq!(files(&project.path().join("stairway-rows")), [("2.sql".into(), by_hand.into())]);
    assert_eq!(verify(project.path(), &["--no-kept-rows"]).code, 0);
    // Repaired, it passes, and the case stays.
    write(project.path(), "migrations/up/2_step.sql", "UPDATE guest SET phone = phone;");
    let ran = verify(project.path(), &["--fail-on", "warning"]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert_eq!(files(&project.path().join("stairway-rows")).len(), 1);
}

/// A table that refers to `guest`.
const CALL: (&str, &str) = (
    "CREATE TABLE call (guest int REFERENCES guest, at timestamptz DEFAULT now());",
    "DROP TABLE call;",
);

#[test]
fn what_no_longer_fits_the_schema_is_said() {
    let project = project("", &[TABLE, CALL, RARE]);
    let text = "-- case: a column that is gone\n\
                insert into guest (id) values (1);\n\
                insert into guest (id, fax) values (2, '1');\n\
                -- case: nothing to refer to\n\
                insert into call (guest) values (3);\n\
                -- case: none of rows\n\
                COMMIT;\n\
                -- case: still good\n\
                insert into guest (id, phone) values (4, 'room 101'), (5, 'x');\n\
                insert into call (guest) values (5);\n";
    write(project.path(), "stairway-rows/3.sql", text);
    write(project.path(), "stairway-rows/2.sql", "insert into guest values ('");
    write(project.path(), "stairway-rows/9.sql", "insert into guest values (1);");
    let ran = verify(project.path(), &["--format", "json"]);
    let report = json(&ran);
    let said = |at: usize, nth: usize, what: &str| {
        report["migrations"][at]["findings"][nth][what].as_str().unwrap().to_owned()
    };
    let warning = ("seed-coverage".to_owned(), "warning".to_owned());
    let loss = ("data-loss".to_owned(), "error".to_owned());
    let expected = [loss, warning.clone(), warning.clone(), warning.clone()];
    assert_eq!(findings(&report, 2), expected, "{report:#}");
    let does_not_fit = |line: usize| {
        format!("kept rows are not tried: stairway-rows/3.sql:{line} does not fit the schema")
    };
    assert_eq!(said(2, 1, "message"), does_not_fit(3));
    assert_eq!(
        said(2, 1, "detail"),
        "insert into guest (id, fax) values (2, '1');\n\
         column \"fax\" of relation \"guest\" does not exist (SQLSTATE 42703)"
    );
    assert!(said(2, 1, "help").contains("or delete it"));
    assert_eq!(said(2, 2, "message"), does_not_fit(5));
    let orphan = "call_guest_fkey of call does not hold (SQLSTATE 23503)\n\
                  detail: Key (guest)=(3) is not present in table \"guest\".";
    assert_eq!(said(2, 2, "detail"), orphan);
    assert_eq!(said(2, 3, "detail"), "COMMIT;\nonly INSERT statements are tried");
    assert_eq!(findings(&report, 1), [warning]);
    let broken = "can't read stairway-rows/2.sql: line 1: unterminated string";
    assert!(said(1, 0, "message").contains(broken), "{}", said(1, 0, "message"));
    let strange = &report["findings"][0];
    assert_eq!(
        (&strange["severity"], strange["message"].as_str().unwrap()),
        (
            &"note".into(),
            "kept rows are not tried: stairway-rows/9.sql is for 9, and no migration has this id"
        )
    );
    assert_eq!(fs::read_to_string(project.path().join("stairway-rows/3.sql")).unwrap(), text);
}

#[test]
fn rows_that_are_older_than_a_constraint_can_be_kept() {
    let since = (
        "ALTER TABLE call ADD CONSTRAINT known FOREIGN KEY (guest) REFERENCES guest NOT VALID;",
        "ALTER TABLE call DROP CONSTRAINT known;",
    );
    let before = ("CREATE TABLE call (guest int);", "DROP TABLE call;");
    let validated = (
        "ALTER TABLE call VALIDATE CONSTRAINT known;",
        "ALTER TABLE call DROP CONSTRAINT known, \
         ADD CONSTRAINT known FOREIGN KEY (guest) REFERENCES guest NOT VALID;",
    );
    let project = project("", &[TABLE, before, since, validated]);
    let ran = verify(project.path(), &["--format", "json"]);
    assert_eq!(findings(&json(&ran), 3), [], "{}", ran.stdout);
    write(project.path(), "stairway-rows/4.sql", "INSERT INTO call VALUES (3);");
    let report = json(&verify(project.path(), &["--format", "json"]));
    let finding = &report["migrations"][3]["findings"][0];
    assert_eq!(finding["check"], "data-dependent-failure", "{report:#}");
    assert!(finding["message"].as_str().unwrap().ends_with("(SQLSTATE 23503)"));
}

#[test]
fn what_is_kept_for_the_next_run_knows_these_rows() {
    let other = ("CREATE TABLE other (id int);", "DROP TABLE other;");
    let project = project("[rows]\nkeep = \"rows\"\n", &[TABLE, RARE, other]);
    let cache = project.path().join("cache").display().to_string();
    let major = servers::majors()[0].to_string();
    let verify = || {
        let args = ["verify", "--server", "local", "--postgres", &major, "--no-repro", "--quiet"];
        let args = [&args[..], &["--format", "json"]].concat();
        let ran = run(project.path(), &[("STAIRWAY_CACHE", &cache)], &args);
        let report = json(&ran);
        let cached = |at: usize| report["migrations"][at]["cached"].as_bool().unwrap();
        (ran.code, [cached(0), cached(1), cached(2)])
    };
    assert_eq!(verify(), (0, [false, false, false]));
    assert_eq!(verify(), (0, [true, true, true]));
    write(project.path(), "rows/2.sql", "insert into guest values (1, 'room 101');");
    assert_eq!(verify(), (1, [true, false, true]), "what comes after it is what it was");
    assert_eq!(verify(), (1, [true, true, true]));
    write(project.path(), "rows/2.sql", "insert into guest values (1, 'gone');");
    assert_eq!(verify(), (0, [true, false, true]));
    // A verdict from the cache keeps its rows, too.
    write(project.path(), "migrations/up/2_step.sql", "UPDATE guest SET phone = 'gone';");
    assert_eq!(verify().0, 1);
    let kept = files(&project.path().join("rows"));
    assert!(kept[0].1.contains("'gone'") && kept[0].1.contains("-- case: data-loss"), "{kept:?}");
    write(project.path(), "rows/2.sql", "insert into guest values (1, 'gone');");
    assert_eq!(verify(), (1, [true, true, true]));
    assert_eq!(files(&project.path().join("rows")), kept);
}

#[test]
fn rows_of_a_backup_are_not_kept() {
    let project = project("[rows]\nkeep = \"rows\"\n", &[TABLE, LOSS]);
    let dump = "-- PostgreSQL database dump\nCREATE TABLE private (word text);\n\
                INSERT INTO private VALUES ('secret');\n";
    write(project.path(), "nightly.sql", dump);
    let ran = verify(project.path(), &["--backup", "nightly.sql"]);
    assert_eq!(ran.code, 1, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("error[data-loss]"), "{}", ran.stdout);
    assert_eq!(files(&project.path().join("rows")), []);
}
