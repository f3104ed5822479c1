//! Which tool a folder belongs to, from the folder alone, with the reason.
//!
//! Two tools share `N_name.up.sql`: then what stands around the folder and in its files decides.

use std::path::Path;

use super::folder::{self, Way};
use super::{MigrationsError, Tool, alembic};
use crate::sql;

/// A layout and why it was chosen.
#[derive(Clone, Debug)]
pub struct Detection {
    /// Whose layout it is.
    pub tool: Tool,
    /// The evidence, for people.
    pub because: String,
}

impl Detection {
    fn new(tool: Tool, because: impl Into<String>) -> Self {
        Self { tool, because: because.into() }
    }
}

/// Looks at the names in `folder`, and where those fit two tools, at its files and its parents.
pub fn detect(folder: &Path) -> Result<Detection, MigrationsError> {
    let names = folder::names(folder)?;
    if let Some(because) = alembic::detect(folder) {
        return Ok(Detection::new(Tool::Alembic, because));
    }
    if folder.join("up").is_dir() {
        return Ok(Detection::new(Tool::Plain, "it has a folder up/"));
    }
    let files: Vec<_> = names.iter().filter_map(|name| folder::versioned(name)).collect();
    let pairs: Vec<&String> =
        names.iter().filter(|name| folder.join(name).join("up.sql").is_file()).collect();
    if let (Some(pair), false) = (pairs.first(), files.is_empty()) {
        let file = names.iter().find(|name| folder::versioned(name).is_some());
        return Err(MigrationsError::Mixed {
            folder: folder.to_owned(),
            one: file.cloned().unwrap_or_default(),
            other: format!("{pair}/up.sql"),
        });
    }
    if files.iter().any(|file| file.way == Way::Up) {
        return sqlx_or_golang_migrate(folder, &names);
    }
    if files.iter().any(|file| file.way == Way::Simple) {
        return Ok(Detection::new(Tool::Sqlx, "its files are called N_name.sql"));
    }
    if pairs.is_empty() {
        return Err(MigrationsError::Empty {
            folder: folder.to_owned(),
            looked_for: Tool::ALL.map(Tool::layout).join("\n              "),
        });
    }
    if pairs.iter().any(|name| is_diesel(name)) || beside(folder, &["diesel.toml"]).is_some() {
        return Ok(Detection::new(Tool::Diesel, "its folders are called as diesel calls them"));
    }
    Ok(Detection::new(Tool::Plain, "its folders hold up.sql"))
}

fn is_diesel(name: &str) -> bool {
    let Some((version, _)) = name.split_once('_') else { return false };
    let digits = version.bytes().filter(u8::is_ascii_digit).count();
    digits == 14 && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

fn sqlx_or_golang_migrate(folder: &Path, names: &[String]) -> Result<Detection, MigrationsError> {
    if let Some(evidence) = from_texts(folder, names)? {
        return Ok(evidence);
    }
    let go = beside(folder, &["go.mod"]);
    let rust = beside(folder, &["sqlx.toml", ".sqlx"]);
    match (go, rust) {
        (Some((go, file)), rust) if rust.as_ref().is_none_or(|(rust, _)| go < *rust) => {
            return Ok(Detection::new(Tool::GolangMigrate, format!("{file} stands above it")));
        }
        (_, Some((_, file))) => {
            return Ok(Detection::new(Tool::Sqlx, format!("{file} stands above it")));
        }
        _ => {}
    }
    let every = |length: usize| {
        let mut files = names.iter().filter_map(|name| folder::versioned(name));
        files.all(|file| file.digits.len() == length)
    };
    if every(6) {
        return Ok(Detection::new(Tool::GolangMigrate, "its versions have six digits"));
    }
    if let Some((_, file)) = beside(folder, &["Cargo.toml"]) {
        return Ok(Detection::new(Tool::Sqlx, format!("{file} stands above it")));
    }
    Ok(if every(14) {
        Detection::new(Tool::Sqlx, "its versions are time stamps (golang-migrate: say --tool)")
    } else {
        Detection::new(Tool::GolangMigrate, "its versions are counted (sqlx: say --tool)")
    })
}

/// sqlx's marker, or a statement that only golang-migrate would send outside of a transaction.
fn from_texts(folder: &Path, names: &[String]) -> Result<Option<Detection>, MigrationsError> {
    let mut alone = None;
    for name in names {
        let Some(file) = folder::versioned(name) else { continue };
        if file.way == Way::Simple {
            continue;
        }
        let text = folder::text(&folder.join(name))?;
        if text.starts_with("-- no-transaction") {
            let because = format!("{name} begins with -- no-transaction");
            return Ok(Some(Detection::new(Tool::Sqlx, because)));
        }
        if alone.is_none() && is_one_statement_outside(&text) {
            alone = Some(name);
        }
    }
    Ok(alone.map(|name| {
        let because = format!("{name} can't run in a transaction and carries no sqlx marker");
        Detection::new(Tool::GolangMigrate, because)
    }))
}

fn is_one_statement_outside(text: &str) -> bool {
    let Ok(statements) = sql::split(text) else { return false };
    match statements.as_slice() {
        [one] => text
            .get(one.bytes.clone())
            .is_some_and(|statement| sql::refuses_transaction(statement).is_some()),
        _ => false,
    }
}

/// How many folders above the nearest one that holds any of `files` is, and which file.
fn beside(folder: &Path, files: &[&str]) -> Option<(usize, String)> {
    let start = std::path::absolute(folder).ok()?;
    for (height, above) in start.ancestors().enumerate() {
        let found = files.iter().find(|file| above.join(file).exists());
        if let Some(file) = found {
            return Some((height, (*file).to_owned()));
        }
        // A repository's root ends the search: what stands above it is not about this folder.
        if above.join(".git").exists() {
            return None;
        }
    }
    None
}
