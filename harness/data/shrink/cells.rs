//! Single values are blanked or made simpler.
//!
//! Knows the cells of needed columns. Must not know what makes a value simpler: that is `ways`.

use std::collections::BTreeSet;

use super::case::{Case, CaseColumn};
use super::search::{Oracle, Search, Stop};
use super::ways::{Way, ways};
use crate::data::rows::Cell;

/// One cell: table, column, row.
type Place = (usize, usize, usize);

/// Blanks the cells of needed columns that are not needed themselves.
pub(super) async fn clear_cells<O: Oracle>(
    search: &mut Search<'_, O>,
    columns: &[(usize, usize)],
) -> Result<(), Stop<O::Error>> {
    let base = search.best.clone();
    let mut cells: Vec<Place> = Vec::new();
    // A column's only value is needed, as the column is.
    let mut kept = BTreeSet::new();
    for (table, place) in columns {
        let rows = filled(&base, *table, *place);
        let from = cells.len();
        cells.extend(rows.iter().map(|row| (*table, *place, *row)));
        kept.extend((from..cells.len()).filter(|_| rows.len() == 1));
    }
    let build = |kept: &BTreeSet<usize>| {
        let mut case = base.clone();
        for (number, (table, place, row)) in cells.iter().enumerate() {
            let blank = base.column(*table, *place).and_then(CaseColumn::blank);
            if !kept.contains(&number) {
                let own = |at, _: &_| if at == *row { blank.clone() } else { None };
                case.change(*table, *place, own);
            }
        }
        case
    };
    let suspects = (0..cells.len()).filter(|number| !kept.contains(number)).collect();
    search.fewest(kept, suspects, build).await?;
    Ok(())
}

/// Makes the values of needed columns simpler: all of a column in the same way, or else one by one.
pub(super) async fn simplify_cells<O: Oracle>(
    search: &mut Search<'_, O>,
    columns: &[(usize, usize)],
) -> Result<(), Stop<O::Error>> {
    for (table, place) in columns.iter().copied() {
        let rows = filled(&search.best, table, place);
        if first_way(search, (table, place), &rows).await? || rows.len() == 1 {
            continue;
        }
        for row in rows {
            first_way(search, (table, place), &[row]).await?;
        }
    }
    Ok(())
}

/// Takes the first way to simplify these cells that still shows it, if there is one.
async fn first_way<O: Oracle>(
    search: &mut Search<'_, O>,
    (table, place): (usize, usize),
    rows: &[usize],
) -> Result<bool, Stop<O::Error>> {
    let Some(column) = search.best.column(table, place).cloned() else { return Ok(false) };
    let cells = || search.best.cells(table, place).enumerate();
    let is_known = |cell: &Cell| cell.as_ref().is_some_and(|value| column.known.contains(value));
    if cells().all(|(row, cell)| !rows.contains(&row) || is_known(cell)) {
        return Ok(true);
    }
    for way in ways(&column, rows.len() > 1) {
        let candidate = changed(&search.best, &column, (table, place), rows, way);
        if candidate != search.best && search.ask(candidate).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn changed(
    case: &Case,
    column: &CaseColumn,
    (table, place): (usize, usize),
    rows: &[usize],
    way: Way,
) -> Case {
    let mut case = case.clone();
    case.change(table, place, |row, cell| {
        let value = cell.as_deref().filter(|_| rows.contains(&row))?;
        way.simpler(column, value).map(Some)
    });
    case
}

/// The rows in which a column is not blank.
fn filled(case: &Case, table: usize, place: usize) -> Vec<usize> {
    let blank = case.column(table, place).and_then(CaseColumn::blank);
    let cells = case.cells(table, place).enumerate();
    cells.filter(|(_, cell)| Some(*cell) != blank.as_ref()).map(|(row, _)| row).collect()
}
