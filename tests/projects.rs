//! The projects of users in `fixtures/projects`, built with this crate as a dependency and run with
//! `cargo test` and `cargo nextest`, as they would be in a pull request.

#[cfg(feature = "container")]
mod containers;
mod servers;

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use stairway::postgres::{Session, Target};

/// A copy of the projects at a place that stays the same, so that cargo need not build everything
/// anew; one test at a time has it.
struct Projects {
    root: PathBuf,
    scratch: tempfile::TempDir,
    _lock: File,
}

struct Ran {
    passed: bool,
    stdout: String,
    stderr: String,
}

impl Projects {
    fn fresh() -> Self {
        let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let lock = File::create(tmp.join("projects.lock")).unwrap();
        lock.lock().unwrap();
        let root = tmp.join("projects");
        for member in ["suite", "databases", "plain"] {
            let _ = fs::remove_dir_all(root.join(member));
        }
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy(&package.join("fixtures/projects"), &root);
        let manifest = root.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        let path = format!("path = \"{}\"", package.display());
        fs::write(&manifest, text.replace("path = \"../..\"", &path)).unwrap();
        fs::copy(package.join("Cargo.lock"), root.join("Cargo.lock")).unwrap();
        // The servers' user must get there.
        let scratch = tempfile::tempdir_in("/tmp").unwrap();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self { root, scratch, _lock: lock }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }

    /// A cargo command in the project `name`, without anything of this run's environment.
    fn cargo(&self, name: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO"));
        let foreign = ["CARGO_", "RUST_", "NEXTEST", "INSTA", "STAIRWAY", "CI", "__"];
        for (variable, _) in std::env::vars() {
            let stays = ["CARGO_HOME", "STAIRWAY_POSTGRES_BIN"];
            if foreign.iter().any(|prefix| variable.starts_with(prefix))
                && !stays.contains(&variable.as_str())
            {
                command.env_remove(variable);
            }
        }
        // Not ours: where the environment differs, cargo would build everything anew each time.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("target");
        command
            .args(args)
            .current_dir(self.path(name))
            .env("CARGO_TARGET_DIR", target)
            .env("STAIRWAY_CACHE", self.scratch.path().join("cache"))
            .env("STAIRWAY_RUNTIME", self.scratch.path().join("run"))
            .env("STAIRWAY_SERVER", "local")
            .env("STAIRWAY_POSTGRES", servers::majors()[0].to_string())
            .stdin(Stdio::null());
        command
    }

    /// `cargo test` in a CI, one test after the other.
    fn test(&self, name: &str) -> Ran {
        self.test_with(name, &[("CI", "1")])
    }

    fn test_with(&self, name: &str, variables: &[(&str, &str)]) -> Ran {
        let args = ["test", "--offline", "--quiet", "--tests", "--", "--test-threads=1"];
        let mut command = self.cargo(name, &args);
        command.envs(variables.iter().copied());
        ran(&mut command)
    }

    /// Every server's folder, and what of it is in memory.
    fn left(&self) -> Vec<PathBuf> {
        let below = |folder: PathBuf| {
            // Others come and go at the same time.
            fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
        };
        let servers = below(self.scratch.path().join("run")).flat_map(below);
        let in_memory = below(PathBuf::from("/dev/shm"))
            .filter(|folder| folder.file_name().unwrap().to_string_lossy().starts_with("stairway-"))
            .flat_map(below)
            .filter(|folder| {
                let home = fs::read_to_string(folder.join(".stairway")).unwrap_or_default();
                Path::new(&home).starts_with(self.scratch.path())
            });
        servers.chain(in_memory).collect()
    }

    /// Waits until nothing is left; what a run shares ends a moment after it.
    fn nothing_is_left(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.left().is_empty() {
            assert!(Instant::now() < deadline, "left: {:?}", self.left());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran {
        passed: output.status.success(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

impl Ran {
    /// What `cargo test` printed, without times and places.
    fn shown(&self) -> String {
        let major = servers::majors()[0].to_string();
        let mut lines = Vec::new();
        for line in self.stdout.lines() {
            let line = match line.split_once("; finished in ") {
                Some((line, _)) => line,
                None => line,
            };
            let line = line.replace(&format!("@{major}.snap"), "@<major>.snap");
            let line = line.replace(&format!("PostgreSQL {major}"), "PostgreSQL <major>");
            let root = env!("CARGO_TARGET_TMPDIR");
            lines.push(line.replace(root, "<tmp>").trim_end().to_owned());
        }
        lines.join("\n")
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if name == "target" || name == "Cargo.lock" {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

#[test]
fn a_green_pull_request() {
    let projects = Projects::fresh();
    let ran = projects.test("suite");
    assert!(ran.passed, "{}\n{}", ran.stdout, ran.stderr);
    assert_snapshot!(ran.shown());
    projects.nothing_is_left();
}

#[test]
fn a_red_pull_request_with_one_finding() {
    let projects = Projects::fresh();
    let downgrade = projects.path("suite/migrations/3_seats.down.sql");
    fs::write(&downgrade, "COMMENT ON TABLE room IS NULL;\n").unwrap();
    let ran = projects.test("suite");
    assert!(!ran.passed);
    assert_snapshot!(ran.shown());
    // Nobody can accept what does not come back.
    let major = servers::majors()[0];
    let snapshot =
        projects.path(&format!("suite/tests/snapshots/migrations__3_seats@{major}.snap"));
    fs::remove_file(&snapshot).unwrap();
    let ran = projects.test_with("suite", &[("INSTA_UPDATE", "always")]);
    assert!(!ran.passed && !snapshot.exists(), "{}", ran.stdout);
    projects.nothing_is_left();
}

#[test]
fn a_changed_and_a_missing_snapshot() {
    let projects = Projects::fresh();
    let upgrade = projects.path("suite/migrations/3_seats.up.sql");
    let text = fs::read_to_string(&upgrade).unwrap();
    fs::write(&upgrade, text.replace("DEFAULT 1", "DEFAULT 2")).unwrap();
    let major = servers::majors()[0];
    let snapshots = projects.path("suite/tests/snapshots");
    fs::remove_file(snapshots.join(format!("migrations__1_rooms@{major}.snap"))).unwrap();
    let ran = projects.test("suite");
    assert!(!ran.passed);
    assert_snapshot!(ran.shown());
    let none: [&str; 0] = [];
    assert_eq!(news(&snapshots), none, "in CI nothing is written");
    assert!(!projects.test_with("suite", &[]).passed);
    let expected = ["migrations__1_rooms", "migrations__3_seats", "migrations__head"];
    assert_eq!(news(&snapshots), expected.map(|name| format!("{name}@{major}.snap.new")));
    let ran = projects.test_with("suite", &[("INSTA_UPDATE", "always")]);
    assert!(ran.passed, "{}", ran.stdout);
    assert!(projects.test("suite").passed);
}

/// Snapshots that wait to be reviewed.
fn news(folder: &Path) -> Vec<String> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let new = paths.filter(|path| path.extension().is_some_and(|extension| extension == "new"));
    let mut names: Vec<String> =
        new.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// The URL of a database that was kept.
fn kept(text: &str) -> Target {
    let (_, url) = text.split_once("kept for a day: psql '").unwrap_or_else(|| panic!("{text}"));
    Target::parse(url.split_once('\'').unwrap().0).unwrap()
}

fn ask(target: &Target, sql: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut session = Session::connect(target, "test").await.unwrap();
        session.value(sql).await.unwrap().unwrap()
    })
}

#[test]
fn a_failing_test_keeps_its_database_when_asked_to() {
    let projects = Projects::fresh();
    let downgrade = projects.path("suite/migrations/3_seats.down.sql");
    fs::write(&downgrade, "ALTER TABLE room DROP CONSTRAINT room_seats_check;\n").unwrap();
    let ran = projects.test_with("suite", &[("CI", "1"), ("STAIRWAY_KEEP", "1")]);
    assert!(!ran.passed);
    let seats = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'seats'";
    let answer = ask(&kept(&ran.stdout), seats);
    assert_eq!(answer, "1", "it is as the downgrade left it");
    // And a test of the user's own code.
    let own = projects.path("databases/tests/rooms.rs");
    let text = fs::read_to_string(&own).unwrap();
    fs::write(
        &own,
        text.replace(
            "assert_eq!(databases::rooms_for(&mut connection, 10)",
            "assert_ne!(databases::rooms_for(&mut connection, 10)",
        ),
    )
    .unwrap();
    assert!(!projects.test("databases").passed);
    let ran = projects.test_with("databases", &[("STAIRWAY_KEEP", "1")]);
    assert!(!ran.passed);
    assert_eq!(ask(&kept(&ran.stdout), "SELECT count(*) FROM room"), "2");
    let clear = |args: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_stairway"));
        for (name, value) in projects.cargo("suite", &[]).get_envs() {
            match value {
                Some(value) => program.env(name, value),
                None => program.env_remove(name),
            };
        }
        self::ran(program.args(args))
    };
    assert!(clear(&["cache"]).stdout.contains(" servers that failing tests left"));
    assert!(clear(&["cache", "clear"]).passed);
    projects.nothing_is_left();
}

#[test]
fn rows_that_a_migration_fails_on_are_kept_beside_the_tests() {
    let projects = Projects::fresh();
    let kept = projects.path("suite/tests/stairway-rows");
    let rows = |variables: &[(&str, &str)]| {
        let args = ["test", "--offline", "--quiet", "--test", "migrations", "--", "::rows"];
        ran(projects.cargo("suite", &args).envs(variables.iter().copied()))
    };
    let change = |up: &str, down: &str| {
        fs::write(projects.path("suite/migrations/3_seats.up.sql"), up).unwrap();
        fs::write(projects.path("suite/migrations/3_seats.down.sql"), down).unwrap();
    };
    assert!(rows(&[]).passed);
    assert!(!kept.exists(), "there was nothing to keep");
    change(
        "ALTER TABLE booking DROP COLUMN during;",
        "ALTER TABLE booking ADD COLUMN during tstzrange NOT NULL DEFAULT 'empty';\n\
         ALTER TABLE booking ALTER COLUMN during DROP DEFAULT;",
    );
    let said = "rows of 3 are kept in tests/stairway-rows/3.sql and tried first from now on";
    for variables in [&[][..], &[("STAIRWAY_SEED", "7")]] {
        let ran = rows(variables);
        assert!(!ran.passed);
        assert!(ran.stdout.contains(said), "{}", ran.stdout);
        let names = fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["3.sql"]);
        let text = fs::read_to_string(kept.join("3.sql")).unwrap();
        assert_eq!(text.matches("-- case: data-loss public.booking.during").count(), 1, "{text}");
        assert_eq!(text.matches("\nINSERT INTO ").count(), 2, "{text}");
    }
    // Nobody would generate this room.
    change("DELETE FROM room WHERE md5(name) = 'ce5bc12f1cd38c952dfbefb0742eb173';", "SELECT 1;");
    assert!(rows(&[]).passed);
    let by_hand = "INSERT INTO room (id, name) OVERRIDING SYSTEM VALUE VALUES (1, 'room 101');\n";
    fs::write(kept.join("3.sql"), by_hand).unwrap();
    let ran = rows(&[]);
    assert!(!ran.passed);
    assert!(ran.stdout.contains("1 row of public.room gone"), "{}", ran.stdout);
    assert_eq!(fs::read_to_string(kept.join("3.sql")).unwrap(), by_hand);
    let test = projects.path("suite/tests/migrations.rs");
    let text = fs::read_to_string(&test).unwrap();
    fs::write(&test, text.replace(".main()", ".no_kept_rows().main()")).unwrap();
    assert!(rows(&[]).passed);
    fs::write(&test, text.replace(".main()", ".keep_rows(\"rows\").main()")).unwrap();
    assert!(rows(&[]).passed);
    fs::create_dir(projects.path("suite/rows")).unwrap();
    fs::rename(kept.join("3.sql"), projects.path("suite/rows/3.sql")).unwrap();
    assert!(!rows(&[]).passed);
    projects.nothing_is_left();
}

#[test]
fn a_filter_hides_no_failure() {
    let projects = Projects::fresh();
    let only = |filter: &str| {
        let args = ["test", "--offline", "--quiet", "--test", "migrations", "--", filter];
        ran(&mut projects.cargo("suite", &args))
    };
    assert!(only("2_bookings::downgrade").passed);
    fs::write(projects.path("suite/migrations/2_bookings.up.sql"), "CREATE TABLE booking (")
        .unwrap();
    let downgrade = only("2_bookings::downgrade");
    assert!(!downgrade.passed);
    assert!(downgrade.stdout.contains("not judged: its upgrade fails"), "{}", downgrade.stdout);
    fs::write(projects.path("suite/stairway.toml"), "serve = \"auto\"\n").unwrap();
    let broken = only("1_rooms");
    assert!(!broken.passed);
    assert!(broken.stderr.contains("unknown field `serve`"), "{}", broken.stderr);
}

#[test]
fn one_test_for_all_fails_with_the_report() {
    let projects = Projects::fresh();
    assert!(projects.test("plain").passed);
    fs::write(projects.path("plain/migrations/2_bookings.down.sql"), "-- later\n").unwrap();
    let ran = projects.test("plain");
    assert!(!ran.passed);
    assert!(ran.stdout.contains("error[downgrade-missing]"), "{}", ran.stdout);
    projects.nothing_is_left();
}

#[test]
fn tests_have_databases_of_their_own() {
    let projects = Projects::fresh();
    let ran = projects.test("databases");
    assert!(ran.passed, "{}\n{}", ran.stdout, ran.stderr);
    projects.nothing_is_left();
}

#[test]
fn what_init_writes_tests_a_project() {
    let projects = Projects::fresh();
    fs::remove_dir_all(projects.path("suite/tests")).unwrap();
    let init = Command::new(env!("CARGO_BIN_EXE_stairway"))
        .args(["init", "--ci", "none"])
        .current_dir(projects.path("suite"))
        .env_remove("STAIRWAY_MIGRATIONS")
        .output()
        .unwrap();
    let said = String::from_utf8(init.stdout).unwrap();
    assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
    assert!(said.contains("wrote tests/migrations.rs"), "{said}");
    assert!(!said.contains("add to Cargo.toml"), "{said}");
    let green = projects.test("suite");
    assert!(green.passed, "{}{}", green.stdout, green.stderr);
    assert!(green.stdout.contains("test 2_bookings::downgrade ... ok"), "{}", green.stdout);
    let down = projects.path("suite/migrations/2_bookings.down.sql");
    let text = fs::read_to_string(&down).unwrap();
    fs::write(&down, "-- later\n").unwrap();
    let red = projects.test("suite");
    assert!(!red.passed && red.stdout.contains("error[downgrade-missing]"), "{}", red.stdout);
    fs::write(&down, text).unwrap();
    // Where Cargo.toml does not say that the file has a main of its own, nothing is tested: that fails.
    let manifest = projects.path("suite/Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    assert!(text.contains("harness = false\n"));
    fs::write(&manifest, text.replace("harness = false\n", "")).unwrap();
    let idle = projects.test("suite");
    assert!(!idle.passed && idle.stdout.contains("no migration was tested"), "{}", idle.stdout);
    projects.nothing_is_left();
}

fn has_nextest() -> bool {
    let version = Command::new(env!("CARGO")).args(["nextest", "--version"]).output();
    let is_there = version.is_ok_and(|output| output.status.success());
    if !is_there {
        println!("SKIPPED: cargo nextest is not installed");
    }
    is_there
}

/// `cargo nextest run` in the project `name`.
fn nextest(projects: &Projects, name: &str, more: &[&str]) -> Command {
    let mut args = vec!["nextest", "run", "--offline", "--no-fail-fast", "--color", "never"];
    args.extend(["--success-output", "immediate", "--no-input-handler"]);
    args.extend(more);
    projects.cargo(name, &args)
}

#[test]
fn processes_of_one_nextest_run_share_a_server() {
    let _ = one_server("local");
}

#[cfg(feature = "container")]
#[tokio::test]
async fn processes_of_one_nextest_run_share_a_container() {
    if !containers::has_container().await {
        return;
    }
    let projects = one_server("container");
    let deadline = Instant::now() + Duration::from_secs(20);
    while let Some(projects) = &projects {
        let left = containers::containers_of(projects.scratch.path()).await;
        if left.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "left: {left:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn one_server(backend: &str) -> Option<Projects> {
    if !has_nextest() {
        return None;
    }
    let projects = Projects::fresh();
    let mut command = nextest(&projects, "databases", &["--test-threads", "4"]);
    #[cfg(feature = "container")]
    if backend == "container" {
        command.env("STAIRWAY_POSTGRES", containers::MAJOR.to_string());
    }
    let ran = ran(command.env("STAIRWAY_SERVER", backend));
    assert!(ran.passed, "{}", ran.stderr);
    let starts: Vec<&str> = ran
        .stdout
        .lines()
        .chain(ran.stderr.lines())
        .filter_map(|line| line.trim().strip_prefix("server since "))
        .collect();
    assert_eq!(starts.len(), 2, "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(starts[0], starts[1], "both processes had the same server");
    projects.nothing_is_left();
    Some(projects)
}

/// Whole histories as the migrations of the project `suite`: those of the fixtures, or those that
/// `STAIRWAY_HISTORY` names.
fn histories() -> Vec<PathBuf> {
    if let Ok(folders) = std::env::var("STAIRWAY_HISTORY") {
        return folders.split(',').map(PathBuf::from).collect();
    }
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    ["clinic/migrations", "clinic-faulty/migrations"].map(|path| fixtures.join(path)).to_vec()
}

/// Each test's name and whether it passed.
fn verdicts(text: &str, [ok, failed]: [&str; 2]) -> Vec<(String, bool)> {
    let mut verdicts: Vec<(String, bool)> = text
        .lines()
        .filter(|line| line.contains(ok) || line.contains(failed))
        .filter_map(|line| {
            let is_name = |word: &&str| {
                *word == "history" || word.contains("::") && !word.starts_with("suite::")
            };
            let name = line.split_whitespace().find(is_name)?;
            Some((name.to_owned(), line.contains(ok)))
        })
        .collect();
    verdicts.sort();
    verdicts.dedup();
    verdicts
}

/// The first line of each finding, as often as it was said.
fn findings(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim);
    let mut lines: Vec<String> =
        lines.filter(|line| line.starts_with("error[")).map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn nextest_says_what_cargo_test_says() {
    if !has_nextest() {
        return;
    }
    let projects = Projects::fresh();
    // Without snapshots, which these histories have not.
    let test = projects.path("suite/tests/migrations.rs");
    let text = fs::read_to_string(&test).unwrap();
    fs::write(&test, text.replace(".snapshots(stairway::beside!())", "")).unwrap();
    for history in histories() {
        fs::remove_dir_all(projects.path("suite/migrations")).unwrap();
        copy(&history, &projects.path("suite/migrations"));
        let args = ["test", "--offline", "--test", "migrations", "--", "--color=never"];
        let one_process = ran(projects.cargo("suite", &args).env("STAIRWAY_NO_CACHE", "1"));
        let expected = verdicts(&one_process.stdout, ["... ok", "... FAILED"]);
        let said = findings(&one_process.stdout);
        assert!(expected.len() > 50, "{}", one_process.stdout);
        assert_eq!(expected.iter().all(|(_, passed)| *passed), said.is_empty());
        let whole = ["--test", "migrations"];
        let run = |more: &[&str], variables: &[(&str, &str)]| {
            let args: Vec<&str> = whole.iter().chain(more).copied().collect();
            let ran = ran(nextest(&projects, "suite", &args).envs(variables.iter().copied()));
            // Failures are printed when they happen and once more at the end.
            let text = ran.stderr.split("────────────\n     Summary").next().unwrap();
            let found = findings(text);
            (verdicts(text, [" PASS ", " FAIL "]), found)
        };
        assert_eq!(run(&[], &[("STAIRWAY_NO_CACHE", "1")]), (expected.clone(), said.clone()));
        assert_eq!(run(&[], &[]), (expected.clone(), said.clone()), "cold");
        assert_eq!(run(&[], &[]), (expected.clone(), said.clone()), "known");
        // Each half of a partition judges its own, and both together judge all.
        let parts =
            [run(&["--partition", "slice:1/2"], &[]), run(&["--partition", "slice:2/2"], &[])];
        let (mut all, mut found) = (Vec::new(), Vec::new());
        for (verdicts, findings) in parts {
            all.extend(verdicts);
            found.extend(findings);
        }
        all.sort();
        found.sort();
        assert_eq!((all, found), (expected, said));
    }
    projects.nothing_is_left();
}

/// Two runs at a time in the short form, fifty in the long one; each with fifty processes at once.
#[test]
fn many_processes_and_runs_side_by_side_leave_nothing() {
    if !has_nextest() {
        return;
    }
    let is_full = std::env::var("STAIRWAY_SWEEP").is_ok_and(|value| value == "full");
    let runs = if is_full { 50 } else { 2 };
    let projects = Projects::fresh();
    // Built first: cargo lets only one of them build.
    assert!(ran(&mut projects.cargo("databases", &["test", "--offline", "--no-run"])).passed);
    let mut children = Vec::new();
    for at in 0..runs {
        let name = if at % 2 == 0 { "databases" } else { "suite" };
        let mut command =
            nextest(&projects, name, &["--test-threads", "50", "--stress-count", "5"]);
        command.env("CI", "1").stdout(Stdio::piped()).stderr(Stdio::piped());
        children.push(command.spawn().unwrap());
    }
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    projects.nothing_is_left();
}
