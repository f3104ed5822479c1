//! Why a project can't be begun with, and what to do next.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::migrations::{MigrationsError, Tool};

/// What stands in a folder is not enough to begin with, or too much.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// The project's folder is none.
    #[error("{path} is no folder\n  help: name the project's folder: stairway init DIR")]
    NoFolder {
        /// What was named.
        path: PathBuf,
    },
    /// No folder of migrations stands in the project.
    #[error("no migrations in {project}{}", nothing(*.folders, .loose, .unread))]
    NoMigrations {
        /// The project's folder.
        project: PathBuf,
        /// How many folders were looked at.
        folders: usize,
        /// Files called `.sql` that are no migrations by their names.
        loose: Vec<PathBuf>,
        /// Folders that were not looked at.
        unread: Vec<PathBuf>,
    },
    /// Several folders could be meant.
    #[error(
        "several folders of migrations{}\n  help: name one of them: {}", list(.found), command(.project, .first)
    )]
    Several {
        /// The project's folder.
        project: PathBuf,
        /// What each of them is, a line each.
        found: Vec<String>,
        /// The likeliest.
        first: PathBuf,
    },
    /// A folder of migrations can't be read as such.
    #[error("{source}{}", next(.source))]
    Migrations {
        /// Why not; it names the folder.
        #[source]
        source: MigrationsError,
    },
    /// A file can't be read.
    #[error("can't read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A manifest of Cargo's is malformed.
    #[error("{path}: {problem}\n  help: put it right, then again: stairway init")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A path can't stand in a file of text.
    #[error(
        "the path {path:?} can't be written down: it is not UTF-8, or holds control characters\n  \
         help: name the folder with STAIRWAY_MIGRATIONS or --migrations instead of in stairway.toml"
    )]
    NotText {
        /// The path.
        path: PathBuf,
    },
}

/// The next command, where the words don't say one.
fn next(source: &MigrationsError) -> &'static str {
    if source.to_string().contains("help: ") {
        ""
    } else {
        "\n  help: put it right, or name another folder: stairway init --migrations DIR"
    }
}

fn list(lines: &[String]) -> String {
    format!("\n  {}", lines.join("\n  "))
}

/// The command that names a folder.
fn command(project: &Path, folder: &Path) -> String {
    let project =
        if project == Path::new(".") { String::new() } else { format!(" {}", project.display()) };
    format!("stairway init{project} --migrations {}", folder.display())
}

fn nothing(folders: usize, loose: &[PathBuf], unread: &[PathBuf]) -> String {
    let mut text = format!(
        "\n  looked in: {folders} {}, not in .git, target, node_modules, virtual environments and the like",
        if folders == 1 { "folder" } else { "folders" }
    );
    // Writing to a String can't fail.
    if let Some(first) = unread.first() {
        let _ = write!(text, "\n  not read: {}, {} in all", first.display(), unread.len());
    }
    let layouts = Tool::ALL.map(Tool::layout).join("\n              ");
    let _ = write!(text, "\n  looked for: {layouts}");
    if let Some(first) = loose.first() {
        let more = match loose.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let _ = write!(
            text,
            "\n  {}{more}: SQL, but nothing in the names says in which order the files run, or which way: \
             call them for example 1_{stem}.up.sql with 1_{stem}.down.sql, or put 1_{stem}.sql into a folder \
             up and its way back, by the same name, into a folder down",
            first.display(),
            stem = first.file_stem().unwrap_or_default().to_string_lossy()
        );
    }
    let _ = write!(text, "\n  help: name the folder: stairway init --migrations DIR");
    text
}
