//! Rows that are not needed go.
//!
//! Knows which rows are tried together. Must not know values.

use std::collections::BTreeSet;

use super::case::{Case, Link};
use super::graph::{Graph, closure};
use super::search::{Oracle, Search, Stop};

/// Up to so many rows are tried one by one: halving would save nothing.
const FEW: usize = 4;

/// Drops rows. What remains is the rows that are returned, by table and row, and what these point
/// at.
pub(super) async fn drop_rows<O: Oracle>(
    search: &mut Search<'_, O>,
    hint: &[(usize, usize)],
) -> Result<BTreeSet<(usize, usize)>, Stop<O::Error>> {
    let base = search.best.clone();
    let graph = Graph::new(&base);
    let build = |rows: &BTreeSet<usize>| graph.part(&base, &graph.with_parents(rows));
    let hinted: BTreeSet<usize> = hint.iter().filter_map(|row| graph.number(*row)).collect();
    // Several rows are often named where any one is enough.
    let first: BTreeSet<usize> = hinted.first().copied().into_iter().collect();
    if hinted.len() > 1 && search.ask(build(&first)).await? {
        return Ok(graph.places_within(&graph.with_parents(&first), &first));
    }
    let core = if search.ask(build(&hinted)).await? {
        if hinted.len() <= FEW {
            hinted
        } else {
            let ordered = graph.order.iter().copied().filter(|row| hinted.contains(row)).collect();
            search.fewest(BTreeSet::new(), ordered, &build).await?
        }
    } else {
        // Part of the truth is in the hint, or none: then it goes again below.
        let kept = if hinted.len() <= FEW { hinted } else { BTreeSet::new() };
        let others = graph.order.iter().copied().filter(|row| !kept.contains(row)).collect();
        search.fewest(kept, others, &build).await?
    };
    let core = one_by_one(search, &graph, core, &build).await?;
    Ok(graph.places_within(&graph.with_parents(&core), &core))
}

/// Where rows hide what other rows show, halving leaves some that are not needed.
async fn one_by_one<O: Oracle>(
    search: &mut Search<'_, O>,
    graph: &Graph,
    mut core: BTreeSet<usize>,
    build: &impl Fn(&BTreeSet<usize>) -> Case,
) -> Result<BTreeSet<usize>, Stop<O::Error>> {
    if core.len() > FEW {
        return Ok(core);
    }
    for row in core.clone().into_iter().rev() {
        let gone = graph.with_children(&BTreeSet::from([row]));
        let rest: BTreeSet<usize> = core.difference(&gone).copied().collect();
        if rest.len() < core.len() && search.ask(build(&rest)).await? {
            core = rest;
        }
    }
    Ok(core)
}

/// Sets references to NULL, so that what they pointed at can go as well. `core` is the rows that
/// stay in any case.
pub(super) async fn drop_references<O: Oracle>(
    search: &mut Search<'_, O>,
    core: &BTreeSet<(usize, usize)>,
) -> Result<(), Stop<O::Error>> {
    let base = search.best.clone();
    let loose: Vec<Vec<usize>> = base.links.iter().map(|link| loose(&base, link)).collect();
    let is_loose = |link: &(usize, &Vec<usize>)| !link.1.is_empty();
    let links = loose.iter().enumerate().filter(is_loose).map(|(number, _)| number).collect();
    let build = |kept: &BTreeSet<usize>| unlinked(&base, &loose, kept, core);
    search.fewest(BTreeSet::new(), links, build).await?;
    Ok(())
}

/// The case without any reference that can be NULL.
pub(super) fn without_references(case: &Case, core: &BTreeSet<(usize, usize)>) -> Case {
    let loose: Vec<Vec<usize>> = case.links.iter().map(|link| loose(case, link)).collect();
    unlinked(case, &loose, &BTreeSet::new(), core)
}

/// The case with the loose columns of all links NULL but those that are kept, and without the rows
/// that nothing in the core points at any more.
fn unlinked(
    base: &Case,
    loose: &[Vec<usize>],
    kept: &BTreeSet<usize>,
    core: &BTreeSet<(usize, usize)>,
) -> Case {
    let mut case = base.clone();
    for (number, (link, columns)) in base.links.iter().zip(loose).enumerate() {
        for at in columns.iter().filter(|_| !kept.contains(&number)) {
            case.change(link.child, *at, |_, _| Some(None));
        }
    }
    closure(&case, core)
}

/// The columns of a link that can be set to NULL, if any row would feel it.
fn loose(case: &Case, link: &Link) -> Vec<usize> {
    let is_parent = |at: usize| {
        let to = |it: &&Link| it.parent == link.child && it.parent_columns.contains(&at);
        case.links.iter().any(|it| to(&it))
    };
    let is_loose = |at: &usize| {
        let column = case.column(link.child, *at);
        column.is_some_and(|it| it.is_nullable && it.is_given && !it.is_key)
            && !is_parent(*at)
            && case.cells(link.child, *at).any(Option::is_some)
    };
    link.child_columns.iter().copied().filter(is_loose).collect()
}
