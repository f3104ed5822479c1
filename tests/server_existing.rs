//! A server that runs already: only databases with our lease are made, and only those are dropped.
//!
//! The "existing" server of each test is a local one of its own.
mod server_owner;

use server_owner::Owner;
use stairway::postgres::{Session, Target};
use stairway::server::{Backend, Choice, Server, ServerSpec, Template};

async fn host() -> Server {
    Server::acquire(&ServerSpec { choice: Choice::Local, ..ServerSpec::default() }).await.unwrap()
}

fn existing(target: &Target) -> ServerSpec {
    ServerSpec { choice: Choice::Existing(target.clone()), ..ServerSpec::default() }
}

async fn run(target: &Target, sql: &str) {
    let mut session = Session::connect(target, "test").await.unwrap();
    session.execute(sql).await.unwrap();
    session.close().await.unwrap();
}

async fn databases(target: &Target) -> Vec<String> {
    let mut session = Session::connect(target, "test").await.unwrap();
    let sql = "SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1";
    let rows = session.rows(sql).await.unwrap();
    session.close().await.unwrap();
    rows.into_iter().map(|row| row[0].clone().unwrap()).collect()
}

#[tokio::test]
#[ignore = "not a test: the process that the others kill"]
async fn owner() {
    if std::env::var_os("STAIRWAY_TEST_HOLD").is_none() {
        return;
    }
    let server = Server::acquire(&ServerSpec::from_env().unwrap()).await.unwrap();
    let database = server.create_database(Template::Empty).await.unwrap();
    println!("\ndatabase {}\nholding", database.name);
    std::io::stdin().lines().for_each(drop);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn databases_come_and_go_and_others_stay() {
    let host = host().await;
    run(host.admin(), "CREATE DATABASE precious").await;
    // Looks like ours, but nothing says so.
    run(host.admin(), "CREATE DATABASE stairway_0123456789abcdef").await;
    let before = databases(host.admin()).await;

    let server = Server::acquire(&existing(host.admin())).await.unwrap();
    assert_eq!(server.backend(), Backend::Existing);
    let first = server.create_database(Template::Empty).await.unwrap();
    run(&first.target, "CREATE TABLE t AS SELECT 1 AS n").await;
    let copy = server.create_database(Template::Of(&first)).await.unwrap();
    run(&copy.target, "INSERT INTO t VALUES (2)").await;
    assert_eq!(databases(host.admin()).await.len(), before.len() + 2);
    // Another run comes along: what is leased is left alone, from any maintenance database.
    let other = Server::acquire(&existing(&host.admin().database("precious"))).await.unwrap();
    assert_eq!(databases(host.admin()).await.len(), before.len() + 2);
    server.drop_database(first).await.unwrap();
    assert_eq!(databases(host.admin()).await.len(), before.len() + 1);
    // What was not dropped goes with it.
    server.stop().await.unwrap();
    assert_eq!(databases(host.admin()).await, before);
    // And without being told.
    other.create_database(Template::Empty).await.unwrap();
    drop(other);
    assert_eq!(databases(host.admin()).await, before);
    host.stop().await.unwrap();
}

#[tokio::test]
async fn what_a_killed_owner_left_is_dropped_by_the_next() {
    let host = host().await;
    let before = databases(host.admin()).await;
    let url = host.admin().url_with_password();
    let dead = Owner::start("owner", &[("STAIRWAY_SERVER", &url)]);
    let alive = Owner::start("owner", &[("STAIRWAY_SERVER", &url)]);
    let (left, kept) = (dead.said("database"), alive.said("database"));
    dead.kill();
    let mut session = Session::connect(host.admin(), "test").await.unwrap();
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
    while session.value(locks).await.unwrap().unwrap() != "1" {
        assert!(tokio::time::Instant::now() < deadline, "the server notices that its owner died");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(databases(host.admin()).await.contains(&left));

    let next = Server::acquire(&existing(host.admin())).await.unwrap();
    let now = databases(host.admin()).await;
    assert!(!now.contains(&left) && now.contains(&kept), "{now:?}");
    alive.release();
    next.stop().await.unwrap();
    assert_eq!(databases(host.admin()).await, before);
    session.close().await.unwrap();
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_lease_survives_that_the_server_ends_its_session() {
    let host = host().await;
    let server = Server::acquire(&existing(host.admin())).await.unwrap();
    let database = server.create_database(Template::Empty).await.unwrap();
    let mut session = Session::connect(host.admin(), "test").await.unwrap();
    let holder = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted";
    let first = session.value(holder).await.unwrap().unwrap();
    session.execute(&format!("SELECT pg_terminate_backend({first})")).await.unwrap();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
    loop {
        let now = session.value(holder).await.unwrap();
        if now.is_some_and(|now| now != first) {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "the lease is taken again");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let other = Server::acquire(&existing(host.admin())).await.unwrap();
    assert!(databases(host.admin()).await.contains(&database.name));
    session.close().await.unwrap();
    other.stop().await.unwrap();
    server.stop().await.unwrap();
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_role_that_may_not_create_databases_is_refused() {
    let host = host().await;
    run(host.admin(), "CREATE ROLE modest LOGIN").await;
    let socket = host.admin().libpq_environment();
    let value = |name| socket.iter().find(|(known, _)| *known == name).unwrap().1.clone();
    let port = value("PGPORT").parse().unwrap();
    let modest = Target::socket(value("PGHOST").as_ref(), port, "modest", "postgres");
    let error = Server::acquire(&existing(&modest)).await.unwrap_err().to_string();
    assert!(error.contains("ALTER ROLE \"modest\" CREATEDB"), "{error}");
    let wanted = ServerSpec { major: Some(99), ..existing(host.admin()) };
    let error = Server::acquire(&wanted).await.unwrap_err().to_string();
    assert!(error.contains("and 99 is wanted"), "{error}");
    // CREATEDB is all that is needed.
    run(host.admin(), "ALTER ROLE modest CREATEDB").await;
    let server = Server::acquire(&existing(&modest)).await.unwrap();
    server.create_database(Template::Empty).await.unwrap();
    server.stop().await.unwrap();
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_named() {
    let target = Target::parse("postgres://ann:secret@127.0.0.1:1/shop").unwrap();
    let error = Server::acquire(&existing(&target)).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("127.0.0.1:1") && !text.contains("secret"), "{text}");
    assert!(std::error::Error::source(&error).is_some());
}
