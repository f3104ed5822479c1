//! Flyway. No package has a program of it, so this sends what it sends: the statements of its
//! `PostgreSQLDatabase` and `JdbcTableSchemaHistory` in the order of `DbMigrate`, and decides what is pending as
//! `MigrationInfoServiceImpl` does, as of version 13. Its undo is not among its open sources: what is known of
//! it are the rows that it adds.

use std::collections::BTreeMap;

use rstest::rstest;
use stairway::postgres::{PostgresError, ResultSet, Session};

use crate::native::{Native, Scripts};
use crate::place::{self, Place};

struct Flyway;

/// Ends of lines of two kinds, versions with parts, an index that Flyway itself sends outside of a
/// transaction, and one that a `.conf` does.
const HISTORY: &[Scripts] = &[
    Scripts {
        revision: "1",
        version: "1",
        files: &[
            (
                "V1__create_accounts.sql",
                "CREATE TABLE accounts (\r\n  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\r\n  email \
                 text NOT NULL -- é\r\n);\r\nCREATE FUNCTION two() RETURNS int LANGUAGE plpgsql AS $$ BEGIN \
                 PERFORM 1; RETURN 2; END $$;\r\n",
            ),
            ("U1__create_accounts.sql", "DROP FUNCTION two();\nDROP TABLE accounts;\n"),
        ],
    },
    Scripts {
        revision: "1_2",
        version: "1.2",
        files: &[
            (
                "V1_2__index_accounts.sql",
                "CREATE UNIQUE INDEX CONCURRENTLY accounts_email ON accounts (email);\n",
            ),
            ("U1.2__index_accounts.sql", "DROP INDEX CONCURRENTLY accounts_email;\n"),
        ],
    },
    Scripts {
        revision: "1.10",
        version: "1.10",
        files: &[
            (
                "V1.10__it's_a__note.sql",
                "ALTER TABLE accounts ADD COLUMN note text NOT NULL DEFAULT 'a;b'",
            ),
            ("V1.10__it's_a__note.sql.conf", "executeInTransaction=false\n"),
            ("U1_10__it's_a__note.sql", "ALTER TABLE accounts DROP COLUMN note"),
        ],
    },
];

const VIEW: &str = "CREATE OR REPLACE VIEW seen AS SELECT id, email FROM accounts;\n";

/// A migration as Flyway resolves it.
struct Resolved {
    version: Option<String>,
    description: &'static str,
    script: &'static str,
    text: String,
    in_transaction: bool,
}

impl Resolved {
    /// `ChecksumCalculator`, bit by bit.
    fn checksum(&self) -> i32 {
        let mut sum = u32::MAX;
        let text = self.text.trim_start_matches('\u{feff}');
        for byte in text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')) {
            sum ^= u32::from(byte);
            for _ in 0..8 {
                sum = if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
            }
        }
        (!sum).cast_signed()
    }
}

/// The first `count` of the history, and what may be run again.
fn resolved(place: &Place, count: usize) -> Vec<Resolved> {
    let names = ["create accounts", "index accounts", "it's a  note"];
    let read =
        |file: &str| std::fs::read_to_string(place.path().join("migrations").join(file)).ok();
    let versioned = HISTORY[..count].iter().zip(names).map(|(scripts, description)| Resolved {
        version: Some(scripts.version.to_owned()),
        description,
        script: scripts.files[0].0,
        text: read(scripts.files[0].0).unwrap(),
        in_transaction: scripts.version == "1",
    });
    let repeatable = read("R__seen.sql").map(|text| Resolved {
        version: None,
        description: "seen",
        script: "R__seen.sql",
        text,
        in_transaction: true,
    });
    versioned.chain(repeatable).collect()
}

const TABLE: &str = "\"public\".\"flyway_schema_history\"";

/// `DbMigrate`
struct Migrate {
    session: Session,
}

impl Migrate {
    /// `JdbcTableSchemaHistory.create` with `PostgreSQLDatabase.getRawCreateScript`
    async fn open(place: &Place, database: &str) -> Self {
        let mut session = Session::connect(&place.target(database), "test").await.unwrap();
        let there = format!("SELECT to_regclass('{TABLE}') IS NOT NULL");
        if session.value(&there).await.unwrap().unwrap() != "t" {
            for statement in [
                "BEGIN".to_owned(),
                format!(
                    "CREATE TABLE {TABLE} (\n    \"installed_rank\" INT NOT NULL,\n    \"version\" \
                     VARCHAR(50),\n    \"description\" VARCHAR(200) NOT NULL,\n    \"type\" VARCHAR(20) NOT \
                     NULL,\n    \"script\" VARCHAR(1000) NOT NULL,\n    \"checksum\" INTEGER,\n    \
                     \"installed_by\" VARCHAR(100) NOT NULL,\n    \"installed_on\" TIMESTAMP NOT NULL DEFAULT \
                     now(),\n    \"execution_time\" INTEGER NOT NULL,\n    \"success\" BOOLEAN NOT NULL\n)"
                ),
                format!(
                    "ALTER TABLE {TABLE} ADD CONSTRAINT \"flyway_schema_history_pk\" PRIMARY KEY \
                     (\"installed_rank\")"
                ),
                format!("CREATE INDEX \"flyway_schema_history_s_idx\" ON {TABLE} (\"success\")"),
                "COMMIT".to_owned(),
            ] {
                session.execute(&statement).await.unwrap();
            }
        }
        Self { session }
    }

    /// What is pending: versioned ones without a row, and those that changed since their last row.
    async fn pending(&mut self, all: Vec<Resolved>) -> Vec<Resolved> {
        let select = format!(
            "SELECT version, description, checksum, success, type FROM {TABLE} ORDER BY installed_rank"
        );
        let mut last = BTreeMap::new();
        for row in self.session.rows(&select).await.unwrap() {
            assert_eq!(row[3].as_deref(), Some("t"), "Schema contains a failed migration");
            let known = ["SQL", "BASELINE", "SCHEMA", "DELETE", "JDBC"];
            assert!(known.contains(&row[4].as_deref().unwrap()), "FlywayUnknownMigrationType");
            let name = row[0].clone().or(row[1].clone()).unwrap();
            last.insert(name, row[2].clone());
        }
        let is_pending = |it: &Resolved| {
            let name = it.version.clone().unwrap_or_else(|| it.description.to_owned());
            let checksum = it.checksum().to_string();
            match last.get(&name) {
                None => true,
                Some(row) if it.version.is_none() => row.as_deref() != Some(&*checksum),
                Some(row) => {
                    // `validate`, which comes first.
                    assert_eq!(row.as_deref(), Some(&*checksum), "Migration checksum mismatch");
                    false
                }
            }
        };
        all.into_iter().filter(is_pending).collect()
    }

    /// `doMigrateGroup` and `addAppliedMigration`
    async fn apply(&mut self, one: &Resolved) -> Result<(), PostgresError> {
        if one.in_transaction {
            self.session.execute("BEGIN").await?;
        }
        let done = self.session.execute(&one.text).await;
        if done.is_err() && one.in_transaction {
            self.session.execute("ROLLBACK").await?;
            return done;
        }
        let rank = format!("SELECT coalesce(max(installed_rank), 0) + 1 FROM {TABLE}");
        let rank = self.session.value(&rank).await?.unwrap();
        let version = one.version.as_ref().map_or("NULL".to_owned(), |it| format!("'{it}'"));
        let insert = format!(
            "INSERT INTO {TABLE} (\"installed_rank\", \"version\", \"description\", \"type\", \"script\", \
             \"checksum\", \"installed_by\", \"execution_time\", \"success\") VALUES ({rank}, {version}, '{}', \
             'SQL', '{}', {}, current_user, 7, {})",
            one.description.replace('\'', "''"),
            one.script.replace('\'', "''"),
            one.checksum(),
            done.is_ok()
        );
        self.session.execute(&insert).await?;
        if one.in_transaction {
            self.session.execute("COMMIT").await?;
        }
        done
    }
}

impl Native for Flyway {
    fn name(&self) -> &'static str {
        "flyway"
    }

    fn table(&self) -> &'static str {
        "flyway_schema_history"
    }

    fn columns(&self) -> &'static str {
        "installed_rank, version, description, type, script, checksum, installed_by, success"
    }

    fn applied_at(&self) -> &'static str {
        "installed_on::timestamptz"
    }

    fn history(&self) -> &'static [Scripts] {
        HISTORY
    }

    fn applied(&self, place: &Place, database: &str) -> usize {
        place.wait(async {
            let mut migrate = Migrate::open(place, database).await;
            let all = resolved(place, HISTORY.len());
            let count = all.len();
            count - migrate.pending(all).await.len()
        })
    }

    fn go(&self, place: &Place, database: &str, count: usize) {
        place.wait(async {
            let mut migrate = Migrate::open(place, database).await;
            for one in migrate.pending(resolved(place, count)).await {
                migrate.apply(&one).await.unwrap();
            }
        });
    }

    fn finds_nothing_to_do(&self, place: &Place, database: &str) {
        let all = resolved(place, HISTORY.len()).len();
        assert_eq!(self.applied(place, database), all);
    }
}

fn on(major: u32, test: impl Fn(&Place)) {
    if let Some(place) = Place::new(major, &Flyway) {
        test(&place);
    }
}

/// What it leaves after each number of migrations.
fn learn(place: &Place) -> Vec<(ResultSet, String)> {
    place.make("theirs");
    let of = |count| {
        Flyway.go(place, "theirs", count);
        (place.rows("theirs", &Flyway), place.schema("theirs"))
    };
    (0..=HISTORY.len()).map(of).collect()
}

#[rstest]
fn stairway_leaves_what_flyway_would(#[values(15, 18)] major: u32) {
    on(major, |place| {
        let learnt = learn(place);
        let count = HISTORY.len();
        place.make("ours");
        let began = place.value("ours", "SELECT clock_timestamp()::timestamp");
        place.stairway("ours", "upgrade").ended(0).says("there and back and there again");
        let holds = |database: &str, applied: usize| {
            let (rows, schema) = &learnt[applied];
            assert_eq!(place.rows(database, &Flyway), *rows, "after {applied}");
            assert_eq!(place.schema(database), *schema, "after {applied}");
        };
        holds("ours", count);
        let strange = format!(
            "SELECT count(*) FROM flyway_schema_history WHERE installed_on NOT BETWEEN '{began}' AND \
             clock_timestamp()::timestamp"
        );
        assert_eq!(place.value("ours", &strange), "0");
        Flyway.finds_nothing_to_do(place, "ours");
        place.stairway("ours", "downgrade base --skip-backup").ended(0);
        holds("ours", 0);
        Flyway.go(place, "ours", count);
        holds("ours", count);
        place.sql("theirs", "DROP TABLE flyway_schema_history");
        place.stairway("theirs", "stamp 1.10 --reason adopted").ended(0);
        holds("theirs", count);
        place.stairway("theirs", "stamp 1 --reason mistaken").ended(0);
        assert_eq!(place.rows("theirs", &Flyway), learnt[1].0);
        place.stairway("theirs", "stamp base --reason mistaken").ended(0);
        assert_eq!(place.rows("theirs", &Flyway), learnt[0].0);
    });
}

#[test]
fn flyway_and_stairway_take_turns() {
    for major in place::majors(1) {
        on(major, |place| {
            let learnt = learn(place);
            place.make("shared");
            for before in 0..HISTORY.len() {
                place.stairway("shared", "upgrade +1 --skip-backup").ended(0);
                assert_eq!(place.rows("shared", &Flyway), learnt[before + 1].0);
                Flyway.go(place, "shared", before + 1);
                assert_eq!(place.rows("shared", &Flyway), learnt[before + 1].0, "it ran again");
                place.stairway("shared", "downgrade -1 --skip-backup").ended(0);
                assert_eq!(place.rows("shared", &Flyway), learnt[before].0);
                Flyway.go(place, "shared", before + 1);
                assert_eq!(place.rows("shared", &Flyway), learnt[before + 1].0);
                let ran = place.stairway("shared", "current");
                assert!(ran.ended(0).said.starts_with(HISTORY[before].revision), "{}", ran.said);
            }
            place.stairway("shared", "upgrade").ended(0).says("nothing to do");
        });
    }
}

/// It comes last, is run again when it changed, and Flyway agrees each time that nothing is left.
#[rstest]
fn what_is_repeatable_is_run_at_head(#[values(15, 18)] major: u32) {
    on(major, |place| {
        place.write_migration("R__seen.sql", VIEW);
        place.make("shop");
        let upgrade = "upgrade --skip-backup --skip-test";
        Flyway.go(place, "shop", 1);
        place.stairway("shop", upgrade).ended(0);
        Flyway.finds_nothing_to_do(place, "shop");
        let ran = place.stairway("shop", "current");
        assert!(ran.ended(0).said.starts_with("R__seen (head)\n"), "{}", ran.said);
        place.stairway("shop", upgrade).ended(0).says("nothing to do");
        // Now it shows one column more.
        place.write_migration("R__seen.sql", &VIEW.replace("id, email", "id, email, note"));
        let ran = place.stairway("shop", "current");
        assert!(ran.ended(0).said.starts_with("1.10\n"), "{}", ran.said);
        place.stairway("shop", upgrade).ended(0);
        Flyway.finds_nothing_to_do(place, "shop");
        let rows = "SELECT version, description, count(*) FROM flyway_schema_history \
                    GROUP BY 1, 2 ORDER BY min(installed_rank)";
        let told: Vec<String> = place
            .sql("shop", rows)
            .into_iter()
            .map(|row| row.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>().join("|"))
            .collect();
        assert_eq!(
            told,
            ["1|create accounts|1", "|seen|3", "1.2|index accounts|1", "1.10|it's a  note|1"]
        );
        // Flyway's turn.
        place.write_migration("R__seen.sql", VIEW.trim_end());
        place.sql("shop", "DROP VIEW seen");
        Flyway.go(place, "shop", HISTORY.len());
        // A schema that changed and a place that did not: who changed it can't be told.
        place.stairway("shop", upgrade).ended(10).says("the schema was changed since the last run");
        let upgrade = format!("{upgrade} --allow-drift");
        place.stairway("shop", &upgrade).ended(0).says("nothing to do");
        let ran = place.stairway("shop", "downgrade -1 --skip-backup");
        ran.ended(10).says("R__seen has no downgrade");
        let ran = place.stairway("shop", "verify --no-rows");
        ran.ended(0).says("Flyway takes no repeatable migration back");
    });
}

/// Rows that only some editions write, and a baseline.
#[rstest]
fn rows_of_other_kinds_are_understood(#[values(15, 18)] major: u32) {
    on(major, |place| {
        place.make("shop");
        Flyway.go(place, "shop", 2);
        let insert = "INSERT INTO flyway_schema_history VALUES";
        let rest = "'x', NULL, 'x', now(), 0";
        place.sql(
            "shop",
            &format!("{insert} (3, '1.2', 'index accounts', 'UNDO_SQL', {rest}, true)"),
        );
        let ran = place.stairway("shop", "current");
        assert!(ran.ended(0).said.starts_with("1\n"), "{}", ran.said);
        place.sql("shop", &format!("{insert} (4, '1.2', 'index accounts', 'SQL', {rest}, false)"));
        let ran = place.stairway("shop", "upgrade --skip-backup");
        ran.ended(10).says("1.2 was begun and not finished (dirty)");
        place.sql("shop", "DELETE FROM flyway_schema_history");
        place.sql("shop", &format!("{insert} (1, '1.2', 'so far', 'BASELINE', {rest}, true)"));
        let ran = place.stairway("shop", "current");
        assert!(ran.ended(0).said.starts_with("1_2\n"), "{}", ran.said);
        place.stairway("shop", "upgrade --skip-backup").ended(0);
        let left = "SELECT string_agg(version || ' ' || type, ', ' ORDER BY installed_rank) \
                    FROM flyway_schema_history";
        assert_eq!(place.value("shop", left), "1.2 BASELINE, 1.10 SQL");
        place.sql("shop", &format!("{insert} (9, '2', 'gone', 'SQL', {rest}, true)"));
        let ran = place.stairway("shop", "current");
        ran.ended(1).says("unknown-revision: the version table names 2, which has no file");
    });
}
