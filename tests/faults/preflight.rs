//! Faults that must be seen before anything is done.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::site::{Ran, SECRET, Site, on};

const UP: &str = "ALTER TABLE orders ADD COLUMN note text;\n";
const DOWN: &str = "ALTER TABLE orders DROP COLUMN note;\n";

/// The run was refused and left no trace: neither a backup nor a change.
pub(crate) fn refused(site: &Site, ran: &Ran, before: &str, words: &str) {
    site.holds(ran, 10, "BEFORE");
    ran.says(words);
    assert_eq!(site.print(), before);
    assert_eq!(site.backups().len(), 0, "a backup was made");
}

/// F01
#[test]
fn a_wrong_password_is_refused_and_not_shown() {
    on(0, |mut site| {
        site.migration(2, UP, DOWN);
        let before = site.print();
        let role = format!("CREATE ROLE deployer LOGIN SUPERUSER PASSWORD '{SECRET}-right'");
        site.sql(&role);
        let folder = site.value("SHOW data_directory");
        let rules = format!("{folder}/pg_hba.conf");
        let trust = fs::read_to_string(&rules).unwrap();
        fs::write(&rules, format!("local all deployer scram-sha-256\n{trust}")).unwrap();
        site.sql("SELECT pg_reload_conf()");
        let target = site.target.as_role("deployer");
        let url = target.url_with_password();
        site.wait_for(
            "SELECT count(*) > 0 FROM pg_hba_file_rules WHERE 'deployer' = ANY (user_name)",
        );
        site.set("DATABASE_URL", url);
        site.set("PGPASSWORD", SECRET);
        let ran = site.run(&["upgrade"]);
        refused(&site, &ran, &before, "the database can't be reached");
        ran.says("password authentication failed");
    });
}

/// F05: the holder of the lock stands still, and is left alone.
#[test]
fn a_holder_that_stands_still_is_named_and_left_alone() {
    on(1, |site| {
        site.migration(2, &format!("{UP}SELECT pg_sleep(seconds) FROM gate;\n"), DOWN);
        site.sql("UPDATE gate SET seconds = 2");
        let holder = site.start(&["upgrade", "--skip-test"]);
        site.wait_for(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state = 'active' \
             AND application_name LIKE 'stairway upgrade %')",
        );
        let id = nix::unistd::Pid::from_raw(holder.id().try_into().unwrap());
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGSTOP).unwrap();
        let ran = site.run(&["upgrade", "--wait", "0"]);
        assert_eq!(ran.code, Some(11), "{}", ran.said);
        ran.says("another runner holds the lock: process ").says("stairway upgrade ");
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGCONT).unwrap();
        let ran = site.end(holder);
        site.holds(&ran, 0, "AFTER");
    });
}

/// F07, as far as a superuser of the machine can be kept from writing: the folder is a file.
#[test]
fn a_folder_that_takes_no_backup_is_refused() {
    on(0, |mut site| {
        site.migration(2, UP, DOWN);
        let before = site.print();
        fs::write(site.path("full"), "no folder").unwrap();
        let folder = site.path("full").join("backups").display().to_string();
        site.set("BACKUP_DIR", folder);
        let ran = site.run(&["upgrade"]);
        refused(&site, &ran, &before, "no backup can be written to ");
    });
}

/// F08
#[test]
fn an_edited_migration_is_refused_and_can_be_stamped() {
    on(1, |site| {
        // golang-migrate keeps no checksums: the same history as sqlx has it.
        fs::write(site.path("stairway.toml"), "tool = \"sqlx\"\n").unwrap();
        let ran = site.run(&["stamp", "1", "--reason", "sqlx from now on"]);
        site.holds(&ran, 0, "AFTER");
        site.migration(2, UP, DOWN);
        let path = site.path("migrations/1_it.up.sql");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}-- one more\n")).unwrap();
        let before = site.print();
        let ran = site.run(&["upgrade"]);
        refused(&site, &ran, &before, "1 was edited after it was applied");
        let ran = site.run(&["stamp", "1", "--reason", "a comment only"]);
        site.holds(&ran, 0, "AFTER");
        let ran = site.run(&["upgrade"]);
        site.holds(&ran, 0, "AFTER");
    });
}

/// X41
#[test]
fn a_closed_port_is_refused_in_time_with_a_report() {
    on(0, |mut site| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        site.set("DATABASE_URL", format!("postgres://ann:{SECRET}@127.0.0.1:{port}/shop"));
        let began = std::time::Instant::now();
        let ran = site.run(&["upgrade"]);
        assert!(began.elapsed() < Duration::from_secs(20));
        site.holds(&ran, 10, "BEFORE");
        ran.says("the database can't be reached");
    });
}

/// X44
#[test]
fn a_change_by_hand_is_refused_unless_it_is_allowed() {
    on(1, |site| {
        site.migration(2, UP, DOWN);
        site.sql("ALTER TABLE orders ADD COLUMN by_hand int");
        let before = site.print();
        let ran = site.run(&["upgrade"]);
        refused(&site, &ran, &before, "the schema was changed since the last run");
        ran.says("column by_hand");
        let ran = site.run(&["upgrade", "--allow-drift"]);
        site.holds(&ran, 0, "AFTER");
    });
}

/// X45, X61
#[test]
fn old_transactions_and_running_dumps_are_refused() {
    on(0, |site| {
        site.migration(2, UP, DOWN);
        let before = site.print();
        let mut other = site.session();
        other.run("BEGIN; SELECT count(*) FROM orders");
        let ran = site.run(&["upgrade", "--max-transaction", "0"]);
        refused(&site, &ran, &before, "has a transaction open for 0 s");
        ran.says("(stairway test client, ");
        other.run("COMMIT; SET application_name = 'pg_dump'");
        let ran = site.run(&["upgrade"]);
        refused(&site, &ran, &before, "a dump is running");
        other.run("RESET application_name");
    });
}

/// X46
#[test]
fn an_index_that_was_invalid_refuses_only_what_touches_its_table() {
    on(1, |site| {
        site.sql("UPDATE orders SET card = 'same'; CREATE TABLE twins AS SELECT 1 AS n FROM generate_series(1, 2)");
        let mut session = site.session();
        session.fails("CREATE UNIQUE INDEX CONCURRENTLY twins_n ON twins (n)");
        site.migration(2, UP, DOWN);
        let ran = site.run(&["upgrade", "--allow-drift"]);
        site.holds(&ran, 0, "AFTER");
        ran.says("index public.twins_n was invalid before this run");
        site.migration(
            3,
            "ALTER TABLE twins ADD COLUMN m int;\n",
            "ALTER TABLE twins DROP COLUMN m;\n",
        );
        let before = site.print();
        let ran = site.run(&["upgrade"]);
        site.holds(&ran, 10, "BEFORE");
        assert_eq!(site.print(), before);
    });
}

/// X66
#[test]
fn a_report_that_can_not_be_written_changes_nothing() {
    on(1, |site| {
        site.migration(2, UP, DOWN);
        let ran = site.run(&["upgrade", "--skip-test", "--output", "/dev/full"]);
        assert_eq!(ran.code, Some(40), "{}", ran.said);
        ran.says("the report can't be written to /dev/full")
            .says("outcome      the database is at 2");
        assert_eq!(ran.report["state"], "AFTER");
        site.nothing_is_left();
        let logs = site.path("logs");
        fs::remove_dir_all(&logs).unwrap();
        fs::write(&logs, "no folder").unwrap();
        fs::set_permissions(&logs, Permissions::from_mode(0o400)).unwrap();
        let ran = site.run(&["downgrade", "-1", "--skip-backup"]);
        assert_eq!(ran.code, Some(40), "{}", ran.said);
        assert!(site.value("SELECT version FROM schema_migrations") == "1");
    });
}
