//! Faults of concurrent builds, of two runners, and of readers beside a migration.

use std::time::{Duration, Instant};

use crate::site::{Site, on};

const BUILD: &str = "CREATE INDEX CONCURRENTLY orders_amount ON orders (amount);\n";
const DROP: &str = "DROP INDEX CONCURRENTLY orders_amount;\n";

fn invalid(site: &Site) -> String {
    site.value("SELECT count(*) FROM pg_index WHERE NOT indisvalid")
}

/// X56: cancelled in its middle; what it left is dropped, and it is not taken for built.
#[test]
fn a_cancelled_concurrent_build_leaves_nothing() {
    on(0, |site| {
        site.migration(2, BUILD, DROP);
        let before = site.print();
        let mut other = site.session();
        other.run("BEGIN; UPDATE orders SET amount = amount WHERE id = 1");
        let child = site.start(&["upgrade", "--skip-test"]);
        let at_it = "application_name LIKE 'stairway upgrade %' AND query LIKE 'CREATE INDEX%' \
                     AND wait_event_type = 'Lock'";
        site.wait_for(&format!("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE {at_it})"));
        site.sql(&format!("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE {at_it}"));
        other.run("COMMIT");
        let ran = site.end(child);
        site.holds(&ran, 20, "BEFORE");
        assert_eq!((site.print(), invalid(&site)), (before, "0".to_owned()));
    });
}

/// A kill in a concurrent build: the next run drops what it left.
#[test]
fn a_killed_concurrent_build_is_settled() {
    on(1, |site| {
        site.migration(2, BUILD, DROP);
        let before = site.print();
        let mut other = site.session();
        other.run("BEGIN; UPDATE orders SET amount = amount WHERE id = 1");
        let mut child = site.start(&["upgrade", "--skip-test"]);
        site.wait_for(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name LIKE 'stairway upgrade %' \
             AND query LIKE 'CREATE INDEX%' AND wait_event_type = 'Lock')",
        );
        child.kill().unwrap();
        child.wait().unwrap();
        other.run("ROLLBACK");
        let ran = site.run(&["recover"]);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        site.nothing_is_left();
        assert_eq!(invalid(&site), "0");
        let now = site.print();
        assert!(now == before || ran.report["state"] == "AFTER", "{}", ran.said);
    });
}

/// Two runners at once with a concurrent build: one wins, the other waits for nothing.
#[test]
fn two_runners_with_a_concurrent_build_do_not_meet() {
    on(0, |site| {
        site.migration(2, BUILD, DROP);
        let commands = ["upgrade", "--skip-test", "--wait", "0"];
        let children = [site.start(&commands), site.start(&commands)];
        let mut ends: Vec<_> = children.into_iter().map(|child| site.end(child)).collect();
        ends.sort_by_key(|ran| ran.code);
        let codes: Vec<_> = ends.iter().map(|ran| ran.code).collect();
        // The slower one may find nothing left to do.
        assert!(
            codes == [Some(0), Some(11)] || codes == [Some(0), Some(0)],
            "{codes:?}\n{}",
            ends[1].said
        );
        assert_eq!(site.value("SELECT count(*) FROM stairway.move WHERE revision = '2'"), "1");
        assert_eq!(invalid(&site), "0");
        site.nothing_is_left();
    });
}

/// Bar 5: a reader whose queries begin on a schedule is never held up for longer than one lock timeout,
/// while a migration can't get its lock.
#[test]
fn readers_wait_no_longer_than_one_lock_timeout() {
    on(1, |site| {
        site.migration(
            2,
            "ALTER TABLE orders ADD COLUMN note text;\n",
            "ALTER TABLE orders DROP COLUMN note;\n",
        );
        let mut holder = site.session();
        holder.run("BEGIN; SELECT count(*) FROM orders");
        let mut reader = site.session();
        let mut child =
            site.start(&["upgrade", "--lock-timeout", "300", "--tries", "6", "--max-pause", "1"]);
        let (start, every) = (Instant::now(), Duration::from_millis(10));
        let (mut worst, mut nth) = (Duration::ZERO, 0);
        while child.try_wait().unwrap().is_none() {
            let due = start + every * nth;
            // A schedule: what could not begin in time counts from when it should have.
            while Instant::now() < due {
                std::thread::yield_now();
            }
            reader.run("SELECT count(*) FROM orders WHERE id < 10");
            worst = worst.max(due.elapsed());
            nth += 1;
        }
        let ran = site.end(child);
        holder.run("COMMIT");
        site.holds(&ran, 20, "BEFORE");
        assert_eq!(ran.report["moves"][0]["tries"], 6);
        // One lock timeout, and what a busy machine adds to it; two in a row would be 600.
        assert!(worst < Duration::from_millis(550), "{worst:?}");
        assert!(worst > Duration::from_millis(50), "nobody was held up: {worst:?}");
    });
}
