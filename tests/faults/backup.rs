//! Faults of the backup and of the copy that is made of it.

use crate::hook::Hook;
use crate::site::{Ran, SECRET, Site, on};

const UP: &str = "ALTER TABLE orders ADD COLUMN note text;\n";
const DOWN: &str = "ALTER TABLE orders DROP COLUMN note;\n";

/// The run ended with 12 and nothing that looks like a backup.
fn no_backup(mut site: Site, pg_dump: &str, words: &str) {
    site.migration(2, UP, DOWN);
    let before = site.print();
    let hook = Hook::of(&mut site);
    let folder = site.programs_but("pg_dump", pg_dump);
    site.set("STAIRWAY_POSTGRES_BIN", folder.display().to_string());
    let ran = site.run(&["upgrade"]);
    site.holds(&ran, 12, "BEFORE");
    ran.says(words);
    assert_eq!(site.print(), before);
    assert_eq!(site.backups().len(), 0, "a backup is left");
    assert_eq!(hook.last()["exit"], 12, "nobody was told");
}

/// F09
#[test]
fn a_full_disk_makes_no_backup() {
    on(0, |site| {
        no_backup(site, "\"$REAL\" \"$@\" >/dev/full || exit 1", "pg_dump");
    });
}

/// F13
#[test]
fn an_empty_dump_is_none_although_pg_dump_is_content() {
    on(1, |site| no_backup(site, "exit 0", "the backup"));
}

/// X47
#[test]
fn a_whole_dump_is_none_if_pg_dump_complains() {
    on(0, |site| {
        no_backup(
            site,
            "\"$REAL\" \"$@\"; echo 'pg_dump: error: something' >&2; exit 1",
            "something",
        );
    });
}

/// X48
#[test]
fn a_table_that_somebody_locks_ends_the_backup() {
    on(1, |site| {
        site.migration(2, UP, DOWN);
        let before = site.print();
        let mut other = site.session();
        other.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
        let ran = site.run(&["upgrade", "--timeout", "1"]);
        assert_eq!(ran.code, Some(12), "{}", ran.said);
        assert_eq!(ran.report["state"], "BEFORE");
        other.run("COMMIT");
        site.nothing_is_left();
        assert_eq!(site.print(), before);
        assert_eq!(site.backups().len(), 0);
    });
}

fn stopped(site: &Site, ran: &Ran, before: &str, words: &str) {
    site.holds(ran, 13, "BEFORE");
    ran.says(words);
    assert_eq!(site.print(), before);
    assert_eq!(site.backups().len(), 1, "the backup stays, although it is not proven");
}

/// F19: `pg_dump` says nothing, and the table does not come back.
#[test]
fn a_backup_that_does_not_come_back_is_found_on_the_copy() {
    on(0, |site| {
        site.sql(
            "CREATE TABLE codes (code text PRIMARY KEY); INSERT INTO codes VALUES ('a'); \
             CREATE FUNCTION known(text) RETURNS boolean LANGUAGE sql AS \
               'SELECT EXISTS (SELECT FROM codes WHERE code = $1)'; \
             CREATE TABLE uses (code text CHECK (known(code))); INSERT INTO uses VALUES ('a')",
        );
        site.migration(2, UP, DOWN);
        let before = site.print();
        let ran = site.run(&["upgrade", "--allow-drift"]);
        stopped(&site, &ran, &before, "backup not restorable");
        ran.says("uses");
    });
}

/// F21, and the way on: claimed, and fenced.
#[test]
fn a_way_back_that_leaves_something_stops_the_run() {
    on(1, |site| {
        site.migration(2, &format!("{UP}CREATE INDEX orders_note ON orders (amount);\n"), DOWN);
        let before = site.print();
        let ran = site.run(&["upgrade"]);
        stopped(&site, &ran, &before, "the way back of 2 does not lead back");
        ran.says("orders_note");
        site.migration(
            2,
            &format!("-- stairway: irreversible reason: an index too many\n{UP}"),
            "",
        );
        let ran = site.run(&["upgrade"]);
        site.holds(&ran, 13, "BEFORE");
        ran.says("2 has no way back, and nothing keeps others from writing");
        let ran = site.run(&["upgrade", "--fence"]);
        site.holds(&ran, 0, "AFTER");
        ran.says("only a restore leads back");
    });
}

/// A downgrade that loses rows stops an upgrade, unless that is claimed.
#[test]
fn a_way_back_that_loses_rows_stops_the_run() {
    on(0, |site| {
        site.migration(
            2,
            "ALTER TABLE orders DROP COLUMN card;\n",
            "ALTER TABLE orders ADD COLUMN card text;\n",
        );
        let before = site.print();
        let ran = site.run(&["upgrade"]);
        stopped(&site, &ran, &before, "the way back loses data");
        ran.says("public.orders");
        assert!(!ran.said.contains(SECRET));
    });
}

/// X51
#[test]
fn roles_that_own_something_are_on_the_copy() {
    on(1, |site| {
        site.sql("CREATE ROLE \"Keeper\" NOLOGIN; ALTER TABLE users OWNER TO \"Keeper\"");
        site.migration(
            2,
            "ALTER TABLE users ADD COLUMN age int;\n",
            "ALTER TABLE users DROP COLUMN age;\n",
        );
        let ran = site.run(&["upgrade", "--allow-drift"]);
        site.holds(&ran, 0, "AFTER");
        let owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'users'";
        assert_eq!(site.value(owner), "Keeper");
    });
}
