//! The command line put together with the environment and `stairway.toml`.

use std::path::{Path, PathBuf};

use crate::config::{Config, RowSettings};
use crate::env;
use crate::migrations::{History, Tool};
use crate::postgres::{Session, Target};
use crate::runs::{BASELINE_FILE, KeptRows, RowOptions};
use crate::server::ServerSpec;

use super::args::{DatabaseArgs, FolderArgs, RowArgs, ServerArgs, VerifyArgs};
use super::{Exit, Failure};

/// The folder of migrations.
pub(super) fn folder(args: &FolderArgs, config: &Config) -> PathBuf {
    config.folder(args.migrations.as_deref())
}

/// The layout that was asked for.
pub(super) fn tool(args: &FolderArgs, config: &Config) -> Result<Option<Tool>, Failure> {
    config.tool(args.tool.as_deref()).map_err(Failure::usage)
}

/// The history of that folder.
pub(super) fn history(args: &FolderArgs, config: &Config) -> Result<History, Failure> {
    let folder = folder(args, config);
    let alembic = config.alembic(&args.x);
    let history = History::load_with(&folder, tool(args, config)?, &alembic);
    history.map_err(|error| lost(&folder, Failure::usage(error)))
}

/// Tells whoever has no such folder how to find it.
pub(super) fn lost(folder: &Path, failure: Failure) -> Failure {
    if folder.exists() {
        failure
    } else {
        failure
            .help("`stairway init` looks for the folder of migrations, --migrations DIR names it")
    }
}

/// Which server.
pub(super) fn server(args: &ServerArgs, config: &Config) -> Result<ServerSpec, Failure> {
    config.server(args.server.as_deref(), args.postgres).map_err(Failure::usage)
}

/// Which rows.
pub(super) fn rows(args: &RowArgs, config: &Config) -> Result<Option<RowOptions>, Failure> {
    let named = RowSettings {
        enabled: args.no_rows.then_some(false),
        cases: args.cases,
        per_table: args.rows_per_table,
        seed: args.seed,
        budget: args.rows_budget.map(u64::from),
        keep: args.keep_rows.clone(),
    };
    RowOptions::written(config, named).map_err(Failure::usage)
}

/// Where rows are kept: in a folder that is named, or the usual one where it stands. A tool writes
/// into no repository unasked.
pub(super) fn kept_rows(args: &RowArgs, config: &Config, migrations: &Path) -> Option<KeptRows> {
    let named = args.keep_rows.as_deref().or(config.kept_rows()).map(KeptRows::new);
    let kept = named.or_else(|| KeptRows::usual(migrations));
    kept.filter(|_| !args.no_kept_rows)
}

/// The file of the baseline, whether it is there or not.
pub(super) fn baseline(named: Option<&Path>, config: &Config) -> PathBuf {
    let named = named.or(config.baseline());
    named.unwrap_or_else(|| Path::new(BASELINE_FILE)).to_owned()
}

/// The baseline that a verification takes: one that is named, or the usual one where it stands.
pub(super) fn baseline_of(args: &VerifyArgs, config: &Config) -> Option<PathBuf> {
    let path = baseline(args.baseline.as_deref(), config);
    let is_named = args.baseline.is_some() || config.baseline().is_some();
    (!args.no_baseline && (is_named || path.exists())).then_some(path)
}

/// The file of the baseline that is written down, or the usual one where it stands.
pub(super) fn usual_baseline(config: &Config) -> Option<PathBuf> {
    let path = baseline(None, config);
    (config.baseline().is_some() || path.exists()).then_some(path)
}

/// The database that is to be worked with.
pub(super) fn target(args: &DatabaseArgs) -> Result<Target, Failure> {
    let Some(url) = args.database_url.clone().or_else(|| env::DATABASE_URL.get()) else {
        return Err(Failure::usage(
            "no database was named\n  help: give --database-url URL or set DATABASE_URL",
        ));
    };
    Target::parse(&url).map_err(Failure::usage)
}

/// A session with the database that is to be looked at.
pub(super) async fn database(args: &DatabaseArgs, purpose: &str) -> Result<Session, Failure> {
    session_at(&target(args)?, purpose).await
}

/// A session with the database at `url`.
pub(super) async fn session(url: &str, purpose: &str) -> Result<Session, Failure> {
    session_at(&Target::parse(url).map_err(Failure::usage)?, purpose).await
}

/// A session with this database.
pub(super) async fn session_at(target: &Target, purpose: &str) -> Result<Session, Failure> {
    Session::connect(target, purpose).await.map_err(|error| {
        Failure::new(Exit::Usage, error)
            .help("check the URL, the password, and that the server listens and lets you in")
    })
}
