//! Whether what is pending was verified as it is now: by reports, or by doing it.

use std::collections::BTreeSet;

use crate::finding::{self, Severity};
use crate::migrations::MigrationDigest;
use crate::runs::{Scope, Verification, Watch, verify};

use super::database::Looked;
use super::evidence::{Finding, Found};
use super::outcome::State;
use super::{GateError, Request, absent, failed, held, unknown};

/// What is known of the verification of what is pending.
#[derive(Debug, Default)]
pub(super) struct Verified {
    /// For each pending migration, in order.
    pub(super) migrations: Vec<Known>,
    /// Findings that belong to no migration.
    of_run: Vec<Finding>,
    /// Where it was verified, as it is to be shown.
    source: String,
    /// The versions of the servers.
    servers: BTreeSet<String>,
    /// Why a report says nothing.
    ended: Vec<String>,
}

/// What is known of one pending migration.
#[derive(Debug)]
pub(super) enum Known {
    /// It was climbed as it is now.
    Climbed { findings: Vec<Finding>, unjudged: Option<String>, has_rows: bool },
    /// It was climbed when it, or one before it, was another one.
    Changed,
    /// Nothing.
    Nothing,
}

/// Reads it out of the reports that were named, or verifies what is pending.
pub(super) async fn verified(
    request: &Request,
    found: &Found,
    pending: &[MigrationDigest],
    watch: &mut (dyn Watch + Send),
) -> Result<Verified, GateError> {
    if pending.is_empty() {
        return Ok(Verified::default());
    }
    if !found.verifications.is_empty() {
        return Ok(reported(found, pending));
    }
    let revisions = pending.iter().map(|it| it.revision.clone()).collect();
    let options = crate::runs::Options { scope: Scope::Only(revisions), ..request.verify.clone() };
    let verification = Box::pin(verify(&options, watch)).await?;
    Ok(made(&verification, pending))
}

/// What a verification of this run says.
fn made(verification: &Verification, pending: &[MigrationDigest]) -> Verified {
    let known = |wanted: &MigrationDigest| {
        let mut judged = verification.migrations.iter();
        let Some(judged) = judged.find(|it| it.revision == wanted.revision) else {
            return Known::Nothing;
        };
        // The folder may have been changed since it was read.
        let same = verification.digests.iter().find(|it| it.revision == wanted.revision);
        if same.is_none_or(|it| it.digest != wanted.digest) {
            return Known::Changed;
        }
        Known::Climbed {
            findings: judged.findings.iter().map(told).collect(),
            unjudged: judged.unjudged.clone(),
            has_rows: verification.has_rows,
        }
    };
    Verified {
        migrations: pending.iter().map(known).collect(),
        of_run: verification.findings.iter().map(told).collect(),
        source: "verified now".to_owned(),
        servers: BTreeSet::from([verification.server_version.clone()]),
        ended: Vec::new(),
    }
}

fn told(finding: &finding::Finding) -> Finding {
    Finding {
        check: finding.check.to_string(),
        severity: finding.severity,
        message: finding.message.clone(),
        allowed: finding.allowed.clone(),
    }
}

/// What reports say together; each may be of a part only.
fn reported(found: &Found, pending: &[MigrationDigest]) -> Verified {
    let mut verified = Verified::default();
    for (path, report) in &found.verifications {
        if let Some(error) = &report.error {
            verified.ended.push(format!("{}: {}", path.display(), error.message));
        }
        verified.of_run.extend(report.findings.iter().cloned());
        verified.servers.extend(report.server.iter().map(|it| it.version.clone()));
    }
    verified.source = match found.verifications.as_slice() {
        [(path, _)] => format!("verified in {}", path.display()),
        several => format!("verified in {} reports", several.len()),
    };
    for wanted in pending {
        let mut known = Known::Nothing;
        for (_, report) in &found.verifications {
            let mut climbed = report.migrations.iter();
            let Some(one) = climbed.find(|it| it.revision == wanted.revision) else { continue };
            if one.digest.as_ref() != Some(&wanted.digest) {
                if matches!(known, Known::Nothing) {
                    known = Known::Changed;
                }
                continue;
            }
            known = known.and(Known::Climbed {
                findings: one.findings.clone(),
                unjudged: one.unjudged.clone(),
                has_rows: report.coverage.has_rows,
            });
        }
        verified.migrations.push(known);
    }
    verified
}

impl Known {
    /// Of two verifications of the same text all findings count, and rows if one had them.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (
                Self::Climbed { mut findings, unjudged, has_rows },
                Self::Climbed { findings: more, unjudged: too, has_rows: also },
            ) => {
                findings.extend(more);
                Self::Climbed { findings, unjudged: unjudged.or(too), has_rows: has_rows || also }
            }
            (climbed @ Self::Climbed { .. }, _) | (_, climbed) => climbed,
        }
    }
}

fn counts(finding: &Finding, threshold: Severity) -> bool {
    finding.allowed.is_none() && finding.severity >= threshold
}

/// The fact.
pub(super) fn judge(
    request: &Request,
    verified: &Verified,
    pending: &[MigrationDigest],
    looked: &Looked,
) -> State {
    if pending.is_empty() {
        return absent("nothing is pending");
    }
    let policy = &request.policy;
    let both = || pending.iter().zip(&verified.migrations);
    for (migration, known) in both() {
        let revision = &migration.revision;
        match known {
            Known::Climbed { findings, .. } => {
                if let Some(finding) = findings.iter().find(|it| counts(it, policy.fail_on)) {
                    let what = format!("{revision}: {}: {}", finding.check, finding.message);
                    return failed(what).help("`stairway verify` shows all of it");
                }
            }
            Known::Changed => {
                return failed(format!("{revision}, or one before it, is not what was verified"))
                    .help("verify what is to be released");
            }
            Known::Nothing => {}
        }
    }
    if let Some(finding) = verified.of_run.iter().find(|it| counts(it, policy.fail_on)) {
        return failed(format!("{}: {}", finding.check, finding.message));
    }
    for (migration, known) in both() {
        let revision = &migration.revision;
        match known {
            Known::Climbed { unjudged: Some(why), .. } => {
                return unknown(format!("{revision} could not be judged: {why}"));
            }
            Known::Climbed { has_rows: false, .. } if policy.rows => {
                return unknown(format!("{revision} was not tried on rows"))
                    .help("verify without --no-rows, or say `rows = false` in [gate]");
            }
            Known::Nothing => {
                let why = verified.ended.first().map(|it| format!(" ({it})")).unwrap_or_default();
                return unknown(format!("{revision} is in no report{why}"))
                    .help("`stairway verify --report json=PATH`, with all that is pending");
            }
            _ => {}
        }
    }
    let major = looked.version.major.to_string();
    let is_other = |it: &&String| it.split('.').next() != Some(&major);
    if let Some(other) = verified.servers.iter().find(is_other) {
        return unknown(format!("it was verified on {other}, and the database is on {major}"))
            .help(format!("verify with --postgres {major}"));
    }
    held(format!("{} pending, {}", pending.len(), verified.source))
}
