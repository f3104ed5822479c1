//! `sequence-behind`: a sequence would hand out a value that exists, is near its end, or ends before
//! its column's type does.

use crate::data::Drawn;
use crate::finding::{CheckId, Finding};

use super::{Class, Suspicion, Tested};

pub(super) fn suspect(tested: &Tested<'_>) -> Vec<Suspicion> {
    let Some((before, after)) = &tested.tried.sequences else { return Vec::new() };
    let same = |now: &Drawn| before.iter().find(|it| it.sequence == now.sequence).cloned();
    let mut found = Vec::new();
    for now in after {
        let was = same(now);
        let told = is_behind(now).filter(|_| was.as_ref().is_none_or(|it| is_behind(it).is_none()));
        let told = told.or_else(|| {
            let end = ends_early(now)?;
            was.as_ref().is_none_or(|it| ends_early(it).is_none()).then_some(end)
        });
        let told = told.or_else(|| {
            let end = is_near_end(now)?;
            was.as_ref().is_none_or(|it| is_near_end(it).is_none()).then_some(end)
        });
        if let Some((message, help)) = told {
            let finding = Finding::new(CheckId::SequenceBehind, message)
                .in_file(&tested.migration.upgrade.path)
                .about([now.sequence.clone()])
                .help(help);
            let class = Class::Sequence(now.sequence.clone());
            found.push(Suspicion { class, finding, hint: Vec::new() });
        }
    }
    found
}

/// The next value is one that the column has, or will come to one.
fn is_behind(drawn: &Drawn) -> Option<(String, String)> {
    let top = drawn.top.filter(|_| drawn.increment > 0)?;
    let next =
        if drawn.is_called { drawn.last.saturating_add(drawn.increment) } else { drawn.last };
    let Drawn { table, column, sequence, .. } = drawn;
    (top >= next).then(|| {
        (
            format!(
                "{sequence} would hand out {next} next, and {} goes up to {top} already",
                table.column(column)
            ),
            format!(
                "move it on in the same migration: SELECT setval('{sequence}', (SELECT max({column}) FROM {table}))"
            ),
        )
    })
}

/// Of a hundred numbers that the sequence can hand out and the column can hold so many are left, or
/// fewer.
const NEAR: i64 = 5;

fn is_near_end(drawn: &Drawn) -> Option<(String, String)> {
    let widest = match drawn.type_name.as_str() {
        "int2" => i64::from(i16::MAX),
        "int4" => i64::from(i32::MAX),
        _ => i64::MAX,
    };
    let end = drawn.max.min(widest);
    let left = end.saturating_sub(drawn.last);
    (left <= end / 100 * NEAR && !drawn.cycles && drawn.increment > 0).then(|| {
        let Drawn { table, column, sequence, last, .. } = drawn;
        (
            format!(
                "{sequence} is at {last} and {} ends at {end}: {} numbers are left",
                table.column(column),
                left.max(0)
            ),
            format!("widen the column and its sequence, or give {sequence} a lower value"),
        )
    })
}

/// The sequence is still that of a narrower type.
fn ends_early(drawn: &Drawn) -> Option<(String, String)> {
    let wide = match drawn.type_name.as_str() {
        "int8" => "bigint",
        "int4" => "integer",
        _ => return None,
    };
    let narrow = drawn.max == i64::from(i16::MAX)
        || (drawn.max == i64::from(i32::MAX) && drawn.type_name == "int8");
    (narrow && !drawn.cycles && drawn.increment > 0).then(|| {
        let Drawn { table, column, sequence, max, .. } = drawn;
        (
            format!("{sequence} ends at {max}, while {} is {wide}", table.column(column)),
            format!("widen it as well: ALTER SEQUENCE {sequence} AS {wide}"),
        )
    })
}
