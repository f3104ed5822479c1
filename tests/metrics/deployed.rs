//! What backups and runs on a database say, and that failing to say it is not hidden.

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::page::{Page, all_are_one, names};
use crate::servers;
use crate::site::{Ran, SECRET, Site};

/// A site whose runs leave metrics, and the folder of those.
fn site(nth: usize) -> (Site, PathBuf) {
    let majors = servers::majors();
    let mut site = Site::new(majors[nth % majors.len()]).unwrap();
    let metrics = site.path("metrics");
    fs::create_dir(&metrics).unwrap();
    site.set("STAIRWAY_METRICS", metrics.to_str().unwrap());
    (site, metrics)
}

fn add(site: &Site, version: u32) {
    site.migration(
        version,
        &format!("ALTER TABLE orders ADD COLUMN note{version} text;\n"),
        &format!("ALTER TABLE orders DROP COLUMN note{version};\n"),
    );
}

/// An upgrade that leaves an orphan, with a downgrade that works on the copy only.
fn no_way_back(site: &Site, version: u32) {
    site.migration(
        version,
        "CREATE TABLE visits (id int PRIMARY KEY, user_id bigint);\n\
         INSERT INTO visits VALUES (1, -1);\n\
         ALTER TABLE visits ADD FOREIGN KEY (user_id) REFERENCES users NOT VALID;\n",
        "DO $$ BEGIN IF current_database() = 'shop' THEN RAISE 'no'; END IF; END $$;\nDROP TABLE visits;\n",
    );
}

/// All stages of a report are in the page, with how they ended.
fn agree(page: &Page, ran: &Ran) {
    let steps = ran.report["steps"].as_array().unwrap();
    let begun = steps.iter().filter(|it| it["ended"] != "skipped");
    for step in begun {
        let name = step["name"].as_str().unwrap();
        let same = steps.iter().filter(|it| it["name"] == name && it["ended"] != "skipped");
        let seconds: f64 = same.clone().map(|it| it["seconds"].as_f64().unwrap()).sum();
        let is_done = same.clone().all(|it| it["ended"] == "done");
        let took = page.value(&format!("run_duration_seconds stage={name}"));
        assert!((took - seconds).abs() < 1e-9, "{name}: {took} {seconds}");
        let success = page.value(&format!("stage_success stage={name}"));
        assert_eq!(success == 1.0, is_done, "{name}");
    }
    for skipped in steps.iter().filter(|it| it["ended"] == "skipped") {
        let name = skipped["name"].as_str().unwrap();
        assert_eq!(page.find(&format!("stage_success stage={name}")), None);
    }
}

fn rollbacks(page: &Page) -> [f64; 4] {
    ["downgrade", "restore", "refused", "failed"]
        .map(|word| page.value(&format!("rollbacks_total outcome={word}")))
}

#[test]
fn from_a_backup_to_a_rollback() {
    let (site, metrics) = site(0);
    let since = Timestamp::now();
    let ran = site.run(&["backup"]);
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    let backup = Page::of(&metrics, "backup");
    backup.ended("success", since);
    let size = site.backups()[0].metadata().unwrap().len();
    assert_eq!(backup.value("backup_size_bytes"), f64::from(u32::try_from(size).unwrap()));
    assert_eq!(backup.value("backup_verified_level"), 2.0);
    assert_eq!(backup.value("backups_retained"), 1.0);
    let created = backup.value("backup_created_timestamp_seconds");
    assert!(created >= since.as_duration().as_secs_f64() - 1.0, "{created}");
    for stage in ["dump", "verify", "decode"] {
        assert!(backup.value(&format!("run_duration_seconds stage={stage}")) > 0.0);
    }

    add(&site, 2);
    let since = Timestamp::now();
    let ran = site.run(&["upgrade"]);
    site.holds(&ran, 0, "AFTER");
    let upgrade = Page::of(&metrics, "upgrade");
    upgrade.ended("success", since);
    agree(&upgrade, &ran);
    for stage in ["preflight", "lock", "backup", "restore", "rehearse", "apply", "validate"] {
        assert_eq!(upgrade.value(&format!("stage_success stage={stage}")), 1.0);
    }
    assert_eq!(upgrade.value("backup_size_bytes"), ran.report["backup"]["bytes"].as_f64().unwrap());
    assert_eq!(upgrade.value("backup_verified_level"), 3.0);
    assert_eq!(upgrade.value("backups_retained"), 2.0);
    assert_eq!(upgrade.value("fk_orphans"), 0.0);
    assert!(upgrade.value("restore_duration_seconds") > 0.0);
    assert_eq!(rollbacks(&upgrade), [0.0; 4]);
    let success = upgrade.value("last_success_timestamp_seconds");

    // What would be done is none of what is done.
    let before = upgrade.text.clone();
    add(&site, 3);
    assert_eq!(site.run(&["upgrade", "--dry-run"]).code, Some(0));
    assert_eq!(Page::of(&metrics, "upgrade").text, before);
    fs::remove_file(site.path("migrations/3_it.up.sql")).unwrap();
    fs::remove_file(site.path("migrations/3_it.down.sql")).unwrap();

    no_way_back(&site, 4);
    for times in [1.0, 2.0] {
        let since = Timestamp::now();
        let ran = site.run(&["upgrade", "--fence"]);
        site.holds(&ran, 22, "BEFORE");
        let restored = Page::of(&metrics, "upgrade");
        restored.ended("restored", since);
        agree(&restored, &ran);
        assert_eq!(restored.value("stage_success stage=validate"), 0.0);
        assert_eq!(restored.value("stage_success stage=apply"), 1.0);
        assert_eq!(rollbacks(&restored), [0.0, times, 0.0, 0.0]);
        assert_eq!(restored.find("fk_orphans"), None, "they went with the rollback");
        assert_eq!(restored.value("last_success_timestamp_seconds"), success);
    }

    // A run that knows nothing leaves what is known.
    let kept = Page::of(&metrics, "upgrade");
    let since = Timestamp::now();
    assert_eq!(site.run(&["upgrade", "no-such-revision"]).code, Some(2));
    let refused = Page::of(&metrics, "upgrade");
    refused.ended("usage", since);
    for name in ["backup_size_bytes", "backup_created_timestamp_seconds", "backup_verified_level"] {
        assert_eq!(refused.value(name), kept.value(name), "{name}");
    }
    assert_eq!(rollbacks(&refused), [0.0, 2.0, 0.0, 0.0]);
    assert_eq!(refused.value("last_success_timestamp_seconds"), success);

    for (words, job) in [(&["validate"][..], "validate"), (&["recover"], "recover")] {
        let since = Timestamp::now();
        assert_eq!(site.run(words).code, Some(0));
        let page = Page::of(&metrics, job);
        page.ended("success", since);
        assert_eq!(page.count("backup_size_bytes"), 0, "it made none");
    }
    all_are_one(&metrics);
    site.is_nowhere(SECRET);
}

#[test]
fn what_is_damaged_is_counted() {
    let (site, metrics) = site(1);
    site.sql(
        "ALTER TABLE orders DISABLE TRIGGER ALL; \
         INSERT INTO orders (user_id, amount) SELECT -g, 1 FROM generate_series(1, 3) g; \
         ALTER TABLE orders ENABLE TRIGGER ALL",
    );
    let since = Timestamp::now();
    let ran = site.run(&["validate"]);
    assert_eq!(ran.code, Some(1), "{}", ran.said);
    let page = Page::of(&metrics, "validate");
    page.ended("findings", since);
    agree(&page, &ran);
    assert_eq!(page.value("fk_orphans"), 3.0);
    assert_eq!(page.value("stage_success stage=validate"), 0.0);
    assert_eq!(page.find("last_success_timestamp_seconds"), None, "there was none yet");
    // A failed migration that changed nothing is no rollback.
    site.migration(2, "SELECT 1/0;\n", "SELECT 1;\n");
    let since = Timestamp::now();
    let ran = site.run(&["upgrade", "--skip-test"]);
    site.holds(&ran, 20, "BEFORE");
    let page = Page::of(&metrics, "upgrade");
    page.ended("apply-failed", since);
    agree(&page, &ran);
    assert_eq!(page.value("stage_success stage=apply"), 0.0);
    assert_eq!(rollbacks(&page), [0.0; 4]);
}

/// A database is moved all the same, and the run says that somebody was not told.
#[test]
fn metrics_that_can_t_be_written_are_a_failed_delivery() {
    let (site, metrics) = site(0);
    fs::remove_dir(&metrics).unwrap();
    add(&site, 2);
    let ran = site.run(&["upgrade", "--skip-test"]);
    assert_eq!(ran.code, Some(40), "{}", ran.said);
    assert_eq!(ran.report["state"], "AFTER");
    ran.says(&format!("warning: can't write metrics to {}: ", metrics.display()));
    ran.says(&format!("can't write metrics to {}/stairway_upgrade.prom: ", metrics.display()));
    ran.says("AFTER: the database is at 2, validated (40)");
    // What failed for itself keeps its code.
    site.migration(3, "SELECT 1/0;\n", "SELECT 1;\n");
    assert_eq!(site.run(&["upgrade", "--skip-test"]).code, Some(20));
    site.nothing_is_left();
}

/// What can't be delivered otherwise is in the metrics.
#[test]
fn an_alert_that_nobody_takes_is_an_outcome() {
    let (mut site, metrics) = site(1);
    site.set("HOOK", "http://127.0.0.1:1/hook");
    let channel = "[[alert]]\nkind = \"webhook\"\nurl-env = \"HOOK\"\nbudget = 1\n";
    fs::write(site.path("stairway.toml"), channel).unwrap();
    add(&site, 2);
    let since = Timestamp::now();
    assert_eq!(site.run(&["upgrade", "--skip-test"]).code, Some(40));
    Page::of(&metrics, "upgrade").ended("undelivered", since);
}

/// As everything else of a deployment, and a relative one is beside the file that names it.
#[test]
fn the_folder_may_stand_in_the_file_of_the_environment() {
    let majors = servers::majors();
    let site = Site::new(majors[0]).unwrap();
    let place = site.path("place");
    fs::create_dir_all(place.join("metrics")).unwrap();
    fs::create_dir(site.path("written")).unwrap();
    fs::write(site.path("stairway.toml"), "metrics = \"written\"\n").unwrap();
    let url = site.target.url_with_password();
    let file = format!("DATABASE_URL={url}\nSTAIRWAY_METRICS=metrics\n");
    fs::write(place.join(".env.production"), file).unwrap();
    let words = ["validate", "--deployment-dir", place.to_str().unwrap()];
    let since = Timestamp::now();
    assert_eq!(site.run(&words).code, Some(0));
    Page::of(&place.join("metrics"), "validate").ended("success", since);
    assert!(names(&site.path("written")).is_empty());
    assert_eq!(site.run(&["validate"]).code, Some(0));
    assert_eq!(names(&site.path("written")), ["stairway_validate.prom"]);
    assert_eq!(site.run(&["backup", words[1], words[2]]).code, Some(0));
    assert_eq!(names(&place.join("metrics")), ["stairway_backup.prom", "stairway_validate.prom"]);
}
