//! Which database a deployment is about: a URL, or libpq's variables, or both.
//!
//! Knows which variable fills which part. Must not know how a connection is made.

use std::path::Path;

use super::{Config, ConfigError, DeploymentFlags, Environment, Found, Origin, Setting, Variables};
use crate::env;
use crate::postgres::{Address, Part, Target};

/// What was asked for.
pub(super) struct Asked<'a> {
    pub(super) environment: Environment,
    /// Where variables of this environment stand, or could.
    pub(super) file: &'a Path,
    pub(super) flags: &'a DeploymentFlags,
    pub(super) config: &'a Config,
}

/// The variables that fill a part of a connection which the URL lacks.
const PARTS: &[(Part, &[&str])] = &[
    (Part::Host, &[env::PGHOSTADDR.name, env::PGHOST.name]),
    (Part::Port, &[env::PGPORT.name]),
    (Part::User, &[env::PGUSER.name]),
    (Part::Password, &[env::PGPASSWORD.name, env::POSTGRES_PASSWORD.name]),
    (Part::Database, &[env::PGDATABASE.name]),
    (Part::SslMode, &[env::PGSSLMODE.name]),
    (Part::SslRootCert, &[env::PGSSLROOTCERT.name]),
    (Part::SslCert, &[env::PGSSLCERT.name]),
    (Part::SslKey, &[env::PGSSLKEY.name]),
    (Part::Options, &[env::PGOPTIONS.name]),
];

/// Those of them that say which database is meant.
const NAMING: [&str; 3] = [env::PGHOST.name, env::PGHOSTADDR.name, env::PGDATABASE.name];

/// The database; its parts are added to `settings`, what is doubtful to `warnings`.
pub(super) fn find(
    asked: &Asked<'_>,
    variables: &Variables,
    settings: &mut Vec<Setting>,
    warnings: &mut Vec<String>,
) -> Result<Target, ConfigError> {
    let url = url(asked, variables)?;
    let failed = |origin: &Origin| {
        let origin = origin.to_string();
        move |source| ConfigError::Database { origin, source }
    };
    let (mut address, origin) = match url {
        Some(Found { value, origin }) => (Address::parse(&value).map_err(failed(&origin))?, origin),
        None => (Address::open().map_err(failed(&Origin::Usual))?, Origin::Usual),
    };
    if !address.lacks(Part::Password) {
        let (name, value) = (Part::Password.word(), "***".to_owned());
        settings.push(Setting { name, value, origin: origin.clone() });
        if matches!(origin, Origin::Written(_)) {
            warnings.push(format!("{origin} has a password in it, and is likely to be committed"));
        }
    }
    let mut filled = None;
    for (part, names) in PARTS {
        let Some(Found { value, origin }) = variables.find_first(names) else { continue };
        // Those of the process's environment are taken up, and added to, by the client itself.
        let is_known = *part == Part::Options && matches!(origin, Origin::Process(_));
        if is_known || !address.lacks(*part) {
            continue;
        }
        address.add(*part, &value);
        if *part == Part::Port && value.parse::<u16>().is_err() {
            return address.target().map_err(failed(&origin));
        }
        filled.get_or_insert_with(|| origin.clone());
        let value = if *part == Part::Password { "***".to_owned() } else { value };
        settings.push(Setting { name: part.word(), value, origin });
    }
    let origin = match origin {
        Origin::Usual => filled.unwrap_or(Origin::Usual),
        named => named,
    };
    let target = address.target().map_err(failed(&origin))?;
    conflict(asked, variables, &origin, &target)?;
    let other = variables.dotenv().and_then(|dotenv| dotenv.find(env::DATABASE_URL.name));
    if let Some(other) = other.filter(|other| other.origin != origin) {
        warnings.push(format!("{origin} is taken and not {}", other.origin));
    }
    settings.push(Setting { name: "database", value: target.to_string(), origin });
    if let Some(Found { origin: origin @ Origin::Dotenv { .. }, .. }) =
        variables.find(env::PGPASSFILE.name)
    {
        warnings.push(format!("{origin} is not read: it counts in the process's environment only"));
    }
    Ok(target)
}

/// Fails where an environment was asked for by name, its file names a database, and a variable that
/// happens to be exported names another one.
fn conflict(
    asked: &Asked<'_>,
    variables: &Variables,
    origin: &Origin,
    target: &Target,
) -> Result<(), ConfigError> {
    let named = matches!(origin, Origin::Process(name) if name == env::DATABASE_URL.name);
    let Some(dotenv) = variables.dotenv().filter(|_| named) else { return Ok(()) };
    if asked.flags.environment.is_none() {
        return Ok(());
    }
    let theirs = match dotenv.find(env::DATABASE_URL.name) {
        Some(found) => Address::parse(&found.value),
        None if NAMING.iter().any(|name| dotenv.find(name).is_some()) => Address::open(),
        None => return Ok(()),
    };
    let theirs = theirs.and_then(|mut address| {
        for (part, names) in PARTS {
            let found = names.iter().find_map(|name| dotenv.find(name));
            if let Some(found) = found.filter(|_| address.lacks(*part)) {
                address.add(*part, &found.value);
            }
        }
        address.target()
    });
    let theirs = match theirs {
        Ok(theirs) if theirs.to_string() == target.to_string() => return Ok(()),
        Ok(theirs) => theirs.to_string(),
        Err(_) => "what can't be read".to_owned(),
    };
    Err(ConfigError::Conflict {
        environment: asked.environment.to_string(),
        path: dotenv.path().to_owned(),
        theirs,
        ours: target.to_string(),
    })
}

/// The URL, if one was given; `None` where libpq's variables name a database.
fn url(asked: &Asked<'_>, variables: &Variables) -> Result<Option<Found>, ConfigError> {
    let flag = asked
        .flags
        .database_url
        .clone()
        .map(|value| Found { value, origin: Origin::Flag("--database-url") });
    if let Some(found) = flag.or_else(|| variables.find(env::DATABASE_URL.name)) {
        return Ok(Some(found));
    }
    let path = asked.file.to_owned();
    // What is in the environment by chance may be another one's database.
    if variables.dotenv().is_none() && asked.flags.environment.is_some() {
        let environment = asked.environment.to_string();
        return Err(ConfigError::NoDotenv { path, environment });
    }
    if variables.find_first(&NAMING).is_some() {
        return Ok(None);
    }
    let written = asked.config.deployment.database_url.clone();
    match written {
        Some(value) => {
            Ok(Some(Found { value, origin: Origin::Written("deployment.database-url") }))
        }
        None => Err(ConfigError::NoDatabase { path }),
    }
}
