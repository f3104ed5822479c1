//! golang-migrate. No package has a program of it, so this sends what it sends: the statements of
//! `database/postgres/postgres.go` in the order of `migrate.go`, as of version 4.19; `database/pgx` and
//! `pgx/v5` send the same. Left out are placeholders, which can't matter to rows, and the number of its
//! advisory lock. Where its program `migrate` is there, it takes turns as well.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rstest::rstest;
use stairway::postgres::{PostgresError, Session, quote_ident};

use crate::native::{self, Native, Scripts};
use crate::place::{self, Place};
use crate::turns;

pub(crate) struct GolangMigrate;

const HISTORY: &[Scripts] = &[
    Scripts {
        revision: "000001",
        version: "1",
        files: &[
            (
                "000001_create_accounts.up.sql",
                "CREATE TABLE accounts (\r\n  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\r\n  \
                 email text NOT NULL -- é\r\n);\r\nCREATE FUNCTION two() RETURNS int LANGUAGE plpgsql \
                 AS $$ BEGIN PERFORM 1; RETURN 2; END $$;\r\n",
            ),
            ("000001_create_accounts.down.sql", "DROP FUNCTION two();\nDROP TABLE accounts;\n"),
        ],
    },
    // One statement alone is sent outside of any transaction.
    Scripts {
        revision: "000002",
        version: "2",
        files: &[
            (
                "000002_index_accounts.up.sql",
                "CREATE UNIQUE INDEX CONCURRENTLY accounts_email ON accounts (email);\n",
            ),
            ("000002_index_accounts.down.sql", "DROP INDEX CONCURRENTLY accounts_email;\n"),
        ],
    },
    Scripts {
        revision: "000007",
        version: "7",
        files: &[
            (
                "000007_note.up.sql",
                "BEGIN;\nALTER TABLE accounts ADD COLUMN note text NOT NULL DEFAULT 'a;b';\nCOMMIT;\n",
            ),
            ("000007_note.down.sql", "ALTER TABLE accounts DROP COLUMN note"),
        ],
    },
];

/// No migration at all, as it calls it.
const NIL: i64 = -1;

/// What it refuses.
#[derive(Debug)]
enum Refused {
    /// "Dirty database version %v. Fix and force version."
    Dirty(i64),
    /// "no change"
    NoChange,
    Sql(#[allow(dead_code, reason = "shown where a test fails")] PostgresError),
}

impl From<PostgresError> for Refused {
    fn from(error: PostgresError) -> Self {
        Self::Sql(error)
    }
}

/// `type Postgres`, and of `type Migrate` what moves it.
struct Driver<'p> {
    place: &'p Place,
    session: Session,
    table: String,
}

impl<'p> Driver<'p> {
    /// `WithConnection` and `ensureVersionTable`.
    async fn open(place: &'p Place, database: &str) -> Self {
        let mut session = Session::connect(&place.target(database), "test").await.unwrap();
        session.value("SELECT CURRENT_DATABASE()").await.unwrap();
        let schema = session.value("SELECT CURRENT_SCHEMA()").await.unwrap().unwrap();
        let there = format!(
            "SELECT COUNT(1) FROM information_schema.tables WHERE table_schema = '{schema}' AND \
             table_name = 'schema_migrations' LIMIT 1"
        );
        let table = format!("{}.{}", quote_ident(&schema), "\"schema_migrations\"");
        if session.value(&there).await.unwrap().unwrap() != "1" {
            let create = format!(
                "CREATE TABLE IF NOT EXISTS {table} (version bigint not null primary key, dirty \
                 boolean not null)"
            );
            session.execute(&create).await.unwrap();
        }
        Self { place, session, table }
    }

    /// `Version`
    async fn version(&mut self) -> Result<i64, Refused> {
        let sql = format!("SELECT version, dirty FROM {} LIMIT 1", self.table);
        let row = self.session.rows(&sql).await?.into_iter().next();
        let row: Vec<String> = row.into_iter().flatten().flatten().collect();
        let Some(version) = row.first() else { return Ok(NIL) };
        let version = version.parse().unwrap();
        if row[1] == "t" { Err(Refused::Dirty(version)) } else { Ok(version) }
    }

    /// `SetVersion`
    async fn set_version(&mut self, version: i64, dirty: bool) -> Result<(), Refused> {
        self.session.execute("BEGIN").await?;
        self.session.execute(&format!("TRUNCATE {}", self.table)).await?;
        if version >= 0 || (version == NIL && dirty) {
            let (table, cells) = (&self.table, format!("{version}, {dirty}"));
            let insert = format!("INSERT INTO {table} (version, dirty) VALUES ({cells})");
            self.session.execute(&insert).await?;
        }
        self.session.execute("COMMIT").await?;
        Ok(())
    }

    /// One turn of `runMigrations`; `Run` sends a file as one message.
    async fn run(&mut self, file: &Path, leads_to: i64) -> Result<(), Refused> {
        self.set_version(leads_to, true).await?;
        let text = std::fs::read_to_string(file).unwrap();
        if !text.trim().is_empty() {
            self.session.execute(&text).await?;
        }
        self.set_version(leads_to, false).await
    }

    /// `Migrate`: until the first `count` are applied.
    async fn migrate(&mut self, count: usize) -> Result<(), Refused> {
        let folder = self.place.path().join("migrations");
        let version = self.version().await?;
        let mut at = place_of(version);
        if at == count {
            return Err(Refused::NoChange);
        }
        while at < count {
            let next = &HISTORY[at];
            self.run(&folder.join(next.files[0].0), next.version.parse().unwrap()).await?;
            at += 1;
        }
        while at > count {
            let before =
                at.checked_sub(2).map_or(NIL, |before| HISTORY[before].version.parse().unwrap());
            self.run(&folder.join(HISTORY[at - 1].files[1].0), before).await?;
            at -= 1;
        }
        Ok(())
    }
}

/// `versionExists`, which fails where there is no file.
fn place_of(version: i64) -> usize {
    if version == NIL {
        return 0;
    }
    let is_it = |files: &Scripts| files.version == version.to_string();
    HISTORY.iter().position(is_it).expect("no migration found for version") + 1
}

impl Native for GolangMigrate {
    fn name(&self) -> &'static str {
        "golang-migrate"
    }

    fn table(&self) -> &'static str {
        "schema_migrations"
    }

    fn columns(&self) -> &'static str {
        "version, dirty"
    }

    fn applied_at(&self) -> &'static str {
        "NULL::timestamptz"
    }

    fn history(&self) -> &'static [Scripts] {
        HISTORY
    }

    fn applied(&self, place: &Place, database: &str) -> usize {
        place.wait(async {
            let mut driver = Driver::open(place, database).await;
            place_of(driver.version().await.unwrap())
        })
    }

    fn go(&self, place: &Place, database: &str, count: usize) {
        place.wait(async {
            match Driver::open(place, database).await.migrate(count).await {
                Ok(()) | Err(Refused::NoChange) => {}
                Err(error) => panic!("{error:?}"),
            }
        });
    }

    fn finds_nothing_to_do(&self, place: &Place, database: &str) {
        place.wait(async {
            let up = Driver::open(place, database).await.migrate(HISTORY.len()).await;
            assert!(matches!(up, Err(Refused::NoChange)), "{up:?}");
        });
    }
}

/// The program itself.
struct Migrate(PathBuf);

impl Migrate {
    /// In the folders of tools; other programs have the same name.
    fn find() -> Option<Self> {
        let help = |path: &Path| {
            let output = Command::new(path).arg("-help").output();
            output.is_ok_and(|it| String::from_utf8_lossy(&it.stderr).contains("force V"))
        };
        let found = native::find("migrate").filter(|path| help(path));
        if found.is_none() {
            eprintln!("SKIPPED: there is no golang-migrate here, only its statements were tried");
        }
        found.map(Self)
    }

    /// Everything that it says, which goes to stderr.
    fn say(&self, place: &Place, database: &str, words: &[&str]) -> (bool, String) {
        // Its driver takes no socket in a URL.
        let where_it_is = place.target(database).libpq_environment();
        let plain = ["PGHOST", "PGPORT", "PGUSER", "PGPASSWORD"];
        let output = Command::new(&self.0)
            .args(["-path", "migrations", "-database"])
            .arg(format!("postgres:///{database}?sslmode=disable"))
            .args(words)
            .current_dir(place.path())
            .envs(where_it_is.into_iter().filter(|(name, _)| plain.contains(name)))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    }
}

impl Native for Migrate {
    fn name(&self) -> &'static str {
        GolangMigrate.name()
    }

    fn table(&self) -> &'static str {
        GolangMigrate.table()
    }

    fn columns(&self) -> &'static str {
        GolangMigrate.columns()
    }

    fn applied_at(&self) -> &'static str {
        GolangMigrate.applied_at()
    }

    fn history(&self) -> &'static [Scripts] {
        HISTORY
    }

    fn applied(&self, place: &Place, database: &str) -> usize {
        let (is_good, said) = self.say(place, database, &["version"]);
        if !is_good && said.contains("no migration") {
            return 0;
        }
        place_of(said.trim().parse().unwrap_or_else(|_| panic!("{said}")))
    }

    fn go(&self, place: &Place, database: &str, count: usize) {
        let last = count.checked_sub(1).map(|last| HISTORY[last].version);
        let words = last.map_or(["down", "-all"], |version| ["goto", version]);
        let (is_good, said) = self.say(place, database, &words);
        assert!(is_good || said.contains("no change"), "{words:?}: {said}");
    }

    fn finds_nothing_to_do(&self, place: &Place, database: &str) {
        let (is_good, said) = self.say(place, database, &["up"]);
        assert!(is_good && said.contains("no change"), "{said}");
    }
}

fn on(major: u32, test: impl Fn(&Place)) {
    if let Some(place) = Place::new(major, &GolangMigrate) {
        test(&place);
    }
}

#[rstest]
fn stairway_leaves_what_golang_migrate_would(#[values(15, 18)] major: u32) {
    on(major, |place| turns::stairway_leaves_what_the_tool_would(place, &GolangMigrate));
}

#[test]
fn golang_migrate_and_stairway_take_turns() {
    for major in place::majors(0) {
        on(major, |place| turns::they_take_turns(place, &GolangMigrate));
    }
}

#[rstest]
fn stairway_leaves_what_the_program_would(#[values(15, 18)] major: u32) {
    let Some(migrate) = Migrate::find() else { return };
    on(major, |place| {
        turns::stairway_leaves_what_the_tool_would(place, &migrate);
    });
    on(major, |place| turns::they_take_turns(place, &migrate));
}

/// What it left half-way stops both, until `stamp` says what the database is.
#[rstest]
fn a_dirty_version_stops_both(#[values(15, 18)] major: u32) {
    on(major, |place| {
        place.make("shop");
        GolangMigrate.go(place, "shop", 1);
        place.sql("shop", "INSERT INTO accounts (email) VALUES ('same'), ('same')");
        place.wait(async {
            let mut driver = Driver::open(place, "shop").await;
            let failed = driver.migrate(2).await;
            assert!(matches!(failed, Err(Refused::Sql(_))), "{failed:?}");
            let refused = driver.migrate(2).await;
            assert!(matches!(refused, Err(Refused::Dirty(2))), "{refused:?}");
        });
        place.sql("shop", "DELETE FROM accounts");
        for words in ["upgrade", "downgrade -1"] {
            let ran = place.stairway("shop", &format!("{words} --skip-backup"));
            ran.ended(10).says("2 was begun and not finished (dirty)");
            ran.says("`stairway stamp 000002 --reason ..` if all of it is there");
            ran.says("`stairway stamp 000001 --reason ..` if nothing is");
        }
        place.stairway("shop", "current").ended(1).says("dirty: 2 was begun and not finished");
        place.sql("shop", "DROP INDEX accounts_email");
        place.stairway("shop", "stamp 000001 --reason nothing").ended(0);
        assert_eq!(GolangMigrate.applied(place, "shop"), 1);
        let from = "SELECT revision_from || ' ' || revision_to FROM stairway.run";
        assert_eq!(place.value("shop", from), "000001 000001");
        place.stairway("shop", "upgrade --skip-backup").ended(0);
        GolangMigrate.finds_nothing_to_do(place, "shop");
    });
}

/// The first migration that fails on its way back leaves -1, which is no migration at all.
#[rstest]
fn a_dirty_base_stops_both(#[values(15, 18)] major: u32) {
    on(major, |place| {
        place.make("shop");
        GolangMigrate.go(place, "shop", 1);
        place.sql("shop", "CREATE VIEW seen AS SELECT * FROM accounts");
        place.wait(async {
            let mut driver = Driver::open(place, "shop").await;
            let failed = driver.migrate(0).await;
            assert!(matches!(failed, Err(Refused::Sql(_))), "{failed:?}");
            let refused = driver.migrate(0).await;
            assert!(matches!(refused, Err(Refused::Dirty(NIL))), "{refused:?}");
        });
        let ran = place.stairway("shop", "upgrade --skip-backup");
        ran.ended(10).says("-1 was begun and not finished (dirty)");
        ran.says("if nothing of it is there, `stairway stamp base --reason ..`");
        // Half of it would be gone if it were not one message; all of it is still there.
        place.stairway("shop", "stamp 000001 --reason undone").ended(0);
        assert_eq!(GolangMigrate.applied(place, "shop"), 1);
        place.sql("shop", "DROP VIEW seen");
        place.stairway("shop", "downgrade base --skip-backup --allow-drift").ended(0);
        assert_eq!(GolangMigrate.applied(place, "shop"), 0);
        assert_eq!(place.value("shop", "SELECT count(*) FROM schema_migrations"), "0");
    });
}
