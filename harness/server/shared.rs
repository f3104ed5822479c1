//! One server for all processes of a test run: the first one starts it, the others find it by its
//! folder, and it ends with the process that runs the tests.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::begins::Begins;
#[cfg(feature = "container")]
use super::container::{self, Container};
use super::guest::Guest;
use super::lease::Owner;
use super::local::{Local, blocking};
use super::survey::Way;
use super::{Chosen, Server, ServerError, Source, lease, place};
use crate::env;
use crate::postgres::{PostgresError, Session, Target};

/// How long the first process may take to start the server.
const PATIENCE: Duration = Duration::from_mins(2);
const PORT: u16 = 5432;

/// A test runner that gives each test a process of its own, as `cargo nextest` does.
#[derive(Clone, Debug)]
pub struct TestRun {
    id: String,
    runner: u32,
}

impl TestRun {
    /// The run that this process is a part of, if there is one: its parent must be the runner, since
    /// what is shared ends with it.
    pub fn current() -> Option<Self> {
        let id = env::NEXTEST_RUN_ID.get()?;
        let runner = nix::unistd::getppid().as_raw().cast_unsigned();
        let name = std::fs::read_to_string(format!("/proc/{runner}/comm"));
        let is_runner = name.map_or(runner > 1, |name| name.contains("nextest"));
        is_runner.then_some(Self { id, runner })
    }

    /// The same for all processes of the run, and for no others.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Chosen {
    /// Starts the server for all of `run`, or finds it. Local servers can be shared, and containers
    /// of an engine on this machine; of the others each process has its own.
    pub async fn start_shared(&self, run: &TestRun) -> Result<Server, ServerError> {
        let from = match &self.way {
            Way::Local(installation) => installation.bin.display().to_string(),
            #[cfg(feature = "container")]
            Way::Container(_, image) if container::engine_is_here() => image.reference(),
            _ => return self.start().await,
        };
        let text = format!("{} {} {from} {:?}", run.id, self.backend(), self.spec.profile);
        let name = place::hex(Sha256::digest(text.as_bytes()).iter().take(6));
        let home = self.ground.runtime.join(format!("s-{name}"));
        let owner = Owner::Runner { process: run.runner, name };
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(2);
        loop {
            let last = match self.answers(&home).await {
                Ok(admin) => return self.join(admin, home).await,
                Err(error) => error,
            };
            if !home.exists() {
                match self.lend(&owner).await {
                    Ok(()) => continue,
                    Err(ServerError::Io { source, .. }) if is_taken(&source) => {}
                    // An engine that does not see our folders can't share, and may do alone.
                    Err(ServerError::Engine { .. }) => return self.start().await,
                    Err(error) => return Err(error),
                }
            }
            if Instant::now() > deadline {
                return Err(ServerError::postgres("reach the server of this test run")(last));
            }
            let runtime = self.ground.runtime.clone();
            blocking(move || {
                // Whoever began it may have been killed.
                lease::reap(&runtime, Some(&place::memory_root()));
                Ok(())
            })
            .await?;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Starts it and leaves it to all.
    async fn lend(&self, owner: &Owner) -> Result<(), ServerError> {
        match &self.way {
            Way::Local(installation) => {
                let (installation, ground) = (installation.clone(), self.ground.clone());
                let (profile, owner) = (self.spec.profile, owner.clone());
                Local::start(installation, profile, ground, Begins::Fresh, owner).await.map(drop)
            }
            #[cfg(feature = "container")]
            Way::Container(engine, image) => {
                let (engine, image) = (engine.clone(), image.clone());
                let (profile, ground) = (self.spec.profile, &self.ground);
                Container::start(engine, image, profile, ground, owner).await?.lend()
            }
            Way::Existing(_) | Way::Command(_) => Ok(()),
        }
    }

    /// Its address, if it answers.
    async fn answers(&self, home: &Path) -> Result<Target, PostgresError> {
        let admin = match &self.way {
            #[cfg(feature = "container")]
            Way::Container(..) => {
                let url = std::fs::read_to_string(home.join(container::ADDRESS));
                Target::parse(&url.map_err(|error| PostgresError::Unexpected(error.to_string()))?)?
            }
            _ => Target::socket(home, PORT, super::cluster::SUPERUSER, "postgres"),
        };
        let session = Session::connect(&admin, "start").await?;
        // Only a look whether it is there.
        let _ = session.close().await;
        Ok(admin)
    }

    async fn join(&self, admin: Target, home: PathBuf) -> Result<Server, ServerError> {
        let (guest, version) = Guest::enter(&admin, &self.spec).await?;
        let reason = format!("PostgreSQL {version}, shared by the processes of this test run");
        let source = Source::Shared(Box::new(guest), home);
        let server = Server::of(version, self.backend(), reason, admin, source);
        let Way::Local(installation) = &self.way else { return Ok(server) };
        Ok(Server { bin: Some(installation.bin.clone()), ..server })
    }
}

/// Another process was first.
fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists)
}
