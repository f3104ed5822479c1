//! What can be wrong with a workload before anything is measured.

use std::path::PathBuf;

use crate::postgres::PostgresError;
use crate::sql::SplitError;

/// A folder of queries, or one of them, can't be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// The folder or a file can't be read.
    #[error("can't read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no query in the folder.
    #[error(
        "no queries in {0}: it must hold files that end in .sql, one query each\n  help: name the \
         folder with --workload DIR"
    )]
    Empty(PathBuf),
    /// A file is not UTF-8.
    #[error("{0} is not UTF-8 text")]
    NotText(PathBuf),
    /// A file can't be cut into statements.
    #[error("{path}: {source}")]
    Split {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: SplitError,
    },
    /// A file holds no statement, or several.
    #[error("{path} holds {count} statements: one query a file is measured by itself")]
    Count {
        /// Which.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// A line of a header can't be understood.
    #[error("{path}:{line}: {problem}")]
    Header {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A parameter has no values, or values have no parameter.
    #[error("{path}: {problem}")]
    Parameter {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The queries' own rates leave nothing for the others.
    #[error(
        "the rates of queries come to {own} a second, and others without a rate share what is left \
         of {all}\n  help: raise it with --rate"
    )]
    Rate {
        /// What the rates in the headers come to.
        own: f64,
        /// The whole rate.
        all: f64,
    },
    /// The server refuses a query.
    #[error("{path}: the server refuses the query{of}")]
    Refused {
        /// The file.
        path: PathBuf,
        /// Of which parameter's values, if it is those.
        of: String,
        /// What it says.
        #[source]
        source: PostgresError,
    },
    /// The configuration says how many rows a table has that is not there.
    #[error(
        "[bench.production-rows] names {0:?}, but there is no such table before or after the \
         migrations\n  help: name it as in \"public.orders\" = 40000000"
    )]
    NoTable(String),
    /// A session failed.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The threads that send queries could not be started, or ended.
    #[error("the threads that send queries: {0}")]
    Threads(String),
}
