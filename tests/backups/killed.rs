//! Somebody is killed: `pg_dump`, its session, or the program itself.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use stairway::backup::Format;
use stairway::postgres::Target;
use stairway::steps;

use super::ground::{Ground, eventually, files, is_process, request};
use super::servers;

/// Writes its number beside itself.
const NUMBERED: &str = "echo $$ >\"$0.pid\"; exec $real \"$@\"";

fn number(folder: &Path) -> u32 {
    fs::read_to_string(folder.join("pg_dump.pid")).unwrap().trim().parse().unwrap()
}

fn signal(process: u32, signal: Signal) {
    kill(Pid::from_raw(process.try_into().unwrap()), signal).unwrap();
}

/// F11, F12, and a run that is given up.
#[tokio::test]
async fn a_dump_that_is_ended_is_no_backup() {
    for format in [Format::Custom, Format::Directory { jobs: 2 }] {
        let ground = Ground::new(servers::majors()[0]).await;
        let shop = ground.database("shop").await;
        let programs = ground.fake("numbered", NUMBERED);
        let mut holder = ground.held().await;
        let request = request(format);
        let make = || steps::backup(&shop, &programs, &ground.store, &request);

        let killing = async {
            ground.eventually_waits("stairway pg_dump").await;
            signal(number(&programs.folder), Signal::SIGKILL);
        };
        let (made, ()) = tokio::join!(make(), killing);
        let told = made.unwrap_err().to_string();
        assert!(told.starts_with("pg_dump was ended by signal 9 (SIGKILL)"), "{told}");
        ground.assert_nothing_left();
        holder.execute("ROLLBACK").await.unwrap();
        ground.eventually_gone().await;

        holder.execute("BEGIN; LOCK TABLE ONLY whole IN ACCESS EXCLUSIVE MODE").await.unwrap();
        let ending = async {
            let process = ground.eventually_waits("stairway pg_dump").await;
            ground.value(&format!("SELECT pg_terminate_backend({process})")).await;
        };
        let (made, ()) = tokio::join!(make(), ending);
        let told = made.unwrap_err().to_string();
        assert!(told.starts_with("pg_dump ended with exit code 1: "), "{told}");
        assert!(told.contains("terminating connection"), "{told}");
        ground.assert_nothing_left();

        tokio::select! {
            _ = make() => panic!("it did not wait"),
            _ = ground.eventually_waits("stairway pg_dump") => {}
        }
        // At once, not in a moment.
        assert!(!is_process(number(&programs.folder)));
        ground.assert_nothing_left();
        holder.close().await.unwrap();
        ground.eventually_gone().await;
        make().await.unwrap();
        ground.end().await;
    }
}

fn url(target: &Target) -> String {
    target.url_with_password()
}

fn stairway(ground: &Ground, bin: &Path) -> Command {
    by(ground, bin, env!("CARGO_BIN_EXE_stairway"))
}

fn by(ground: &Ground, bin: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    for variable in stairway::env::ALL {
        if !["STAIRWAY_CACHE", "STAIRWAY_RUNTIME"].contains(&variable.name) {
            command.env_remove(variable.name);
        }
    }
    command
        .env("STAIRWAY_POSTGRES_BIN", bin)
        .env("BACKUP_DIR", ground.store.folder())
        .current_dir(ground.scratch.path())
        .stdin(Stdio::null());
    command
}

/// F14.
#[tokio::test]
async fn a_dump_ends_with_the_program() {
    let ground = Ground::new(servers::majors()[0]).await;
    let shop = ground.database("shop").await;
    let programs = ground.fake("numbered", NUMBERED);
    let mut holder = ground.held().await;
    let arguments =
        ["backup", "--lock-wait", "600", "--database-url", &url(&shop)].map(str::to_owned);
    for (how, code, left) in [
        (Signal::SIGTERM, Some(143), 0),
        (Signal::SIGINT, Some(130), 0),
        (Signal::SIGKILL, None, 1),
    ] {
        let mut child = stairway(&ground, &programs.folder);
        child.args(&arguments).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = child.spawn().unwrap();
        ground.eventually_waits("stairway pg_dump").await;
        let dump = number(&programs.folder);
        assert!(is_process(dump));
        signal(child.id(), how);
        assert_eq!(child.wait().unwrap().code(), code);
        eventually("pg_dump ends", async || !is_process(dump)).await;
        let listing = ground.store.list().unwrap();
        assert!(listing.backups.is_empty() && listing.unverified.is_empty());
        assert_eq!(listing.partial.len(), left);
        assert!(listing.partial.iter().all(|partial| !partial.in_use));
        holder.execute("ROLLBACK").await.unwrap();
        ground.eventually_gone().await;
        holder.execute("BEGIN; LOCK TABLE ONLY whole IN ACCESS EXCLUSIVE MODE").await.unwrap();
    }
    holder.close().await.unwrap();
    let output = stairway(&ground, &programs.folder).args(&arguments).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("removed what was left half written"), "{told}");
    assert_eq!(output.status.code(), Some(0), "{told}");
    let told = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].ends_with("Z.dump") && Path::new(lines[0]).is_file(), "{told}");
    assert!(lines[1].starts_with("size: ") && lines[1].ends_with("B/s"), "{told}");
    assert_eq!(lines[3..], ["holds:  1 tables, 1 rows", "level:  2 decoded"]);
    assert_eq!(files(ground.store.folder()).len(), 4);
    listed(&ground);
    ground.end().await;
}

/// What `--list` prints.
fn listed(ground: &Ground) {
    let list = || {
        let mut command = stairway(ground, Path::new("/nowhere"));
        let output = command.args(["backup", "--list"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let backup = ground.store.list().unwrap().backups.remove(0);
    let told = list();
    let words: Vec<&str> = told.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(words[..6], [backup.manifest.file.as_str(), "shop", "2", "decoded", "0", "min"]);
    fs::write(backup.path.with_extension("dump.partial"), "").unwrap();
    fs::remove_file(backup.path.with_extension("manifest.json")).unwrap();
    let told = list();
    let name = &backup.manifest.file;
    assert!(told.starts_with("no backups\n"), "{told}");
    assert!(told.contains(&format!("unverified: {name}: it has no manifest\n")), "{told}");
    assert!(told.contains(&format!("partial: {name}.partial was never finished\n")), "{told}");
}

#[tokio::test]
async fn what_can_not_be_begun_is_refused_by_code() {
    let ground = Ground::new(servers::majors()[0]).await;
    let shop = ground.database("shop").await;
    let programs = &ground.programs.folder;
    let run = |arguments: &[&str]| {
        let mut command = stairway(&ground, programs);
        let output = command.arg("backup").args(arguments).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let url = url(&shop);
    let (code, told) = run(&["--database-url", &url, "--backup-dir", "/dev/null/backups"]);
    assert_eq!(code, 10, "{told}");
    assert!(told.contains("can't write /dev/null/backups"), "{told}");
    assert_eq!(run(&[]).0, 2);
    assert_eq!(run(&["--jobs", "2", "--format", "custom", "--database-url", &url]).0, 2);
    let fake = ground.fake("failing", "exit 7");
    let mut command = stairway(&ground, &fake.folder);
    let output = command.args(["backup", "--database-url", &url]).output().unwrap();
    assert_eq!(output.status.code(), Some(12));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("pg_dump ended with exit code 7"), "{told}");
    ground.assert_nothing_left();
    // Where we may not write, we are not killed either.
    ground
        .run("shop", "CREATE TABLE t AS SELECT md5(n::text) FROM generate_series(1, 9000) n")
        .await;
    let limited = format!("ulimit -f 100; exec {} \"$@\"", env!("CARGO_BIN_EXE_stairway"));
    let mut command = by(&ground, programs, "sh");
    let output =
        command.args(["-c", &limited, "sh", "backup", "--database-url", &url]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(12), "{told}");
    assert!(told.contains("File too large"), "{told}");
    ground.assert_nothing_left();
    ground.end().await;
}
