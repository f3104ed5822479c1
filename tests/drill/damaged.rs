//! Bar 1: damaged backups, each of which must be refused, and by the check and the words that name what
//! is wrong with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use stairway::backup::{Format, Manifest};

use crate::servers;
use crate::yard::{Yard, cut, flip, manifest_of, resealed};

/// What is done to a backup, or to the database before one is made of it.
enum Harm {
    /// A bit of a compressed backup of ours, so far into it.
    Bit(f64),
    /// A bit of one without compression.
    PlainBit(f64),
    /// It ends so far into it.
    Cut(f64),
    /// A page of it is zeros.
    Page,
    /// Its manifest says something else, and was sealed so.
    Manifest(fn(&mut Manifest)),
    /// Somebody edited the manifest.
    Edited,
    /// The manifest beside it is another backup's.
    Other,
    /// There is none.
    Alone,
    /// Something is done to the folder of a backup.
    Folder(fn(&Path)),
    /// Something is done to a dump that `pg_dump` made with these words under this name; the second name
    /// is what is there then.
    Foreign(&'static [&'static str], &'static str, fn(&Path) -> PathBuf),
    /// A backup is made of a database in which this was done.
    Database(&'static str),
    /// The same without a manifest.
    Dumped(&'static str),
}

/// Harm, words of the command line, the code of the drill, the check that fails, and what it says.
type Case = (&'static str, Harm, &'static [&'static str], i32, &'static str, &'static str);

/// Seen in what `pg_restore` or the server says of it, whatever it is exactly.
const ANY: &str = "";

/// From this major version on indexes and materialized views are made with a search path of nothing, so
/// those that need another one can't be made at all.
const SAFE: u32 = 17;
const BEFORE_SAFE: [&str; 2] = ["the same in an index", "a view that can't be computed any more"];

fn same(path: &Path) -> PathBuf {
    path.to_owned()
}

fn half(path: &Path) -> PathBuf {
    cut(path, 0.5);
    same(path)
}

fn bit(path: &Path) -> PathBuf {
    flip(path, 0.6, 3);
    same(path)
}

/// The largest data file of a folder.
fn largest(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let data = files.filter(|path| path.file_name().unwrap() != "toc.dat");
    data.max_by_key(|path| path.metadata().unwrap().len()).unwrap()
}

fn packed(path: &Path) -> PathBuf {
    let packed = path.with_extension("sql.gz");
    let ran = std::process::Command::new("gzip").arg(path).status().unwrap();
    assert!(ran.success());
    packed
}

fn edited(path: &Path, from: &str, to: &str) -> PathBuf {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from:?} is not in the dump");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
    same(path)
}

fn aged(path: &Path) -> PathBuf {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_hours(72)).unwrap();
    same(path)
}

fn of_files() -> Vec<Case> {
    let digest = "has not the SHA-256 that it had";
    let bits = [0.15, 0.3, 0.45, 0.6, 0.75, 0.9];
    let mut cases: Vec<Case> = Vec::new();
    for share in bits {
        cases.push(("a bit, gzip", Harm::Bit(share), &[], 12, "digest", digest));
        cases.push(("a bit, -Z0", Harm::PlainBit(share), &[], 12, "digest", digest));
    }
    for share in [0.1, 0.5, 0.999] {
        cases.push(("cut off", Harm::Cut(share), &[], 12, "digest", "bytes instead of"));
    }
    cases.push(("a bit of its head", Harm::Bit(0.0), &[], 12, "digest", digest));
    cases.push(("a page of zeros", Harm::Page, &[], 12, "digest", digest));
    cases.push((
        "a file of a folder is gone",
        Harm::Folder(|folder| fs::remove_file(largest(folder)).unwrap()),
        &[],
        12,
        "digest",
        "can't read",
    ));
    cases.push((
        "a file too many in a folder",
        Harm::Folder(|folder| fs::write(folder.join("9999.dat"), "x").unwrap()),
        &[],
        12,
        "digest",
        "other files than it had",
    ));
    cases.push((
        "a bit in a folder",
        Harm::Folder(|folder| flip(&largest(folder), 0.5, 1)),
        &[],
        12,
        "digest",
        digest,
    ));
    cases
}

fn of_manifests() -> Vec<Case> {
    let stale: &[&str] = &["--max-age", "26h"];
    vec![
        ("an edited manifest", Harm::Edited, &[], 12, "digest", "it was edited"),
        ("another one's manifest", Harm::Other, &[], 12, "digest", "it is the one of"),
        ("no manifest, among ours", Harm::Alone, &[], 12, "digest", "it has no manifest"),
        (
            "more rows in the manifest",
            Harm::Manifest(|it| it.contents.tables[1].rows += 1),
            &[],
            12,
            "rows",
            "rows instead of",
        ),
        (
            "another hash in the manifest",
            Harm::Manifest(|it| it.contents.tables[0].hash = String::from("1")),
            &[],
            12,
            "rows",
            "but not the same ones",
        ),
        (
            "another sequence in the manifest",
            Harm::Manifest(|it| it.contents.sequences[0].last_value += 7),
            &[],
            12,
            "rows",
            "stands somewhere else",
        ),
        (
            "a table that the dump does not have",
            Harm::Manifest(|it| {
                let mut more = it.contents.tables[0].clone();
                more.name = String::from("gone");
                it.contents.tables.push(more);
            }),
            &[],
            12,
            "rows",
            "table public.gone is missing",
        ),
        (
            "a large object that the dump does not have",
            Harm::Manifest(|it| it.contents.large_objects += 1),
            &[],
            12,
            "rows",
            "large objects instead of",
        ),
        (
            "another schema in the manifest",
            Harm::Manifest(|it| it.schema_digest = Some("0".repeat(64))),
            &[],
            12,
            "schema",
            "not the one that was backed up",
        ),
        (
            "stale",
            Harm::Manifest(|it| it.created_at -= jiff::SignedDuration::from_hours(48)),
            stale,
            12,
            "age",
            "stale: 48.0 h old, 26.0 h are allowed",
        ),
        (
            "of the future",
            Harm::Manifest(|it| it.created_at += jiff::SignedDuration::from_hours(48)),
            stale,
            12,
            "age",
            "made in the future",
        ),
    ]
}

#[allow(clippy::too_many_lines, reason = "a list")]
fn of_dumps() -> Vec<Case> {
    let custom: &[&str] = &["-Fc"];
    let plain: &[&str] = &["-Fp"];
    vec![
        ("half a dump", Harm::Foreign(custom, "half.dump", half), &[], 12, "restore", ANY),
        ("a bit of a dump", Harm::Foreign(custom, "bit.dump", bit), &[], 12, "restore", ANY),
        (
            "a data file of a folder is gone",
            Harm::Foreign(&["-Fd"], "folder", |folder| {
                fs::remove_file(largest(folder)).unwrap();
                same(folder)
            }),
            &[],
            12,
            "restore",
            ANY,
        ),
        (
            "half a tar",
            Harm::Foreign(&["-Ft"], "half.tar", half),
            &[],
            12,
            "digest",
            "it was cut off",
        ),
        (
            "half a plain dump",
            Harm::Foreign(plain, "half.sql", half),
            &[],
            12,
            "digest",
            "it was cut off",
        ),
        (
            "half a packed dump",
            Harm::Foreign(plain, "packed.sql", |path| half(&packed(path))),
            &[],
            12,
            "restore",
            "gzip can't unpack it: unexpected end of file",
        ),
        (
            "a bit of a packed dump",
            Harm::Foreign(plain, "flipped.sql", |path| bit(&packed(path))),
            &[],
            12,
            "restore",
            "gzip can't unpack it",
        ),
        (
            "nothing",
            Harm::Foreign(custom, "empty.dump", |path| {
                fs::write(path, "").unwrap();
                same(path)
            }),
            &[],
            12,
            "restore",
            "the file is empty",
        ),
        (
            "noise",
            Harm::Foreign(custom, "noise.dump", |path| {
                fs::write(path, [0, 7, 0, 9, 200]).unwrap();
                same(path)
            }),
            &[],
            12,
            "restore",
            "neither an archive of pg_dump nor SQL text",
        ),
        (
            "a missing extension",
            Harm::Foreign(plain, "extension.sql", |path| {
                let create = "CREATE EXTENSION nowhere_to_be_had;\n\nCREATE TABLE ";
                edited(path, "CREATE TABLE ", create)
            }),
            &[],
            3,
            "extensions",
            "the server does not have nowhere_to_be_had",
        ),
        (
            "a command of psql",
            Harm::Foreign(plain, "command.sql", |path| {
                let text = fs::read_to_string(path).unwrap();
                let is_told = |line: &&str| {
                    !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict")
                };
                let text: Vec<&str> = text.lines().filter(is_told).collect();
                let text = text.join("\n").replacen("CREATE TABLE ", "\\! true\nCREATE TABLE ", 1);
                fs::write(path, text).unwrap();
                same(path)
            }),
            &[],
            12,
            "restore",
            ANY,
        ),
        (
            "an old file",
            Harm::Foreign(custom, "old.dump", aged),
            &["--max-age", "2d"],
            12,
            "age",
            "stale: 72.0 h old, 48.0 h are allowed",
        ),
    ]
}

#[allow(clippy::too_many_lines, reason = "a list")]
fn of_databases() -> Vec<Case> {
    const TRAP: &str = "CREATE TABLE limits (amount numeric); INSERT INTO limits VALUES (0); \
        CREATE FUNCTION lowest() RETURNS numeric LANGUAGE sql AS 'SELECT min(amount) FROM limits'; \
        CREATE TABLE paid (amount numeric CHECK (amount >= lowest())); \
        INSERT INTO paid SELECT generate_series(1, 10)";
    vec![
        (
            "a function that finds its table by the search path",
            Harm::Database(TRAP),
            &[],
            12,
            "restore",
            "TABLE DATA paid",
        ),
        (
            "the same in an index",
            Harm::Dumped(
                "CREATE TABLE word (word text); INSERT INTO word VALUES ('b'); \
                 CREATE TABLE rank (of text, rank int); INSERT INTO rank VALUES ('b', 1); \
                 CREATE FUNCTION rank_of(text) RETURNS int IMMUTABLE LANGUAGE sql \
                   AS 'SELECT rank FROM rank WHERE of = $1'; \
                 CREATE INDEX ranked ON word (rank_of(word))",
            ),
            &[],
            12,
            "restore",
            "ranked",
        ),
        (
            "a view that can't be computed any more",
            Harm::Database(
                "CREATE TABLE fee (amount int); INSERT INTO fee VALUES (1); \
                 CREATE FUNCTION fees() RETURNS bigint LANGUAGE sql AS 'SELECT sum(amount) FROM fee'; \
                 CREATE MATERIALIZED VIEW all_fees AS SELECT fees()",
            ),
            &[],
            12,
            "restore",
            "all_fees",
        ),
        (
            "a role that nothing makes",
            Harm::Database(
                "DO $$ BEGIN IF to_regrole('ghost') IS NULL THEN CREATE ROLE ghost; END IF; END $$; \
                 CREATE TABLE haunted (id int CHECK (pg_has_role('ghost', 'member') IS NOT NULL)); \
                 INSERT INTO haunted VALUES (1)",
            ),
            &[],
            12,
            "restore",
            "role \"ghost\" does not exist",
        ),
        (
            "a role that is not among those of the file",
            Harm::Dumped(
                "DO $$ BEGIN IF to_regrole('clerk') IS NULL THEN CREATE ROLE clerk; END IF; END $$; \
                 GRANT SELECT ON customer TO clerk",
            ),
            &["--globals", "globals.sql"],
            12,
            "roles",
            "the backup names clerk",
        ),
        (
            "rows without a parent that nobody looked at",
            Harm::Database(
                "ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey; \
                 INSERT INTO orders (customer_id, amount) VALUES (999, 1), (998, 1); \
                 ALTER TABLE orders ADD CONSTRAINT late FOREIGN KEY (customer_id) REFERENCES customer NOT VALID",
            ),
            &[],
            12,
            "foreign-keys",
            "2 rows without a parent in public.orders: late",
        ),
        (
            "rows without a parent behind a key",
            Harm::Dumped(
                "SET session_replication_role = replica; INSERT INTO orders (customer_id, amount) VALUES (999, 1); \
                 RESET session_replication_role",
            ),
            &[],
            12,
            "restore",
            "orders_customer_id_fkey",
        ),
        (
            "a sequence behind its column",
            Harm::Database("SELECT setval(pg_get_serial_sequence('orders', 'id'), 100)"),
            &[],
            12,
            "sequences",
            "orders_id_seq for orders.id",
        ),
        (
            "an invalid index",
            Harm::Database(
                "CREATE TABLE event (id int, at date) PARTITION BY RANGE (at); \
                 CREATE TABLE event_all PARTITION OF event DEFAULT; \
                 CREATE INDEX event_at ON ONLY event (at)",
            ),
            &[],
            12,
            "indexes",
            "public.event_at",
        ),
        (
            "an empty table that must not be",
            Harm::Dumped("DELETE FROM orders"),
            &["--critical-table", "orders"],
            12,
            "tables",
            "orders is empty",
        ),
        (
            "a query that does not pass",
            Harm::Database("UPDATE customer SET about = '{}' WHERE id = 7"),
            &["--checks", "checks"],
            12,
            "queries",
            "1 rows speak against it",
        ),
    ]
}

impl Yard {
    /// The backup of a case, damaged.
    async fn damaged(&self, name: &str, harm: &Harm) -> PathBuf {
        let ours = || self.ours("shop", name, Format::Custom);
        match harm {
            Harm::Bit(share) => {
                let path = ours().await.path;
                flip(&path, *share, 5);
                path
            }
            Harm::PlainBit(share) => {
                let path = self.plainly("shop", name).await.path;
                flip(&path, *share, 2);
                path
            }
            Harm::Cut(share) => {
                let path = ours().await.path;
                cut(&path, *share);
                path
            }
            Harm::Page => {
                let path = self.plainly("shop", name).await.path;
                let mut bytes = fs::read(&path).unwrap();
                bytes[8192..12288].fill(0);
                fs::write(&path, bytes).unwrap();
                path
            }
            Harm::Manifest(change) => {
                let backup = ours().await;
                resealed(&backup, change);
                backup.path
            }
            Harm::Edited => {
                let backup = ours().await;
                let text = fs::read_to_string(manifest_of(&backup)).unwrap();
                fs::write(manifest_of(&backup), text.replace("\"shop\"", "\"shoq\"")).unwrap();
                backup.path
            }
            Harm::Other => {
                let (one, two) = (ours().await, ours().await);
                fs::copy(manifest_of(&two), manifest_of(&one)).unwrap();
                one.path
            }
            Harm::Alone => {
                let backup = ours().await;
                fs::remove_file(manifest_of(&backup)).unwrap();
                backup.path.parent().unwrap().to_owned()
            }
            Harm::Folder(change) => {
                let backup = self.ours("shop", name, Format::Directory { jobs: 1 }).await;
                change(&backup.path);
                backup.path
            }
            Harm::Foreign(words, file, change) => {
                change(&self.foreign("shop", &format!("{name}/{file}"), words))
            }
            Harm::Database(sql) => {
                self.furnish(name).await;
                self.ground.run(name, sql).await;
                self.ours(name, name, Format::Custom).await.path
            }
            Harm::Dumped(sql) => {
                self.furnish(name).await;
                self.ground.run(name, sql).await;
                self.foreign(name, &format!("{name}/it.dump"), &["-Fc"])
            }
        }
    }
}

/// Where the drill of a case looks.
fn place(path: &Path, harm: &Harm) -> [String; 2] {
    let word = if matches!(harm, Harm::Alone) { "--backups" } else { "--backup" };
    [word.to_owned(), path.to_str().unwrap().to_owned()]
}

async fn each_is_named(cases: Vec<Case>) {
    for (at, major) in servers::majors().iter().enumerate() {
        let yard = Yard::new(*major).await;
        let project = yard.project.path();
        fs::write(project.join("globals.sql"), "CREATE ROLE ann;\n").unwrap();
        fs::create_dir(project.join("checks")).unwrap();
        let query = "SELECT id FROM customer WHERE about = '{}'";
        fs::write(project.join("checks/about.sql"), query).unwrap();
        for (nth, (what, harm, words, code, check, reason)) in cases.iter().enumerate() {
            let can_be = |major| major < SAFE || !BEFORE_SAFE.contains(what);
            if !servers::takes_turn(nth, *major, can_be) {
                continue;
            }
            let path = yard.damaged(&format!("case{at}_{nth}"), harm).await;
            let place = place(&path, harm);
            let mut all: Vec<&str> = place.iter().map(String::as_str).collect();
            all.extend(*words);
            let ran = yard.drill(&all);
            let verdict = if *code == 3 { "environment" } else { "bad-backup" };
            assert_eq!(ran.code, *code, "{what}: {:#}\n{}", ran.report, ran.stderr);
            ran.is(*code, verdict).says(&format!("{check}: ")).says(reason);
            let (ended, detail) = ran.check(check);
            assert_eq!(ended, "failed", "{what}: {detail}");
            let tried = &ran.report["tried"][0];
            if *check != "age" {
                assert_eq!(tried["good"], false, "{what}: {tried}");
            }
        }
        yard.end().await;
    }
}

#[tokio::test]
async fn damaged_files_are_named() {
    each_is_named(of_files()).await;
}

#[tokio::test]
async fn wrong_manifests_are_named() {
    each_is_named(of_manifests()).await;
}

#[tokio::test]
async fn damaged_dumps_of_others_are_named() {
    each_is_named(of_dumps()).await;
}

#[tokio::test]
async fn what_no_backup_should_bring_is_named() {
    each_is_named(of_databases()).await;
}

#[test]
fn there_are_forty_of_them() {
    let count = of_files().len() + of_manifests().len() + of_dumps().len() + of_databases().len();
    assert!(count >= 40, "{count}");
}
