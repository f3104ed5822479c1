//! sqlx: the program `sqlx` of the crate `sqlx-cli`.

use std::path::PathBuf;

use rstest::rstest;

use crate::native::{self, Native, Scripts};
use crate::place::{self, Place};
use crate::turns;

pub(crate) struct Sqlx(PathBuf);

impl Sqlx {
    pub(crate) fn find() -> Option<Self> {
        native::program("sqlx").map(Self)
    }

    /// What it says when it does not run anything.
    fn refuses(&self, place: &Place, database: &str) -> String {
        let output = native::run(&self.0, place, database, &["migrate", "run"]);
        assert!(!output.status.success());
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }

    /// With the folder of the whole history.
    fn migrate(&self, place: &Place, database: &str, words: &[&str]) -> String {
        native::printed(&self.0, place, database, &[&["migrate"], words].concat())
    }
}

/// Line ends of two kinds, a body with semicolons, a version with a leading zero, blanks for
/// underscores, a quote in a name: all of it is in a description or a checksum.
const HISTORY: &[Scripts] = &[
    Scripts {
        revision: "20240131120000",
        version: "20240131120000",
        files: &[
            (
                "20240131120000_create_accounts.up.sql",
                "CREATE TABLE accounts (\r\n  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\r\n  \
                 email text NOT NULL -- é\r\n);\r\nCREATE FUNCTION two() RETURNS int LANGUAGE plpgsql \
                 AS $$ BEGIN PERFORM 1; RETURN 2; END $$;\r\n",
            ),
            (
                "20240131120000_create_accounts.down.sql",
                "DROP FUNCTION two();\nDROP TABLE accounts;\n",
            ),
        ],
    },
    Scripts {
        revision: "20240201000000",
        version: "20240201000000",
        files: &[
            (
                "20240201000000_index_accounts.up.sql",
                "-- no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY accounts_email ON accounts (email);\n",
            ),
            (
                "20240201000000_index_accounts.down.sql",
                "-- no-transaction\nDROP INDEX CONCURRENTLY accounts_email;\n",
            ),
        ],
    },
    Scripts {
        revision: "020240301000000",
        version: "20240301000000",
        files: &[
            (
                "020240301000000_it's_a__note.up.sql",
                "ALTER TABLE accounts ADD COLUMN note text NOT NULL DEFAULT 'a;b'",
            ),
            ("020240301000000_it's_a__note.down.sql", "ALTER TABLE accounts DROP COLUMN note"),
        ],
    },
];

impl Native for Sqlx {
    fn name(&self) -> &'static str {
        "sqlx"
    }

    fn table(&self) -> &'static str {
        "_sqlx_migrations"
    }

    fn columns(&self) -> &'static str {
        "version, description, success, checksum"
    }

    fn applied_at(&self) -> &'static str {
        "installed_on"
    }

    fn history(&self) -> &'static [Scripts] {
        HISTORY
    }

    fn applied(&self, place: &Place, database: &str) -> usize {
        let said = self.migrate(place, database, &["info"]);
        assert!(!said.contains("different checksum"), "{said}");
        said.lines().filter(|line| line.contains("/installed ")).count()
    }

    fn go(&self, place: &Place, database: &str, count: usize) {
        let applied = self.applied(place, database);
        let target = count.checked_sub(1).map_or("0", |last| HISTORY[last].version);
        match applied.cmp(&count) {
            std::cmp::Ordering::Less => {
                self.migrate(place, database, &["run", "--target-version", target]);
            }
            std::cmp::Ordering::Greater => {
                self.migrate(place, database, &["revert", "--target-version", target]);
            }
            std::cmp::Ordering::Equal => {}
        }
    }

    fn finds_nothing_to_do(&self, place: &Place, database: &str) {
        assert_eq!(self.migrate(place, database, &["run"]), "");
        let info = self.migrate(place, database, &["info"]);
        assert_eq!(info.lines().filter(|line| line.contains("/installed ")).count(), HISTORY.len());
        assert!(!info.contains("pending"), "{info}");
    }
}

/// Runs a test with sqlx on a server of this major, if both are there.
fn on(major: u32, test: impl Fn(&Place, &Sqlx)) {
    let Some(sqlx) = Sqlx::find() else { return };
    if let Some(place) = Place::new(major, &sqlx) {
        test(&place, &sqlx);
    }
}

#[rstest]
fn stairway_leaves_what_sqlx_would(#[values(15, 18)] major: u32) {
    on(major, |place, sqlx| {
        turns::stairway_leaves_what_the_tool_would(place, sqlx);
        // sqlx can stamp as well, and then the rows agree in everything but the moment.
        place.make("skipped");
        sqlx.migrate(place, "skipped", &["override", "skip"]);
        place.stairway("theirs", "stamp head --reason again").ended(0);
        let all = "SELECT version, description, success, checksum, execution_time \
                   FROM _sqlx_migrations ORDER BY 1";
        assert_eq!(place.sql("theirs", all), place.sql("skipped", all));
    });
}

#[test]
fn sqlx_and_stairway_take_turns() {
    for major in place::majors(0) {
        on(major, |place, sqlx| turns::they_take_turns(place, sqlx));
    }
}

/// An applied migration that was edited stops both, until somebody says that the new text is meant.
#[rstest]
fn an_edited_migration_stops_both(#[values(15, 18)] major: u32) {
    on(major, |place, sqlx| {
        place.make("shop");
        sqlx.go(place, "shop", 2);
        let before = place.rows("shop", sqlx);
        let (file, text) = HISTORY[0].files[0];
        place.write_migration(file, &format!("{text}-- more\n"));
        let said = sqlx.refuses(place, "shop");
        assert!(
            said.contains("20240131120000 was previously applied but has been modified"),
            "{said}"
        );
        for words in ["upgrade", "downgrade -1", "upgrade --dry-run"] {
            let ran = place.stairway("shop", &format!("{words} --skip-backup"));
            ran.ended(10).says("20240131120000 was edited after it was applied");
            ran.says("`stairway stamp 20240201000000 --reason ..` accepts the new text");
        }
        place.stairway("shop", "current").ended(1).says("checksum-mismatch");
        assert_eq!(place.rows("shop", sqlx), before);
        assert_eq!(place.value("shop", "SELECT to_regclass('stairway.run') IS NULL"), "t");

        let untouched = "SELECT xmin FROM _sqlx_migrations WHERE version = 20240201000000";
        let row = place.value("shop", untouched);
        place.stairway("shop", "stamp 20240201000000 --reason reformatted").ended(0);
        assert_eq!(place.value("shop", untouched), row, "a row that was right was written");
        assert_eq!(sqlx.applied(place, "shop"), 2);
        sqlx.go(place, "shop", 3);
        place.stairway("shop", "upgrade --skip-backup").ended(0).says("nothing to do");
        place.stairway("shop", "downgrade base --skip-backup").ended(0);
        assert_eq!(sqlx.applied(place, "shop"), 0);
    });
}

/// `success = false` is a migration that nobody knows the end of.
#[rstest]
fn an_unfinished_migration_stops_both(#[values(15, 18)] major: u32) {
    on(major, |place, sqlx| {
        place.make("shop");
        sqlx.go(place, "shop", 2);
        let whole = place.rows("shop", sqlx);
        place.sql(
            "shop",
            "UPDATE _sqlx_migrations SET success = false WHERE version = 20240201000000",
        );
        let said = sqlx.refuses(place, "shop");
        assert!(said.contains("20240201000000 is partially applied"), "{said}");
        for words in ["upgrade", "downgrade -1"] {
            let ran = place.stairway("shop", &format!("{words} --skip-backup"));
            ran.ended(10).says("20240201000000 was begun and not finished (dirty)");
            ran.says("`stairway stamp 20240201000000 --reason ..` if all of it is there");
            ran.says("`stairway stamp 20240131120000 --reason ..` if nothing is");
        }
        place.stairway("shop", "current").ended(1).says("dirty: 20240201000000");
        place.stairway("shop", "stamp 20240201000000 --reason finished").ended(0);
        assert_eq!(place.rows("shop", sqlx), whole);
        sqlx.go(place, "shop", 3);
        sqlx.finds_nothing_to_do(place, "shop");
    });
}
