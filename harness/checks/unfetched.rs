//! What fingerprints say of rows that were not fetched since a table has too many of them.
//!
//! The findings are those of the same check about rows that were fetched; what can't be told of
//! single rows is left out. No value is known here but a column's last one, which is never said.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::{Difference, LARGE, Name, RestDifference};
use crate::finding::{CheckId, Claim, ClaimKind, Finding};

use super::claims::{claimed_table, covers_column, reason};
use super::data_loss::{
    Place, claim, file, is_value_claim, keep_rows, keep_values, may_be_touched, not_what_they_were,
};
use super::{Class, Suspicion, Tested};

/// `data-loss`. No suspicion has a hint: none names a row.
pub(super) fn suspect(
    tested: &Tested<'_>,
    place: &Place<'_>,
    difference: &Difference,
) -> Vec<Suspicion> {
    let Some(rest) = &difference.rest else { return Vec::new() };
    if rest.lost > 0 {
        return vec![gone(tested, place, rest)];
    }
    if rest.is_mixed {
        return vec![mixed(tested, place, rest)];
    }
    let mut groups: BTreeMap<Option<String>, BTreeSet<&String>> = BTreeMap::new();
    for column in rest.columns.iter().filter(|column| !is_touched(tested, place, column)) {
        groups.entry(allowed(tested, place.name, column)).or_default().insert(column);
    }
    let suspicion = |(allowed, columns)| changed(tested, place, rest, columns, allowed);
    groups.into_iter().map(suspicion).collect()
}

/// How a finding says that rows were not looked at one by one.
pub(super) fn how(name: &Name) -> String {
    format!(
        "{name} has more than {LARGE} rows: they were compared in the server, by a fingerprint of \
         each column and of whole rows, not one by one"
    )
}

fn gone(tested: &Tested<'_>, place: &Place<'_>, rest: &RestDifference) -> Suspicion {
    let name = place.name;
    let rows = if rest.lost == 1 { "row" } else { "rows" };
    let message =
        format!("{} {rows} of {} rows of {name} gone {}", rest.lost, rest.rows, place.when());
    // Which rows are gone can't be told, so that at least no more are than the claim speaks of.
    let deletable = tested.deletable.0.get(name).and_then(|held| held.rest.as_ref());
    let deletes = |claim: &&Claim| {
        let is_meant = match claim.kind {
            ClaimKind::Deletes(_) => deletable.is_some_and(|it| rest.lost <= it.rows),
            ClaimKind::Lossy => true,
            _ => false,
        };
        is_meant && claimed_table(&claim.object, name)
    };
    let mut finding = finding(tested, name, message).about([name.sql()]).help(keep_rows(name));
    finding.allowed = claim(tested, deletes);
    Suspicion { class: Class::Gone(name.clone()), finding, hint: Vec::new() }
}

fn mixed(tested: &Tested<'_>, place: &Place<'_>, rest: &RestDifference) -> Suspicion {
    let name = place.name;
    let message = format!(
        "rows of {name} are not what they were {}, by a fingerprint of {} rows, though each column \
         has the values that it had",
        place.when(),
        rest.rows
    );
    let finding = finding(tested, name, message).about([name.sql()]);
    let mut finding = finding.help(keep_values(&name.sql()));
    finding.allowed =
        claim(tested, |claim| is_value_claim(claim) && claimed_table(&claim.object, name));
    let columns = rest.columns.clone();
    Suspicion { class: Class::Changed(name.clone(), columns), finding, hint: Vec::new() }
}

fn changed(
    tested: &Tested<'_>,
    place: &Place<'_>,
    rest: &RestDifference,
    columns: BTreeSet<&String>,
    allowed: Option<String>,
) -> Suspicion {
    let name = place.name;
    let objects: Vec<String> = columns.iter().map(|column| name.column(column)).collect();
    let at_least = match rest.at_least {
        0 => String::new(),
        1 => ", in 1 of them at least".to_owned(),
        count => format!(", in {count} of them at least"),
    };
    let message = format!(
        "{}, by a fingerprint of {} rows{at_least}",
        not_what_they_were(&objects, place),
        rest.rows
    );
    let object = match objects.as_slice() {
        [one] => one.clone(),
        _ => name.sql(),
    };
    let mut finding = finding(tested, name, message).about(objects).help(keep_values(&object));
    finding.allowed = allowed;
    let columns = columns.into_iter().cloned().collect();
    Suspicion { class: Class::Changed(name.clone(), columns), finding, hint: Vec::new() }
}

fn finding(tested: &Tested<'_>, name: &Name, message: String) -> Finding {
    Finding::new(CheckId::DataLoss, message).in_file(file(tested)).detail(how(name))
}

/// The reason of a claim about the column. Whether old and new values are those that it speaks of is
/// seen of the rows beside these only.
fn allowed(tested: &Tested<'_>, name: &Name, column: &str) -> Option<String> {
    let mut claims = tested.migration.claims.iter();
    let claim =
        claims.find(|claim| is_value_claim(claim) && covers_column(&claim.object, name, column));
    claim.map(reason)
}

/// Whether the last value is the time of the transaction, as a trigger writes it.
fn is_touched(tested: &Tested<'_>, place: &Place<'_>, column: &str) -> bool {
    let print = place.after.rest.as_ref().and_then(|rest| rest.columns.get(column));
    let last = print.and_then(|print| print.last.as_deref());
    may_be_touched(tested, place.name, column)
        && last.is_some_and(|last| tested.tried.clock.is_now(last))
}
