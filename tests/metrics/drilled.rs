//! What drills say: the numbers of their reports, and what is not known any more.

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use jiff::Timestamp;
use serde_json::Value;
use stairway::backup::Format;

use crate::ground::eventually;
use crate::page::{Page, names};
use crate::servers;
use crate::yard::{Ran, Yard, flip, resealed};

fn drill(yard: &Yard, store: &Path, metrics: &Path, more: &[&str]) -> Ran {
    let words = ["--backups", store.to_str().unwrap(), "--metrics", metrics.to_str().unwrap()];
    yard.drill(&[&words, more].concat())
}

/// All that a report has as a number is in the page.
fn agree(page: &Page, report: &Value) {
    for (name, value) in [
        ("drill_rto_seconds", &report["rto"]["seconds"]),
        ("drill_rpo_seconds", &report["rpo"]),
        ("drill_row_mismatches", &report["mismatches"]),
        ("fk_orphans", &report["orphans"]),
        ("backup_size_bytes", &report["tried"][0]["bytes"]),
    ] {
        assert_eq!(page.find(name), value.as_f64(), "{name}: {report:#}");
    }
    let newest = &report["tried"][0];
    let level = newest["level"].as_f64().filter(|_| newest["good"] == true);
    assert_eq!(page.find("backup_verified_level"), level, "{report:#}");
    for phase in report["phases"].as_array().unwrap() {
        let name = format!("run_duration_seconds stage={}", phase["name"].as_str().unwrap());
        assert_eq!(page.value(&name), phase["seconds"].as_f64().unwrap());
    }
    let mut made = 0;
    for check in report["checks"].as_array().unwrap() {
        let held = match check["ended"].as_str().unwrap() {
            "held" => Some(1.0),
            "failed" => Some(0.0),
            _ => None,
        };
        let name = format!("drill_check check={}", check["name"].as_str().unwrap());
        assert_eq!(page.find(&name), held, "{check}");
        made += usize::from(held.is_some());
    }
    assert_eq!(page.count("drill_check"), made);
}

#[tokio::test]
async fn a_drill_says_what_its_report_says() {
    let yard = Yard::new(servers::majors()[0]).await;
    yard.migration(
        2,
        "ALTER TABLE orders ADD COLUMN x int;\n",
        "ALTER TABLE orders DROP COLUMN x;\n",
    );
    let workload = yard.project.path().join("workload");
    std::fs::create_dir(&workload).unwrap();
    let query = "-- stairway: param id from SELECT id FROM public.customer\n\
                 SELECT email FROM public.customer WHERE id = :id;\n";
    std::fs::write(workload.join("by_key.sql"), query).unwrap();
    std::fs::write(yard.project.path().join("stairway.toml"), "[bench]\nrate = 1000\n").unwrap();
    let metrics = tempfile::tempdir().unwrap();
    let backup = yard.ours("shop", "store", Format::Custom).await;
    let store = backup.path.parent().unwrap().to_owned();
    let since = Timestamp::now();
    let ran = drill(&yard, &store, metrics.path(), &[]);
    let page = Page::of(metrics.path(), "drill");
    // Whether a machine that others use as well keeps the budget is not what is asked here.
    let outcome = match ran.code {
        0 => "success",
        14 => "gate-failed",
        15 => "gate-inconclusive",
        code => panic!("{code}: {:#}", ran.report),
    };
    page.ended(outcome, since);
    agree(&page, &ran.report);
    let latency = &ran.report["latency"];
    for (name, millis) in [
        ("query_latency_seconds quantile=0.95", &latency["p95"]),
        ("query_latency_seconds_sum", &latency["sum"]),
        ("latency_budget_seconds", &latency["budget"]),
    ] {
        let (seconds, millis) = (page.value(name), millis.as_f64().unwrap());
        assert!(millis > 0.0 && (seconds * 1e3 - millis).abs() < 1e-6, "{name}");
    }
    assert_eq!(page.value("query_latency_seconds_count"), latency["requests"].as_f64().unwrap());
    let verdict = format!("gate_verdict verdict={}", latency["verdict"].as_str().unwrap());
    assert_eq!(page.value(&verdict), 1.0);

    let quick = ["--leave-out", "latency"];
    let since = Timestamp::now();
    let ran = drill(&yard, &store, metrics.path(), &quick);
    ran.is(0, "ok");
    let good = Page::of(metrics.path(), "drill");
    good.ended("success", since);
    agree(&good, &ran.report);
    assert_eq!(good.value("drill_row_mismatches") + good.value("fk_orphans"), 0.0);
    assert_eq!(good.value("drill_check check=rehearsal"), 1.0);
    assert_eq!(good.value("backup_verified_level"), 4.0, "of latencies it says nothing");
    assert!(good.value("restore_duration_seconds") < good.value("drill_rto_seconds"));
    assert!(
        good.find("query_latency_seconds quantile=0.95").is_some(),
        "measured by the one before"
    );
    assert_eq!(good.find("gate_verdict verdict=pass"), None, "and judged by nobody now");
    let created = backup.manifest.created_at.as_duration().as_secs_f64();
    assert!((good.value("backup_created_timestamp_seconds") - created).abs() < 1e-3);
    let success = good.value("last_success_timestamp_seconds");

    // It restores, and is not what its manifest says: no good one is left.
    resealed(&backup, |manifest| manifest.contents.tables.iter_mut().for_each(|it| it.rows += 1));
    let since = Timestamp::now();
    let ran = drill(&yard, &store, metrics.path(), &quick);
    ran.is(12, "bad-backup");
    let bad = Page::of(metrics.path(), "drill");
    bad.ended("backup-failed", since);
    agree(&bad, &ran.report);
    assert!(bad.value("drill_row_mismatches") >= 2.0, "{}", bad.text);
    assert_eq!(bad.find("drill_rpo_seconds"), None, "there is nothing to go back to");
    assert_eq!(bad.value("last_success_timestamp_seconds"), success);

    // It does not restore: what was measured before is the last that is known.
    flip(&backup.path, 0.5, 3);
    let since = Timestamp::now();
    let ran = drill(&yard, &store, metrics.path(), &quick);
    ran.is(12, "bad-backup");
    let broken = Page::of(metrics.path(), "drill");
    broken.ended("backup-failed", since);
    assert_eq!(broken.value("drill_rto_seconds"), bad.value("drill_rto_seconds"));
    assert_eq!(broken.find("drill_row_mismatches"), None);
    assert_eq!(broken.value("drill_check check=digest"), 0.0);
    assert_eq!(broken.value("last_success_timestamp_seconds"), success);
    assert_eq!(names(metrics.path()), ["stairway_drill.prom"]);
    yard.end().await;
}

/// Nobody hears of it, and the file is what it was: that the last success is old tells of it.
#[tokio::test]
async fn a_drill_that_is_killed_leaves_the_file_as_it_was() {
    let yard = Yard::new(servers::majors()[0]).await;
    let metrics = tempfile::tempdir().unwrap();
    let backup = yard.ours("shop", "store", Format::Custom).await;
    let store = backup.path.parent().unwrap().to_owned();
    let quick = ["--leave-out", "rehearsal", "--leave-out", "amcheck"];
    drill(&yard, &store, metrics.path(), &quick).is(0, "ok");
    let before = Page::of(metrics.path(), "drill");
    let words =
        ["--backups", store.to_str().unwrap(), "--metrics", metrics.path().to_str().unwrap()];
    let runtime = tempfile::tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(runtime.path(), Permissions::from_mode(0o755)).unwrap();
    let mut command = yard.command(&words);
    command.env("STAIRWAY_RUNTIME", runtime.path()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.by_ref().any(|line| line.unwrap() == "step: restore"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(Page::of(metrics.path(), "drill"), before);
    assert_eq!(names(metrics.path()), ["stairway_drill.prom"]);
    // The watchdog cleans up; the folder goes after it.
    let is_at_work = |it: &Path| {
        std::fs::read_link(it.join("cwd")).is_ok_and(|cwd| cwd.starts_with(runtime.path()))
    };
    eventually("its processes end", async || {
        !std::fs::read_dir("/proc").unwrap().flatten().any(|it| is_at_work(&it.path()))
    })
    .await;
    yard.end().await;
}
