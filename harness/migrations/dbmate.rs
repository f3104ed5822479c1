//! dbmate: `YYYYMMDDHHMMSS_name.sql` with a section `-- migrate:up` and a section `-- migrate:down`; the
//! table `schema_migrations` with the versions alone.
//!
//! The version is the digits that a name begins with, as text, and files go by name. Each section is one
//! message, in a transaction unless its marker says `transaction:false`. dbmate finds markers at the
//! beginning of lines, whatever stands around them. Several pairs of sections in one file, which dbmate 2.37
//! runs in turn and takes back the other way round, are refused here. Source: `pkg/dbmate/{db,migration}.go`
//! and `pkg/driver/postgres/postgres.go` of version 2.35, and what 2.37 does.

use std::path::Path;
use std::sync::Arc;

use super::folder::Loaded;
use super::history::{Lineage, Migration, Script, Wrap};
use super::section::{BOM, Line, lines, only, wrong};
use super::{MigrationsError, Records, Tool, VersionTable, folder};
use crate::env;
use crate::postgres::quote_literal;

pub(super) const LAYOUT: &str =
    "dbmate: YYYYMMDDHHMMSS_name.sql with -- migrate:up and -- migrate:down";

pub(super) const TABLE: VersionTable = VersionTable {
    name: "schema_migrations",
    create: "create table if not exists {table} (version varchar primary key)",
    read: "SELECT version, NULL, TRUE FROM {table} ORDER BY version COLLATE \"C\"",
};

pub(super) fn load(from: &Path) -> Result<Loaded, MigrationsError> {
    let mut migrations = Vec::new();
    for file in folder::names(from)? {
        let path = from.join(&file);
        if let Some((version, name)) = named(&file)
            && path.is_file()
        {
            migrations.push(load_one(&path, version, name)?);
        }
    }
    let records = Some(Records::named(Tool::Dbmate, env::named("DBMATE_MIGRATIONS_TABLE")));
    Ok(Loaded { migrations, records, lone: Vec::new() })
}

/// Version and name of a file that dbmate takes for a migration.
pub(super) fn named(file: &str) -> Option<(&str, &str)> {
    let stem = file.strip_suffix(".sql")?;
    let end = stem.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(stem.len());
    let (version, name) = stem.split_at_checked(end)?;
    (!version.is_empty()).then(|| (version, name.trim_start_matches(['_', '-'])))
}

fn load_one(path: &Path, version: &str, name: &str) -> Result<Migration, MigrationsError> {
    let file = folder::text(path)?;
    let (up, down) = markers(path, &file)?;
    let script = |kept, marker: &Line<'_>| Script {
        path: path.to_owned(),
        text: only(&file, kept),
        file: Arc::clone(&file),
        recorded: None,
        program: None,
        wrap: wrap(marker),
    };
    // Comments before the first marker are said of the migration: they stay with the upgrade.
    let upgrade = script(0..down.at, &up);
    let downgrade = Some(script(down.at..file.len(), &down));
    Ok(Migration {
        lineage: Lineage::default(),
        revision: version.to_owned(),
        version: version.to_owned(),
        name: name.replace('_', " "),
        upgrade,
        downgrade,
        claims: Vec::new(),
    })
}

/// The lines of both markers, if the file is as dbmate wants it.
fn markers<'a>(path: &Path, text: &'a str) -> Result<(Line<'a>, Line<'a>), MigrationsError> {
    if text.starts_with(BOM) {
        let problem = "begins with a byte order mark, which hides the first line from dbmate: save it \
                       as UTF-8 without one";
        return Err(wrong(path, 1, problem));
    }
    let (mut up, mut down) = (None, None);
    for line in lines(text) {
        match (marker(line.text), up, down) {
            (None, None, None) if !is_comment(line.text) => {
                let problem =
                    "a statement before `-- migrate:up`, which dbmate refuses: move it below";
                return Err(wrong(path, line.number, problem));
            }
            (Some(Direction::Up), None, None) => up = Some(line),
            (Some(Direction::Down), Some(_), None) => down = Some(line),
            (Some(Direction::Up), Some(_), _) => {
                let problem = "a second `-- migrate:up`: sections that are run in turn and taken back the \
                               other way round are not understood here; make it a migration of its own";
                return Err(wrong(path, line.number, problem));
            }
            (Some(_), ..) => {
                let problem = "`-- migrate:down` must stand once, after `-- migrate:up`";
                return Err(wrong(path, line.number, problem));
            }
            (None, ..) => {}
        }
    }
    let last = lines(text).last().map_or(1, |line| line.number);
    match (up, down) {
        (Some(up), Some(down)) => Ok((up, down)),
        (None, _) => Err(wrong(path, 1, "no `-- migrate:up`: dbmate wants it above the upgrade")),
        (_, None) => Err(wrong(
            path,
            last,
            "no `-- migrate:down`: dbmate wants one, even if nothing stands below it",
        )),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

fn marker(line: &str) -> Option<Direction> {
    let words = line.strip_prefix("--")?.trim_start().strip_prefix("migrate:")?;
    let (direction, rest) = words
        .strip_prefix("up")
        .map(|rest| (Direction::Up, rest))
        .or_else(|| words.strip_prefix("down").map(|rest| (Direction::Down, rest)))?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some(direction)
}

/// Whether a text has a line that only dbmate means something by.
pub(super) fn is_marked(text: &str) -> bool {
    lines(text).any(|line| marker(line.text.trim_start_matches(BOM)).is_some())
}

fn is_comment(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with("--")
}

/// The last `transaction:` of a marker counts.
fn wrap(marker: &Line<'_>) -> Wrap {
    let mut told =
        marker.text.split_whitespace().filter_map(|word| word.strip_prefix("transaction:"));
    if told.next_back() == Some("false") { Wrap::OneMessage } else { Wrap::Transaction }
}

pub(super) fn record(table: &str, migration: &Migration) -> String {
    format!("INSERT INTO {table} (version) VALUES ({})", quote_literal(&migration.version))
}

pub(super) fn erase(table: &str, migration: &Migration) -> String {
    format!("DELETE FROM {table} WHERE version = {}", quote_literal(&migration.version))
}
