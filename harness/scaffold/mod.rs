//! What a project needs to begin: settings, a test and a job of its CI, as texts for files.
//!
//! Knows what stands around a folder of migrations and what each of the files says. Must not write
//! any of them, start a server, nor overrule what `stairway.toml` says already.

mod chosen;
mod error;
mod images;
mod jobs;
mod project;
mod settings;
mod suites;

use std::path::{Path, PathBuf};

use crate::git;
use crate::migrations::{AlembicOptions, Tool};

pub use chosen::{Chosen, Counted};
pub use error::ScaffoldError;
pub use images::{Image, Postgres};
pub use project::{Package, join};

use project::Project;

/// What is wanted; what is not said is found out.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The project's folder.
    pub project: PathBuf,
    /// The folder of migrations.
    pub folder: Option<PathBuf>,
    /// Its layout.
    pub tool: Option<Tool>,
    /// What an environment of Alembic's is told.
    pub alembic: AlembicOptions,
    /// The major version of `PostgreSQL`.
    pub major: Option<u32>,
    /// Whose jobs; an empty list for none.
    pub hosts: Option<Vec<Host>>,
    /// The git repository that a job builds Stairway from.
    pub source: Option<String>,
}

/// Who runs a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
}

/// What was found, and what is to be written.
#[derive(Debug)]
pub struct Plan {
    /// The folder of migrations.
    pub chosen: Chosen,
    /// Which server the project uses, as far as its files tell.
    pub postgres: Postgres,
    /// The files.
    pub drafts: Vec<Draft>,
    /// What is to be added by hand to files that are there: the file and the lines.
    pub by_hand: Vec<(PathBuf, String)>,
    /// What is not written, and why.
    pub notes: Vec<String>,
}

/// A file that is to be written if nothing stands in its place.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Where: the project's folder joined with the way to it.
    pub path: PathBuf,
    /// What it is, for people.
    pub about: String,
    /// Its whole text.
    pub text: String,
}

/// Where Stairway is built from if nobody says: the repository that its own package names, if any.
fn own_source() -> Option<String> {
    let url: &str = env!("CARGO_PKG_REPOSITORY");
    Some(url).filter(|url| !url.is_empty()).map(str::to_owned)
}

/// Looks around and says what is to be written. Reads files, asks git for its remotes and, for
/// Alembic, the project's Python for the revisions; writes nothing.
pub async fn plan(wanted: &Wanted) -> Result<Plan, ScaffoldError> {
    let chosen = Chosen::find(wanted)?;
    let remotes = git::remotes(&wanted.project).await.unwrap_or_default();
    let project = Project::look(&wanted.project, &chosen.folder, &remotes)?;
    let source = wanted.source.clone().or_else(own_source);
    let postgres = Postgres::look(&project.folders(), wanted.major);
    let mut plan = Plan {
        drafts: vec![settings::draft(&project, &chosen, &postgres)?],
        chosen,
        postgres,
        by_hand: Vec::new(),
        notes: Vec::new(),
    };
    suites::add(&mut plan, &project, source.as_deref())?;
    jobs::add(&mut plan, &project, wanted.hosts.as_deref(), source.as_deref())?;
    Ok(plan)
}

/// A path as text in a file, in double quotes: what TOML, YAML, Rust and Python all read.
fn quoted(path: &Path) -> Result<String, ScaffoldError> {
    let text = path.to_str().ok_or_else(|| ScaffoldError::NotText { path: path.to_owned() })?;
    let shown = if text.is_empty() { "." } else { text };
    if shown.chars().any(char::is_control) {
        return Err(ScaffoldError::NotText { path: path.to_owned() });
    }
    Ok(format!("\"{}\"", shown.replace('\\', "\\\\").replace('"', "\\\"")))
}
