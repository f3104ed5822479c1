//! Faults of standbys: one that is taken for the primary, one that COMMIT waits for and that stands still.

use nix::sys::signal::Signal;

use crate::crashed::{WORKS, eight};
use crate::led::{Leading, leading};
use crate::site::on_majors;

/// X43
#[test]
fn a_standby_is_refused() {
    on_majors(1, |major, offset| {
        let Leading { site, led } = leading(major, offset, ":");
        eight(&site, 2, 8);
        led.add_standby();
        let before = site.print();
        led.point_at("standby");
        let ran = site.run(&["upgrade"]);
        site.holds(&ran, 10, "BEFORE");
        ran.says("this server is a hot standby");
        assert_eq!(site.print(), before);
        assert_eq!(site.backups().len(), 0);
        let steps = ran.report["steps"].as_array().unwrap();
        assert!(steps.iter().all(|it| it["name"] == "preflight"), "{steps:?}");
        led.point_at("primary");
        assert_eq!(site.print(), before);
    });
}

const WAITS: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' \
    AND query LIKE 'COMMIT%' AND application_name LIKE 'stairway upgrade %')";

/// X59
#[test]
fn a_commit_that_no_standby_confirms_is_no_before() {
    on_majors(0, |major, offset| {
        let Leading { site, led } = leading(major, offset, ":");
        eight(&site, 2, site.place(8));
        let before = site.print();
        let ran = site.run(&["upgrade", "--skip-backup"]);
        site.holds(&ran, 0, "AFTER");
        let after = site.print();
        let ran = site.run(&["downgrade", "-1", "--skip-backup"]);
        site.holds(&ran, 0, "AFTER");
        assert_eq!(site.print(), before);
        site.sql("UPDATE gate SET seconds = 2");
        led.add_standby();
        led.make_synchronous();
        let child = site.start(&["upgrade", "--timeout", "10"]);
        site.wait_for(WORKS);
        led.send("standby", Signal::SIGSTOP);
        site.wait_for(WAITS);
        let ran = site.end(child);
        site.holds(&ran, 31, "AFTER");
        ran.says("committed locally, not replicated: COMMIT waits for a synchronous standby (*)");
        ran.says("validated; committed locally, not replicated");
        let journal = site.journal(&ran);
        assert!(journal.contains("\"event\":\"unreplicated\""), "{journal}");
        assert_eq!(sans_gate(&site.print()), sans_gate(&after));
        let applied = "SELECT version = 2 FROM schema_migrations";
        assert_eq!(site.value(applied), "t");
        led.send("standby", Signal::SIGCONT);
        led.wait_for("standby", applied);
        let ran = site.run(&["upgrade"]);
        site.holds(&ran, 0, "AFTER");
        ran.says("nothing to do");
    });
}

/// The table `gate` is what the test turns; everything else must be the same.
fn sans_gate(print: &str) -> String {
    let lines = print.lines().filter(|line| !line.contains("public.gate VALUES"));
    lines.collect::<Vec<_>>().join("\n")
}

/// X59, and the run is killed while it waits: `recover` sees that too.
#[test]
fn a_killed_run_whose_commit_no_standby_confirms_is_no_before() {
    on_majors(1, |major, offset| {
        let Leading { site, led } = leading(major, offset, ":");
        eight(&site, 2, site.place(8));
        site.sql("UPDATE gate SET seconds = 2");
        led.add_standby();
        led.make_synchronous();
        let mut child = site.start(&["upgrade", "--skip-test"]);
        site.wait_for(WORKS);
        led.send("standby", Signal::SIGSTOP);
        site.wait_for(WAITS);
        child.kill().unwrap();
        child.wait().unwrap();
        let ran = site.run(&["recover"]);
        site.holds(&ran, 31, "AFTER");
        ran.says("committed locally, not replicated");
        assert_eq!(site.value("SELECT version FROM schema_migrations"), "2");
        led.send("standby", Signal::SIGCONT);
    });
}
