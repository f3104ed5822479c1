//! Servers in containers: that they work, and that nothing is left of them, whoever dies.
//!
//! Where no Docker engine answers or the image is missing these tests say so and pass, unless
//! `STAIRWAY_REQUIRE_CONTAINER=1`.
#![cfg(feature = "container")]
mod containers;
mod server_owner;

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use containers::{MAJOR, contained, containers_of, has_container};
use server_owner::{Owner, eventually, kill, shells_of};
use stairway::postgres::{Session, Target};
use stairway::server::{Backend, Profile, Server, ServerSpec, Template};
use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::{
    InspectContainerOptions, ListContainersOptionsBuilder,
};
use testcontainers::core::client::docker_client_instance;

/// Waits until no container of this lease is left.
async fn gone(home: &Path) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(90);
    while !containers_of(home).await.is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "still there: {}", home.display());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The lease's folder of the container that publishes this port.
async fn home_of(target: &Target) -> PathBuf {
    let port = target.libpq_environment().into_iter().find(|(name, _)| *name == "PGPORT").unwrap();
    let docker = docker_client_instance().await.unwrap();
    let list = docker
        .list_containers(Some(ListContainersOptionsBuilder::new().all(true).build()))
        .await
        .unwrap();
    let container = list
        .into_iter()
        .find(|container| {
            let ports = container.ports.iter().flatten();
            ports.into_iter().any(|it| it.public_port.is_some_and(|it| it.to_string() == port.1))
        })
        .unwrap();
    container.labels.unwrap()["stairway.lease"].clone().into()
}

#[tokio::test]
#[ignore = "not a test: the process that the others kill"]
async fn owner() {
    server_owner::hold(&contained()).await;
}

#[tokio::test]
async fn a_container_works_and_stop_leaves_nothing() {
    if !has_container().await {
        return;
    }
    for profile in [Profile::Fast, Profile::Faithful] {
        let server = Server::acquire(&ServerSpec { profile, ..contained() }).await.unwrap();
        assert_eq!(server.backend(), Backend::Container);
        assert_eq!(server.version().major, MAJOR);
        let home = home_of(server.admin()).await;
        let first = server.create_database(Template::Empty).await.unwrap();
        let mut session = Session::connect(&first.target, "test").await.unwrap();
        session.execute("CREATE TABLE t AS SELECT 1 AS n").await.unwrap();
        let fsync = session.value("SHOW fsync").await.unwrap().unwrap();
        assert_eq!(fsync == "off", profile == Profile::Fast);
        session.close().await.unwrap();
        let copy = server.create_database(Template::Of(&first)).await.unwrap();
        let mut session = Session::connect(&copy.target, "test").await.unwrap();
        assert_eq!(session.value("SELECT n FROM t").await.unwrap().unwrap(), "1");
        server.drop_database(copy).await.unwrap();
        server.stop().await.unwrap();
        assert_eq!(containers_of(&home).await, Vec::<String>::new());
        assert!(!home.exists());
    }
}

#[tokio::test]
async fn only_the_loopback_listens_and_only_with_the_password() {
    if !has_container().await {
        return;
    }
    let server = Server::acquire(&contained()).await.unwrap();
    let home = home_of(server.admin()).await;
    let id = containers_of(&home).await.pop().unwrap();
    let docker: Docker = docker_client_instance().await.unwrap();
    let about = docker.inspect_container(&id, None::<InspectContainerOptions>).await.unwrap();
    let ports = about.network_settings.unwrap().ports.unwrap();
    let bindings: Vec<_> = ports.into_values().flatten().flatten().collect();
    assert_eq!(bindings.len(), 1, "{bindings:?}");
    if std::env::var_os("DOCKER_HOST").is_none() {
        assert_eq!(bindings[0].host_ip.as_deref(), Some("127.0.0.1"));
    }
    let port = bindings[0].host_port.clone().unwrap();
    let address: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
    TcpStream::connect(address).unwrap();
    let stranger = format!("postgres://postgres:guess@127.0.0.1:{port}/postgres");
    let refused = Session::connect(&Target::parse(&stranger).unwrap(), "test").await;
    assert!(refused.is_err(), "a wrong password is refused");
    server.stop().await.unwrap();
}

#[test]
fn dropping_it_is_enough_even_without_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if !runtime.block_on(has_container()) {
        return;
    }
    let server = runtime.block_on(Server::acquire(&contained())).unwrap();
    let home = runtime.block_on(home_of(server.admin()));
    drop(server);
    runtime.block_on(gone(&home));
    assert!(!home.exists());
}

#[tokio::test]
async fn a_killed_owner_takes_its_container_along() {
    if !has_container().await {
        return;
    }
    let owner = Owner::start("owner", &[]);
    let home = home_of(&Target::parse(&owner.said("url")).unwrap()).await;
    assert_eq!(containers_of(&home).await.len(), 1);
    owner.kill();
    gone(&home).await;
    eventually("its folder goes too", || !home.exists());
}

#[tokio::test]
async fn a_container_whose_owner_never_came_is_reaped_by_the_next() {
    if !has_container().await {
        return;
    }
    // A container of a dead owner that nothing inside watches: made, never started.
    let owner = Owner::start("owner", &[]);
    let home = home_of(&Target::parse(&owner.said("url")).unwrap()).await;
    let docker = docker_client_instance().await.unwrap();
    let running = containers_of(&home).await.pop().unwrap();
    let about = docker.inspect_container(&running, None::<InspectContainerOptions>).await.unwrap();
    let body = testcontainers::bollard::models::ContainerCreateBody {
        image: about.config.as_ref().unwrap().image.clone(),
        labels: about.config.unwrap().labels,
        ..Default::default()
    };
    let created = docker
        .create_container(
            None::<testcontainers::bollard::query_parameters::CreateContainerOptions>,
            body,
        )
        .await
        .unwrap();
    // The owner lives: both are left alone.
    Server::acquire(&contained()).await.unwrap().stop().await.unwrap();
    assert_eq!(containers_of(&home).await.len(), 2);
    for shell in shells_of(&home) {
        kill(shell);
    }
    owner.kill();
    Server::acquire(&contained()).await.unwrap().stop().await.unwrap();
    let left = containers_of(&home).await;
    assert!(!left.contains(&created.id), "the one that never ran was reaped");
    gone(&home).await;
    assert!(!home.exists());
}

#[tokio::test]
async fn a_missing_image_is_named_and_never_pulled() {
    let spec = ServerSpec { major: Some(99), ..contained() };
    let error = Server::acquire(&spec).await.unwrap_err().to_string();
    if has_container().await {
        assert!(error.contains("docker pull postgres:99, or ci/image 99"), "{error}");
    }
    assert!(error.contains("tried: container"), "{error}");
}
