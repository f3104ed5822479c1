//! What a run makes of a database that stands between two places: it goes back by a script only where
//! that can take nothing with it, and says nothing of rows that it did not look at.

use crate::apply::{WORKS, blocked_for_a_while};
use crate::site::{Ran, Site, on};

/// As it was, and said so.
fn is_before(site: &Site, ran: &Ran, code: i32, before: &str) {
    site.holds(ran, code, "BEFORE");
    assert_eq!(site.print(), before, "{}", ran.said);
}

/// A script with a transaction of its own is one also where somebody is in its way.
#[test]
fn a_script_with_its_own_transaction_is_tried_again_as_a_whole() {
    on(0, |site| {
        site.migration(
            2,
            "BEGIN;\nUPDATE users SET email = email || '!' WHERE id <= 10;\n\
             ALTER TABLE orders ADD COLUMN note text;\nCOMMIT;\n",
            "BEGIN;\nALTER TABLE orders DROP COLUMN note;\n\
             UPDATE users SET email = rtrim(email, '!') WHERE id <= 10;\nCOMMIT;\n",
        );
        let ran = blocked_for_a_while(&site);
        assert!(ran.report["moves"][0]["tries"].as_u64() > Some(1), "{}", ran.said);
        assert_eq!(site.value("SELECT count(*) FROM users WHERE email LIKE '%!'"), "10");
    });
}

/// The same where the transaction is a part of a script that commits more than once.
#[test]
fn a_transaction_within_a_script_is_tried_again_from_its_beginning() {
    on(1, |site| {
        site.migration(
            2,
            "CREATE TABLE first (id int);\nBEGIN;\nUPDATE users SET email = email || '!' WHERE id <= 10;\n\
             ALTER TABLE orders ADD COLUMN note text;\nCOMMIT;\nCREATE TABLE last (id int);\n",
            "SELECT 1;\n",
        );
        blocked_for_a_while(&site);
        assert_eq!(site.value("SELECT count(*) FROM users WHERE email LIKE '%!'"), "10");
        assert_eq!(site.value("SELECT to_regclass('last') IS NOT NULL"), "t");
    });
}

/// Nobody rehearsed it, and the downgrade would give an empty column back.
#[test]
fn a_downgrade_that_loses_values_is_no_way_back() {
    on(0, |site| {
        site.migration(
            2,
            "ALTER TABLE orders DROP COLUMN card;\n",
            "ALTER TABLE orders ADD COLUMN card text;\n",
        );
        std::fs::create_dir(site.path("checks")).unwrap();
        std::fs::write(site.path("checks/no.sql"), "SELECT false;\n").unwrap();
        let before = site.print();
        let ran = site.run(&["upgrade", "--skip-test"]);
        is_before(&site, &ran, 22, &before);
        ran.says("no rehearsal showed that the downgrade keeps all data");
        // What the rehearsal showed is not forgotten because somebody goes on in spite of it.
        let ran = site.run(&["upgrade", "--force"]);
        is_before(&site, &ran, 22, &before);
        ran.says("the rehearsal showed that the downgrade loses data");
        let ran = site.run(&["upgrade", "--skip-backup"]);
        site.holds(&ran, 31, "AFTER");
        ran.says("nothing shows that the downgrade keeps all data, and there is no backup");
    });
}

/// A script that commits statement by statement changed rows before it failed: the schema says nothing
/// of that.
#[test]
fn rows_that_a_failed_script_has_changed_are_seen() {
    on(1, |site| {
        std::fs::write(site.path("stairway.toml"), "tool = \"sqlx\"\n").unwrap();
        let ran = site.run(&["stamp", "1", "--reason", "sqlx from now on"]);
        site.holds(&ran, 0, "AFTER");
        site.migration(
            2,
            "-- no-transaction\nUPDATE orders SET amount = 0;\nSELECT 1 / 0;\n",
            "-- no-transaction\nSELECT 1;\n",
        );
        let before = site.print();
        let ran = site.run(&["upgrade", "--skip-test", "--fence"]);
        is_before(&site, &ran, 22, &before);
        // Without a fence nobody can tell what others wrote into those rows meanwhile.
        let ran = site.run(&["upgrade", "--skip-test"]);
        site.holds(&ran, 30, "UNKNOWN");
        ran.says("since the backup can't be told");
        site.sql("UPDATE orders SET amount = id");
        let ran = site.run(&["stamp", "1", "--reason", "put right by hand"]);
        site.holds(&ran, 0, "AFTER");
        let ran = site.run(&["upgrade", "--skip-backup"]);
        site.holds(&ran, 30, "UNKNOWN");
        assert_eq!(site.value("SELECT DISTINCT amount FROM orders"), "0");
    });
}

/// The other script would take more than what was made: a row that an application wrote.
#[test]
fn a_downgrade_is_not_run_over_what_a_half_upgrade_left() {
    on(0, |site| {
        site.sql(
            "CREATE TABLE settings (name text PRIMARY KEY); INSERT INTO settings VALUES ('theme')",
        );
        site.migration(
            2,
            "CREATE INDEX CONCURRENTLY orders_amount ON orders (amount);\n\
             INSERT INTO settings VALUES ('theme');\n",
            "DELETE FROM settings WHERE name = 'theme';\n\
             DROP INDEX CONCURRENTLY orders_amount;\n",
        );
        let before = site.print();
        let ran = site.run(&["upgrade", "--skip-test", "--allow-drift", "--fence"]);
        is_before(&site, &ran, 22, &before);
        ran.says("may have changed rows");
        // One that makes an index only is taken back by name, and nothing else of the downgrade is run.
        site.migration(
            2,
            "CREATE INDEX CONCURRENTLY orders_amount ON orders (amount);\n\
             CREATE INDEX CONCURRENTLY orders_amount ON orders (amount);\n",
            "DROP INDEX CONCURRENTLY IF EXISTS orders_amount;\n\
             DROP INDEX CONCURRENTLY IF EXISTS users_email_key2;\n",
        );
        let mut session = site.session();
        session.run("CREATE INDEX users_email_key2 ON users (email)");
        let before = site.print();
        let ran = site.run(&["upgrade", "--skip-test", "--allow-drift"]);
        is_before(&site, &ran, 21, &before);
    });
}

/// golang-migrate marks a script that does not commit with its record; one that failed at once has only
/// that mark to be taken back.
#[test]
fn a_mark_alone_is_taken_back_without_a_script() {
    on(1, |site| {
        site.migration(
            2,
            "CREATE INDEX CONCURRENTLY orders_nothing ON orders (nothing);\n",
            "DELETE FROM orders;\nDROP INDEX CONCURRENTLY orders_nothing;\n",
        );
        let before = site.print();
        let ran = site.run(&["upgrade", "--skip-test"]);
        is_before(&site, &ran, 20, &before);
    });
}

/// A kill in the middle of a way back: the migration that failed was never applied, and its downgrade is
/// not run.
#[test]
fn a_killed_rollback_reverts_nothing_that_was_not_made() {
    on(0, |site| {
        site.sql("CREATE TABLE keep (id int); INSERT INTO keep VALUES (1)");
        site.migration(
            2,
            "CREATE TABLE a (id int);\n",
            "SELECT pg_sleep(seconds) FROM gate;\nDROP INDEX CONCURRENTLY IF EXISTS none;\nDROP TABLE a;\n",
        );
        site.migration(3, "CREATE TABLE b (id int);\n", "DROP TABLE b;\n");
        site.migration(4, "SELECT 1 / 0;\n", "DELETE FROM keep;\n");
        site.sql("UPDATE gate SET seconds = 60");
        let before = site.print();
        let mut child = site.start(&["upgrade", "--skip-test", "--allow-drift"]);
        site.wait_for(WORKS);
        child.kill().unwrap();
        child.wait().unwrap();
        let ran = site.run(&["recover"]);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        assert_eq!(site.print(), before, "{}", ran.said);
        assert_eq!(site.value("SELECT count(*) FROM keep"), "1");
        // The audit trail knows how it ended.
        let said = site.run(&["current", "--verbose"]).said;
        assert!(!said.contains("not ended"), "{said}");
    });
}

/// What others wrote into a new column would go with it.
#[test]
fn what_others_wrote_into_new_columns_is_not_dropped() {
    on(1, |site| {
        site.migration(
            2,
            "ALTER TABLE orders ADD COLUMN note text DEFAULT 'none';\n\
             ALTER TABLE orders ADD COLUMN share numeric(5,2) DEFAULT 0;\n",
            "ALTER TABLE orders DROP COLUMN share;\nALTER TABLE orders DROP COLUMN note;\n",
        );
        std::fs::create_dir(site.path("checks")).unwrap();
        let slow = "SELECT pg_sleep(seconds) IS NOT NULL FROM gate;\nSELECT false;\n";
        std::fs::write(site.path("checks/slow.sql"), slow).unwrap();
        let validates = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' AND \
             query LIKE '%pg_sleep%' AND application_name = 'stairway validate')";
        let write = |words: &[&str], sql: &str| {
            site.sql("UPDATE gate SET seconds = 1");
            let child = site.start(words);
            site.wait_for(validates);
            site.sql(sql);
            site.end(child)
        };
        // Rows without a value of their own lose nothing.
        let ran = write(&["upgrade"], "INSERT INTO orders (user_id, amount) VALUES (1, 1)");
        site.holds(&ran, 21, "BEFORE");
        let ran = write(
            &["upgrade"],
            "INSERT INTO orders (user_id, amount, note) VALUES (1, 2, 'a'), (1, 2, 'b')",
        );
        site.holds(&ran, 31, "AFTER");
        ran.says("downgrade blocked: 2 rows that others wrote into new columns of 1 tables");
        let run = ran.report["run"].as_str().unwrap();
        let kept = site.path(&format!(".stairway/runs/{run}/written/public.orders.csv"));
        assert_eq!(std::fs::read_to_string(kept).unwrap().lines().count(), 3);
        assert_eq!(site.value("SELECT count(*) FROM orders WHERE note IN ('a', 'b')"), "2");
    });
}

/// Whatever is done to end a killed run that was fenced, the fence opens; and journals of another server
/// are left alone.
#[test]
fn a_fence_opens_with_whatever_settles_a_run() {
    on(0, |mut site| {
        site.migration(2, "SELECT pg_sleep(seconds) FROM gate;\n", "SELECT 1;\n");
        site.sql("CREATE ROLE clerk LOGIN; UPDATE gate SET seconds = 60");
        let is_open = "SELECT has_database_privilege('clerk', 'shop', 'CONNECT')";
        let kill = |site: &Site| {
            let mut child = site.start(&["upgrade", "--skip-test", "--skip-backup", "--fence"]);
            site.wait_for(WORKS);
            child.kill().unwrap();
            child.wait().unwrap();
            assert_eq!(site.value(is_open), "f");
        };
        kill(&site);
        let ran = site.run(&["stamp", "1", "--reason", "looked at"]);
        site.holds(&ran, 0, "AFTER");
        assert_eq!(site.value(is_open), "t", "{}", ran.said);
        kill(&site);
        // A database of the same name on another server, that is a copy of this one.
        let other = Site::new(site.server.major).unwrap();
        let here = site.target.url_with_password();
        site.set("DATABASE_URL", other.target.url_with_password());
        let ran = site.run(&["recover", "--env", "staging"]);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        ran.says("there is nothing to settle");
        assert_eq!(site.value(is_open), "f", "its own fence is not this server's");
        let ran = site.run(&["upgrade", "--dry-run", "--env", "staging"]);
        assert!(!ran.said.contains("is not settled"), "{}", ran.said);
        site.set("DATABASE_URL", here);
        let ran = site.run(&["upgrade", "--dry-run"]);
        assert_eq!(ran.code, Some(10), "{}", ran.said);
        ran.says("is not settled");
        let ran = site.run(&["recover"]);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        assert_eq!(site.value(is_open), "t", "{}", ran.said);
    });
}
