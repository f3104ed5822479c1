//! Old backups, clocks that are wrong, manifests that are gone: what a run makes of the folder of backups.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};
use stairway::backup::Store;

use crate::hook::Hook;
use crate::site::{Site, on};

/// Goes there and back `times` times, so that there are as many proven backups.
fn backups(site: &Site, times: usize) -> Vec<PathBuf> {
    site.migration(
        2,
        "ALTER TABLE orders ADD COLUMN note text;\n",
        "ALTER TABLE orders DROP COLUMN note;\n",
    );
    for _ in 0..times {
        site.holds(&site.run(&["upgrade"]), 0, "AFTER");
        site.holds(&site.run(&["downgrade", "1", "--skip-backup"]), 0, "AFTER");
    }
    let found = site.backups();
    assert_eq!(found.len(), times);
    found
}

fn manifest_of(dump: &Path) -> PathBuf {
    dump.with_extension("manifest.json")
}

/// Has a manifest say another time, and seals it as who wrote it does.
fn made_at(dump: &Path, at: Timestamp) {
    let path = manifest_of(dump);
    let mut manifest: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    manifest["created_at"] = Value::String(at.to_string());
    let fields = manifest.as_object_mut().unwrap();
    fields.remove("seal");
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    let mut hasher = Sha256::new();
    for (name, value) in sorted {
        hasher.update(format!("{name}={value}\n"));
    }
    let mut seal = String::new();
    for byte in hasher.finalize() {
        write!(seal, "{byte:02x}").unwrap();
    }
    manifest["seal"] = Value::String(seal);
    fs::write(&path, serde_json::to_string_pretty(&manifest).unwrap()).unwrap();
}

fn days_ago(days: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(24 * days)
}

/// F17: all are old and tonight's fails: none is deleted. When one succeeds, the oldest ones go.
#[test]
fn a_failed_backup_deletes_none() {
    on(0, |mut site| {
        let old = backups(&site, 4);
        for (nth, dump) in (0..).zip(&old) {
            made_at(dump, days_ago(60 - nth));
        }
        let hook = Hook::of(&mut site);
        let folder = site.programs_but("pg_dump", "exit 1");
        site.set("STAIRWAY_POSTGRES_BIN", folder.display().to_string());
        let before = site.print();
        let ran = site.run(&["upgrade"]);
        site.holds(&ran, 12, "BEFORE");
        assert_eq!((site.backups(), site.print()), (old.clone(), before));
        assert_eq!(hook.last()["exit"], 12);
        site.set("STAIRWAY_POSTGRES_BIN", site.server.programs().display().to_string());
        let ran = site.run(&["upgrade"]);
        site.holds(&ran, 0, "AFTER");
        ran.says("is deleted: it is old, and newer ones are proven");
        let left = site.backups();
        assert_eq!(left.len(), 3, "{left:?}");
        assert!(!left.contains(&old[0]) && !left.contains(&old[1]), "{left:?}");
    });
}

/// F18: one is from the future, another one from the beginning of time; files say something else yet.
#[test]
fn a_clock_that_is_wrong_deletes_none() {
    on(1, |site| {
        let old = backups(&site, 4);
        made_at(&old[3], days_ago(-365));
        made_at(&old[0], Timestamp::UNIX_EPOCH);
        for dump in &old {
            let file = fs::File::options().append(true).open(dump).unwrap();
            file.set_modified(std::time::UNIX_EPOCH).unwrap();
        }
        let ran = site.run(&["upgrade"]);
        site.holds(&ran, 0, "AFTER");
        ran.says("backups: ");
        assert_eq!(site.backups().len(), 5, "{}", ran.said);
    });
}

/// X49: without its manifest, or with another one, a file is no backup.
#[test]
fn a_backup_without_its_manifest_is_none() {
    on(0, |site| {
        let old = backups(&site, 2);
        let before = site.print();
        fs::remove_file(manifest_of(&old[1])).unwrap();
        let name = old[1].file_name().unwrap().to_str().unwrap();
        let ran = site.run(&["restore", name]);
        site.holds(&ran, 12, "BEFORE");
        ran.says("is no backup to trust");
        let path = manifest_of(&old[0]);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen("\"sha256\": \"", "\"sha256\": \"0", 1)).unwrap();
        let ran = site.run(&["restore", "latest", "--accept-loss", "all"]);
        site.holds(&ran, 12, "BEFORE");
        assert_eq!(site.print(), before);
    });
}

/// X50: somebody reads an old backup while it would be deleted.
#[test]
fn a_backup_that_is_read_is_not_deleted() {
    on(1, |site| {
        let old = backups(&site, 4);
        made_at(&old[0], days_ago(60));
        let store = Store::open(&site.path("backups/migrations")).unwrap();
        let listing = store.list().unwrap();
        let held = listing.backups.iter().find(|it| it.path == old[0]).unwrap();
        let lease = store.hold(held).unwrap();
        site.holds(&site.run(&["upgrade"]), 0, "AFTER");
        assert!(old[0].exists());
        drop(lease);
        site.holds(&site.run(&["downgrade", "1"]), 0, "AFTER");
        assert!(!old[0].exists(), "nobody reads it any more, and it is old");
    });
}
