//! The opposite search: as many rows as possible with which all is well.
//!
//! Knows how rows are added. Must not know what being well is.

use std::collections::BTreeSet;

use super::case::Case;
use super::graph::Graph;
use super::search::{Budget, Oracle, Search, Stop};

/// What could be kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Greatest {
    /// The rows with which the oracle was content.
    pub case: Case,
    /// How often it was asked.
    pub calls: usize,
    /// Whether every row was tried; if not, the budget ended first.
    pub is_complete: bool,
}

/// A large part of a case for which the oracle says yes: here [`Oracle::shows`] means that all is
/// well. All rows together are known to be refused, and no rows are taken to be well.
///
/// A row comes with all that it points at, and goes with all that point at it.
pub async fn greatest<O: Oracle>(
    case: Case,
    oracle: &mut O,
    budget: Budget,
) -> Result<Greatest, O::Error> {
    let graph = Graph::new(&case);
    let mut search = Search::new(graph.part(&case, &BTreeSet::new()), oracle, budget);
    search.know_fails(&case);
    let ended = grow(&mut search, &case, &graph).await;
    let (case, calls, is_complete) = search.end(ended)?;
    Ok(Greatest { case, calls, is_complete })
}

/// Adds chunks; one that cannot be added is split.
async fn grow<O: Oracle>(
    search: &mut Search<'_, O>,
    case: &Case,
    graph: &Graph,
) -> Result<(), Stop<O::Error>> {
    let mut kept = BTreeSet::new();
    let mut dropped = BTreeSet::new();
    let mut chunks = vec![graph.order.clone()];
    while let Some(mut chunk) = chunks.pop() {
        chunk.retain(|row| !kept.contains(row) && !dropped.contains(row));
        if chunk.is_empty() {
            continue;
        }
        let with_chunk = kept.iter().chain(&chunk).copied().collect();
        let tried = graph.with_parents(&with_chunk);
        if search.ask(graph.part(case, &tried)).await? {
            kept = tried;
        } else if chunk.len() == 1 {
            dropped.extend(graph.with_children(&chunk.into_iter().collect()));
        } else {
            let second = chunk.split_off(chunk.len() / 2);
            chunks.extend([second, chunk]);
        }
    }
    Ok(())
}
