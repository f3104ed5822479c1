//! The server and the database that a climb stands on, and the clean database beside it.
//!
//! The clean one has seen upgrades only. It is made when something must be put back for the first
//! time, follows the climb from there, and is cloned; a sound climb never makes it. What belongs to
//! the whole server (a role, say) may be in the way of a second database; then there is a second
//! server.

use std::path::{Path, PathBuf};

use crate::data::{Loader, Name};
use crate::migrations::{Migration, MigrationsError, Records, Script, Tool};
use crate::postgres::{PostgresError, Session};
use crate::schema::{COUNTS_AT_ONCE, FLUSH, Reader, SchemaError, Snapshot};
use crate::server::{Chosen, Database, Server, ServerError, Template};

use super::audit::has_audit;
use super::program::connect;
use super::replay::{may_set, replay, settings};
use super::restore::{RestoreError, Restored, restore};
use super::script::{self, StepFailure};
use super::version_table::Ledger;

/// The ground could not be prepared or put back.
#[derive(Debug, thiserror::Error)]
pub enum GroundError {
    /// A database could not be made, cloned or dropped.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A session failed.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The environment of the migrations can't run them.
    #[error(transparent)]
    Migrations(#[from] MigrationsError),
    /// The backup could not be restored at all.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The schema could not be read.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// An upgrade that ran before does not run again on a clean database.
    #[error(
        "the upgrade of {revision} ran once and not a second time on a clean database: {source}"
    )]
    NotRepeatable {
        /// Whose upgrade.
        revision: String,
        /// How it failed.
        #[source]
        source: Box<StepFailure>,
    },
}

/// One database, a session that changes it and a session that looks at it.
#[derive(Debug)]
struct Standing {
    database: Database,
    climber: Session,
    eye: Reader,
    /// The session that tries rows, once it is asked for.
    loader: Option<Box<Loader>>,
}

/// The clean database and the versions that were applied to it.
#[derive(Debug)]
struct Clean {
    database: Database,
    applied: Vec<String>,
}

/// How the schema is read after each step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// What was touched since the step before.
    #[default]
    Touched,
    /// All of it.
    Whole,
}

/// What a ground begins as.
#[derive(Debug)]
pub enum Origin<'a> {
    /// An empty database.
    Empty,
    /// A backup, restored.
    Backup(&'a Path),
    /// This database.
    Database(Box<Database>),
}

/// Where a climb stands.
#[derive(Debug)]
pub struct Ground {
    chosen: Chosen,
    server: Server,
    records: Records,
    backup: Option<PathBuf>,
    ledger: Ledger,
    standing: Option<Standing>,
    clean: Option<Clean>,
    worn: bool,
    reading: Reading,
    /// Whether what was done last is in the counters of written rows.
    is_counted: bool,
    /// What sessions begin with.
    settings: Option<String>,
}

impl Ground {
    /// Takes `server`, which was started as `chosen`, and makes sure that its database has the version table
    /// that `records` name.
    pub async fn open(
        chosen: &Chosen,
        server: Server,
        records: &Records,
        origin: Origin<'_>,
        reading: Reading,
    ) -> Result<(Self, Option<Restored>), GroundError> {
        let backup = match &origin {
            Origin::Backup(path) => Some(path.to_path_buf()),
            _ => None,
        };
        let (database, restored) = match origin {
            Origin::Database(database) => (*database, None),
            _ => make(&server, backup.as_deref()).await?,
        };
        let mut standing = stand(&server, records.tool, database).await?;
        let mut ledger = Ledger::ensure(&mut standing.climber, records).await?;
        let settings = settings(&mut standing.climber).await?;
        if server.version().major >= COUNTS_AT_ONCE {
            ledger.and_then(FLUSH);
        }
        let ground = Self {
            chosen: chosen.clone(),
            server,
            records: records.clone(),
            backup,
            ledger,
            standing: Some(standing),
            clean: None,
            worn: false,
            reading,
            is_counted: false,
            settings,
        };
        Ok((ground, restored))
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Opens new sessions if `script`, which has just been run, changed what sessions begin with.
    pub async fn follow_settings(&mut self, script: &Script) -> Result<(), GroundError> {
        if may_set(&script.text) {
            let standing = self.standing.as_mut().ok_or_else(nowhere)?;
            let now = settings(&mut standing.climber).await?;
            if std::mem::replace(&mut self.settings, now.clone()) != now {
                self.reconnect().await?;
            }
        }
        Ok(())
    }

    /// Says that a script has just been recorded, which also brings the counters of written rows up
    /// to date.
    pub fn is_recorded(&mut self) {
        self.is_counted = true;
    }

    /// The session that changes the database, with its version table.
    pub fn climber(&mut self) -> Result<(&mut Session, &Ledger), GroundError> {
        self.is_counted = false;
        let standing = self.standing.as_mut().ok_or_else(nowhere)?;
        Ok((&mut standing.climber, &self.ledger))
    }

    /// Schema and name of the tool's version table.
    pub fn version_table(&self) -> (String, String) {
        self.ledger.names()
    }

    /// The session in which rows are tried: a third one, since what it prepares must last.
    pub async fn loader(&mut self) -> Result<&mut Loader, GroundError> {
        let standing = self.standing.as_mut().ok_or_else(nowhere)?;
        if standing.loader.is_none() {
            let session = connect(self.records.tool, &standing.database.target, "rows").await?;
            let (schema, name) = self.ledger.names();
            let mut loader = Box::new(Loader::new(session));
            loader.leave_out(Name { schema, name });
            standing.loader = Some(loader);
        }
        Ok(standing.loader.as_mut().ok_or_else(nowhere)?)
    }

    /// The schema as it is now, without the version table, read on a connection of its own: what
    /// was touched since the last time.
    pub async fn snapshot(&mut self) -> Result<Snapshot, GroundError> {
        let standing = self.standing.as_mut().ok_or_else(nowhere)?;
        if self.reading == Reading::Whole {
            return Ok(standing.eye.read(&[self.ledger.names()]).await?);
        }
        if !self.is_counted && self.server.version().major >= COUNTS_AT_ONCE {
            standing.climber.execute(FLUSH).await?;
            self.is_counted = true;
        }
        Ok(standing.eye.reread(&[self.ledger.names()]).await?)
    }

    /// The schema as it is now, all of it read anew.
    pub async fn whole_snapshot(&mut self) -> Result<Snapshot, GroundError> {
        let standing = self.standing.as_mut().ok_or_else(nowhere)?;
        Ok(standing.eye.read(&[self.ledger.names()]).await?)
    }

    /// Whether a downgrade has been run here since the database was new or a clone of the clean
    /// one. Its schema may be as it was; rows and sequences may not.
    pub fn is_worn(&self) -> bool {
        self.worn
    }

    /// Says that a downgrade is about to be run here.
    pub fn wear(&mut self) {
        self.worn = true;
    }

    /// Opens new sessions: settings of the database and its roles apply to those only.
    pub async fn reconnect(&mut self) -> Result<(), GroundError> {
        let standing = self.standing.take().ok_or_else(nowhere)?;
        let database = leave(standing).await;
        self.standing = Some(stand(&self.server, self.records.tool, database).await?);
        let standing = self.standing.as_mut().ok_or_else(nowhere)?;
        self.settings = settings(&mut standing.climber).await?;
        Ok(())
    }

    /// Runs the upgrade of `migration` and looks at nothing. `false` if it failed and something of
    /// it may have stayed.
    pub async fn pass(&mut self, migration: &Migration) -> Result<Result<(), bool>, GroundError> {
        let standing = self.standing.as_mut().ok_or_else(nowhere)?;
        let database = &standing.database.target;
        let passed = replay(database, &mut standing.climber, &self.ledger, migration).await?;
        Ok(match passed {
            Ok(()) => Ok(()),
            Err(StepFailure::Postgres(error)) => return Err(error.into()),
            Err(StepFailure::Environment(error)) => return Err(error.into()),
            Err(_) => Err(script::is_all_or_nothing(&migration.upgrade)),
        })
    }

    /// Puts the database into the state that the upgrades of `linear` give, and nothing else: the
    /// clean database is brought there and cloned, and the old one dropped.
    pub async fn put_back(&mut self, linear: &[&Migration]) -> Result<(), GroundError> {
        match self.clone_clean(linear).await {
            Err(GroundError::NotRepeatable { .. }) if self.chosen.is_plural() => {
                self.move_house(linear).await
            }
            other => other,
        }
    }

    async fn clone_clean(&mut self, linear: &[&Migration]) -> Result<(), GroundError> {
        if let Some(standing) = self.standing.take() {
            let database = leave(standing).await;
            self.server.drop_database(database).await?;
        }
        let repeatable = self.clean.as_ref().is_some_and(|clean| is_prefix(&clean.applied, linear));
        if !repeatable {
            self.drop_clean().await?;
        }
        let mut clean = match self.clean.take() {
            Some(clean) => clean,
            None => Clean {
                database: make(&self.server, self.backup.as_deref()).await?.0,
                applied: Vec::new(),
            },
        };
        let follow = follow(&mut clean, &self.records, linear).await;
        let database = match follow {
            Ok(()) => self.server.create_database(Template::Of(&clean.database)).await,
            Err(error) => {
                self.server.drop_database(clean.database).await?;
                return Err(error);
            }
        };
        self.clean = Some(clean);
        self.standing = Some(stand(&self.server, self.records.tool, database?).await?);
        self.worn = false;
        Ok(())
    }

    /// The same on a server of its own.
    async fn move_house(&mut self, linear: &[&Migration]) -> Result<(), GroundError> {
        let server = self.chosen.start().await?;
        let old = std::mem::replace(&mut self.server, server);
        (self.standing, self.clean) = (None, None);
        // Boxed: what it holds over its waits is large.
        Box::pin(old.stop()).await?;
        let database = make(&self.server, self.backup.as_deref()).await?.0;
        let mut fresh = Clean { database, applied: Vec::new() };
        follow(&mut fresh, &self.records, linear).await?;
        self.standing = Some(stand(&self.server, self.records.tool, fresh.database).await?);
        self.worn = false;
        Ok(())
    }

    /// Closes the sessions, keeps the data directory under `key`, and ends the server. Gives
    /// whether it could be kept.
    pub async fn keep(mut self, key: &str, note: &str) -> Result<bool, GroundError> {
        let database = leave(self.standing.take().ok_or_else(nowhere)?).await;
        let kept = self.chosen.keep(&self.server, &database, key, note).await;
        Box::pin(self.server.stop()).await?;
        Ok(kept?)
    }

    /// Ends the server, or drops both databases if it is not ours.
    pub async fn close(mut self) -> Result<(), GroundError> {
        let standing = self.standing.take();
        if self.chosen.is_plural() {
            drop(standing);
            return Ok(Box::pin(self.server.stop()).await?);
        }
        if let Some(standing) = standing {
            let database = leave(standing).await;
            self.server.drop_database(database).await?;
        }
        self.drop_clean().await?;
        Ok(Box::pin(self.server.stop()).await?)
    }

    async fn drop_clean(&mut self) -> Result<(), GroundError> {
        if let Some(clean) = self.clean.take() {
            self.server.drop_database(clean.database).await?;
        }
        Ok(())
    }
}

fn nowhere() -> PostgresError {
    PostgresError::Unexpected("the climb has no database left to stand on".to_owned())
}

fn is_prefix(applied: &[String], linear: &[&Migration]) -> bool {
    applied.len() <= linear.len()
        && applied.iter().zip(linear).all(|(version, migration)| *version == migration.version)
}

async fn make(
    server: &Server,
    backup: Option<&Path>,
) -> Result<(Database, Option<Restored>), GroundError> {
    let database = server.create_database(Template::Empty).await?;
    let Some(backup) = backup else { return Ok((database, None)) };
    match restore(server, &database, backup).await {
        Ok(restored) => {
            forget_runs(&database).await?;
            Ok((database, Some(restored)))
        }
        Err(error) => {
            server.drop_database(database).await?;
            Err(error.into())
        }
    }
}

/// The audit trail of a production database is no part of what its migrations made.
async fn forget_runs(database: &Database) -> Result<(), PostgresError> {
    let mut session = Session::connect(&database.target, "restore").await?;
    if has_audit(&mut session).await? {
        session.execute("DROP TABLE stairway.move, stairway.run; DROP SCHEMA stairway").await?;
    }
    session.close().await
}

async fn stand(server: &Server, tool: Tool, database: Database) -> Result<Standing, GroundError> {
    let climber = connect(tool, &database.target, "climb").await?;
    let eye = Session::connect(&database.target, "snapshot").await?;
    let eye = Reader::new(eye, server.version().major);
    Ok(Standing { database, climber, eye, loader: None })
}

async fn leave(standing: Standing) -> Database {
    // A session that is already lost needs no good-bye.
    let _ = standing.climber.close().await;
    let _ = standing.eye.into_session().close().await;
    if let Some(loader) = standing.loader {
        let _ = loader.into_session().close().await;
    }
    standing.database
}

/// Brings the clean database forward; it is a template afterwards, so no session stays.
async fn follow(
    clean: &mut Clean,
    records: &Records,
    linear: &[&Migration],
) -> Result<(), GroundError> {
    let mut session = connect(records.tool, &clean.database.target, "clean").await?;
    let ledger = Ledger::ensure(&mut session, records).await?;
    for migration in linear.iter().skip(clean.applied.len()) {
        let done = replay(&clean.database.target, &mut session, &ledger, migration).await?;
        done.map_err(|source| GroundError::NotRepeatable {
            revision: migration.revision.clone(),
            source: Box::new(source),
        })?;
        clean.applied.push(migration.version.clone());
    }
    session.close().await?;
    Ok(())
}
