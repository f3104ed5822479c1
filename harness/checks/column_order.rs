//! `column-order`: after the downgrade the columns are all there, in another order.
//!
//! Readers of `SELECT *`, `COPY` and inserts without a column list can tell.

use std::collections::BTreeSet;

use crate::finding::{CheckId, Finding};
use crate::schema::DriftClass;

use super::Climbed;
use super::schema_drift::drift;

pub(super) fn judge(climbed: &Climbed<'_>) -> Vec<Finding> {
    let Some(script) = &climbed.migration.downgrade else { return Vec::new() };
    let Some(downgraded) = &climbed.downgraded else { return Vec::new() };
    let mut difference = climbed.before.diff(downgraded);
    difference.changes.retain(|change| change.class == DriftClass::OrderOnly);
    let tables: BTreeSet<String> =
        difference.changes.iter().map(|change| change.name.clone()).collect();
    if tables.is_empty() {
        return Vec::new();
    }
    let names = tables.iter().cloned().collect::<Vec<_>>().join(", ");
    vec![
        drift(
            CheckId::ColumnOrder,
            format!("the downgrade leaves the columns of {names} in another order"),
            &[script, &climbed.migration.upgrade],
            &difference,
        )
        .or_in_file(&script.path)
        .about(tables)
        .detail(difference.render())
        .help(
            "a column can only be added at the end: keep it under another name instead of \
             dropping it, or accept it: `-- stairway: order-drift <table> reason: ..`",
        ),
    ]
}
