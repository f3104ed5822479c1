//! Faults while migrations are applied.

use std::time::Duration;

use crate::site::{Ran, Site, on};

pub(crate) const WORKS: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' \
    AND state = 'active' AND application_name LIKE 'stairway upgrade %')";

/// A migration that takes as long as the table `gate` says.
fn slow(site: &Site) {
    site.migration(
        2,
        "ALTER TABLE orders ADD COLUMN note text;\n\
         SELECT pg_sleep(seconds) FROM gate;\n",
        "ALTER TABLE orders DROP COLUMN note;\n",
    );
}

/// F04
#[test]
fn a_second_runner_finds_the_lock_taken() {
    on(0, |site| {
        slow(&site);
        site.sql("UPDATE gate SET seconds = 5");
        let first = site.start(&["upgrade", "--skip-test"]);
        site.wait_for(WORKS);
        let second = site.run(&["upgrade", "--skip-test", "--wait", "0"]);
        assert_eq!(second.code, Some(11), "{}", second.said);
        second.says("another runner holds the lock");
        let first = site.end(first);
        site.holds(&first, 0, "AFTER");
    });
}

/// F20
#[test]
fn what_fails_on_the_copy_never_touches_production() {
    on(1, |site| {
        site.migration(
            2,
            "ALTER TABLE orders ADD COLUMN a int;\nSELECT 1;\nSELECT 1/0;\n",
            "SELECT 1;\n",
        );
        let before = site.print();
        let ran = site.run(&["upgrade"]);
        site.holds(&ran, 13, "BEFORE");
        ran.says("the upgrade of 2 fails on the copy: division by zero (SQLSTATE 22012)");
        assert_eq!(site.print(), before);
        assert_eq!(site.backups().len(), 1);
    });
}

/// F23
#[test]
fn a_reader_that_stays_ends_the_run_and_others_are_served() {
    on(0, |site| {
        slow(&site);
        let before = site.print();
        let mut reader = site.session();
        reader.run("BEGIN; SELECT count(*) FROM orders");
        let ran =
            site.run(&["upgrade", "--lock-timeout", "100", "--tries", "3", "--max-pause", "1"]);
        site.holds(&ran, 20, "BEFORE");
        assert_eq!(ran.report["moves"][0]["tries"], 3);
        assert_eq!(ran.report["moves"][0]["blockers"][0]["application"], "stairway test client");
        reader.run("COMMIT");
        assert_eq!(site.print(), before);
    });
}

/// F25
#[test]
fn a_session_that_is_ended_leaves_nothing() {
    on(1, |site| {
        slow(&site);
        site.sql("UPDATE gate SET seconds = 60");
        let before = site.print();
        let child = site.start(&["upgrade", "--skip-test"]);
        site.wait_for(WORKS);
        site.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' \
                  AND application_name LIKE 'stairway upgrade %'",
        );
        let ran = site.end(child);
        site.holds(&ran, 20, "BEFORE");
        assert_eq!(site.print(), before);
    });
}

/// F26
#[test]
fn a_killed_run_is_settled_by_the_next() {
    on(0, |site| {
        slow(&site);
        site.sql("UPDATE gate SET seconds = 60");
        let before = site.print();
        let mut child = site.start(&["upgrade", "--skip-test"]);
        site.wait_for(WORKS);
        child.kill().unwrap();
        child.wait().unwrap();
        let ran = site.run(&["recover"]);
        site.holds(&ran, 0, "BEFORE");
        assert_eq!(site.print(), before);
        site.sql("UPDATE gate SET seconds = 0");
        let ran = site.run(&["upgrade"]);
        site.holds(&ran, 0, "AFTER");
    });
}

/// F33
#[test]
fn a_row_that_came_after_the_backup_fails_and_is_not_shown() {
    on(1, |site| {
        site.migration(
            2,
            "ALTER TABLE users ADD COLUMN code text;\n\
             UPDATE users SET code = email;\n\
             SELECT pg_sleep(0.5);\n\
             CREATE UNIQUE INDEX users_code ON users (lower(code));\n",
            "ALTER TABLE users DROP COLUMN code;\n",
        );
        // The copy has no such row: it comes with the first try on production.
        let child = site.start(&["upgrade", "--timeout", "60"]);
        site.wait_for(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name LIKE '%pg_dump%')",
        );
        site.wait_for("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name LIKE '%pg_dump%')");
        site.sql(&format!(
            "INSERT INTO users (email) VALUES ('{0}'), (upper('{0}'))",
            crate::site::SECRET
        ));
        let before = site.print();
        let ran = site.end(child);
        site.holds(&ran, 20, "BEFORE");
        assert_eq!(ran.report["trouble"]["sqlstate"], "23505");
        assert_eq!(ran.report["trouble"]["object"], "users_code");
        assert_eq!(site.print(), before);
    });
}

/// F34
#[test]
fn an_orphan_that_the_migration_made_is_found_and_taken_back() {
    on(0, |site| {
        site.migration(
            2,
            "CREATE TABLE visits (id int PRIMARY KEY, user_id bigint);\n\
             INSERT INTO visits VALUES (1, -1);\n\
             ALTER TABLE visits ADD FOREIGN KEY (user_id) REFERENCES users NOT VALID;\n",
            "DROP TABLE visits;\n",
        );
        let before = site.print();
        let ran = site.run(&["upgrade"]);
        site.holds(&ran, 21, "BEFORE");
        ran.says("1 rows without a parent in public.visits");
        assert_eq!(site.print(), before);
        let pinned =
            std::fs::read_to_string(site.backups()[0].with_extension("manifest.json")).unwrap();
        assert!(pinned.contains("\"pinned\": \"run "), "{pinned}");
    });
}

/// A timeout ends what runs too long, and what was done is taken back.
#[test]
fn a_timeout_takes_back_what_was_done() {
    on(1, |site| {
        slow(&site);
        site.migration(3, "SELECT pg_sleep(60) FROM gate WHERE seconds = 1;\n", "SELECT 1;\n");
        site.sql("UPDATE gate SET seconds = 1");
        let before = site.print();
        let started = std::time::Instant::now();
        let ran = site.run(&["upgrade", "--skip-test", "--timeout", "3"]);
        assert!(started.elapsed() < Duration::from_secs(30));
        site.holds(&ran, 21, "BEFORE");
        assert_eq!(site.print(), before);
    });
}

/// An upgrade while a reader of `orders` is in its way, who ends after at least one try.
pub(crate) fn blocked_for_a_while(site: &Site) -> Ran {
    let mut reader = site.session();
    reader.run("BEGIN; SELECT count(*) FROM orders");
    let patience = ["--lock-timeout", "100", "--max-pause", "1", "--tries", "99"];
    let child = site.start(&[&["upgrade", "--skip-test"], &patience[..]].concat());
    let waits = "EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
        WHERE NOT l.granted AND a.application_name LIKE 'stairway upgrade %')";
    site.wait_for(&format!("SELECT {waits}"));
    site.wait_for(&format!("SELECT NOT {waits}"));
    reader.run("COMMIT");
    let ran = site.end(child);
    site.holds(&ran, 0, "AFTER");
    ran
}

/// F24
#[test]
fn a_reader_that_ends_lets_the_migration_through() {
    on(1, |site| {
        slow(&site);
        let ran = blocked_for_a_while(&site);
        assert!(ran.report["moves"][0]["tries"].as_u64() > Some(1), "{}", ran.said);
    });
}

/// Either signal, while a statement runs.
#[test]
fn a_signal_takes_back_what_was_begun() {
    for (nth, (name, code)) in [("TERM", 143), ("INT", 130)].into_iter().enumerate() {
        on(nth, |site| {
            slow(&site);
            site.sql("UPDATE gate SET seconds = 60");
            let before = site.print();
            let child = site.start(&["upgrade", "--skip-test"]);
            site.wait_for(WORKS);
            let sent = std::process::Command::new("kill")
                .args([format!("-{name}"), child.id().to_string()])
                .status();
            assert!(sent.unwrap().success());
            let ran = site.end(child);
            site.holds(&ran, code, "BEFORE");
            assert_eq!(site.print(), before);
        });
    }
}

/// An orphan that was there before is nobody's fault: with a rehearsal, without one, and where the run is
/// killed and settled later.
#[test]
fn orphans_of_before_are_not_blamed_on_the_run() {
    on(0, |site| {
        site.sql(
            "CREATE TABLE visits (id int PRIMARY KEY, user_id bigint); INSERT INTO visits VALUES (1, -1); \
             ALTER TABLE visits ADD FOREIGN KEY (user_id) REFERENCES users NOT VALID",
        );
        slow(&site);
        let ran = site.run(&["upgrade", "--allow-drift"]);
        site.holds(&ran, 0, "AFTER");
        ran.says("1 rows were without a parent before");
        let ran = site.run(&["downgrade", "-1", "--skip-backup"]);
        site.holds(&ran, 0, "AFTER");
        let died = site
            .command(&["upgrade", "--skip-test"])
            .env("STAIRWAY_ABORT_AT", "6-")
            .output()
            .unwrap();
        assert_eq!(died.status.code(), None);
        let ran = site.run(&["recover"]);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        assert_eq!(ran.report["state"], "AFTER", "{}", ran.said);
        site.nothing_is_left();
    });
}
