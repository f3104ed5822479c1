//! A deployment: which environment, where its folders are, which database, and who said so.
//!
//! Knows what wins over what: flags over the environment, the environment over
//! `.env.<environment>`, that over `stairway.toml`. Puts together and reads; writes nothing.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use super::{Config, ConfigError, Dotenv, Found, Origin, Variables, database};
use crate::env;
use crate::postgres::Target;
use crate::secret::Secret;

/// Which of a team's databases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Environment {
    /// The one that counts.
    #[default]
    Production,
    /// The one before it.
    Staging,
    /// Anybody's own.
    Development,
}

impl Environment {
    /// The file that holds its variables: `.env.production`.
    pub fn file(self) -> String {
        format!(".env.{self}")
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Production => "production",
            Self::Staging => "staging",
            Self::Development => "development",
        })
    }
}

impl FromStr for Environment {
    type Err = ConfigError;

    fn from_str(word: &str) -> Result<Self, ConfigError> {
        match word {
            "production" => Ok(Self::Production),
            "staging" => Ok(Self::Staging),
            "development" => Ok(Self::Development),
            other => Err(ConfigError::Environment(other.to_owned())),
        }
    }
}

/// What the command line says of a deployment. May hold a password, so it has no `Debug`.
#[derive(Clone, Default)]
#[allow(missing_debug_implementations)]
pub struct DeploymentFlags {
    /// `--env`: the environment; without it production.
    pub environment: Option<String>,
    /// `--deployment-dir`: the folder of the deployment.
    pub directory: Option<PathBuf>,
    /// `--backup-dir`: the folder of backups.
    pub backup_dir: Option<PathBuf>,
    /// `--database-url`: the database.
    pub database_url: Option<String>,
}

/// `[deployment]`: what a team writes down of it.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct DeploymentSettings {
    pub(super) directory: Option<PathBuf>,
    pub(super) backup_dir: Option<PathBuf>,
    pub(super) database_url: Option<String>,
    /// Tables that must be there and have rows after a run.
    #[serde(default)]
    pub(super) critical_tables: Vec<String>,
    /// The folder of query tests.
    pub(super) checks: Option<PathBuf>,
}

impl fmt::Debug for DeploymentSettings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "DeploymentSettings({:?}, {:?})", self.directory, self.backup_dir)
    }
}

/// A value that a deployment goes by, as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What it is, for example `backups` or `password`.
    pub name: &'static str,
    /// Its value; `***` for a password.
    pub value: String,
    /// Who said so.
    pub origin: Origin,
}

/// Everything that is known of a deployment before its database is asked.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Which one.
    pub environment: Environment,
    /// Its folder.
    pub directory: PathBuf,
    /// Where backups are: `backups/migrations` in its folder, if nothing else was said.
    pub backup_dir: PathBuf,
    /// Where logs and reports are: `logs` in its folder.
    pub logs: PathBuf,
    /// Where runs keep what they need to be settled: `.stairway` in its folder.
    pub state: PathBuf,
    /// Its database.
    pub target: Target,
    /// All of it with its sources, to be shown; without passwords.
    pub settings: Vec<Setting>,
    /// What people should know, for example that others may read a password; without values.
    pub warnings: Vec<String>,
    /// The environment, with `.env.<environment>` behind it.
    pub variables: Variables,
}

impl Deployment {
    /// Reads the environment of this process and `.env.<environment>` in the deployment's folder,
    /// and puts them together with what was named and what is written down.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names what can't be used and where it stands, or what to write where if
    /// nothing says which database is meant.
    pub fn find(flags: &DeploymentFlags, config: &Config) -> Result<Self, ConfigError> {
        let here = here()?;
        let variables = variables(flags, config, &here)?;
        Self::assemble(flags, config, variables, &here)
    }

    /// Its folder alone, for what needs no database.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names what can't be used and where it stands.
    pub fn folder(flags: &DeploymentFlags, config: &Config) -> Result<PathBuf, ConfigError> {
        let here = here()?;
        Ok(directory(flags, config, &variables(flags, config, &here)?, &here).0)
    }

    /// The folder of backups alone, for what needs no database.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names what can't be used and where it stands.
    pub fn backups(flags: &DeploymentFlags, config: &Config) -> Result<PathBuf, ConfigError> {
        let here = here()?;
        let variables = variables(flags, config, &here)?;
        let (directory, _) = directory(flags, config, &variables, &here);
        Ok(backup_dir(flags, config, &variables, (&here, &directory)).0)
    }

    /// Puts it together from what was read; relative paths are relative to `here`, and those of a
    /// `.env.<environment>` to its folder. Looks at nothing but `PGPASSFILE` or `~/.pgpass`.
    ///
    /// # Errors
    ///
    /// As [`Deployment::find`].
    pub fn assemble(
        flags: &DeploymentFlags,
        config: &Config,
        variables: Variables,
        here: &Path,
    ) -> Result<Self, ConfigError> {
        let environment = environment(flags)?;
        let (directory, of_directory) = directory(flags, config, &variables, here);
        let (backup_dir, of_backups) = backup_dir(flags, config, &variables, (here, &directory));
        let shown = |name, value: String, origin| Setting { name, value, origin };
        let of_environment = match flags.environment {
            Some(_) => Origin::Flag("--env"),
            None => Origin::Usual,
        };
        let mut settings = vec![
            shown("environment", environment.to_string(), of_environment),
            shown("directory", directory.display().to_string(), of_directory),
            shown("backups", backup_dir.display().to_string(), of_backups),
        ];
        let file = match variables.dotenv() {
            Some(dotenv) => dotenv.path().to_owned(),
            None => directory.join(environment.file()),
        };
        let mut warnings: Vec<String> =
            variables.dotenv().map(|dotenv| dotenv.warnings().to_vec()).unwrap_or_default();
        let asked = database::Asked { environment, file: &file, flags, config };
        let target = database::find(&asked, &variables, &mut settings, &mut warnings)?;
        let (logs, state) = (directory.join("logs"), directory.join(".stairway"));
        Ok(Self {
            environment,
            directory,
            backup_dir,
            logs,
            state,
            target,
            settings,
            warnings,
            variables,
        })
    }

    /// What must be in no log, report or alert: the database's password, the secret of the webhook
    /// and whatever the `.env.<environment>` calls secret. What channels hold is told by
    /// [`crate::alert::Channel::secrets`].
    pub fn secrets(&self) -> Vec<Secret> {
        let named = [env::POSTGRES_PASSWORD, env::PGPASSWORD, env::WEBHOOK_SECRET];
        let of_variables = named.into_iter().filter_map(|variable| self.variables.get(variable));
        let of_file = self.variables.dotenv().into_iter().flat_map(Dotenv::secrets);
        let texts = of_variables.chain(of_file.map(str::to_owned)).map(Secret::new);
        self.target.password().into_iter().chain(texts).collect()
    }
}

fn environment(flags: &DeploymentFlags) -> Result<Environment, ConfigError> {
    let named = flags.environment.as_deref().map(Environment::from_str).transpose()?;
    Ok(named.unwrap_or_default())
}

fn here() -> Result<PathBuf, ConfigError> {
    std::env::current_dir()
        .map_err(|source| ConfigError::DotenvRead { path: PathBuf::from("."), source })
}

/// The environment of this process and `.env.<environment>` in the deployment's folder.
fn variables(
    flags: &DeploymentFlags,
    config: &Config,
    here: &Path,
) -> Result<Variables, ConfigError> {
    let (directory, _) = directory(flags, config, &Variables::of_process(), here);
    let file = directory.join(environment(flags)?.file());
    Ok(Variables::new(env::process(), Dotenv::read(&file)?))
}

/// The folder of backups.
fn backup_dir(
    flags: &DeploymentFlags,
    config: &Config,
    variables: &Variables,
    (here, directory): (&Path, &Path),
) -> (PathBuf, Origin) {
    let places = Places {
        flag: ("--backup-dir", flags.backup_dir.as_deref()),
        variable: env::BACKUP_DIR,
        written: ("deployment.backup-dir", config.deployment.backup_dir.as_deref()),
    };
    let usual = || (directory.join("backups/migrations"), Origin::Usual);
    places.choose(variables, here).unwrap_or_else(usual)
}

/// The folder of the deployment.
fn directory(
    flags: &DeploymentFlags,
    config: &Config,
    variables: &Variables,
    here: &Path,
) -> (PathBuf, Origin) {
    let places = Places {
        flag: ("--deployment-dir", flags.directory.as_deref()),
        variable: env::DEPLOYMENT_DIR,
        written: ("deployment.directory", config.deployment.directory.as_deref()),
    };
    places.choose(variables, here).unwrap_or_else(|| (here.to_owned(), Origin::Usual))
}

/// Where a folder may be named.
struct Places<'a> {
    flag: (&'static str, Option<&'a Path>),
    variable: env::Variable,
    written: (&'static str, Option<&'a Path>),
}

impl Places<'_> {
    fn choose(&self, variables: &Variables, here: &Path) -> Option<(PathBuf, Origin)> {
        let (flag, named) = self.flag;
        if let Some(path) = named {
            return Some((here.join(path), Origin::Flag(flag)));
        }
        if let Some(Found { value, origin }) = variables.find(self.variable.name) {
            let from = match &origin {
                Origin::Dotenv { path, .. } => path.parent().unwrap_or(here),
                _ => here,
            };
            return Some((here.join(from).join(value), origin));
        }
        let (key, written) = self.written;
        written.map(|path| (here.join(path), Origin::Written(key)))
    }
}
