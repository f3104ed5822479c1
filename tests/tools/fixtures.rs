//! The folders in `fixtures/layouts`, from one end to the other and back with Stairway alone.

use std::path::Path;
use std::process::Command;

use rstest::rstest;

use crate::place::{self, Place};

#[rstest]
#[case("sqlx-reversible", "20240822070000", Some("20240219140000"))]
#[case("golang-migrate", "000004", Some("000003"))]
#[case("diesel", "2024-08-22-070000", Some("2024-02-19-140000"))]
#[case("dbmate", "20240822070000", Some("20240219140000"))]
#[case("goose", "00004", Some("00003"))]
#[case("refinery", "4", None)]
#[case("flyway", "3", Some("2_1"))]
#[case("plain", "0004", Some("0003"))]
fn each_layout_goes_up_and_down(
    #[case] name: &str,
    #[case] head: &str,
    #[case] before: Option<&str>,
) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/layouts").join(name);
    for major in place::majors(0) {
        let Some(place) = Place::with(major, &folder) else { continue };
        place.make("shop");
        place.stairway("shop", "verify --no-repro").ended(0);
        let at = |revision: &str| {
            let ran = place.stairway("shop", "current");
            assert!(ran.ended(0).said.starts_with(&format!("{revision}\n")), "{}", ran.said);
        };
        at("base");
        let upgrade = if before.is_some() { "upgrade" } else { "upgrade --fence" };
        place.stairway("shop", upgrade).ended(0);
        at(&format!("{head} (head)"));
        place.stairway("shop", "upgrade").ended(0).says("nothing to do");
        let down = place.stairway("shop", "downgrade -1 --skip-backup");
        let Some(before) = before else {
            down.ended(10).says("has no downgrade");
            continue;
        };
        down.ended(0);
        at(before);
        place.stairway("shop", "downgrade base --skip-backup").ended(0);
        at("base");
        let tables = "SELECT count(*) FROM pg_class WHERE relname IN ('workspaces', 'clients')";
        assert_eq!(place.value("shop", tables), "0");
    }
}

/// Values come from the environment, and so may a name of the version table that nobody here would look at.
#[rstest]
#[case("flyway", &[("V4__pets.sql", "CREATE TABLE ${Kind} (id int);")], "FLYWAY_TABLE", "moved")]
#[case("flyway", &[("V4__pets.sql", "CREATE TABLE ${kind} (id int);")], "FLYWAY_SQL_MIGRATION_PREFIX", "X")]
fn the_environment_is_heard(
    #[case] name: &str,
    #[case] more: &[(&str, &str)],
    #[case] variable: &str,
    #[case] value: &str,
) {
    let scratch = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/layouts").join(name);
    for file in std::fs::read_dir(fixture).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), scratch.path().join(file.file_name())).unwrap();
    }
    for (file, text) in more {
        std::fs::write(scratch.path().join(file), text).unwrap();
    }
    let history = |variables: &[(&str, &str)]| {
        let output = Command::new(env!("CARGO_BIN_EXE_stairway"))
            .args(["history", "--migrations", scratch.path().to_str().unwrap()])
            .envs(variables.iter().copied())
            .current_dir(scratch.path())
            .output()
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), said)
    };
    let kind = ("FLYWAY_PLACEHOLDERS_KIND", "cats");
    let (code, said) = history(&[kind]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = history(&[kind, (variable, value)]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains(&format!("is {value:?}")), "{said}");
    if !more.is_empty() {
        let (code, said) = history(&[]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("set FLYWAY_PLACEHOLDERS_KIND"), "{said}");
    }
}

/// A version table with a name of its own, in a schema that is not there yet.
#[rstest]
#[case("dbmate", "DBMATE_MIGRATIONS_TABLE", "version FROM \"Book\".\"Moved\"")]
// Which does not quote it.
#[case("goose", "GOOSE_TABLE", "max(version_id)::text FROM book.moved")]
fn a_version_table_has_the_name_that_the_environment_gives_it(
    #[case] name: &str,
    #[case] variable: &str,
    #[case] last: &str,
) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/layouts").join(name);
    let Some(place) = Place::with(place::majors(0)[0], &folder) else { return };
    place.make("shop");
    let stairway = |words: &str| place.stairway_with("shop", words, &[(variable, "Book.Moved")]);
    stairway("upgrade").ended(10).says("CREATE SCHEMA ");
    let schema = if name == "dbmate" { "Book" } else { "book" };
    place.sql("shop", &format!("CREATE SCHEMA \"{schema}\""));
    stairway("upgrade +1 --skip-backup").ended(0);
    let applied = place.value("shop", &format!("SELECT {last}"));
    let ran = stairway("current");
    assert!(ran.ended(0).said.contains(&applied) && !applied.is_empty(), "{}", ran.said);
    stairway("upgrade").ended(0);
    stairway("upgrade").ended(0).says("nothing to do");
    stairway("downgrade base --skip-backup").ended(0);
    place.stairway("shop", "current").ended(0).says("base");
}

/// What would be run is shown without what is blank of it.
#[test]
fn a_dry_run_shows_one_section() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/layouts/goose");
    let major = place::majors(0)[0];
    let Some(place) = Place::with(major, &folder) else { return };
    place.make("shop");
    place.stairway("shop", "upgrade +2 --skip-backup").ended(0);
    let ran = place.stairway("shop", "downgrade -1 --dry-run --skip-backup");
    ran.ended(0).says("BEGIN;\n-- +goose Down\nDROP TABLE clients;\nDELETE FROM");
    assert!(!ran.said.contains("CREATE TABLE clients"), "{}", ran.said);
}
