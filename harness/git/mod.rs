//! What a folder was like at the commit that two lines of history have in common, and where its
//! repository came from.
//!
//! Knows the program `git` and what it would call a difference. Must not know what the files are.

mod error;
mod program;

pub use error::GitError;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use program::{Said, git};

/// The commit that HEAD and another line of history have in common, seen from one folder.
#[derive(Clone, Debug)]
pub struct Base {
    /// The top of the work tree.
    top: PathBuf,
    /// The folder below it, with a slash at its end; empty for the top itself.
    prefix: OsString,
    /// The other line, as it was given.
    pub reference: String,
    /// The commit's id.
    pub commit: String,
}

impl Base {
    /// The merge base of `reference` and HEAD in the repository of `folder`.
    pub async fn find(folder: &Path, reference: &str) -> Result<Self, GitError> {
        let top = ask(folder, ["rev-parse", "--show-toplevel"]).await?;
        if !top.succeeded {
            return Err(GitError::NoRepository { folder: folder.to_owned(), said: top.error });
        }
        let top = PathBuf::from(top.or_failed()?);
        let prefix = ask(folder, ["rev-parse", "--show-prefix"]).await?.or_failed()?;
        let other = commit(&top, reference).await?;
        let head = commit(&top, "HEAD").await?;
        let common = ask(&top, ["merge-base", &other, &head]).await?;
        if !common.succeeded {
            let shallow = is_shallow(&top).await?;
            return Err(GitError::NoMergeBase { reference: reference.to_owned(), shallow });
        }
        let commit = common.or_failed()?.to_string_lossy().into_owned();
        Ok(Self { top, prefix, reference: reference.to_owned(), commit })
    }

    /// The commit's id as people write it.
    pub fn short(&self) -> &str {
        self.commit.get(..10).unwrap_or(&self.commit)
    }

    /// The folder's path below the top of the work tree.
    pub fn folder(&self) -> &Path {
        Path::new(&self.prefix)
    }

    /// The files of the folder that git knows and that are not in the work tree as they were:
    /// line ends that git would not record are no difference. Relative to the folder.
    pub async fn changed(&self) -> Result<BTreeSet<PathBuf>, GitError> {
        let mut arguments: Vec<&OsStr> =
            ["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv"]
                .map(OsStr::new)
                .to_vec();
        arguments.extend(["--ignore-submodules=all", &self.commit, "--"].map(OsStr::new));
        if !self.prefix.is_empty() {
            arguments.push(&self.prefix);
        }
        let names = git(&self.top, None, arguments).await?.or_failed()?.into_vec();
        let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        let inside = names.filter_map(|name| name.strip_prefix(self.prefix.as_bytes()));
        Ok(inside.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect())
    }

    /// Writes the folder as it was below `scratch`, as a checkout would. `None` if there was none.
    pub async fn export(&self, scratch: &Path) -> Result<Option<PathBuf>, GitError> {
        let mut tree = OsString::from(format!("{}:", self.commit));
        let prefix = self.prefix.as_bytes();
        tree.push(OsStr::from_bytes(prefix.strip_suffix(b"/").unwrap_or(prefix)));
        let kind = git(
            &self.top,
            None,
            ["cat-file", "-t"].map(OsStr::new).into_iter().chain([tree.as_os_str()]),
        );
        if kind.await?.out != b"tree" {
            return Ok(None);
        }
        // An index of its own: git's filters apply, and the repository's index stays as it is.
        let index = scratch.join("index");
        let mut option = OsString::from("--prefix=");
        option.push(&self.prefix);
        let mut arguments = vec![OsStr::new("read-tree")];
        if !self.prefix.is_empty() {
            arguments.push(&option);
        }
        arguments.push(&tree);
        git(&self.top, Some(&index), arguments).await?.or_failed()?;
        let files = scratch.join("files");
        let mut option = OsString::from("--prefix=");
        option.push(&files);
        option.push("/");
        let arguments = ["checkout-index", "--all", "--force"].map(OsStr::new);
        let arguments = arguments.into_iter().chain([option.as_os_str()]);
        git(&self.top, Some(&index), arguments).await?.or_failed()?;
        Ok(Some(files.join(&self.prefix)))
    }
}

/// The addresses of the remotes of the repository that `folder` is in; none where it is in none.
pub async fn remotes(folder: &Path) -> Result<Vec<String>, GitError> {
    let said = ask(folder, ["config", "--get-regexp", r"^remote\..*\.url$"]).await?;
    let text = String::from_utf8_lossy(&said.out).into_owned();
    Ok(text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(_, url)| url.to_owned())
        .collect())
}

async fn ask<const N: usize>(folder: &Path, words: [&str; N]) -> Result<Said, GitError> {
    git(folder, None, words.map(OsStr::new)).await
}

/// The id of the commit that `reference` names.
async fn commit(top: &Path, reference: &str) -> Result<String, GitError> {
    let word = format!("{reference}^{{commit}}");
    // What begins with a hyphen is an option to git, whatever stands before it.
    if !reference.is_empty() && !reference.starts_with('-') {
        let said = ask(top, ["rev-parse", "--verify", "--quiet", &word]).await?;
        let id = String::from_utf8_lossy(&said.out).into_owned();
        if said.succeeded && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(id);
        }
    }
    let shallow = is_shallow(top).await?;
    Err(GitError::NoCommit { reference: reference.to_owned(), shallow })
}

async fn is_shallow(top: &Path) -> Result<bool, GitError> {
    Ok(ask(top, ["rev-parse", "--is-shallow-repository"]).await?.out == b"true")
}
