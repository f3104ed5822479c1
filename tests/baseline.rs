//! `stairway baseline`: what was known fails nothing, what is new does.

mod program;
mod repository;
mod servers;

use std::fs;
use std::path::Path;

use repository::{Ran, Repository, SOUND, run, scratch, verify, write};
use serde_json::{Value, json};

/// An error and a warning in one migration, an error that is claimed in another one.
const OLD: &[(&str, &str)] = &[
    ("migrations/1_a.up.sql", "CREATE TABLE a (x int, y int);\nCREATE INDEX a_x ON a (x);\n"),
    ("migrations/1_a.down.sql", "DROP TABLE a;\n"),
    ("migrations/2_b.up.sql", "ALTER TABLE a DROP COLUMN x;\n"),
    ("migrations/2_b.down.sql", "ALTER TABLE a ADD COLUMN x int;\n"),
    (
        "migrations/3_c.up.sql",
        "-- stairway: irreversible reason: nobody wants it back\nCREATE TABLE c (id int);\n",
    ),
    ("migrations/4_d.up.sql", "CREATE TABLE d (id int);\n"),
    ("migrations/4_d.down.sql", "DROP TABLE d;\n"),
];

const FILE: &str = "stairway-baseline.json";

fn history(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = scratch();
    write(folder.path(), files);
    folder
}

/// `stairway baseline` on a local server.
fn baseline(folder: &Path, more: &[&str]) -> Ran {
    let major = servers::majors()[0].to_string();
    let args = ["baseline", "--server", "local", "--postgres", &major, "--no-cache"];
    run(folder, &[], &[&args, more].concat())
}

/// The same, and the folder's history is sqlx's.
fn recorded(folder: &Path) -> Ran {
    let ran = baseline(folder, &["--tool", "sqlx"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran
}

fn verified(folder: &Path, more: &[&str]) -> Ran {
    verify(folder, &[], &[&["--tool", "sqlx"], more].concat())
}

fn file(folder: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.join(FILE)).unwrap()).unwrap()
}

/// Check, message and acceptance of each finding.
fn accepted(ran: &Ran) -> Vec<(String, bool)> {
    let findings = ran.findings();
    let of = |finding: &Value| {
        (finding["check"].as_str().unwrap().to_owned(), finding["allowed"] == "in the baseline")
    };
    findings.iter().map(of).collect()
}

#[test]
fn what_is_recorded_fails_nothing_and_what_is_new_does() {
    let folder = history(OLD);
    let folder = folder.path();
    assert_eq!(verified(folder, &[]).code, 1);
    let ran = recorded(folder);
    let drift =
        "the downgrade does not give back the schema: index a_x of table public.a is missing";
    let order = "the downgrade leaves the columns of public.a in another order";
    let loss = "public.a.x is not what it was after up and down";
    assert_eq!(
        ran.stdout,
        format!(
            "2  column-order: {order}\n2  data-loss: {loss}\n2  schema-drift: {drift}\n\
             {FILE}: 3 findings recorded\n"
        ),
        "{}",
        ran.stderr
    );
    let entry = |check: &str, message: &str| json!({ "revision": "2", "check": check, "objects": ["public.a"], "message": message });
    let loss = json!({ "revision": "2", "check": "data-loss", "objects": ["public.a.x"], "message": loss });
    let entries = [entry("column-order", order), loss, entry("schema-drift", drift)];
    assert_eq!(file(folder), json!({ "schema": 1, "findings": entries }), "no claimed one");
    // Byte for byte the same again: nothing of a day, a machine or the old file is in it.
    let first = fs::read(folder.join(FILE)).unwrap();
    recorded(folder);
    assert_eq!(fs::read(folder.join(FILE)).unwrap(), first);

    let known = verified(folder, &["--fail-on", "warning"]);
    assert_eq!((known.code, known.checks().len()), (0, 4), "{}", known.stdout);
    assert_eq!(accepted(&known)[0], ("schema-drift".to_owned(), true));
    assert!(known.stderr.contains(&format!("baseline {FILE}: 3 findings are known")));
    let args = ["verify", "--tool", "sqlx", "--server", "local", "--no-cache"];
    let text = run(folder, &[], &args);
    assert!(text.stdout.contains("= note: accepted: in the baseline"), "{}", text.stdout);
    assert!(!text.stdout.contains("see it again with psql"), "{}", text.stdout);
    let all = verified(folder, &["--no-baseline"]);
    assert_eq!((all.code, &accepted(&all)[0].1), (1, &false));

    write(folder, &[("migrations/4_d.down.sql", "DROP TABLE d; DROP INDEX a_x;\n")]);
    let new = verified(folder, &[]);
    assert_eq!(new.code, 1);
    let failing: Vec<Value> =
        new.findings().into_iter().filter(|it| it["allowed"].is_null()).collect();
    assert!(failing.iter().all(|it| it["file"].as_str().unwrap().contains("4_d")), "{failing:?}");
}

#[test]
fn what_does_not_happen_any_more_is_stale() {
    let repository = Repository::new(OLD);
    let folder = repository.path();
    recorded(folder);
    repository.commit();
    repository.git(&["branch", "--force", "main"]);
    write(
        folder,
        &[(
            "migrations/2_b.down.sql",
            "ALTER TABLE a RENAME y TO z; ALTER TABLE a ADD x int; ALTER TABLE a ADD y int; \
         UPDATE a SET y = z; ALTER TABLE a DROP z; CREATE INDEX a_x ON a (x);\n",
        )],
    );
    let ran = verified(folder, &[]);
    assert_eq!((ran.code, &ran.checks()[0]), (0, &"stale-claim".to_owned()), "{}", ran.stdout);
    let stale = &ran.findings()[0];
    assert_eq!(stale["message"], "the baseline has schema-drift of 2, which did not happen");
    assert_eq!((&stale["severity"], &stale["file"]), (&"warning".into(), &FILE.into()));
    assert!(stale["help"].as_str().unwrap().contains("`stairway baseline`"));
    assert_eq!(verified(folder, &["--fail-on", "warning"]).code, 1);
    assert_eq!(verified(folder, &["--since", "1"]).checks()[0], "stale-claim", "it was judged");
    assert_eq!(
        verified(folder, &["--diff-base", "main"]).checks(),
        ["stale-claim", "stale-claim", "data-loss"]
    );
    for part in [["--since", "2"], ["--shard", "2/2"], ["--since", "head"]] {
        let ran = verified(folder, &part);
        assert!(!ran.checks().contains(&"stale-claim".to_owned()), "{part:?}: {}", ran.stdout);
    }
    // A step that fails for the first time hides what would come after it.
    write(folder, &[("migrations/2_b.down.sql", "SELECT 1 / 0;\n")]);
    assert_eq!(verified(folder, &[]).checks()[0], "downgrade-failed");
    // A migration that fails before it leaves it out.
    write(folder, &[("migrations/1_a.down.sql", "SELECT 1 / 0;\n")]);
    let ran = verified(folder, &["--fail-fast"]);
    assert_eq!((ran.code, ran.checks()), (1, vec!["downgrade-failed".to_owned()]));
    // Without its file it can't happen again; a part of a history does not say so.
    let gone = Repository::new(OLD);
    recorded(gone.path());
    gone.remove("migrations/2_b.up.sql");
    gone.remove("migrations/2_b.down.sql");
    assert_eq!(verified(gone.path(), &[]).checks()[0], "stale-claim");
    assert_ne!(verified(gone.path(), &["--since", "1"]).checks()[0], "stale-claim");
}

#[test]
fn an_entry_counts_as_often_as_it_stands_there() {
    let folder = history(OLD);
    let folder = folder.path();
    recorded(folder);
    let mut twice = file(folder);
    let entries = twice["findings"].as_array_mut().unwrap();
    entries.push(entries[1].clone());
    fs::write(folder.join(FILE), twice.to_string()).unwrap();
    let ran = verified(folder, &[]);
    assert_eq!(
        (ran.code, &ran.checks()[..2]),
        (0, &["stale-claim".into(), "schema-drift".into()][..])
    );
    // Each part of an entry matters.
    for (key, other) in [
        ("revision", json!("1")),
        ("check", json!("reupgrade-drift")),
        ("objects", json!([])),
        ("message", json!("the downgrade does not give back the schema")),
    ] {
        let mut edited = file(folder);
        edited["findings"] = json!([twice["findings"][1]]);
        edited["findings"][0][key] = other;
        fs::write(folder.join(FILE), edited.to_string()).unwrap();
        let ran = verified(folder, &[]);
        assert_eq!((ran.code, &ran.checks()[..1]), (1, &["stale-claim".into()][..]), "{key}");
    }
}

#[test]
fn the_first_failure_is_the_first_that_is_new() {
    let folder = history(OLD);
    let folder = folder.path();
    recorded(folder);
    write(folder, &[("migrations/4_d.down.sql", "")]);
    let ran = verified(folder, &["--fail-fast"]);
    assert_eq!((ran.code, ran.judged().len()), (1, 4), "{}", ran.stdout);
    let status = |line: &&str| line.starts_with("FAIL");
    assert_eq!(ran.stderr.lines().filter(status).collect::<Vec<_>>(), ["FAIL 4 d"]);
    assert_eq!(verified(folder, &["--fail-fast", "--no-baseline"]).judged().len(), 2);
}

#[test]
fn verdicts_are_kept_without_the_baseline() {
    let folder = history(OLD);
    let folder = folder.path();
    recorded(folder);
    let cache = scratch();
    let cache = [("STAIRWAY_CACHE", cache.path().to_str().unwrap())];
    assert_eq!(verify(folder, &cache, &["--tool", "sqlx"]).code, 0);
    let cached = verify(folder, &cache, &["--tool", "sqlx", "--no-baseline"]);
    assert_eq!((cached.code, cached.report()["lanes"].as_u64()), (1, Some(0)), "{}", cached.stdout);
    assert_eq!(verify(folder, &cache, &["--tool", "sqlx"]).code, 0);
}

#[test]
fn what_could_not_be_judged_is_said_and_not_recorded() {
    let folder = history(&[
        ("migrations/1_a.up.sql", "CREATE TABLE a (id nothing);\n"),
        ("migrations/1_a.down.sql", "DROP TABLE a;\n"),
        ("migrations/2_b.up.sql", "ALTER TABLE a ADD x int;\n"),
        ("migrations/2_b.down.sql", "ALTER TABLE a DROP x;\n"),
    ]);
    let folder = folder.path();
    let ran = recorded(folder);
    let line =
        "not judged, and still will not pass: 2: its upgrade fails, and so did the upgrade of 1";
    assert!(ran.stdout.contains(line), "{}", ran.stdout);
    let entries = file(folder);
    let entries = entries["findings"].as_array().unwrap();
    assert_eq!((entries.len(), &entries[0]["check"]), (1, &"upgrade-failed".into()));
    let verified = verified(folder, &[]);
    assert_eq!((verified.code, verified.report()["verdict"].as_str()), (1, Some("inconclusive")));
}

#[test]
fn the_file_is_where_it_was_asked_for() {
    let folder = history(OLD);
    let folder = folder.path();
    let written = baseline(folder, &["--tool", "sqlx", "--output", "known.json", "--quiet"]);
    assert_eq!((written.code, written.stdout.as_str(), written.stderr.as_str()), (0, "", ""));
    assert!(!folder.join(FILE).exists());
    assert_eq!(verified(folder, &[]).code, 1);
    assert_eq!(verified(folder, &["--baseline", "known.json"]).code, 0);
    write(folder, &[("stairway.toml", "tool = \"sqlx\"\nbaseline = \"known.json\"\n")]);
    assert_eq!(verified(folder, &[]).code, 0);
    fs::remove_file(folder.join("known.json")).unwrap();
    let missing = verified(folder, &[]);
    assert_eq!(missing.code, 2);
    let help =
        "write it with `stairway baseline --output known.json`, or leave it out with --no-baseline";
    assert!(missing.stderr.contains(help), "{}", missing.stderr);
    assert_eq!(baseline(folder, &["migrations"]).code, 0);
    assert_eq!(verified(folder, &[]).code, 0, "stairway.toml names it for both");
    let nowhere = baseline(folder, &["--output", "no/such/folder/x"]);
    assert_eq!((nowhere.code, nowhere.stderr.contains("can't write no/such/folder/x")), (2, true));
    // Nothing to record is recorded as well.
    let sound = history(SOUND);
    let ran = recorded(sound.path());
    assert_eq!(ran.stdout, format!("{FILE}: 0 findings recorded\n"));
    assert_eq!(file(sound.path()), json!({ "schema": 1, "findings": [] }));
}

#[test]
fn a_broken_file_is_named_with_the_reason() {
    let folder = history(SOUND);
    let folder = folder.path();
    let entry = r#"{"revision": "1", "check": "no-such", "objects": [], "message": ""}"#;
    let unknown = format!("{{\"schema\": 1, \"findings\": [{entry}]}}");
    for (text, reason) in [
        ("<<<<<<< HEAD\n", "expected value at line 1 column 1"),
        ("{\"schema\": 2, \"findings\": []}", "its schema is 2, and only 1 is known"),
        ("{\"schema\": 1}", "missing field `findings`"),
        (unknown.as_str(), "no check is called \"no-such\""),
    ] {
        fs::write(folder.join(FILE), text).unwrap();
        let ran = verified(folder, &["--server", "postgres://nobody@127.0.0.1:1/none"]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        let said = format!("the baseline {FILE} is broken: {reason}");
        assert!(ran.stderr.contains(&said), "{}", ran.stderr);
        assert!(ran.stderr.contains("`stairway baseline --output"), "{}", ran.stderr);
    }
    // What it says to do is what helps.
    assert_eq!(baseline(folder, &["--output", FILE]).code, 0);
    assert_eq!(verified(folder, &[]).code, 0);
}

#[tokio::test]
async fn the_door_for_tests_takes_it_too() {
    use stairway::runs::Options;
    use stairway::testing::verify_with;

    let folder = history(OLD);
    let options = Options {
        server: servers::spec(servers::majors()[0]),
        tool: Some(stairway::migrations::Tool::Sqlx),
        ..Options::new(folder.path().join("migrations"))
    };
    assert!(!verify_with(&options).await.unwrap().is_clean());
    recorded(folder.path());
    let options = Options { baseline: Some(folder.path().join(FILE)), ..options };
    verify_with(&options).await.unwrap().assert_clean();
}
