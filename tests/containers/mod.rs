//! Containers for tests: whether they can be had, and what the Docker engine knows of them.
//!
//! Where no engine answers or the image is missing, tests say so and pass, unless
//! `STAIRWAY_REQUIRE_CONTAINER=1`.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::Path;

use stairway::postgres::Target;
use stairway::server::{Choice, ServerSpec, survey};
use testcontainers::bollard::query_parameters::{
    InspectContainerOptions, ListContainersOptionsBuilder, ListVolumesOptions,
};
use testcontainers::core::client::docker_client_instance;

/// The major whose image is asked for.
pub(crate) const MAJOR: u32 = 15;

/// A server in a container.
pub(crate) fn contained() -> ServerSpec {
    let choice = Choice::Container;
    ServerSpec { choice, major: Some(MAJOR), ..ServerSpec::default() }
}

/// Whether a container can be had.
pub(crate) async fn has_container() -> bool {
    let Err(reason) = survey(&contained()).await.taken else { return true };
    let required = std::env::var("STAIRWAY_REQUIRE_CONTAINER").is_ok_and(|value| value == "1");
    assert!(!required, "a container is required: {reason}");
    println!("SKIPPED: no container of {MAJOR}: {reason}");
    false
}

/// Containers whose lease is this folder or in it, running or not.
pub(crate) async fn containers_of(folder: &Path) -> Vec<String> {
    let docker = docker_client_instance().await.unwrap();
    let filters = [("label", vec!["stairway.lease"])].into();
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let list = docker.list_containers(Some(options)).await.unwrap();
    list.into_iter()
        .filter(|it| Path::new(&it.labels.as_ref().unwrap()["stairway.lease"]).starts_with(folder))
        .filter_map(|it| it.id)
        .collect()
}

/// What the engine says of one container.
#[derive(Debug, Default)]
pub(crate) struct About {
    /// The superuser's way in, once a port is published.
    pub(crate) target: Option<Target>,
    pub(crate) volumes: Vec<String>,
}

/// Looks at a container; it may be gone.
pub(crate) async fn about(id: &str) -> About {
    let docker = docker_client_instance().await.unwrap();
    let Ok(about) = docker.inspect_container(id, None::<InspectContainerOptions>).await else {
        return About::default();
    };
    let volumes = about.mounts.into_iter().flatten().filter_map(|mount| mount.name).collect();
    let ports = about.network_settings.and_then(|it| it.ports).unwrap_or_default();
    let port = ports.into_values().flatten().flatten().find_map(|it| it.host_port);
    let environment = about.config.and_then(|it| it.env).unwrap_or_default();
    let password = environment.iter().find_map(|it| it.strip_prefix("POSTGRES_PASSWORD="));
    let target = port.zip(password).map(|(port, password)| {
        let url = format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres");
        Target::parse(&url).unwrap()
    });
    About { target, volumes }
}

/// Which of these volumes are still there.
pub(crate) async fn volumes_left(volumes: &[String]) -> Vec<String> {
    let docker = docker_client_instance().await.unwrap();
    let known = docker.list_volumes(None::<ListVolumesOptions>).await.unwrap().volumes;
    let known = known.into_iter().flatten().map(|volume| volume.name);
    known.filter(|name| volumes.contains(name)).collect()
}
