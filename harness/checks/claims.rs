//! Claims, both ways: what an author claimed is accepted, and a claim that nothing came of is
//! `stale-claim`.

use std::path::Path;

use crate::data::{Difference, Name, RestDifference, Rows, compare};
use crate::finding::{CheckId, Claim, ClaimKind, Finding};
use crate::migrations::Migration;

use super::Tested;

/// Accepts the findings that a claim of `migration` covers and adds one for each stale claim.
/// `came_true` are the claims about rows that something came of; `None` if no rows were tried.
pub fn settle(
    migration: &Migration,
    mut findings: Vec<Finding>,
    came_true: Option<&[Claim]>,
) -> Vec<Finding> {
    let mut stale = Vec::new();
    // What only measuring finds is nobody's to call stale here.
    for claim in migration.claims.iter().filter(|claim| !is_measured(claim)) {
        let mut used = false;
        for finding in findings.iter_mut().filter(|finding| covers(claim, finding)) {
            used = true;
            finding.allowed = Some(reason(claim));
        }
        let judged = if claim.is_about_rows() {
            came_true.is_some_and(|true_ones| !true_ones.contains(claim))
        } else {
            true
        };
        if judged && !used {
            stale.push(finding(claim, &migration.upgrade.path));
        }
    }
    findings.extend(stale);
    if migration.upgrade.program.is_some() {
        // Where the source is no SQL, a comment begins otherwise.
        for help in findings.iter_mut().filter_map(|finding| finding.help.as_mut()) {
            *help = help.replace("-- stairway:", "# stairway:");
        }
    }
    findings
}

/// Likewise; besides, a claim that a table may be written anew is stale if it was not, and is none of the
/// tables that the migration names and that are `empty`. How long others wait differs from time to time.
pub fn accept_measured(
    migration: &Migration,
    findings: Vec<Finding>,
    empty: &[&str],
) -> Vec<Finding> {
    let mut findings = accept(migration, findings);
    for claim in &migration.claims {
        let is_about = claim.kind == ClaimKind::Allow(CheckId::TableRewrite);
        // What has no rows is not written anew: that is not the claim's fault.
        let is_empty = empty.iter().any(|table| names(&claim.object, table));
        if is_about && !is_empty && !findings.iter().any(|finding| covers(claim, finding)) {
            findings.push(finding(claim, &migration.upgrade.path));
        }
    }
    findings
}

/// Accepts the findings of a measurement of `migration` that a claim covers.
pub fn accept(migration: &Migration, mut findings: Vec<Finding>) -> Vec<Finding> {
    let is_allowed = |claim: &&Claim| matches!(claim.kind, ClaimKind::Allow(_));
    for claim in migration.claims.iter().filter(is_allowed) {
        for finding in findings.iter_mut().filter(|finding| covers(claim, finding)) {
            finding.allowed = Some(reason(claim));
        }
    }
    findings
}

fn is_measured(claim: &Claim) -> bool {
    matches!(claim.kind, ClaimKind::Allow(check) if check.is_measured())
}

/// The reason that a claim gives, or the claim itself.
pub(super) fn reason(claim: &Claim) -> String {
    match claim.reason.as_str() {
        "" => format!("claimed {}", claim.words()),
        reason => reason.to_owned(),
    }
}

/// Whether something came of a claim about rows: what it says is lost, deleted, changed or inserted
/// was so after the upgrade or after up and down.
pub fn came_true(claim: &Claim, tested: &Tested<'_>) -> bool {
    let seen = [&tested.tried.upgraded, &tested.tried.downgraded];
    let mut differences = seen.into_iter().flatten().flat_map(|after| {
        compare(tested.before, after).into_iter().chain(new_rows(tested.before, after))
    });
    match &claim.kind {
        ClaimKind::Lossy => {
            differences.any(|(name, difference)| {
                let lost = difference.loses() && claimed_table(&claim.object, &name);
                let changed = difference.columns();
                lost || changed.iter().any(|column| covers_column(&claim.object, &name, column))
            }) || is_dropped(&claim.object, tested)
        }
        ClaimKind::Backfills(_) => differences.any(|(name, difference)| {
            let changed = difference.columns();
            changed.iter().any(|column| covers_column(&claim.object, &name, column))
        }),
        ClaimKind::Deletes(_) => differences
            .any(|(name, difference)| difference.loses() && claimed_table(&claim.object, &name)),
        ClaimKind::Inserts => differences
            .any(|(name, difference)| difference.adds() && claimed_table(&claim.object, &name)),
        _ => false,
    }
}

/// The rows of tables that were not there before.
fn new_rows(before: &Rows, after: &Rows) -> Vec<(Name, Difference)> {
    let new = after.0.iter().filter(|(name, _)| !before.0.contains_key(*name));
    new.map(|(name, held)| {
        let added = held.rest.as_ref().map(|rest| rest.rows);
        let rest = added.map(|added| RestDifference { added, ..RestDifference::default() });
        let added = (0..held.rows.len()).collect();
        (name.clone(), Difference { added, rest, ..Difference::default() })
    })
    .collect()
}

/// Whether the upgrade takes away the table or column, which held something.
fn is_dropped(object: &str, tested: &Tested<'_>) -> bool {
    let Some(after) = &tested.tried.upgraded else { return false };
    let mut held = tested.before.0.iter().filter(|(_, held)| !held.is_empty());
    held.any(|(name, held)| match after.0.get(name) {
        None => claimed_table(object, name),
        Some(now) => held
            .columns
            .iter()
            .any(|column| !now.columns.contains(column) && covers_column(object, name, column)),
    })
}

/// Whether a claim's object is this table.
pub fn claimed_table(object: &str, table: &Name) -> bool {
    let said = unquoted(object);
    said == table.name || said == format!("{}.{}", table.schema, table.name)
}

/// Whether a claim's object is this column, or its whole table.
pub(super) fn covers_column(object: &str, table: &Name, column: &str) -> bool {
    let said = unquoted(object);
    claimed_table(object, table)
        || said
            .strip_suffix(column)
            .and_then(|rest| rest.strip_suffix('.'))
            .is_some_and(|rest| claimed_table(rest, table))
}

fn unquoted(object: &str) -> String {
    object.replace('"', "")
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
        // What a script is claimed to fail with is in its name or its SQLSTATE.
        ClaimKind::ExpectError(ref sqlstate) => {
            finding.check == CheckId::DataDependentFailure
                && finding.message.contains(sqlstate.as_str())
                && (*sqlstate == claim.object || finding.objects.contains(&claim.object))
        }
        // Those of rows are settled where the rows are.
        ClaimKind::Lossy | ClaimKind::Deletes(_) | ClaimKind::Backfills(_) | ClaimKind::Inserts => {
            false
        }
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
