//! The command line, the environment and `stairway.toml` put together, in this order.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::env;
use crate::migrations::{History, Tool};
use crate::postgres::{Session, Target};
use crate::runs::BASELINE_FILE;
use crate::server::{Choice, ServerSpec};

use super::args::{DatabaseArgs, FolderArgs, ServerArgs, VerifyArgs};
use super::config::Config;
use super::{Exit, Failure};

/// The folder of migrations.
pub(super) fn folder(args: &FolderArgs, config: &Config) -> PathBuf {
    args.migrations
        .clone()
        .or_else(|| env::MIGRATIONS.get().map(PathBuf::from))
        .or_else(|| config.migrations.clone())
        .unwrap_or_else(|| PathBuf::from("migrations"))
}

/// The layout that was asked for.
pub(super) fn tool(args: &FolderArgs, config: &Config) -> Result<Option<Tool>, Failure> {
    let word = args.tool.as_ref().or(config.tool.as_ref());
    word.map(|word| Tool::from_str(word)).transpose().map_err(Failure::usage)
}

/// The history of that folder.
pub(super) fn history(args: &FolderArgs, config: &Config) -> Result<History, Failure> {
    History::load(&folder(args, config), tool(args, config)?).map_err(Failure::usage)
}

/// Which server.
pub(super) fn server(args: &ServerArgs, config: &Config) -> Result<ServerSpec, Failure> {
    let mut spec = ServerSpec::from_env().map_err(Failure::usage)?;
    let named = args.server.clone().or_else(|| {
        let from_config = config.server.clone();
        from_config.filter(|_| env::SERVER.get().is_none())
    });
    if let Some(word) = named {
        spec.choice = Choice::from_str(&word).map_err(Failure::usage)?;
    }
    spec.major = args.postgres.or(spec.major).or(config.postgres);
    spec.create = spec.create.or_else(|| config.command.create.clone());
    spec.destroy = spec.destroy.or_else(|| config.command.destroy.clone());
    Ok(spec)
}

/// The file of the baseline, whether it is there or not.
pub(super) fn baseline(named: Option<&Path>, config: &Config) -> PathBuf {
    let named = named.or(config.baseline.as_deref());
    named.unwrap_or_else(|| Path::new(BASELINE_FILE)).to_owned()
}

/// The baseline that a verification takes: one that is named, or the usual one where it stands.
pub(super) fn baseline_of(args: &VerifyArgs, config: &Config) -> Option<PathBuf> {
    let path = baseline(args.baseline.as_deref(), config);
    let is_named = args.baseline.is_some() || config.baseline.is_some();
    (!args.no_baseline && (is_named || path.exists())).then_some(path)
}

/// A session with the database that is to be looked at.
pub(super) async fn database(args: &DatabaseArgs, purpose: &str) -> Result<Session, Failure> {
    let Some(url) = args.database_url.clone().or_else(|| env::DATABASE_URL.get()) else {
        return Err(Failure::usage(
            "no database was named\n  help: give --database-url URL or set DATABASE_URL",
        ));
    };
    session(&url, purpose).await
}

/// A session with the database at `url`.
pub(super) async fn session(url: &str, purpose: &str) -> Result<Session, Failure> {
    let target = Target::parse(url).map_err(Failure::usage)?;
    Session::connect(&target, purpose).await.map_err(|error| Failure::new(Exit::Usage, error))
}
