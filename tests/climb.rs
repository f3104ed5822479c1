//! Whole histories, verified on real servers through the library: what is sound passes, and each
//! seeded fault is found where it is, and nothing else.

#[cfg(feature = "container")]
mod containers;
mod servers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use stairway::finding::{CheckId, Severity, Verdict};
use stairway::report::{Report, json};
use stairway::runs::{Options, TransactionMode, Verification, verify};

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

async fn climb(options: &Options) -> Verification {
    verify(options, &mut stairway::runs::Silent).await.unwrap()
}

fn on(major: u32, folder: impl Into<PathBuf>) -> Options {
    let mut options = Options::new(folder);
    options.server = servers::spec(major);
    options
}

fn found(verification: &Verification) -> BTreeMap<String, Vec<&'static str>> {
    let of = |judged: &stairway::runs::Judged| {
        let mut checks: Vec<&'static str> =
            judged.findings.iter().map(|finding| finding.check.as_str()).collect();
        checks.sort_unstable();
        checks.dedup();
        (judged.revision.clone(), checks)
    };
    verification.migrations.iter().map(of).collect()
}

fn text(verification: &Verification) -> String {
    let report = Report::new(verification, Severity::Error);
    stairway::report::terminal(&report, stairway::report::Style::Plain)
}

#[tokio::test]
async fn the_clinic_is_sound() {
    for &major in servers::majors() {
        let verification = climb(&on(major, fixture("clinic/migrations"))).await;
        assert_eq!(
            verification.verdict(Severity::Warning),
            Verdict::Pass,
            "{}",
            text(&verification)
        );
        assert!(verification.migrations.len() >= 25);
        assert!(verification.server_version.starts_with(&major.to_string()));
        assert!(verification.migrations.iter().all(|judged| judged.seconds.reupgrade.is_some()));
    }
}

#[derive(Deserialize)]
struct Expected {
    migration: Vec<ExpectedMigration>,
}

#[derive(Deserialize)]
struct ExpectedMigration {
    revision: String,
    checks: Vec<String>,
    #[serde(default)]
    accepted: Vec<String>,
}

#[tokio::test]
async fn every_seeded_fault_is_found_and_nothing_else() {
    let expected = std::fs::read_to_string(fixture("clinic-faulty/expected.toml")).unwrap();
    let expected: Expected = toml::from_str(&expected).unwrap();
    for &major in servers::majors() {
        let verification = climb(&on(major, fixture("clinic-faulty/migrations"))).await;
        let found = found(&verification);
        let mut wrong = Vec::new();
        for migration in &expected.migration {
            let mut checks: Vec<&str> =
                migration.checks.iter().chain(&migration.accepted).map(String::as_str).collect();
            checks.sort_unstable();
            let found = &found[&migration.revision];
            if *found != checks {
                wrong.push(format!("{}: expected {checks:?}, found {found:?}", migration.revision));
            }
        }
        assert_eq!(found.len(), expected.migration.len());
        assert!(wrong.is_empty(), "on {major}:\n{}\n{}", wrong.join("\n"), text(&verification));
        let accepted = expected.migration.iter().filter(|migration| !migration.accepted.is_empty());
        for migration in accepted {
            let judged = verification
                .migrations
                .iter()
                .find(|judged| judged.revision == migration.revision)
                .unwrap();
            assert_eq!(judged.verdict(Severity::Error), Verdict::Pass, "{}", migration.revision);
            assert!(judged.findings.iter().all(|finding| finding.allowed.is_some()));
        }
    }
}

#[tokio::test]
async fn the_same_history_gives_the_same_report_twice() {
    let major = servers::majors()[0];
    let mut reports = Vec::new();
    for _ in 0..2 {
        let verification = climb(&on(major, fixture("clinic-faulty/migrations"))).await;
        let report = json(&Report::new(&verification, Severity::Error)).unwrap();
        let mut value: serde_json::Value = serde_json::from_str(&report).unwrap();
        without_times(&mut value);
        reports.push(value);
    }
    assert_eq!(reports[0], reports[1]);
}

fn without_times(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            for volatile in ["seconds", "parts", "lanes"] {
                map.remove(volatile);
            }
            map.values_mut().for_each(without_times);
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(without_times),
        _ => {}
    }
}

#[cfg(feature = "container")]
#[tokio::test]
async fn a_container_gives_the_same_report_as_a_local_server() {
    if !containers::has_container().await {
        return;
    }
    let major = containers::MAJOR;
    if !servers::majors().contains(&major) {
        println!("SKIPPED: no local server of {major} to compare the container with");
        return;
    }
    for folder in ["clinic/migrations", "clinic-faulty/migrations"] {
        let mut reports = Vec::new();
        for server in [servers::spec(major), containers::contained()] {
            let options = Options { server, ..Options::new(fixture(folder)) };
            let verification = climb(&options).await;
            assert!(verification.server_version.starts_with(&major.to_string()));
            assert!(verification.migrations.len() >= 25);
            let report = json(&Report::new(&verification, Severity::Error)).unwrap();
            let mut value: serde_json::Value = serde_json::from_str(&report).unwrap();
            without_times(&mut value);
            let server = value.as_object_mut().unwrap().remove("server").unwrap();
            reports.push((server["backend"].clone(), value));
        }
        let [(local, expected), (container, found)] = reports.try_into().unwrap();
        assert_eq!((local, container), ("local".into(), "container".into()));
        assert_eq!(found, expected, "{folder}");
    }
}

#[tokio::test]
async fn every_layout_climbs() {
    let major = servers::majors()[0];
    for (folder, tool) in [
        ("sqlx-reversible", "sqlx"),
        ("golang-migrate", "golang-migrate"),
        ("diesel", "diesel"),
        ("dbmate", "dbmate"),
        ("goose", "goose"),
        ("refinery", "refinery"),
        ("flyway", "flyway"),
        ("plain", "plain"),
        ("plain-pairs", "plain"),
    ] {
        let verification = climb(&on(major, fixture(&format!("layouts/{folder}")))).await;
        assert_eq!(verification.tool, tool, "{folder}");
        assert_eq!(
            verification.verdict(Severity::Warning),
            Verdict::Pass,
            "{}",
            text(&verification)
        );
    }
    let simple = climb(&on(major, fixture("layouts/sqlx-simple"))).await;
    assert!(simple.migrations.len() >= 3);
    assert!(found(&simple).values().all(|checks| *checks == ["downgrade-missing"]));
}

/// Where a file holds both scripts a finding points into it, whichever way failed; where values are put
/// in, at its line.
#[tokio::test]
async fn findings_point_into_files_that_hold_both_scripts() {
    let up = "CREATE TABLE shop (id int);";
    for (file, text, line, pointed) in [
        (
            "1_a.sql",
            format!("-- é\n-- migrate:up\n{up}\n-- migrate:down\nSELECT 1 FROM\n  shops;\n"),
            6,
            "shops",
        ),
        (
            "1_a.sql",
            format!(
                "-- migrate:up transaction:false\n{up}\nSELECT 1 FROM shops;\n-- migrate:down\n"
            ),
            3,
            "shops",
        ),
        (
            "1_a.sql",
            format!("-- +goose Up\n{up}\n-- +goose Down\n\nSELECT 1 FROM shops;\n"),
            5,
            "shops",
        ),
        (
            "1_a.sql",
            format!(
                "-- +goose Up\n-- +goose NO TRANSACTION\n-- +goose ENVSUB ON\n{up}\nSELECT \
                 '${{STAIRWAY_UNSET:-a much longer value than the word in its place}}';\nSELECT 1 FROM \
                 shops;\n-- +goose Down\nDROP TABLE shop;"
            ),
            6,
            "shops",
        ),
        (
            "V1.1__a.sql",
            format!("{up}\nSELECT '${{flyway:table}}'; SELECT 1 FROM shops;\n"),
            2,
            "shops",
        ),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::write(scratch.path().join(file), &text).unwrap();
        let verification = climb(&on(servers::majors()[0], scratch.path())).await;
        let findings = verification.migrations.iter().flat_map(|judged| &judged.findings);
        let failed: Vec<_> =
            findings.filter(|it| it.check.as_str().ends_with("grade-failed")).collect();
        let span = failed[0].span.as_ref().unwrap_or_else(|| panic!("{text}"));
        assert_eq!(span.line, line, "{text}");
        let source = &verification.sources[&span.file];
        assert_eq!(source.get(span.bytes.clone()), Some(pointed), "{text}");
        assert_eq!(source.lines().count(), text.lines().count(), "{text}");
    }
}

#[tokio::test]
async fn a_backup_is_restored_and_only_what_is_pending_is_climbed() {
    for &major in servers::majors() {
        let mut options = on(major, fixture("clinic/migrations"));
        options.backup = Some(fixture("clinic/backup.dump"));
        let verification = climb(&options).await;
        assert_eq!(
            verification.verdict(Severity::Warning),
            Verdict::Pass,
            "{}",
            text(&verification)
        );
        assert_eq!(verification.applied, 20);
        assert_eq!(verification.migrations.len() + 20, {
            climb(&on(major, fixture("clinic/migrations"))).await.migrations.len()
        });
    }
}

#[tokio::test]
async fn a_backup_that_does_not_restore_is_a_finding() {
    let major = servers::majors()[0];
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("broken.sql");
    std::fs::write(
        &dump,
        "CREATE TABLE kept (id int);\nCREATE TABLE lost (id no_such_type);\n\
         ALTER TABLE kept OWNER TO \"Somebody Else\";\n",
    )
    .unwrap();
    let mut options = on(major, fixture("layouts/plain"));
    options.backup = Some(dump);
    let verification = climb(&options).await;
    let messages: Vec<&str> =
        verification.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(verification.findings.len(), 1, "{messages:?}");
    assert_eq!(verification.findings[0].check, CheckId::RestoreFailed);
    assert!(messages[0].contains("no_such_type"), "{messages:?}");
    assert_eq!(verification.verdict(Severity::Error), Verdict::Fail);
}

/// Writes a plain history of (name, up, down).
fn history(scripts: &[(&str, &str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for way in ["up", "down"] {
        std::fs::create_dir(folder.path().join(way)).unwrap();
    }
    for (name, up, down) in scripts {
        std::fs::write(folder.path().join(format!("up/{name}.sql")), up).unwrap();
        std::fs::write(folder.path().join(format!("down/{name}.sql")), down).unwrap();
    }
    folder
}

#[tokio::test]
async fn an_edited_file_and_a_late_branch_are_found_in_a_backup() {
    let major = servers::majors()[0];
    let folder = tempfile::tempdir().unwrap();
    let migrations = folder.path().join("migrations");
    std::fs::create_dir(&migrations).unwrap();
    for entry in std::fs::read_dir(fixture("clinic/migrations")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), migrations.join(entry.file_name())).unwrap();
    }
    let edited = migrations.join("20240109093000_create_workspaces.up.sql");
    let text = std::fs::read_to_string(&edited).unwrap();
    std::fs::write(&edited, format!("{text}\n-- a thought too late\n")).unwrap();
    for way in ["up", "down"] {
        let late = migrations.join(format!("20240109093001_late.{way}.sql"));
        std::fs::write(late, "SELECT 1;").unwrap();
        let gone = migrations.join(format!("20240109101500_create_users.{way}.sql"));
        std::fs::remove_file(gone).unwrap();
    }
    let mut options = on(major, migrations);
    options.backup = Some(fixture("clinic/backup.dump"));
    let verification = climb(&options).await;
    let mut checks: Vec<&str> = verification
        .all_findings()
        .filter(|(_, finding)| finding.severity == Severity::Error)
        .map(|(_, finding)| finding.check.as_str())
        .collect();
    checks.sort_unstable();
    assert_eq!(checks, ["checksum-mismatch", "out-of-order", "unknown-revision"]);
}

#[tokio::test]
async fn rows_that_a_cycle_left_are_not_blamed_on_a_later_migration() {
    // The second upgrade of 2 leaves the row of the first one beside its own, and the identity has
    // moved on: on the worn database 3 and 4 would fail, in production they do not.
    let folder = history(&[
        ("1_a", "CREATE TABLE a (id int GENERATED ALWAYS AS IDENTITY, v text)", "DROP TABLE a"),
        ("2_b", "INSERT INTO a (v) VALUES ('x'); CREATE TABLE b ()", "DROP TABLE b"),
        (
            "3_c",
            "ALTER TABLE a ADD CONSTRAINT v_key UNIQUE (v)",
            "ALTER TABLE a DROP CONSTRAINT v_key",
        ),
        (
            "4_d",
            "DO $$ BEGIN ASSERT (SELECT id FROM a) = 1; END $$; CREATE TABLE d ()",
            "DROP TABLE d",
        ),
    ]);
    // With rows of any kind they do.
    let options = Options { rows: None, ..on(servers::majors()[0], folder.path()) };
    let verification = climb(&options).await;
    assert_eq!(verification.verdict(Severity::Error), Verdict::Pass, "{}", text(&verification));
}

#[tokio::test]
async fn a_failed_upgrade_does_not_stop_the_climb_nor_colour_it() {
    let folder = history(&[
        ("1_a", "CREATE TABLE a (id int)", "DROP TABLE a"),
        (
            "2_b",
            "-- stairway: no-transaction\nCREATE TABLE half (); CREATE TABLE b (id nope)",
            "DROP TABLE b",
        ),
        ("3_c", "CREATE TABLE half (id int)", "DROP TABLE half"),
        ("4_d", "ALTER TABLE b ADD COLUMN v int", "ALTER TABLE b DROP COLUMN v"),
        ("5_e", "CREATE INDEX ON a (id)", "DROP INDEX a_id_idx"),
    ]);
    let verification = climb(&on(servers::majors()[0], folder.path())).await;
    let verdicts: Vec<_> = verification
        .migrations
        .iter()
        .map(|judged| judged.verdict(Severity::Error).as_str())
        .collect();
    assert_eq!(
        verdicts,
        ["pass", "fail", "pass", "inconclusive", "pass"],
        "{}",
        text(&verification)
    );
    let failed = &verification.migrations[1].findings[0];
    assert_eq!(failed.check, CheckId::UpgradeFailed);
    assert!(failed.detail.as_ref().unwrap().contains("half"), "{failed:?}");
    let span = failed.span.as_ref().unwrap();
    assert_eq!(span.line, 2);
    let mut fast = on(servers::majors()[0], folder.path());
    fast.fail_fast = true;
    let verification = climb(&fast).await;
    assert_eq!((verification.migrations.len(), verification.left_out), (2, 3));
}

#[tokio::test]
async fn a_new_label_used_at_once_fails_in_one_transaction_only() {
    let folder = history(&[
        (
            "1_a",
            "CREATE TYPE shade AS ENUM ('light'); CREATE TABLE t (s shade)",
            "DROP TABLE t; DROP TYPE shade",
        ),
        (
            "2_b",
            "ALTER TYPE shade ADD VALUE 'dim'",
            "-- stairway: irreversible reason: a label can't be dropped\n",
        ),
        ("3_c", "ALTER TABLE t ALTER s SET DEFAULT 'dim'", "ALTER TABLE t ALTER s DROP DEFAULT"),
    ]);
    let mut options = on(servers::majors()[0], folder.path());
    assert_eq!(climb(&options).await.verdict(Severity::Error), Verdict::Pass);
    options.transaction = TransactionMode::All;
    let verification = climb(&options).await;
    let failing: Vec<&str> = verification
        .migrations
        .iter()
        .filter(|judged| judged.verdict(Severity::Error) == Verdict::Fail)
        .map(|judged| judged.revision.as_str())
        .collect();
    assert_eq!(failing, ["3"], "{}", text(&verification));
}

#[tokio::test]
async fn settings_of_a_script_do_not_reach_the_next_one() {
    let folder = history(&[
        (
            "1_a",
            "SELECT set_config('search_path', '', false); CREATE TABLE public.a ()",
            "DROP TABLE public.a",
        ),
        ("2_b", "CREATE TEMP TABLE scratch (); CREATE TABLE b ()", "DROP TABLE b"),
        ("3_c", "CREATE TABLE scratch ()", "DROP TABLE scratch"),
    ]);
    let verification = climb(&on(servers::majors()[0], folder.path())).await;
    assert_eq!(verification.verdict(Severity::Warning), Verdict::Pass, "{}", text(&verification));
}

#[tokio::test]
async fn claims_are_held_both_ways() {
    let folder = history(&[
        ("1_a", "CREATE TABLE t (a int, b int)", "DROP TABLE t"),
        (
            "2_b",
            "-- stairway: order-drift public.t reason: nobody counts\n-- stairway: lossy public.t.a\nALTER TABLE t DROP COLUMN a",
            "ALTER TABLE t ADD COLUMN a int",
        ),
        ("3_c", "-- stairway: order-drift public.u reason: old\nCREATE TABLE u ()", "DROP TABLE u"),
        (
            "4_d",
            "-- stairway: allow(schema-drift) public.other reason: wrong table\nDROP TABLE u",
            "CREATE TABLE u (id int)",
        ),
    ]);
    let verification = climb(&on(servers::majors()[0], folder.path())).await;
    let verdicts: Vec<_> = verification
        .migrations
        .iter()
        .map(|judged| judged.verdict(Severity::Warning).as_str())
        .collect();
    assert_eq!(verdicts, ["pass", "pass", "fail", "fail"], "{}", text(&verification));
    assert_eq!(verification.migrations[2].findings[0].check, CheckId::StaleClaim);
    assert_eq!(verification.migrations[1].findings[0].allowed.as_deref(), Some("nobody counts"));
    let counted = |at: usize| {
        verification.migrations[at]
            .findings
            .iter()
            .filter(|finding| finding.allowed.is_none())
            .count()
    };
    assert_eq!((counted(1), counted(3)), (0, 3));
}

/// `pg_restore` would look for its end for ever.
#[tokio::test]
async fn a_tar_file_that_is_cut_off_is_refused() {
    let major = servers::majors()[0];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.tar");
    // Off the runtime: it drives one of its own.
    let dumped = std::thread::scope(|scope| {
        let dump = scope.spawn(|| {
            let server = servers::server(major).unwrap();
            std::process::Command::new(server.programs().join("pg_dump"))
                .args(["--format", "tar", "--file"])
                .arg(&path)
                .envs(server.target("postgres").libpq_environment())
                .status()
                .unwrap()
        });
        dump.join().unwrap()
    });
    assert!(dumped.success());
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1024]).unwrap();
    let options = Options { backup: Some(path), ..on(major, fixture("layouts/plain")) };
    let error = stairway::runs::verify(&options, &mut stairway::runs::Silent).await.unwrap_err();
    let said = stairway::server::causes(&error);
    assert!(said.contains("shop.tar") && said.contains("cut off"), "{said}");
}
