//! Faults in which something dies: the server, the session of a run, the tool itself at its COMMIT.

use std::fmt::Write;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::led::{Leading, Led, leading};
use crate::proxy::{Harm, Proxy};
use crate::site::{Held, Site, on, on_majors};

pub(crate) const WORKS: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' \
    AND state = 'active' AND application_name LIKE 'stairway upgrade %')";

/// A migration of eight statements; the one at `at` takes as long as the table `gate` says.
pub(crate) fn eight(site: &Site, version: u32, at: u32) {
    let (mut up, mut down) = (String::new(), String::new());
    for nth in 0..8 {
        if nth == at {
            up.push_str("SELECT pg_sleep(seconds) FROM gate;\n");
        } else {
            let _ = writeln!(up, "CREATE TABLE t_{version}_{nth} (id int PRIMARY KEY);");
            let _ = writeln!(down, "DROP TABLE t_{version}_{nth};");
        }
    }
    site.migration(version, &up, &down);
}

/// Waits until a run says this in its log.
fn wait_for_log(site: &Site, words: &str) {
    let start = Instant::now();
    let said = || {
        let logs = std::fs::read_dir(site.path("logs")).unwrap().flatten().map(|it| it.path());
        let logs = logs.filter(|it| it.extension().is_some_and(|end| end == "log"));
        logs.map(|it| std::fs::read_to_string(it).unwrap()).collect::<String>()
    };
    while !said().contains(words) {
        assert!(start.elapsed() < Duration::from_secs(30), "never said: {words}\n{}", said());
        std::thread::yield_now();
    }
}

/// Crashes the server, and starts it when the run already looks for it.
fn crash(site: &Site, led: &Led) {
    led.crash("primary");
    wait_for_log(site, "settle");
    led.start("primary");
}

/// F32: the run waits until the server is there again, and takes its lock anew.
#[test]
fn a_server_that_crashes_in_a_transaction_leaves_nothing() {
    on_majors(0, |major, offset| {
        let Leading { site, led } = leading(major, offset, ":");
        eight(&site, 2, site.place(8));
        site.sql("UPDATE gate SET seconds = 60");
        let before = site.print();
        let child = site.start(&["upgrade", "--skip-test"]);
        site.wait_for(WORKS);
        crash(&site, &led);
        let ran = site.end(child);
        site.holds(&ran, 20, "BEFORE");
        ran.says("the server was started again at ");
        let journal = site.journal(&ran);
        assert!(journal.contains("\"event\":\"restarted\""), "{journal}");
        assert_eq!(site.print(), before);
        site.sql("UPDATE gate SET seconds = 0");
        let ran = site.run(&["upgrade", "--skip-test"]);
        site.holds(&ran, 0, "AFTER");
    });
}

const BUILD: &str =
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_slow ON orders (slow(amount));\n";

/// A run in the middle of a concurrent build: it waits for a writer, builds, or waits for an old snapshot.
fn building(site: &Site) -> (Child, Held<'_>) {
    site.migration(
        2,
        "CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS \
         'BEGIN PERFORM pg_sleep(seconds) FROM public.gate; RETURN $1; END';\n",
        "DROP FUNCTION slow;\n",
    );
    let ran = site.run(&["upgrade", "--skip-backup"]);
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    site.migration(3, BUILD, "DROP INDEX CONCURRENTLY orders_slow;\n");
    let (other, seconds, phase) = [
        (
            "BEGIN; UPDATE orders SET amount = amount WHERE id = 1",
            0,
            "waiting for writers before build",
        ),
        ("SELECT 1", 1, "building index"),
        (
            "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM users",
            0,
            "waiting for old snapshots",
        ),
    ][site.place(3) as usize];
    site.sql(&format!("UPDATE gate SET seconds = {seconds}"));
    let mut held = site.session();
    held.run(other);
    let child = site.start(&["upgrade", "--skip-test"]);
    site.wait_for(&format!(
        "SELECT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE phase LIKE '{phase}%')"
    ));
    (child, held)
}

const INVALID: &str = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
const VALID: &str = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'orders_slow'::regclass";

/// F31
#[test]
fn a_server_that_crashes_in_a_concurrent_build_leaves_no_half_index() {
    on_majors(1, |major, offset| {
        let Leading { site, led } = leading(major, offset, ":");
        let (child, _held) = building(&site);
        crash(&site, &led);
        let ran = site.end(child);
        site.holds(&ran, 20, "BEFORE");
        ran.says("half-built indexes of this run are dropped: public.orders_slow");
        assert_eq!(site.value(INVALID), "0");
        assert!(!site.print().contains("orders_slow"));
        site.sql("UPDATE gate SET seconds = 0");
        let ran = site.run(&["upgrade", "--skip-test"]);
        site.holds(&ran, 0, "AFTER");
        assert_eq!(site.value(VALID), "t");
    });
}

/// F31, and the run is killed as well: the next one finds the half index, and does not take it for one.
#[test]
fn half_an_index_is_not_taken_for_one_by_the_next_run() {
    on_majors(0, |major, offset| {
        let Leading { site, led } = leading(major, offset, ":");
        let (mut child, held) = building(&site);
        child.kill().unwrap();
        child.wait().unwrap();
        led.crash("primary");
        drop(held);
        led.start("primary");
        assert_eq!(site.value(INVALID), "1", "there is nothing to be taken for an index");
        site.sql("UPDATE gate SET seconds = 0");
        let ran = site.run(&["upgrade", "--skip-test"]);
        site.holds(&ran, 0, "AFTER");
        ran.says("half-built indexes of this run are dropped: public.orders_slow");
        assert_eq!(site.value(VALID), "t");
        assert_eq!(site.value(INVALID), "0");
    });
}

/// X57: the lock lives in the session that moves, so to lose one is to lose both.
#[test]
fn the_lock_and_the_migration_end_together() {
    on(0, |site| {
        eight(&site, 2, site.place(8));
        site.sql("UPDATE gate SET seconds = 60");
        let before = site.print();
        let child = site.start(&["upgrade", "--skip-test"]);
        site.wait_for(WORKS);
        let holders = "SELECT string_agg(pid::text, ',') FROM pg_locks WHERE locktype = 'advisory'";
        let holder = site.value(holders);
        let worker = "SELECT string_agg(pid::text, ',') FROM pg_stat_activity \
            WHERE query LIKE '%pg_sleep%' AND application_name LIKE 'stairway upgrade %'";
        assert_eq!(site.value(worker), holder);
        let second = site.run(&["upgrade", "--skip-test", "--wait", "0"]);
        assert_eq!(second.code, Some(11), "{}", second.said);
        site.sql(&format!("SELECT pg_terminate_backend({holder})"));
        let ran = site.end(child);
        site.holds(&ran, 20, "BEFORE");
        assert_eq!(site.print(), before);
    });
}

/// The settings of a run are those of each of its moves, whatever the one before left.
#[test]
fn a_migration_works_under_the_settings_of_the_run() {
    on(0, |site| {
        for version in [2, 3] {
            site.migration(
                version,
                &format!(
                    "CREATE TABLE seen_{version} AS SELECT name, setting FROM pg_settings WHERE name IN \
                       ('client_connection_check_interval', 'idle_in_transaction_session_timeout');\n\
                     SET idle_in_transaction_session_timeout = 0;\n"
                ),
                &format!("DROP TABLE seen_{version};\n"),
            );
        }
        let ran = site.run(&["upgrade", "--skip-test", "--idle-timeout", "7"]);
        site.holds(&ran, 0, "AFTER");
        for version in [2, 3] {
            let seen = format!("SELECT string_agg(setting, ' ' ORDER BY name) FROM seen_{version}");
            assert_eq!(site.value(&seen), "1000 7000", "in {version}");
        }
    });
}

/// F27: COMMIT is sent, and the tool dies before its journal says so: while it waits for the answer, or
/// just after it came.
#[test]
fn a_tool_that_dies_at_its_commit_is_found_to_be_through() {
    on(1, |mut site| {
        let last = 2 + site.place(3);
        for version in 2..=last {
            eight(&site, version, 8);
        }
        let ran = site.run(&["upgrade"]);
        site.holds(&ran, 0, "AFTER");
        let after = site.print();
        let lines: Vec<String> = site.journal(&ran).lines().map(str::to_owned).collect();
        let moved = lines.iter().rposition(|it| it.contains("\"event\":\"moved\"")).unwrap();
        let ran = site.run(&["downgrade", if last == 2 { "-1" } else { "1" }, "--skip-backup"]);
        site.holds(&ran, 0, "AFTER");
        if last == 2 {
            let mut child = silent_at_commit(&mut site);
            site.wait_for("SELECT version = 2 FROM schema_migrations");
            child.kill().unwrap();
            child.wait().unwrap();
        } else {
            let place = format!("{}-", moved + 1);
            let died = site.command(&["upgrade"]).env("STAIRWAY_ABORT_AT", place).output().unwrap();
            assert_eq!(died.status.code(), None);
        }
        let ran = site.run(&["upgrade"]);
        site.holds(&ran, 0, "AFTER");
        ran.says("all moves are in the database");
        ran.says("is settled: AFTER");
        let checks = ran.report["validation"].as_array().unwrap();
        assert!(checks.iter().any(|it| it["name"] == "schema"), "{checks:?}");
        assert_eq!(site.print(), after);
        let twice = "SELECT count(*) FROM (SELECT FROM stairway.move WHERE direction = 'upgrade' \
            GROUP BY run, revision HAVING count(*) > 1) AS it";
        assert_eq!(site.value(twice), "0");
        let runs = format!(
            "SELECT count(*) FROM stairway.move WHERE revision = '{last}' AND direction = 'upgrade'"
        );
        assert_eq!(site.value(&runs), "2", "once before, and once in the run that died");
    });
}

/// An upgrade whose COMMIT reaches the server, and that never hears of it.
fn silent_at_commit(site: &mut Site) -> Child {
    let variables = site.target.libpq_environment();
    let of = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone()).unwrap()
    };
    let socket = format!("{}/.s.PGSQL.{}", of("PGHOST"), of("PGPORT"));
    let proxy = Proxy::start(socket.into(), "COMMIT\0", Harm::Silence);
    let url = format!("postgres://{}@127.0.0.1:{}/shop?sslmode=disable", of("PGUSER"), proxy.port);
    site.command(&["upgrade"]).env("DATABASE_URL", url).spawn().unwrap()
}
