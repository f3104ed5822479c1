//! A server in a container, through testcontainers.
//!
//! The container watches its owner itself and the engine removes it when it ends, so nothing is
//! left whatever happens to the owner. It listens on a port of the loopback only.

mod engine;

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::core::error::{TestcontainersError, WaitContainerError};
use testcontainers::core::logs::WaitLogError;
use testcontainers::core::{Mount, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, ImageExt};
use testcontainers_modules::postgres::Postgres;

use super::account::Account;
use super::error::{causes, tail};
use super::keeper::{Keeper, LOCK_CLASS};
use super::lease::{self, Facts, Lease, Owner};
use super::local::{FAST, MANY, blocking};
use super::survey::Ground;
use super::watchdog::Watchdog;
use super::{Profile, ServerError, place};
use crate::env;
use crate::postgres::{PostgresError, Session, Target, Version};

pub(super) use engine::{Engine, Image, address};

const WATCH: &str = include_str!("watch.sh");
const PORT: u16 = 5432;
/// How long a container may take to its first answer.
const PATIENCE: Duration = Duration::from_mins(2);
/// In memory if the profile is fast; a folder that no image declares as a volume.
const DATA: &str = "/var/lib/stairway";

/// The server's folder as a shared container sees it.
const HOST_FOLDER: &str = "/stairway";
/// Where a shared server answers, with the password; in its folder.
pub(super) const ADDRESS: &str = "address";

/// A running container.
#[derive(Debug)]
pub(super) struct Container {
    /// Taken on the way out.
    running: Option<ContainerAsync<Postgres>>,
    keeper: Option<Keeper>,
    engine: Engine,
    watchdog: Watchdog,
    lease: Lease,
    is_lent: bool,
    pub(super) admin: Target,
    pub(super) version: Version,
    pub(super) reason: String,
}

impl Container {
    /// Starts one from an image that is present, and waits until it answers.
    pub(super) async fn start(
        engine: Engine,
        image: Image,
        profile: Profile,
        ground: &Ground,
        owner: &Owner,
    ) -> Result<Self, ServerError> {
        let Ground { account, runtime, .. } = ground;
        engine.reap().await?;
        let facts = Facts {
            backend: "container".to_owned(),
            owner: std::process::id(),
            ..Facts::default()
        };
        let mut lease = Lease::take_for(owner, runtime, account, facts)?;
        let watchdog = watchdog(account, &lease, owner)?;
        let key = i32::from_str_radix(&place::random(3)?, 16).unwrap_or_default();
        let watched = match owner {
            Owner::Us => Watched::Lock(key),
            Owner::Runner { .. } => Watched::Folder,
        };
        let password = place::random(16)?;
        let request = request(&image, profile, &lease.home, watched, &password);
        let container = request.start().await.map_err(|error| ServerError::Engine {
            doing: format!("start a container of {}", image.reference()),
            reason: why(&error),
        })?;
        lease.record(|facts| facts.container = Some(container.id().to_owned()))?;
        let (admin, version) = answers(&addresses(&container, &password).await?).await?;
        let keeper = match owner {
            Owner::Us => Some(arrive(&admin, key).await?),
            Owner::Runner { .. } => None,
        };
        let whereabouts = match profile {
            Profile::Fast => "data in memory (tmpfs)",
            Profile::Faithful => "data in the container's volume: as a real server's",
        };
        let reason = format!(
            "PostgreSQL {version} in a container of {} (Docker {}); {whereabouts}",
            image.reference(),
            engine.version
        );
        let (running, is_lent) = (Some(container), false);
        Ok(Self { running, keeper, engine, watchdog, lease, is_lent, admin, version, reason })
    }

    /// Leaves it to all who can read the file with its address, until the runner ends.
    pub(super) fn lend(mut self) -> Result<(), ServerError> {
        let path = self.lease.home.join(ADDRESS);
        fs::File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(self.admin.url_with_password().as_bytes()))
            .map_err(ServerError::at("write", &path))?;
        self.watchdog.go().map_err(ServerError::io("lend a container"))?;
        self.is_lent = true;
        self.watchdog.lend();
        // Its own end would remove the container.
        std::mem::forget(self.running.take());
        Ok(())
    }

    /// Removes it and waits until it is gone.
    pub(super) async fn stop(mut self) -> Result<(), ServerError> {
        if let Some(container) = self.running.take() {
            let id = container.id().to_owned();
            // An error only says that the engine is removing it already.
            let _ = container.rm().await;
            self.engine.remove(&id).await?;
        }
        let path = self.lease.home.clone();
        blocking(move || {
            drop(self.keeper.take());
            let ended = self.watchdog.let_go().map_err(ServerError::at("clean", &path));
            self.lease.remove()?;
            ended.map(|_| ())
        })
        .await
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if self.is_lent {
            return;
        }
        // Without the lease the container ends by itself.
        drop(self.keeper.take());
        if let Some(container) = self.running.take() {
            if tokio::runtime::Handle::try_current().is_ok() {
                drop(container);
            } else {
                // Its own way to remove it needs a runtime.
                std::mem::forget(container);
            }
        }
        let _ = self.watchdog.let_go();
        let _ = self.lease.remove();
    }
}

/// What the container's first process watches.
#[derive(Clone, Copy, Debug)]
enum Watched {
    /// An advisory lock with this key.
    Lock(i32),
    /// The server's folder on the host.
    Folder,
}

/// The shell that cleans the server's folder.
fn watchdog(account: &Account, lease: &Lease, owner: &Owner) -> Result<Watchdog, ServerError> {
    let home = lease.home.clone().into_os_string();
    let started = match owner {
        Owner::Us => Watchdog::start(account.command("sh"), ["guard".into(), home]),
        // It outlives us, and has the lease then.
        Owner::Runner { process, .. } => lease.lock().and_then(|lock| {
            let arguments = ["mind".into(), home, process.to_string().into()];
            Watchdog::start_holding(account.command("sh"), arguments, lock.into())
        }),
    };
    started.map_err(ServerError::io("start a watchdog"))
}

fn request(
    image: &Image,
    profile: Profile,
    home: &Path,
    watched: Watched,
    password: &str,
) -> ContainerRequest<Postgres> {
    let patience = PATIENCE.as_secs().to_string();
    let (class, key) = match watched {
        Watched::Lock(key) => (LOCK_CLASS.to_string(), key.to_string()),
        Watched::Folder => ("folder".to_owned(), format!("{HOST_FOLDER}/{}", lease::MARKER)),
    };
    let mut command = vec!["sh", "-c", WATCH, "stairway", &class, &key, &patience, "postgres"];
    let settings = ["listen_addresses=*", "lc_messages=C", "timezone=UTC", "log_timezone=UTC"];
    let fast = if profile == Profile::Fast { FAST } else { &[] };
    let many = if matches!(watched, Watched::Folder) { MANY } else { &[] };
    for setting in settings.iter().chain(fast).chain(many) {
        command.extend(["-c", setting]);
    }
    let mut request = Postgres::default()
        .with_password(password)
        .with_name(&image.name)
        .with_tag(&image.tag)
        .with_cmd(command)
        // Some images say it on stderr only; and what says it may still be initialising.
        .with_ready_conditions(vec![WaitFor::message_on_stderr("ready to accept connections")])
        .with_startup_timeout(PATIENCE)
        .with_shm_size(256 << 20)
        .with_label(engine::LEASE_LABEL, home.display().to_string())
        .with_label(engine::HOST_LABEL, lease::host_id())
        .with_host_config_modifier(host_config);
    if matches!(watched, Watched::Folder) {
        let home = home.display().to_string();
        request = request.with_mount(Mount::bind_mount(home, HOST_FOLDER));
    }
    if profile == Profile::Fast {
        request = request
            .with_mount(Mount::tmpfs_mount(DATA))
            .with_env_var("PGDATA", format!("{DATA}/data"));
    }
    request
}

/// One published port, on the loopback unless the engine is on another machine; gone when it ends.
fn host_config(config: &mut HostConfig) {
    let host_ip = engine_is_here().then(|| "127.0.0.1".to_owned());
    let binding = PortBinding { host_ip, host_port: Some(String::new()) };
    config.publish_all_ports = Some(false);
    config.port_bindings = Some(HashMap::from([(format!("{PORT}/tcp"), Some(vec![binding]))]));
    config.auto_remove = Some(true);
}

/// Whether the engine's files are ours: then a container can be shared by several processes.
pub(super) fn engine_is_here() -> bool {
    let host = env::DOCKER_HOST.get().unwrap_or_default();
    host.split_once("://").is_none_or(|(scheme, rest)| {
        scheme == "unix" || rest.starts_with("127.") || rest.starts_with("localhost")
    })
}

/// Where the server may answer. If the engine is here that is the published port; but if we are
/// in a container beside it, then the engine's loopback is not ours, and the bridge leads there.
async fn addresses(
    container: &ContainerAsync<Postgres>,
    password: &str,
) -> Result<Vec<Target>, ServerError> {
    let doing = "tell the container's address";
    let failed = |error: TestcontainersError| ServerError::Engine {
        doing: doing.to_owned(),
        reason: why(&error),
    };
    let port = container.get_host_port_ipv4(PORT).await.map_err(failed)?;
    let mut places = Vec::new();
    if engine_is_here() {
        places.push(format!("127.0.0.1:{port}"));
        if let Ok(bridge) = container.get_bridge_ip_address().await {
            places.push(format!("{bridge}:{PORT}"));
        }
    } else {
        places.push(format!("{}:{port}", container.get_host().await.map_err(failed)?));
    }
    let url = |place| format!("postgres://postgres:{password}@{place}/postgres?sslmode=disable");
    places
        .into_iter()
        .map(|place| Target::parse(&url(place)).map_err(ServerError::postgres(doing)))
        .collect()
}

/// Waits for the first answer: a port may be open before anybody is behind it.
async fn answers(candidates: &[Target]) -> Result<(Target, Version), ServerError> {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(10);
    let mut last = "no address".to_owned();
    while Instant::now() < deadline {
        for candidate in candidates {
            match tokio::time::timeout(Duration::from_secs(3), hello(candidate)).await {
                Ok(Ok(version)) => return Ok((candidate.clone(), version)),
                Ok(Err(error)) => last = causes(&error),
                Err(_) => last = format!("{candidate} is silent"),
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(200));
    }
    let doing = "let us reach the server in the container".to_owned();
    Err(ServerError::Engine { doing, reason: last })
}

/// Takes the lock that the container watches, and leaves word that there was an owner.
async fn arrive(admin: &Target, key: i32) -> Result<Keeper, ServerError> {
    let keeper = Keeper::start(admin).await?;
    let arrived = async {
        keeper.hold(key).await?;
        let mut session = Session::connect(admin, "start").await?;
        session.execute(&format!("COMMENT ON DATABASE postgres IS 'stairway {key}'")).await?;
        session.close().await
    };
    arrived.await.map_err(ServerError::postgres("take the container's lease"))?;
    Ok(keeper)
}

async fn hello(target: &Target) -> Result<Version, PostgresError> {
    let mut session = Session::connect(target, "start").await?;
    let version = session.version().await?;
    session.close().await?;
    Ok(version)
}

/// Why a container failed; if it ended, the end of what it printed.
fn why(error: &TestcontainersError) -> String {
    match error {
        TestcontainersError::WaitContainer(WaitContainerError::WaitLog(
            WaitLogError::EndOfStream(lines),
        )) => {
            let text: String = lines.iter().map(|line| String::from_utf8_lossy(line)).collect();
            format!("it ended; the end of what it printed:\n{}", tail(&text, 20))
        }
        _ => causes(error),
    }
}
