//! The folder of backups: what is believed of it, what is deleted, who is in whose way.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use stairway::backup::{
    Backup, BackupError, Contents, Draft, FORMAT, FileSum, Kind, Level, Manifest, Retention, Store,
};

const TEXT: &str = "PGDMP and so on";

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn store() -> (tempfile::TempDir, Store) {
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::open(&scratch.path().join("backups/migrations")).unwrap();
    (scratch, store)
}

fn sum(name: &str, text: &str) -> FileSum {
    let sha256 = hex(&Sha256::digest(text));
    FileSum { name: name.to_owned(), bytes: text.len() as u64, sha256 }
}

fn manifest(draft: &Draft, files: Vec<FileSum>) -> Manifest {
    Manifest {
        format: FORMAT,
        file: draft.name(),
        kind: draft.kind(),
        created_at: draft.created_at(),
        sequence: draft.sequence(),
        database: "shop".to_owned(),
        run: "test".to_owned(),
        stairway: "0.1.0".to_owned(),
        server: "15.18".to_owned(),
        major: 15,
        pg_dump: "15.18".to_owned(),
        system_identifier: Some("7".to_owned()),
        timeline: Some(1),
        lsn: Some("0/15D68A8".to_owned()),
        snapshot: "700:700:".to_owned(),
        bytes: files.iter().map(|file| file.bytes).sum(),
        files,
        contents: Contents::default(),
        schema_digest: None,
        applied: vec!["1".to_owned()],
        level: Level::Written,
        pinned: None,
    }
}

/// A backup whose manifest `change` changed before it was written.
fn made(store: &Store, change: impl FnOnce(&mut Manifest)) -> Backup {
    let draft = store.begin(Kind::Custom).unwrap();
    fs::write(draft.path(), TEXT).unwrap();
    let mut manifest = manifest(&draft, vec![sum(&draft.name(), TEXT)]);
    change(&mut manifest);
    draft.finish(manifest).unwrap()
}

fn days(days: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(24 * days)
}

/// One that is so many days old and proven so far.
fn old(store: &Store, age: i64, level: Level) -> Backup {
    made(store, |manifest| {
        manifest.created_at = days(age);
        manifest.level = level;
    })
}

fn names(backups: &[Backup]) -> Vec<&str> {
    backups.iter().map(|backup| backup.manifest.file.as_str()).collect()
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn manifest_of(backup: &Backup) -> PathBuf {
    backup.path.with_extension("manifest.json")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_backup_gets_its_name_when_it_is_whole_and_its_manifest_last() {
    let (_scratch, store) = store();
    assert_eq!(mode(store.folder()), 0o700);
    let draft = store.begin(Kind::Custom).unwrap();
    let name = draft.name();
    assert!(name.starts_with("pre-migration-2") && name.ends_with("Z.dump"), "{name}");
    fs::write(draft.path(), TEXT).unwrap();
    assert!(draft.path().ends_with(format!("{name}.partial")));
    let listing = store.list().unwrap();
    assert!(listing.backups.is_empty() && listing.partial[0].in_use, "{listing:?}");
    // Nobody sweeps what is being written.
    assert_eq!(store.sweep_partials().unwrap(), Vec::<PathBuf>::new());
    let manifest = manifest(&draft, vec![sum(&name, TEXT)]);
    let mut backup = draft.finish(manifest).unwrap();
    assert_eq!(store.list().unwrap().backups, [backup.clone()]);
    assert_eq!(mode(&manifest_of(&backup)), 0o600);
    store.verify(&backup).await.unwrap();
    store.set_level(&mut backup, Level::Restored).unwrap();
    store.set_level(&mut backup, Level::Checksummed).unwrap();
    store.pin(&mut backup, "run 7 failed").unwrap();
    let found = store.newest_good("shop", Level::Restored).unwrap().unwrap();
    assert_eq!(found.manifest.level, Level::Restored);
    assert_eq!(found.manifest.pinned.as_deref(), Some("run 7 failed"));
    assert_eq!(store.newest_good("shop", Level::Proven).unwrap(), None);
    assert_eq!(store.newest_good("other", Level::Written).unwrap(), None);
    // Within the same second, and given up.
    let second = made(&store, |_| {});
    assert_ne!(second.path, backup.path);
    assert!(second.manifest.sequence > backup.manifest.sequence);
    let before = files(store.folder());
    let third = store.begin(Kind::Directory).unwrap();
    fs::create_dir(third.path()).unwrap();
    fs::write(third.path().join("toc.dat"), "half").unwrap();
    drop(third);
    assert_eq!(files(store.folder()), before);
    assert_eq!(
        names(&store.list().unwrap().backups),
        [&second, &found].map(|it| &it.manifest.file)
    );
}

type Harm = fn(&Backup);

/// F15, F16, X49.
#[tokio::test]
async fn what_was_changed_since_is_no_backup() {
    let (_scratch, store) = store();
    let cases: [(&str, Harm, bool); 7] = [
        (
            "SHA-256",
            |it| {
                let mut bytes = fs::read(&it.path).unwrap();
                bytes[7] ^= 4;
                fs::write(&it.path, bytes).unwrap();
            },
            true,
        ),
        ("14 bytes instead of 15", |it| fs::write(&it.path, &TEXT[..14]).unwrap(), false),
        ("it has no manifest", |it| fs::remove_file(manifest_of(it)).unwrap(), false),
        ("there is no dump beside it", |it| fs::remove_file(&it.path).unwrap(), false),
        (
            "it was edited",
            |it| {
                let text = fs::read_to_string(manifest_of(it)).unwrap();
                let text = text.replace("\"level\": 0", "\"level\": 3");
                fs::write(manifest_of(it), text).unwrap();
            },
            false,
        ),
        ("EOF", |it| fs::write(manifest_of(it), "{\"format\":").unwrap(), false),
        (
            "it is of format 1, and this version reads format 2 only: the dump beside it is one for \
             pg_restore",
            |it| {
                let text = fs::read_to_string(manifest_of(it)).unwrap();
                let text = text.replace("\"format\": 2", "\"format\": 1");
                fs::write(manifest_of(it), text).unwrap();
            },
            false,
        ),
    ];
    for (reason, harm, is_listed) in cases {
        let backup = made(&store, |_| {});
        store.verify(&backup).await.unwrap();
        harm(&backup);
        let error = store.verify(&backup).await.unwrap_err();
        let listing = store.list().unwrap();
        assert_eq!(listing.backups.len(), usize::from(is_listed), "{reason}");
        if is_listed {
            assert!(error.to_string().contains(reason), "{error}");
        } else {
            let said = &listing.unverified[0].reason;
            assert!(said.contains(reason), "{said}");
            assert_eq!(store.newest_good("shop", Level::Written).unwrap(), None);
        }
        for name in files(store.folder()).iter().filter(|name| name.starts_with("pre-")) {
            fs::remove_file(store.folder().join(name)).unwrap();
        }
        store.sweep_partials().unwrap();
        assert_eq!(files(store.folder()), [".sequence"]);
    }
    // A manifest of another backup.
    let (one, two) = (made(&store, |_| {}), made(&store, |_| {}));
    fs::copy(manifest_of(&one), manifest_of(&two)).unwrap();
    assert!(matches!(store.verify(&two).await, Err(BackupError::Manifest { .. })));
    // Its own, written anew.
    made(&store, |_| {});
    let mut other = one.clone();
    other.manifest.bytes += 1;
    fs::write(manifest_of(&one), other.manifest.seal().unwrap()).unwrap();
    assert!(matches!(store.verify(&one).await, Err(BackupError::Damaged { .. })));
}

#[tokio::test]
async fn a_folder_has_the_files_that_it_had() {
    let (_scratch, store) = store();
    let draft = store.begin(Kind::Directory).unwrap();
    fs::create_dir(draft.path()).unwrap();
    for name in ["3085.dat.gz", "toc.dat"] {
        fs::write(draft.path().join(name), TEXT).unwrap();
    }
    let manifest = manifest(&draft, vec![sum("3085.dat.gz", TEXT), sum("toc.dat", TEXT)]);
    let backup = draft.finish(manifest).unwrap();
    store.verify(&backup).await.unwrap();
    assert_eq!(backup.manifest.sha256().len(), 64);
    fs::write(backup.path.join("3086.dat.gz"), TEXT).unwrap();
    let error = store.verify(&backup).await.unwrap_err().to_string();
    assert!(error.ends_with("it has other files than it had"), "{error}");
    fs::remove_file(backup.path.join("3086.dat.gz")).unwrap();
    store.verify(&backup).await.unwrap();
    fs::remove_file(backup.path.join("3085.dat.gz")).unwrap();
    assert!(store.verify(&backup).await.is_err());
}

#[tokio::test]
async fn old_backups_go_if_a_newer_one_is_proven() {
    let (_scratch, store) = store();
    let rules = Retention { days: 30, at_least: 2 };
    let now = Timestamp::now();
    let pinned = made(&store, |manifest| {
        manifest.created_at = days(90);
        manifest.pinned = Some("run 3 failed".to_owned());
    });
    let other = made(&store, |manifest| {
        manifest.created_at = days(80);
        manifest.database = "other".to_owned();
    });
    let gone = [old(&store, 70, Level::Restored), old(&store, 60, Level::Written)];
    let held = old(&store, 50, Level::Decoded);
    let last = old(&store, 40, Level::Decoded);
    let retained = store.retain(rules, now).await.unwrap();
    let no_proof = "no newer backup is proven by a restore";
    let reasons: Vec<&str> = retained.kept.iter().map(|(_, reason)| reason.as_str()).collect();
    assert!(retained.deleted.is_empty(), "{retained:?}");
    assert!(reasons.iter().filter(|it| **it == no_proof).count() == 2, "{reasons:?}");

    // The newest one is proven, but not whole any more.
    let broken = old(&store, 2, Level::Restored);
    fs::write(&broken.path, TEXT.replace("so", "os")).unwrap();
    assert!(store.retain(rules, now).await.unwrap().deleted.is_empty());

    let proven = old(&store, 1, Level::Restored);
    let lease = store.hold(&held).unwrap();
    let retained = store.retain(rules, now).await.unwrap();
    let mut deleted = retained.deleted.clone();
    deleted.sort();
    let mut expected = [&gone[0].path, &gone[1].path, &last.path].map(Clone::clone);
    expected.sort();
    assert_eq!(deleted, expected);
    let reason = |backup: &Backup| {
        let kept = retained.kept.iter().find(|(path, _)| *path == backup.path);
        kept.map(|(_, reason)| reason.as_str())
    };
    assert_eq!(reason(&held), Some("it is in use"));
    assert_eq!(reason(&pinned), Some("it is pinned: run 3 failed"));
    assert_eq!(reason(&other), Some("it is one of the newest 2"));
    assert_eq!(reason(&proven), None);
    assert!(retained.anomalies.is_empty());
    drop(lease);
    let retained = store.retain(rules, now).await.unwrap();
    assert_eq!(retained.deleted, [held.path]);
    let left = store.list().unwrap();
    assert_eq!(left.backups.len(), 4, "{left:?}");
    assert!(left.unverified.is_empty() && left.partial.is_empty(), "{left:?}");
    let leases = files(store.folder()).iter().filter(|name| name.starts_with(".pre-")).count();
    assert_eq!(leases, 4);
}

/// F17: all are old, and at least so many stay although newer ones would do.
#[tokio::test]
async fn the_newest_stay_however_old_they_are() {
    let (_scratch, store) = store();
    for age in [95, 94, 93, 92] {
        old(&store, age, Level::Restored);
    }
    let retained = store.retain(Retention::default(), Timestamp::now()).await.unwrap();
    assert_eq!((retained.deleted.len(), retained.kept.len()), (1, 3));
    // By age alone none would be left.
    let rules = Retention { days: 1, at_least: 0 };
    let retained = store.retain(rules, Timestamp::now()).await.unwrap();
    assert_eq!((retained.deleted.len(), retained.kept.len()), (2, 1));
    assert_eq!(store.list().unwrap().backups.len(), 1);
}

/// F18.
#[tokio::test]
async fn a_clock_that_was_wrong_deletes_nothing() {
    let (_scratch, store) = store();
    let first = old(&store, 60, Level::Restored);
    let future = old(&store, -365, Level::Restored);
    let epoch = made(&store, |manifest| manifest.created_at = Timestamp::UNIX_EPOCH);
    let newest = old(&store, 0, Level::Restored);
    let listing = store.list().unwrap();
    let order = [&newest, &epoch, &future, &first].map(|it| it.manifest.sequence);
    assert!(listing.backups.iter().map(|it| it.manifest.sequence).eq(order));
    assert_eq!(listing.anomalies.len(), 2, "{:?}", listing.anomalies);
    assert!(listing.anomalies[0].contains("a clock that was not set"));
    assert!(listing.anomalies[1].contains("in the future"));
    let rules = Retention { days: 30, at_least: 0 };
    let retained = store.retain(rules, Timestamp::now()).await.unwrap();
    assert!(retained.deleted.is_empty());
    assert_eq!(retained.anomalies, listing.anomalies);
    assert!(retained.kept.iter().all(|(_, why)| why == "the clock can't be trusted"));
    let good = store.newest_good("shop", Level::Restored).unwrap().unwrap();
    assert_eq!(good.path, newest.path);

    // Neither in the future nor too early, but later than what came after it.
    let (_scratch, store) = self::store();
    old(&store, 40, Level::Restored);
    old(&store, 10, Level::Restored);
    old(&store, 20, Level::Restored);
    let anomalies = store.list().unwrap().anomalies;
    assert!(anomalies.len() == 1 && anomalies[0].contains("was made after it"), "{anomalies:?}");
    assert!(store.retain(rules, Timestamp::now()).await.unwrap().deleted.is_empty());
    // The counter goes on where all manifests are gone.
    for name in files(store.folder()).iter().filter(|name| name.starts_with("pre-")) {
        fs::remove_file(store.folder().join(name)).unwrap();
    }
    assert_eq!(made(&store, |_| {}).manifest.sequence, 4);
    fs::remove_file(store.folder().join(".sequence")).unwrap();
    assert_eq!(made(&store, |_| {}).manifest.sequence, 5);
}

#[test]
#[ignore = "not a test: the process that is killed while it writes a backup or uses one"]
fn holder() {
    let Ok(folder) = std::env::var("STAIRWAY_TEST_STORE") else { return };
    let store = Store::open(Path::new(&folder)).unwrap();
    let draft = store.begin(Kind::Custom).unwrap();
    fs::write(draft.path(), TEXT).unwrap();
    let backups = store.list().unwrap().backups;
    let _leases: Vec<_> = backups.iter().map(|backup| store.hold(backup).unwrap()).collect();
    println!("\nholding");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

/// F14, X50: what another process writes or uses is left alone, until it is killed.
#[tokio::test]
async fn leases_end_with_their_process() {
    use std::io::{BufRead, BufReader};

    let (_scratch, store) = store();
    let rules = Retention { days: 30, at_least: 0 };
    old(&store, 50, Level::Restored);
    old(&store, 0, Level::Restored);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["holder", "--exact", "--ignored", "--nocapture"])
        .env("STAIRWAY_TEST_STORE", store.folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "holding"));
    assert!(store.sweep_partials().unwrap().is_empty());
    assert!(store.list().unwrap().partial[0].in_use);
    let retained = store.retain(rules, Timestamp::now()).await.unwrap();
    assert!(retained.deleted.is_empty());
    assert_eq!(retained.kept[0].1, "it is in use");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!store.list().unwrap().partial[0].in_use);
    let swept = store.sweep_partials().unwrap();
    assert!(swept.len() == 1 && swept[0].to_string_lossy().ends_with(".dump.partial"));
    assert_eq!(store.retain(rules, Timestamp::now()).await.unwrap().deleted.len(), 1);
    assert_eq!(files(store.folder()).len(), 4, "{:?}", files(store.folder()));
    // A deletion that was interrupted goes on.
    let backup = store.list().unwrap().backups.remove(0);
    let partial = backup.path.with_extension("dump.partial");
    fs::rename(&backup.path, &partial).unwrap();
    assert!(store.list().unwrap().unverified.is_empty());
    assert_eq!(store.sweep_partials().unwrap(), [partial]);
    assert_eq!(files(store.folder()), [".sequence"]);
    assert!(matches!(store.hold(&backup), Err(BackupError::Read { .. })));
}

#[test]
fn a_folder_that_takes_no_files_is_told_at_once() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("backups")).unwrap_err();
    assert!(matches!(error, BackupError::Write { .. }), "{error}");
}

#[test]
fn many_begin_at_once_and_none_has_the_name_or_number_of_another() {
    let (_scratch, store) = store();
    let backups: Vec<Backup> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| made(&store, |_| {}))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut numbers: Vec<u64> = backups.iter().map(|it| it.manifest.sequence).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    let listing = store.list().unwrap();
    assert_eq!(listing.backups.len(), 8);
    assert!(listing.anomalies.is_empty(), "{:?}", listing.anomalies);
}
