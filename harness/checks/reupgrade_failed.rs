//! `reupgrade-failed`: after up and down the upgrade does not run a second time.

use crate::finding::{CheckId, Finding};

use super::{Climbed, failure};

pub(super) fn judge(climbed: &Climbed<'_>) -> Vec<Finding> {
    let Some(Err(error)) = &climbed.reupgrade else { return Vec::new() };
    let lead = "the upgrade fails when it is run again after the downgrade";
    failure::finding(CheckId::ReupgradeFailed, lead, &climbed.migration.upgrade, error)
        .into_iter()
        .collect()
}
