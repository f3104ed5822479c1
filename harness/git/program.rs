//! Running the program: what of the surroundings it may see, and how it ended.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::GitError;

/// Set by git for its hooks: they would lead to the index of a commit that is being made, and
/// with a path that holds in another folder.
const OF_A_HOOK: [&str; 11] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
];

/// What a user may have set that changes an answer or starts something that stays.
const SETTINGS: [&str; 3] =
    ["core.fsmonitor=false", "diff.autoRefreshIndex=true", "diff.relative=false"];

/// The same for a copy. Links become files that hold where they lead: out of their repository
/// they lead nowhere.
const OF_A_COPY: [&str; 3] =
    ["core.splitIndex=false", "core.sparseCheckout=false", "core.symlinks=false"];

/// How a command ended.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) succeeded: bool,
    /// What it printed, without the line's end.
    pub(super) out: Vec<u8>,
    pub(super) error: String,
    command: String,
}

/// Runs git in `folder`. `index` stands in for the repository's own.
pub(super) async fn git<'a>(
    folder: &Path,
    index: Option<&Path>,
    arguments: impl IntoIterator<Item = &'a OsStr>,
) -> Result<Said, GitError> {
    let arguments: Vec<&OsStr> = arguments.into_iter().collect();
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(["--no-pager", "--literal-pathspecs"]);
    for setting in SETTINGS.iter().chain(OF_A_COPY.iter().filter(|_| index.is_some())) {
        command.args(["-c", setting]);
    }
    for name in OF_A_HOOK {
        command.env_remove(name);
    }
    // Nobody is there to answer, and nothing of the repository is to be locked.
    command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C");
    if let Some(index) = index {
        command.env("GIT_INDEX_FILE", index);
    }
    command.args(&arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(GitError::Program)?;
    let mut out = output.stdout;
    if out.last() == Some(&b'\n') {
        out.pop();
    }
    let word = arguments.first().copied().unwrap_or_default();
    Ok(Said {
        succeeded: output.status.success(),
        out,
        error: String::from_utf8_lossy(&output.stderr).trim().replace('\n', "\n       "),
        command: word.to_string_lossy().into_owned(),
    })
}

impl Said {
    /// What it printed, if it succeeded.
    pub(super) fn or_failed(self) -> Result<OsString, GitError> {
        if self.succeeded {
            Ok(OsString::from_vec(self.out))
        } else {
            Err(GitError::Failed { command: self.command, said: self.error })
        }
    }
}
