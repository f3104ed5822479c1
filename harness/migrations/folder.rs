//! Reading folders: file names in order, texts, and the `N_name.up.sql` pairs that two tools share.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::MigrationsError;
use super::history::{Lineage, Migration, Script, Wrap};
use super::records::Records;

/// The names in `folder`, sorted by bytes; `None` for a folder that is not there is an error.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, MigrationsError> {
    let read = |source| MigrationsError::Read { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read)? {
        names.push(entry.map_err(read)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// The files in `folder` and in all folders within it, as paths relative to it, sorted by name.
pub(super) fn nested(folder: &Path) -> Result<Vec<PathBuf>, MigrationsError> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(inside) = open.pop() {
        for name in names(&folder.join(&inside))? {
            let relative = inside.join(name);
            let path = folder.join(&relative);
            // A link to a folder might lead in a circle.
            if path.is_dir() && !path.is_symlink() {
                open.push(relative);
            } else if path.is_file() {
                found.push(relative);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The text of a script.
pub(super) fn text(path: &Path) -> Result<Arc<str>, MigrationsError> {
    let bytes = std::fs::read(path)
        .map_err(|source| MigrationsError::Read { path: path.to_owned(), source })?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.into()),
        Err(error) => Err(MigrationsError::NotText {
            path: path.to_owned(),
            at: error.utf8_error().valid_up_to(),
        }),
    }
}

/// A script at `path`, sent as `wrap` of its text says.
pub(super) fn script(
    path: PathBuf,
    wrap: impl FnOnce(&str) -> Wrap,
) -> Result<Script, MigrationsError> {
    let text = text(&path)?;
    let wrap = wrap(&text);
    Ok(Script::of_sql(path, text, wrap))
}

/// A file name cut at its first underscore, and which way its ending points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Versioned<'a> {
    pub(super) digits: &'a str,
    pub(super) name: &'a str,
    pub(super) way: Way,
}

/// What the ending of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// `.up.sql`
    Up,
    /// `.down.sql`
    Down,
    /// `.sql` alone
    Simple,
}

/// Reads `<digits>_<name>[.up|.down].sql`; `None` for any other name.
pub(super) fn versioned(file: &str) -> Option<Versioned<'_>> {
    let (digits, rest) = file.split_once('_')?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let rest = rest.strip_suffix(".sql")?;
    let (name, way) = if let Some(name) = rest.strip_suffix(".up") {
        (name, Way::Up)
    } else if let Some(name) = rest.strip_suffix(".down") {
        (name, Way::Down)
    } else {
        (rest, Way::Simple)
    };
    Some(Versioned { digits, name, way })
}

/// What a folder holds.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) migrations: Vec<Migration>,
    /// The version table, where it is not the usual one.
    pub(super) records: Option<Records>,
    /// Downgrades without an upgrade: no tool ever runs them.
    pub(super) lone: Vec<PathBuf>,
}

/// All migrations of a folder of versioned files, by number. Two upgrades with one version stay
/// two migrations; a downgrade goes to the upgrade with its version and, among several, its name.
pub(super) fn load_versioned(
    folder: &Path,
    simple: bool,
    wrap: impl Fn(&str) -> Wrap,
) -> Result<Loaded, MigrationsError> {
    let mut upgrades: BTreeMap<(u64, String), Migration> = BTreeMap::new();
    let mut downgrades = Vec::new();
    for file in names(folder)? {
        let Some(part) = versioned(&file) else { continue };
        let path = folder.join(&file);
        let version: u64 = part.digits.parse().map_err(|_| MigrationsError::Name {
            path: path.clone(),
            problem: "the version does not fit into 64 bits".to_owned(),
        })?;
        match part.way {
            Way::Down => downgrades.push((version, part.name.to_owned(), script(path, &wrap)?)),
            Way::Simple if !simple => {}
            Way::Up | Way::Simple => {
                let migration = Migration {
                    revision: part.digits.to_owned(),
                    version: version.to_string(),
                    name: part.name.replace('_', " "),
                    upgrade: script(path, &wrap)?,
                    downgrade: None,
                    claims: Vec::new(),
                    lineage: Lineage::default(),
                };
                upgrades.insert((version, file), migration);
            }
        }
    }
    let mut lone = Vec::new();
    for (version, name, script) in downgrades {
        let path = script.path.clone();
        if !attach(&mut upgrades, version, &name, script) {
            lone.push(path);
        }
    }
    Ok(Loaded { migrations: upgrades.into_values().collect(), records: None, lone })
}

/// Gives `script` to the upgrade with its version; false if there is none.
fn attach(
    upgrades: &mut BTreeMap<(u64, String), Migration>,
    version: u64,
    name: &str,
    script: Script,
) -> bool {
    let mut same: Vec<&mut Migration> = upgrades
        .iter_mut()
        .filter(|((number, _), _)| *number == version)
        .map(|(_, migration)| migration)
        .collect();
    let named = same.iter().position(|migration| migration.name == name.replace('_', " "));
    match same.get_mut(named.unwrap_or(0)) {
        Some(migration) => {
            migration.downgrade = Some(script);
            true
        }
        None => false,
    }
}
