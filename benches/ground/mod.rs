//! What benches of a server stand on: a runtime, a server as the environment says, and databases at
//! the head of a history.
//!
//! Knows how scripts are sent with nothing around them, which is the floor of whatever sends them. Must
//! not know what is measured.

#![allow(dead_code, reason = "each bench takes a part of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use stairway::migrations::{History, Script, Wrap};
use stairway::postgres::{Session, Target};
use stairway::server::{Database, Profile, Server, ServerSpec, Template};
use stairway::sql;
use tokio::runtime::Runtime;

use crate::ratio::Result;

/// A server and what waits for it.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) runtime: Runtime,
    pub(crate) server: Server,
}

impl Ground {
    pub(crate) fn new(profile: Profile) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let spec = ServerSpec { profile, ..ServerSpec::from_env()? };
        let server = runtime.block_on(Server::acquire(&spec))?;
        Ok(Self { runtime, server })
    }

    /// A program of the server's own folder, if it is there.
    pub(crate) fn program(&self, name: &str) -> Option<PathBuf> {
        self.server.programs().map(|folder| folder.join(name)).filter(|path| path.is_file())
    }

    pub(crate) fn empty(&self) -> Result<Database> {
        Ok(self.runtime.block_on(self.server.create_database(Template::Empty))?)
    }

    /// A database in which all upgrades ran.
    pub(crate) fn at_head(&self, history: &History) -> Result<Database> {
        let database = self.empty()?;
        self.runtime.block_on(bare(&database.target, history))?;
        Ok(database)
    }

    pub(crate) fn session(&self, database: &Database) -> Result<Session> {
        Ok(self.runtime.block_on(Session::connect(&database.target, "bench"))?)
    }

    pub(crate) fn close(&self, session: Session) -> Result<()> {
        Ok(self.runtime.block_on(session.close())?)
    }

    pub(crate) fn drop(&self, database: Database) -> Result<()> {
        Ok(self.runtime.block_on(self.server.drop_database(database))?)
    }

    pub(crate) fn end(self) -> Result<()> {
        Ok(self.runtime.block_on(self.server.stop())?)
    }
}

/// The history of the repository.
pub(crate) fn clinic() -> Result<History> {
    Ok(History::load(&clinic_folder(), None)?)
}

pub(crate) fn clinic_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/clinic/migrations")
}

/// All upgrades in one session, and nothing else.
pub(crate) async fn bare(target: &Target, history: &History) -> Result<()> {
    let mut session = Session::connect(target, "floor").await?;
    for migration in &history.migrations {
        for message in messages(&migration.upgrade)? {
            session.execute(message).await?;
        }
    }
    Ok(session.close().await?)
}

/// What a script is sent as: a message of several statements is one transaction already.
pub(crate) fn messages(script: &Script) -> Result<Vec<&str>> {
    if script.wrap != Wrap::Statements {
        return Ok(vec![&script.text]);
    }
    Ok(sql::split(&script.text)?.iter().map(|statement| statement.text(&script.text)).collect())
}

/// A program that connects to `target` and says nothing.
pub(crate) fn client(program: &Path, target: &Target) -> Command {
    let mut command = Command::new(program);
    command.envs(target.libpq_environment()).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// How long it runs; that it fails is an error.
pub(crate) fn timed(mut command: Command) -> Result<Duration> {
    let start = Instant::now();
    let output = command.stderr(Stdio::piped()).output()?;
    let took = start.elapsed();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} failed: {said}", command.get_program().display()).into());
    }
    Ok(took)
}
