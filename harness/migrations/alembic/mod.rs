//! Alembic: an environment with `env.py` and Python revisions; the table `alembic_version`.
//!
//! Revisions are Python, so Alembic itself runs them, in one process that lives as long as the history
//! that was read from it. Knows how an environment is found, asked and told what to run. Must not know
//! the session in which a migration runs: its process connects to the address that it is given.
//! Source: Alembic's documentation, "Tutorial", "Working with Branches" and "Operation Directives".

mod driver;
mod environment;
mod interpreter;
mod options;
mod program;
mod revisions;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::Loaded;
use super::{Applied, Migration, MigrationsError, VersionTable};
use crate::finding::{CheckId, Finding};
use crate::postgres::quote_literal;

pub use driver::{Call, DriverError, Models, Told};
pub use options::AlembicOptions;
pub use program::{Program, Statement};

pub(super) const LAYOUT: &str = "alembic: alembic.ini or pyproject.toml, or the folder of env.py";

pub(super) const TABLE: VersionTable = VersionTable {
    name: "alembic_version",
    // As Alembic makes it, so that it finds its own.
    create: "CREATE TABLE IF NOT EXISTS {table} (\n\tversion_num VARCHAR(32) NOT NULL, \n\t\
             CONSTRAINT {key} PRIMARY KEY (version_num)\n)",
    read: "SELECT version_num, NULL, TRUE FROM {table} ORDER BY version_num",
};

/// Whether `folder` is an environment of Alembic's, and what tells.
pub(super) fn detect(folder: &Path) -> Option<String> {
    environment::evidence(folder)
}

/// The folder that Alembic is run in for the environment that `folder` is, or is a part of.
pub(super) fn directory(folder: &Path) -> Option<PathBuf> {
    environment::Environment::find(folder).ok().map(|found| found.directory)
}

pub(super) fn load(folder: &Path, options: &AlembicOptions) -> Result<Loaded, MigrationsError> {
    load_old(folder, folder, options)
}

/// Reads a folder that is not in its place: whoever runs it is looked for beside `now`.
pub(super) fn load_old(
    folder: &Path,
    now: &Path,
    options: &AlembicOptions,
) -> Result<Loaded, MigrationsError> {
    let environment = environment::Environment::find(folder)?.told(options);
    let beside = environment::Environment::find(now)?.directory;
    let (driver, opened) = driver::Driver::start(&environment, &beside)?;
    revisions::load(&Arc::new(driver), opened)
}

/// Everything that the heads in the version table stand for, base first.
pub(super) fn expand(rows: Vec<Applied>, history: &[Migration]) -> Vec<Applied> {
    // Each comes after its parents, so one walk from the heads down finds all.
    let mut wanted: BTreeSet<&str> = rows.iter().map(|row| row.version.as_str()).collect();
    for migration in history.iter().rev() {
        if wanted.contains(migration.version.as_str()) {
            wanted.extend(migration.lineage.parents.iter().map(String::as_str));
        }
    }
    let known = history.iter().filter(|it| wanted.contains(it.version.as_str()));
    let mut applied: Vec<Applied> = known
        .map(|migration| Applied {
            version: migration.version.clone(),
            checksum: None,
            whole: true,
        })
        .collect();
    let is_known = |row: &Applied| history.iter().any(|it| it.version == row.version);
    applied.extend(rows.into_iter().filter(|row| !is_known(row)));
    applied
}

/// SQL that makes `table` say that exactly `kept` is applied: its heads.
pub(super) fn stamp(table: &str, kept: &[Migration]) -> Vec<String> {
    let insert =
        |head: &str| format!("INSERT INTO {table} (version_num) VALUES ({})", quote_literal(head));
    std::iter::once(format!("DELETE FROM {table}")).chain(heads(kept).map(insert)).collect()
}

/// Says of each head that another one shares ancestors with it, where neither is on a branch with a name:
/// `alembic upgrade head` refuses such a history, and two people mostly did not know of each other.
pub(super) fn unmerged(migrations: &[Migration]) -> Vec<Finding> {
    let ancestors = |version: &str| {
        let mut known = BTreeSet::from([version.to_owned()]);
        for migration in migrations.iter().rev().filter(|it| !it.lineage.parents.is_empty()) {
            if known.contains(&migration.version) {
                known.extend(migration.lineage.parents.iter().cloned());
            }
        }
        known
    };
    let unnamed = |head: &&str| {
        let labels = migrations.iter().find(|it| it.version == *head).map(|it| &it.lineage.labels);
        labels.is_some_and(Vec::is_empty)
    };
    let heads: Vec<(&str, BTreeSet<String>)> =
        heads(migrations).filter(unnamed).map(|head| (head, ancestors(head))).collect();
    let found = heads.iter().filter_map(|(head, known)| {
        let meets = |(other, theirs): &&(&str, BTreeSet<String>)| {
            other != head && !known.is_disjoint(theirs)
        };
        let others: Vec<&str> = heads.iter().filter(meets).map(|(other, _)| *other).collect();
        let one = migrations.iter().find(|it| it.version == *head)?;
        (!others.is_empty()).then(|| {
            let message = format!("{head} is a head, and so is {}", others.join(" and "));
            Finding::new(CheckId::MultipleHeads, message).in_file(&one.upgrade.path).help(
                "`alembic merge heads` joins them; one that is to stay apart gets a label in \
                 branch_labels. `alembic upgrade head` refuses until then",
            )
        })
    });
    found.collect()
}

/// The versions that none of `kept` comes after: what the version table holds.
pub(super) fn heads(kept: &[Migration]) -> impl Iterator<Item = &str> {
    let is_parent = |version: &String| kept.iter().any(|it| it.lineage.parents.contains(version));
    kept.iter().map(|it| &it.version).filter(move |it| !is_parent(it)).map(String::as_str)
}
