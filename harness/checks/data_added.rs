//! `data-added`: rows stand after up and down that did not before, and no claim says so.

use crate::data::{Difference, Name, TableRows, compare};
use crate::finding::{CheckId, ClaimKind, Finding};

use super::claims::claimed_table;
use super::data_loss::{file, list, rows, written};
use super::{Class, Suspicion, Tested, unfetched};

pub(super) fn suspect(tested: &Tested<'_>) -> Vec<Suspicion> {
    let Some(after) = &tested.tried.downgraded else { return Vec::new() };
    let mut found = Vec::new();
    for (name, difference) in compare(tested.before, after) {
        let Some(held) = after.0.get(&name).filter(|_| difference.adds()) else { continue };
        let (count, detail) = told(&name, held, &difference);
        let verb = if count == 1 { "stands" } else { "stand" };
        let message =
            format!("{} of {name} {verb} after up and down, and did not before", rows(count));
        let mut finding = Finding::new(CheckId::DataAdded, message)
            .in_file(file(tested))
            .about([name.sql()])
            .detail(detail)
            .help(format!(
                "delete in the downgrade what the upgrade inserts, or say that it stays: \
                 -- stairway: inserts {name} reason: .."
            ));
        let claims = &tested.migration.claims;
        let claim = claims
            .iter()
            .find(|claim| claim.kind == ClaimKind::Inserts && claimed_table(&claim.object, &name));
        finding.allowed = claim.map(super::claims::reason);
        found.push(Suspicion { class: Class::Added(name.clone()), finding, hint: Vec::new() });
    }
    found
}

/// How many rows came, and which, where that is known.
fn told(name: &Name, held: &TableRows, difference: &Difference) -> (usize, String) {
    let count = difference.added.len();
    if let Some(rest) = difference.rest.as_ref().filter(|rest| rest.added > 0) {
        let added = usize::try_from(rest.added).unwrap_or(usize::MAX);
        return (count.saturating_add(added), unfetched::how(name));
    }
    let added = difference.added.iter().filter_map(|at| held.rows.get(*at));
    let lines = added.map(|row| format!("{name}: {} was not there before", written(held, row)));
    (count, list(lines, count))
}
