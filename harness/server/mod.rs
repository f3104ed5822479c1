//! Where a server comes from: installed binaries, a container, a server that runs already, or the
//! user's own commands. Databases on it; leases, so that nothing outlives its owner.
//!
//! Knows processes, folders, the Docker engine and administration SQL. Must not know what the
//! databases are for: migrations, schemas, checks.
//!
//! A server must be told to [`Server::stop`]; dropping it does the same, but blocks and can't
//! say what went wrong. If its owner is killed, a watchdog beside the server ends it within
//! moments; if that is killed too, the next [`Server::acquire`] does.

mod account;
mod apart;
mod begins;
mod cache;
mod chosen;
mod cluster;
mod command;
#[cfg(feature = "container")]
mod container;
mod database;
mod error;
mod guest;
mod install;
mod keeper;
mod kept;
mod lease;
mod local;
mod place;
mod programs;
mod scratch;
mod shared;
mod spec;
mod survey;
mod watchdog;
mod wheel;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub use begins::BaseBackup;
pub use cache::{Shelf, clear_cache, shelves};
pub use chosen::{Chosen, cache_folder};
pub use database::{Database, Template};
pub use error::{NoServer, ServerError, causes};
pub use kept::Kept;
pub use programs::{NoPrograms, Programs, client_programs, newest_programs};
pub use scratch::Scratch;
pub use shared::TestRun;
pub use spec::{Backend, Choice, Profile, SUPPORTED, ServerSpec};
pub use survey::{Found, Looked, Survey, Taken, survey};

use crate::postgres::{PostgresError, Session, Target, Version};
use begins::Begins;
use command::Command;
#[cfg(feature = "container")]
use container::Container;
use guest::Guest;
use lease::Owner;
use local::Local;
use survey::Ground;

/// A server to work on, ours until it is stopped or dropped.
#[derive(Debug)]
pub struct Server {
    version: Version,
    backend: Backend,
    reason: String,
    admin: Target,
    /// The folder of the server's own programs, if we know it.
    bin: Option<PathBuf>,
    programs: OnceLock<Option<PathBuf>>,
    source: Source,
}

/// What keeps it running.
#[derive(Debug)]
enum Source {
    Local(Box<Local>),
    #[cfg(feature = "container")]
    Container(Box<Container>),
    Existing(Box<Guest>),
    /// Lent to all processes of a test run, with its folder.
    Shared(Box<Guest>, PathBuf),
    // Dropped in this order: our databases first, then the server.
    Command(Box<Guest>, Box<Command>),
}

impl Server {
    /// Gets a server as `spec` asks for, after removing what dead owners left behind.
    pub async fn acquire(spec: &ServerSpec) -> Result<Self, ServerError> {
        Chosen::find(spec).await?.start().await
    }

    async fn local(
        installation: install::Installation,
        profile: Profile,
        ground: Ground,
        begins: Begins,
    ) -> Result<Self, ServerError> {
        let bin = Some(installation.bin.clone());
        let version = installation.version.clone();
        let local = Local::start(installation, profile, ground, begins, Owner::Us).await?;
        let (reason, admin) = (local.reason.clone(), local.admin.clone());
        let server =
            Self::of(version, Backend::Local, reason, admin, Source::Local(Box::new(local)));
        Ok(Self { bin, ..server })
    }

    #[cfg(feature = "container")]
    async fn container(
        engine: container::Engine,
        image: container::Image,
        profile: Profile,
        ground: &Ground,
    ) -> Result<Self, ServerError> {
        let container = Container::start(engine, image, profile, ground, &Owner::Us).await?;
        let (version, admin) = (container.version.clone(), container.admin.clone());
        let reason = container.reason.clone();
        let source = Source::Container(Box::new(container));
        Ok(Self::of(version, Backend::Container, reason, admin, source))
    }

    fn because(self, spec: &ServerSpec) -> Self {
        let reason = format!("{}; {}", self.reason, spec.why());
        Self { reason, ..self }
    }

    fn of(
        version: Version,
        backend: Backend,
        reason: String,
        admin: Target,
        source: Source,
    ) -> Self {
        let programs = OnceLock::new();
        Self { version, backend, reason, admin, bin: None, programs, source }
    }

    /// Its version.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Where it comes from.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// One line: what was taken, why, and where its data is.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether it reaches no network: [`ServerSpec::cut_off`] was asked for, it is one of installed
    /// binaries, and this system lets us give it a network of its own, in which nobody is.
    pub fn is_cut_off(&self) -> bool {
        matches!(&self.source, Source::Local(local) if local.is_cut_off)
    }

    /// Where its data is, if it is one of ours on this machine.
    pub fn data(&self) -> Option<PathBuf> {
        match &self.source {
            Source::Local(local) => Some(local.data()),
            _ => None,
        }
    }

    /// Its maintenance database.
    pub fn admin(&self) -> &Target {
        &self.admin
    }

    /// The folder of `pg_restore`, `psql` and `pg_dump` that can handle this server: of its major
    /// version or the next newer one, if there are any here. The first call looks.
    pub fn programs(&self) -> Option<&Path> {
        let find = || survey::programs(self.version.major, self.bin.as_deref());
        self.programs.get_or_init(find).as_deref()
    }

    /// Makes a database. Copying one takes time with its size, and fails while anybody is
    /// connected to it.
    pub async fn create_database(&self, template: Template<'_>) -> Result<Database, ServerError> {
        match self.guest() {
            Some(guest) => guest.create(template).await,
            None => database::create(&self.admin, database::new_name()?, template).await,
        }
    }

    /// Drops a database, with everybody who is connected.
    pub async fn drop_database(&self, database: Database) -> Result<(), ServerError> {
        match self.guest() {
            Some(guest) => guest.drop_database(&database.name).await,
            None => database::drop(&self.admin, &database.name).await,
        }
    }

    /// Leaves a database where it is, and a server of ours running for a day, so that a person can
    /// look. Fails for a container, which ends with us.
    pub async fn leave(&self, database: &Database) -> Result<(), ServerError> {
        let home = match &self.source {
            Source::Local(local) => Some(local.home()),
            Source::Shared(_, home) => Some(home.as_path()),
            Source::Existing(_) => None,
            #[cfg(feature = "container")]
            Source::Container(_) => return Err(ServerError::EndsWithUs("a container")),
            Source::Command(..) => return Err(ServerError::EndsWithUs("a server from a command")),
        };
        if let Some(home) = home {
            let path = home.join(lease::KEEP);
            std::fs::write(&path, "").map_err(ServerError::at("write", &path))?;
        }
        match self.guest() {
            Some(guest) => guest.forget(database).await,
            None => Ok(()),
        }
    }

    /// Drops what dead owners left on the server that `admin` is a session of, as every server that
    /// is taken by its address is cleaned first.
    pub async fn clear_of_the_dead(admin: &mut Session) -> Result<(), PostgresError> {
        guest::reap(admin).await
    }

    /// Us, where others work on the server too.
    fn guest(&self) -> Option<&Guest> {
        match &self.source {
            Source::Existing(guest) | Source::Command(guest, _) | Source::Shared(guest, _) => {
                Some(guest)
            }
            Source::Local(_) => None,
            #[cfg(feature = "container")]
            Source::Container(_) => None,
        }
    }

    /// Ends it and waits until nothing of it is left.
    pub async fn stop(self) -> Result<(), ServerError> {
        match self.source {
            Source::Local(local) => local.stop().await,
            #[cfg(feature = "container")]
            Source::Container(container) => container.stop().await,
            Source::Existing(guest) | Source::Shared(guest, _) => guest.leave().await,
            Source::Command(guest, command) => {
                let left = guest.leave().await;
                drop(guest);
                command.stop().await.and(left)
            }
        }
    }
}
