//! Which folders are found, which is taken, and what is said where that is not clear.

use std::os::unix::fs::symlink;

use rstest::rstest;
use stairway::config::Config;

use crate::place::{Place, SOUND, alembic};
use crate::repository;

/// The folder in the settings that were written; the tool only if it had to be said.
fn settings(place: &Place) -> (String, Option<String>) {
    let text = place.read("stairway.toml");
    Config::parse(&text).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let of = |key: &str| table.get(key).map(|value| value.as_str().unwrap().to_owned());
    (of("migrations").unwrap(), of("tool"))
}

#[rstest]
#[case("sqlx-reversible", "migrations", "sqlx", "each with")]
#[case("sqlx-simple", "db/migrations", "sqlx", "none with")]
#[case("golang-migrate", "db/migrations", "golang-migrate", "each with")]
#[case("diesel", "crates/store/migrations", "diesel", "each with")]
#[case("dbmate", "db/migrations", "dbmate", "each with")]
#[case("goose", "internal/sql", "goose", "each with")]
#[case("refinery", "migrations", "refinery", "none with")]
#[case("flyway", "src/main/resources/db/migration", "flyway", "each with")]
#[case("plain", "db/migrate", "plain", "each with")]
#[case("plain-pairs", "sql/migrations", "plain", "each with")]
fn each_layout_is_found_where_it_usually_is(
    #[case] layout: &str,
    #[case] folder: &str,
    #[case] tool: &str,
    #[case] way_back: &str,
) {
    let place = Place::new(&[("README.md", "a project\n")]);
    place.layout(layout, folder);
    let said = place.init(&[]);
    assert!(
        said.contains(&format!("found {folder}: 4 migrations, {way_back} a way back\n")),
        "{said}"
    );
    assert!(said.contains(&format!("layout: {tool}, since ")), "{said}");
    assert_eq!(settings(&place), (folder.to_owned(), None));
    // What was written is what the other verbs go by.
    let listed = place.run(&["history"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    assert!(
        listed.stderr.contains(&format!("history: 4 migrations ({tool}, ")),
        "{}",
        listed.stderr
    );
}

#[test]
fn an_environment_of_alembic_is_found_once() {
    let place = Place::new(&[("pyproject.toml", "[project]\nname = \"shop\"\n")]);
    place.layout("alembic", ".");
    let said = place.init(&[]);
    // Without a Python that has Alembic nobody can count; with one `the_revisions_are_counted` does.
    assert!(said.contains("found ."), "{said}");
    assert!(said.contains("layout: alembic, since it holds alembic.ini\n"), "{said}");
    assert!(!said.contains("also found"), "{said}");
    assert_eq!(settings(&place), (".".to_owned(), None));
}

#[test]
fn the_revisions_are_counted_by_alembic() {
    let Some(python) = alembic() else { return };
    let place = Place::new(&[]);
    place.layout("alembic", "backend");
    let ran = repository::run(place.path(), &[("STAIRWAY_PYTHON", &python)], &["init"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("found backend: 4 migrations, each with a way back\n"),
        "{}",
        ran.stdout
    );
    assert_eq!(settings(&place), ("backend".to_owned(), None));
}

#[test]
fn without_a_python_it_is_said_and_written_all_the_same() {
    let place = Place::new(&[]);
    place.layout("alembic", ".");
    let ran = repository::run(place.path(), &[("STAIRWAY_PYTHON", "/no/python")], &["init"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("note: its migrations were not counted: no Python with Alembic"));
    assert!(ran.stdout.contains("/no/python"), "{}", ran.stdout);
    assert_eq!(settings(&place).0, ".");
}

#[test]
fn what_flask_migrate_makes_is_one_environment() {
    let place = Place::new(&[("app.py", "")]);
    place.layout("alembic/scripts", "migrations");
    place.write(&[("migrations/alembic.ini", "[alembic]\n")]);
    let ran = repository::run(place.path(), &[("STAIRWAY_PYTHON", "/no/python")], &["init"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("found migrations\n"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("also found"), "{}", ran.stdout);
    assert_eq!(settings(&place), ("migrations".to_owned(), None));
}

#[test]
fn what_others_wrote_is_not_looked_into() {
    let place = Place::new(&SOUND);
    for foreign in [
        "node_modules/tool/migrations",
        "target/debug/migrations",
        "build/resources/main/db/migration",
        "vendor/shop/migrations",
        ".cache/migrations",
    ] {
        place.layout("golang-migrate", foreign);
    }
    place.layout("goose", "py/lib/migrations").write(&[("py/pyvenv.cfg", "home = /usr/bin\n")]);
    place.layout("goose", "kept/migrations").write(&[("kept/CACHEDIR.TAG", "Signature: x\n")]);
    // A circle must be no trap.
    symlink(place.path(), place.path().join("migrations/again")).unwrap();
    let said = place.init(&[]);
    assert!(said.contains("found migrations: 2 migrations, each with a way back\n"), "{said}");
    assert!(!said.contains("also found"), "{said}");
}

#[test]
fn of_several_one_must_be_named_and_stays_named() {
    let place = Place::new(&[]);
    place.layout("sqlx-reversible", "services/shop/migrations");
    place.layout("goose", "services/mail/migrations");
    let said = place.refused(&[]);
    assert!(said.contains("services/shop/migrations: 4 of sqlx"), "{said}");
    assert!(said.contains("services/mail/migrations: 4 of goose"), "{said}");
    // The command that is shown does it.
    let command =
        said.lines().find_map(|line| line.split_once("name one of them: stairway ")).unwrap().1;
    let words: Vec<&str> = command.split(' ').collect();
    let ran = place.run(&words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(settings(&place).0, "services/mail/migrations");
    let again = place.init(&[]);
    assert!(again.contains("found services/mail/migrations: 4"), "{again}");
}

#[test]
fn one_that_is_likelier_than_all_others_is_taken() {
    let place = Place::new(&SOUND);
    place.layout("golang-migrate", "tests/fixtures/migrations");
    place.layout("goose", "sql");
    let said = place.init(&[]);
    assert!(said.contains("found migrations: 2 migrations"), "{said}");
    assert!(said.contains("also found, and left alone: sql\n"), "{said}");
    assert!(!said.contains("tests/fixtures"), "{said}");
}

#[test]
fn what_stands_in_examples_is_better_than_nothing() {
    let place = Place::new(&[]);
    place.layout("dbmate", "examples/migrations");
    assert!(place.init(&[]).contains("found examples/migrations: 4 migrations"));
}

#[test]
fn a_project_may_be_the_folder_of_migrations_itself() {
    let place = Place::new(&[]);
    place.layout("golang-migrate", ".");
    assert!(place.init(&[]).contains("found .: 4 migrations"));
    assert_eq!(settings(&place).0, ".");
    assert_eq!(place.run(&["history"]).code, 0);
    // A file in a project that is called like one is no history.
    let place = Place::new(&SOUND);
    place.write(&[("1_notes.sql", "SELECT 1;\n")]);
    let said = place.init(&[]);
    assert!(said.contains("found migrations: 2"), "{said}");
    assert!(said.contains("also found, and left alone: .\n"), "{said}");
}

#[test]
fn another_folder_can_be_named() {
    let place = Place::new(&[]);
    place.layout("diesel", "shop/db");
    let said = place.init(&["shop"]);
    assert!(said.contains("found shop/db: 4 migrations"), "{said}");
    assert!(said.contains("wrote shop/stairway.toml"), "{said}");
    assert!(said.contains("\n  cd shop && stairway verify\n"), "{said}");
    assert!(place.read("shop/stairway.toml").contains("\nmigrations = \"db\"\n"));
    let again = place.init(&["shop"]);
    assert!(again.contains("left shop/stairway.toml as it is"), "{again}");
    // One that is beside the project.
    place.layout("goose", "store");
    place.write(&[("app/main.go", "package main\n")]);
    let said = place.init(&["app", "--migrations", "store"]);
    assert!(said.contains("found store: 4 migrations"), "{said}");
    assert!(place.read("app/stairway.toml").contains("\nmigrations = \"../store\"\n"));
}

#[test]
fn where_nothing_is_found_it_says_where_it_looked_and_for_what() {
    let place = Place::new(&[("src/main.rs", "fn main() {}\n")]);
    let said = place.refused(&[]);
    assert!(said.contains("no migrations in .\n  looked in: 2 folders"), "{said}");
    for tool in [
        "sqlx",
        "golang-migrate",
        "diesel",
        "dbmate",
        "goose",
        "refinery",
        "flyway",
        "plain",
        "alembic",
    ] {
        assert!(said.contains(&format!("{tool}: ")), "{tool}: {said}");
    }
    assert!(said.contains("help: name the folder: stairway init --migrations DIR"), "{said}");
}

#[test]
fn sql_that_is_no_migration_is_told_what_it_lacks() {
    let place = Place::new(&[("db/shop.sql", "CREATE TABLE a ();\n"), ("db/b.sql", "SELECT 1;\n")]);
    let said = place.refused(&[]);
    assert!(said.contains("db/b.sql and 1 more: SQL, but nothing in the names"), "{said}");
    assert!(said.contains("1_b.up.sql with 1_b.down.sql"), "{said}");
    // And that is enough.
    let path = |file: &str| place.path().join("db").join(file);
    std::fs::rename(path("b.sql"), path("1_b.up.sql")).unwrap();
    place.write(&[("db/1_b.down.sql", "SELECT 2;\n")]);
    assert!(place.init(&[]).contains("found db: 1 migration, each with a way back\n"));
}

#[test]
fn what_two_tools_could_have_written_must_be_said_once() {
    let place = Place::new(&[("db/V1__room.sql", "CREATE TABLE room (id int);\n")]);
    let said = place.refused(&[]);
    assert!(said.contains("db: V1__room.sql could be of refinery or Flyway"), "{said}");
    assert!(said.contains("--tool"), "{said}");
    assert!(place.init(&["--tool", "flyway"]).contains("layout: flyway, since it was asked for\n"));
    assert_eq!(settings(&place), ("db".to_owned(), Some("flyway".to_owned())));
    let listed = place.run(&["history"]);
    assert!(listed.stderr.contains("(flyway, "), "{}", listed.stderr);
    assert!(place.init(&[]).contains("layout: flyway"), "the settings say it from now on");
}

#[test]
fn a_tool_that_is_recognised_anyway_is_not_written() {
    let place = Place::new(&SOUND);
    assert!(place.init(&["--tool", "sqlx"]).contains("layout: sqlx, since its versions are"));
    assert_eq!(settings(&place), ("migrations".to_owned(), None));
}

#[test]
fn what_is_named_wrongly_is_refused_by_name() {
    let place = Place::new(&SOUND);
    for (words, says) in [
        (vec!["no/such"], "no/such is no folder"),
        (vec!["--migrations", "no/such"], "can't read no/such"),
        (vec!["--migrations", "."], "no migrations in ."),
        (vec!["--tool", "rails"], "no layout is called \"rails\""),
        (vec!["--tool", "goose", "--migrations", "migrations"], "20240101000000_room"),
        (vec!["--postgres", "9"], "14..=18"),
        (vec!["--ci", "jenkins"], "github"),
        (vec!["--source", "x; rm y"], "git repository"),
    ] {
        let said = place.refused(&words);
        assert!(said.contains(says), "{words:?}: {said}");
    }
    place.write(&[("migrations/20240401000000_bad.up.sql", "-- stairway: lossy\nSELECT 1;\n")]);
    let said = place.refused(&[]);
    assert!(said.contains("20240401000000_bad.up.sql:1"), "{said}");
    assert!(said.contains("help: "), "{said}");
    std::fs::write(place.path().join("migrations/20240401000000_bad.up.sql"), b"\xff").unwrap();
    assert!(place.refused(&[]).contains("is not UTF-8 text"));
}
