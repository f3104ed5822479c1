//! Findings that an author allowed: whoever reviews them says so in the policy, for one text of one file.

use crate::migrations::MigrationDigest;

use super::outcome::State;
use super::policy::{Policy, Reviewed};
use super::verification::{Known, Verified};
use super::{absent, failed, held, unknown};

/// So much of a digest is shown to be written into the policy.
const SHOWN: usize = 12;

/// The fact.
pub(super) fn judge(policy: &Policy, verified: &Verified, pending: &[MigrationDigest]) -> State {
    if pending.is_empty() {
        return absent("nothing is pending");
    }
    let (mut allowed, mut open) = (0, Vec::new());
    let mut is_known = true;
    for (migration, known) in pending.iter().zip(&verified.migrations) {
        let Known::Climbed { findings, .. } = known else {
            is_known = false;
            continue;
        };
        let mut checks: Vec<&str> = Vec::new();
        for finding in findings.iter().filter(|it| it.allowed.is_some()) {
            if !checks.contains(&finding.check.as_str()) {
                checks.push(&finding.check);
            }
        }
        allowed += checks.len();
        open.extend(
            checks
                .into_iter()
                .filter(|check| !is_reviewed(policy, migration, check))
                .map(|check| (migration, check)),
        );
    }
    if let Some((migration, check)) = open.first() {
        let more = match open.len() {
            1 => String::new(),
            count => format!(", and {} more", count - 1),
        };
        let entries: Vec<String> = open.iter().map(|(it, check)| entry(it, check)).collect();
        return failed(format!(
            "{}: {check} is allowed, and nobody reviewed it{more}",
            migration.revision
        ))
        .help(format!("once somebody has, write into stairway.toml\n{}", entries.join("\n")));
    }
    if !is_known {
        return unknown("what is pending was not verified as it is");
    }
    match allowed {
        0 => held("none"),
        count => held(format!("{count} reviewed")),
    }
}

fn is_reviewed(policy: &Policy, migration: &MigrationDigest, check: &str) -> bool {
    let is_it = |it: &&Reviewed| it.revision == migration.revision && it.check == check;
    let sha256 = upgrade(migration);
    policy.reviewed.iter().filter(is_it).any(|it| sha256.starts_with(&it.sha256))
}

/// The digest of the file that the upgrade is in.
fn upgrade(migration: &MigrationDigest) -> &str {
    migration.files.first().map_or("", |file| file.sha256.as_str())
}

/// What is to be written.
fn entry(migration: &MigrationDigest, check: &str) -> String {
    let sha256 = upgrade(migration).get(..SHOWN).unwrap_or_default();
    // What JSON quotes TOML reads.
    let revision = serde_json::Value::from(migration.revision.as_str());
    format!("[[gate.reviewed]]\nrevision = {revision}\ncheck = \"{check}\"\nsha256 = \"{sha256}\"")
}
