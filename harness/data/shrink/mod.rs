//! How a counterexample of rows is made small, and how much of some rows can be kept.
//!
//! Knows rows, which of them point at which, and someone to ask whether a smaller case still shows
//! the finding. Must not know servers, SQL or what the finding is.

mod case;
mod cells;
mod columns;
mod graph;
mod greatest;
mod keys;
mod rows;
mod search;
#[cfg(test)]
mod tests;
mod ways;

pub use case::{Case, CaseColumn, CaseTable, Link};
pub use graph::{closure, rest};
pub use greatest::{Greatest, greatest};
pub use search::{Budget, Oracle};

use search::{Search, Stop};

/// What became of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Shrunk {
    /// The smallest case that is known to show the finding.
    pub case: Case,
    /// How often the oracle was asked.
    pub calls: usize,
    /// Whether the search came to its end; if not, the budget ended first and the case is the best
    /// so far.
    pub is_minimal: bool,
}

/// Makes a case small that is known to show a finding. `hint` is the rows that the finding itself
/// names, as table and row; they are tried first.
///
/// No case is asked twice. A case without any rows is never asked: a finding that shows on empty
/// tables needs no rows to be told.
pub async fn shrink<O: Oracle>(
    case: Case,
    hint: &[(usize, usize)],
    oracle: &mut O,
    budget: Budget,
) -> Result<Shrunk, O::Error> {
    let mut search = Search::new(case, oracle, budget);
    search.know_best();
    let ended = steps(&mut search, hint).await;
    let (case, calls, is_minimal) = search.end(ended)?;
    Ok(Shrunk { case, calls, is_minimal })
}

/// Rows go before values: every row that is gone is one less to look at.
async fn steps<O: Oracle>(
    search: &mut Search<'_, O>,
    hint: &[(usize, usize)],
) -> Result<(), Stop<O::Error>> {
    let core = rows::drop_rows(search, hint).await?;
    // More often than not nothing else matters.
    let loose = rows::without_references(&search.best, &core);
    let plain = keys::renumbered(&columns::cleared(&loose));
    if search.ask(plain).await? {
        return Ok(());
    }
    rows::drop_references(search, &core).await?;
    let needed = columns::clear_columns(search).await?;
    cells::clear_cells(search, &needed).await?;
    cells::simplify_cells(search, &needed).await?;
    keys::renumber(search).await
}
