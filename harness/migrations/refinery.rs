//! refinery: `V{N}__name.sql`, and `U{N}__name.sql` for one that may be applied after later ones; the table
//! `refinery_schema_history` with a checksum of name, version and text.
//!
//! There is no way back: who means that claims it, as in every layout. Each migration is one message in a
//! transaction. Folders within the folder count, and what is not named like a migration is left out.
//! Versions have 32 bits, or 64 if refinery is built with `int8-versions`, which changes the table and every
//! checksum. Source: `refinery_core/src/{runner,util}.rs` and `traits/mod.rs` of version 0.9.

use std::collections::BTreeMap;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use siphasher::sip::SipHasher13;

use super::folder::Loaded;
use super::history::{Lineage, Migration, Script, Wrap};
use super::{MigrationsError, VersionTable, folder};
use crate::postgres::quote_literal;

pub(super) const LAYOUT: &str = "refinery: V{N}__name.sql";
pub(super) const LAYOUT_INT8: &str = "refinery-int8: V{N}__name.sql with versions of 64 bits";

pub(super) const TABLE: VersionTable = VersionTable {
    name: "refinery_schema_history",
    create: "CREATE TABLE IF NOT EXISTS {table}(\n             version int4 PRIMARY KEY,\n             name \
             VARCHAR(255),\n             applied_on VARCHAR(255),\n             checksum VARCHAR(255));",
    read: "SELECT version, checksum, TRUE FROM {table} ORDER BY version",
};

pub(super) const TABLE_INT8: VersionTable = VersionTable {
    create: "CREATE TABLE IF NOT EXISTS {table}(\n             version int8 PRIMARY KEY,\n             name \
             VARCHAR(255),\n             applied_on VARCHAR(255),\n             checksum VARCHAR(255));",
    ..TABLE
};

/// How wide a version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Int4,
    Int8,
}

pub(super) fn load(from: &Path, width: Width) -> Result<Loaded, MigrationsError> {
    let mut migrations = BTreeMap::new();
    for relative in folder::nested(from)? {
        let path = from.join(&relative);
        let file = relative.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let problem = |problem: &str| MigrationsError::Name {
            path: path.clone(),
            problem: problem.to_owned(),
        };
        let Some(named) = named(&file) else {
            if is_almost(&file) {
                return Err(problem(
                    "refinery leaves it out: call it V{N}__{name}.sql, with letters, digits and _ in its name",
                ));
            }
            continue;
        };
        if named.end == "rs" {
            return Err(problem(
                "a migration in Rust can't be run here: write it in SQL, or name a folder without it",
            ));
        }
        let version: i64 =
            named.version.parse().map_err(|_| problem("the version is no number"))?;
        if width == Width::Int4 && i32::try_from(version).is_err() {
            return Err(problem(
                "the version does not fit into 32 bits: with refinery's `int8-versions`, say --tool \
                 refinery-int8",
            ));
        }
        let migration = load_one(path, &named, version, width)?;
        migrations.insert((version, relative), migration);
    }
    Ok(Loaded { migrations: migrations.into_values().collect(), records: None, lone: Vec::new() })
}

/// The parts of a file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named<'a> {
    /// `V` or `U`.
    pub(super) prefix: char,
    pub(super) version: &'a str,
    pub(super) name: &'a str,
    pub(super) end: &'a str,
}

/// Reads `V1__name.sql`, `U1__name.sql` and the same in Rust.
pub(super) fn named(file: &str) -> Option<Named<'_>> {
    let (stem, end) = file.rsplit_once('.')?;
    let prefix = stem.chars().next().filter(|it| matches!(it, 'V' | 'U'))?;
    let (version, name) = stem.get(1..)?.split_once("__")?;
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let is_version = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
    let fits = is_version && !name.is_empty() && name.chars().all(is_word);
    (fits && matches!(end, "sql" | "rs")).then_some(Named { prefix, version, name, end })
}

/// Whether somebody may have meant a migration.
fn is_almost(file: &str) -> bool {
    let rest = file.strip_prefix(['V', 'U']).unwrap_or_default();
    Path::new(file).extension().is_some_and(|end| end == "sql")
        && rest.starts_with(|letter: char| letter.is_ascii_digit())
}

fn load_one(
    path: PathBuf,
    named: &Named<'_>,
    version: i64,
    width: Width,
) -> Result<Migration, MigrationsError> {
    let upgrade = folder::script(path, |_| Wrap::Transaction)?;
    let recorded = Some(checksum(named.name, version, width, &upgrade.text));
    Ok(Migration {
        lineage: Lineage::default(),
        revision: named.version.to_owned(),
        version: version.to_string(),
        name: named.name.replace('_', " "),
        upgrade: Script { recorded, ..upgrade },
        downgrade: None,
        claims: Vec::new(),
    })
}

/// As refinery hashes it, value by value.
fn checksum(name: &str, version: i64, width: Width, text: &str) -> String {
    let mut hasher = SipHasher13::new();
    name.hash(&mut hasher);
    match (width, i32::try_from(version)) {
        (Width::Int4, Ok(version)) => version.hash(&mut hasher),
        _ => version.hash(&mut hasher),
    }
    text.hash(&mut hasher);
    hasher.finish().to_string()
}

pub(super) fn record(table: &str, migration: &Migration) -> String {
    format!(
        "INSERT INTO {table} (version, name, applied_on, checksum) VALUES ({}, {}, \
         pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', \
         'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), {})",
        migration.version,
        quote_literal(&migration.name.replace(' ', "_")),
        quote_literal(migration.upgrade.recorded.as_deref().unwrap_or_default())
    )
}

pub(super) fn erase(table: &str, migration: &Migration) -> String {
    format!("DELETE FROM {table} WHERE version = {}", migration.version)
}
