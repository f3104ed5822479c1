//! Hints, budgets, errors, keys and values.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_hint_saves_calls() {
    let old = |case: &Case| has(case, 0, |row| above(&row[2], 100));
    let ask = async |hint: &[(usize, usize)]| {
        let shrunk = shrink(chain(), hint, &mut looks(old), Budget::default()).await.unwrap();
        assert_eq!(words(&shrunk.case)[0], ["1  1000"], "{hint:?}");
        shrunk.calls
    };
    let without = ask(&[]).await;
    assert!(ask(&[(0, 3)]).await < without);
    // A wrong hint, one of a row that is not there, and one that names too much do no harm.
    ask(&[(0, 0)]).await;
    ask(&[(0, 99), (9, 0)]).await;
    ask(&[(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 2)]).await;
}

#[tokio::test]
async fn one_of_many_named_rows_is_enough() {
    let rows: Vec<String> = (0..40).map(|at| format!("{at} {}", at + 500)).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let columns = vec![key(number("id")), number("n")];
    let case = Case { tables: vec![table("t", columns, &rows)], links: vec![] };
    let hint: Vec<_> = (10..40).map(|row| (0, row)).collect();
    let big = |case: &Case| has(case, 0, |row| above(&row[1], 100));
    let shrunk = shrink(case, &hint, &mut looks(big), Budget::default()).await.unwrap();
    assert_eq!(words(&shrunk.case), [["1 255"]]);
    assert!(shrunk.calls <= 8, "{}", shrunk.calls);
}

#[tokio::test]
async fn many_rows_may_be_needed_together() {
    let rows: Vec<String> = (0..40).map(|at| format!("{at} x{at}")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let columns = vec![key(number("id")), text("name")];
    let case = Case { tables: vec![table("t", columns, &rows)], links: vec![] };
    let shrunk = shrunk(case, |case| case.tables[0].rows.len() >= 12).await;
    assert_eq!(shrunk.case.tables[0].rows.len(), 12);
    assert!(shrunk.calls <= 24, "{}", shrunk.calls);
}

#[tokio::test]
async fn a_row_that_hides_the_finding_does_no_harm() {
    // Where Jon is, another finding comes first.
    let old = |case: &Case| {
        let jon = has(case, 0, |row| row[1] == Some("Jon".into()));
        let post = has(case, 1, |_| true);
        has(case, 0, |row| above(&row[2], 100)) && (!jon || post)
    };
    let shrunk = shrunk(chain(), old).await;
    assert_eq!(words(&shrunk.case), [vec!["1  1000"], vec![], vec![]]);
}

#[tokio::test]
async fn what_is_shown_is_always_the_same() {
    let mut seen = Vec::new();
    let long = |case: &Case| {
        let shows = has(case, 1, |row| row[2].as_ref().is_some_and(|it| it.len() > 6));
        if shows {
            seen.push(case.clone());
        }
        shows
    };
    let shrunk = shrunk(chain(), long).await;
    assert_eq!(seen.last(), Some(&shrunk.case));
    assert_eq!(words(&shrunk.case)[1], ["1 1 Bernoulli"]);
}

#[tokio::test]
async fn a_spent_budget_gives_the_best_so_far() {
    let old = |case: &Case| has(case, 0, |row| above(&row[2], 100));
    let mut before = chain().count();
    for calls in 0..8 {
        let budget = Budget { calls, ..Budget::default() };
        let shrunk = shrink(chain(), &[], &mut looks(old), budget).await.unwrap();
        assert!(!shrunk.is_minimal && shrunk.calls == calls && old(&shrunk.case));
        assert!(shrunk.case.count() <= before);
        before = shrunk.case.count();
    }
    assert_eq!(before, 1);
    let budget = Budget { calls: 60, time: Duration::ZERO };
    let shrunk = shrink(chain(), &[], &mut looks(old), budget).await.unwrap();
    assert_eq!((shrunk.case, shrunk.calls, shrunk.is_minimal), (chain(), 0, false));
}

#[tokio::test]
async fn an_error_ends_the_search() {
    let mut oracle = Looks { fails_at: 2, ..looks(|_: &Case| true) };
    let ended = shrink(chain(), &[(2, 0)], &mut oracle, Budget::default()).await;
    assert_eq!(ended, Err("the server is gone"));
    assert_eq!(oracle.asked.len(), 2);
}

#[tokio::test]
async fn a_case_without_rows_is_left_alone() {
    let shrunk = shrunk(Case::default(), |_| true).await;
    assert_eq!((shrunk.case, shrunk.calls), (Case::default(), 0));
}

#[tokio::test]
async fn keys_of_every_kind_are_renamed() {
    let uuids = ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"];
    let columns = vec![key(text("code")), key(column("uuid", &uuids)), key(number("n"))];
    let rows = ["zz 5f9c1d9e-0000-4000-8000-000000000000 -9", "yy 6f9c1d9e-0000-4000-8000-0 70"];
    let case = Case { tables: vec![table("t", columns, &rows)], links: vec![] };
    let both = |case: &Case| case.count() == 2;
    let renamed = shrunk(case, both).await;
    assert_eq!(words(&renamed.case), [[format!("b {} 1", uuids[0]), format!("a {} 2", uuids[1])]]);
}

#[tokio::test]
async fn text_keys_that_matter_get_shorter() {
    let columns = vec![key(text("code")), text("note")];
    let rows = ["Mira x", "mira y", "jon z"];
    let case = Case { tables: vec![table("t", columns, &rows)], links: vec![] };
    let twins = |case: &Case| {
        let rows = &case.tables[0].rows;
        let lower = |row: &Vec<Cell>| row[0].clone().unwrap().to_lowercase();
        rows.iter().map(lower).collect::<HashSet<_>>().len() < rows.len()
    };
    assert_eq!(words(&shrunk(case, twins).await.case), [["M ", "m "]]);
}

#[tokio::test]
async fn what_is_not_given_is_left_alone() {
    let own = |column: CaseColumn| CaseColumn { is_given: false, ..column };
    let columns = vec![key(own(number("id"))), own(text("made")), text("name")];
    let case =
        Case { tables: vec![table("t", columns, &["7 long x", "8 longer y"])], links: vec![] };
    let second = |case: &Case| has(case, 0, |row| row[0] == Some("8".into()));
    assert_eq!(words(&shrunk(case, second).await.case), [["8 longer "]]);
}
