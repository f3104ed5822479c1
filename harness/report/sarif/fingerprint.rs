//! What stays the same of a finding when lines move.
//!
//! Knows identity only: no line, no column, no wording of a server.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::finding::Finding;
use crate::report::{Report, region};

/// The name of the fingerprint; another way of counting takes another number.
pub(super) const NAME: &str = "stairwayFinding/v1";

/// Gives each finding its fingerprint, and equal ones a number.
#[derive(Debug, Default)]
pub(super) struct Fingerprints {
    seen: BTreeMap<String, usize>,
}

impl Fingerprints {
    /// The fingerprint of the next finding, which belongs to `revision` if to any.
    pub(super) fn next(
        &mut self,
        finding: &Finding,
        revision: Option<&str>,
        report: &Report,
    ) -> String {
        let name = finding.file.as_ref().and_then(|file| file.file_name());
        let name = name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let sql = region::pointed(finding, report).unwrap_or_default();
        let mut hash = Sha256::new();
        let mut add = |part: &str| {
            hash.update(part.as_bytes());
            hash.update([0]);
        };
        add(finding.check.as_str());
        add(revision.unwrap_or_default());
        add(&name);
        finding.objects.iter().for_each(|object| add(object));
        add("");
        sql.split_whitespace().for_each(&mut add);
        let mut text = String::new();
        for byte in hash.finalize().iter().take(16) {
            let _ = write!(text, "{byte:02x}");
        }
        let count = self.seen.entry(text.clone()).or_default();
        *count += 1;
        format!("{text}:{count}")
    }
}
