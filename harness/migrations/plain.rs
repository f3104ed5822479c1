//! Plain folders of SQL without a tool: `up/NAME.sql` with `down/NAME.sql`, or a folder per
//! migration with `up.sql` and `down.sql`; the table `stairway_migrations` is ours.
//!
//! Files go by name. A script runs in a transaction unless a comment in it says
//! `stairway: no-transaction` or, as in other tools, `no-transaction`.

use std::path::Path;

use super::folder::Loaded;
use super::history::{Lineage, Migration, Script, Wrap};
use super::{MigrationsError, VersionTable, folder};
use crate::postgres::quote_literal;
use crate::sql;

pub(super) const LAYOUT: &str =
    "plain: up/NAME.sql with down/NAME.sql, or NAME/up.sql with down.sql";

pub(super) const TABLE: VersionTable = VersionTable {
    name: "stairway_migrations",
    create: "CREATE TABLE IF NOT EXISTS {table} (\n    revision text PRIMARY KEY,\n    name text \
             NOT NULL,\n    checksum bytea NOT NULL,\n    applied_at timestamptz NOT NULL DEFAULT \
             now()\n)",
    read: "SELECT revision, encode(checksum, 'hex'), TRUE FROM {table} ORDER BY revision",
};

pub(super) fn load(from: &Path) -> Result<Loaded, MigrationsError> {
    if from.join("up").is_dir() { load_two_folders(from) } else { load_pairs(from) }
}

fn load_two_folders(from: &Path) -> Result<Loaded, MigrationsError> {
    let mut migrations = Vec::new();
    for file in folder::names(&from.join("up"))? {
        let Some(stem) = file.strip_suffix(".sql") else { continue };
        let down = from.join("down").join(&file);
        let downgrade = if down.is_file() { Some(folder::script(down, wrap)?) } else { None };
        let upgrade = folder::script(from.join("up").join(&file), wrap)?;
        migrations.push(migration(stem, upgrade, downgrade));
    }
    let down = from.join("down");
    let files = if down.is_dir() { folder::names(&down)? } else { Vec::new() };
    let is_lone = |file: &&String| {
        Path::new(file).extension().is_some_and(|end| end == "sql")
            && !from.join("up").join(file).is_file()
    };
    let lone = files.iter().filter(is_lone).map(|file| down.join(file)).collect();
    Ok(Loaded { migrations, records: None, lone })
}

fn load_pairs(from: &Path) -> Result<Loaded, MigrationsError> {
    let mut migrations = Vec::new();
    for name in folder::names(from)? {
        let path = from.join(&name);
        if name.starts_with('.') || !path.join("up.sql").is_file() {
            continue;
        }
        let down = path.join("down.sql");
        let downgrade = if down.is_file() { Some(folder::script(down, wrap)?) } else { None };
        migrations.push(migration(&name, folder::script(path.join("up.sql"), wrap)?, downgrade));
    }
    Ok(Loaded { migrations, records: None, lone: Vec::new() })
}

fn migration(stem: &str, upgrade: Script, downgrade: Option<Script>) -> Migration {
    let (revision, name) = stem.split_once(['_', '-']).unwrap_or((stem, ""));
    let numbered = revision.starts_with(|c: char| c.is_ascii_digit() || c == 'V');
    let (revision, name) = if numbered { (revision, name) } else { (stem, stem) };
    Migration {
        revision: revision.to_owned(),
        version: revision.to_owned(),
        name: name.replace('_', " "),
        upgrade: Script { recorded: Some(upgrade.checksum()), ..upgrade },
        downgrade,
        claims: Vec::new(),
        lineage: Lineage::default(),
    }
}

pub(super) fn wrap(text: &str) -> Wrap {
    const MARKERS: [&str; 2] = ["stairway: no-transaction", "no-transaction"];
    // Most files hold none: the word is looked for before any token is read.
    let marked = text.contains("no-transaction")
        && sql::comments(text).any(|comment| MARKERS.contains(&comment.text.trim()));
    if marked { Wrap::Statements } else { Wrap::Transaction }
}

pub(super) fn record(table: &str, migration: &Migration) -> String {
    format!(
        "INSERT INTO {table} (revision, name, checksum) VALUES ({}, {}, '\\x{}')",
        quote_literal(&migration.version),
        quote_literal(&migration.name),
        migration.upgrade.checksum()
    )
}

pub(super) fn erase(table: &str, migration: &Migration) -> String {
    format!("DELETE FROM {table} WHERE revision = {}", quote_literal(&migration.version))
}
