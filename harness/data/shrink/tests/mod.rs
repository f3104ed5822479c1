//! Small cases with oracles that look at the rows.

mod counts;
mod values;

use std::collections::{BTreeSet, HashSet};

use super::*;
use crate::data::rows::{Cell, Name};

/// An oracle that looks, and holds every candidate to what a server would.
struct Looks<F> {
    shows: F,
    asked: HashSet<Vec<Vec<Vec<Cell>>>>,
    /// From which call on it fails.
    fails_at: usize,
}

impl<F: FnMut(&Case) -> bool> Oracle for Looks<F> {
    type Error = &'static str;

    async fn shows(&mut self, candidate: &Case) -> Result<bool, Self::Error> {
        assert_sound(candidate);
        let rows = candidate.tables.iter().map(|table| table.rows.clone()).collect();
        assert!(self.asked.insert(rows), "asked twice");
        tokio::task::yield_now().await;
        if self.asked.len() >= self.fails_at {
            return Err("the server is gone");
        }
        Ok((self.shows)(candidate))
    }
}

fn looks<F: FnMut(&Case) -> bool>(shows: F) -> Looks<F> {
    Looks { shows, asked: HashSet::new(), fails_at: usize::MAX }
}

/// Every reference leads somewhere and every key is there once.
fn assert_sound(case: &Case) {
    let tuple = |row: &[Cell], columns: &[usize]| -> Option<Vec<String>> {
        columns.iter().map(|at| row[*at].clone()).collect()
    };
    for link in &case.links {
        let parents: HashSet<_> = case.tables[link.parent]
            .rows
            .iter()
            .map(|row| tuple(row, &link.parent_columns))
            .collect();
        for row in &case.tables[link.child].rows {
            let to = tuple(row, &link.child_columns);
            assert!(to.is_none() || parents.contains(&to), "{row:?} points nowhere");
        }
    }
    for table in &case.tables {
        let columns = table.columns.iter().enumerate();
        let key: Vec<usize> = columns.filter(|(_, it)| it.is_key).map(|(at, _)| at).collect();
        let keys: Vec<_> = table.rows.iter().filter_map(|row| tuple(row, &key)).collect();
        let distinct: HashSet<_> = keys.iter().collect();
        assert!(key.is_empty() || distinct.len() == keys.len(), "a key is there twice: {keys:?}");
    }
}

fn column(name: &str, canonical: &[&str]) -> CaseColumn {
    CaseColumn {
        name: name.to_owned(),
        is_nullable: false,
        canonical: canonical.iter().map(|it| (*it).to_owned()).collect(),
        known: Vec::new(),
        is_key: false,
        is_given: true,
        is_number: false,
    }
}

fn number(name: &str) -> CaseColumn {
    CaseColumn { is_number: true, ..column(name, &["0", "1"]) }
}

fn text(name: &str) -> CaseColumn {
    column(name, &["", "a"])
}

fn key(column: CaseColumn) -> CaseColumn {
    CaseColumn { is_key: true, ..column }
}

fn nullable(column: CaseColumn) -> CaseColumn {
    CaseColumn { is_nullable: true, ..column }
}

/// Rows as words; `~` is NULL.
fn table(name: &str, columns: Vec<CaseColumn>, rows: &[&str]) -> CaseTable {
    let cell = |word: &str| (word != "~").then(|| word.to_owned());
    let rows = rows.iter().map(|row| row.split_whitespace().map(cell).collect()).collect();
    CaseTable { name: Name::new("public", name), columns, rows }
}

fn link(child: (usize, &[usize]), parent: (usize, &[usize])) -> Link {
    Link {
        child: child.0,
        child_columns: child.1.to_vec(),
        parent: parent.0,
        parent_columns: parent.1.to_vec(),
    }
}

/// The rows of a case as words.
fn words(case: &Case) -> Vec<Vec<String>> {
    let word = |cell: &Cell| cell.clone().unwrap_or("~".to_owned());
    let row = |row: &Vec<Cell>| row.iter().map(word).collect::<Vec<_>>().join(" ");
    case.tables.iter().map(|table| table.rows.iter().map(row).collect()).collect()
}

async fn shrunk(case: Case, shows: impl FnMut(&Case) -> bool) -> Shrunk {
    let shrunk = shrink(case, &[], &mut looks(shows), Budget::default()).await.unwrap();
    assert!(shrunk.is_minimal, "the budget was spent");
    shrunk
}

fn has(case: &Case, table: usize, row: impl Fn(&[Cell]) -> bool) -> bool {
    case.tables[table].rows.iter().any(|it| row(it))
}

fn above(cell: &Cell, least: i64) -> bool {
    cell.as_ref().is_some_and(|value| value.parse::<i64>().unwrap() > least)
}

/// People, what they wrote, and what was said about that.
fn chain() -> Case {
    let people = table(
        "people",
        vec![key(number("id")), text("name"), nullable(number("age"))],
        &["11 Mira 31", "12 Jon 64", "13 mira ~", "14 Ada 4711"],
    );
    let posts = table(
        "posts",
        vec![key(number("id")), number("person"), text("title")],
        &["21 11 Hello", "22 13 World", "23 14 Bernoulli", "24 14 Notes"],
    );
    let remarks = table(
        "remarks",
        vec![key(number("id")), nullable(number("post")), nullable(text("body"))],
        &["31 21 yes", "32 24 no", "33 ~ perhaps", "34 23 never"],
    );
    Case {
        tables: vec![people, posts, remarks],
        links: vec![link((1, &[1]), (0, &[0])), link((2, &[1]), (1, &[0]))],
    }
}

#[tokio::test]
async fn one_row_remains() {
    let shrunk = shrunk(chain(), |case| has(case, 0, |row| above(&row[2], 100))).await;
    assert_eq!(words(&shrunk.case), [vec!["1  1000"], vec![], vec![]]);
    assert!(shrunk.calls <= 14, "{}", shrunk.calls);
}

#[tokio::test]
async fn twins_remain_twins() {
    let twins = |case: &Case| {
        let names: Vec<_> = case.tables[0].rows.iter().map(|row| row[1].clone().unwrap()).collect();
        let lower: HashSet<_> = names.iter().map(|name| name.to_lowercase()).collect();
        lower.len() < names.iter().collect::<HashSet<_>>().len()
    };
    let shrunk = shrunk(chain(), twins).await;
    assert_eq!(words(&shrunk.case), [vec!["1 M ~", "2 m ~"], vec![], vec![]]);
}

#[tokio::test]
async fn a_child_keeps_its_parent() {
    let shrunk = shrunk(chain(), |case| has(case, 1, |row| row[2].as_deref() != Some(""))).await;
    assert_eq!(words(&shrunk.case), [vec!["1  ~"], vec!["1 1 a"], vec![]]);
}

#[tokio::test]
async fn a_chain_remains_where_its_references_matter() {
    let referring = |case: &Case| has(case, 2, |row| row[1].is_some());
    let kept = shrunk(chain(), referring).await;
    assert_eq!(words(&kept.case), [vec!["1  ~"], vec!["1 1 "], vec!["1 1 ~"]]);
    let never = |case: &Case| has(case, 2, |row| row[2] == Some("never".into()));
    let loose = shrunk(chain(), never).await;
    assert_eq!(words(&loose.case), [vec![], vec![], vec!["1 ~ never"]]);
}

#[tokio::test]
async fn rows_point_at_their_own_table() {
    let columns = || vec![key(number("id")), nullable(number("parent")), text("name")];
    let rows = ["5 ~ root", "6 5 branch", "7 6 leaf", "8 8 alone", "9 7 tip", "4 9 low"];
    let links = vec![link((0, &[1]), (0, &[0]))];
    let case = Case { tables: vec![table("tree", columns(), &rows)], links };
    let leaf = |case: &Case| has(case, 0, |row| row[1].is_some() && row[2] == Some("leaf".into()));
    assert_eq!(words(&shrunk(case.clone(), leaf).await.case), [vec!["1 ~ ", "2 1 ", "3 2 leaf"]]);
    let own = |case: &Case| has(case, 0, |row| row[0] == row[1]);
    assert_eq!(words(&shrunk(case.clone(), own).await.case), [vec!["1 1 "]]);
    let low = |case: &Case| has(case, 0, |row| row[2] == Some("low".into()));
    assert_eq!(words(&shrunk(case, low).await.case), [vec!["1 ~ low"]]);
}

#[tokio::test]
async fn composite_links_hold_together() {
    let orders = vec![key(number("shop")), key(number("id"))];
    let lines = vec![key(number("id")), number("shop"), number("order"), nullable(number("n"))];
    let case = Case {
        tables: vec![
            table("lines", lines, &["1 5 7 3", "2 5 8 200", "3 6 7 4", "4 6 8 5"]),
            table("orders", orders, &["5 7", "5 8", "6 7", "6 8"]),
        ],
        links: vec![link((0, &[1, 2]), (1, &[0, 1]))],
    };
    let shrunk = shrunk(case, |case| has(case, 0, |row| above(&row[3], 100))).await;
    // 100 would not do.
    assert_eq!(words(&shrunk.case), [vec!["1 1 1 200"], vec!["1 1"]]);
}

#[tokio::test]
async fn circles_stay_whole() {
    let a = vec![key(number("id")), number("b"), text("name")];
    let b = vec![key(number("id")), number("a"), text("name")];
    let case = Case {
        tables: vec![
            table("a", a, &["1 11 x", "2 12 y", "3 13 z"]),
            table("b", b, &["11 1 p", "12 2 q", "13 3 r"]),
        ],
        links: vec![link((0, &[1]), (1, &[0])), link((1, &[1]), (0, &[0]))],
    };
    let shrunk = shrunk(case, |case| has(case, 1, |row| row[2] == Some("q".into()))).await;
    assert_eq!(words(&shrunk.case), [vec!["1 1 "], vec!["1 1 q"]]);
}

#[tokio::test]
async fn a_closure_has_all_parents() {
    let part = closure(&chain(), &BTreeSet::from([(2, 3), (0, 1), (7, 7)]));
    let rows = [vec!["12 Jon 64", "14 Ada 4711"], vec!["23 14 Bernoulli"], vec!["34 23 never"]];
    assert_eq!(words(&part), rows);
}

#[tokio::test]
async fn the_greatest_part_leaves_out_what_hurts() {
    let well = |case: &Case| {
        let hurts = |row: &[Cell]| row[1] == Some("Jon".into()) || row[2] == Some("4711".into());
        !has(case, 0, hurts) && !has(case, 2, |row| row[2] == Some("perhaps".into()))
    };
    let budget = Budget::default();
    let found = greatest(chain(), &mut looks(well), budget).await.unwrap();
    assert!(found.is_complete);
    let rows = [vec!["11 Mira 31", "13 mira ~"], vec!["21 11 Hello", "22 13 World"]];
    assert_eq!(words(&found.case)[..2], rows);
    assert_eq!(words(&found.case)[2], ["31 21 yes"]);
    let few = Budget { calls: 2, ..budget };
    let partly = greatest(chain(), &mut looks(well), few).await.unwrap();
    assert!(!partly.is_complete && partly.calls == 2 && well(&partly.case));
}
