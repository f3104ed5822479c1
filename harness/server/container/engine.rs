//! The Docker engine: whether one answers, which images it has, which containers dead owners left.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error;
use testcontainers::bollard::query_parameters::{
    InspectContainerOptions, ListContainersOptionsBuilder, ListImagesOptions,
    RemoveContainerOptionsBuilder,
};
use testcontainers::core::client::docker_client_instance;

use crate::env;
use crate::server::causes;
use crate::server::spec::NEWEST;
use crate::server::{ServerError, lease};

/// On each container of ours: the folder of its lease, and the machine that folder is on.
pub(super) const LEASE_LABEL: &str = "stairway.lease";
pub(super) const HOST_LABEL: &str = "stairway.host";
/// How long an engine may take to say hello.
const PATIENCE: Duration = Duration::from_secs(5);

/// An engine that answered.
#[derive(Clone, Debug)]
pub(in crate::server) struct Engine {
    docker: Docker,
    /// Its version, for people.
    pub(in crate::server) version: String,
    /// The local tags of the images `postgres:<major>`.
    pub(in crate::server) majors: Vec<u32>,
}

/// An image that is present.
#[derive(Clone, Debug)]
pub(in crate::server) struct Image {
    pub(super) name: String,
    pub(super) tag: String,
}

impl Image {
    /// As `docker run` takes it.
    pub(in crate::server) fn reference(&self) -> String {
        format!("{}:{}", self.name, self.tag)
    }

    fn parse(reference: &str) -> Self {
        let (name, tag) = match reference.rsplit_once(':') {
            // A colon before a slash belongs to a port.
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (reference, "latest"),
        };
        Self { name: name.to_owned(), tag: tag.to_owned() }
    }
}

/// Where the engine is looked for, for people.
pub(in crate::server) fn address() -> String {
    env::DOCKER_HOST.get().unwrap_or_else(|| "/var/run/docker.sock".to_owned())
}

impl Engine {
    /// Says hello; why not, if none answers.
    pub(in crate::server) async fn find() -> Result<Self, String> {
        let hello = async {
            let docker = docker_client_instance().await.map_err(|error| causes(&error))?;
            let about = docker.version().await.map_err(|error| causes(&error))?;
            let images = docker.list_images(None::<ListImagesOptions>).await;
            let images = images.map_err(|error| causes(&error))?;
            let tags = images.iter().flat_map(|image| &image.repo_tags);
            let mut majors: Vec<u32> = tags
                .filter_map(|tag| {
                    tag.trim_start_matches("docker.io/library/").strip_prefix("postgres:")
                })
                .filter_map(|tag| tag.parse().ok())
                .collect();
            majors.sort_unstable();
            Ok::<_, String>(Self { docker, version: about.version.unwrap_or_default(), majors })
        };
        match tokio::time::timeout(PATIENCE, hello).await {
            Ok(Ok(engine)) => Ok(engine),
            Ok(Err(reason)) => Err(format!("no Docker engine answers at {}: {reason}", address())),
            Err(_) => Err(format!(
                "no Docker engine answers at {} within {} s",
                address(),
                PATIENCE.as_secs()
            )),
        }
    }

    /// The image to take, which must be present: nothing is ever pulled.
    pub(in crate::server) async fn image(&self, wanted: Option<u32>) -> Result<Image, String> {
        let known = self.majors.iter().rev().find(|major| **major <= NEWEST);
        let reference = match (env::IMAGE.get(), wanted) {
            (Some(named), _) => named,
            (None, Some(major)) => format!("postgres:{major}"),
            (None, None) => match known.or(self.majors.last()) {
                Some(major) => format!("postgres:{major}"),
                None => {
                    return Err(format!(
                        "engine {} has no image postgres:<major>: docker pull postgres:{NEWEST}, \
                         or ci/image 15",
                        self.version
                    ));
                }
            },
        };
        match self.docker.inspect_image(&reference).await {
            Ok(_) => Ok(Image::parse(&reference)),
            Err(error) if is_missing(&error) => Err(match (env::IMAGE.get(), wanted) {
                (None, Some(major)) => format!(
                    "engine {} has no image {reference}: docker pull {reference}, or ci/image {major}",
                    self.version
                ),
                _ => format!(
                    "engine {} has no image {reference}: docker pull {reference}",
                    self.version
                ),
            }),
            Err(error) => Err(causes(&error)),
        }
    }

    /// Removes containers of ours, made on this machine, whose lease nobody holds.
    pub(super) async fn reap(&self) -> Result<(), ServerError> {
        let label = format!("{HOST_LABEL}={}", lease::host_id());
        let filters = HashMap::from([("label", vec![label.as_str()])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let list = self.docker.list_containers(Some(options)).await;
        for container in list.map_err(|error| failed("list its containers", &error))? {
            let home = container.labels.as_ref().and_then(|labels| labels.get(LEASE_LABEL));
            if let (Some(id), Some(home)) = (container.id, home)
                && !lease::is_held(Path::new(home))
            {
                self.remove(&id).await?;
            }
        }
        Ok(())
    }

    /// Removes a container with its volumes, and waits until it is gone.
    pub(super) async fn remove(&self, id: &str) -> Result<(), ServerError> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match self.docker.remove_container(id, Some(options)).await {
            Ok(()) => {}
            // Gone already, or the engine is at it.
            Err(error) if is_missing(&error) || status(&error) == Some(409) => {}
            Err(error) => return Err(failed("remove a container", &error)),
        }
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            match self.docker.inspect_container(id, None::<InspectContainerOptions>).await {
                Err(error) if is_missing(&error) => return Ok(()),
                Err(error) => return Err(failed("look at a container", &error)),
                Ok(_) if Instant::now() > deadline => {
                    let reason = format!("container {id} is still there after a minute");
                    return Err(ServerError::Engine { doing: "remove it".to_owned(), reason });
                }
                Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

fn is_missing(error: &Error) -> bool {
    status(error) == Some(404)
}

fn failed(doing: &str, error: &Error) -> ServerError {
    ServerError::Engine { doing: doing.to_owned(), reason: causes(error) }
}

#[cfg(test)]
mod tests {
    use super::Image;

    #[test]
    fn a_port_is_not_a_tag() {
        for (reference, name, tag) in [
            ("postgres:15", "postgres", "15"),
            (
                "registry.example:5000/team/postgres",
                "registry.example:5000/team/postgres",
                "latest",
            ),
            (
                "registry.example:5000/postgres:16-bookworm",
                "registry.example:5000/postgres",
                "16-bookworm",
            ),
        ] {
            let image = Image::parse(reference);
            assert_eq!((image.name.as_str(), image.tag.as_str()), (name, tag));
        }
    }
}
