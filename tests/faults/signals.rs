//! Signals to what is no upgrade, and a terminal that is gone.

use std::fs::OpenOptions;
use std::process::Child;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::site::{Ran, Site, on};

/// Longer than any of these takes, so that only the signal ends it.
const PATIENT: [&str; 2] = ["--lock-timeout", "60000"];

const IS_WAITING: &str = "SELECT count(*) > 0 FROM pg_stat_activity \
    WHERE application_name LIKE 'stairway %' AND wait_event_type = 'Lock'";

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
}

/// Starts a command, waits until the server makes it wait for a lock, and sends the signal.
fn signalled(site: &Site, words: &[&str], with: Signal) -> Ran {
    let words: Vec<&str> = words.iter().chain(&PATIENT).copied().collect();
    // Not to be taken for that of the command before, which the server has not missed yet.
    site.wait_for(&format!("SELECT NOT ({IS_WAITING})"));
    let child = site.start(&words);
    site.wait_for(IS_WAITING);
    signal(&child, with);
    site.end(child)
}

#[test]
fn a_look_ends_at_once() {
    on(0, |site| {
        site.migration(2, "CREATE TABLE a (id int);\n", "DROP TABLE a;\n");
        let before = site.print();
        let mut other = site.session();
        other.run("BEGIN; LOCK TABLE schema_migrations");
        let ran = signalled(&site, &["validate"], Signal::SIGINT);
        assert_eq!(ran.code, Some(130), "{}", ran.said);
        assert_eq!((&ran.report["exit"], &ran.report["state"]), (&130.into(), &"BEFORE".into()));
        let ran = signalled(&site, &["upgrade", "--dry-run"], Signal::SIGTERM);
        assert_eq!(ran.code, Some(143), "{}", ran.said);
        ran.says("interrupted; nothing was changed");
        let ran = signalled(&site, &["stamp", "2", "--reason", "x"], Signal::SIGTERM);
        assert_eq!(ran.code, Some(143), "{}", ran.said);
        other.run("COMMIT");
        assert_eq!(site.print(), before);
        site.nothing_is_left();
    });
}

#[test]
fn a_restore_ends_before_the_swap_and_leaves_nothing() {
    on(1, |site| {
        // It takes its time wherever it is restored.
        site.sql(
            "CREATE FUNCTION slow(seconds float) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN \
               IF current_database() LIKE '%restore%' THEN PERFORM pg_sleep(600); END IF; \
               RETURN true; END $$; \
             CREATE TABLE slow (seconds float CHECK (slow(seconds))); INSERT INTO slow VALUES (0); \
             DELETE FROM gate",
        );
        let ran = site.run(&["backup"]);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        let before = site.print();
        let child = site.start(&["restore", "latest"]);
        site.wait_for(
            "SELECT count(*) > 0 FROM pg_stat_activity \
             WHERE datname LIKE '%restore%' AND wait_event = 'PgSleep'",
        );
        signal(&child, Signal::SIGTERM);
        let ran = site.end(child);
        site.holds(&ran, 143, "BEFORE");
        assert_eq!(site.print(), before);
        let ran = site.run(&["recover"]);
        ran.says("there is nothing to settle");
    });
}

/// The connection to the terminal is lost while the fence is closed.
#[test]
fn who_hangs_up_leaves_no_closed_fence() {
    on(0, |site| {
        site.sql("CREATE ROLE app LOGIN");
        site.migration(
            2,
            "ALTER TABLE orders ADD COLUMN note text;\n",
            "ALTER TABLE orders DROP COLUMN note;\n",
        );
        let mut other = site.session();
        other.run("BEGIN; SELECT count(*) FROM orders");
        let ran = signalled(&site, &["upgrade", "--skip-test", "--fence"], Signal::SIGHUP);
        other.run("COMMIT");
        site.holds(&ran, 143, "BEFORE");
        assert_eq!(site.value("SELECT has_database_privilege('app', 'shop', 'CONNECT')"), "t");
    });
}

/// A run was killed: a look says so and leaves it alone; settling goes on to its end.
#[test]
fn settling_is_brought_to_its_end() {
    on(1, |site| {
        site.migration(
            2,
            "ALTER TABLE orders ADD COLUMN note text;\n",
            "ALTER TABLE orders DROP COLUMN note;\n",
        );
        let mut other = site.session();
        other.run("BEGIN; SELECT count(*) FROM orders");
        let ran = signalled(&site, &["upgrade", "--skip-test"], Signal::SIGKILL);
        assert_eq!(ran.code, None, "{}", ran.said);
        other.run("COMMIT");
        let ran = site.run(&["upgrade", "--dry-run"]);
        assert_eq!(ran.code, Some(10), "{}", ran.said);
        ran.says("is not settled, or still running").says("`stairway recover` settles it");
        other.run("BEGIN; LOCK TABLE schema_migrations");
        let child = site.start(&["recover", "--lock-timeout", "60000"]);
        site.wait_for(IS_WAITING);
        signal(&child, Signal::SIGINT);
        other.run("COMMIT");
        let ran = site.end(child);
        site.holds(&ran, 130, "BEFORE");
        ran.says("is settled: BEFORE");
    });
}

/// Nobody can be told anything: the work goes on.
#[test]
fn a_full_terminal_ends_nothing() {
    on(0, |site| {
        site.sql("CREATE ROLE app LOGIN");
        site.migration(2, "CREATE TABLE a (id int);\n", "DROP TABLE a;\n");
        let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = site.command(&["upgrade", "--skip-test", "--fence"]);
        let status = command.stderr(full()).stdout(full()).status().unwrap();
        assert_eq!(status.code(), Some(0));
        assert_eq!(site.value("SELECT version FROM schema_migrations"), "2");
        assert_eq!(site.value("SELECT has_database_privilege('app', 'shop', 'CONNECT')"), "t");
        for (option, value) in [
            ("--timeout", "18446744073709551615"),
            ("--lock-timeout", "99999999999"),
            ("--idle-timeout", "9999999999"),
            ("--wait", "18446744073709551615"),
        ] {
            let ran = site.run(&["upgrade", option, value]);
            assert_eq!(ran.code, Some(2), "{option}: {}", ran.said);
        }
        site.nothing_is_left();
    });
}
