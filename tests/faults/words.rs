//! Words of the server that quote rows, and what was not looked at: both are said as they may be.

use std::fs;

use crate::site::{SECRET, on};

/// A query test that fails on a value, and a backup that a function refuses to take back.
#[test]
fn values_of_rows_are_in_no_message() {
    on(0, |site| {
        fs::create_dir(site.path("checks")).unwrap();
        fs::write(site.path("checks/cards.sql"), "SELECT card::int > 0 FROM orders;\n").unwrap();
        let ran = site.run(&["validate"]);
        site.holds(&ran, 1, "BEFORE");
        ran.says("query test cards.sql: the server refuses it (SQLSTATE 22P02)");
        fs::remove_dir_all(site.path("checks")).unwrap();
        // Where the users come after the orders it refuses them.
        site.sql(
            "CREATE FUNCTION fits(card text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN \
               IF NOT EXISTS (SELECT FROM public.users) THEN RAISE 'bad card %', card; END IF; \
               RETURN true; END $$; \
             ALTER TABLE orders ADD CHECK (fits(card))",
        );
        site.migration(2, "CREATE TABLE a (id int);\n", "DROP TABLE a;\n");
        let ran = site.run(&["upgrade", "--allow-drift"]);
        site.holds(&ran, 13, "BEFORE");
        ran.says("backup not restorable: TABLE DATA orders: the server refuses it");
        assert!(!ran.report.to_string().contains(SECRET));
    });
}

/// A foreign key that nobody could count is no proof.
#[test]
fn what_could_not_be_counted_is_not_validated() {
    on(1, |site| {
        let mut other = site.session();
        other.run("BEGIN; LOCK TABLE orders");
        let ran = site.run(&["validate", "--lock-timeout", "50"]);
        site.holds(&ran, 1, "BEFORE");
        ran.says("foreign keys: not validated: ").says("(SQLSTATE 55P03)");
        other.run("COMMIT");
        let ran = site.run(&["validate"]);
        site.holds(&ran, 0, "BEFORE");
    });
}

/// The copy says which versions of extensions the moves lead to.
#[test]
fn another_version_of_an_extension_than_on_the_copy_is_taken_back() {
    on(0, |site| {
        let set = |version: &str| {
            format!(
                "UPDATE pg_catalog.pg_extension SET extversion = '{version}' \
                 WHERE extname = 'plpgsql' AND current_database() = 'shop';\n"
            )
        };
        site.migration(2, &set("0.9"), &set("1.0"));
        let ran = site.run(&["upgrade"]);
        site.holds(&ran, 21, "BEFORE");
        ran.says("extensions: failed: plpgsql 0.9; the rehearsal led to plpgsql 1.0");
        assert_eq!(site.value("SELECT extversion FROM pg_extension"), "1.0");
    });
}

/// What the report can know says 40 as the process does.
#[test]
fn a_report_says_that_another_one_could_not_be_written() {
    on(1, |site| {
        site.migration(2, "CREATE TABLE a (id int);\n", "DROP TABLE a;\n");
        let ran = site.run(&["upgrade", "--skip-backup", "--output", "/dev/full"]);
        site.holds(&ran, 40, "AFTER");
        let ran = site.run(&["upgrade", "--copy-on", "nowhere"]);
        assert_eq!(ran.code, Some(2), "{}", ran.said);
        ran.says("--copy-on: the copy is made on auto, local");
    });
}
