//! Diesel: a folder per migration with `up.sql` and `down.sql`; the table
//! `__diesel_schema_migrations`.
//!
//! The version is the folder's name up to the first underscore, without hyphens. Both scripts run
//! in a transaction unless there is a `metadata.toml` that does not say `run_in_transaction = true`.
//! Source: `diesel_migrations` 2.3.

use std::path::{Path, PathBuf};

use super::folder::Loaded;
use super::history::{Lineage, Migration, Wrap};
use super::{MigrationsError, VersionTable, folder};
use crate::postgres::quote_literal;

pub(super) const LAYOUT: &str = "diesel: YYYY-MM-DD-HHMMSS_name/up.sql with down.sql";

pub(super) const TABLE: VersionTable = VersionTable {
    name: "__diesel_schema_migrations",
    create: "CREATE TABLE IF NOT EXISTS {table} (\n       version VARCHAR(50) PRIMARY KEY NOT \
             NULL,\n       run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP\n)",
    read: "SELECT version, NULL, TRUE FROM {table} ORDER BY version",
};

pub(super) fn load(from: &Path) -> Result<Loaded, MigrationsError> {
    let mut migrations = Vec::new();
    for name in folder::names(from)? {
        let path = from.join(&name);
        if name.starts_with('.') || !path.is_dir() {
            continue;
        }
        if path.join("up.sql").is_file() {
            migrations.push(load_one(&path, &name)?);
        } else if path.join("down.sql").is_file() {
            let problem = "a migration without up.sql".to_owned();
            return Err(MigrationsError::Name { path, problem });
        }
    }
    migrations.sort_by(|one, other| one.version.cmp(&other.version));
    Ok(Loaded { migrations, records: None, lone: Vec::new() })
}

fn load_one(path: &Path, name: &str) -> Result<Migration, MigrationsError> {
    let (revision, title) = name.split_once('_').unwrap_or((name, ""));
    let wrap = wrap(path)?;
    let down: PathBuf = path.join("down.sql");
    let downgrade = if down.is_file() { Some(folder::script(down, |_| wrap)?) } else { None };
    Ok(Migration {
        revision: revision.to_owned(),
        version: revision.replace('-', ""),
        name: title.replace('_', " "),
        upgrade: folder::script(path.join("up.sql"), |_| wrap)?,
        downgrade,
        claims: Vec::new(),
        lineage: Lineage::default(),
    })
}

#[derive(serde::Deserialize)]
struct Metadata {
    // Diesel itself takes a file that is silent about it for a no.
    #[serde(default)]
    run_in_transaction: bool,
}

fn wrap(folder: &Path) -> Result<Wrap, MigrationsError> {
    let path = folder.join("metadata.toml");
    if !path.is_file() {
        return Ok(Wrap::Transaction);
    }
    let metadata: Metadata = toml::from_str(&folder::text(&path)?).map_err(|error| {
        MigrationsError::Setting { path: path.clone(), problem: error.message().to_owned() }
    })?;
    Ok(if metadata.run_in_transaction { Wrap::Transaction } else { Wrap::Statements })
}

pub(super) fn record(table: &str, migration: &Migration) -> String {
    format!("INSERT INTO {table} (version) VALUES ({})", quote_literal(&migration.version))
}

pub(super) fn erase(table: &str, migration: &Migration) -> String {
    format!("DELETE FROM {table} WHERE version = {}", quote_literal(&migration.version))
}
