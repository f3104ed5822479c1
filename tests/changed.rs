//! `verify --diff-base`: what a branch changed, in repositories that are made for it.

mod program;
mod repository;
mod servers;

use repository::{Repository, SOUND, no_programs, run, scratch, verify, write};

/// Where no server answers: what passes has asked for none.
const NO_SERVER: [&str; 2] = ["--server", "postgres://nobody@127.0.0.1:1/none"];

const A: &str = "migrations/20240101000000_a.up.sql";
const B: &str = "migrations/20240201000000_b.up.sql";

#[test]
fn nothing_changed_passes_without_a_server() {
    let repository = Repository::new(SOUND);
    repository.write(&[("README", "another thing"), ("migrations/notes.txt", "x")]);
    let ran = repository.verify(&[&["--diff-base", "main"], &NO_SERVER[..]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing has changed since"), "{}", ran.stderr);
    let report = ran.report();
    assert_eq!(
        (&report["verdict"], &report["server"]["backend"]),
        (&"pass".into(), &"none".into())
    );
    assert_eq!(ran.judged(), [""; 0]);
    let args = ["verify", "--diff-base", "main", "--no-cache"];
    let text = repository.run(&[&args, &NO_SERVER[..]].concat());
    for part in ["pass: 0 migrations climbed without a server in", "; 3 not asked about\n"] {
        assert!(text.stdout.contains(part), "{}", text.stdout);
    }
}

#[test]
fn only_what_the_branch_adds_is_judged() {
    let repository = Repository::new(SOUND);
    // The branch leaves main before main gets another one, which is not missing on the branch.
    repository.git(&["switch", "--quiet", "main"]);
    repository.write(&[("migrations/20240401000000_main.up.sql", "SELECT 1;")]);
    repository.commit();
    repository.git(&["switch", "--quiet", "work"]);
    repository.write(&[
        ("migrations/20240501000000_d.up.sql", "CREATE TABLE IF NOT EXISTS d (id int);\n"),
        ("migrations/20240501000000_d.down.sql", "SELECT 1;\n"),
    ]);
    repository.commit();
    repository.write(&[
        ("migrations/20240601000000_e.up.sql", "CREATE TABLE e (id int REFERENCES nowhere);\n"),
        ("migrations/20240601000000_e.down.sql", "DROP TABLE e;\n"),
        (".gitignore", "*_e.*\n"),
    ]);
    let ran = repository.verify(&["--diff-base", "main"]);
    assert_eq!(ran.judged(), ["20240501000000", "20240601000000"]);
    assert_eq!((ran.code, ran.checks()), (1, vec!["schema-drift".into(), "upgrade-failed".into()]));
    assert_eq!(ran.report()["history"]["passed"], 3);
    assert!(ran.stderr.contains("where this branch left main: 2 new, 0 changed, 0 gone"));
    // With main merged, its migration is none of the branch's, and stands before those.
    repository.git(&["merge", "--quiet", "--no-edit", "main"]);
    assert_eq!(repository.verify(&["--diff-base", "main"]).judged(), ran.judged());
}

#[test]
fn an_edited_upgrade_is_found_where_it_differs() {
    let repository = Repository::new(SOUND);
    repository.write(&[(A, "CREATE TABLE a (\n    id bigint\n);\n")]);
    for _ in 0..2 {
        let ran = repository.verify(&["--diff-base", "main"]);
        assert_eq!((ran.code, ran.judged()), (1, vec!["20240101000000".to_owned()]));
        let [finding] = &ran.findings()[..] else { panic!("{}", ran.stdout) };
        assert_eq!((&finding["check"], &finding["line"]), (&"checksum-mismatch".into(), &2.into()));
        let text = |key: &str| finding[key].as_str().unwrap().to_owned();
        assert!(text("message").starts_with("20240101000000 was edited, but it exists at main"));
        assert!(text("file").ends_with(A));
        assert!(text("detail").contains("-    id int\n+    id bigint\n"), "{}", text("detail"));
        assert!(text("help").contains("put the file back"));
        // And the same once it is committed.
        repository.commit();
    }
    let shown = repository.run(&[
        "verify",
        "--diff-base",
        "main",
        "--no-cache",
        "--no-repro",
        "--server",
        "local",
    ]);
    assert!(shown.stdout.contains(&format!("{A}:2:1\n")), "{}", shown.stdout);
}

#[test]
fn an_edited_downgrade_is_climbed_again_and_no_finding() {
    let repository = Repository::new(SOUND);
    let down = "migrations/20240201000000_b.down.sql";
    repository.write(&[(down, "DROP TABLE IF EXISTS b;\n")]);
    let ran = repository.verify(&["--diff-base", "main"]);
    assert_eq!((ran.code, ran.judged()), (0, vec!["20240201000000".to_owned()]), "{}", ran.stdout);
    repository.remove(down);
    let ran = repository.verify(&["--diff-base", "main"]);
    assert_eq!((ran.code, ran.checks()), (1, vec!["downgrade-missing".to_owned()]));
}

#[test]
fn what_is_gone_is_unknown_and_what_is_renamed_is_the_same() {
    let repository = Repository::new(SOUND);
    for way in ["up", "down"] {
        let name = |name: &str| format!("migrations/20240201000000_{name}.{way}.sql");
        repository.git(&["mv", &name("b"), &name("better")]);
    }
    let renamed = repository.verify(&[&["--diff-base", "main"], &NO_SERVER[..]].concat());
    assert_eq!((renamed.code, renamed.checks().len()), (0, 0), "{}", renamed.stderr);
    // Renamed away: the version is another one, and it comes before one that was there.
    for way in ["up", "down"] {
        let from = format!("migrations/20240201000000_better.{way}.sql");
        repository.git(&["mv", &from, &format!("migrations/20240202000000_b.{way}.sql")]);
    }
    let moved = repository.verify(&["--diff-base", "main"]);
    assert_eq!((moved.code, moved.judged()), (1, vec!["20240202000000".to_owned()]));
    assert_eq!(moved.checks(), ["unknown-revision", "out-of-order"]);
    let [gone, late] = &moved.findings()[..] else { panic!() };
    assert_eq!(gone["message"], "20240201000000 exists at main, but has no file here");
    assert_eq!(gone["detail"], "its upgrade was 20240201000000_b.up.sql");
    let message = "20240202000000 is new, but 20240301000000 after it exists at main";
    assert_eq!(late["message"], message);
    // The last one gone: there is nothing to climb, and it fails all the same.
    let repository = Repository::new(SOUND);
    repository.remove("migrations/20240301000000_c.up.sql");
    repository.remove("migrations/20240301000000_c.down.sql");
    let ran = repository.verify(&[&["--diff-base", "main"], &NO_SERVER[..]].concat());
    assert_eq!((ran.code, ran.checks()), (1, vec!["unknown-revision".to_owned()]));
}

#[test]
fn ends_of_lines_count_as_git_counts_them() {
    let repository = Repository::new(SOUND);
    let crlf = "CREATE TABLE a (\r\n    id int\r\n);\r\n";
    repository.git(&["config", "core.autocrlf", "true"]);
    repository.write(&[(A, crlf)]);
    let same = repository.verify(&[&["--diff-base", "main"], &NO_SERVER[..]].concat());
    assert_eq!((same.code, same.checks().len()), (0, 0), "{}", same.stderr);
    // Under another name the same: the version is what it was.
    repository.remove(A);
    repository.write(&[("migrations/20240101000000_first.up.sql", crlf)]);
    let same = repository.verify(&[&["--diff-base", "main"], &NO_SERVER[..]].concat());
    assert_eq!((same.code, same.checks().len()), (0, 0), "{}", same.stderr);
    repository.remove("migrations/20240101000000_first.up.sql");
    repository.write(&[(A, crlf)]);
    // Recorded as they are, they are another checksum.
    repository.git(&["config", "core.autocrlf", "false"]);
    let edited = repository.verify(&["--diff-base", "main"]);
    assert_eq!(edited.checks(), ["checksum-mismatch"]);
    assert_eq!(edited.findings()[0]["detail"], "only the ends of lines differ");
    // A newer time by itself is nothing.
    repository.write(&[(A, "CREATE TABLE a (\n    id int\n);\n")]);
    let same = repository.verify(&[&["--diff-base", "main"], &NO_SERVER[..]].concat());
    assert_eq!(same.code, 0, "{}", same.stderr);
}

#[test]
fn a_comment_is_an_edit_where_the_tool_keeps_checksums() {
    let repository = Repository::new(SOUND);
    repository.write(&[(B, "-- why\nCREATE TABLE b (\n    id int\n);\n")]);
    let sqlx = repository.verify(&["--diff-base", "main"]);
    assert_eq!(sqlx.checks(), ["checksum-mismatch"]);
    assert_eq!(sqlx.findings()[0]["line"], 1);
    let go = repository.verify(&["--diff-base", "main", "--tool", "golang-migrate"]);
    assert_eq!((go.code, go.checks().len()), (0, 0));
    assert_eq!(go.judged(), ["20240201000000"], "it may be a claim: it is climbed again");
    repository.write(&[(B, "CREATE TABLE b (\n    id bigint\n);\n")]);
    let go = repository.verify(&["--diff-base", "main", "--tool", "golang-migrate"]);
    assert_eq!(go.checks(), ["checksum-mismatch"]);
}

/// The version table keeps nothing of such a file, and its way back may be mended.
#[test]
fn sections_of_one_file_are_told_apart() {
    for (up, down, tool) in [
        ("-- migrate:up", "-- migrate:down", "dbmate"),
        ("-- +goose Up", "-- +goose Down", "goose"),
    ] {
        let file = "migrations/20240101000000_a.sql";
        let text = |column: &str, back: &str| {
            format!("{up}\nCREATE TABLE a ({column} int);\n{down}\n{back}\n")
        };
        let repository = Repository::new(&[(file, &text("id", "DROP TABLE a;"))]);
        repository.write(&[(file, &text("id", "-- of all\nDROP TABLE IF EXISTS a;"))]);
        let ran = repository.verify(&["--diff-base", "main"]);
        assert_eq!((ran.code, ran.checks().len()), (0, 0), "{tool}: {}", ran.stderr);
        assert_eq!(ran.judged(), ["20240101000000"], "{tool}");
        assert!(ran.stderr.contains(&format!("({tool},")), "{}", ran.stderr);
        repository.write(&[(file, &text("key", "DROP TABLE a;"))]);
        let ran = repository.verify(&["--diff-base", "main"]);
        assert_eq!(ran.checks(), ["checksum-mismatch"], "{tool}");
        assert_eq!(ran.findings()[0]["line"], 2, "{tool}");
    }
}

/// It is there to be edited, and what is new always comes before it.
#[test]
fn what_is_repeatable_may_be_edited() {
    let view = "CREATE OR REPLACE VIEW seen AS SELECT id FROM a;\n";
    let repository = Repository::new(&[
        ("flyway.conf", "flyway.placeholders.kind=int\n"),
        ("migrations/V1__a.sql", "CREATE TABLE a (id ${kind});\n"),
        ("migrations/U1__a.sql", "DROP TABLE a CASCADE;\n"),
        ("migrations/R__seen.sql", view),
    ]);
    repository.write(&[
        ("migrations/R__seen.sql", &view.replace("id FROM", "id + 1 AS id FROM")),
        ("migrations/V2__b.sql", "CREATE TABLE b (id int);\n"),
        ("migrations/U2__b.sql", "DROP TABLE b;\n"),
    ]);
    let ran = repository.verify(&["--diff-base", "main"]);
    assert_eq!(
        (ran.code, ran.checks()),
        (0, vec!["downgrade-missing".to_owned()]),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.judged(), ["2", "R__seen"]);
    repository.write(&[("migrations/V1__a.sql", "CREATE TABLE a (id int8);\n")]);
    let ran = repository.verify(&["--diff-base", "main"]);
    assert!(ran.checks().contains(&"checksum-mismatch".to_owned()), "{:?}", ran.checks());
}

#[test]
fn folders_of_diesel_and_plain_are_followed() {
    let one = "migrations/2024-01-01-000000_a";
    let repository = Repository::new(&[
        (&format!("{one}/up.sql"), "CREATE TABLE a (id int);\n"),
        (&format!("{one}/down.sql"), "DROP TABLE a;\n"),
    ]);
    let metadata = format!("{one}/metadata.toml");
    repository.write(&[
        (metadata.as_str(), "run_in_transaction = false\n"),
        ("migrations/2024-02-01-000000_b/up.sql", "CREATE TABLE b (id int);\n"),
        ("migrations/2024-02-01-000000_b/down.sql", "DROP TABLE b;\n"),
    ]);
    let ran = repository.verify(&["--diff-base", "main"]);
    assert_eq!((ran.code, ran.checks().len()), (0, 0), "{}", ran.stderr);
    assert_eq!(ran.judged().len(), 2, "one is sent in another way, one is new");
    repository.remove(&metadata);
    repository.write(&[(&format!("{one}/up.sql"), "CREATE TABLE a (id int8);\n")]);
    let ran = repository.verify(&["--diff-base", "main"]);
    assert_eq!(ran.checks(), ["checksum-mismatch"]);
    assert!(ran.stderr.contains("1 new, 1 changed, 0 gone"), "{}", ran.stderr);

    let plain = Repository::new(&[
        ("migrations/up/first.sql", "CREATE TABLE a (id int);\n"),
        ("migrations/down/first.sql", "DROP TABLE a;\n"),
    ]);
    // Its whole name is what the version table has.
    plain.git(&["mv", "migrations/up/first.sql", "migrations/up/second.sql"]);
    plain.git(&["mv", "migrations/down/first.sql", "migrations/down/second.sql"]);
    let ran = plain.verify(&["--diff-base", "main", "--transaction", "per-migration"]);
    assert_eq!(
        (ran.checks(), ran.judged()),
        (vec!["unknown-revision".into()], vec!["second".into()])
    );
}

#[test]
fn odd_names_and_a_hook_are_no_obstacle() {
    let odd = "da:ta *[b]\n\"é\" -/--x";
    let name = |file: &str| format!("{odd}/{file}");
    let files = [
        (name("1_a b\"\t'*.up.sql"), "CREATE TABLE a (id int);\n"),
        (name("1_a b\"\t'*.down.sql"), "DROP TABLE a;\n"),
        (name("2_é.up.sql"), "CREATE TABLE b (id int);\n"),
        (name("2_é.down.sql"), "DROP TABLE b;\n"),
        ("elsewhere/1_a.up.sql".to_owned(), "SELECT 1;\n"),
    ];
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let repository = Repository::new(&files);
    let asked = ["--diff-base", "main", "--migrations", odd, "--tool", "sqlx"];
    let same = repository.verify(&[&asked, &NO_SERVER[..]].concat());
    assert_eq!(same.code, 0, "{}", same.stderr);
    repository.write(&[(&name("1_a b\"\t'*.up.sql"), "CREATE TABLE a (id bigint);\n")]);
    // As git runs a hook, with the index of a commit that is being made.
    let hook = [("GIT_DIR", ".git"), ("GIT_INDEX_FILE", ".git/none"), ("STAIRWAY_NO_CACHE", "1")];
    let ran = verify(repository.path(), &hook, &asked);
    assert_eq!((ran.judged(), ran.checks()), (vec!["1".into()], vec!["checksum-mismatch".into()]));
    // From within the folder, and where the folder is the top.
    let within =
        verify(&repository.path().join(odd), &[], &["--diff-base", "main", ".", "--tool", "sqlx"]);
    assert_eq!(within.checks(), ["checksum-mismatch"]);
    let top = Repository::new(&[("1_a.up.sql", "SELECT 1;\n"), ("1_a.down.sql", "SELECT 2;\n")]);
    top.write(&[("1_a.down.sql", "SELECT 3;\n")]);
    assert_eq!(top.verify(&["--diff-base", "main", "."]).judged(), ["1"]);
}

#[test]
fn a_folder_that_was_not_there_is_all_new() {
    let repository = Repository::new(&[("README", "x")]);
    repository.write(SOUND);
    let ran = repository.verify(&["--diff-base", "main"]);
    assert_eq!((ran.code, ran.judged().len(), ran.checks().len()), (0, 3, 0), "{}", ran.stdout);
}

#[test]
fn old_trouble_is_not_the_branchs() {
    // Two heads and a malformed claim, long before the branch.
    let repository = Repository::new(SOUND);
    repository.git(&["switch", "--quiet", "main"]);
    repository.write(&[
        ("migrations/20240101000000_twin.up.sql", "SELECT 1;\n"),
        (B, "-- stairway: mute everything\nCREATE TABLE b (\n    id int\n);\n"),
    ]);
    repository.commit();
    repository.git(&["switch", "--quiet", "--create", "later"]);
    repository.write(SOUND);
    let ran = repository.verify(&["--diff-base", "main"]);
    assert_eq!(
        (ran.judged(), ran.checks()),
        (vec!["20240201000000".into()], vec!["checksum-mismatch".into()])
    );
    repository.write(&[("migrations/20240301000000_twin.up.sql", "SELECT 1;\n")]);
    let ran = repository.verify(&["--diff-base", "main"]);
    assert!(ran.checks().contains(&"multiple-heads".to_owned()), "{}", ran.stdout);
    assert!(!ran.stdout.contains("20240101000000_twin"), "{}", ran.stdout);
}

#[test]
fn shards_share_what_is_asked() {
    let repository = Repository::new(SOUND);
    repository.write(&[
        (A, "CREATE TABLE a (\n    id bigint\n);\n"),
        ("migrations/20240401000000_d.up.sql", "CREATE TABLE IF NOT EXISTS d (id int);\n"),
        ("migrations/20240401000000_d.down.sql", "SELECT 1;\n"),
    ]);
    let part = |shard: &str| {
        let ran = repository.verify(&["--diff-base", "main", "--shard", shard]);
        (ran.judged(), ran.checks())
    };
    assert_eq!(part("1/2"), (vec!["20240101000000".into()], vec!["checksum-mismatch".into()]));
    assert_eq!(part("2/2"), (vec!["20240401000000".into()], vec!["schema-drift".into()]));
    // More machines than work: one of them has none, and needs no server.
    let args = [&["--diff-base", "main", "--shard", "1/3"], &NO_SERVER[..]].concat();
    assert_eq!(repository.verify(&args).code, 0);
}

#[test]
fn verdicts_are_kept_without_what_git_says() {
    let repository = Repository::new(SOUND);
    repository.write(&[(A, "CREATE TABLE a (\n    id bigint\n);\n")]);
    let cache = scratch();
    let cache = [("STAIRWAY_CACHE", cache.path().to_str().unwrap())];
    let edited = verify(repository.path(), &cache, &["--diff-base", "main"]);
    assert_eq!(edited.checks(), ["checksum-mismatch"]);
    let again = verify(repository.path(), &cache, &["--diff-base", "main"]);
    assert_eq!((again.checks(), again.report()["lanes"].as_u64()), (edited.checks(), Some(0)));
    let whole = verify(repository.path(), &cache, &[]);
    assert_eq!((whole.code, whole.checks().len()), (0, 0), "{}", whole.stdout);
}

#[test]
fn what_git_can_not_say_names_the_thing_and_what_to_do() {
    let says = |folder: &std::path::Path, args: &[&str], words: &[&str]| {
        let ran = verify(folder, &[], args);
        assert_eq!((ran.code, ran.report()["error"].is_null()), (2, false), "{}", ran.stderr);
        for word in words {
            assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
        }
    };
    let outside = scratch();
    write(outside.path(), SOUND);
    says(
        outside.path(),
        &["--diff-base", "main"],
        &["migrations is in no git repository", "--since REV"],
    );

    let repository = Repository::new(SOUND);
    for odd in ["no-such", "main..work", "^main", "", "main:README"] {
        let named = format!("no commit {odd:?}");
        says(repository.path(), &["--diff-base", odd], &[&named, "`git fetch`"]);
    }
    says(repository.path(), &["--diff-base=--all"], &["no commit \"--all\""]);
    repository.git(&["switch", "--quiet", "--orphan", "alone"]);
    repository.write(SOUND);
    says(repository.path(), &["--diff-base", "main"], &["no commit \"HEAD\""]);
    repository.write(&[("README", "not the first commit of main")]);
    repository.commit();
    says(
        repository.path(),
        &["--diff-base", "main"],
        &["\"main\" and HEAD have no commit in common"],
    );

    let shallow = scratch();
    let url = format!("file://{}", repository.path().display());
    repository.git(&["switch", "--quiet", "work"]);
    repository.write(&[(A, "SELECT 1;\n")]);
    repository.commit();
    let clone = shallow.path().join("clone");
    repository::git(
        shallow.path(),
        &["clone", "--quiet", "--depth=1", "--no-single-branch", &url, "clone"],
    );
    let deepen = ["git fetch --deepen=1000", "fetch-depth: 0"];
    says(
        &clone,
        &["--diff-base", "origin/main"],
        &[&["no commit in common"], &deepen[..]].concat(),
    );
    says(
        &clone,
        &["--diff-base", "origin/old"],
        &[&["no commit \"origin/old\""], &deepen[..]].concat(),
    );
    repository::git(&clone, &["fetch", "--quiet", "--unshallow"]);
    assert_eq!(
        verify(&clone, &[], &["--diff-base", "origin/main"]).checks(),
        ["downgrade-failed", "checksum-mismatch"]
    );

    let programs = no_programs(shallow.path());
    let variables = [("PATH", programs.to_str().unwrap()), ("STAIRWAY_NO_CACHE", "1")];
    let ran = verify(&clone, &variables, &["--diff-base", "origin/main"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("can't run the program git"), "{}", ran.stderr);
    let both = run(&clone, &[], &["verify", "--since", "-1", "--diff-base", "main"]);
    assert_eq!(both.code, 2);
    assert!(both.stderr.contains("cannot be used with"), "{}", both.stderr);
}
