//! Columns that are not needed are blanked.
//!
//! Knows which columns may be blanked. Must not know rows one by one.

use std::collections::BTreeSet;

use super::case::Case;
use super::search::{Oracle, Search, Stop};
use crate::data::rows::Cell;

/// Blanks columns, all at once if possible, and returns those that are needed.
pub(super) async fn clear_columns<O: Oracle>(
    search: &mut Search<'_, O>,
) -> Result<Vec<(usize, usize)>, Stop<O::Error>> {
    let base = search.best.clone();
    let columns = free(&base);
    let all = (0..columns.len()).collect();
    let build = |kept: &BTreeSet<usize>| blanked(&base, &columns, kept);
    let needed = search.fewest(BTreeSet::new(), all, build).await?;
    let needed = needed.into_iter().filter_map(|number| columns.get(number));
    Ok(needed.map(|(table, place, _)| (*table, *place)).collect())
}

/// The case with all columns blank that may be.
pub(super) fn cleared(case: &Case) -> Case {
    blanked(case, &free(case), &BTreeSet::new())
}

/// The columns that may be blanked and are not, by table and place, and what they become.
fn free(case: &Case) -> Vec<(usize, usize, Cell)> {
    let linked = case.linked();
    let mut columns = Vec::new();
    for (table, place, column) in case.columns() {
        let is_free = column.is_given && !column.is_key && !linked.contains(&(table, place));
        if let Some(blank) = column.blank().filter(|_| is_free)
            && case.cells(table, place).any(|cell| *cell != blank)
        {
            columns.push((table, place, blank));
        }
    }
    columns
}

fn blanked(base: &Case, columns: &[(usize, usize, Cell)], kept: &BTreeSet<usize>) -> Case {
    let mut case = base.clone();
    for (number, (table, place, blank)) in columns.iter().enumerate() {
        if !kept.contains(&number) {
            case.change(*table, *place, |_, _| Some(blank.clone()));
        }
    }
    case
}
