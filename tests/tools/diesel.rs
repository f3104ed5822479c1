//! Diesel: the program `diesel` of the crate `diesel_cli`.

use std::path::PathBuf;

use rstest::rstest;

use crate::native::{self, Native, Scripts};
use crate::place::{self, Place};
use crate::turns;

pub(crate) struct Diesel(PathBuf);

impl Diesel {
    pub(crate) fn find() -> Option<Self> {
        native::program("diesel").map(Self)
    }

    /// With the folder of the first `count` migrations.
    fn migration(&self, place: &Place, database: &str, count: usize, words: &[&str]) -> String {
        let folder = place.first(count);
        let words = [&["migration", "--migration-dir", &folder], words].concat();
        native::printed(&self.0, place, database, &words)
    }
}

/// Versions with hyphens and without, and a `metadata.toml` that says no, and one that says nothing:
/// Diesel takes that for a no.
const HISTORY: &[Scripts] = &[
    Scripts {
        revision: "2024-01-31-120000",
        version: "20240131120000",
        files: &[
            (
                "2024-01-31-120000_create_accounts/up.sql",
                "CREATE TABLE accounts (\r\n  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\r\n  \
                 email text NOT NULL -- é\r\n);\r\nCREATE FUNCTION two() RETURNS int LANGUAGE plpgsql \
                 AS $$ BEGIN PERFORM 1; RETURN 2; END $$;\r\n",
            ),
            (
                "2024-01-31-120000_create_accounts/down.sql",
                "DROP FUNCTION two();\nDROP TABLE accounts;\n",
            ),
        ],
    },
    Scripts {
        revision: "2024-02-01-000000-0001",
        version: "202402010000000001",
        files: &[
            (
                "2024-02-01-000000-0001_index_accounts/up.sql",
                "CREATE UNIQUE INDEX CONCURRENTLY accounts_email ON accounts (email);\n",
            ),
            (
                "2024-02-01-000000-0001_index_accounts/down.sql",
                "DROP INDEX CONCURRENTLY accounts_email;\n",
            ),
            ("2024-02-01-000000-0001_index_accounts/metadata.toml", "run_in_transaction = false\n"),
        ],
    },
    Scripts {
        revision: "20240301000000",
        version: "20240301000000",
        files: &[
            (
                "20240301000000_it's_a__note/up.sql",
                "ALTER TABLE accounts ADD COLUMN note text NOT NULL DEFAULT 'a;b'",
            ),
            ("20240301000000_it's_a__note/down.sql", "ALTER TABLE accounts DROP COLUMN note"),
            ("20240301000000_it's_a__note/metadata.toml", "run_in_transaction = true\n"),
        ],
    },
    Scripts {
        revision: "20240401000000",
        version: "20240401000000",
        files: &[
            (
                "20240401000000_silent/up.sql",
                "CREATE INDEX CONCURRENTLY accounts_note ON accounts (note);\n",
            ),
            ("20240401000000_silent/down.sql", "DROP INDEX CONCURRENTLY accounts_note;\n"),
            ("20240401000000_silent/metadata.toml", "# nothing yet\n"),
        ],
    },
];

impl Native for Diesel {
    fn name(&self) -> &'static str {
        "diesel"
    }

    fn table(&self) -> &'static str {
        "__diesel_schema_migrations"
    }

    fn columns(&self) -> &'static str {
        "version"
    }

    fn applied_at(&self) -> &'static str {
        // Diesel's sessions are in UTC, whatever the database says.
        "run_on AT TIME ZONE 'UTC'"
    }

    fn history(&self) -> &'static [Scripts] {
        HISTORY
    }

    fn applied(&self, place: &Place, database: &str) -> usize {
        let said = self.migration(place, database, HISTORY.len(), &["list"]);
        said.lines().filter(|line| line.contains("[X]")).count()
    }

    fn go(&self, place: &Place, database: &str, count: usize) {
        let applied = self.applied(place, database);
        if applied <= count {
            self.migration(place, database, count, &["run"]);
        } else {
            let number = (applied - count).to_string();
            self.migration(place, database, HISTORY.len(), &["revert", "--number", &number]);
        }
    }

    fn finds_nothing_to_do(&self, place: &Place, database: &str) {
        let whole = HISTORY.len();
        assert_eq!(self.migration(place, database, whole, &["pending"]).trim(), "false");
        assert_eq!(self.migration(place, database, whole, &["run"]), "");
        assert_eq!(self.applied(place, database), whole);
    }
}

/// Runs a test with Diesel on a server of this major, if both are there.
fn on(major: u32, test: impl Fn(&Place, &Diesel)) {
    let Some(diesel) = Diesel::find() else { return };
    if let Some(place) = Place::new(major, &diesel) {
        test(&place, &diesel);
    }
}

#[rstest]
fn stairway_leaves_what_diesel_would(#[values(15, 18)] major: u32) {
    on(major, |place, diesel| turns::stairway_leaves_what_the_tool_would(place, diesel));
}

#[test]
fn diesel_and_stairway_take_turns() {
    for major in place::majors(1) {
        on(major, |place, diesel| turns::they_take_turns(place, diesel));
    }
}
