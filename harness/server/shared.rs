//! One server for all processes of a test run: the first one starts it, the others find it by its
//! folder, and it ends with the process that runs the tests.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::guest::Guest;
use super::local::{Local, Owner, blocking};
use super::survey::Way;
use super::{Backend, Chosen, Server, ServerError, Source, lease, place};
use crate::env;
use crate::postgres::{Session, Target};

/// How long the first process may take to start the server.
const PATIENCE: Duration = Duration::from_mins(1);
const PORT: u16 = 5432;

/// A test runner that gives each test a process of its own, as `cargo nextest` does.
#[derive(Clone, Debug)]
pub struct TestRun {
    id: String,
    runner: u32,
}

impl TestRun {
    /// The run that this process is a part of, if there is one.
    pub fn current() -> Option<Self> {
        let id = env::NEXTEST_RUN_ID.get()?;
        Some(Self { id, runner: nix::unistd::getppid().as_raw().cast_unsigned() })
    }

    /// The same for all processes of the run, and for no others.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Chosen {
    /// Starts the server for all of `run`, or finds it. Only local servers can be shared; of the
    /// others each process has its own.
    pub async fn start_shared(&self, run: &TestRun) -> Result<Server, ServerError> {
        let Way::Local(installation) = &self.way else { return self.start().await };
        let text = format!("{} {} {:?}", run.id, installation.bin.display(), self.spec.profile);
        let digest = Sha256::digest(text.as_bytes());
        let name = place::hex(digest.iter().take(6));
        let home = self.ground.runtime.join(format!("s-{name}"));
        let admin = Target::socket(&home, PORT, super::cluster::SUPERUSER, "postgres");
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(2);
        loop {
            let last = match Session::connect(&admin, "start").await {
                Ok(session) => {
                    // Only a look whether it is there.
                    let _ = session.close().await;
                    return self.shared(admin, home).await;
                }
                Err(error) => error,
            };
            if !home.exists() {
                let owner = Owner::Runner { process: run.runner, name: name.clone() };
                let (installation, ground) = (installation.clone(), self.ground.clone());
                let started =
                    Local::start(installation, self.spec.profile, ground, None, owner).await;
                match started {
                    Ok(_) => continue,
                    Err(ServerError::Io { source, .. }) if is_taken(&source) => {}
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

    async fn shared(&self, admin: Target, home: PathBuf) -> Result<Server, ServerError> {
        let (guest, version) = Guest::enter(&admin, self.spec.major).await?;
        let reason = format!("PostgreSQL {version}, shared by the processes of this test run");
        let source = Source::Shared(Box::new(guest), home);
        let server = Server::of(version, Backend::Local, reason, admin, source);
        let Way::Local(installation) = &self.way else { return Ok(server) };
        Ok(Server { bin: Some(installation.bin.clone()), ..server })
    }
}

/// Another process was first.
fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists)
}
