//! What Alembic says of its revisions, as a history.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use super::driver::{Driver, Opened};
use super::program::Program;
use crate::migrations::folder::Loaded;
use crate::migrations::{Direction, Lineage, Migration, MigrationsError, Script, Wrap};

/// One revision as the process describes it.
#[derive(Debug, Deserialize)]
pub(super) struct Revision {
    #[serde(rename = "revision")]
    id: String,
    down: Vec<String>,
    depends: Vec<String>,
    labels: Vec<String>,
    gives: Vec<String>,
    doc: String,
    path: PathBuf,
    text: String,
    upgrade: Option<Function>,
    downgrade: Option<Function>,
}

#[derive(Debug, Deserialize)]
struct Function {
    first: usize,
    last: usize,
    kind: Kind,
    autocommit: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Nothing,
    Raises,
    Something,
}

pub(super) fn load(driver: &Arc<Driver>, opened: Opened) -> Result<Loaded, MigrationsError> {
    let migrations = opened.revisions.into_iter().map(|it| migration(driver, it));
    let migrations = migrations.collect::<Result<_, _>>()?;
    Ok(Loaded { migrations, records: Some(driver.records()), lone: Vec::new() })
}

fn migration(driver: &Arc<Driver>, revision: Revision) -> Result<Migration, MigrationsError> {
    let Revision { id, down: follows, depends, labels, gives, doc, path, text, upgrade, downgrade } =
        revision;
    let Some(upgrade) = upgrade else {
        let problem = "it has no function upgrade()".to_owned();
        return Err(MigrationsError::Name { path, problem });
    };
    let text: Arc<str> = text.into();
    // Where branches meet there is nothing to do in either direction, and that is no gap.
    let joins = upgrade.kind == Kind::Nothing;
    let script = |function: &Function, direction| {
        let program = Program {
            driver: Arc::clone(driver),
            revision: id.clone(),
            direction,
            lines: (function.first, function.last),
            does_nothing: function.kind == Kind::Nothing && !joins,
            needs_own: Arc::default(),
            heard: Arc::default(),
        };
        let wrap = if function.autocommit { Wrap::Statements } else { Wrap::Transaction };
        Script { program: Some(program), ..Script::of_sql(path.clone(), Arc::clone(&text), wrap) }
    };
    let back = downgrade.filter(|function| function.kind != Kind::Raises);
    let parents = follows.iter().cloned().chain(depends).collect();
    Ok(Migration {
        upgrade: script(&upgrade, Direction::Upgrade),
        downgrade: back.map(|function| script(&function, Direction::Downgrade)),
        revision: id.clone(),
        version: id,
        name: doc.lines().next().unwrap_or_default().to_owned(),
        claims: Vec::new(),
        lineage: Lineage { parents, follows, labels, gives },
    })
}
