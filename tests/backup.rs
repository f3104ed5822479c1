//! Backups of real servers: what is restored is what the manifest says, and what goes wrong leaves
//! nothing that looks like a backup.

#[path = "backups/faults.rs"]
mod faults;
#[path = "backups/ground.rs"]
mod ground;
#[path = "backups/killed.rs"]
mod killed;
mod servers;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ground::{Ground, eventually, request};
use stairway::backup::{self, Archive, Backup, Contents, Format, Kind, Level, decode};
use stairway::postgres::{Session, Target};
use stairway::steps::{self, compare_copy, contents};

/// Everything that holds something.
const EVERYTHING: &str = r#"
CREATE SCHEMA "Odd Schema";
CREATE TABLE note (id bigserial PRIMARY KEY, word text, at timestamptz DEFAULT now(),
  price numeric(12,3), ratio float8, data jsonb, raw bytea, span interval);
INSERT INTO note (word, price, ratio, data, raw, span)
  SELECT 'word ' || n, n / 7.0, 1 / n::float8, jsonb_build_object('n', n), decode(md5(n::text), 'hex'),
    n * interval '1 hour' FROM generate_series(1, 2000) n;
CREATE TABLE "Odd Schema"."Mixed ""Name" ("Column A" int, "b" text GENERATED ALWAYS AS ('x' || "Column A") STORED);
INSERT INTO "Odd Schema"."Mixed ""Name" SELECT n FROM generate_series(1, 10) n;
CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES;
CREATE TABLE bare (a int);
CREATE UNLOGGED TABLE fast (a int);
INSERT INTO fast VALUES (1);
CREATE TABLE event (id int, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE event_2023 PARTITION OF event FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE event_rest PARTITION OF event DEFAULT;
INSERT INTO event SELECT n, '2023-06-01'::date + n FROM generate_series(1, 500) n;
CREATE TABLE parent (a int);
CREATE TABLE child (b int) INHERITS (parent);
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (2, 3);
CREATE TABLE own (who text);
INSERT INTO own VALUES ('ann'), ('bob');
ALTER TABLE own ENABLE ROW LEVEL SECURITY;
ALTER TABLE own FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON own USING (who = current_user);
CREATE TABLE dropped (a int, b int, c text);
INSERT INTO dropped VALUES (1, 2, 'c');
ALTER TABLE dropped DROP COLUMN b;
CREATE SEQUENCE "Counter" START 5 INCREMENT -2 MINVALUE -100 MAXVALUE 100;
SELECT nextval('"Counter"'), nextval('"Counter"');
CREATE SEQUENCE untouched;
SELECT lo_from_bytea(0, '\xdeadbeef'), lo_from_bytea(0, '');
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM event;
CREATE MATERIALIZED VIEW empty_handed AS SELECT * FROM bare WITH NO DATA;
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER far FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE elsewhere (a int) SERVER far;
"#;

/// What the writers do: rows come, go and change, and sequences are drawn from.
const WRITES: [&str; 3] = [
    "INSERT INTO note (word) SELECT 'new' FROM generate_series(1, 20)",
    "BEGIN; DELETE FROM note WHERE id IN (SELECT id FROM note ORDER BY id LIMIT 5); \
     INSERT INTO event VALUES (1, '2023-02-02'); UPDATE own SET who = who || '.'; COMMIT",
    "BEGIN; UPDATE note SET word = word || '!' WHERE id % 50 = 0; \
     SELECT lo_from_bytea(0, 'x'); SELECT nextval('untouched'); COMMIT",
];

/// Sessions that write until this is dropped.
struct Writers {
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<u32>>,
}

impl Writers {
    async fn begin(target: &Target) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for sql in WRITES {
            let mut session = Session::connect(target, "writer").await.unwrap();
            let stop = Arc::clone(&stop);
            tasks.push(tokio::spawn(async move {
                let mut times = 0;
                while !stop.load(Ordering::Relaxed) {
                    session.execute(sql).await.unwrap();
                    times += 1;
                }
                times
            }));
        }
        Self { stop, tasks }
    }

    /// How often each of them wrote, at least.
    async fn end(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        let mut least = u32::MAX;
        for task in self.tasks {
            least = least.min(task.await.unwrap());
        }
        least
    }
}

/// What a copy of this backup holds otherwise.
async fn restored(ground: &Ground, backup: &Backup, name: &str) -> (Target, Vec<String>) {
    let copy = ground.database(name).await;
    let archive = Archive::open(&backup.path).unwrap();
    let lease = ground.store.hold(backup).unwrap();
    let problems = backup::restore(&archive, &copy, &ground.programs.folder).await.unwrap();
    drop(lease);
    assert!(problems.is_empty(), "{problems:?}");
    let mut session = Session::connect(&copy, "copy").await.unwrap();
    // The copy may print values otherwise.
    session.execute("SET datestyle = 'German'; SET timezone = 'Asia/Tokyo'").await.unwrap();
    let told = compare_copy(&mut session, &backup.manifest, &[]).await.unwrap();
    session.close().await.unwrap();
    (copy, told)
}

async fn all_of(target: &Target) -> Contents {
    let mut session = Session::connect(target, "test").await.unwrap();
    session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.unwrap();
    let all = contents(&mut session, &[]).await.unwrap();
    session.execute("COMMIT").await.unwrap();
    session.close().await.unwrap();
    all
}

#[tokio::test]
async fn what_is_restored_is_what_the_manifest_says_while_others_write() {
    for major in servers::majors() {
        let ground = Ground::new(*major).await;
        let shop = ground.database("shop").await;
        ground.run("shop", EVERYTHING).await;
        for (nth, format) in [Format::Custom, Format::Directory { jobs: 2 }].into_iter().enumerate()
        {
            let writers = Writers::begin(&shop).await;
            let request = request(format);
            let made = steps::backup(&shop, &ground.programs, &ground.store, &request).await;
            let times = writers.end().await;
            assert!(times > 0);
            let mut backup = made.unwrap();
            let since = all_of(&shop).await;
            let grown = backup.manifest.contents.differences(&since);
            assert!(grown.iter().any(|it| it.starts_with("table public.note ")), "{grown:?}");
            assert_eq!(*request.progress.borrow(), backup.manifest.bytes);
            ground.store.verify(&backup).await.unwrap();
            decode(&backup.path, &ground.programs.folder).await.unwrap();
            facts(&backup, *major);
            let (copy, told) = restored(&ground, &backup, &format!("copy{nth}")).await;
            assert!(told.is_empty(), "{major} {format:?}: {told:#?}");
            ground.store.set_level(&mut backup, Level::Restored).unwrap();
            let newest = ground.store.newest_good("shop", Level::Restored).unwrap();
            assert_eq!(newest, Some(backup.clone()));
            differences(&copy, &backup).await;
        }
        let leftovers = ground.value(
            "SELECT count(*) FROM pg_stat_activity \
            WHERE application_name LIKE 'stairway %dump' OR application_name = 'stairway backup'",
        );
        assert_eq!(leftovers.await, "0");
        ground.end().await;
    }
}

fn facts(backup: &Backup, major: u32) {
    let manifest = &backup.manifest;
    assert_eq!((manifest.database.as_str(), manifest.major), ("shop", major));
    assert_eq!(manifest.server.split('.').next(), Some(major.to_string().as_str()));
    assert_eq!(manifest.timeline, Some(1));
    assert!(manifest.lsn.as_ref().is_some_and(|lsn| lsn.contains('/')), "{manifest:?}");
    assert!(manifest.system_identifier.as_ref().is_some_and(|it| it.parse::<u64>().is_ok()));
    assert!(manifest.snapshot.contains(':'));
    assert_eq!(manifest.applied, ["1", "2"]);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    if manifest.kind == Kind::Custom {
        assert_eq!((mode(&backup.path), manifest.files.len()), (0o600, 1));
    } else {
        assert_eq!(mode(&backup.path), 0o700);
        assert!(manifest.files.len() > 10);
        for file in &manifest.files {
            assert_eq!(mode(&backup.path.join(&file.name)), 0o600, "{}", file.name);
        }
    }
    let tables: Vec<&str> =
        manifest.contents.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(
        tables,
        [
            "Mixed \"Name",
            "bare",
            "child",
            "dropped",
            "event_2023",
            "event_rest",
            "fast",
            "note",
            "nothing",
            "own",
            "parent"
        ]
    );
    let rows = |name: &str| {
        let mut tables = manifest.contents.tables.iter();
        tables.find(|table| table.name == name).map(|table| table.rows)
    };
    assert_eq!(
        [rows("nothing"), rows("bare"), rows("own"), rows("parent")],
        [1, 0, 2, 1].map(Some)
    );
    let sequences: Vec<(&str, i64, bool)> = manifest
        .contents
        .sequences
        .iter()
        .map(|it| (it.name.as_str(), it.last_value, it.is_called))
        .collect();
    assert_eq!(sequences[0], ("Counter", 3, true));
    assert!(manifest.contents.sequences[1].last_value >= 2000);
    assert!(manifest.contents.large_objects >= 2);
    let views: Vec<(&str, bool, u64)> = manifest
        .contents
        .matviews
        .iter()
        .map(|it| (it.name.as_str(), it.populated, it.rows))
        .collect();
    assert_eq!(views, [("counted", true, 1), ("empty_handed", false, 0)]);
}

/// What is wrong with a copy is told by name.
async fn differences(copy: &Target, backup: &Backup) {
    let mut session = Session::connect(copy, "test").await.unwrap();
    for (harm, expected) in [
        ("DELETE FROM parent", "table public.parent has 0 rows instead of 1"),
        (
            "UPDATE dropped SET c = 'd'",
            "table public.dropped has 1 row as before, but not the same ones",
        ),
        ("DROP TABLE bare CASCADE", "table public.bare is missing, with 0 rows"),
        ("CREATE TABLE more AS SELECT 1 a", "table public.more was not there, and has 1 row"),
        ("SELECT nextval('\"Counter\"')", "sequence public.Counter stands somewhere else"),
        ("SELECT setval('untouched', 9999999)", "sequence public.untouched stands somewhere else"),
        ("DROP SEQUENCE untouched", "sequence public.untouched is missing"),
        ("REFRESH MATERIALIZED VIEW counted WITH NO DATA", "counted is not populated any more"),
        ("SELECT lo_from_bytea(0, 'z')", "large objects instead of"),
    ] {
        session.execute(harm).await.unwrap();
        let told = compare_copy(&mut session, &backup.manifest, &[]).await.unwrap();
        assert!(told.iter().any(|it| it.contains(expected)), "{harm}: {told:#?}");
    }
    session.close().await.unwrap();
}

#[tokio::test]
async fn a_hash_knows_rows_and_nothing_else() {
    let ground = Ground::new(servers::majors()[0]).await;
    let (one, two) = (ground.database("one").await, ground.database("two").await);
    ground
        .run(
            "one",
            "CREATE TABLE t (a int, b text, \"C\" float8); \
        INSERT INTO t VALUES (1, 'x', 0.1), (2, NULL, 'NaN'), (2, NULL, 'NaN')",
        )
        .await;
    // Other order of rows and columns.
    ground
        .run(
            "two",
            "CREATE TABLE t (b text, \"C\" float8, a int); \
        INSERT INTO t VALUES (NULL, 'NaN', 2), ('x', 0.1, 1), (NULL, 'NaN', 2); \
        ALTER DATABASE two SET extra_float_digits = -10",
        )
        .await;
    let expected = all_of(&one).await;
    assert_eq!(expected.differences(&all_of(&two).await), Vec::<String>::new());
    for harm in [
        "UPDATE t SET b = '' WHERE a = 2 AND ctid = (SELECT min(ctid) FROM t WHERE a = 2)",
        "UPDATE t SET \"C\" = 0.10000000000000001 + 1e-17 WHERE a = 1; UPDATE t SET b = 'X' WHERE a = 1",
        "UPDATE t SET b = 'x', a = 3 WHERE a = 1",
    ] {
        ground.run("two", &format!("BEGIN; {harm}; COMMIT")).await;
        let told = expected.differences(&all_of(&two).await);
        assert_eq!(told, ["table public.t has 3 rows as before, but not the same ones"], "{harm}");
    }
    let ignored = [("public".to_owned(), "t".to_owned())];
    let rest = expected.clone().without_tables(&ignored);
    assert!(rest.tables.is_empty());
    assert!(expected.without_schema("public").tables.is_empty());
    ground.end().await;
}

/// Types with values that are not the same, many of which PostgreSQL's own hashes or comparisons take
/// for the same.
const DISTINCT: &[(&str, &[&str])] = &[
    ("int2", &["0", "1", "-1", "32767"]),
    ("int4", &["0", "1", "-1", "65536"]),
    ("int8", &["0", "1", "-1", "4294967295", "4294967296", "-4294967296", "9223372036854775807"]),
    ("bool", &["f", "t"]),
    ("float4", &["0", "-0", "1", "NaN", "Infinity", "-Infinity"]),
    ("float8", &["0", "-0", "1", "NaN", "Infinity", "-Infinity"]),
    ("numeric", &["0", "0.0", "5", "-5", "5.0", "NaN", "Infinity", "-Infinity"]),
    ("money", &["0", "1", "-1"]),
    ("text", &["", "a", "A", "a ", "\u{e9}", "e\u{301}"]),
    ("text COLLATE blind", &["", "a", "A"]),
    ("varchar(9)", &["", "a", "a "]),
    ("bpchar", &["", "a", "a "]),
    ("citizen", &["", "a"]),
    ("mood", &["glad", "sad"]),
    ("uuid", &["00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001"]),
    ("timestamp", &["infinity", "-infinity", "2000-01-01", "294276-12-31 23:59:59.999999"]),
    ("timestamptz", &["infinity", "-infinity", "2000-01-01", "2000-01-01 00:00:00.000001"]),
    ("timestamptz", &["4714-11-24 00:00:00+00 BC", "294276-12-31 23:59:59.999999+00"]),
    ("date", &["infinity", "-infinity", "4714-11-24 BC", "5874897-12-31"]),
    ("interval", &["1 month", "30 days", "720:00"]),
    ("bytea", &["", "\\x00", "\\x0000"]),
    ("json", &["{\"a\":1}", "{\"a\": 1}", "null"]),
    ("jsonb", &["1", "1.0", "1.00", "{}", "[]", "null", "\"\""]),
    ("int4[]", &["{}", "{1}", "[2:2]={1}", "{{1}}", "{NULL}"]),
    ("pair", &["(,)", "(\"\",)", "(1,)", "(,1)"]),
    ("int4range", &["empty", "(,)", "[1,2)", "[1,3)"]),
    ("inet", &["10.0.0.1", "10.0.0.1/8"]),
    ("bit varying", &["", "0", "00"]),
    ("regclass", &["pg_class", "pg_type"]),
];

#[tokio::test]
async fn a_hash_tells_values_apart_that_look_the_same() {
    for &major in servers::majors() {
        let ground = Ground::new(major).await;
        let shop = ground.database("shop").await;
        // Not every server is built with ICU.
        let mut script = "CREATE TYPE mood AS ENUM ('glad', 'sad'); \
            CREATE TYPE pair AS (a text, b text); CREATE DOMAIN citizen AS text; \
            DO $$ BEGIN \
              CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', \
                deterministic = false); \
            EXCEPTION WHEN feature_not_supported THEN CREATE COLLATION blind FROM \"C\"; \
            END $$;\n"
            .to_owned();
        let name = |at: usize, nth: usize| format!("t{at:02}_{nth}");
        for (at, (kind, values)) in DISTINCT.iter().enumerate() {
            let values = values.iter().map(|value| format!("'{value}'"));
            for (nth, value) in values.chain(["NULL".to_owned()]).enumerate() {
                let table = name(at, nth);
                let fill = format!("INSERT INTO {table} VALUES ({value})");
                writeln!(script, "CREATE TABLE {table} (v {kind}); {fill};").unwrap();
            }
        }
        ground.run("shop", &script).await;
        let all = all_of(&shop).await;
        for (at, (kind, values)) in DISTINCT.iter().enumerate() {
            let tables = all.tables.iter().filter(|it| it.name.starts_with(&format!("t{at:02}_")));
            let hashes: BTreeSet<&str> = tables.map(|table| table.hash.as_str()).collect();
            assert_eq!(hashes.len(), values.len() + 1, "{major}: {kind}");
        }
        ground.end().await;
    }
}

#[tokio::test]
async fn a_hash_knows_which_values_stand_together() {
    let ground = Ground::new(servers::majors()[0]).await;
    let shop = ground.database("shop").await;
    let rows = [
        "(1, 2, 'x', 'y')",
        "(2, 1, 'x', 'y')",
        "(1, 1, 'x', 'x')",
        "(2, 2, 'x', 'x')",
        "(1, 1, 'y', 'y')",
        "(1, 1, 'x', 'x'), (2, 2, 'y', 'y')",
        "(1, 2, 'x', 'x'), (2, 1, 'y', 'y')",
        "(1, 1, 'x', 'y'), (2, 2, 'y', 'x')",
        "(1, 1, 'y', 'y'), (2, 2, 'x', 'x')",
        "(NULL, 1, 'x', NULL)",
        "(1, NULL, NULL, 'x')",
        "(NULL, NULL, NULL, NULL)",
        "(NULL, NULL, '', '')",
    ];
    for (nth, rows) in rows.iter().enumerate() {
        let create = format!("CREATE TABLE t{nth} (a int, b int, c text, d text)");
        ground.run("shop", &format!("{create}; INSERT INTO t{nth} VALUES {rows}")).await;
    }
    let all = all_of(&shop).await;
    let hashes: BTreeSet<&str> = all.tables.iter().map(|table| table.hash.as_str()).collect();
    assert_eq!(hashes.len(), rows.len());
    ground.end().await;
}

/// Rows of an extension's own table are dumped if it says so, and only those.
#[tokio::test]
async fn tables_of_extensions_are_counted_as_they_are_dumped() {
    let Some(major) = servers::majors().iter().copied().find(|major| *major >= 18) else { return };
    let ground = Ground::new(major).await;
    let shop = ground.database("shop").await;
    let folder = ground.extension(
        "shelf",
        "CREATE TABLE fixed (a int); INSERT INTO fixed VALUES (1); \
         CREATE TABLE setting (a int, own bool); INSERT INTO setting VALUES (1, false); \
         SELECT pg_catalog.pg_extension_config_dump('setting', 'WHERE own');",
    );
    let path = format!("ALTER SYSTEM SET extension_control_path = '{}:$system'", folder.display());
    ground.run("postgres", &path).await;
    ground.run("postgres", "SELECT pg_reload_conf()").await;
    eventually("the path is known", async || {
        ground.value("SHOW extension_control_path").await.contains("$system")
    })
    .await;
    ground
        .run("shop", "CREATE EXTENSION shelf; INSERT INTO setting VALUES (2, true), (3, true)")
        .await;
    let request = request(Format::Custom);
    let backup = steps::backup(&shop, &ground.programs, &ground.store, &request).await.unwrap();
    let tables: Vec<_> =
        backup.manifest.contents.tables.iter().map(|it| (it.name.as_str(), it.rows)).collect();
    assert_eq!(tables, [("setting", 2)]);
    assert_eq!(backup.manifest.contents.extensions["shelf"], "1.0");
    let (_, told) = restored(&ground, &backup, "copy").await;
    assert!(told.is_empty(), "{told:?}");
    ground.end().await;
}

/// A table that is rewritten while the backup waits for it has all of its rows in the backup: had the
/// snapshot been taken before the lock, it would have none.
#[tokio::test]
async fn a_table_that_was_just_rewritten_is_dumped_whole() {
    let ground = Ground::new(servers::majors()[0]).await;
    let shop = ground.database("shop").await;
    ground.run("shop", "CREATE TABLE t AS SELECT n AS a FROM generate_series(1, 100) n").await;
    let mut other = Session::connect(&shop, "other").await.unwrap();
    other.execute("BEGIN; ALTER TABLE t ALTER a TYPE bigint").await.unwrap();
    let mut request = request(Format::Custom);
    request.lock_wait = Duration::from_mins(1);
    let rewriting = async {
        ground.eventually_waits("stairway backup").await;
        other.execute("COMMIT; CREATE TABLE late AS SELECT 1 AS a").await.unwrap();
    };
    let making = steps::backup(&shop, &ground.programs, &ground.store, &request);
    let (backup, ()) = tokio::join!(making, rewriting);
    let backup = backup.unwrap();
    let table = &backup.manifest.contents.tables;
    assert_eq!(table.iter().find(|table| table.name == "t").unwrap().rows, 100);
    let (_, told) = restored(&ground, &backup, "copy").await;
    assert!(told.is_empty(), "{told:?}");
    other.close().await.unwrap();
    ground.end().await;
}

/// Rows that a policy hides are no rows that are not there.
#[tokio::test]
async fn a_role_that_does_not_see_all_rows_makes_no_backup() {
    let ground = Ground::new(servers::majors()[0]).await;
    ground.database("shop").await;
    ground
        .run(
            "shop",
            "CREATE ROLE clerk LOGIN; CREATE TABLE own (who text); ALTER TABLE own OWNER TO clerk; \
             ALTER TABLE own ENABLE ROW LEVEL SECURITY; ALTER TABLE own FORCE ROW LEVEL SECURITY; \
             CREATE POLICY mine ON own USING (who = current_user)",
        )
        .await;
    let clerk = ground.server.target_as("clerk", "shop");
    let request = request(Format::Custom);
    let error = steps::backup(&clerk, &ground.programs, &ground.store, &request).await.unwrap_err();
    let told = error.to_string();
    assert!(told.contains("row-level security"), "{told}");
    ground.assert_nothing_left();
    ground.end().await;
}
