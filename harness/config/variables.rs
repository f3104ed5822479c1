//! Where a value comes from: the command line, the environment, `.env.<environment>`, the file.
//!
//! Knows that the environment of the process wins over `.env.<environment>`. Holds secrets, so it
//! shows names only.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::Dotenv;
use crate::env::{self, Variable};

/// Where a value was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line, for example `--database-url`.
    Flag(&'static str),
    /// A variable of the process's environment.
    Process(String),
    /// A line of `.env.<environment>`.
    Dotenv {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The variable.
        key: String,
    },
    /// A key of `stairway.toml`.
    Written(&'static str),
    /// Nowhere: it is what is usual.
    Usual,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => out.write_str(flag),
            Self::Process(name) => write!(out, "{name} in the environment"),
            Self::Dotenv { path, line, key } => write!(out, "{key} in {}:{line}", path.display()),
            Self::Written(key) => write!(out, "{key} in {}", super::FILE),
            Self::Usual => out.write_str("the default"),
        }
    }
}

/// A value and where it was found. The value may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// What it is; never empty.
    pub value: String,
    /// Where it stands.
    pub origin: Origin,
}

impl fmt::Debug for Found {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Found({})", self.origin)
    }
}

/// The environment of the process and, behind it, a `.env.<environment>`. Nothing in it is changed
/// when the environment changes later.
#[derive(Clone, Default)]
pub struct Variables {
    process: BTreeMap<String, String>,
    dotenv: Option<Dotenv>,
}

impl Variables {
    /// Of these: `process` wins.
    pub fn new(process: BTreeMap<String, String>, dotenv: Option<Dotenv>) -> Self {
        Self { process, dotenv }
    }

    /// Of the process alone, as its environment is now.
    pub fn of_process() -> Self {
        Self::new(env::process(), None)
    }

    /// What a variable is and where; `None` also if it is empty.
    pub fn find(&self, name: &str) -> Option<Found> {
        self.find_first(&[name])
    }

    /// The first of several names in the environment, else the first in the file.
    pub fn find_first(&self, names: &[&str]) -> Option<Found> {
        let process = names.iter().find_map(|name| {
            let value = self.process.get(*name).filter(|value| !value.is_empty())?;
            Some(Found { value: value.clone(), origin: Origin::Process((*name).to_owned()) })
        });
        process.or_else(|| names.iter().find_map(|name| self.dotenv.as_ref()?.find(name)))
    }

    /// What a variable is.
    pub fn get(&self, variable: Variable) -> Option<String> {
        self.find(variable.name).map(|found| found.value)
    }

    /// The file, if there is one.
    pub fn dotenv(&self) -> Option<&Dotenv> {
        self.dotenv.as_ref()
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Variables({} of the process, {:?})", self.process.len(), self.dotenv)
    }
}
