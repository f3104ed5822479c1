//! What can be wrong with a folder before any SQL is run.

use std::path::PathBuf;

use crate::finding::ClaimError;

/// The folder, a file in it or a revision word can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MigrationsError {
    /// The folder is missing or can't be read.
    #[error("can't read {path}")]
    Read {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A script is not UTF-8.
    #[error("{path} is not UTF-8 text: byte {at} is wrong")]
    NotText {
        /// The file.
        path: PathBuf,
        /// The first byte that is wrong, counted from 0.
        at: usize,
    },
    /// Nothing in the folder looks like a migration.
    #[error(
        "no migrations in {folder}\n  looked for: {looked_for}\n  help: name the folder with \
         --migrations DIR, or its layout with --tool"
    )]
    Empty {
        /// The folder.
        folder: PathBuf,
        /// The layouts that were looked for.
        looked_for: String,
    },
    /// Two layouts stand in one folder.
    #[error(
        "{folder} holds two layouts, {one} and {other}\n  help: say with --tool which one is meant"
    )]
    Mixed {
        /// The folder.
        folder: PathBuf,
        /// A file of one.
        one: String,
        /// A file of the other.
        other: String,
    },
    /// The name of a tool is unknown.
    #[error("no layout is called {word:?}; known are {known}")]
    UnknownTool {
        /// What was given.
        word: String,
        /// What could have been.
        known: String,
    },
    /// A file belongs to the layout, but its version can't be read.
    #[error("{path}: {problem}")]
    Name {
        /// The file.
        path: PathBuf,
        /// What is wrong with its name.
        problem: String,
    },
    /// What a tool reads between the lines of a file is not as it wants it.
    #[error("{path}:{line}: {problem}")]
    Marker {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The files fit two tools, and nothing tells which one.
    #[error("{folder}: {file} could be of {tools}\n  help: say with --tool which one is meant")]
    Unclear {
        /// The folder.
        folder: PathBuf,
        /// A file that fits them.
        file: String,
        /// Whose it could be.
        tools: &'static str,
    },
    /// A claim is malformed.
    #[error("{path}:{line}: {source}")]
    Claim {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u32,
        /// What is wrong with it.
        #[source]
        source: ClaimError,
    },
    /// A tool's own setting file is malformed.
    #[error("{path}: {problem}")]
    Setting {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A tool's own program refused its environment.
    #[error("{directory} can't be read by its tool: {problem}")]
    Environment {
        /// Where it was run.
        directory: PathBuf,
        /// What it said.
        problem: String,
    },
    /// No Python has what an environment of Alembic's needs.
    #[error(
        "no Python with Alembic was found; looked at:{tried}\n  help: install Alembic beside the \
         migrations, or name an interpreter with STAIRWAY_PYTHON"
    )]
    NoPython {
        /// Which were tried, and what each said.
        tried: String,
    },
    /// A revision word fits nothing.
    #[error("no revision {word:?} in this history; `stairway history` lists {count} of them")]
    NoRevision {
        /// What was given.
        word: String,
        /// How many there are.
        count: usize,
    },
    /// No place in the order in which a history stands.
    #[error(
        "{word:?} is on a branch, and the database was moved on another one meanwhile\n  help: run this again"
    )]
    Branches {
        /// What was given.
        word: String,
    },
    /// A number of steps leads to several places.
    #[error(
        "{word:?} could be a step over each of {ways}\n  help: name the branch, as in {}@{word}, or the revision to \
         go to", .ways.split(',').next().unwrap_or_default()
    )]
    Crossroads {
        /// What was given.
        word: String,
        /// The versions.
        ways: String,
    },
    /// A revision is named together with a branch on which it is not.
    #[error("{word} is not on the branch {branch:?}; `stairway history --verbose` shows branches")]
    Elsewhere {
        /// The revision.
        word: String,
        /// The branch.
        branch: String,
    },
    /// A prefix fits several revisions.
    #[error("revision {word:?} is ambiguous: {candidates}")]
    Ambiguous {
        /// What was given.
        word: String,
        /// What it could mean.
        candidates: String,
    },
}
