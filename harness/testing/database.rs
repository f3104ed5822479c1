//! Databases for tests: one each, on a server that all of them share.

use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::config::{Config, ConfigError};
use crate::data::NoStrategy;
use crate::env;
use crate::migrations::{History, MigrationsError, Place, order_to};
use crate::postgres::Target;
use crate::runs::{self, NoShard, RunError};
use crate::server::{
    Backend, Chosen, Database, Server, ServerError, ServerSpec, Template, TestRun,
};

/// A database could not be had.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// `stairway.toml` or the environment can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `STAIRWAY_SHARD` can't be read.
    #[error("STAIRWAY_SHARD: {0}")]
    Shard(#[from] NoShard),
    /// No server could be had, or it failed.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The folder or the revision is not there.
    #[error(transparent)]
    Migrations(#[from] MigrationsError),
    /// No rows can be made up for a table.
    #[error(transparent)]
    Rows(#[from] NoStrategy),
    /// A migration before the wanted revision fails.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// A database of a test's own. It is dropped with this value; if the test panics and
/// `STAIRWAY_KEEP=1` is set, it stays for a day and its URL is printed.
#[derive(Debug)]
pub struct TestDatabase {
    server: Arc<Server>,
    /// Taken on the way out.
    database: Option<Database>,
    target: Target,
}

/// One server for this process; under `cargo nextest` for all processes of the run.
async fn server() -> Result<Arc<Server>, TestError> {
    static SERVER: OnceCell<Arc<Server>> = OnceCell::const_new();
    let start = async || {
        let chosen = Chosen::find(&Config::load()?.server(None, None)?).await?;
        let server = match TestRun::current() {
            Some(run) => Box::pin(chosen.start_shared(&run)).await?,
            None => Box::pin(chosen.start()).await?,
        };
        Ok::<_, TestError>(Arc::new(server))
    };
    SERVER.get_or_try_init(start).await.cloned()
}

impl TestDatabase {
    /// An empty one.
    pub async fn empty() -> Result<Self, TestError> {
        let server = Box::pin(server()).await?;
        let database = server.create_database(Template::Empty).await?;
        let target = database.target.clone();
        Ok(Self { server, database: Some(database), target })
    }

    /// One on which the upgrades of the project's history up to `revision` have run: `head`,
    /// `base`, an id or its unique prefix, `-1` for the one before head.
    pub async fn at(revision: &str) -> Result<Self, TestError> {
        let config = Config::load()?;
        let (folder, tool) = (config.folder(None), config.tool(None)?);
        let mut history = History::load_with(&folder, tool, &config.alembic(&[]))?;
        let place = order_to(&mut history, revision)?;
        Self::of(&history, place).await
    }

    async fn of(history: &History, place: Place) -> Result<Self, TestError> {
        let own = Self::empty().await?;
        if let Some(database) = &own.database {
            runs::migrate(database, history, place).await?;
        }
        Ok(own)
    }

    /// One on a server of its own in which a finding about the migration at `at` can be seen, and
    /// where that is.
    pub(super) async fn failing(
        spec: &ServerSpec,
        history: &History,
        at: usize,
        back: bool,
    ) -> Result<(Self, &'static str), TestError> {
        let server = Arc::new(Box::pin(Chosen::find(spec).await?.start()).await?);
        let database = server.create_database(Template::Empty).await?;
        let target = database.target.clone();
        let own = Self { server, database: Some(database), target };
        let whereabouts = match &own.database {
            Some(database) => runs::migrate_into(database, history, at, back).await?,
            None => "nowhere",
        };
        Ok((own, whereabouts))
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Where it is, with role and password.
    pub fn url(&self) -> String {
        self.target.url_with_password()
    }

    /// Keeps it for a day, for a person to look at. Gives what to tell them.
    pub(super) fn keep(mut self) -> String {
        self.keep_now()
    }

    fn keep_now(&mut self) -> String {
        let Some(database) = self.database.take() else { return String::new() };
        let server = Arc::clone(&self.server);
        let is_ours = server.backend() != Backend::Existing;
        let name = database.name.clone();
        let kept = elsewhere(async move { server.leave(&database).await });
        match kept {
            Ok(()) if is_ours => {
                let url = self.target.url_with_password();
                format!("the database is kept for a day: psql '{url}'")
            }
            Ok(()) => format!("the database {name} is kept on your server until you drop it"),
            Err(why) => format!("the database can't be kept: {why}"),
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if std::thread::panicking() && env::KEEP.is_on() {
            let text = self.keep_now();
            say(&text);
            return;
        }
        let Some(database) = self.database.take() else { return };
        let server = Arc::clone(&self.server);
        // What can't be dropped now goes with the server.
        let _ = elsewhere(async move { server.drop_database(database).await });
    }
}

/// Runs it to its end on a thread with a runtime of its own: we may be inside of one, where
/// blocking on another is not allowed.
fn elsewhere(work: impl Future<Output = Result<(), ServerError>> + Send) -> Result<(), String> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| error.to_string())?;
            runtime.block_on(work).map_err(|error| error.to_string())
        });
        thread.join().unwrap_or_else(|_| Err("its thread panicked".to_owned()))
    })
}

#[expect(clippy::print_stderr, reason = "a test that fails prints, and has no other place")]
pub(super) fn say(text: &str) {
    eprintln!("{text}");
}
