//! `schema-drift`: the downgrade leaves a schema that differs from the one before the upgrade.

use std::collections::BTreeSet;

use crate::finding::{CheckId, Finding};
use crate::migrations::Script;
use crate::schema::{Change, Difference, DriftClass};

use super::{Climbed, place};

pub(super) fn judge(climbed: &Climbed<'_>) -> Vec<Finding> {
    let Some(script) = &climbed.migration.downgrade else { return Vec::new() };
    let Some(downgraded) = &climbed.downgraded else { return Vec::new() };
    // A downgrade without statements is a verdict of its own, which says all of this.
    if script.is_blank() {
        return Vec::new();
    }
    let difference = without_order(climbed.before.diff(downgraded));
    if difference.is_empty() {
        return Vec::new();
    }
    let message = format!("the downgrade does not give back the schema: {}", summary(&difference));
    vec![
        drift(CheckId::SchemaDrift, message, &[script, &climbed.migration.upgrade], &difference)
            .or_in_file(&script.path)
            .about(objects(&difference))
            .detail(difference.render())
            .help("make the downgrade the exact inverse of the upgrade"),
    ]
}

/// A finding that points at the first change that a script names.
pub(super) fn drift(
    check: CheckId,
    message: String,
    scripts: &[&Script],
    difference: &Difference,
) -> Finding {
    let place = difference.changes.iter().find_map(|change| place::of_change(scripts, change));
    let finding = Finding::new(check, message);
    match place {
        Some(span) => finding.at(span),
        None => finding,
    }
}

/// The difference without what is only the order of columns: that is `column-order`.
pub(super) fn without_order(mut difference: Difference) -> Difference {
    difference.changes.retain(|change| change.class != DriftClass::OrderOnly);
    difference
}

/// The names of all objects in a difference, each once.
pub(super) fn objects(difference: &Difference) -> BTreeSet<String> {
    difference.changes.iter().map(|change| change.name.clone()).collect()
}

/// Up to three changes in words, and how many more there are.
pub(super) fn summary(difference: &Difference) -> String {
    let mut words: Vec<String> = difference.changes.iter().take(3).map(one).collect();
    let more = difference.changes.len().saturating_sub(words.len());
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    words.join(", ")
}

fn one(change: &Change) -> String {
    let what = match &change.part {
        Some(part) => format!("{part} of {}", change.object),
        None => change.object.clone(),
    };
    match change.class {
        DriftClass::Missing => format!("{what} is missing"),
        DriftClass::Extra => format!("{what} is left behind"),
        DriftClass::Changed => format!("{what} differs"),
        DriftClass::OrderOnly => format!("the column order of {what} differs"),
        DriftClass::NameOnly => format!("{what} has another name"),
    }
}
