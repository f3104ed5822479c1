//! `downgrade-missing`: there is no way back, and nobody said so.

use crate::finding::{CheckId, Finding};

use super::Climbed;

pub(super) fn judge(climbed: &Climbed<'_>) -> Vec<Finding> {
    let migration = climbed.migration;
    let (message, file) = match &migration.downgrade {
        None => ("there is no downgrade", &migration.upgrade.path),
        // A migration that changes nothing may well have nothing to take back.
        Some(script) if script.is_blank() && !migration.upgrade.is_blank() => {
            ("the downgrade holds no statement", &script.path)
        }
        Some(_) => return Vec::new(),
    };
    vec![Finding::new(CheckId::DowngradeMissing, message).in_file(file).help(
        "write the downgrade, or say why there is none: `-- stairway: irreversible reason: ..`",
    )]
}
