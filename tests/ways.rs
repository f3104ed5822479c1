//! Whichever way a history is climbed, the findings are the same: in one lane or two, cached or not,
//! in a container or on a local server.
//!
//! `STAIRWAY_HISTORY=FOLDER[,FOLDER..] cargo test --test ways -- --nocapture` does the same with
//! histories of your own.

#[cfg(feature = "container")]
mod containers;
mod program;
mod servers;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;

/// Where runs keep what the next ones use: the servers' user must get there.
struct Cache(tempfile::TempDir);

impl Cache {
    fn new() -> Self {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

fn run(cache: Option<&Cache>, args: &[&str]) -> Output {
    let mut command = program::program_with(&[&program::PLACES[..], &["DOCKER_HOST"]].concat());
    if let Some(cache) = cache {
        command.env("STAIRWAY_CACHE", cache.path());
    }
    command.args(args).stdin(Stdio::null()).output().unwrap()
}

/// The report of one run.
fn report(folder: &Path, cache: Option<&Cache>, more: &[&str]) -> Value {
    let major = servers::majors()[0].to_string();
    let mut args = vec!["verify", folder.to_str().unwrap(), "--postgres", &major, "--no-repro"];
    args.extend(["--format", "json"]);
    if cache.is_none() {
        args.push("--no-cache");
    }
    if !more.contains(&"--server") {
        args.extend(["--server", "local"]);
    }
    args.extend(more);
    let output = run(cache, &args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{stderr}"))
}

/// What must not depend on the way.
fn findings(report: &Value) -> Value {
    let mut report = report.clone();
    let map = report.as_object_mut().unwrap();
    for way in ["seconds", "parts", "lanes", "server"] {
        map.remove(way).unwrap();
    }
    for migration in map["migrations"].as_array_mut().unwrap() {
        let migration = migration.as_object_mut().unwrap();
        for way in ["seconds", "cached"] {
            migration.remove(way).unwrap();
        }
    }
    report
}

fn cached(report: &Value) -> usize {
    let migrations = report["migrations"].as_array().unwrap();
    migrations.iter().filter(|migration| migration["cached"] == true).count()
}

fn histories() -> Vec<PathBuf> {
    if let Ok(folders) = std::env::var("STAIRWAY_HISTORY") {
        return folders.split(',').map(PathBuf::from).collect();
    }
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    ["clinic/migrations", "clinic-faulty/migrations"].map(|path| fixtures.join(path)).to_vec()
}

#[test]
fn lanes_and_cache_change_nothing_but_the_time() {
    let cache = Cache::new();
    for folder in histories() {
        let one = report(&folder, None, &["--jobs", "1"]);
        assert_eq!(one["lanes"], 1);
        let expected = findings(&one);
        let count = one["migrations"].as_array().unwrap().len();
        for jobs in ["2", "5"] {
            let several = report(&folder, None, &["--jobs", jobs]);
            assert_eq!(several["lanes"].to_string(), jobs);
            assert_eq!(findings(&several), expected, "{} in {jobs} lanes", folder.display());
        }
        let cold = report(&folder, Some(&cache), &[]);
        assert_eq!((findings(&cold), cached(&cold)), (expected.clone(), 0), "{}", folder.display());
        let warm = report(&folder, Some(&cache), &[]);
        assert_eq!((findings(&warm), cached(&warm)), (expected, count), "{}", folder.display());
        assert_eq!(warm["lanes"], 0, "nothing was left to climb");
        let other = report(&folder, Some(&cache), &["--seed", "1"]);
        assert_eq!(cached(&other), 0, "other rows say something else");
    }
}

#[test]
fn a_part_is_judged_as_in_the_whole() {
    let cache = Cache::new();
    for folder in histories() {
        let whole = findings(&report(&folder, None, &[]));
        let all = whole["migrations"].as_array().unwrap();
        let mut parts = Vec::new();
        for shard in ["1/3", "2/3", "3/3"] {
            let part = report(&folder, Some(&cache), &["--shard", shard]);
            assert_eq!(cached(&part), 0, "each shard has its own");
            parts.extend(findings(&part)["migrations"].as_array().unwrap().clone());
        }
        assert_eq!(&parts, all, "{}", folder.display());
        let middle = all.len() / 2;
        let revision = all[middle - 1]["revision"].as_str().unwrap();
        let since = report(&folder, None, &["--since", revision]);
        assert_eq!(findings(&since)["migrations"].as_array().unwrap(), &all[middle..]);
        assert_eq!(since["history"]["passed"], middle);
    }
}

/// A copy of a history that can be changed.
fn copy(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

/// The last migration of a report.
fn last(report: &Value) -> &Value {
    report["migrations"].as_array().unwrap().last().unwrap()
}

#[test]
fn what_is_new_or_edited_is_climbed_again_from_a_kept_state() {
    let cache = Cache::new();
    let folder = copy(&histories()[0]);
    let first = report(folder.path(), Some(&cache), &[]);
    let count = first["migrations"].as_array().unwrap().len();
    assert!(
        cache
            .path()
            .read_dir()
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_string_lossy().starts_with("kept-") })
    );
    let new = folder.path().join("29990101000000_new.up.sql");
    std::fs::write(&new, "CREATE TABLE new_one (id bigint PRIMARY KEY);").unwrap();
    let back = folder.path().join("29990101000000_new.down.sql");
    std::fs::write(&back, "SELECT 1;").unwrap();
    let second = report(folder.path(), Some(&cache), &[]);
    assert_eq!(cached(&second), count);
    assert_eq!(last(&second)["findings"][0]["check"], "schema-drift");
    assert_eq!(second["parts"]["pass"], 0.0, "the kept state has all that is before it");
    std::fs::write(&back, "DROP TABLE new_one;").unwrap();
    let third = report(folder.path(), Some(&cache), &[]);
    assert_eq!((cached(&third), last(&third)["verdict"].as_str()), (count, Some("pass")));
    // Without the state everything before it is run again, and the verdict is the same.
    let kept = cache.path().read_dir().unwrap().map(|entry| entry.unwrap().path());
    for shelf in kept.filter(|path| path.to_string_lossy().contains("kept-")) {
        std::fs::remove_dir_all(shelf).unwrap();
    }
    std::fs::write(&back, "DROP TABLE IF EXISTS new_one;").unwrap();
    let fourth = report(folder.path(), Some(&cache), &[]);
    assert_eq!((cached(&fourth), last(&fourth)["verdict"].as_str()), (count, Some("pass")));
    assert_ne!(fourth["parts"]["pass"], 0.0);
    let shown = run(Some(&cache), &["cache"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains(&cache.path().display().to_string()), "{shown}");
    for shelf in [" verdicts ", " 1 states of a history ", " 1 initialised data directories "] {
        assert!(shown.contains(shelf), "{shown}");
    }
    let cleared = run(Some(&cache), &["cache", "clear"]);
    assert!(cleared.status.success());
    let fifth = report(folder.path(), Some(&cache), &[]);
    assert_eq!(cached(&fifth), 0, "{}", String::from_utf8_lossy(&cleared.stdout));
}

/// Plain migrations, up and down, in this order.
fn plain(scripts: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for way in ["up", "down"] {
        std::fs::create_dir(folder.path().join(way)).unwrap();
    }
    for (at, (up, down)) in scripts.iter().enumerate() {
        let name = format!("{}_step.sql", at + 1);
        std::fs::write(folder.path().join("up").join(&name), up).unwrap();
        std::fs::write(folder.path().join("down").join(&name), down).unwrap();
    }
    folder
}

#[test]
fn settings_of_roles_hold_from_the_next_migration_on_in_every_lane() {
    let set = "CREATE FUNCTION prepare() RETURNS void LANGUAGE plpgsql AS $$ BEGIN \
               EXECUTE 'ALTER ROLE postgres SET search_path = app'; END $$; SELECT prepare();";
    let reset = "ALTER ROLE postgres RESET search_path; DROP FUNCTION public.prepare();";
    let folder = plain(&[
        ("CREATE SCHEMA app;", "DROP SCHEMA app;"),
        (set, reset),
        ("CREATE TABLE one (id int);", "DROP TABLE app.one;"),
        ("CREATE TABLE two (id int);", "DROP TABLE app.two;"),
    ]);
    let one = report(folder.path(), None, &["--jobs", "1"]);
    assert_eq!(one["verdict"], "pass", "{one:#}");
    for jobs in ["2", "4"] {
        let several = report(folder.path(), None, &["--jobs", jobs]);
        assert_eq!(findings(&several), findings(&one), "{jobs} lanes");
    }
}

#[test]
fn a_damaged_state_is_made_again() {
    let cache = Cache::new();
    let folder = copy(&histories()[0]);
    let first = report(folder.path(), Some(&cache), &[]);
    let count = first["migrations"].as_array().unwrap().len();
    let shelf = cache.path().read_dir().unwrap().map(|entry| entry.unwrap().path());
    let shelf = shelf.into_iter().find(|path| path.to_string_lossy().contains("kept-")).unwrap();
    let states = || -> Vec<PathBuf> {
        shelf.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    std::fs::write(states()[0].join("data/global/pg_control"), "").unwrap();
    std::fs::write(folder.path().join("29990101000000_new.up.sql"), "CREATE TABLE new_one ();")
        .unwrap();
    std::fs::write(folder.path().join("29990101000000_new.down.sql"), "DROP TABLE new_one;")
        .unwrap();
    let second = report(folder.path(), Some(&cache), &[]);
    assert_eq!((cached(&second), second["verdict"].as_str()), (count, first["verdict"].as_str()));
    assert_eq!(states().len(), 1, "{:?}", states());
    let size = std::fs::metadata(states()[0].join("data/global/pg_control")).unwrap().len();
    assert_ne!(size, 0, "it was made again");
}

#[test]
fn the_first_failure_is_the_first_in_any_number_of_lanes() {
    let folder = &histories()[histories().len() - 1];
    let one = report(folder, None, &["--jobs", "1", "--fail-fast"]);
    let expected = findings(&one);
    assert!(one["history"]["left_out"].as_u64().unwrap() > 0);
    let several = report(folder, None, &["--jobs", "4", "--fail-fast"]);
    assert_eq!(findings(&several), expected);
}

#[cfg(feature = "container")]
#[tokio::test]
async fn containers_side_by_side_say_the_same() {
    if !containers::has_container().await || !servers::majors().contains(&containers::MAJOR) {
        println!("SKIPPED: no container or no local server to compare it with");
        return;
    }
    let cache = Cache::new();
    let folder = &histories()[histories().len() - 1];
    let local = findings(&report(folder, None, &["--jobs", "1"]));
    let lanes = ["--server", "container", "--jobs", "2"];
    let container = report(folder, Some(&cache), &lanes);
    assert_eq!((findings(&container), container["lanes"].as_u64()), (local.clone(), Some(2)));
    let again = report(folder, Some(&cache), &lanes);
    let count = again["migrations"].as_array().unwrap().len();
    assert_eq!((findings(&again), cached(&again)), (local, count));
}
