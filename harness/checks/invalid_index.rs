//! `invalid-index`: the upgrade leaves an index that the planner does not use.

use std::collections::BTreeSet;

use crate::finding::{CheckId, Finding};

use super::Climbed;

pub(super) fn judge(climbed: &Climbed<'_>) -> Vec<Finding> {
    let before = climbed.before.invalid_indexes();
    let left: BTreeSet<String> = climbed
        .upgraded
        .invalid_indexes()
        .into_iter()
        .filter(|name| !before.contains(name))
        .collect();
    if left.is_empty() {
        return Vec::new();
    }
    let names = left.iter().cloned().collect::<Vec<_>>().join(", ");
    vec![
        Finding::new(
            CheckId::InvalidIndex,
            format!("the upgrade leaves an invalid index: {names}"),
        )
        .in_file(&climbed.migration.upgrade.path)
        .about(left)
        .help(
            "drop it and build it again, with CREATE INDEX CONCURRENTLY outside of a \
                 transaction; the index of a partitioned table becomes valid once an index of \
                 every partition is attached",
        ),
    ]
}
