//! The script around the release of an application, on a database of its own: when the new version is started,
//! when the old one stays, and when a person is called.

use std::fs;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::place::{self, DOWN, UP, deployment, kit};
use crate::repository::{self, Ran};
use crate::site::{Site, on};

const RELEASE: &str = "echo \"$VERSION\" >released";
const PAGE: &str = "cat >paged";

fn command(site: &Site, more: &[(&str, String)]) -> Command {
    let mut variables: Vec<(&str, String)> = deployment(site);
    variables.extend([("RELEASE", RELEASE.to_owned()), ("PAGE", PAGE.to_owned())]);
    variables.extend(more.iter().cloned());
    let mut command = Command::new("/bin/bash");
    repository::as_here(&mut command, site.directory.path(), &variables);
    command.arg(kit().join("deploy/deploy.sh")).arg("2.1.0");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn deployed(site: &Site, more: &[(&str, String)]) -> Ran {
    Ran::of(&command(site, more).output().unwrap())
}

/// Which version was started, and why a person was called.
fn came_of(site: &Site) -> (String, String) {
    let read = |name: &str| fs::read_to_string(site.path(name)).unwrap_or_default();
    (read("released").trim().to_owned(), read("paged").trim().to_owned())
}

fn nobody() -> (String, String) {
    (String::new(), String::new())
}

#[test]
fn the_new_version_is_started_when_the_database_is_moved() {
    on(0, |site| {
        site.migration(2, UP, DOWN);
        let ran = deployed(&site, &[]);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        assert!(site.print().contains("note"));
        assert_eq!(came_of(&site), ("2.1.0".to_owned(), String::new()));
        // With nothing pending as well, and with a version that goes on when it is started.
        fs::write(site.path("runs"), "").unwrap();
        let goes_on = "(while [ -e runs ]; do sleep 0.02; done) >started 2>&1 &";
        for _ in 0..2 {
            fs::remove_file(site.path("released")).unwrap();
            let ran = deployed(&site, &[("RELEASE", format!("{goes_on}\n{RELEASE}"))]);
            assert_eq!((ran.code, came_of(&site).0.as_str()), (0, "2.1.0"), "{}", ran.stderr);
        }
        fs::remove_file(site.path("runs")).unwrap();
    });
}

#[test]
fn the_old_version_stays_where_a_migration_fails() {
    on(1, |site| {
        // Rows of this database are in its way.
        site.migration(2, "ALTER TABLE orders ADD CHECK (amount < 10);\n", "SELECT 1;\n");
        let before = site.print();
        let ran = deployed(&site, &[]);
        assert_eq!(ran.code, 13, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("deploy: the rehearsal on a copy failed; the database is as it was, and the old version stays"), "{}", ran.stderr);
        assert_eq!((site.print(), came_of(&site)), (before, nobody()));
    });
}

#[test]
fn the_old_version_stays_where_a_migration_is_taken_back() {
    on(0, |site| {
        // A query test that holds on the copy, which has another name, and fails on the database.
        let checks = site.path("checks");
        fs::create_dir(&checks).unwrap();
        let none = "SELECT count(*) = 0 FROM information_schema.columns WHERE column_name = 'note'\n\
                    AND current_database() = 'shop';\n";
        fs::write(checks.join("none.sql"), none).unwrap();
        site.migration(2, UP, DOWN);
        let before = site.print();
        let ran = deployed(&site, &[]);
        assert_eq!(ran.code, 21, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("and was taken back by its downgrade"), "{}", ran.stderr);
        assert_eq!((site.print(), came_of(&site)), (before, nobody()));
    });
}

#[test]
fn the_old_version_stays_where_another_runner_has_the_lock() {
    on(1, |site| {
        site.migration(2, &format!("{UP}SELECT pg_sleep(seconds) FROM gate;\n"), DOWN);
        site.sql("UPDATE gate SET seconds = 600");
        let other = site.start(&["upgrade", "--skip-test"]);
        site.wait_for(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state = 'active' \
             AND application_name LIKE 'stairway upgrade %')",
        );
        let ran = deployed(&site, &[]);
        assert_eq!(ran.code, 11, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("another runner has the lock"), "{}", ran.stderr);
        assert_eq!(came_of(&site), nobody());
        kill(Pid::from_raw(other.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        assert_eq!(site.end(other).code, Some(143));
    });
}

#[test]
fn two_deployments_do_not_run_at_once() {
    let site = Site::new(crate::servers::majors()[0]).unwrap();
    let first = format!("echo begun >begun; while ! [ -e go ]; do sleep 0.02; done; {RELEASE}");
    let first = command(&site, &[("RELEASE", first)]).spawn().unwrap();
    wait_until(|| site.path("begun").exists());
    let second = deployed(&site, &[]);
    assert_eq!(second.code, 11, "{}", second.stderr);
    assert!(second.stderr.contains("another deployment is under way"), "{}", second.stderr);
    fs::write(site.path("go"), "").unwrap();
    let first = Ran::of(&first.wait_with_output().unwrap());
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert_eq!(came_of(&site).0, "2.1.0");
}

#[test]
fn a_signal_ends_the_run_and_nothing_is_released() {
    on(0, |site| {
        site.migration(2, &format!("{UP}SELECT pg_sleep(seconds) FROM gate;\n"), DOWN);
        site.sql("UPDATE gate SET seconds = 600");
        let before = site.print();
        let skip = place::program(
            site.directory.path(),
            "stairway",
            "#!/bin/sh\nexec \"$PROGRAM\" \"$@\" --skip-test\n",
        );
        let more = [
            ("STAIRWAY", skip.display().to_string()),
            ("PROGRAM", env!("CARGO_BIN_EXE_stairway").to_owned()),
        ];
        let running = command(&site, &more).spawn().unwrap();
        site.wait_for(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state = 'active' \
             AND application_name LIKE 'stairway upgrade %')",
        );
        kill(Pid::from_raw(running.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        let ran = Ran::of(&running.wait_with_output().unwrap());
        assert_eq!(ran.code, 143, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("nothing is released"), "{}", ran.stderr);
        assert_eq!((site.print(), came_of(&site)), (before, nobody()));
    });
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < std::time::Duration::from_secs(30), "waited in vain");
        std::thread::yield_now();
    }
}

/// A program in place of `stairway`, for each end that there is.
#[test]
fn each_exit_code_has_its_meaning() {
    let site = Site::new(crate::servers::majors()[0]).unwrap();
    let own = |code: i32| {
        let script = format!("#!/bin/sh\n[ \"$*\" = upgrade ] || exit 99\nexit {code}\n");
        let path = place::program(&site.path("programs"), &format!("ends-{code}"), &script);
        let ran = deployed(&site, &[("STAIRWAY", path.display().to_string())]);
        let came = came_of(&site);
        for name in ["released", "paged"] {
            let _ = fs::remove_file(site.path(name));
        }
        (ran, came)
    };
    for code in [0, 40] {
        let (ran, (released, paged)) = own(code);
        assert_eq!((ran.code, released.as_str(), paged.as_str()), (0, "2.1.0", ""), "{code}");
    }
    for code in [2, 3, 10, 11, 12, 13, 14, 15, 20, 21, 22] {
        let (ran, came) = own(code);
        assert_eq!((ran.code, came), (code, nobody()), "{}", ran.stderr);
        let said = "; the database is as it was, and the old version stays";
        assert!(ran.stderr.contains(said), "{code}: {}", ran.stderr);
    }
    // A code that there may be one day is none that this script knows.
    for (code, words) in [(30, "nobody knows what"), (31, "would lose data"), (99, "does not know")]
    {
        let (ran, (released, paged)) = own(code);
        assert_eq!((ran.code, released.as_str()), (code, ""), "{}", ran.stderr);
        assert!(paged.starts_with("2.1.0: ") && paged.contains(words), "{paged}");
    }
    for code in [130, 143] {
        let (ran, came) = own(code);
        assert_eq!((ran.code, came), (code, nobody()), "{}", ran.stderr);
    }
}

#[test]
fn a_version_that_does_not_start_calls_a_person() {
    let site = Site::new(crate::servers::majors()[0]).unwrap();
    let ran = deployed(&site, &[("RELEASE", "exit 7".to_owned())]);
    assert_eq!(ran.code, 50, "{}", ran.stderr);
    assert!(came_of(&site).1.contains("2.1.0 could not be started; the database is upgraded"));
    // Where nobody can be called, that is said.
    let more = [("RELEASE", "exit 7".to_owned()), ("PAGE", "exit 1".to_owned())];
    let ran = deployed(&site, &more);
    assert_eq!(ran.code, 50);
    assert!(ran.stderr.contains("call somebody yourself"), "{}", ran.stderr);
    for missing in ["RELEASE", "PAGE"] {
        let ran = deployed(&site, &[(missing, String::new())]);
        assert!(ran.code == 1 && ran.stderr.contains(missing), "{}", ran.stderr);
    }
}
