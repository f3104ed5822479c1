//! The workflow for pull requests, on the clinic and on its faulty sister; and its second door, `cargo nextest`.

use std::collections::BTreeSet;
use std::path::Path;

use crate::actions::{Annotation, JobRan, Runner};
use crate::package;
use crate::place::{self, Project};

pub(crate) const FILE: &str = "github/stairway-pull-request.yml";
pub(crate) const JOBS: [&str; 3] = ["verify", "suite", "migrations"];

const CLIMB: &str = "Climb this part of what is new";

/// The revisions that the report for test viewers has.
fn judged(ran: &JobRan) -> Vec<String> {
    let text = std::fs::read_to_string(ran.folder.join("stairway.xml")).unwrap();
    let report = roxmltree::Document::parse(&text).unwrap();
    let cases = report.descendants().filter(|node| node.has_tag_name("testcase"));
    let names = cases.map(|case| case.attribute("name").unwrap().to_owned());
    // What is found in no migration has a case of its own.
    names.filter(|name| name != "history").collect()
}

/// The jobs of what is new in a project; the suite is said to have passed.
fn verified(project: &Project) -> (Vec<JobRan>, JobRan) {
    let mut runner = Runner::new(project);
    runner.ended("suite", "success");
    let mut ran = runner.run(&place::value(FILE), &["verify", "migrations"]);
    let all = ran.pop().unwrap();
    assert_eq!(all.job, "migrations");
    (ran, all)
}

#[test]
fn it_is_green_on_the_clinic() {
    let (parts, all) = verified(&Project::of("clinic", "20250114053000"));
    assert_eq!(parts.len(), 3, "a job for each shard");
    let mut revisions = Vec::new();
    for part in &parts {
        let step = part.step(CLIMB);
        assert_eq!((part.result, step.code), ("success", 0), "{}{}", step.stdout, step.stderr);
        assert!(part.annotations().iter().all(|it| it.level == "notice"), "{}", step.stdout);
        assert!(step.summary.contains("4 migrations"), "{}", step.summary);
        let own = judged(part);
        assert_eq!(own.len(), 4, "{own:?}");
        revisions.extend(own);
    }
    let distinct: BTreeSet<&String> = revisions.iter().collect();
    assert_eq!((revisions.len(), distinct.len()), (12, 12), "each is judged once: {revisions:?}");
    assert_eq!(all.result, "success");
}

/// All that is wrong in the faulty history, and where: revision, script, line, check.
const FAULTS: &[(&str, &str, u32, &str)] = &[
    ("20240124100000_create_appointments", "down", 2, "downgrade-failed"),
    ("20240221150000_index_clients", "up", 2, "schema-drift"),
    ("20240221150000_index_clients", "up", 2, "reupgrade-failed"),
    ("20240306113000_drop_middle_name", "down", 2, "column-order"),
    ("20240306113000_drop_middle_name", "down", 1, "data-loss"),
    ("20240320093000_drop_locale", "down", 3, "schema-drift"),
    ("20240320093000_drop_locale", "down", 1, "data-loss"),
    ("20240417160000_create_rooms", "up", 1, "downgrade-missing"),
    ("20240502120000_create_waiting_list", "down", 1, "downgrade-missing"),
    ("20240516090000_add_referrals", "up", 2, "upgrade-failed"),
    ("20240530103000_create_invoices", "up", 1, "schema-drift"),
    ("20240530103000_create_invoices", "up", 1, "reupgrade-failed"),
    ("20240627100000_open_appointments_end", "down", 2, "schema-drift"),
    ("20240725080000_rename_dob", "up", 1, "broken-object"),
    ("20240808113000_rename_waiting_list", "up", 1, "broken-object"),
    ("20240905070000_index_messages", "up", 1, "invalid-index"),
    ("20240919150000_appointment_no_show", "up", 1, "schema-drift"),
    ("20241017101500_hide_workspace_names", "down", 1, "schema-drift"),
    ("20241031130000_backfill_sessions", "down", 2, "schema-drift"),
    ("20241031130000_backfill_sessions", "up", 1, "reupgrade-drift"),
    ("20241114083000_create_tags", "down", 2, "schema-drift"),
    ("20241114083000_create_tags", "up", 4, "reupgrade-drift"),
];

#[test]
fn it_is_red_on_the_faulty_clinic_at_the_right_files_and_lines() {
    let since = "20240207080000";
    let (parts, all) = verified(&Project::of("clinic-faulty", since));
    let expected: BTreeSet<Annotation> = FAULTS
        .iter()
        .filter(|(migration, ..)| *migration > since)
        .map(|(migration, script, line, check)| Annotation {
            level: if *check == "column-order" { "warning" } else { "error" }.to_owned(),
            file: format!("migrations/{migration}.{script}.sql"),
            line: line.to_string(),
            title: (*check).to_owned(),
            message: String::new(),
        })
        .collect();
    assert_eq!(expected.len(), FAULTS.len() - 1, "one is on the branch before");
    let mut found = Vec::new();
    for part in &parts {
        let step = part.step(CLIMB);
        assert_eq!((part.result, step.code), ("failure", 1), "{}{}", step.stdout, step.stderr);
        let beside = part.annotations().into_iter().filter(|it| it.level != "notice");
        found.extend(beside.map(|it| Annotation { message: String::new(), ..it }));
        // What is uploaded is there: the scripts for psql as well.
        assert!(part.folder.join(".stairway/repro").is_dir());
        assert!(step.summary.contains("schema-drift"), "{}", step.summary);
    }
    assert_eq!(found.len(), expected.len(), "none is said twice: {found:#?}");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    assert_eq!(all.result, "failure");
    assert_eq!(all.annotations()[0].message, "a part ended with: failure");
}

/// What `expected.toml` says of the faulty history, and the table above, are the same.
#[test]
fn the_table_of_faults_is_the_one_of_the_fixture() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/clinic-faulty/expected.toml");
    let table: toml::Table = std::fs::read_to_string(file).unwrap().parse().unwrap();
    let mut expected = Vec::new();
    for migration in table["migration"].as_array().unwrap() {
        let revision = migration["revision"].as_str().unwrap();
        for check in migration["checks"].as_array().unwrap() {
            expected.push((revision.to_owned(), check.as_str().unwrap().to_owned()));
        }
    }
    let named = FAULTS.iter().map(|(migration, _, _, check)| {
        (migration.split('_').next().unwrap().to_owned(), (*check).to_owned())
    });
    let mut named: Vec<_> = named.collect();
    expected.sort();
    named.sort();
    assert_eq!(named, expected);
}

/// The job with the suite of tests, in a package.
fn suite(project: &Project) -> Vec<JobRan> {
    let mut runner = Runner::new(project);
    for (name, value) in package::variables() {
        runner.gives(name, value);
    }
    runner.run(&place::value(FILE), &["suite"])
}

/// The tests that a step says passed or failed.
fn tests(ran: &JobRan, step: &str, word: &str) -> Vec<String> {
    package::tests(&ran.step(step).stderr, word)
}

#[test]
fn its_suite_is_shared_by_shards_and_partitions() {
    if !package::has_nextest() {
        return;
    }
    let (own, other) = ("This part of the migrations", "This part of all other tests");
    let parts = suite(&package::new("DROP TABLE t4;\n"));
    assert_eq!(parts.len(), 2);
    for (part, (first, last)) in parts.iter().zip([("1_t", "2_t"), ("3_t", "4_t")]) {
        let step = part.step(own);
        assert_eq!(part.result, "success", "{}{:?}", step.stderr, part.steps);
        let tests = tests(part, own, "PASS");
        assert_eq!(package::migrations(&tests), [first, last], "{}", step.stderr);
    }
    let others: Vec<Vec<String>> = parts.iter().map(|part| tests(part, other, "PASS")).collect();
    assert_eq!(others, [["one"], ["two"]], "each of the other tests is in one part");

    // The downgrade of the last one is in the second part only.
    let parts = suite(&package::new("SELECT 1;\n"));
    let results: Vec<&str> = parts.iter().map(|part| part.result).collect();
    assert_eq!(results, ["success", "failure"]);
    let failed = tests(&parts[1], own, "FAIL");
    assert_eq!(failed, ["4_t::downgrade", "4_t::upgrade"], "{}", parts[1].step(own).stderr);
    assert_eq!(parts[1].step(other).code, 0, "the other tests are run nevertheless");
}

#[test]
fn one_check_stands_for_all_parts() {
    let project = Project::new(&[("README.md", "a project\n")]);
    for (verify, suite, is_green) in [
        ("success", "success", true),
        ("failure", "success", false),
        ("success", "cancelled", false),
        ("skipped", "success", false),
    ] {
        let mut runner = Runner::new(&project);
        runner.ended("verify", verify).ended("suite", suite);
        let ran = runner.run(&place::value(FILE), &["migrations"]).pop().unwrap();
        let wanted = if is_green { "success" } else { "failure" };
        assert_eq!(ran.result, wanted, "{verify}, {suite}");
        assert_eq!(ran.annotations().is_empty(), is_green);
    }
}

/// A shard's status and what it says beside the SQL, as it is written: with servers in containers.
#[cfg(feature = "container")]
fn contained() -> Vec<(String, Vec<Annotation>)> {
    let project = Project::new(&[
        ("migrations/1_a.up.sql", "CREATE TABLE a (id int PRIMARY KEY);\n"),
        ("migrations/1_a.down.sql", "DROP TABLE a;\n"),
    ]);
    project.write(&[
        ("migrations/2_b.up.sql", "CREATE TABLE b (id int REFERENCES a);\n"),
        ("migrations/2_b.down.sql", "-- later\n"),
    ]);
    project.commit();
    let mut runner = Runner::new(&project);
    // Nothing is to be kept from one run of the tests to the next.
    runner.as_written().gives("STAIRWAY_NO_CACHE", "1");
    let parts = runner.run(&place::value(FILE), &["verify"]);
    parts.iter().map(|part| (part.step(CLIMB).stderr.clone(), part.annotations())).collect()
}

#[cfg(feature = "container")]
#[tokio::test]
async fn it_climbs_in_containers() {
    if !crate::containers::has_container().await {
        return;
    }
    let parts = tokio::task::spawn_blocking(contained).await.unwrap();
    let errors = parts.iter().flat_map(|(_, found)| found).filter(|it| it.level == "error");
    let errors: Vec<(&str, &str)> =
        errors.map(|it| (it.file.as_str(), it.title.as_str())).collect();
    assert_eq!(errors, [("migrations/2_b.down.sql", "downgrade-missing")], "{parts:?}");
    let containers = parts.iter().filter(|(said, _)| said.contains("server: PostgreSQL 15"));
    assert_eq!(containers.count(), 1, "where nothing is new no server is started: {parts:?}");
}
