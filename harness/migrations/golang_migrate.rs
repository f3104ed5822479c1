//! golang-migrate: `N_name.up.sql` with `N_name.down.sql`; the table `schema_migrations` with one
//! row, the last version, and whether it is dirty.
//!
//! A script is sent as one message, so the server makes one transaction of it unless it holds its
//! own `BEGIN` and `COMMIT`; one statement alone may be `CREATE INDEX CONCURRENTLY`. Source: its
//! `database/postgres/postgres.go`.

use std::path::Path;

use super::folder::Loaded;
use super::history::{Migration, Wrap};
use super::{Applied, MigrationsError, VersionTable, folder};

pub(super) const LAYOUT: &str = "golang-migrate: N_name.up.sql with N_name.down.sql";

pub(super) const TABLE: VersionTable = VersionTable {
    name: "schema_migrations",
    create: "CREATE TABLE IF NOT EXISTS {table} (version bigint not null primary key, \
             dirty boolean not null)",
    read: "SELECT version, NULL, NOT dirty FROM {table}",
};

pub(super) fn load(from: &Path) -> Result<Loaded, MigrationsError> {
    folder::load_versioned(from, false, |_| Wrap::OneMessage)
}

pub(super) fn record(table: &str, version: Option<&str>) -> String {
    match version {
        Some(version) => format!(
            "DELETE FROM {table}; INSERT INTO {table} (version, dirty) VALUES ({version}, FALSE)"
        ),
        None => format!("DELETE FROM {table}"),
    }
}

/// No migration at all is version -1 to it, which only a dirty table holds.
pub(super) fn begin(table: &str, version: Option<&str>) -> String {
    let version = version.unwrap_or("-1");
    format!("DELETE FROM {table}; INSERT INTO {table} (version, dirty) VALUES ({version}, TRUE)")
}

pub(super) fn expand(rows: Vec<Applied>, history: &[Migration]) -> Vec<Applied> {
    let Some(last) = rows.into_iter().next() else { return Vec::new() };
    match history.iter().position(|migration| migration.version == last.version) {
        None => vec![last],
        Some(at) => {
            let before = history.iter().take(at).map(|migration| Applied {
                version: migration.version.clone(),
                checksum: None,
                whole: true,
            });
            before.chain(std::iter::once(last.clone())).collect()
        }
    }
}
