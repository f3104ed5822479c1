//! `pg_dump` goes wrong: no backup, nothing that looks like one, and the reason is told.

use std::fs;
use std::time::Duration;

use stairway::backup::{Archive, BackupError, Format, decode};
use stairway::postgres::Target;
use stairway::server::NoPrograms;
use stairway::steps::{self, BackupFailure};

use super::ground::{Ground, files, request};
use super::servers;

const ROWS: &str = "CREATE TABLE t AS SELECT n AS a, md5(n::text) AS b, md5((n + 1)::text) AS c \
                    FROM generate_series(1, 20000) n";

/// F09, F10, F13, X47: scripts in place of `pg_dump`, and what is told of them.
const FAKES: &[(&str, Format, &str, &str)] = &[
    ("no space", Format::Custom, "exec $real \"$@\" -f /dev/full", "ended with exit code 1: "),
    (
        "half of it, and then a signal",
        Format::Custom,
        "$real \"$@\" | head -c 100000; kill -XFSZ $$",
        "pg_dump was ended by signal 25 (SIGXFSZ)",
    ),
    (
        "files that may not grow",
        Format::Directory { jobs: 1 },
        "ulimit -f 200; exec $real \"$@\"",
        "pg_dump was ended by signal 25 (SIGXFSZ)",
    ),
    ("nothing", Format::Custom, "exit 0", "the file is empty"),
    ("no folder", Format::Directory { jobs: 2 }, "exit 0", "the folder has no toc.dat"),
    ("text", Format::Custom, "echo '-- SQL'", "not of the form that was asked for"),
    (
        "a valid archive, and exit 1",
        Format::Custom,
        "$real \"$@\"; echo 'pg_dump: error: it went wrong' >&2; exit 1",
        "ended with exit code 1: pg_dump: error: it went wrong",
    ),
    (
        "an archive that is cut in its table of contents",
        Format::Custom,
        "$real \"$@\" | head -c 700",
        "pg_restore can't read the backup",
    ),
    ("a password on stderr", Format::Custom, "echo \"$PGPASSWORD\" >&2; exit 3", "code 3: ***"),
    ("a password among arguments", Format::Custom, "echo \"$@\" >&2; exit 3", "--snapshot="),
    (
        "an older one",
        Format::Custom,
        "echo 'pg_dump: error: aborting because of server version mismatch' >&2; exit 1",
        "server version mismatch",
    ),
];

/// The same with a password, which nobody asks for here.
fn with_password(target: &Target) -> Target {
    let get = |wanted: &str| {
        let variables = target.libpq_environment();
        variables.into_iter().find(|(name, _)| *name == wanted).unwrap().1
    };
    let host = get("PGHOST").replace('/', "%2F");
    let (port, database) = (get("PGPORT"), get("PGDATABASE"));
    Target::parse(&format!("postgres://{}:s3kr%40t@{host}:{port}/{database}", get("PGUSER")))
        .unwrap()
}

#[tokio::test]
async fn a_dump_that_went_wrong_is_no_backup() {
    let ground = Ground::new(servers::majors()[0]).await;
    let shop = with_password(&ground.database("shop").await);
    ground.run("shop", ROWS).await;
    let good = request(Format::Custom);
    let good = steps::backup(&shop, &ground.programs, &ground.store, &good).await.unwrap();
    let before = files(ground.store.folder());
    for (nth, (what, format, script, expected)) in FAKES.iter().enumerate() {
        let fake = ground.fake(&format!("fake{nth}"), script);
        let made = steps::backup(&shop, &fake, &ground.store, &request(*format)).await;
        let error = made.expect_err(what);
        let told = error.to_string();
        assert!(told.contains(expected), "{what}: {told}");
        assert!(!told.contains("s3kr"), "{what}: {told}");
        assert!(matches!(error, BackupFailure::Backup(_)), "{what}: {error:?}");
        assert_eq!(files(ground.store.folder()), before, "{what}");
    }
    ground.store.verify(&good).await.unwrap();
    ground.eventually_gone().await;
    // What `--list` says of half an archive is nothing.
    let text = fs::read(&good.path).unwrap();
    let half = ground.scratch.path().join("half.dump");
    fs::write(&half, &text[..text.len() / 2]).unwrap();
    assert!(Archive::open(&half).is_ok());
    let error = decode(&half, &ground.programs.folder).await.unwrap_err();
    assert!(matches!(error, BackupError::Unreadable { .. }), "{error}");
    let missing =
        stairway::server::Programs { folder: "/nowhere".into(), ..ground.programs.clone() };
    let error = steps::backup(&shop, &missing, &ground.store, &request(Format::Custom)).await;
    assert!(error.unwrap_err().to_string().starts_with("can't run /nowhere/pg_dump"));
    assert_eq!(files(ground.store.folder()), before);
    ground.end().await;
}

/// X48.
#[tokio::test]
async fn nobody_waits_longer_for_a_table_than_was_said() {
    let ground = Ground::new(servers::majors()[0]).await;
    let shop = ground.database("shop").await;
    let mut request = request(Format::Custom);
    request.lock_wait = Duration::from_millis(200);
    // Of which only `pg_dump` knows.
    let mut holder = ground.held().await;
    let failed = steps::backup(&shop, &ground.programs, &ground.store, &request).await.unwrap_err();
    assert!(
        matches!(&failed, BackupFailure::Backup(BackupError::Dump { said, .. }) if said.contains("timeout")),
        "{failed:?}"
    );
    holder.execute("ROLLBACK; BEGIN; LOCK TABLE part IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let failed = steps::backup(&shop, &ground.programs, &ground.store, &request).await.unwrap_err();
    let told = failed.to_string();
    assert!(
        told.starts_with(
            "tables are locked, and were not free within 200ms: public.part by process"
        )
    );
    holder.close().await.unwrap();
    ground.assert_nothing_left();
    ground.eventually_gone().await;
    steps::backup(&shop, &ground.programs, &ground.store, &request).await.unwrap();
    ground.end().await;
}

/// F02, X42.
#[test]
fn programs_of_another_version_are_told_with_their_place() {
    let error = stairway::server::client_programs(99).unwrap_err();
    let told = error.to_string();
    assert!(told.contains("can't dump a server of 99"), "{told}");
    assert!(told.contains("postgresql-client-99"), "{told}");
    let NoPrograms { found, .. } = error;
    let newer = NoPrograms { wanted: 9, found: found.clone() }.to_string();
    assert!(newer.contains("can't be restored into a server of 9"), "{newer}");
    for major in servers::majors() {
        let programs = stairway::server::client_programs(*major).unwrap();
        assert_eq!(programs.version.major, *major);
        assert!(found.contains(&programs));
    }
}
