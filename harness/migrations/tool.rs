//! The tools whose layouts and version tables Stairway keeps.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::folder::Loaded;
use super::{Applied, Migration, MigrationsError, alembic, diesel, golang_migrate, plain, sqlx};
use crate::postgres::quote_literal;

/// A migration tool, or rather its layout and its version table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// `N_name.up.sql` and `N_name.down.sql`, or `N_name.sql`.
    Sqlx,
    /// `N_name.up.sql` and `N_name.down.sql`.
    GolangMigrate,
    /// `N_name/up.sql` and `N_name/down.sql`.
    Diesel,
    /// `up/N_name.sql` and `down/N_name.sql`, or folders with `up.sql` and `down.sql`.
    Plain,
    /// An environment with `env.py` and Python revisions.
    Alembic,
}

/// The table in which a tool records what was applied, as SQL to be run by `steps`.
#[derive(Clone, Copy, Debug)]
pub struct VersionTable {
    /// Its name without a schema.
    pub name: &'static str,
    /// A statement that makes it if it is not there.
    pub create: &'static str,
    /// A query for what is applied: version, checksum as hex or NULL, and whether it is whole.
    pub read: &'static str,
}

impl Tool {
    /// All of them, in the order in which they are looked for.
    pub const ALL: [Self; 5] =
        [Self::Sqlx, Self::GolangMigrate, Self::Diesel, Self::Plain, Self::Alembic];

    /// The word for `--tool`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlx => "sqlx",
            Self::GolangMigrate => "golang-migrate",
            Self::Diesel => "diesel",
            Self::Plain => "plain",
            Self::Alembic => "alembic",
        }
    }

    /// The files it is made of, for messages.
    pub fn layout(self) -> &'static str {
        match self {
            Self::Sqlx => sqlx::LAYOUT,
            Self::GolangMigrate => golang_migrate::LAYOUT,
            Self::Diesel => diesel::LAYOUT,
            Self::Plain => plain::LAYOUT,
            Self::Alembic => alembic::LAYOUT,
        }
    }

    pub(super) fn load(self, folder: &Path) -> Result<Loaded, MigrationsError> {
        match self {
            Self::Sqlx => sqlx::load(folder),
            Self::GolangMigrate => golang_migrate::load(folder),
            Self::Diesel => diesel::load(folder),
            Self::Plain => plain::load(folder),
            Self::Alembic => alembic::load(folder),
        }
    }

    /// Its version table.
    pub fn version_table(self) -> VersionTable {
        match self {
            Self::Sqlx => sqlx::TABLE,
            Self::GolangMigrate => golang_migrate::TABLE,
            Self::Diesel => diesel::TABLE,
            Self::Plain => plain::TABLE,
            Self::Alembic => alembic::TABLE,
        }
    }

    /// SQL that records in `table` (qualified and quoted) that `migration` was applied.
    pub fn record(self, table: &str, migration: &Migration) -> String {
        match self {
            Self::Sqlx => sqlx::record(table, migration),
            Self::GolangMigrate => golang_migrate::record(table, Some(&migration.version)),
            Self::Diesel => diesel::record(table, migration),
            Self::Plain => plain::record(table, migration),
            // It is written by what runs the script.
            Self::Alembic => String::new(),
        }
    }

    /// SQL that takes `migration` out of `table` again; `before` is the one that is then the last.
    pub fn erase(self, table: &str, migration: &Migration, before: Option<&Migration>) -> String {
        match self {
            Self::Sqlx => sqlx::erase(table, migration),
            Self::GolangMigrate => {
                golang_migrate::record(table, before.map(|migration| migration.version.as_str()))
            }
            Self::Diesel => diesel::erase(table, migration),
            Self::Plain => plain::erase(table, migration),
            Self::Alembic => String::new(),
        }
    }

    /// Whether the version table holds one row, the last version, instead of one for each.
    pub fn keeps_last_only(self) -> bool {
        self == Self::GolangMigrate
    }

    /// SQL that takes a version out of `table` that may have no file.
    pub fn forget(self, table: &str, version: &str) -> String {
        let column = match self {
            Self::Plain => "revision",
            Self::Alembic => "version_num",
            Self::Sqlx | Self::GolangMigrate | Self::Diesel => "version",
        };
        format!("DELETE FROM {table} WHERE {column}::text = {}", quote_literal(version))
    }

    /// SQL that records in `table` that a migration is under way which can't be one transaction with
    /// its record: what the tool itself would leave if it were killed. `version` is the one that it
    /// leads to. `None` for tools that record nothing.
    pub fn begin(self, table: &str, version: Option<&str>) -> Option<String> {
        match self {
            Self::GolangMigrate => Some(golang_migrate::begin(table, version)),
            Self::Sqlx | Self::Diesel | Self::Plain | Self::Alembic => None,
        }
    }

    /// Whether its scripts are programs, which need a session that can be lent to them.
    pub fn runs_programs(self) -> bool {
        self == Self::Alembic
    }

    /// SQL that makes `table` say that exactly `kept` is applied, for a tool whose rows are not one for
    /// each migration or the last; `None` for the others.
    pub fn stamp(self, table: &str, kept: &[Migration]) -> Option<Vec<String>> {
        (self == Self::Alembic).then(|| alembic::stamp(table, kept))
    }

    /// Whether the version table records what an upgrade's file looked like, comments included.
    pub fn keeps_checksums(self) -> bool {
        match self {
            Self::Sqlx | Self::Plain => true,
            Self::GolangMigrate | Self::Diesel | Self::Alembic => false,
        }
    }

    /// What the rows of the version table mean for a history, base first. golang-migrate records
    /// only the last version: all up to it are applied.
    pub fn applied_versions(self, rows: Vec<Applied>, history: &[Migration]) -> Vec<Applied> {
        match self {
            Self::GolangMigrate => golang_migrate::expand(rows, history),
            Self::Alembic => alembic::expand(rows, history),
            Self::Sqlx | Self::Diesel | Self::Plain => rows,
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for Tool {
    type Err = MigrationsError;

    fn from_str(word: &str) -> Result<Self, MigrationsError> {
        Self::ALL.into_iter().find(|tool| tool.as_str() == word).ok_or_else(|| {
            MigrationsError::UnknownTool {
                word: word.to_owned(),
                known: Self::ALL.map(Self::as_str).join(", "),
            }
        })
    }
}
