//! The text reads back, and differences have the right class.

use std::sync::Arc;

use proptest::prelude::*;

use super::{DriftClass, Node, Snapshot};

fn node(kind: &str, name: &str, text: &str, children: Vec<Node>) -> Node {
    Node { kind: kind.into(), name: name.into(), text: text.into(), children }
}

fn snapshot(nodes: Vec<Node>) -> Snapshot {
    Snapshot { major: 18, nodes: nodes.into_iter().map(Arc::new).collect(), unmodelled: Vec::new() }
}

fn table(children: Vec<Node>) -> Snapshot {
    snapshot(vec![node("table", "public.t", "", children)])
}

fn classes(before: &Snapshot, after: &Snapshot) -> Vec<(DriftClass, Option<String>)> {
    let changes = before.diff(after).changes.into_iter();
    changes.map(|change| (change.class, change.part)).collect()
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("column".to_owned()),
        Just("materialized view".to_owned()),
        Just("row security".to_owned()),
        Just("comment".to_owned()),
        "[a-z]{1,6}( [a-z]{1,4})?",
        r#""[a-z |.'"]{0,6}""#,
        r"[ -~\n|é]{0,12}",
    ]
}

fn tree() -> impl Strategy<Value = Node> {
    let leaf = (word(), word(), word()).prop_map(|(kind, name, text)| Node {
        kind,
        name,
        text,
        children: Vec::new(),
    });
    leaf.prop_recursive(3, 12, 3, |inner| {
        (word(), word(), word(), prop::collection::vec(inner, 0..3))
            .prop_map(|(kind, name, text, children)| Node { kind, name, text, children })
    })
}

proptest! {
    #[test]
    fn text_reads_back(nodes in prop::collection::vec(tree(), 0..4)) {
        let snapshot = snapshot(nodes);
        let text = snapshot.render();
        prop_assert_eq!(Snapshot::parse(&text).unwrap(), snapshot, "{}", text);
    }

    #[test]
    fn a_difference_is_empty_exactly_for_equal_snapshots(
        before in prop::collection::vec(tree(), 0..3),
        after in prop::collection::vec(tree(), 0..3),
    ) {
        let (before, after) = (snapshot(before), snapshot(after));
        prop_assert_eq!(before.diff(&after).is_empty(), before == after);
        prop_assert!(before.diff(&before.clone()).is_empty());
    }

    #[test]
    fn parsing_never_panics(text in r"(schema-snapshot 1 · postgres 18\n)?[ -~\n|é]{0,80}") {
        let _ = Snapshot::parse(&text);
    }
}

#[test]
fn what_is_not_modelled_stays_in_the_text() {
    let mut before = snapshot(Vec::new());
    before.unmodelled.push("3 rows of pg_foo are not modelled".to_owned());
    assert_eq!(Snapshot::parse(&before.render()).unwrap(), before);
}

#[test]
fn another_order_of_columns_is_one_change() {
    let (a, b) = (node("column", "a", "integer", vec![]), node("column", "b", "text", vec![]));
    let before = table(vec![a.clone(), b.clone()]);
    assert_eq!(classes(&before, &table(vec![b, a])), [(DriftClass::OrderOnly, None)]);
}

#[test]
fn only_the_name_of_a_constraint_differs() {
    let check = |name| table(vec![node("constraint", name, "CHECK ((a > 0))", vec![])]);
    assert_eq!(
        classes(&check("old"), &check("new")),
        [(DriftClass::NameOnly, Some("constraint old".to_owned()))]
    );
    let stale = vec![node("not null", "staging_id_not_null", "@18", vec![])];
    let column = |parts| table(vec![node("column", "id", "integer not null", parts)]);
    let (before, after) = (column(vec![]), column(stale));
    let part = "column id / not null staging_id_not_null".to_owned();
    assert_eq!(classes(&before, &after), [(DriftClass::NameOnly, Some(part))]);
    assert_eq!(before.render_stable(), after.render_stable());
}

#[test]
fn parts_are_missing_extra_or_changed() {
    let before = table(vec![
        node("column", "note", "text", vec![node("comment", "", "'x'", vec![])]),
        node("index", "t_note", "btree (note)", vec![]),
    ]);
    let after = table(vec![node("column", "note", "text = `''`", vec![])]);
    assert_eq!(
        classes(&before, &after),
        [
            (DriftClass::Changed, Some("column note".to_owned())),
            (DriftClass::Missing, Some("column note / comment".to_owned())),
            (DriftClass::Missing, Some("index t_note".to_owned())),
        ]
    );
    insta::assert_snapshot!(before.diff(&after).render(), @r"
    table public.t
      column note
        - column note  text
        + column note  text = `''`
      column note / comment
        - comment 'x'
      index t_note
        - index t_note  btree (note)
    ");
}

#[test]
fn invalid_indexes_are_named_with_their_schema() {
    let backing = vec![node("index", "", "storage fillfactor=70, INVALID", vec![])];
    let object = node(
        "table",
        "\"a.b\".t",
        "",
        vec![
            node("constraint", "t_pkey", "PRIMARY KEY (id)", backing),
            node("index", "t_a", "btree (a), INVALID", vec![]),
            node("index", "t_b", "btree (b)", vec![]),
        ],
    );
    let found = snapshot(vec![object]).invalid_indexes();
    assert_eq!(found, ["\"a.b\".t_pkey", "\"a.b\".t_a"]);
}
