//! Which tool a folder belongs to, from the folder alone, with the reason.
//!
//! Several tools share `N_name.up.sql`, and several `N_name.sql`: then what stands around the folder and in
//! its files decides.

use std::path::{Path, PathBuf};

use super::folder::{self, Way};
use super::{MigrationsError, Tool, alembic, annotations, dbmate, flyway, goose, refinery};
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
    let is_lettered =
        |name: &&String| flyway::named(name).is_some() || refinery::named(name).is_some();
    if let Some(lettered) = names.iter().find(is_lettered) {
        let counted = names.iter().find(|name| folder::versioned(name).is_some());
        return match counted {
            Some(counted) => Err(MigrationsError::Mixed {
                folder: folder.to_owned(),
                one: counted.clone(),
                other: lettered.clone(),
            }),
            None => refinery_or_flyway(folder, lettered),
        };
    }
    if let Some(marked) = from_markers(folder, &names)? {
        return Ok(marked);
    }
    if files.iter().any(|file| file.way == Way::Up) {
        return sqlx_or_golang_migrate(folder, &names);
    }
    if files.iter().any(|file| file.way == Way::Simple) {
        return Ok(Detection::new(Tool::Sqlx, "its files are called N_name.sql"));
    }
    let is_go = |name: &&String| goose::named(name).is_some_and(|(_, _, end)| end == "go");
    if let (Some(name), true) = (names.iter().find(is_go), pairs.is_empty()) {
        return Ok(Detection::new(
            Tool::Goose,
            format!("{name} is named like a migration of goose"),
        ));
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

/// Lines that only one tool means something by, in files called `N_name.sql`.
fn from_markers(folder: &Path, names: &[String]) -> Result<Option<Detection>, MigrationsError> {
    let is_one_of_two = |name: &str| name.ends_with(".up.sql") || name.ends_with(".down.sql");
    let mut found: [Option<&String>; 2] = [None, None];
    for name in names {
        let path = folder.join(name);
        if dbmate::named(name).is_none() || is_one_of_two(name) || !path.is_file() {
            continue;
        }
        let text = folder::text(&path)?;
        for (file, is_marked) in
            found.iter_mut().zip([dbmate::is_marked(&text), annotations::is_marked(&text)])
        {
            *file = file.or(is_marked.then_some(name));
        }
    }
    let detected = |tool, name: &String| {
        Ok(Some(Detection::new(tool, format!("{name} holds markers of {tool}"))))
    };
    match found {
        [Some(one), Some(other)] => Err(MigrationsError::Mixed {
            folder: folder.to_owned(),
            one: format!("{one} of dbmate"),
            other: format!("{other} of goose"),
        }),
        [Some(name), None] => detected(Tool::Dbmate, name),
        [None, Some(name)] => detected(Tool::Goose, name),
        [None, None] => Ok(None),
    }
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

/// `V1__name.sql` is a name of both.
fn refinery_or_flyway(folder: &Path, first: &str) -> Result<Detection, MigrationsError> {
    let files: Vec<String> = folder::nested(folder)?
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect();
    let because = |name: &String| format!("{name} is named as only it names files");
    if let Some(name) = files.iter().find(|name| flyway::is_only(name, &files)) {
        return Ok(Detection::new(Tool::Flyway, because(name)));
    }
    let is_refinery = |name: &&String| {
        refinery::named(name).is_some_and(|named| named.prefix == 'U' || named.end == "rs")
    };
    if let Some(name) = files.iter().find(is_refinery) {
        return Ok(Detection::new(refinery_of(folder, &files)?, because(name)));
    }
    let java =
        ["flyway.conf", "flyway.toml", "pom.xml", "build.gradle", "build.gradle.kts"].as_slice();
    let of_flyway = beside(folder, java);
    let of_refinery = beside(folder, &["refinery.toml", "Cargo.toml"]);
    let nearer = |one: &Option<(usize, String)>, other: &Option<(usize, String)>| {
        one.as_ref().filter(|(at, _)| other.as_ref().is_none_or(|(other, _)| at < other)).cloned()
    };
    if let Some((_, file)) = nearer(&of_flyway, &of_refinery) {
        return Ok(Detection::new(Tool::Flyway, format!("{file} stands above it")));
    }
    if let Some((_, file)) = nearer(&of_refinery, &of_flyway) {
        let tool = refinery_of(folder, &files)?;
        return Ok(Detection::new(tool, format!("{file} stands above it")));
    }
    Err(MigrationsError::Unclear {
        folder: folder.to_owned(),
        file: first.to_owned(),
        tools: "refinery or Flyway",
    })
}

/// How wide its versions are is told by those that are too wide, or by how it is built.
fn refinery_of(folder: &Path, files: &[String]) -> Result<Tool, MigrationsError> {
    let mut versions = files.iter().filter_map(|name| refinery::named(name));
    let is_wide = versions.any(|named| named.version.parse::<i32>().is_err());
    let is_built_so = match above(folder, "Cargo.toml") {
        Some(manifest) => folder::text(&manifest)?.contains("int8-versions"),
        None => false,
    };
    Ok(if is_wide || is_built_so { Tool::RefineryInt8 } else { Tool::Refinery })
}

/// The nearest file of this name in the folder and above it.
pub(super) fn above(folder: &Path, file: &str) -> Option<PathBuf> {
    let (height, _) = beside(folder, &[file])?;
    let start = std::path::absolute(folder).ok()?;
    start.ancestors().nth(height).map(|above| above.join(file))
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
