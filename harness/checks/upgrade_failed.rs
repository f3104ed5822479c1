//! `upgrade-failed`: the upgrade does not run on the schema that the upgrades before it give.

use crate::finding::{CheckId, Finding};

use super::{Climbed, failure};

pub(super) fn judge(climbed: &Climbed<'_>) -> Vec<Finding> {
    let Err(error) = &climbed.upgrade else { return Vec::new() };
    let script = &climbed.migration.upgrade;
    let found = failure::finding(CheckId::UpgradeFailed, "the upgrade fails", script, error);
    let left_over = climbed.before.diff(&climbed.upgraded);
    let Some(mut finding) = found else { return Vec::new() };
    if !left_over.is_empty() {
        let left = format!("what it did before it failed is left:\n{}", left_over.render());
        finding.detail = Some(match finding.detail.take() {
            Some(detail) => format!("{detail}\n{left}"),
            None => left,
        });
    }
    vec![finding]
}
