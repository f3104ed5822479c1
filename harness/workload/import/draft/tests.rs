//! Drafts of queries, from texts alone.

use std::collections::HashSet;

use super::{Context, Draft, Names, draft, too_long};
use crate::workload::import::tally::{Cell, Sent, Tally};

fn context() -> Context<'static> {
    Context { catalog: None, values: false, is_normalised: false, unifies: false }
}

fn drafted(texts: &[&str], context: Context<'_>) -> Draft {
    let mut tally = Tally::new(true, HashSet::new());
    for text in texts {
        tally.add(&Sent { text, calls: 1, millis: None, bound: Vec::new() });
    }
    let groups = tally.into_groups();
    assert_eq!(groups.len(), 1, "{groups:?}");
    draft(&groups[0].1, context).unwrap()
}

#[test]
fn parameters_are_named_by_columns() {
    for (text, sql, stem) in [
        (
            "SELECT * FROM orders o WHERE o.customer_id=$1 AND o.\"Due at\">$2 LIMIT $3",
            "SELECT * FROM orders o WHERE o.customer_id=:customer_id AND o.\"Due at\">:Due_at LIMIT :limit",
            "select_orders_by_customer_id_due_at",
        ),
        (
            "SELECT count(*) FROM t WHERE a IN ($1, $2) AND b BETWEEN $3 AND $4",
            "SELECT count(*) FROM t WHERE a IN (:a, :a_2) AND b BETWEEN :b AND :b_2",
            "count_t_by_a_b",
        ),
        (
            "SELECT a FROM t WHERE $1 IS NULL OR a = $1",
            "SELECT a FROM t WHERE :a IS NULL OR a = :a",
            "select_t_by_a",
        ),
        (
            "SELECT tags[$1:$2], x[1:n] FROM t WHERE a > now() - interval $3 AND b = $4::int[]",
            "SELECT tags[:p1 : :p2], x[1: n] FROM t WHERE a > now() - :p3::interval AND b = :b::int[]",
            "select_t_by_b",
        ),
        (
            "INSERT INTO s.\"Big T\" (a, b) VALUES ($1, $2)",
            "INSERT INTO s.\"Big T\" (a, b) VALUES (:a, :b)",
            "insert_big_t",
        ),
        (
            "WITH x AS (SELECT 1) UPDATE t SET a = a + $1 WHERE id = $2",
            "WITH x AS (SELECT 1) UPDATE t SET a = a + :a WHERE id = :id",
            "update_t_by_id",
        ),
        ("SELECT place_order($1)", "SELECT place_order(:p1)", "select_place_order"),
    ] {
        let draft = drafted(&[text], context());
        assert_eq!((draft.sql.as_str(), draft.stem.as_str()), (sql, stem), "{text}");
    }
}

#[test]
fn lines_lose_their_margin_and_comments() {
    let text =
        "SELECT a -- what\n        FROM t\n          WHERE b = $1 /* id=7 */\n        LIMIT 1";
    assert_eq!(drafted(&[text], context()).sql, "SELECT a\nFROM t\n  WHERE b = :b\nLIMIT 1");
}

#[test]
fn a_literal_that_never_changed_is_part_of_the_query() {
    let other = "SELECT a FROM t WHERE b = 'x' AND c = 1";
    let few = drafted(&[other; 3], context());
    assert_eq!(few.sql, "SELECT a FROM t WHERE b = :b AND c = :c");
    let one = "SELECT a FROM t WHERE b = 'x' AND c = 2";
    let mut many = vec![other; 19];
    many.push(one);
    assert_eq!(drafted(&many, context()).sql, "SELECT a FROM t WHERE b = 'x' AND c = :c");
    let bound = drafted(&["SELECT a FROM t WHERE b = 'x' AND c = $1"], context());
    assert_eq!(bound.sql, "SELECT a FROM t WHERE b = 'x' AND c = :c");
}

#[test]
fn values_are_kept_on_request_only_and_together() {
    let mut tally = Tally::new(true, HashSet::new());
    for (a, b) in [("1", "x, y"), ("2", ""), ("3", "z")] {
        let bound = vec![Cell::of(a.to_owned()), Cell::of(b.to_owned())];
        let text = "SELECT * FROM t WHERE a = $1 AND b <> $2";
        tally.add(&Sent { text, calls: 1, millis: None, bound });
    }
    let (_, group) = tally.into_groups().remove(0);
    assert!(draft(&group, context()).unwrap().seen.is_none());
    let seen = draft(&group, Context { values: true, ..context() }).unwrap().seen.unwrap();
    assert_eq!((seen.names.as_slice(), seen.empty), (&["a".to_owned(), "b".to_owned()][..], 1));
    let cell = |text: &str| Some(text.to_owned());
    // An empty text would be NULL there.
    assert_eq!(seen.rows, [[cell("1"), cell("x, y")], [cell("3"), cell("z")]]);
}

#[test]
fn equal_expressions_share_their_placeholder_if_they_must() {
    let text = "SELECT date_trunc($1, a), count(*) FROM t WHERE b = $2 GROUP BY date_trunc($3, a)";
    let unified = drafted(&[text], Context { unifies: true, ..context() });
    assert_eq!(
        unified.sql,
        "SELECT date_trunc(:p1, a), count(*) FROM t WHERE b = :b GROUP BY date_trunc(:p1, a)"
    );
    // Statistics of some versions keep the literal in one of the two.
    let text = "SELECT date_trunc($1, a), f($2) FROM t GROUP BY date_trunc('day', a)";
    let kept = drafted(&[text], Context { is_normalised: true, ..context() });
    assert_eq!(
        kept.sql,
        "SELECT date_trunc('day', a), f(:p1) FROM t GROUP BY date_trunc('day', a)"
    );
}

#[test]
fn statistics_that_kept_literals_are_read_like_a_log() {
    let text = "SELECT a FROM t WHERE b = 'secret' AND c = 4711";
    let mut tally = Tally::new(false, HashSet::new());
    tally.add(&Sent { text, calls: 500, millis: None, bound: Vec::new() });
    let groups = tally.into_groups();
    let made = draft(&groups[0].1, Context { is_normalised: true, ..context() }).unwrap();
    assert_eq!(made.sql, "SELECT a FROM t WHERE b = :b AND c = :c");
    assert!(!made.keeps_text);
}

#[test]
fn what_is_kept_and_what_is_a_pattern_is_said() {
    for (text, expected) in [
        ("SELECT a FROM t WHERE b = 'x'", &[][..]),
        (
            "SELECT d->>'me' FROM t WHERE b = 'x'",
            &["Text in quotes stayed in it: look it through before you commit it."],
        ),
        ("SELECT a FROM t WHERE d ? 'me' AND c = X'ff' AND d = N'me'", &[]),
        (
            "SELECT a FROM t WHERE b LIKE 'x%'",
            &["Values of :b are whole ones of the column: LIKE may be sent others."],
        ),
    ] {
        let made = drafted(&[text], context());
        assert_eq!(made.notes, expected, "{text}");
        assert_eq!(made.keeps_text, expected.iter().any(|it| it.starts_with("Text")), "{text}");
    }
    let told = &drafted(&["SELECT a FROM t WHERE b LIKE 'x%'"], context()).origins[0].told;
    assert_eq!(told, "t.b, whole values instead of patterns");
}

#[test]
fn values_that_are_not_known_are_missed() {
    let text = "SELECT a FROM t WHERE b = $1";
    assert!(drafted(&[text], Context { values: true, ..context() }).lacks_values);
    let text = "SELECT a FROM t WHERE b = 1";
    assert!(!drafted(&[text], Context { values: true, ..context() }).lacks_values);
}

#[test]
fn many_parameters_have_names_soon_or_are_refused() {
    let mut names = Names::default();
    let all: Vec<String> = (0..100_000).map(|_| names.free("id")).collect();
    assert_eq!((all[0].as_str(), all[99_999].as_str()), ("id", "id_100000"));
    assert_eq!(
        (names.free("a_2"), names.free("a"), names.free("a")),
        ("a_2".into(), "a".into(), "a_3".into())
    );
    let list = vec!["1"; 10_000].join(", ");
    let text = format!("SELECT a FROM t WHERE b IN ({list})");
    let mut tally = Tally::new(true, HashSet::new());
    tally.add(&Sent { text: &text, calls: 1, millis: None, bound: Vec::new() });
    let groups = tally.into_groups();
    assert_eq!(too_long(&groups[0].1), Some(("select_t".to_owned(), 10_000)));
}
