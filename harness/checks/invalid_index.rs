//! `invalid-index`: the upgrade leaves an index that the planner does not use.

use std::collections::BTreeSet;

use crate::finding::{CheckId, Finding};
use crate::migrations::Migration;

use super::Climbed;

pub(super) fn judge(climbed: &Climbed<'_>) -> Vec<Finding> {
    let before = climbed.before.invalid_indexes();
    let left = climbed.upgraded.invalid_indexes().into_iter();
    let left = left.filter(|name| !before.contains(name)).collect();
    invalid_index(climbed.migration, left).into_iter().collect()
}

/// The finding about the indexes that an upgrade left invalid, if there are any.
pub fn invalid_index(migration: &Migration, left: BTreeSet<String>) -> Option<Finding> {
    if left.is_empty() {
        return None;
    }
    let names = left.iter().cloned().collect::<Vec<_>>().join(", ");
    let message = format!("the upgrade leaves an invalid index: {names}");
    Some(
        Finding::new(CheckId::InvalidIndex, message)
            .in_file(&migration.upgrade.path)
            .about(left)
            .help(
                "drop it and build it again, with CREATE INDEX CONCURRENTLY outside of a \
                 transaction; the index of a partitioned table becomes valid once an index of \
                 every partition is attached",
            ),
    )
}
