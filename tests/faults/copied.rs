//! Faults while the copy is made, and the copy on the server that it is a copy of.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use crate::site::{Site, on};

const UP: &str = "ALTER TABLE orders ADD COLUMN note text;\n";
const DOWN: &str = "ALTER TABLE orders DROP COLUMN note;\n";
const SAME: [&str; 4] = ["upgrade", "--allow-drift", "--copy-on", "same-server"];

/// A table of a thousand rows whose first restore stops at one of them: at which is random. Gives the
/// file that is there from then on.
fn stops_in_a_restore(site: &Site) -> PathBuf {
    let file = site.server.directory("seen").join("it");
    let (at, path) = (site.place(1000) + 1, file.display());
    site.sql(&format!(
        "CREATE FUNCTION public.pause(nth int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN \
           IF nth = {at} AND current_setting('application_name') = 'stairway pg_restore' \
              AND (pg_stat_file('{path}', true)).size IS NULL THEN \
             COPY (SELECT 1) TO '{path}'; PERFORM pg_sleep(600); \
           END IF; RETURN true; END $$; \
         CREATE TABLE slow (nth int CHECK (public.pause(nth))); \
         INSERT INTO slow SELECT generate_series(1, 1000)"
    ));
    file
}

/// A run that is at that row.
fn copying(site: &Site, file: &Path, words: &[&str]) -> Child {
    let mut child = site.start(words);
    let start = Instant::now();
    while !file.exists() {
        assert!(start.elapsed() < Duration::from_mins(2), "nothing was restored");
        assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
        std::thread::yield_now();
    }
    child
}

/// X52, the copy on a server of its own: it goes with the run.
#[test]
fn a_run_that_is_killed_while_it_copies_leaves_no_server() {
    on(0, |mut site| {
        let runtime = site.server.directory("run");
        site.set("STAIRWAY_RUNTIME", runtime.display().to_string());
        let own = format!("stairway-{}", nix::unistd::Uid::effective());
        let names = || -> Vec<_> {
            let entries = fs::read_dir(runtime.join(&own)).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name()).collect()
        };
        let file = stops_in_a_restore(&site);
        let before = site.print();
        site.migration(2, UP, DOWN);
        let mut child = copying(&site, &file, &["upgrade", "--allow-drift"]);
        let servers = names();
        assert!(!servers.is_empty(), "there is no server of the copy");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(site.print(), before);
        let ran = site.run(&["upgrade", "--allow-drift"]);
        site.holds(&ran, 0, "AFTER");
        assert_eq!(names(), Vec::<std::ffi::OsString>::new(), "a server is left");
        for name in servers {
            let memory = PathBuf::from("/dev/shm").join(&own).join(name);
            assert!(!memory.exists(), "{} is left", memory.display());
        }
    });
}

/// X52, the copy on the same server: it says whose it is, and the next run drops it, or `recover`.
#[test]
fn a_run_that_is_killed_while_it_copies_leaves_its_copy_to_the_next() {
    on(1, |site| {
        let file = stops_in_a_restore(&site);
        let before = site.print();
        site.migration(2, UP, DOWN);
        let mut child = copying(&site, &file, &SAME);
        child.kill().unwrap();
        let ran = site.end(child);
        let run = ran.said.lines().find_map(|line| line.strip_prefix("run ")).unwrap().trim();
        let comment = site.value(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname LIKE 'stairway%'",
        );
        assert!(comment.contains(&format!("run {run}")), "{comment:?} is not of {run}");
        assert_eq!(site.print(), before);
        // The lease is a lock of a session, which ends when the server notices.
        site.wait_for("SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory' AND granted");
        if site.place(2) == 0 {
            let ran = site.run(&["recover"]);
            site.holds(&ran, 0, "BEFORE");
        }
        let ran = site.run(&SAME);
        site.holds(&ran, 0, "AFTER");
    });
}

/// The copy on the same server from one end to the other.
#[test]
fn a_copy_on_the_same_server_leaves_nothing_there() {
    on(0, |site| {
        site.migration(2, UP, DOWN);
        let databases = "SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database";
        let roles = "SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles";
        let there = (site.value(databases), site.value(roles));
        let ran = site.run(&SAME);
        site.holds(&ran, 0, "AFTER");
        ran.says("there and back and there again");
        assert_eq!((site.value(databases), site.value(roles)), there);
        assert_eq!(ran.report["backup"]["level"], 3);
        // A rehearsal that fails leaves nothing either.
        site.migration(3, "SELECT 1/0;\n", "SELECT 1;\n");
        let before = site.print();
        let ran = site.run(&SAME);
        site.holds(&ran, 13, "BEFORE");
        assert_eq!(site.print(), before);
        assert_eq!((site.value(databases), site.value(roles)), there);
    });
}
