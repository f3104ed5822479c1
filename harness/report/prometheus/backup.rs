//! A backup that was made.

use std::time::Duration;

use crate::backup::Manifest;

use super::Samples;
use super::families::{BACKUP_CREATED, BACKUP_LEVEL, BACKUP_SIZE, BACKUPS_RETAINED, RUN_DURATION};

/// What a backup has to say: its manifest, and how long the stages of making it took.
pub fn backup(manifest: &Manifest, stages: &[(&str, Duration)]) -> Samples {
    let mut samples = Samples::default();
    samples.set(&BACKUP_SIZE, &[], manifest.bytes);
    samples.set(&BACKUP_CREATED, &[], manifest.created_at);
    samples.set(&BACKUP_LEVEL, &[], u64::from(u8::from(manifest.level)));
    for (stage, seconds) in stages {
        samples.set(&RUN_DURATION, &[stage], *seconds);
    }
    samples
}

/// How many backups there are that can be relied on.
pub fn retained(count: usize) -> Samples {
    let mut samples = Samples::default();
    samples.set(&BACKUPS_RETAINED, &[], count);
    samples
}
