//! `data-dependent-failure`: a script works on empty tables and fails with rows.

use crate::finding::CheckId;
use crate::steps::{StepFailure, Way};

use super::{Class, Suspicion, Tested, failure};

pub(super) fn suspect(tested: &Tested<'_>) -> Option<Suspicion> {
    let (way, error) = tested.tried.failed.as_ref()?;
    let StepFailure::Sql { failure: sql, .. } = error else { return None };
    let upgrade = &tested.migration.upgrade;
    let (script, lead) = match way {
        Way::Up => (upgrade, "the upgrade fails with rows"),
        Way::Down => (
            tested.migration.downgrade.as_ref().unwrap_or(upgrade),
            "the downgrade fails with rows",
        ),
        Way::Again => (upgrade, "the second upgrade fails with rows"),
    };
    let finding = failure::finding(CheckId::DataDependentFailure, lead, script, error)?;
    let class =
        Class::Failure { way: *way, sqlstate: sql.sqlstate.clone(), place: sql.object.clone() };
    let finding = match &finding.help {
        Some(_) => finding,
        None => match help(&sql.sqlstate) {
            Some(help) => finding.help(help),
            None => finding,
        },
    };
    let objects = sql.object.clone();
    Some(Suspicion { class, finding: finding.about(objects), hint: Vec::new() })
}

fn help(sqlstate: &str) -> Option<&'static str> {
    Some(match sqlstate {
        "23505" => "look for duplicates first and settle them in the same migration, before the unique index",
        "23502" => "give the rows that are there a value before SET NOT NULL, or add the column with a default",
        "23503" => "settle the rows that refer to nothing before the foreign key, or add it NOT VALID and validate it later",
        "23514" => "settle the rows that the constraint refuses before it, or add it NOT VALID and validate it later",
        "22003" | "22001" => "check that every value fits the new type before changing it",
        "22P02" | "22007" | "22008" => "convert only the values that are of that form, and say what becomes of the others",
        "22012" => "guard the division: nullif(divisor, 0)",
        _ => return None,
    })
}
