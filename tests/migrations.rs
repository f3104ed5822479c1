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
