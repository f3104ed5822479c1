//! What judges are tested on.

use crate::migrations::{Lineage, Migration, Script, Wrap};

/// A migration with this upgrade and no downgrade.
pub(super) fn migration(upgrade: &str) -> Migration {
    let (path, wrap) = ("up/1_step.sql".into(), Wrap::Transaction);
    Migration {
        revision: "1".to_owned(),
        version: "1".to_owned(),
        name: "step".to_owned(),
        upgrade: Script::of_sql(path, upgrade.into(), wrap),
        downgrade: None,
        lineage: Lineage::default(),
        claims: Vec::new(),
    }
}
