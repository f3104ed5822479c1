//! Claims, both ways: what an author claimed is accepted, and a claim that nothing came of is
//! `stale-claim`.

use std::path::Path;

use crate::finding::{CheckId, Claim, ClaimKind, Finding};
use crate::migrations::Migration;

/// Accepts the findings that a claim of `migration` covers and adds one for each stale claim.
pub fn settle(migration: &Migration, mut findings: Vec<Finding>) -> Vec<Finding> {
    let mut stale = Vec::new();
    for claim in &migration.claims {
        let mut used = false;
        for finding in findings.iter_mut().filter(|finding| covers(claim, finding)) {
            used = true;
            finding.allowed = Some(if claim.reason.is_empty() {
                format!("claimed {}", claim.words())
            } else {
                claim.reason.clone()
            });
        }
        // Claims about rows are judged where rows are.
        let judged = !matches!(claim.kind, ClaimKind::Rows(_));
        if judged && !used {
            stale.push(finding(claim, &migration.upgrade.path));
        }
    }
    findings.extend(stale);
    findings
}

fn covers(claim: &Claim, finding: &Finding) -> bool {
    let about = || {
        let object = claim.object.as_str();
        // All objects must be claimed: one claim never hides what happens to another object.
        !finding.objects.is_empty() && finding.objects.iter().all(|name| names(object, name))
    };
    match claim.kind {
        ClaimKind::Irreversible => {
            matches!(finding.check, CheckId::DowngradeMissing | CheckId::DowngradeFailed)
        }
        ClaimKind::OrderDrift => finding.check == CheckId::ColumnOrder && about(),
        ClaimKind::Allow(check) => finding.check == check && about(),
        ClaimKind::Rows(_) => false,
    }
}

/// `orders` and `public.orders` both name `public.orders`; a column or signature may follow.
fn names(claimed: &str, name: &str) -> bool {
    let bare = name.split_once('.').map_or(name, |(_, bare)| bare);
    claimed == name
        || claimed == bare
        || name.split_once('(').is_some_and(|(routine, _)| routine == claimed)
}

fn finding(claim: &Claim, file: &Path) -> Finding {
    let message = format!("nothing came of the claim `{}`", claim.words());
    let finding = Finding::new(CheckId::StaleClaim, message)
        .help("take it out, so that it hides nothing later");
    match &claim.span {
        Some(span) => finding.at(span.clone()),
        None => finding.in_file(file),
    }
}
