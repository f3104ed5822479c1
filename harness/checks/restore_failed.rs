//! `restore-failed`: the backup does not restore without errors.

use std::path::Path;

use crate::finding::{CheckId, Finding};
use crate::steps::Restored;

/// One finding for each error that the restore went on after, and each extension that is missing.
pub fn judge(backup: &Path, restored: &Restored) -> Vec<Finding> {
    let extensions = restored.missing_extensions.iter().map(|name| {
        Finding::new(
            CheckId::RestoreFailed,
            format!("the backup needs the extension {name}, which this server does not have"),
        )
        .in_file(backup)
        .help(format!("install {name} for the server, or choose another one with --server"))
    });
    let problems = restored.problems.iter().map(|problem| {
        let finding = Finding::new(
            CheckId::RestoreFailed,
            format!("an error while the backup was restored: {}", problem.message),
        )
        .in_file(backup);
        match &problem.command {
            Some(command) => finding.detail(command.clone()),
            None => finding,
        }
    });
    extensions.chain(problems).collect()
}
