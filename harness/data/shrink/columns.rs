//! Columns that are not needed are blanked.
//!
//! Knows which columns may be blanked. Must not know rows one by one.

use std::collections::BTreeSet;

use super::search::{Oracle, Search, Stop};

/// Blanks columns, all at once if possible, and returns those that are needed.
pub(super) async fn clear_columns<O: Oracle>(
    search: &mut Search<'_, O>,
) -> Result<Vec<(usize, usize)>, Stop<O::Error>> {
    let base = search.best.clone();
    let linked = base.linked();
    let mut columns = Vec::new();
    for (table, place, column) in base.columns() {
        let is_free = column.is_given && !column.is_key && !linked.contains(&(table, place));
        if let Some(blank) = column.blank().filter(|_| is_free)
            && base.cells(table, place).any(|cell| *cell != blank)
        {
            columns.push((table, place, blank));
        }
    }
    let build = |kept: &BTreeSet<usize>| {
        let mut case = base.clone();
        for (number, (table, place, blank)) in columns.iter().enumerate() {
            if !kept.contains(&number) {
                case.change(*table, *place, |_, _| Some(blank.clone()));
            }
        }
        case
    };
    let all = (0..columns.len()).collect();
    let needed = search.fewest(BTreeSet::new(), all, build).await?;
    let needed = needed.into_iter().filter_map(|number| columns.get(number));
    Ok(needed.map(|(table, place, _)| (*table, *place)).collect())
}
