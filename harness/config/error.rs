//! What is written down can't be used.

use std::path::PathBuf;

use super::{FILE, MOST_ROWS};
use crate::alert::AlertError;
use crate::finding::ClaimError;
use crate::migrations::MigrationsError;
use crate::postgres::PostgresError;
use crate::server::ServerError;

/// What is written down, or in the environment, can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A number of `[bench]` is no measure of anything.
    #[error("stairway.toml: bench.{key} is {given}, but must be above zero")]
    Bench {
        /// The key.
        key: &'static str,
        /// What was given.
        given: f64,
    },
    /// A number of `[drill]` is no measure of anything.
    #[error("{FILE}: drill.{key} is {given}, but must be above zero")]
    Drill {
        /// The key.
        key: &'static str,
        /// What was given.
        given: f64,
    },
    /// Backups are both in a folder and to be fetched.
    #[error("{FILE}: [drill] has both backups and fetch; only one can say where backups are")]
    TwoSources,
    /// The file can't be read.
    #[error("can't read {FILE}: {0}")]
    Read(#[source] std::io::Error),
    /// The file is not what it should be. The cause is told without what may be a secret in it,
    /// and so it is not kept.
    #[error("{FILE}: {0}")]
    Shape(String),
    /// A claim in it is none.
    #[error("{FILE}: claim for {revision}: {source}")]
    Claim {
        /// The revision that it is about.
        revision: String,
        /// What is wrong with it.
        #[source]
        source: ClaimError,
    },
    /// A number in `[rows]` makes no sense.
    #[error("{FILE}: {key} in [rows] can't be {given}: it is from 1 to {}", MOST_ROWS)]
    Rows {
        /// The key.
        key: &'static str,
        /// The number.
        given: u64,
    },
    /// `STAIRWAY_SEED` is no number.
    #[error("STAIRWAY_SEED can't be `{0}`: it is a number from 0 to {max}", max = u64::MAX)]
    Seed(String),
    /// A key of `[gate]` that can't be used.
    #[error("[gate] {key} is {given:?}, which it can't be")]
    Gate {
        /// The key.
        key: &'static str,
        /// What stands there.
        given: String,
    },
    /// The layout is none.
    #[error(transparent)]
    Tool(#[from] MigrationsError),
    /// The server is none.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The environment is none.
    #[error("there is no environment `{0}`: it is production, staging or development")]
    Environment(String),
    /// A `.env.<environment>` can't be read.
    #[error("can't read {path}: {source}")]
    DotenvRead {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A line of a `.env.<environment>` is not what it should be. What stands there is not said.
    #[error("{path}:{line}: {what}; a line is NAME=value, quoted where it has spaces, # or quotes")]
    Dotenv {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        what: String,
    },
    /// An environment was asked for, and nothing says where its database is.
    #[error(
        "there is no {path}, which --env {environment} asks for\n  help: write \
         DATABASE_URL=postgres://role:password@host/database into it and chmod 600 it, or give \
         --database-url URL"
    )]
    NoDotenv {
        /// The file.
        path: PathBuf,
        /// The environment.
        environment: String,
    },
    /// An environment was asked for, and the process's own variable names another database than its
    /// file does.
    #[error(
        "--env {environment} asks for {theirs} of {path}, but DATABASE_URL in the environment names \
         {ours}\n  help: unset DATABASE_URL to go by the file, or say which one is meant with \
         --database-url URL"
    )]
    Conflict {
        /// The environment.
        environment: String,
        /// The file.
        path: PathBuf,
        /// What the file names, without a password.
        theirs: String,
        /// What the process's environment names, without a password.
        ours: String,
    },
    /// Nothing says where the database is.
    #[error(
        "no database was named\n  help: write DATABASE_URL into {path}, set DATABASE_URL, or give \
         --database-url URL; PGHOST and PGDATABASE are read as well, PGSERVICE is not"
    )]
    NoDatabase {
        /// The file in which it could stand.
        path: PathBuf,
    },
    /// What says where the database is can't be used.
    #[error("{origin}: {source}")]
    Database {
        /// Where it stands, as [`Origin`](super::Origin) shows it.
        origin: String,
        /// What is wrong with it; without the password.
        #[source]
        source: PostgresError,
    },
    /// A channel for notices can't be used.
    #[error("[[alert]] {name}: {why}")]
    Alert {
        /// The channel.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// The address or the name of a channel can't be used.
    #[error("{origin}: {source}")]
    Channel {
        /// Where it stands, as [`Origin`](super::Origin) shows it.
        origin: String,
        /// What is wrong with it; without the address.
        #[source]
        source: AlertError,
    },
}
