//! Locks beside backups, which the kernel lets go of when their holder ends.

use std::fs::File;
use std::path::Path;

use super::BackupError;

/// A backup that nobody deletes as long as this lives.
#[derive(Debug)]
pub struct Lease {
    _file: Option<File>,
}

impl Lease {
    pub(super) fn hold(_: &Path) -> Result<Self, BackupError> {
        Ok(Self { _file: None })
    }
}
