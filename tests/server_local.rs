//! Servers from installed binaries: that they work, and that nothing is left of them.
mod server_owner;

use std::path::Path;
use std::process::Command;

use server_owner::{Owner, Traces, eventually, kill, open_to_all, processes_of, shells_of};
use stairway::postgres::Session;
use stairway::server::{Backend, Choice, Profile, Server, ServerSpec, Template, survey};

fn local(major: u32) -> ServerSpec {
    ServerSpec { choice: Choice::Local, major: Some(major), ..ServerSpec::default() }
}

/// Whether a local server of this major can be had; says so loudly if not, and fails if
/// `STAIRWAY_REQUIRE_MAJORS` names it.
async fn has(major: u32) -> bool {
    let survey = survey(&local(major)).await;
    if let Err(reason) = survey.taken {
        let required = std::env::var("STAIRWAY_REQUIRE_MAJORS").unwrap_or_default();
        let required = required.split(',').any(|one| one.trim() == major.to_string());
        assert!(!required, "a server of {major} is required: {reason}");
        println!("SKIPPED: no local server of {major}: {reason}");
        return false;
    }
    true
}

async fn some_major() -> u32 {
    for major in [15, 18, 17, 16, 14] {
        if has(major).await {
            return major;
        }
    }
    panic!("no local server of any major");
}

#[tokio::test]
#[ignore = "not a test: the process that the others kill"]
async fn owner() {
    server_owner::hold(&ServerSpec::from_env().unwrap()).await;
}

#[tokio::test]
async fn stop_leaves_nothing() {
    let major = some_major().await;
    for profile in [Profile::Fast, Profile::Faithful] {
        let server = Server::acquire(&ServerSpec { profile, ..local(major) }).await.unwrap();
        assert_eq!(server.backend(), Backend::Local);
        assert_eq!(server.version().major, major);
        let traces = Traces::of(&server).await;
        assert!(traces.left().len() >= 4, "there is something to be left: {:?}", traces.left());
        let mut session = Session::connect(server.admin(), "test").await.unwrap();
        let fsync = session.value("SHOW fsync").await.unwrap().unwrap();
        assert_eq!(fsync == "off", profile == Profile::Fast);
        // A session that is still open does not hold it up.
        server.stop().await.unwrap();
        assert_eq!(traces.left(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn drop_leaves_nothing() {
    let server = Server::acquire(&local(some_major().await)).await.unwrap();
    let traces = Traces::of(&server).await;
    drop(server);
    assert_eq!(traces.left(), Vec::<String>::new());
}

#[tokio::test]
async fn databases_are_made_copied_and_dropped() {
    let server = Server::acquire(&local(some_major().await)).await.unwrap();
    let first = server.create_database(Template::Empty).await.unwrap();
    let mut session = Session::connect(&first.target, "test").await.unwrap();
    assert_eq!(session.value("SHOW server_encoding").await.unwrap().unwrap(), "UTF8");
    assert_eq!(session.value("SHOW timezone").await.unwrap().unwrap(), "UTC");
    session.execute("CREATE TABLE t AS SELECT 'ümläut' AS word").await.unwrap();
    session.close().await.unwrap();
    let copy = server.create_database(Template::Of(&first)).await.unwrap();
    let mut session = Session::connect(&copy.target, "test").await.unwrap();
    assert_eq!(session.value("SELECT upper(word) FROM t").await.unwrap().unwrap(), "ÜMLÄUT");
    // Dropped although we are connected.
    server.drop_database(copy).await.unwrap();
    server.drop_database(first).await.unwrap();
    let mut session = Session::connect(server.admin(), "test").await.unwrap();
    let left = "SELECT count(*) FROM pg_database WHERE datname LIKE 'stairway%'";
    assert_eq!(session.value(left).await.unwrap().unwrap(), "0");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn parallel_starts_never_collide() {
    let major = some_major().await;
    // An empty cache, so that all of them want to fill it at once.
    let cache = tempfile::tempdir().unwrap();
    open_to_all(cache.path());
    let cache_name = cache.path().display().to_string();
    let major_name = major.to_string();
    let environment = [
        ("STAIRWAY_CACHE", cache_name.as_str()),
        ("STAIRWAY_POSTGRES", major_name.as_str()),
        ("STAIRWAY_SERVER", "local"),
    ];
    let processes: Vec<Owner> = std::thread::scope(|scope| {
        let owners: Vec<_> =
            (0..4).map(|_| scope.spawn(|| Owner::start("owner", &environment))).collect();
        owners.into_iter().map(|owner| owner.join().unwrap()).collect()
    });
    let tasks: Vec<_> =
        (0..4).map(|_| tokio::spawn(async move { Server::acquire(&local(major)).await })).collect();
    let mut servers = Vec::new();
    for task in tasks {
        servers.push(task.await.unwrap().unwrap());
    }
    let mut traces: Vec<Traces> = processes.iter().map(Owner::traces).collect();
    for server in &servers {
        traces.push(Traces::of(server).await);
    }
    let mut numbers: Vec<u32> = traces.iter().map(|it| it.postmaster).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 8);
    processes.into_iter().for_each(Owner::release);
    for server in servers {
        server.stop().await.unwrap();
    }
    for traces in traces {
        assert_eq!(traces.left(), Vec::<String>::new());
    }
    let clusters = std::fs::read_dir(cache.path()).unwrap().flatten();
    let clusters = clusters.flat_map(|folder| std::fs::read_dir(folder.path()).unwrap().flatten());
    let names: Vec<_> = clusters.map(|it| it.file_name().into_string().unwrap()).collect();
    let whole = names.iter().filter(|name| !name.contains(".lock"));
    assert_eq!(whole.count(), 1, "one cluster was made, and no half of one is left: {names:?}");
}

#[tokio::test]
async fn two_majors_stand_side_by_side() {
    if !(has(15).await && has(18).await) {
        return;
    }
    let old = Server::acquire(&local(15)).await.unwrap();
    let new = Server::acquire(&local(18)).await.unwrap();
    for (server, major) in [(&old, 15), (&new, 18)] {
        assert_eq!(server.version().major, major);
        let database = server.create_database(Template::Empty).await.unwrap();
        let mut session = Session::connect(&database.target, "test").await.unwrap();
        assert_eq!(session.version().await.unwrap().major, major);
        let programs = server.programs().expect("pg_dump for every server");
        let version = Command::new(programs.join("pg_dump")).arg("--version").output().unwrap();
        let version = String::from_utf8(version.stdout).unwrap();
        assert!(version.contains(&format!(" {major}.")), "{version}");
    }
    old.stop().await.unwrap();
    new.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_owner_takes_its_server_along() {
    let major = some_major().await.to_string();
    let owner = start_owner(&major, None);
    let traces = owner.traces();
    assert!(processes_of(&traces.data).len() > 1, "it runs");
    owner.kill();
    eventually("the server of a killed owner goes", || traces.left().is_empty());
}

#[tokio::test]
async fn what_owner_and_watchdog_left_is_reaped_by_the_next() {
    let major = some_major().await.to_string();
    let runtime = tempfile::tempdir().unwrap();
    open_to_all(runtime.path());
    let dead = start_owner(&major, Some(runtime.path()));
    let alive = start_owner(&major, Some(runtime.path()));
    let traces = dead.traces();
    let shells = shells_of(&traces.home);
    assert!(!shells.is_empty());
    for shell in &shells {
        kill(*shell);
    }
    dead.kill();
    eventually("the shells are gone", || {
        shells.iter().all(|shell| !Path::new(&format!("/proc/{shell}/exe")).exists())
    });
    assert!(traces.left().iter().any(|it| it.starts_with("process")), "the server runs on");
    assert!(traces.home.is_dir());

    let next = start_owner(&major, Some(runtime.path()));
    assert_eq!(traces.left(), Vec::<String>::new());
    assert!(alive.traces().home.is_dir(), "a server with a living owner is left alone");
    assert!(processes_of(&alive.traces().data).len() > 1);
    alive.release();
    next.release();
    assert_eq!(std::fs::read_dir(runtime.path()).unwrap().count(), 0, "the last one out");
}

#[tokio::test]
async fn a_folder_without_our_marker_is_never_touched() {
    let major = some_major().await.to_string();
    let runtime = tempfile::tempdir().unwrap();
    open_to_all(runtime.path());
    let owner = start_owner(&major, Some(runtime.path()));
    let root = owner.traces().home.parent().unwrap().to_owned();
    let foreign = root.join("s-0123456789ab");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("lease"), "{}").unwrap();
    std::fs::write(foreign.join("precious"), "data").unwrap();
    start_owner(&major, Some(runtime.path())).release();
    owner.release();
    assert!(foreign.join("precious").is_file());
}

#[tokio::test]
async fn a_server_that_can_not_start_says_why() {
    let major = some_major().await;
    let survey = survey(&local(major)).await;
    let real = survey.taken.unwrap().from;
    // An installation whose postgres refuses its settings.
    let folder = tempfile::tempdir().unwrap();
    open_to_all(folder.path());
    for program in ["postgres", "initdb"] {
        let extra = if program == "postgres" {
            "case \"$*\" in *fsync=off*) set -- \"$@\" -c no_such_setting=1 ;; esac"
        } else {
            ""
        };
        let script = format!("#!/bin/sh\n{extra}\nexec {real}/{program} \"$@\"\n");
        let path = folder.path().join(program);
        std::fs::write(&path, script).unwrap();
        Command::new("chmod").arg("755").arg(&path).status().unwrap();
    }
    let bin = folder.path().display().to_string();
    let cache = tempfile::tempdir().unwrap();
    open_to_all(cache.path());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["owner", "--exact", "--ignored", "--nocapture"])
        .env("STAIRWAY_TEST_HOLD", "1")
        .env("STAIRWAY_SERVER", "local")
        .env("STAIRWAY_POSTGRES_BIN", bin)
        .env("STAIRWAY_CACHE", cache.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("no_such_setting"), "{said}");
    assert!(said.contains("ended with exit status 1"), "{said}");
}

fn start_owner(major: &str, runtime: Option<&Path>) -> Owner {
    let runtime = runtime.map(|path| path.display().to_string());
    let mut environment = vec![("STAIRWAY_POSTGRES", major), ("STAIRWAY_SERVER", "local")];
    if let Some(runtime) = &runtime {
        environment.push(("STAIRWAY_RUNTIME", runtime));
    }
    Owner::start("owner", &environment)
}
