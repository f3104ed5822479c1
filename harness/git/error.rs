//! Why git can't be asked, and what to do next.

use std::path::PathBuf;

/// What was asked of git has no answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The program can't be started.
    #[error(
        "can't run the program git\n  help: install git, or name the last revision that is not to \
         be judged with --since REV"
    )]
    Program(#[source] std::io::Error),
    /// The folder is in no repository, or in one that git refuses to read.
    #[error(
        "{folder} is in no git repository that can be read\n  git: {said}\n  help: run it in a \
         clone, or name the last revision that is not to be judged with --since REV"
    )]
    NoRepository {
        /// The folder of migrations.
        folder: PathBuf,
        /// What git says.
        said: String,
    },
    /// The word names no commit.
    #[error("git knows no commit {reference:?}\n  help: {}", unknown(*.shallow))]
    NoCommit {
        /// The word.
        reference: String,
        /// Whether the clone lacks history.
        shallow: bool,
    },
    /// Two lines of history that never met.
    #[error("{reference:?} and HEAD have no commit in common\n  help: {}", apart(*.shallow))]
    NoMergeBase {
        /// What HEAD was compared with.
        reference: String,
        /// Whether the clone lacks history.
        shallow: bool,
    },
    /// A command failed that should not.
    #[error("git {command} failed\n  git: {said}")]
    Failed {
        /// The command.
        command: String,
        /// What git says.
        said: String,
    },
    /// The copy of the folder as it was could not be made.
    #[error("can't make a temporary folder")]
    Scratch(#[source] std::io::Error),
}

const SHALLOW: &str = "this clone is shallow: get more of it with `git fetch --deepen=1000` or \
                       `git fetch --unshallow`; actions/checkout does with `fetch-depth: 0`";

fn unknown(shallow: bool) -> &'static str {
    if shallow {
        SHALLOW
    } else {
        "`git fetch` gets the branches of the remote, `git branch --all` lists what there is"
    }
}

fn apart(shallow: bool) -> &'static str {
    if shallow { SHALLOW } else { "name the branch that this one began from" }
}
