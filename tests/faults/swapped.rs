//! Faults of the fallback: while the restored database takes the place of the failed one, and before.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use stairway::postgres::Session;

use crate::hook::Hook;
use crate::rollback::no_way_back;
use crate::site::{Held, Site, on};

/// All databases let sessions in, the restored and the failed one included.
const OPEN: &str = "SELECT bool_and(datallowconn) FROM pg_database WHERE datname LIKE 'shop%'";

/// Holds the database that is restored, as soon as it is there: nobody can rename it until the
/// transaction of `other` ends. Gives its name.
fn hold(other: &mut Held<'_>) -> String {
    let name = other
        .wait_for("SELECT max(datname) FROM pg_database WHERE datname LIKE 'shop\\_restore\\_%'");
    other.run(&format!("BEGIN; COMMENT ON DATABASE \"{name}\" IS 'held'"));
    name
}

/// The server process of the swap, once it has made the first of its renames and waits with the second.
fn half_swapped(other: &mut Held<'_>, name: &str) -> String {
    let locks = "pg_locks l JOIN pg_database d ON d.oid = l.objid WHERE l.locktype = 'object' \
                 AND l.classid = 'pg_database'::regclass AND l.mode = 'AccessExclusiveLock'";
    other.wait_for(&format!(
        "SELECT max(l.pid) FROM {locks} AND NOT l.granted AND d.datname = '{name}' \
         AND l.pid IN (SELECT l.pid FROM {locks} AND l.granted AND d.datname = 'shop')"
    ))
}

fn end(other: &mut Held<'_>, process: &str) {
    let ended = other.value(&format!("SELECT pg_terminate_backend({process}, 10000)"));
    assert_eq!(ended, "t", "the session does not end");
}

fn oid(site: &Site) -> String {
    site.value("SELECT oid FROM pg_database WHERE datname = 'shop'")
}

/// X62: the session of the swap is ended between its two renames; it is tried once more.
#[test]
fn a_swap_that_is_cut_off_is_made_again() {
    on(0, |site| {
        no_way_back(&site);
        let (before, was) = (site.print(), oid(&site));
        let mut other = site.session_in("postgres");
        let child = site.start(&["upgrade", "--skip-test"]);
        let name = hold(&mut other);
        let process = half_swapped(&mut other, &name);
        end(&mut other, &process);
        other.run("ROLLBACK");
        let ran = site.end(child);
        site.holds(&ran, 22, "BEFORE");
        ran.says("the session that changes the names was ended: they are changed once more");
        assert_eq!(site.print(), before);
        assert_ne!(oid(&site), was);
        assert_eq!(site.value(OPEN), "t");
        let kept = ran.report["kept_database"].as_str().unwrap();
        let found = format!("SELECT oid FROM pg_database WHERE datname = '{kept}'");
        assert_eq!(site.value(&found), was);
    });
}

/// X62, and the second try is cut off as well: both databases are there and named, and `recover` goes on.
#[test]
fn a_swap_that_is_cut_off_twice_leaves_both_databases() {
    on(1, |site| {
        no_way_back(&site);
        let (before, was) = (site.print(), oid(&site));
        let mut other = site.session_in("postgres");
        let child = site.start(&["upgrade", "--skip-test"]);
        let name = hold(&mut other);
        for _ in 0..2 {
            let process = half_swapped(&mut other, &name);
            end(&mut other, &process);
        }
        other.run("ROLLBACK");
        let ran = site.end(child);
        assert_eq!(ran.code, Some(30), "{}", ran.said);
        assert_eq!(ran.report["state"], "UNKNOWN");
        ran.says("the two databases can't change names").says("the database is AFTER");
        let outcome = ran.report["outcome"].as_str().unwrap();
        assert!(outcome.contains("shop is ") && outcome.contains(&name), "{outcome}");
        assert_eq!((oid(&site), site.value(OPEN)), (was, "t".to_owned()));
        let there = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
        assert_eq!(site.value(&there), "1");
        let ran = site.run(&["recover"]);
        site.holds(&ran, 0, "BEFORE");
        assert_eq!(site.print(), before);
    });
}

/// X62, and the run is killed there: the old name is the old database's, and `recover` opens it again.
#[test]
fn a_run_that_is_killed_in_a_swap_is_settled() {
    on(0, |site| {
        no_way_back(&site);
        let (before, was) = (site.print(), oid(&site));
        let mut other = site.session_in("postgres");
        let mut child = site.start(&["upgrade", "--skip-test"]);
        let name = hold(&mut other);
        let process = half_swapped(&mut other, &name);
        child.kill().unwrap();
        child.wait().unwrap();
        if site.place(2) == 0 {
            end(&mut other, &process);
        }
        other.run("ROLLBACK");
        other.wait_for(&format!(
            "SELECT 'gone' WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {process})"
        ));
        let found = other
            .value("SELECT concat(oid, ' ', datallowconn) FROM pg_database WHERE datname = 'shop'");
        assert_eq!(found, format!("{was} f"));
        let ran = site.run(&["recover"]);
        site.holds(&ran, 0, "BEFORE");
        assert_eq!(site.print(), before);
        assert_eq!(site.value(OPEN), "t");
    });
}

/// X63: clients that come back as soon as they are put out, superusers as well.
#[test]
fn clients_that_come_back_do_not_stop_a_swap() {
    on(1, |site| {
        no_way_back(&site);
        let (before, was) = (site.print(), oid(&site));
        let (is_over, served, refused) =
            (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::SeqCst) {
                        let count = if visits(&site) { &served } else { &refused };
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            let ran = site.run(&["upgrade", "--skip-test"]);
            let until = served.load(Ordering::SeqCst);
            while served.load(Ordering::SeqCst) <= until {
                assert!(!site.value("SELECT 1").is_empty());
            }
            is_over.store(true, Ordering::SeqCst);
            assert_eq!(ran.code, Some(22), "{}", ran.said);
            assert!(until > 0, "no client was served before");
            assert!(refused.load(Ordering::SeqCst) > 0, "no client was put out");
            site.holds(&ran, 22, "BEFORE");
        });
        assert_eq!(site.print(), before);
        assert_ne!(oid(&site), was);
        assert_eq!(site.value(OPEN), "t");
    });
}

/// Connects and asks something; gives whether that went well.
fn visits(site: &Site) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let Ok(mut session) = Session::connect(&site.target, "test client").await else {
            return false;
        };
        let asked = session.execute("SELECT count(*) FROM users; SELECT pg_sleep(0.05)").await;
        asked.is_ok() && session.close().await.is_ok()
    })
}

/// X65: after how many of the tables is random, and whether it complains.
#[test]
fn a_backup_that_is_restored_by_half_is_never_swapped_in() {
    for (nth, code) in [(0, 1), (1, 0)] {
        on(nth, |mut site| {
            no_way_back(&site);
            let hook = Hook::of(&mut site);
            let was = oid(&site);
            // Of the rows of four tables those of none to three are restored.
            let script = format!(
                "case \" $* \" in *' --dbname '*) ;; *) exec \"$REAL\" \"$@\";; esac\n\
                 for archive; do :; done\n\
                 list={list}\n\
                 \"$REAL\" --list \"$archive\" | \
                   awk '/ TABLE DATA / && ++n > {kept} {{ next }} {{ print }}' >\"$list\" || exit 2\n\
                 \"$REAL\" --use-list=\"$list\" \"$@\"\nexit {code}",
                list = site.path("list").display(),
                kept = site.place(3),
            );
            let programs = site.programs_but("pg_restore", &script).display().to_string();
            site.set("STAIRWAY_POSTGRES_BIN", programs);
            let ran = site.run(&["upgrade", "--skip-test"]);
            site.holds(&ran, 30, "UNKNOWN");
            assert!(site.path("list").exists(), "the other pg_restore was not used");
            ran.says("the rollback failed: ").says("the database is AFTER, as the run left it");
            assert_eq!(site.value("SELECT count(*) FROM visits"), "1", "what the run did is there");
            assert_eq!((oid(&site), site.value(OPEN)), (was, "t".to_owned()));
            let manifest = site.backups()[0].with_extension("manifest.json");
            let manifest = std::fs::read_to_string(manifest).unwrap();
            assert!(manifest.contains("\"pinned\": \"run "), "{manifest}");
            let notice = hook.last();
            assert_eq!(notice["severity"], "critical", "{notice}");
            assert_eq!(notice["state"], "UNKNOWN", "{notice}");
        });
    }
}

/// What is lost is counted where an earlier migration of ours wrote rows, too.
#[test]
fn a_row_that_was_deleted_since_is_counted_whoever_wrote_it() {
    on(0, |site| {
        site.migration(2, "CREATE TABLE extra (id int);\n", "DROP TABLE extra;\n");
        let ran = site.run(&["upgrade", "--skip-test"]);
        site.holds(&ran, 0, "AFTER");
        // The only row there is the first migration's.
        site.sql("DELETE FROM gate");
        let after = site.print();
        let ran = site.run(&["restore", "latest"]);
        site.holds(&ran, 31, "BEFORE");
        ran.says("restore blocked: 1 row versions in 1 tables would be lost");
        assert_eq!(site.print(), after);
        let ran = site.run(&["restore", "latest", "--accept-loss", "1"]);
        site.holds(&ran, 0, "AFTER");
        assert_eq!(site.value("SELECT count(*) FROM gate"), "1");
    });
}
