//! Folders: every layout is recognised, read in order, and a folder that is wrong says how.

use std::path::{Path, PathBuf};

use rstest::rstest;
use stairway::finding::{CheckId, ClaimKind};
use stairway::migrations::{History, MigrationsError, Place, Tool, Wrap, detect, resolve};

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/layouts").join(path)
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

#[rstest]
#[case("sqlx-reversible", Tool::Sqlx, true)]
#[case("sqlx-simple", Tool::Sqlx, false)]
#[case("golang-migrate", Tool::GolangMigrate, true)]
#[case("diesel", Tool::Diesel, true)]
#[case("dbmate", Tool::Dbmate, true)]
#[case("goose", Tool::Goose, true)]
#[case("refinery", Tool::Refinery, false)]
#[case("flyway", Tool::Flyway, true)]
#[case("plain", Tool::Plain, true)]
#[case("plain-pairs", Tool::Plain, true)]
fn each_layout_is_recognised_and_read_in_order(
    #[case] name: &str,
    #[case] tool: Tool,
    #[case] goes_back: bool,
) {
    // The fixtures stand in a crate; what stands above a folder is evidence, so they are copied out.
    let scratch = tempfile::tempdir().unwrap();
    copy(&fixture(name), scratch.path());
    let history = History::load(scratch.path(), None).unwrap();
    assert_eq!(history.tool, tool, "{}", history.because);
    assert_eq!(history.migrations.len(), 4);
    assert_eq!(history.migrations[0].name, "create workspaces");
    assert!(history.migrations[3].name.contains("index"));
    assert!(history.migrations.iter().all(|migration| migration.downgrade.is_some() == goes_back));
    assert!(history.findings.is_empty());
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[rstest]
#[case("diesel-bad-metadata", "metadata.toml")]
#[case("diesel-no-up", "without up.sql")]
#[case("mixed-layouts", "two layouts")]
#[case("no-migrations", "looked for")]
#[case("not-utf8", "not UTF-8")]
fn a_broken_folder_is_refused_by_name(#[case] name: &str, #[case] says: &str) {
    let error = History::load(&fixture("broken").join(name), None).unwrap_err().to_string();
    assert!(error.contains(says), "{error}");
    assert!(error.contains(name), "the folder or file is not named: {error}");
}

#[rstest]
#[case("duplicate-version")]
#[case("duplicate-version-golang-migrate")]
fn two_files_with_one_version_are_two_heads(#[case] name: &str) {
    let history = History::load(&fixture("broken").join(name), None).unwrap();
    assert_eq!(history.findings.len(), 1);
    assert_eq!(history.findings[0].check, CheckId::MultipleHeads);
}

#[rstest]
#[case("unpaired-down")]
#[case("unpaired-down-plain")]
fn a_downgrade_without_an_upgrade_is_said_and_left_alone(#[case] name: &str) {
    let history = History::load(&fixture("broken").join(name), None).unwrap();
    assert_eq!(history.lone.len(), 1);
    assert!(history.migrations.iter().all(|migration| migration.downgrade.is_some()));
}

#[test]
fn a_missing_folder_is_named() {
    let error = History::load(Path::new("no/such/folder"), None).unwrap_err();
    assert!(error.to_string().contains("no/such/folder"));
    assert!(matches!(error, MigrationsError::Read { .. }));
}

#[test]
fn markers_mean_what_their_tool_says() {
    let wrap = |tool, files: &[(&str, &str)]| {
        let folder = folder(files);
        History::load(folder.path(), Some(tool)).unwrap().migrations[0].upgrade.wrap
    };
    assert_eq!(
        wrap(Tool::Sqlx, &[("1_a.up.sql", "-- no-transaction\nSELECT 1")]),
        Wrap::Statements
    );
    // sqlx looks at the very first bytes.
    assert_eq!(
        wrap(Tool::Sqlx, &[("1_a.up.sql", "\n-- no-transaction\nSELECT 1")]),
        Wrap::Transaction
    );
    assert_eq!(wrap(Tool::GolangMigrate, &[("1_a.up.sql", "SELECT 1")]), Wrap::OneMessage);
    let metadata = ("1_a/metadata.toml", "run_in_transaction = false");
    assert_eq!(wrap(Tool::Diesel, &[("1_a/up.sql", "SELECT 1"), metadata]), Wrap::Statements);
    assert_eq!(wrap(Tool::Diesel, &[("1_a/up.sql", "SELECT 1")]), Wrap::Transaction);
    // A file that says nothing about it is a no to Diesel.
    let silent = ("1_a/metadata.toml", "");
    assert_eq!(wrap(Tool::Diesel, &[("1_a/up.sql", "SELECT 1"), silent]), Wrap::Statements);
    let marked = "-- a word first\n-- stairway: no-transaction\nSELECT 1";
    assert_eq!(wrap(Tool::Plain, &[("up/1_a.sql", marked)]), Wrap::Statements);
    assert_eq!(
        wrap(Tool::Plain, &[("up/1_a.sql", "SELECT '-- stairway: no-transaction'")]),
        Wrap::Transaction
    );
}

#[test]
fn what_two_tools_share_is_told_apart_by_evidence() {
    let tool = |files: &[(&str, &str)], at: &str| {
        let folder = folder(files);
        detect(&folder.path().join(at)).unwrap().tool
    };
    let counted = ("m/1_a.up.sql", "SELECT 1");
    let stamped = ("m/20240101000000_a.up.sql", "SELECT 1");
    assert_eq!(tool(&[counted], "m"), Tool::GolangMigrate);
    assert_eq!(tool(&[stamped], "m"), Tool::Sqlx);
    assert_eq!(tool(&[counted, ("Cargo.toml", "")], "m"), Tool::Sqlx);
    assert_eq!(tool(&[stamped, ("go.mod", "")], "m"), Tool::GolangMigrate);
    assert_eq!(tool(&[stamped, ("go.mod", ""), ("m/sqlx.toml", "")], "m"), Tool::Sqlx);
    let alone = ("m/20240101000000_a.up.sql", "CREATE INDEX CONCURRENTLY i ON t (a);");
    assert_eq!(tool(&[alone], "m"), Tool::GolangMigrate);
    let marked = ("m/1_a.up.sql", "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON t (a);");
    assert_eq!(tool(&[marked], "m"), Tool::Sqlx);
}

#[test]
fn names_of_one_file_each_are_told_apart_by_markers_and_places() {
    let tool = |files: &[(&str, &str)]| {
        let folder = folder(files);
        detect(&folder.path().join("m")).map(|it| it.tool).map_err(|error| error.to_string())
    };
    let dbmate = ("m/20240101000000_a.sql", "-- migrate:up\n-- migrate:down\n");
    let goose = ("m/2_b.sql", "-- +goose Up\nSELECT 1;\n");
    assert_eq!(tool(&[dbmate]), Ok(Tool::Dbmate));
    assert_eq!(tool(&[goose]), Ok(Tool::Goose));
    assert_eq!(tool(&[("m/1_a.sql", "-- a word\nSELECT 1;"), goose]), Ok(Tool::Goose));
    assert_eq!(tool(&[("m/1_a.sql", "SELECT '-- migrate:up';")]), Ok(Tool::Sqlx));
    assert_eq!(tool(&[("m/00001_a.go", "package m")]), Ok(Tool::Goose));
    let said = tool(&[dbmate, goose]).unwrap_err();
    assert!(said.contains("20240101000000_a.sql of dbmate and 2_b.sql of goose"), "{said}");
    assert!(said.contains("say with --tool"), "{said}");

    let lettered = ("m/V1__a.sql", "SELECT 1;");
    let said = tool(&[lettered]).unwrap_err();
    assert!(said.contains("V1__a.sql could be of refinery or Flyway"), "{said}");
    assert!(said.contains("say with --tool"), "{said}");
    for (beside, expected) in [
        (("pom.xml", ""), Tool::Flyway),
        (("m/flyway.toml", ""), Tool::Flyway),
        (("Cargo.toml", ""), Tool::Refinery),
        (("Cargo.toml", "refinery = { features = ['int8-versions'] }"), Tool::RefineryInt8),
        (("m/R__views.sql", ""), Tool::Flyway),
        (("m/V1.1__b.sql", ""), Tool::Flyway),
        (("m/U1__a.sql", ""), Tool::Flyway),
        (("m/V1__a.sql.conf", ""), Tool::Flyway),
        (("m/U2__b.sql", ""), Tool::Refinery),
        (("m/U20240101000000__b.sql", ""), Tool::RefineryInt8),
        (("m/V2__b.rs", ""), Tool::Refinery),
    ] {
        assert_eq!(tool(&[lettered, beside]), Ok(expected), "{beside:?}");
    }
    assert_eq!(tool(&[lettered, ("Cargo.toml", ""), ("m/pom.xml", "")]), Ok(Tool::Flyway));
    let said = tool(&[lettered, ("m/1_a.sql", "")]).unwrap_err();
    assert!(said.contains("two layouts, 1_a.sql and V1__a.sql"), "{said}");
}

/// A file, what is wrong with it, and what is said of it.
#[rstest]
#[case(Tool::Dbmate, "1_a.sql", "SELECT 1;", "1_a.sql:1: a statement before `-- migrate:up`")]
#[case(Tool::Dbmate, "1_a.sql", "-- a word\n", "1_a.sql:1: no `-- migrate:up`")]
#[case(Tool::Dbmate, "1_a.sql", "-- migrate:up\n\nSELECT 1;\n", "1_a.sql:3: no `-- migrate:down`")]
#[case(Tool::Dbmate, "1_a.sql", "-- migrate:down\n-- migrate:up\n", "1_a.sql:1: `-- migrate:down`")]
#[case(
    Tool::Dbmate,
    "1_a.sql",
    "-- migrate:up\n-- migrate:down\n-- migrate:up\n",
    "1_a.sql:3: a second"
)]
#[case(
    Tool::Dbmate,
    "1_a.sql",
    "\u{feff}-- migrate:up\n-- migrate:down",
    "1_a.sql:1: begins with a byte"
)]
#[case(Tool::Goose, "1_a.sql", "SELECT 1;", "1_a.sql:1: a statement before `-- +goose Up`")]
#[case(Tool::Goose, "1_a.sql", "-- a word", "1_a.sql:1: no `-- +goose Up`")]
#[case(Tool::Goose, "1_a.sql", "\u{feff}-- +goose Up", "1_a.sql:1: begins with a byte order mark")]
#[case(Tool::Goose, "1_a.sql", "-- +goose Up\nSELECT 1;\n-- +goose Up", "1_a.sql:3: a second")]
#[case(Tool::Goose, "1_a.sql", "-- +goose Down\n", "1_a.sql:1: `-- +goose Down` must stand once")]
#[case(Tool::Goose, "1_a.sql", "-- +goose Upwards\n", "goose knows no annotation \"Upwards\"")]
#[case(Tool::Goose, "1_a.sql", " -- +goose Up\n", "1_a.sql:1: an annotation with blanks before it")]
#[case(
    Tool::Goose,
    "1_a.sql",
    "-- +goose Up\n\nSELECT 1\n",
    "1_a.sql:3: the statement that begins"
)]
#[case(
    Tool::Goose,
    "1_a.sql",
    "-- +goose Up\nSELECT 1\n-- +goose Down\nSELECT 2;",
    "1_a.sql:2: the statement that begins"
)]
#[case(
    Tool::Goose,
    "1_a.sql",
    "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;",
    "1_a.sql:2: `-- +goose StatementBegin` without"
)]
#[case(
    Tool::Goose,
    "1_a.sql",
    "-- +goose Up\nCREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN\nPERFORM 1;\nEND $$;",
    "1_a.sql:3: goose ends a statement with this line, inside of a dollar-quoted string"
)]
#[case(
    Tool::Goose,
    "1_a.sql",
    "-- +goose Up\n-- +goose NO TRANSACTION\nSELECT 1; VACUUM;",
    "1_a.sql:3: goose sends several statements as one message"
)]
#[case(
    Tool::Goose,
    "1_a.sql",
    "-- +goose Up\n-- +goose ENVSUB ON\nSELECT '${STAIRWAY_NOT_SET}';",
    "1_a.sql:3: the environment has no STAIRWAY_NOT_SET"
)]
#[case(Tool::Goose, "00000_a.sql", "-- +goose Up\n", "version 0 is the base")]
#[case(Tool::Goose, "1_a.go", "package m", "1_a.go: a migration in Go can't be run here")]
#[case(Tool::Goose, "99999999999999999999_a.sql", "", "does not fit into 64 bits")]
#[case(Tool::Refinery, "V1_a.sql", "", "V1_a.sql: refinery leaves it out")]
#[case(Tool::Refinery, "V1.2__a.sql", "", "V1.2__a.sql: refinery leaves it out")]
#[case(Tool::Refinery, "V1__a.rs", "", "a migration in Rust can't be run here")]
#[case(Tool::Refinery, "V20240101000000__a.sql", "", "say --tool refinery-int8")]
#[case(Tool::Flyway, "V1_a.sql", "", "Flyway leaves it out")]
#[case(Tool::Flyway, "V1__a.java", "", "a migration that is not SQL")]
#[case(Tool::Flyway, "B1__a.sql", "", "a baseline migration")]
#[case(Tool::Flyway, "afterMigrate__grants.sql", "", "Flyway runs a callback")]
#[case(Tool::Flyway, "V1__a.sql", "SELECT 1;\nVACUUM;", "V1__a.sql:2: statements that may be in")]
#[case(
    Tool::Flyway,
    "V1__a.sql",
    "\nSELECT '${pet}';",
    "V1__a.sql:2: the placeholder ${pet} has no"
)]
fn a_wrong_file_is_refused_with_its_line(
    #[case] tool: Tool,
    #[case] file: &str,
    #[case] text: &str,
    #[case] says: &str,
) {
    let folder = folder(&[(file, text)]);
    let said = History::load(folder.path(), Some(tool)).unwrap_err().to_string();
    assert!(said.contains(says), "{said}");
    assert!(said.contains(folder.path().to_str().unwrap()), "{said}");
}

#[rstest]
#[case(Tool::Dbmate, ["1_a.sql", "1_b.sql"], "-- migrate:up\n-- migrate:down\n")]
#[case(Tool::Goose, ["1_a.sql", "0001_b.sql"], "-- +goose Up\n")]
#[case(Tool::Refinery, ["V1__a.sql", "V01__b.sql"], "SELECT 1")]
#[case(Tool::Refinery, ["V1__a.sql", "more/V1__b.sql"], "SELECT 1")]
#[case(Tool::Flyway, ["V1_1__a.sql", "V1.1__b.sql"], "SELECT 1")]
fn one_version_in_two_files_is_found(
    #[case] tool: Tool,
    #[case] files: [&str; 2],
    #[case] text: &str,
) {
    let [one, other] = files;
    let folder = folder(&[(one, text), (other, text)]);
    let history = History::load(folder.path(), Some(tool)).unwrap();
    let checks: Vec<_> = history.findings.iter().map(|finding| finding.check).collect();
    assert_eq!(checks, [CheckId::MultipleHeads]);
}

#[rstest]
#[case(Tool::Dbmate, "1_a.sql")]
#[case(Tool::Goose, "1_a.sql")]
#[case(Tool::Refinery, "V1__a.sql")]
#[case(Tool::Flyway, "V1__a.sql")]
fn what_is_not_utf8_is_named(#[case] tool: Tool, #[case] file: &str) {
    let folder = folder(&[(file, "")]);
    std::fs::write(folder.path().join(file), b"-- caf\xe9").unwrap();
    let said = History::load(folder.path(), Some(tool)).unwrap_err().to_string();
    assert!(said.contains(&format!("{file} is not UTF-8 text: byte 6 is wrong")), "{said}");
}

fn loaded(tool: Tool, files: &[(&str, &str)]) -> History {
    let folder = folder(files);
    History::load(folder.path(), Some(tool)).unwrap()
}

/// Where a file holds both scripts each is where it was, and nothing is read twice.
#[rstest]
#[case(Tool::Dbmate, "-- migrate:up", "-- migrate:down")]
#[case(Tool::Goose, "-- +goose Up", "-- +goose Down")]
fn sections_keep_their_places(#[case] tool: Tool, #[case] up: &str, #[case] down: &str) {
    let text = format!(
        "-- stairway: irreversible reason: said above both\r\n{up}\r\nSELECT 'é';\r\n\
         -- stairway: lossy public.a reason: said of the way up\r\n{down}\r\n\
         -- stairway: lossy public.b reason: said of the way back\r\nSELECT 2;\r\n"
    );
    let history = loaded(tool, &[("1_a.sql", &text)]);
    let migration = &history.migrations[0];
    let lines: Vec<u32> =
        migration.claims.iter().map(|claim| claim.span.as_ref().unwrap().line).collect();
    assert_eq!(lines, [1, 4, 6]);
    let downgrade = migration.downgrade.as_ref().unwrap();
    for (script, statement) in [(&migration.upgrade, "SELECT 'é'"), (downgrade, "SELECT 2")] {
        assert_eq!(&*script.file, text);
        assert_eq!(script.text.len(), text.len());
        assert_eq!(script.text.lines().count(), text.lines().count());
        let statements = stairway::sql::split(&script.text).unwrap();
        assert_eq!(statements.len(), 1);
        assert_eq!(statements[0].text(&text), statement);
    }
    assert_eq!(migration.upgrade.path, downgrade.path);
}

#[test]
fn dbmate_is_sent_section_by_section() {
    let history = loaded(
        Tool::Dbmate,
        &[
            ("20240102-b.sql", "--migrate:up transaction:false\nVACUUM;\n-- migrate:down\n"),
            ("20240101.sql", "\n--  a word\n-- migrate:up\n-- migrate:down foo transaction:false"),
            ("9_last.sql", "-- migrate:up foo:bar\n-- migrate:upwards\n-- migrate:down\n"),
            ("readme.sql", "nothing"),
        ],
    );
    let seen: Vec<_> = history
        .migrations
        .iter()
        .map(|it| {
            let back = it.downgrade.as_ref().unwrap();
            (it.version.as_str(), it.name.as_str(), it.upgrade.wrap, back.wrap, back.is_blank())
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("20240101", "", Wrap::Transaction, Wrap::OneMessage, true),
            ("20240102", "b", Wrap::OneMessage, Wrap::Transaction, true),
            ("9", "last", Wrap::Transaction, Wrap::Transaction, true),
        ]
    );
}

#[test]
fn goose_is_sent_as_it_cuts() {
    let body = "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN\nRETURN 1;\nEND $$";
    let text = format!(
        "-- +GOOSE up\n-- +goose StatementBegin\n{body}\n-- +goose StatementEnd\n\
         CREATE TABLE a ( -- note;\n  id int); -- end\n"
    );
    let history = loaded(Tool::Goose, &[("00002_a.sql", &text.replace("GOOSE", "goose"))]);
    let migration = &history.migrations[0];
    assert_eq!((migration.version.as_str(), migration.revision.as_str()), ("2", "00002"));
    assert_eq!(migration.upgrade.wrap, Wrap::Transaction);
    assert!(migration.downgrade.is_none());
    // No semicolon ends the function: what stands after it would be a part of it.
    assert_eq!(stairway::sql::split(&migration.upgrade.text).unwrap().len(), 2);

    // Without a transaction, what goose sends as one message is still one.
    let text = "-- +goose Up\n-- +goose StatementBegin\nUPDATE a SET id = 1;\nUPDATE b SET id = 1\n\
                -- +goose StatementEnd\nVACUUM;\n-- +goose Down\n-- +goose NO TRANSACTION\n";
    let history = loaded(Tool::Goose, &[("1_a.sql", text)]);
    let upgrade = &history.migrations[0].upgrade;
    assert_eq!(upgrade.wrap, Wrap::Statements);
    let statements = stairway::sql::split(&upgrade.text).unwrap();
    let texts: Vec<&str> = statements.iter().map(|it| it.text(&upgrade.text)).collect();
    assert_eq!(texts, ["BEGIN", "UPDATE a SET id = 1", "UPDATE b SET id = 1", "COMMIT", "VACUUM"]);
    assert_eq!(upgrade.text.len(), text.len());
    assert!(history.migrations[0].downgrade.as_ref().unwrap().is_blank());
}

#[test]
fn goose_takes_values_from_the_environment() {
    let text = "-- +goose Up\n-- +goose ENVSUB ON\nSELECT '${STAIRWAY_UNSET:-one}$$';\n\
                -- +goose ENVSUB OFF\nSELECT '${STAIRWAY_UNSET}';\n-- +goose Down\nSELECT 3;\n";
    let history = loaded(Tool::Goose, &[("1_a.sql", text)]);
    let migration = &history.migrations[0];
    assert!(migration.upgrade.text.contains("SELECT 'one$';\n"), "{}", migration.upgrade.text);
    assert!(migration.upgrade.text.contains("SELECT '${STAIRWAY_UNSET}';\n"));
    let downgrade = migration.downgrade.as_ref().unwrap();
    assert_eq!(downgrade.text.lines().position(|line| line == "SELECT 3;"), Some(6));
}

#[test]
fn flyway_reads_what_stands_beside_its_files() {
    let history = loaded(
        Tool::Flyway,
        &[
            ("flyway.conf", "flyway.placeholders.owner=app\n"),
            ("V2__b.sql", "CREATE SCHEMA ${OWNER};"),
            ("V10__c.sql", "\u{feff}SELECT 1;\r\n"),
            ("V1_5__a.sql", "CREATE INDEX CONCURRENTLY i ON t (a);"),
            ("more/V3__d.sql", "SELECT '${owner}';"),
            ("more/V3__d.sql.conf", "executeInTransaction=false\nplaceholderReplacement=false\n"),
            ("U2__b.sql", "DROP SCHEMA ${owner};"),
            ("U7__x.sql", "SELECT 1;"),
            ("R__views.sql", "SELECT '${owner}';"),
            ("R__functions.sql", "SELECT 1;"),
            ("README.md", ""),
        ],
    );
    let revisions: Vec<&str> = history.migrations.iter().map(|it| it.revision.as_str()).collect();
    assert_eq!(revisions, ["1_5", "2", "3", "10", "R__functions", "R__views"]);
    let versions: Vec<&str> = history.migrations.iter().map(|it| it.version.as_str()).collect();
    assert_eq!(versions, ["1.5", "2", "3", "10", "R functions", "R views"]);
    let wraps: Vec<Wrap> = history.migrations.iter().map(|it| it.upgrade.wrap).collect();
    let (inside, outside) = (Wrap::Transaction, Wrap::Statements);
    assert_eq!(wraps, [outside, inside, outside, inside, inside, inside]);
    let texts: Vec<&str> = history.migrations.iter().map(|it| &*it.upgrade.text).collect();
    assert_eq!(texts[1..4], ["CREATE SCHEMA app;", "SELECT '${owner}';", "   SELECT 1;\r\n"]);
    assert_eq!(&*history.migrations[1].downgrade.as_ref().unwrap().text, "DROP SCHEMA app;");
    assert_eq!(history.lone.len(), 1);
    // zlib's crc32, signed: of the text as it is written, and of a repeatable one as it is run.
    let recorded: Vec<&str> =
        history.migrations.iter().filter_map(|it| it.upgrade.recorded.as_deref()).collect();
    assert_eq!(recorded[1], CRC_WRITTEN);
    assert_eq!(recorded[3], CRC_PLAIN);
    assert_eq!(recorded[4], CRC_PLAIN);
    assert_eq!(recorded[5], CRC_RUN);
    assert!(history.migrations[5].claims.iter().all(|it| it.kind == ClaimKind::Irreversible));
    assert_eq!(history.migrations[5].claims.len(), 1);
}

const CRC_WRITTEN: &str = "1049354410";
const CRC_PLAIN: &str = "78787420";
const CRC_RUN: &str = "-1543464563";

/// A setting that changes what a migration is must not be overlooked.
#[test]
fn flyway_with_other_names_is_refused() {
    for (file, text, says) in [
        ("flyway.conf", "flyway.table=history", "flyway.table is \"history\""),
        ("flyway.toml", "[flyway]\nsqlMigrationSuffixes = ['.pg']", "flyway.sqlMigrationSuffixes"),
        ("flyway.toml", "[flyway", "flyway.toml: "),
        ("V1__a.sql.conf", "shouldExecute=false", "shouldExecute makes a script depend"),
        ("V1__a.sql.conf", "transactional=false", "no setting \"transactional\""),
    ] {
        let folder = folder(&[("V1__a.sql", "SELECT 1;"), (file, text)]);
        let said = History::load(folder.path(), Some(Tool::Flyway)).unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
        assert!(said.contains(file), "{said}");
    }
}

#[test]
fn refinery_goes_through_folders_and_one_way() {
    let history = loaded(
        Tool::Refinery,
        &[
            ("V10__last.sql", "SELECT 10;"),
            ("more/V2__second.sql", "SELECT 2;"),
            ("U3__between.sql", "SELECT 3;"),
            ("notes.sql", "SELECT 1;"),
        ],
    );
    let versions: Vec<&str> = history.migrations.iter().map(|it| it.version.as_str()).collect();
    assert_eq!(versions, ["2", "3", "10"]);
    assert!(history.migrations.iter().all(|it| it.downgrade.is_none()));
    let wide = loaded(Tool::RefineryInt8, &[("V10__last.sql", "SELECT 10;")]);
    // The same name, version and text: only the width of the version is hashed differently.
    let (wide, narrow) = (&wide.migrations[0].upgrade, &history.migrations[2].upgrade);
    assert_eq!(wide.text, narrow.text);
    assert_ne!(wide.recorded, narrow.recorded);
}

#[test]
fn revisions_are_ordered_by_number_and_not_by_text() {
    let folder = folder(&[
        ("9_i.up.sql", ""),
        ("10_j.up.sql", ""),
        ("0002_b.up.sql", ""),
        ("0002_b.down.sql", "SELECT 1"),
    ]);
    let history = History::load(folder.path(), None).unwrap();
    let revisions: Vec<&str> =
        history.migrations.iter().map(|migration| migration.revision.as_str()).collect();
    assert_eq!(revisions, ["0002", "9", "10"]);
    assert!(history.migrations[0].downgrade.is_some());
    assert_eq!(history.migrations[0].version, "2");
}

#[test]
fn revision_words_are_places() {
    let folder = folder(&[("0001_a.sql", ""), ("0012_b.sql", ""), ("0013_c.sql", "")]);
    let history = History::load(folder.path(), Some(Tool::Sqlx)).unwrap();
    let place = |word: &str, current: usize| resolve(word, &history, Place(current));
    assert_eq!(place("head", 0).unwrap(), Place(3));
    assert_eq!(place("base", 2).unwrap(), Place(0));
    assert_eq!(place("-1", 2).unwrap(), Place(1));
    assert_eq!(place("+2", 1).unwrap(), Place(3));
    assert_eq!(place("12", 0).unwrap(), Place(2));
    assert_eq!(place("0013", 0).unwrap(), Place(3));
    assert_eq!(place("000", 0).unwrap(), Place(1));
    assert!(matches!(place("-3", 2), Err(MigrationsError::NoRevision { .. })));
    assert!(matches!(place("+1", 3), Err(MigrationsError::NoRevision { .. })));
    assert!(matches!(place("001", 0), Err(MigrationsError::Ambiguous { .. })));
    assert!(matches!(place("x", 0), Err(MigrationsError::NoRevision { .. })));
}

#[test]
fn claims_are_read_from_both_scripts_with_their_lines() {
    let folder = folder(&[
        ("1_a.up.sql", "-- stairway: irreversible reason: old rows are gone\nDROP TABLE t;"),
        ("1_a.down.sql", "SELECT 1;\n/* stairway: order-drift public.t reason: fine */"),
    ]);
    let history = History::load(folder.path(), Some(Tool::Sqlx)).unwrap();
    let claims = &history.migrations[0].claims;
    assert_eq!(claims.len(), 2);
    assert_eq!(claims[0].kind, ClaimKind::Irreversible);
    assert_eq!(claims[1].object, "public.t");
    assert_eq!(claims[1].span.as_ref().unwrap().line, 2);
    let folder = self::folder(&[("1_a.up.sql", "SELECT 1;\n-- stairway: ignore everything")]);
    let error = History::load(folder.path(), Some(Tool::Sqlx)).unwrap_err();
    assert!(error.to_string().contains("1_a.up.sql:2"), "{error}");
}

#[test]
fn checksums_are_what_sqlx_records() {
    let folder = folder(&[("1_a.up.sql", "SELECT 1")]);
    let history = History::load(folder.path(), Some(Tool::Sqlx)).unwrap();
    // printf 'SELECT 1' | sha384sum
    assert_eq!(history.migrations[0].upgrade.checksum(), EXPECTED_SHA384);
}

const EXPECTED_SHA384: &str = "a87be5ea59a50f1537b8361d62582b67f0f8665b89a1afa8f5f5ccc3ec84e9b8c62649fb92c16783942166f392ecc20e";
