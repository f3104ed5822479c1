//! refinery: the program `refinery` of the crate `refinery_cli`. It knows no way back, so both go forward.

use std::path::PathBuf;
use std::process::Command;

use rstest::rstest;

use crate::native::{self, Native, Scripts};
use crate::place::{self, Place};

struct Refinery(PathBuf);

impl Refinery {
    fn find() -> Option<Self> {
        native::program("refinery").map(Self)
    }

    /// Strict, with the folder of the first `count` migrations: whether it ended well, and all that it said.
    fn migrate(&self, place: &Place, database: &str, count: usize) -> (bool, String) {
        let output = Command::new(&self.0)
            .args(["migrate", "-e", "DATABASE_URL", "-d", "-m", "-p", &place.first(count)])
            .current_dir(place.path())
            .env("DATABASE_URL", place.encoded_url(database, "postgres"))
            .env("RUST_LOG", "info")
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }
}

/// Ends of lines of two kinds, a version that a name has with zeros, one that may come late.
const HISTORY: &[Scripts] = &[
    Scripts {
        revision: "001",
        version: "1",
        files: &[(
            "V001__create_accounts.sql",
            "-- stairway: irreversible reason: refinery knows none\r\nCREATE TABLE accounts (\r\n  id bigint \
             GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\r\n  email text NOT NULL -- é\r\n);\r\nCREATE FUNCTION \
             two() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; RETURN 2; END $$;\r\n",
        )],
    },
    Scripts {
        revision: "2",
        version: "2",
        files: &[(
            "V2__index_accounts.sql",
            "-- stairway: irreversible reason: refinery knows none\nCREATE UNIQUE INDEX accounts_email ON \
             accounts (email)",
        )],
    },
    Scripts {
        revision: "7",
        version: "7",
        files: &[(
            "more/U7__a_note.sql",
            "-- stairway: irreversible reason: refinery knows none\nALTER TABLE accounts ADD COLUMN note text \
             NOT NULL DEFAULT 'a;b';\n",
        )],
    },
];

impl Native for Refinery {
    fn name(&self) -> &'static str {
        "refinery"
    }

    fn table(&self) -> &'static str {
        "refinery_schema_history"
    }

    fn columns(&self) -> &'static str {
        "version, name, checksum"
    }

    fn applied_at(&self) -> &'static str {
        "applied_on::timestamptz"
    }

    fn history(&self) -> &'static [Scripts] {
        HISTORY
    }

    fn applied(&self, place: &Place, database: &str) -> usize {
        let count = format!("SELECT count(*) FROM {}", self.table());
        place.value(database, &count).parse().unwrap()
    }

    fn go(&self, place: &Place, database: &str, count: usize) {
        let (is_good, said) = self.migrate(place, database, count);
        assert!(is_good, "{said}");
        assert_eq!(self.applied(place, database), count, "it goes forward only");
    }

    fn finds_nothing_to_do(&self, place: &Place, database: &str) {
        let (is_good, said) = self.migrate(place, database, HISTORY.len());
        assert!(is_good && said.contains("no migrations to apply"), "{said}");
    }
}

fn on(major: u32, test: impl Fn(&Place, &Refinery)) {
    let Some(refinery) = Refinery::find() else { return };
    if let Some(place) = Place::new(major, &refinery) {
        test(&place, &refinery);
    }
}

/// All the way, with the way back only by a backup, and by stamping a schema that is there.
#[rstest]
fn stairway_leaves_what_refinery_would(#[values(15, 18)] major: u32) {
    on(major, |place, refinery| {
        let count = HISTORY.len();
        place.make("theirs");
        refinery.go(place, "theirs", count);
        let (rows, schema) = (place.rows("theirs", refinery), place.schema("theirs"));
        place.make("ours");
        let began = place.value("ours", "SELECT clock_timestamp()");
        place.stairway("ours", "upgrade --fence").ended(0);
        assert_eq!(place.rows("ours", refinery), rows);
        assert_eq!(place.schema("ours"), schema);
        let strange = format!(
            "SELECT count(*) FROM refinery_schema_history WHERE NOT applied_on::timestamptz BETWEEN \
             '{began}' AND clock_timestamp()"
        );
        assert_eq!(place.value("ours", &strange), "0");
        refinery.finds_nothing_to_do(place, "ours");
        place.stairway("theirs", "upgrade --skip-backup").ended(0).says("nothing to do");
        place.sql("theirs", "DROP TABLE refinery_schema_history");
        place.stairway("theirs", "stamp head --reason adopted").ended(0);
        assert_eq!(place.rows("theirs", refinery), rows);
        assert_eq!(place.schema("theirs"), schema);
        refinery.finds_nothing_to_do(place, "theirs");
    });
}

#[test]
fn refinery_and_stairway_take_turns() {
    for major in place::majors(0) {
        on(major, |place, refinery| {
            for first in [false, true] {
                let database = if first { "one" } else { "other" };
                place.make(database);
                for count in 1..=HISTORY.len() {
                    if (count % 2 == 1) == first {
                        refinery.go(place, database, count);
                    } else {
                        let upgrade = "upgrade +1 --skip-backup --skip-test";
                        place.stairway(database, upgrade).ended(0);
                    }
                    assert_eq!(refinery.applied(place, database), count);
                }
                refinery.finds_nothing_to_do(place, database);
                place.stairway(database, "upgrade").ended(0).says("nothing to do");
                let ran = place.stairway(database, "current");
                assert!(ran.ended(0).said.starts_with("7 (head)\n"), "{}", ran.said);
            }
            // A way back that nobody wrote is not made up.
            let ran = place.stairway("one", "downgrade -1 --skip-backup");
            ran.ended(10).says("7 has no downgrade");
        });
    }
}

/// With versions of 64 bits the table is another one, and so is each checksum.
#[rstest]
fn wide_versions_have_a_table_of_their_own(#[values(15, 18)] major: u32) {
    let scratch = tempfile::tempdir().unwrap();
    let (_, text) = HISTORY[0].files[0];
    std::fs::write(scratch.path().join("V20240131120000__create_accounts.sql"), text).unwrap();
    std::fs::write(scratch.path().join("refinery.toml"), "").unwrap();
    let Some(place) = Place::with(major, scratch.path()) else { return };
    place.make("shop");
    place.stairway("shop", "upgrade --fence").ended(0);
    let kind = "SELECT data_type FROM information_schema.columns WHERE table_name = \
                'refinery_schema_history' AND column_name = 'version'";
    assert_eq!(place.value("shop", kind), "bigint");
    let row = "SELECT version || ' ' || name FROM refinery_schema_history";
    assert_eq!(place.value("shop", row), "20240131120000 create_accounts");
    place.stairway("shop", "upgrade").ended(0).says("nothing to do");
}

/// An applied migration that was edited stops both, until somebody says that the new text is meant.
#[rstest]
fn an_edited_migration_stops_both(#[values(15, 18)] major: u32) {
    on(major, |place, refinery| {
        place.make("shop");
        refinery.go(place, "shop", 2);
        let (file, text) = HISTORY[0].files[0];
        place.write_migration(file, &format!("{text}-- more\n"));
        let (is_good, said) = refinery.migrate(place, "shop", HISTORY.len());
        assert!(!is_good && said.contains("is different than filesystem one"), "{said}");
        let ran = place.stairway("shop", "upgrade --skip-backup");
        ran.ended(10).says("001 was edited after it was applied");
        place.stairway("shop", "stamp 2 --reason reformatted").ended(0);
        refinery.go(place, "shop", HISTORY.len());
        place.stairway("shop", "upgrade --skip-backup").ended(0).says("nothing to do");
    });
}
