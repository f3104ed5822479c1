//! sqlx: `N_name.up.sql` with `N_name.down.sql`, or `N_name.sql` without a way back; the table
//! `_sqlx_migrations` with the SHA-384 of the upgrade's bytes.
//!
//! A script runs in a transaction unless its very first bytes are `-- no-transaction`. Source:
//! sqlx-core `migrate/source.rs` and sqlx-postgres `migrate.rs`, version 0.9.

use std::path::Path;

use super::folder::Loaded;
use super::history::{Migration, Wrap};
use super::{MigrationsError, VersionTable, folder};
use crate::postgres::quote_literal;

pub(super) const LAYOUT: &str = "sqlx: N_name.up.sql with N_name.down.sql, or N_name.sql";

pub(super) const TABLE: VersionTable = VersionTable {
    name: "_sqlx_migrations",
    create: "CREATE TABLE IF NOT EXISTS {table} (\n    version BIGINT PRIMARY KEY,\n    \
             description TEXT NOT NULL,\n    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),\n    \
             success BOOLEAN NOT NULL,\n    checksum BYTEA NOT NULL,\n    \
             execution_time BIGINT NOT NULL\n)",
    read: "SELECT version, encode(checksum, 'hex'), success FROM {table} ORDER BY version",
};

pub(super) fn load(from: &Path) -> Result<Loaded, MigrationsError> {
    let mut loaded = folder::load_versioned(from, true, wrap)?;
    for migration in &mut loaded.migrations {
        migration.upgrade.recorded = Some(migration.upgrade.checksum());
    }
    Ok(loaded)
}

pub(super) fn wrap(text: &str) -> Wrap {
    if text.starts_with("-- no-transaction") { Wrap::Statements } else { Wrap::Transaction }
}

pub(super) fn record(table: &str, migration: &Migration) -> String {
    format!(
        "INSERT INTO {table} (version, description, success, checksum, execution_time) \
         VALUES ({}, {}, TRUE, '\\x{}', -1)",
        migration.version,
        quote_literal(&migration.name),
        migration.upgrade.checksum()
    )
}

pub(super) fn erase(table: &str, migration: &Migration) -> String {
    format!("DELETE FROM {table} WHERE version = {}", migration.version)
}
