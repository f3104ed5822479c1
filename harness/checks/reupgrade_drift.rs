//! `reupgrade-drift`: the second upgrade gives another schema than the first.
//!
//! An order of columns that the downgrade had already changed is `column-order` and not said twice.

use crate::finding::{CheckId, Finding};
use crate::schema::DriftClass;

use super::Climbed;
use super::schema_drift::{drift, objects, summary};

pub(super) fn judge(climbed: &Climbed<'_>) -> Vec<Finding> {
    let (Some(downgraded), Some(reupgraded)) = (&climbed.downgraded, &climbed.reupgraded) else {
        return Vec::new();
    };
    let known = climbed.before.diff(downgraded);
    let mut difference = climbed.upgraded.diff(reupgraded);
    difference.changes.retain(|change| {
        change.class != DriftClass::OrderOnly
            || !known
                .changes
                .iter()
                .any(|old| old.class == DriftClass::OrderOnly && old.object == change.object)
    });
    if difference.is_empty() {
        return Vec::new();
    }
    let message = format!("the second upgrade gives another schema: {}", summary(&difference));
    vec![
        drift(CheckId::ReupgradeDrift, message, &[&climbed.migration.upgrade], &difference)
            .or_in_file(&climbed.migration.upgrade.path)
            .about(objects(&difference))
            .detail(difference.render())
            .help(
                "an upgrade that looks before it acts (IF NOT EXISTS, DO blocks) hides what the \
                 downgrade left; make the downgrade exact",
            ),
    ]
}
