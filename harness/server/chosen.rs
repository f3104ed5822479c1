//! A server that is decided on and not started yet: what it will be, and how many can be had.

use std::path::{Path, PathBuf};

use super::begins::{BaseBackup, Begins};
#[cfg(feature = "container")]
use super::container;
use super::guest::Guest;
use super::kept::{self, Kept};
use super::local::blocking;
use super::survey::{self, Ground, Way};
use super::{
    Backend, Database, Profile, Server, ServerError, ServerSpec, Source, cluster, lease, place,
};
use crate::postgres::Version;

/// What a [`ServerSpec`] comes to on this machine.
#[derive(Clone, Debug)]
pub struct Chosen {
    pub(super) spec: ServerSpec,
    pub(super) ground: Ground,
    pub(super) way: Way,
}

impl Chosen {
    /// Looks around and decides, after removing what dead owners left behind.
    pub async fn find(spec: &ServerSpec) -> Result<Self, ServerError> {
        spec.checked()?;
        let ground = Ground { room: spec.room, cut_off: spec.cut_off, ..Ground::find()? };
        let runtime = ground.runtime.clone();
        blocking(move || {
            lease::reap(&runtime, Some(&place::memory_root()));
            Ok(())
        })
        .await?;
        let around = survey::look_around(spec, &ground, false).await;
        let way = survey::decide(spec, &around)?;
        Ok(Self { spec: spec.clone(), ground, way })
    }

    /// Where it will come from.
    pub fn backend(&self) -> Backend {
        match &self.way {
            Way::Local(_) => Backend::Local,
            #[cfg(feature = "container")]
            Way::Container(..) => Backend::Container,
            Way::Existing(_) => Backend::Existing,
            Way::Command(_) => Backend::Command,
        }
    }

    /// Its version, where that is known without starting it.
    pub fn version(&self) -> Option<&Version> {
        match &self.way {
            Way::Local(installation) => Some(&installation.version),
            _ => None,
        }
    }

    /// Whether any number of them can be started side by side, each with nobody else on it.
    pub fn is_plural(&self) -> bool {
        match &self.way {
            Way::Local(_) => true,
            #[cfg(feature = "container")]
            Way::Container(..) => true,
            Way::Existing(_) | Way::Command(_) => false,
        }
    }

    /// The folder in which things are kept between runs.
    pub fn cache(&self) -> &Path {
        &self.ground.cache
    }

    /// The folder on this machine that the data of its databases goes to; `None` where that is not
    /// ours to know.
    pub fn data_root(&self) -> Option<PathBuf> {
        let Way::Local(_) = &self.way else { return None };
        let memory = match self.spec.profile {
            Profile::Fast => place::memory(self.ground.room).ok(),
            Profile::Faithful => None,
        };
        Some(memory.unwrap_or_else(|| self.ground.runtime.clone()))
    }

    /// All that a result may depend on, where that is known without starting the server: program,
    /// settings, extensions.
    pub fn fingerprint(&self) -> Option<String> {
        let Way::Local(installation) = &self.way else { return None };
        let settings = cluster::settings(self.spec.profile);
        let size = std::fs::metadata(installation.bin.join("postgres")).ok()?.len();
        let (version, extensions) = (&installation.version, installation.extensions()?);
        let profile = self.spec.profile;
        Some(format!(
            "{version} {size} {settings} {profile:?} {:?} {extensions}",
            super::local::FAST
        ))
    }

    /// The data directory that was kept under `key`. Only local servers have any.
    pub fn kept(&self, key: &str) -> Option<Kept> {
        matches!(self.way, Way::Local(_)).then(|| Kept::find(&self.ground, key)).flatten()
    }

    /// Keeps the data directory of `server` under `key` with a `note` for whoever finds it. No
    /// session may be open. Gives whether it could be kept: only those of local servers can.
    pub async fn keep(
        &self,
        server: &Server,
        database: &Database,
        key: &str,
        note: &str,
    ) -> Result<bool, ServerError> {
        let Source::Local(local) = &server.source else { return Ok(false) };
        // What is in files after a checkpoint is all there is, as long as nobody works on it.
        super::database::checkpoint(&server.admin).await?;
        let (ground, data) = (self.ground.clone(), local.data());
        let (key, note, database) = (key.to_owned(), note.to_owned(), database.name.clone());
        blocking(move || kept::put(&ground, &data, &key, &database, &note)).await
    }

    /// Starts it.
    pub async fn start(&self) -> Result<Server, ServerError> {
        let (spec, ground) = (&self.spec, &self.ground);
        match &self.way {
            Way::Local(installation) => {
                let (installation, ground) = (installation.clone(), ground.clone());
                let server =
                    Server::local(installation, spec.profile, ground, Begins::Fresh).await?;
                Ok(server.because(spec))
            }
            #[cfg(feature = "container")]
            Way::Container(engine, image) => self.container(engine, image).await,
            Way::Existing(target) => {
                let (guest, version) = Guest::enter(target, spec).await?;
                let reason = format!("PostgreSQL {version}, {target}, as asked for");
                let source = Source::Existing(Box::new(guest));
                let admin = target.as_ref().clone();
                Ok(Server::of(version, Backend::Existing, reason, admin, source))
            }
            Way::Command(create) => self.command(create).await,
        }
    }

    /// Starts it on a copy of a kept data directory, and gives the database that was kept in it.
    /// `None` if it is gone or this is no local server.
    pub async fn start_on(&self, kept: &Kept) -> Result<Option<(Server, Database)>, ServerError> {
        let Way::Local(installation) = &self.way else { return Ok(None) };
        let Some(_used) = kept.hold() else { return Ok(None) };
        let (installation, ground) = (installation.clone(), self.ground.clone());
        let begins = Begins::Kept(kept.data());
        let server = Server::local(installation, self.spec.profile, ground, begins).await?;
        let name = kept.database().to_owned();
        let database = Database { target: server.admin.database(&name), name };
        Ok(Some((server.because(&self.spec), database)))
    }

    /// Starts it on a copy of a physical backup, the folder of `pg_basebackup` or of a server that was
    /// stopped. `None` if this is no local server.
    pub async fn start_on_backup(&self, backup: BaseBackup) -> Result<Option<Server>, ServerError> {
        let Way::Local(installation) = &self.way else { return Ok(None) };
        let (installation, ground) = (installation.clone(), self.ground.clone());
        let begins = Begins::Backup(backup);
        let server = Server::local(installation, self.spec.profile, ground, begins).await?;
        Ok(Some(server.because(&self.spec)))
    }

    #[cfg(feature = "container")]
    async fn container(
        &self,
        engine: &container::Engine,
        image: &container::Image,
    ) -> Result<Server, ServerError> {
        let (engine, image) = (engine.clone(), image.clone());
        let server = Server::container(engine, image, self.spec.profile, &self.ground).await?;
        Ok(server.because(&self.spec))
    }

    async fn command(&self, create: &str) -> Result<Server, ServerError> {
        let destroy = self.spec.destroy.as_deref();
        let Ground { account, runtime, .. } = &self.ground;
        let command = super::command::Command::start(create, destroy, account, runtime).await?;
        let admin = command.admin.clone();
        let (guest, version) = Guest::enter(&admin, &self.spec).await?;
        let reason = format!("PostgreSQL {version}, {admin}, made by: {create}");
        let source = Source::Command(Box::new(guest), Box::new(command));
        Ok(Server::of(version, Backend::Command, reason, admin, source))
    }
}

/// The folder in which things are kept between runs.
pub fn cache_folder() -> Result<PathBuf, ServerError> {
    Ok(Ground::find()?.cache)
}
