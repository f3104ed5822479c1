//! What became of rows: those that are gone, those that came, and the cells that changed.
//!
//! Knows text: values are compared as the server prints them, never by `=`, to which 1.0 and 1.00
//! are the same. Must not know why.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::rows::{Cell, Name, Print, Rows, TableRows};

/// What became of the rows of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Rows that are gone, by their place before.
    pub lost: Vec<usize>,
    /// Rows that came, by their place after.
    pub added: Vec<usize>,
    /// Rows that changed.
    pub changed: Vec<Changed>,
    /// What became of rows that were not fetched.
    pub rest: Option<RestDifference>,
}

/// What became of rows of which there are fingerprints only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestDifference {
    /// How many there were.
    pub rows: u64,
    /// How many fewer there are; what else became of the others can't be told then.
    pub lost: u64,
    /// How many more there are; the same is true.
    pub added: u64,
    /// The columns whose values are others, by name, where there are as many rows as before.
    pub columns: BTreeSet<String>,
    /// In so many rows at least.
    pub at_least: u64,
    /// Whether columns have the values that they had, but in other rows.
    pub is_mixed: bool,
}

/// One row that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Its place before.
    pub before: usize,
    /// Its place after.
    pub after: usize,
    /// The columns that changed, by name.
    pub columns: Vec<String>,
}

impl Difference {
    /// Whether nothing became of them.
    pub fn is_empty(&self) -> bool {
        self.lost.is_empty()
            && self.added.is_empty()
            && self.changed.is_empty()
            && self.rest.is_none()
    }

    /// Whether rows are gone.
    pub fn loses(&self) -> bool {
        !self.lost.is_empty() || self.rest.as_ref().is_some_and(|rest| rest.lost > 0)
    }

    /// Whether rows came.
    pub fn adds(&self) -> bool {
        !self.added.is_empty() || self.rest.as_ref().is_some_and(|rest| rest.added > 0)
    }

    /// The columns in which rows changed, by name.
    pub fn columns(&self) -> BTreeSet<&str> {
        let rest = self.rest.iter().flat_map(|rest| &rest.columns);
        let changed = self.changed.iter().flat_map(|row| &row.columns);
        changed.chain(rest).map(String::as_str).collect()
    }
}

/// Compares the tables that stand on both sides under one name, in the columns that they have on
/// both sides; only those with a difference are given.
pub fn compare(before: &Rows, after: &Rows) -> BTreeMap<Name, Difference> {
    let both = before.0.iter().filter_map(|(name, held)| Some((name, held, after.0.get(name)?)));
    let differences = both.map(|(name, before, after)| (name.clone(), table(before, after)));
    differences.filter(|(_, difference)| !difference.is_empty()).collect()
}

/// Compares the rows of one table, those that were not fetched by what is known of them.
pub fn table(before: &TableRows, after: &TableRows) -> Difference {
    if before == after {
        return Difference::default();
    }
    match (&before.rest, &after.rest) {
        (None, None) => followed(before, after),
        (Some(_), None) => Difference::default(),
        // It became a large one: nobody knows which rows are those of before.
        (None, Some(rest)) => {
            let rows = u64::try_from(before.rows.len()).unwrap_or(u64::MAX);
            let added = rest.rows.saturating_sub(rows);
            let rest = RestDifference { rows, added, ..RestDifference::default() };
            Difference { rest: Some(rest), ..Difference::default() }
        }
        (Some(_), Some(_)) if !before.key.is_empty() && after.key.is_empty() => {
            // The rows that are followed can't be told from the others any more.
            Difference::default()
        }
        (Some(one), Some(other)) => {
            let rows =
                if before.key.is_empty() { Difference::default() } else { followed(before, after) };
            Difference { rest: unfetched(one, other), ..rows }
        }
    }
}

/// What two fingerprints prove; `None` if they prove nothing. The columns are those of both sides.
fn unfetched(before: &Print, after: &Print) -> Option<RestDifference> {
    let mut rest = RestDifference {
        rows: before.rows,
        lost: before.rows.saturating_sub(after.rows),
        added: after.rows.saturating_sub(before.rows),
        ..RestDifference::default()
    };
    if rest.lost + rest.added > 0 {
        return Some(rest);
    }
    for (name, one) in &before.columns {
        let Some(other) = after.columns.get(name).filter(|it| it.sum != one.sum) else { continue };
        rest.columns.insert(name.clone());
        rest.at_least = rest.at_least.max(one.filled.abs_diff(other.filled));
    }
    let same_columns = before.columns.keys().eq(after.columns.keys());
    rest.is_mixed = rest.columns.is_empty() && same_columns && before.whole != after.whole;
    if rest.is_mixed {
        // Each may be one of those.
        rest.columns.extend(before.columns.keys().cloned());
    }
    (!rest.columns.is_empty()).then_some(rest)
}

/// Compares rows that are there one by one.
fn followed(before: &TableRows, after: &TableRows) -> Difference {
    let columns: Vec<(usize, usize)> = before
        .columns
        .iter()
        .enumerate()
        .filter_map(|(at, name)| Some((at, after.columns.iter().position(|it| it == name)?)))
        .collect();
    let key: Option<Vec<(usize, usize)>> =
        before.key.iter().map(|at| columns.iter().find(|(old, _)| old == at).copied()).collect();
    let pairs = match key.filter(|key| !key.is_empty()) {
        Some(key) => renumbered(before, after, &columns, &key, by_key(before, after, &key)),
        None => by_likeness(before, after, &columns),
    };
    let mut difference = Difference::default();
    let mut met = BTreeSet::new();
    for (old, new) in pairs {
        let Some(new) = new else {
            difference.lost.push(old);
            continue;
        };
        met.insert(new);
        let (Some(one), Some(other)) = (before.rows.get(old), after.rows.get(new)) else {
            continue;
        };
        let differs = |(from, to): &&(usize, usize)| one.get(*from) != other.get(*to);
        let changed = columns.iter().filter(differs);
        let changed: Vec<String> =
            changed.filter_map(|(from, _)| before.columns.get(*from).cloned()).collect();
        if !changed.is_empty() {
            difference.changed.push(Changed { before: old, after: new, columns: changed });
        }
    }
    difference.added = (0..after.rows.len()).filter(|at| !met.contains(at)).collect();
    difference
}

fn by_key(
    before: &TableRows,
    after: &TableRows,
    key: &[(usize, usize)],
) -> Vec<(usize, Option<usize>)> {
    let mut places: HashMap<Vec<Option<&Cell>>, Vec<usize>> = HashMap::new();
    for (at, row) in after.rows.iter().enumerate().rev() {
        places.entry(key.iter().map(|(_, to)| row.get(*to)).collect()).or_default().push(at);
    }
    let mut pairs = Vec::with_capacity(before.rows.len());
    for (at, row) in before.rows.iter().enumerate() {
        let own: Vec<Option<&Cell>> = key.iter().map(|(from, _)| row.get(*from)).collect();
        pairs.push((at, places.get_mut(&own).and_then(Vec::pop)));
    }
    pairs
}

/// Where all that is gone is there with another key, it is the key that changed.
fn renumbered(
    before: &TableRows,
    after: &TableRows,
    columns: &[(usize, usize)],
    key: &[(usize, usize)],
    pairs: Vec<(usize, Option<usize>)>,
) -> Vec<(usize, Option<usize>)> {
    let rest: Vec<(usize, usize)> =
        columns.iter().filter(|it| !key.contains(it)).copied().collect();
    let lost: Vec<usize> = pairs.iter().filter(|(_, to)| to.is_none()).map(|it| it.0).collect();
    if rest.is_empty() || lost.is_empty() {
        return pairs;
    }
    let met: BTreeSet<usize> = pairs.iter().filter_map(|(_, to)| *to).collect();
    let came: Vec<usize> = (0..after.rows.len()).filter(|at| !met.contains(at)).collect();
    let only = |held: &TableRows, places: &[usize]| TableRows {
        rows: places.iter().filter_map(|at| held.rows.get(*at).cloned()).collect(),
        ..TableRows::default()
    };
    let again = by_key(&only(before, &lost), &only(after, &came), &rest);
    let partner = |(at, to): &(usize, Option<usize>)| {
        Some((*lost.get(*at)?, to.and_then(|to| came.get(to).copied())?))
    };
    let Some(partners) = again.iter().map(partner).collect::<Option<HashMap<_, _>>>() else {
        return pairs;
    };
    pairs.into_iter().map(|(at, to)| (at, to.or_else(|| partners.get(&at).copied()))).collect()
}

/// Equal rows belong together; of the others those that have most in common, if that is half of it.
fn by_likeness(
    before: &TableRows,
    after: &TableRows,
    columns: &[(usize, usize)],
) -> Vec<(usize, Option<usize>)> {
    let mut pairs = by_key(before, after, columns);
    let taken: BTreeSet<usize> = pairs.iter().filter_map(|(_, to)| *to).collect();
    let mut left: Vec<usize> = (0..after.rows.len()).filter(|at| !taken.contains(at)).collect();
    // Beyond this the search would cost more than it says.
    if left.len() > 1000 {
        return pairs;
    }
    for (from, to) in pairs.iter_mut().filter(|(_, to)| to.is_none()) {
        let Some(row) = before.rows.get(*from) else { continue };
        let common = |at: usize| {
            let other = after.rows.get(at);
            let same = |(one, two): &&(usize, usize)| {
                other.is_some_and(|other| row.get(*one) == other.get(*two))
            };
            columns.iter().filter(same).count()
        };
        let best = left.iter().enumerate().map(|(nth, at)| (common(*at), std::cmp::Reverse(nth)));
        if let Some((same, std::cmp::Reverse(nth))) = best.max()
            && same > 0
            && same * 2 >= columns.len() - 1
        {
            *to = Some(left.remove(nth));
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::{Changed, Print, TableRows, table, unfetched};
    use crate::data::ColumnPrint;

    fn rows(key: &[usize], rows: &[&[&str]]) -> TableRows {
        let cell = |text: &&str| (*text != "-").then(|| (*text).to_owned());
        TableRows {
            columns: ["id", "a", "b"].map(str::to_owned).to_vec(),
            key: key.to_vec(),
            rows: rows.iter().map(|row| row.iter().map(cell).collect()).collect(),
            rest: None,
        }
    }

    #[test]
    fn rows_meet_by_key() {
        let before = rows(&[0], &[&["1", "x", "y"], &["2", "x", "y"]]);
        let after = rows(&[0], &[&["3", "x", "z"], &["1", "-", "y"]]);
        let difference = table(&before, &after);
        assert_eq!(difference.lost, [1]);
        assert_eq!(difference.added, [0]);
        let columns = vec!["a".to_owned()];
        assert_eq!(difference.changed, [Changed { before: 0, after: 1, columns }]);
    }

    #[test]
    fn rows_that_have_another_key_are_not_gone() {
        let before = rows(&[0], &[&["1", "x", "y"], &["2", "x", "z"], &["3", "x", "z"]]);
        let mut after = rows(&[0], &[&["8", "x", "z"], &["1", "x", "y"], &["9", "x", "z"]]);
        let difference = table(&before, &after);
        let columns = || vec!["id".to_owned()];
        let changed = |before, after| Changed { before, after, columns: columns() };
        assert_eq!(difference.changed, [changed(1, 0), changed(2, 2)]);
        assert!(difference.lost.is_empty() && difference.added.is_empty());
        after.rows.pop();
        let difference = table(&before, &after);
        assert_eq!((difference.lost, difference.added), (vec![1, 2], vec![0]), "one is gone");
    }

    #[test]
    fn without_a_key_equal_rows_count_and_the_others_meet_by_likeness() {
        let before = rows(&[], &[&["1", "x", "y"], &["1", "x", "y"], &["2", "x", "z"]]);
        let after = rows(&[], &[&["2", "-", "z"], &["1", "x", "y"]]);
        let difference = table(&before, &after);
        assert_eq!(difference.lost, [1]);
        assert_eq!(difference.changed.len(), 1);
        assert!(difference.added.is_empty());
    }

    fn print(rows: u64, sums: &[(&str, u64, &str)], whole: &str) -> Print {
        let column = |(name, filled, sum): &(&str, u64, &str)| {
            let print = ColumnPrint { filled: *filled, sum: Some((*sum).to_owned()), last: None };
            ((*name).to_owned(), print)
        };
        let columns = sums.iter().map(column).collect();
        Print { rows, columns, whole: Some(whole.to_owned()), ..Print::default() }
    }

    #[test]
    fn fingerprints_prove_no_more_than_they_do() {
        let before = print(9, &[("a", 9, "1"), ("b", 9, "2")], "3");
        assert_eq!(unfetched(&before, &before), None);
        let fewer = unfetched(&before, &print(7, &[("a", 7, "0")], "0")).unwrap();
        assert_eq!((fewer.lost, fewer.added, fewer.columns.len()), (2, 0, 0));
        let changed = unfetched(&before, &print(9, &[("a", 6, "0"), ("c", 9, "2")], "0")).unwrap();
        assert_eq!(
            (changed.columns.into_iter().collect::<Vec<_>>(), changed.at_least),
            (vec!["a".to_owned()], 3)
        );
        let mixed = print(9, &[("a", 9, "1"), ("b", 9, "2")], "0");
        assert!(unfetched(&before, &mixed).unwrap().is_mixed);
        assert_eq!(unfetched(&before, &print(9, &[("a", 9, "1")], "0")), None, "a column is gone");
    }

    #[test]
    fn what_became_large_or_lost_its_key_is_not_followed() {
        let small = rows(&[0], &[&["1", "x", "y"]]);
        let rest = Some(print(5000, &[], "1"));
        let large = TableRows { rows: Vec::new(), rest, ..small.clone() };
        let difference = table(&small, &large);
        assert_eq!((difference.lost.len(), difference.rest.unwrap().added), (0, 4999));
        let keyless = TableRows { key: Vec::new(), ..large.clone() };
        let other = TableRows { rest: Some(print(4, &[], "2")), ..keyless.clone() };
        assert!(table(&large, &other).is_empty());
        assert_eq!(table(&keyless, &other).rest.unwrap().lost, 4996);
    }

    #[test]
    fn columns_of_one_side_are_left_out() {
        let before = rows(&[0], &[&["1", "x", "y"]]);
        let mut after = rows(&[0], &[&["1", "x", "other"]]);
        after.columns[2] = "c".to_owned();
        assert!(table(&before, &after).is_empty());
    }
}
