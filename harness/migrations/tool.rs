//! The tools whose layouts and version tables Stairway keeps.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::folder::Loaded;
use super::{
    AlembicOptions, Applied, Migration, MigrationsError, alembic, dbmate, diesel, flyway,
    golang_migrate, goose, plain, refinery, sqlx,
};
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
    /// `N_name.sql` with `-- migrate:up` and `-- migrate:down`.
    Dbmate,
    /// `N_name.sql` with `-- +goose Up` and `-- +goose Down`.
    Goose,
    /// `V{N}__name.sql` and `U{N}__name.sql`, which go one way.
    Refinery,
    /// The same with versions of 64 bits, which is another table and other checksums.
    RefineryInt8,
    /// `V1_2__name.sql` and `U1_2__name.sql`, and `R__name.sql`.
    Flyway,
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
    /// A query for what is applied: version, checksum as text or NULL, and whether it is whole.
    pub read: &'static str,
}

impl Tool {
    /// All of them, in the order in which they are looked for.
    pub const ALL: [Self; 10] = [
        Self::Sqlx,
        Self::GolangMigrate,
        Self::Diesel,
        Self::Dbmate,
        Self::Goose,
        Self::Refinery,
        Self::RefineryInt8,
        Self::Flyway,
        Self::Plain,
        Self::Alembic,
    ];

    /// The word for `--tool`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlx => "sqlx",
            Self::GolangMigrate => "golang-migrate",
            Self::Diesel => "diesel",
            Self::Dbmate => "dbmate",
            Self::Goose => "goose",
            Self::Refinery => "refinery",
            Self::RefineryInt8 => "refinery-int8",
            Self::Flyway => "flyway",
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
            Self::Dbmate => dbmate::LAYOUT,
            Self::Goose => goose::LAYOUT,
            Self::Refinery => refinery::LAYOUT,
            Self::RefineryInt8 => refinery::LAYOUT_INT8,
            Self::Flyway => flyway::LAYOUT,
            Self::Plain => plain::LAYOUT,
            Self::Alembic => alembic::LAYOUT,
        }
    }

    pub(super) fn load(
        self,
        folder: &Path,
        options: &AlembicOptions,
    ) -> Result<Loaded, MigrationsError> {
        match self {
            Self::Sqlx => sqlx::load(folder),
            Self::GolangMigrate => golang_migrate::load(folder),
            Self::Diesel => diesel::load(folder),
            Self::Dbmate => dbmate::load(folder),
            Self::Goose => goose::load(folder),
            Self::Refinery => refinery::load(folder, refinery::Width::Int4),
            Self::RefineryInt8 => refinery::load(folder, refinery::Width::Int8),
            Self::Flyway => flyway::load(folder),
            Self::Plain => plain::load(folder),
            Self::Alembic => alembic::load(folder, options),
        }
    }

    /// The same of an old `folder`, around which nothing stands of what stands around `now`.
    pub(super) fn load_old(
        self,
        folder: &Path,
        now: &Path,
        options: &AlembicOptions,
    ) -> Result<Loaded, MigrationsError> {
        match self {
            Self::Flyway => flyway::load_set(folder, now),
            Self::Alembic => alembic::load_old(folder, now, options),
            _ => self.load(folder, options),
        }
    }

    /// Its version table.
    pub fn version_table(self) -> VersionTable {
        match self {
            Self::Sqlx => sqlx::TABLE,
            Self::GolangMigrate => golang_migrate::TABLE,
            Self::Diesel => diesel::TABLE,
            Self::Dbmate => dbmate::TABLE,
            Self::Goose => goose::TABLE,
            Self::Refinery => refinery::TABLE,
            Self::RefineryInt8 => refinery::TABLE_INT8,
            Self::Flyway => flyway::TABLE,
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
            Self::Dbmate => dbmate::record(table, migration),
            Self::Goose => goose::record(table, migration),
            Self::Refinery | Self::RefineryInt8 => refinery::record(table, migration),
            Self::Flyway => flyway::record(table, migration),
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
            Self::Dbmate => dbmate::erase(table, migration),
            Self::Goose => goose::erase(table, migration),
            Self::Refinery | Self::RefineryInt8 => refinery::erase(table, migration),
            Self::Flyway => flyway::erase(table, migration),
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
            Self::Goose => "version_id",
            Self::Flyway => return flyway::forget(table, version),
            _ => "version",
        };
        format!("DELETE FROM {table} WHERE {column}::text = {}", quote_literal(version))
    }

    /// SQL that takes all versions out of `table`.
    pub fn forget_all(self, table: &str) -> String {
        match self {
            Self::Goose => goose::forget_all(table),
            Self::Flyway => flyway::forget_all(table),
            _ => format!("DELETE FROM {table}"),
        }
    }

    /// SQL that records in `table` that a migration is under way which can't be one transaction with
    /// its record: what the tool itself would leave if it were killed. `version` is the one that it
    /// leads to. `None` for tools that record nothing.
    pub fn begin(self, table: &str, version: Option<&str>) -> Option<String> {
        match self {
            Self::GolangMigrate => Some(golang_migrate::begin(table, version)),
            _ => None,
        }
    }

    /// Whether each migration says which ones it comes after: there may be branches.
    pub fn knows_parents(self) -> bool {
        self == Self::Alembic
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
            Self::Sqlx | Self::Refinery | Self::RefineryInt8 | Self::Flyway | Self::Plain => true,
            Self::GolangMigrate | Self::Diesel | Self::Dbmate | Self::Goose | Self::Alembic => {
                false
            }
        }
    }

    /// Whether `migration` comes after all others, wherever they end, and is run again when it changes.
    pub fn runs_again(self, migration: &Migration) -> bool {
        self == Self::Flyway && flyway::is_repeatable(&migration.version)
    }

    /// What the rows of the version table mean for a history, base first. golang-migrate records
    /// only the last version: all up to it are applied; so are all up to a baseline of Flyway's.
    pub fn applied_versions(self, rows: Vec<Applied>, history: &[Migration]) -> Vec<Applied> {
        match self {
            Self::GolangMigrate => golang_migrate::expand(rows, history),
            Self::Flyway => flyway::expand(rows, history),
            Self::Alembic => alembic::expand(rows, history),
            _ => rows,
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
