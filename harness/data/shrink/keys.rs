//! Keys become 1, 2, 3 or a, b, c, and what points at them follows.
//!
//! Knows which columns share their values. Must not know what the values mean.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::case::{Case, CaseColumn, Link};
use super::search::{Oracle, Search, Stop};
use crate::data::rows::Cell;

/// Columns that links hold together, by table and place: a value is replaced in all or in none.
type Group = Vec<(usize, usize)>;

/// What replaces which value. No two are replaced by the same, so keys stay keys.
type Names = BTreeMap<String, String>;

/// Renumbers keys, all at once if possible.
pub(super) async fn renumber<O: Oracle>(search: &mut Search<'_, O>) -> Result<(), Stop<O::Error>> {
    let base = search.best.clone();
    let all = all_names(&base);
    let build = |kept: &BTreeSet<usize>| renamed(&base, &all, kept);
    let needed = search.fewest(BTreeSet::new(), (0..all.len()).collect(), build).await?;
    for (group, _) in needed.iter().filter_map(|number| all.get(*number)) {
        if let Some(names) = shortened(&base, group) {
            let mut candidate = search.best.clone();
            rename(&mut candidate, group, &names);
            search.ask(candidate).await?;
        }
    }
    Ok(())
}

/// The case with all keys renumbered that can be.
pub(super) fn renumbered(case: &Case) -> Case {
    renamed(case, &all_names(case), &BTreeSet::new())
}

fn all_names(case: &Case) -> Vec<(Group, Names)> {
    let groups = groups(case).into_iter();
    groups.filter_map(|group| numbered(case, &group).map(|names| (group, names))).collect()
}

fn renamed(base: &Case, all: &[(Group, Names)], kept: &BTreeSet<usize>) -> Case {
    let mut case = base.clone();
    for (number, (group, names)) in all.iter().enumerate() {
        if !kept.contains(&number) {
            rename(&mut case, group, names);
        }
    }
    case
}

/// The groups with a key among them that can be given other values.
fn groups(case: &Case) -> Vec<Group> {
    let mut groups: Vec<Group> = case.columns().map(|(table, at, _)| vec![(table, at)]).collect();
    for link in &case.links {
        for (child, parent) in link.child_columns.iter().zip(&link.parent_columns) {
            let ends = [(link.child, *child), (link.parent, *parent)];
            let touches = |group: &mut Group| ends.iter().any(|end| group.contains(end));
            let joined: Group = groups.extract_if(.., touches).flatten().collect();
            groups.push(joined);
        }
    }
    let astray: Vec<(usize, usize)> =
        case.links.iter().flat_map(|link| astray(case, link)).collect();
    groups.retain(|group| {
        !group.iter().any(|column| astray.contains(column))
            && columns(case, group).all(|column| column.is_given)
            && columns(case, group).any(|column| column.is_key)
    });
    for group in &mut groups {
        group.sort_unstable();
    }
    groups
}

/// The columns of a link that points at rows outside the case as well.
fn astray(case: &Case, link: &Link) -> Vec<(usize, usize)> {
    let tables = (case.tables.get(link.child), case.tables.get(link.parent));
    let (Some(child), Some(parent)) = tables else { return Vec::new() };
    let tuple = |row: &Vec<Cell>, places: &[usize]| -> Option<Vec<String>> {
        places.iter().map(|at| row.get(*at).cloned().flatten()).collect()
    };
    let there: HashSet<_> =
        parent.rows.iter().filter_map(|row| tuple(row, &link.parent_columns)).collect();
    let mut pointers = child.rows.iter().filter_map(|row| tuple(row, &link.child_columns));
    let is_astray = pointers.any(|pointer| !there.contains(&pointer));
    let columns = link.child_columns.iter().filter(|_| is_astray);
    columns.map(|column| (link.child, *column)).collect()
}

fn columns<'a>(case: &'a Case, group: &'a Group) -> impl Iterator<Item = &'a CaseColumn> {
    group.iter().filter_map(|(table, at)| case.column(*table, *at))
}

/// The simplest names for a group's values. Their order stays: it may be what matters.
fn numbered(case: &Case, group: &Group) -> Option<Names> {
    let mut values = values(case, group);
    if columns(case, group).all(|column| column.is_number) {
        values.sort_by_key(|value| value.parse::<i128>().ok());
        return Some(values.into_iter().zip((1_usize..).map(|at| at.to_string())).collect());
    }
    if columns(case, group).all(CaseColumn::is_text) {
        return Some(values.into_iter().zip((0..).map(letters)).collect());
    }
    let simple = columns(case, group).find(|column| column.canonical.len() >= values.len())?;
    Some(values.into_iter().zip(simple.canonical.iter().cloned()).collect())
}

/// The first character of each value, if that leaves them distinct.
fn shortened(case: &Case, group: &Group) -> Option<Names> {
    let values = values(case, group);
    let short = |value: &String| (value.clone(), value.chars().take(1).collect::<String>());
    let names: Names = values.iter().map(short).collect();
    let distinct: HashSet<&String> = names.values().collect();
    let is_sound = distinct.len() == values.len() && columns(case, group).all(CaseColumn::is_text);
    is_sound.then_some(names)
}

fn values(case: &Case, group: &Group) -> Vec<String> {
    let cells = group.iter().flat_map(|(table, at)| case.cells(*table, *at).flatten());
    cells.collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

/// a to z, then aa, bb and so on.
fn letters(number: usize) -> String {
    let letter = ('a'..='z').cycle().nth(number).unwrap_or('a');
    letter.to_string().repeat(number / 26 + 1)
}

fn rename(case: &mut Case, group: &Group, names: &Names) {
    for (table, at) in group {
        case.change(*table, *at, |_, cell| names.get(cell.as_ref()?).cloned().map(Some));
    }
}
