//! `downgrade-failed`: the downgrade does not run right after its own upgrade.

use crate::finding::{CheckId, Finding};

use super::{Climbed, failure};

pub(super) fn judge(climbed: &Climbed<'_>) -> Vec<Finding> {
    let (Some(Err(error)), Some(script)) = (&climbed.downgrade, &climbed.migration.downgrade)
    else {
        return Vec::new();
    };
    failure::finding(CheckId::DowngradeFailed, "the downgrade fails", script, error)
        .into_iter()
        .collect()
}
