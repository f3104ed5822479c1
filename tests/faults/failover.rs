//! X60: a standby takes the place of the primary while a run is at work. What was seen before counts no
//! more; the database is classed by its schema and version table alone, and only where both are known.

use crate::crashed::{WORKS, eight};
use crate::led::{Leading, Led, leading};
use crate::site::{Ran, Site, on_majors};

fn fail_over(led: &Led) {
    led.crash("primary");
    led.promote();
    led.point_at("standby");
}

fn noticed(site: &Site, ran: &Ran) {
    ran.says("another server took the place of the one before").says("timeline 00000002");
    let journal = site.journal(ran);
    assert!(journal.contains("\"event\":\"failed-over\""), "{journal}");
}

/// In the transaction of the only move: nothing of it came along, and the schema is exactly that of before.
#[test]
fn a_failover_in_a_transaction_is_before() {
    on_majors(0, |major, offset| {
        let Leading { site, led } = leading(major, offset, ":");
        eight(&site, 2, site.place(8));
        site.sql("UPDATE gate SET seconds = 60");
        led.add_standby();
        let before = site.print();
        let child = site.start(&["upgrade", "--skip-test"]);
        site.wait_for(WORKS);
        fail_over(&led);
        let ran = site.end(child);
        site.holds(&ran, 20, "BEFORE");
        noticed(&site, &ran);
        assert_eq!(site.print(), before);
        site.sql("UPDATE gate SET seconds = 0");
        let ran = site.run(&["upgrade", "--skip-test"]);
        site.holds(&ran, 0, "AFTER");
    });
}

/// Two moves, of which one is made and replicated; the other one works.
fn between(site: &Site, led: &Led, words: &[&str]) -> (Ran, String) {
    eight(site, 2, 8);
    eight(site, 3, site.place(8));
    led.add_standby();
    let before = site.print();
    let child = site.start(words);
    let made = "SELECT to_regclass('stairway.move') IS NOT NULL AND EXISTS \
        (SELECT FROM stairway.move WHERE revision = '2')";
    site.wait_for(made);
    site.wait_for(WORKS);
    led.wait_for("standby", made);
    fail_over(led);
    (site.end(child), before)
}

/// Without a rehearsal nobody knows what the schema is to be after the first move: a person must look.
#[test]
fn a_failover_to_a_place_that_nobody_knows_is_unknown() {
    on_majors(1, |major, offset| {
        let Leading { site, led } = leading(major, offset, ":");
        site.sql("UPDATE gate SET seconds = 60");
        let (ran, _) = between(&site, &led, &["upgrade", "--skip-test"]);
        site.holds(&ran, 30, "UNKNOWN");
        noticed(&site, &ran);
        let applied = "SELECT version FROM schema_migrations";
        assert_eq!(site.value(applied), "2", "something was changed");
        let ran = site.run(&["recover"]);
        site.holds(&ran, 30, "UNKNOWN");
        assert_eq!(site.value(applied), "2", "something was changed");
    });
}

/// With one it is known exactly, and so is the way back.
#[test]
fn a_failover_to_a_place_that_is_known_leads_back() {
    on_majors(0, |major, offset| {
        let Leading { site, led } = leading(major, offset, ":");
        site.sql("UPDATE gate SET seconds = 3");
        let (ran, before) = between(&site, &led, &["upgrade"]);
        site.holds(&ran, 21, "BEFORE");
        noticed(&site, &ran);
        assert_eq!(site.print(), before);
    });
}

/// The old primary lives on and commits; new sessions come to the new one, where nothing of it is.
#[test]
fn a_commit_on_a_server_that_nobody_comes_to_is_no_after() {
    on_majors(1, |major, offset| {
        let Leading { site, led } = leading(major, offset, ":");
        eight(&site, 2, site.place(8));
        site.sql("UPDATE gate SET seconds = 3");
        led.add_standby();
        let before = site.print();
        let child = site.start(&["upgrade", "--skip-test"]);
        site.wait_for(WORKS);
        led.promote();
        led.point_at("standby");
        let ran = site.end(child);
        site.holds(&ran, 20, "BEFORE");
        noticed(&site, &ran);
        assert_eq!(site.print(), before);
        let moves = "SELECT string_agg(direction, ',') FROM stairway.move WHERE revision = '2'";
        assert_eq!(led.admin("primary", moves), "upgrade", "it was taken back where nobody looks");
    });
}
