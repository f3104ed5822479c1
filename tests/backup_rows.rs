//! Rows of a backup: those of large tables are compared in the server, and what they hold is nobody's
//! to show.

mod program;
mod servers;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use servers::TestServer;
use stairway::data::{LARGE, Loader, Name, Recipe, Rows, Wanted, all_columns, beside};
use stairway::finding::Finding;
use stairway::postgres::Session;
use stairway::runs::{Options, Silent, Verification, verify};

/// Tables with more rows than are fetched, with and without a key, and one whose trigger writes the
/// time into each row that is updated.
const LARGE_TABLES: &str = "\
-- PostgreSQL database dump
CREATE TABLE big (id bigserial PRIMARY KEY, email text NOT NULL UNIQUE, note text, price numeric(12,3));
INSERT INTO big (email, note, price)
  SELECT 'user' || n || '@example.org', 'note ' || n, n + 0.125 FROM generate_series(1, 20000) n;
CREATE TABLE log (word text, at timestamptz NOT NULL);
INSERT INTO log SELECT 'word ' || n % 100, '2024-01-01'::timestamptz + n * interval '1 hour'
  FROM generate_series(1, 6000) n;
CREATE TABLE touched (id int PRIMARY KEY, word text, updated_at timestamptz NOT NULL);
INSERT INTO touched SELECT n, 'word', '2024-01-01' FROM generate_series(1, 6000) n;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN new.updated_at := now(); RETURN new; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON touched FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TABLE shipment (id bigserial PRIMARY KEY, big_id bigint NOT NULL REFERENCES big);
";

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A folder with a backup and a history of these migrations, up and down.
fn project(dump: &str, scripts: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "nightly.sql", dump);
    for (at, (up, down)) in scripts.iter().enumerate() {
        for (way, text) in [("up", up), ("down", down)] {
            let name = format!("migrations/{way}/{:02}_step.sql", at + 1);
            write(folder.path(), &name, text);
        }
    }
    folder
}

async fn verified(major: u32, folder: &Path) -> Verification {
    let mut options = Options::new(folder.join("migrations"));
    options.server = servers::spec(major);
    options.backup = Some(folder.join("nightly.sql"));
    verify(&options, &mut Silent).await.unwrap()
}

fn told(finding: &Finding) -> String {
    let Finding { check, message, detail, rows, .. } = finding;
    let detail = detail.as_deref().unwrap_or_default();
    let rows: Vec<&str> = rows.iter().map(|row| row.insert.as_str()).collect();
    let allowed = finding.allowed.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("{check}{allowed}: {message}\n{detail}\n{}", rows.join("\n"))
}

/// Scripts, up and down, and what is said of them: a part of it, or nothing.
type Case<'a> = (&'a str, &'a str, Option<&'a str>);

/// Each is judged on what the upgrades before it have left.
const LARGE_CASES: &[Case<'_>] = &[
    (
        "ALTER TABLE big ALTER price TYPE numeric(14,4)",
        "ALTER TABLE big ALTER price TYPE numeric(12,3)",
        None,
    ),
    (
        "UPDATE big SET price = round(price, 1)",
        "SELECT 1",
        Some(
            "data-loss: public.big.price is not what it was after up and down, by a fingerprint of \
             20000 rows",
        ),
    ),
    (
        "UPDATE big SET note = NULL WHERE id <= 57",
        "SELECT 1",
        Some(
            "data-loss: public.big.note is not what it was after up and down, by a fingerprint of \
             20000 rows, in 57 of them at least",
        ),
    ),
    (
        "DELETE FROM big WHERE id BETWEEN 10001 AND 10200",
        "SELECT 1",
        Some("data-loss: 200 rows of 20000 rows of public.big gone after up and down"),
    ),
    (
        "-- stairway: deletes public.big where id between 10301 and 10400 reason: old\n\
         DELETE FROM big WHERE id BETWEEN 10301 AND 10400",
        "SELECT 1",
        Some("data-loss (old): 100 rows of 19800 rows of public.big gone"),
    ),
    (
        "-- stairway: deletes public.big where id between 10401 and 10500 reason: old\n\
         DELETE FROM big WHERE id BETWEEN 10401 AND 10501",
        "SELECT 1",
        Some("data-loss: 101 rows of 19700 rows of public.big gone"),
    ),
    (
        "UPDATE big b SET note = o.note FROM big o \
         WHERE (b.id, o.id) IN ((1001, 1002), (1002, 1001))",
        "SELECT 1",
        Some(
            "data-loss: rows of public.big are not what they were after up and down, by a \
             fingerprint of 19599 rows, though each column has the values that it had",
        ),
    ),
    ("INSERT INTO big (email) VALUES ('a@b.c')", "DELETE FROM big WHERE email = 'a@b.c'", None),
    (
        "INSERT INTO log VALUES ('one', '2025-01-01')",
        "SELECT 1",
        Some("data-added: 1 row of public.log stands after up and down"),
    ),
    (
        "UPDATE log SET word = upper(word) WHERE word = 'word 7'",
        "SELECT 1",
        Some("data-loss: public.log.word is not what it was after up and down, by a fingerprint"),
    ),
    // A trigger writes the time into each row.
    (
        "ALTER TABLE touched ADD size int; UPDATE touched SET size = length(word)",
        "ALTER TABLE touched DROP size",
        None,
    ),
    (
        "ALTER TABLE big RENAME TO large; CREATE TABLE copied AS TABLE large",
        "DROP TABLE copied; ALTER TABLE large RENAME TO big",
        None,
    ),
    // The rows beside those of the backup are followed one by one.
    (
        "UPDATE large SET note = 'none' WHERE note = ''",
        "UPDATE large SET note = NULL WHERE note = 'none'",
        Some("data-loss: public.large.note is not what it was after up and down, in"),
    ),
    (
        "ALTER TABLE large ADD CHECK (note <> '')",
        "ALTER TABLE large DROP CONSTRAINT large_note_check",
        Some("data-dependent-failure: the upgrade fails with rows: check constraint"),
    ),
];

#[tokio::test]
async fn what_becomes_of_many_rows_is_told_by_fingerprints() {
    let scripts: Vec<(&str, &str)> = LARGE_CASES.iter().map(|case| (case.0, case.1)).collect();
    let project = project(LARGE_TABLES, &scripts);
    for &major in servers::majors() {
        hold_cases(&verified(major, project.path()).await);
    }
}

fn hold_cases(verification: &Verification) {
    assert_eq!(verification.migrations.len(), LARGE_CASES.len());
    for (judged, (up, _, expected)) in verification.migrations.iter().zip(LARGE_CASES) {
        let said: Vec<String> = judged.findings.iter().map(told).collect();
        let expected: Vec<&str> = expected.iter().copied().collect();
        assert_eq!(said.len(), expected.len(), "{up}\n{}", said.join("\n"));
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.starts_with(expected), "{up}\n{said}\n{expected}");
            // Those of the backup show it alone, unless it is the rows beside them.
            assert_eq!(
                said.contains("INSERT INTO"),
                up.contains("note <> ''") || up.contains("note = ''"),
                "{said}"
            );
        }
    }
}

#[test]
fn rows_of_a_large_table_are_not_fetched() {
    let server = servers::server(servers::majors()[0]).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(not_fetched(&server));
}

async fn not_fetched(server: &TestServer) {
    let mut admin = server.session("postgres").await;
    let target = server.create_database(&mut admin, "not_fetched").await;
    let mut session = Session::connect(&target, "test").await.unwrap();
    let small = format!("CREATE TABLE small AS SELECT n FROM generate_series(1, {LARGE}) n;");
    session.execute(&format!("{LARGE_TABLES}{small}")).await.unwrap();
    let mut loader = Loader::new(session);
    let wanted = Wanted { all: true, ..Wanted::default() };
    let (model, _) = loader.begin(&wanted).await.unwrap();
    let (_, seeds) = loader.look(&model, &all_columns(&model)).await.unwrap();
    let of = |rows: &Rows, name: &str| rows.0[&Name::new("public", name)].clone();
    assert_eq!(of(&seeds, "small").rows.len(), LARGE, "no more than are fetched");
    assert_eq!(of(&seeds, "small").rest, None);
    for (name, count) in [("big", 20_000), ("log", 6_000)] {
        let held = of(&seeds, name);
        assert!((1..500).contains(&held.rows.len()), "{} rows", held.rows.len());
        assert_eq!(held.rest.unwrap().rows, count);
    }
    assert_eq!(of(&seeds, "big").rest.unwrap().tops["id"], 20_000);
    let filled = loader.fill(&model, &seeds, "", Recipe::default()).await.unwrap();
    let beside = beside(&model, &seeds, &filled.beside);
    let before = loader.rows(&beside).await.unwrap();
    let big = of(&before, "big");
    assert!((1..500).contains(&big.rows.len()), "those that were given: {}", big.rows.len());
    assert_eq!(big.rest.as_ref().unwrap().rows, 20_000);
    let email = &big.rest.as_ref().unwrap().columns["email"];
    assert_eq!(email.filled, 20_000);
    // What is given stays out of it, and another order changes nothing.
    loader
        .session()
        .await
        .unwrap()
        .execute("CREATE INDEX by_note ON big (note); CLUSTER big USING by_note")
        .await
        .unwrap();
    assert_eq!(loader.rows(&beside).await.unwrap().0[&Name::new("public", "big")].rest, big.rest);
    loader.end(&[]);
    loader.session().await.unwrap();
}

/// Whatever has this word is the backup's.
const MARKER: &str = "zzmarker";

const PRIVATE: &str = "\
-- PostgreSQL database dump
CREATE TABLE account (email text PRIMARY KEY, code text, rank text, name text);
INSERT INTO account VALUES ('zzmarker1@example.org', 'zzmarkercode', 'zzmarkerrank', 'a'),
  ('zzmarker2@example.org', 'zzmarkercode', '7', 'zzmarkername');
CREATE TABLE visit (id serial PRIMARY KEY, email text NOT NULL REFERENCES account, note text, label text);
INSERT INTO visit (email, note, label) SELECT email, 'zzmarkernote', code FROM account;
CREATE FUNCTION label() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  new.label := (SELECT code FROM account WHERE email = new.email); RETURN new; END $$;
CREATE TRIGGER label BEFORE INSERT ON visit FOR EACH ROW EXECUTE FUNCTION label();
CREATE TABLE gate (id int PRIMARY KEY, email text REFERENCES account);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE check_violation USING MESSAGE = 'no ' || (SELECT max(email) FROM account) || ' here'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON gate FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TABLE event (id serial PRIMARY KEY, word text NOT NULL, email text REFERENCES account);
INSERT INTO event (word, email) SELECT 'zzmarker' || n, 'zzmarker1@example.org' FROM generate_series(1, 6000) n;
CREATE TABLE number (n int);
INSERT INTO number VALUES ('zzmarkernumber');
";

/// Up and down, and what must be found of it, so that there is something to show.
const LEAKS: &[(&str, &str, &str)] = &[
    ("CREATE UNIQUE INDEX one ON account (code)", "DROP INDEX one", "upgrade-failed"),
    (
        "ALTER TABLE account ALTER rank TYPE int USING rank::int",
        "ALTER TABLE account ALTER rank TYPE text",
        "upgrade-failed",
    ),
    (
        "DO $$ BEGIN RAISE EXCEPTION 'bad %', (SELECT max(code) FROM account) \
         USING DETAIL = (SELECT max(code) FROM account), HINT = (SELECT max(code) FROM account); END $$",
        "SELECT 1",
        "upgrade-failed",
    ),
    (
        "ALTER TABLE account ADD extra int",
        "INSERT INTO account SELECT NULL, code FROM account; ALTER TABLE account DROP extra",
        "downgrade-failed",
    ),
    ("UPDATE account SET code = lower(email)", "SELECT 1", "data-loss"),
    // Only a row beside those of the backup shows it.
    (
        "UPDATE visit SET note = (SELECT max(name) FROM account) WHERE note = ''",
        "SELECT 1",
        "data-loss",
    ),
    ("DELETE FROM visit WHERE note = (SELECT max(note) FROM visit)", "SELECT 1", "data-loss"),
    ("INSERT INTO account SELECT 'more ' || email FROM account", "SELECT 1", "data-added"),
    (
        "ALTER TABLE visit ADD CHECK (note <> '')",
        "ALTER TABLE visit DROP CONSTRAINT visit_note_check",
        "data-dependent-failure",
    ),
    (
        "CREATE TABLE latest AS SELECT DISTINCT ON (label) label, email FROM visit ORDER BY label",
        "DROP TABLE latest",
        "",
    ),
    ("UPDATE event SET word = left(word, 7)", "SELECT 1", "data-loss"),
    (
        "ALTER TABLE event ADD UNIQUE (word)",
        "ALTER TABLE event DROP CONSTRAINT event_word_key",
        "upgrade-failed",
    ),
    ("UPDATE gate SET id = id", "SELECT 1", "seed-coverage"),
];

#[test]
fn values_of_a_backup_are_shown_nowhere() {
    let scripts: Vec<(&str, &str)> = LEAKS.iter().map(|(up, down, _)| (*up, *down)).collect();
    let project = project(PRIVATE, &scripts);
    let mut command = program::program();
    let major = servers::majors()[0].to_string();
    command.args(["verify", "migrations", "--backup", "nightly.sql", "--server", "local"]);
    command.args(["--postgres", &major, "--no-cache", "--keep-rows", "kept", "--repro", "repro"]);
    for form in ["json", "junit", "sarif", "markdown", "github", "html"] {
        command.args(["--report", &format!("{form}=report/{form}")]);
    }
    fs::create_dir(project.path().join("report")).unwrap();
    let output = command.current_dir(project.path()).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut written = vec![
        ("stdout".to_owned(), text(&output.stdout)),
        ("stderr".to_owned(), text(&output.stderr)),
    ];
    assert_eq!(output.status.code(), Some(1), "{written:?}");
    for folder in ["report", "repro", "kept"] {
        for entry in fs::read_dir(project.path().join(folder)).into_iter().flatten() {
            let path = entry.unwrap().path();
            written.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(written.len() > 15, "{} outputs", written.len());
    let of = |name: &str| &written.iter().find(|(path, _)| path.ends_with(name)).unwrap().1;
    let report: serde_json::Value = serde_json::from_str(of("report/json")).unwrap();
    let checks = |list: &serde_json::Value| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|finding| finding["check"].as_str().unwrap().to_owned()).collect()
    };
    assert!(checks(&report["findings"]).contains(&"restore-failed".to_owned()), "{report:#}");
    for (judged, (up, _, expected)) in report["migrations"].as_array().unwrap().iter().zip(LEAKS) {
        let found = checks(&judged["findings"]);
        assert!(expected.is_empty() || found.iter().any(|it| it == expected), "{up}: {judged:#}");
    }
    let reference = "(SELECT email FROM public.account ORDER BY email LIMIT 1 OFFSET 0)";
    assert!(of("stdout").contains(reference), "{}", of("stdout"));
    for (path, text) in &written {
        let lines = text.lines().filter(|line| line.contains(MARKER));
        assert_eq!(lines.collect::<Vec<_>>(), Vec::<&str>::new(), "{path}");
    }
}
