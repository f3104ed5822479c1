//! `.env.<environment>`: variables of one environment, beside what is deployed.
//!
//! Knows the file's form through dotenvy and which line a variable stands in. Never changes the
//! environment of the process, and never shows a value.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{ConfigError, Found, Origin};

/// The variables of a file. Its `Debug` shows names only.
#[derive(Clone)]
pub struct Dotenv {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
    warnings: Vec<String>,
}

#[derive(Clone)]
struct Entry {
    value: String,
    line: usize,
}

impl Dotenv {
    /// Reads the file; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`ConfigError::DotenvRead`] if it can't be read, [`ConfigError::Dotenv`] if a line is no
    /// variable.
    pub fn read(path: &Path) -> Result<Option<Self>, ConfigError> {
        let refused = |source| ConfigError::DotenvRead { path: path.to_owned(), source };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refused(error)),
        };
        let mode = std::fs::metadata(path).map_err(refused)?.permissions().mode();
        let mut dotenv = Self::parse(path, &text)?;
        if mode & 0o077 != 0 && dotenv.entries.iter().any(|(key, entry)| entry.is_secret(key)) {
            let path = path.display();
            dotenv.warnings.push(format!(
                "{path} holds a password and others may read it (mode {:03o}): chmod 600 {path}",
                mode & 0o777
            ));
        }
        Ok(Some(dotenv))
    }

    /// Reads the text of a file. Where a variable is written twice, the last one counts, as it does
    /// for a shell.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let text = text.trim_start_matches('\u{feff}');
        let mut entries = BTreeMap::new();
        let mut warnings = Vec::new();
        let mut from = 0;
        for pair in dotenvy::from_read_iter(text.as_bytes()) {
            // The error quotes the line, in which a password may stand: it is not kept as source.
            let (key, value) = pair.map_err(|error| wrong(path, text, from, &error))?;
            let (line, written) = place(text, &key, from).unwrap_or((from + 1, ""));
            from = line;
            let place = format!("{key} in {}:{line}", path.display());
            let is_verbatim = written.trim_start().starts_with('\'');
            if written.contains('$') && !value.contains('$') && !is_verbatim {
                warnings.push(format!(
                    "{place}: `$` and the word behind it were read as a variable; single quotes \
                     keep them as they are"
                ));
            }
            if let Some(Entry { line: first, .. }) = entries.insert(key, Entry { value, line }) {
                warnings
                    .push(format!("{place} stands in line {first} as well: the last one counts"));
            }
        }
        Ok(Self { path: path.to_owned(), entries, warnings })
    }

    /// Where it was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What people should know of the file; without values.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// A variable that is not empty.
    pub(super) fn find(&self, name: &str) -> Option<Found> {
        let entry = self.entries.get(name).filter(|entry| !entry.value.is_empty())?;
        let (path, line, key) = (self.path.clone(), entry.line, name.to_owned());
        Some(Found { value: entry.value.clone(), origin: Origin::Dotenv { path, line, key } })
    }

    /// The values of all variables whose names say that they are secret.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        let secret = self.entries.iter().filter(|(key, entry)| entry.is_secret(key));
        secret.map(|(_, entry)| entry.value.as_str())
    }
}

impl Entry {
    fn is_secret(&self, key: &str) -> bool {
        let words = ["PASSWORD", "PASSPHRASE", "SECRET", "TOKEN", "_KEY"];
        let is_named = words.iter().any(|word| key.to_ascii_uppercase().contains(word));
        // `scheme://user:password@`
        let user = self.value.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
        is_named || user.is_some_and(|(user, _)| user.contains(':'))
    }
}

impl fmt::Debug for Dotenv {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Dotenv({}: {:?})", self.path.display(), self.entries.keys())
    }
}

/// The line, counted from 1, behind line `from` in which a variable is set, and what stands there
/// for its value.
fn place<'t>(text: &'t str, key: &str, from: usize) -> Option<(usize, &'t str)> {
    text.lines().enumerate().skip(from).find_map(|(at, line)| {
        let (name, value) = line.split_once('=')?;
        let name = name.trim();
        let name = name.strip_prefix("export ").map_or(name, str::trim);
        (name == key).then_some((at + 1, value))
    })
}

/// Where dotenvy stumbled behind line `from`, without what stands there.
fn wrong(path: &Path, text: &str, from: usize, error: &dotenvy::Error) -> ConfigError {
    let dotenvy::Error::LineParse(content, _) = error else {
        let source = std::io::Error::other("the text can't be read");
        return ConfigError::DotenvRead { path: path.to_owned(), source };
    };
    // It is told of a whole line or of a value alone.
    let content = content.lines().next().unwrap_or_default().trim();
    let is_it = |line: &str| !line.trim_start().starts_with('#') && line.contains(content);
    let place = text.lines().enumerate().skip(from).find(|(_, line)| is_it(line));
    let (at, line) = place.unwrap_or((from, ""));
    let (name, _) = line.split_once('=').unwrap_or_default();
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name = name.split_whitespace().last().filter(|name| name.chars().all(is_part));
    ConfigError::Dotenv {
        path: path.to_owned(),
        line: at + 1,
        what: match name {
            Some(name) => format!("{name} can't be read"),
            None => "it sets nothing".to_owned(),
        },
    }
}
