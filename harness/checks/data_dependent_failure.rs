//! `data-dependent-failure`: a script works on empty tables and fails with rows.

use crate::data::{Name, Rows};
use crate::finding::{CheckId, Finding, Severity};
use crate::steps::{StepFailure, Way};

use super::{Class, Suspicion, Tested, failure};

pub(super) fn suspect(tested: &Tested<'_>) -> Option<Suspicion> {
    let (way, error) = tested.tried.failed.as_ref()?;
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
    let sql = match error {
        StepFailure::Sql { failure, .. } => failure,
        StepFailure::Program { kind, span, .. } => {
            let place = span.as_ref().map(|span| format!("line {}", span.line));
            let sqlstate = kind.clone().unwrap_or_default();
            let class = Class::Failure { way: *way, sqlstate, place };
            return Some(Suspicion { class, finding, hint: Vec::new() });
        }
        _ => return None,
    };
    let class =
        Class::Failure { way: *way, sqlstate: sql.sqlstate.clone(), place: sql.object.clone() };
    let is_of_the_session = lacks_setting(&sql.sqlstate, &sql.message);
    let finding = match &finding.help {
        // Whether it is set where this runs in earnest can't be known.
        _ if is_of_the_session => Finding { severity: Severity::Warning, ..finding.help(SETTING) },
        Some(_) => finding,
        None => match advice(&sql.sqlstate) {
            Some(help) => finding.help(help),
            None => finding,
        },
    };
    let objects = sql.object.clone();
    let hint =
        sql.detail.as_deref().map(|detail| named_rows(tested.before, detail)).unwrap_or_default();
    Some(Suspicion { class, finding: finding.about(objects), hint })
}

const SETTING: &str = "with rows the script reads a setting that nothing set in this session: give \
    current_setting a second argument, true, and settle what NULL means, or set it in the script; if \
    whoever runs the migrations sets it, say so: -- stairway: expect-error 42704 reason: ..";

/// Whether a script read a custom setting, which has a point in its name, that nobody has set.
fn lacks_setting(sqlstate: &str, message: &str) -> bool {
    let setting = message.strip_prefix("unrecognized configuration parameter \"");
    sqlstate == "42704" && setting.is_some_and(|setting| setting.contains('.'))
}

/// The rows that the server's detail shows: `(1, a, null)` whole, or `=(1, a)` the values of a key.
/// Only where to look first: it is tried, and the words around do not matter.
pub fn named_rows(given: &Rows, detail: &str) -> Vec<(Name, usize)> {
    let key = detail.split_once(")=(").and_then(|(_, rest)| rest.split_once(')'));
    let key: Option<Vec<String>> =
        key.map(|(values, _)| values.split(", ").map(str::to_lowercase).collect());
    let mut rows = Vec::new();
    for (name, held) in &given.0 {
        for (at, row) in held.rows.iter().enumerate() {
            let has = |value: &String| row.iter().flatten().any(|it| it.to_lowercase() == *value);
            let is_named = if let Some(key) = &key {
                key.iter().all(has)
            } else {
                let cells = row.iter().map(|cell| cell.as_deref().unwrap_or("null"));
                detail.contains(&format!("({})", cells.collect::<Vec<_>>().join(", ")))
            };
            if is_named {
                rows.push((name.clone(), at));
            }
        }
    }
    rows
}

/// What to do about a failure with this SQLSTATE.
pub fn advice(sqlstate: &str) -> Option<&'static str> {
    Some(match sqlstate {
        "23505" => {
            "look for duplicates first and settle them in the same migration, before the unique index"
        }
        "23502" => {
            "give the rows that are there a value before SET NOT NULL, or add the column with a default"
        }
        "23503" => {
            "settle the rows that refer to nothing before the foreign key, or add it NOT VALID and validate it later"
        }
        "23514" => {
            "settle the rows that the constraint refuses before it, or add it NOT VALID and validate it later"
        }
        "22003" | "22001" => "check that every value fits the new type before changing it",
        "22P02" | "22007" | "22008" => {
            "convert only the values that are of that form, and say what becomes of the others"
        }
        "22012" => "guard the division: nullif(divisor, 0)",
        _ => return None,
    })
}
