//! Why no workload could be made.

use std::path::PathBuf;

use crate::postgres::PostgresError;

/// Nothing can be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A log can't be read.
    #[error("can't read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A log is compressed.
    #[error("{path} is compressed\n  help: unpack it first, with `{with} {path}`")]
    Compressed {
        /// Which.
        path: PathBuf,
        /// The program that unpacks it.
        with: &'static str,
    },
    /// A file is no log of a form that is read.
    #[error(
        "{0} is no log in the csv or json form\n  help: set log_destination = 'csvlog' (or 'jsonlog', from \
         PostgreSQL 15 on), logging_collector = on and log_min_duration_statement = 0"
    )]
    NoLog(PathBuf),
    /// A log has no queries.
    #[error(
        "no query of an application is in the log: {entries} entries, {skipped}{notes}\n  help: set \
         log_min_duration_statement = 0 for a while; messages are read in English, lc_messages = 'C'"
    )]
    NoQueries {
        /// How many entries were read.
        entries: u64,
        /// What they were.
        skipped: String,
        /// What else is known, such as queries of other databases.
        notes: String,
    },
    /// A log is of several databases.
    #[error("the log has queries of several databases: {0}{1}\n  help: name one with --database")]
    Databases(String, String),
    /// The extension is not there.
    #[error(
        "the database {database} has no pg_stat_statements\n  help: {how}, then let the application work for \
         a while and run this again; or import a log, `stairway workload import LOG`"
    )]
    NoExtension {
        /// Which database.
        database: String,
        /// What is to be done.
        how: &'static str,
    },
    /// It has seen nothing that can be imported.
    #[error(
        "pg_stat_statements has no query of an application in the database {database}: {skipped}\n  help: let \
         the application work for a while and run this again"
    )]
    NoStatements {
        /// Which database.
        database: String,
        /// What is there.
        skipped: String,
    },
    /// Too little is left.
    #[error("no query came {0} times or more{1}\n  help: lower --min-calls")]
    TooFew(u64, String),
    /// Files are there already.
    #[error(
        "{path} is there already{more}; nothing was written\n  help: --force replaces files of the same name, \
         --workload DIR takes another folder"
    )]
    Exists {
        /// The first of them.
        path: PathBuf,
        /// How many others.
        more: String,
    },
    /// A file can't be written.
    #[error("can't write {path}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A session failed.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
}
