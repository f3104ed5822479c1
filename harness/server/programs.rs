//! The client programs for a server that is not ours: of its major version and no other.

use std::fmt;
use std::path::PathBuf;

use super::account::Account;
use super::{install, place};
use crate::postgres::Version;

/// `pg_dump`, `pg_restore` and `psql` of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// Their folder.
    pub folder: PathBuf,
    /// Their version.
    pub version: Version,
}

/// There are no client programs of a major version here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoPrograms {
    /// The server's major version.
    pub wanted: u32,
    /// What there is instead, in the order of the search.
    pub found: Vec<Programs>,
}

impl std::error::Error for NoPrograms {}

impl fmt::Display for NoPrograms {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = self.wanted;
        if self.found.is_empty() {
            write!(out, "no pg_dump, pg_restore and psql were found for a server of {wanted}")?;
        }
        for (nth, Programs { folder, version }) in self.found.iter().enumerate() {
            let folder = folder.display();
            out.write_str(if nth > 0 { "\n" } else { "" })?;
            if version.major < wanted {
                write!(out, "pg_dump {version} at {folder} can't dump a server of {wanted}")?;
            } else {
                write!(
                    out,
                    "what pg_dump {version} at {folder} dumps can't be restored into a server of \
                     {wanted}"
                )?;
            }
        }
        write!(
            out,
            "\n  help: pg_dump, pg_restore and psql of PostgreSQL {wanted} are wanted: install \
             postgresql-client-{wanted}, or name their folder in STAIRWAY_POSTGRES_BIN"
        )
    }
}

/// The newest client programs that are here: they read the archives of all older ones.
pub fn newest_programs() -> Option<Programs> {
    let cache = Account::of_servers().ok().and_then(|account| place::cache(&account).ok());
    let found = install::all_programs(&cache.unwrap_or_default());
    found.into_iter().max_by_key(|programs| programs.version.clone())
}

/// Finds the client programs for a server of this major version: a dump of an older one fails, and
/// what a newer one writes the server's own programs can't restore.
pub fn client_programs(major: u32) -> Result<Programs, NoPrograms> {
    let cache = Account::of_servers().ok().and_then(|account| place::cache(&account).ok());
    let mut found = install::all_programs(&cache.unwrap_or_default());
    match found.iter().position(|programs| programs.version.major == major) {
        Some(at) => Ok(found.swap_remove(at)),
        None => Err(NoPrograms { wanted: major, found }),
    }
}
