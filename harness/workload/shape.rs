//! The shape of a query's plan: which nodes on which relations, in which order, and what they expect.
//!
//! Knows `EXPLAIN (FORMAT JSON)`. Must not know why a plan is as it is.

use std::time::Duration;

use serde_json::Value;

use crate::postgres::{PostgresError, Session, milliseconds};

use super::query::Query;
use super::values::Tuple;

/// What is not executed by then is explained only.
const LONGEST: Duration = Duration::from_mins(1);
/// An estimate that is off by this factor is another one.
const OFF: f64 = 10.0;

/// What an index can help with.
const CONDITIONS: [&str; 5] = ["Filter", "Hash Cond", "Merge Cond", "Join Filter", "Sort Key"];

/// One node of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// How deep it is: the root is 0.
    pub depth: usize,
    /// For example `Index Scan`.
    pub kind: String,
    /// The relation that it reads, if it reads one.
    pub relation: Option<String>,
    /// The index that it reads by, if there is one.
    pub index: Option<String>,
    /// How many rows the planner expects each time.
    pub rows: f64,
    /// How many there were each time; `None` if it was not executed to its end.
    pub actual: Option<f64>,
    /// The schema of the relation.
    pub(super) schema: Option<String>,
    /// What the query calls the relation.
    pub(super) alias: Option<String>,
    /// What rows must hold, and what they are sorted by: as SQL with values, which are nobody's to show.
    pub(super) conditions: Vec<String>,
}

/// The nodes of a plan, parents first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape(pub Vec<Node>);

/// How the server executes `query` with these values: in a transaction that is rolled back, or not at
/// all if it fails.
pub async fn shape(
    session: &mut Session,
    query: &Query,
    values: &Tuple,
) -> Result<Shape, PostgresError> {
    let query = query.with_literals(values);
    let limit = milliseconds(LONGEST);
    session.execute(&format!("BEGIN; SET LOCAL statement_timeout = {limit}")).await?;
    let executed = explain(session, "ANALYZE, TIMING OFF, SUMMARY OFF, VERBOSE", &query).await;
    session.execute("ROLLBACK").await?;
    match executed {
        Err(PostgresError::Sql(_)) => explain(session, "VERBOSE", &query).await,
        other => other,
    }
}

async fn explain(session: &mut Session, how: &str, query: &str) -> Result<Shape, PostgresError> {
    let sql = format!("EXPLAIN (FORMAT JSON, {how}) {query}");
    let text = session.value(&sql).await?.unwrap_or_default();
    let json: Value = serde_json::from_str(&text)
        .map_err(|error| PostgresError::Unexpected(error.to_string()))?;
    let mut nodes = Vec::new();
    if let Some(plan) = json.pointer("/0/Plan") {
        walk(plan, 0, false, &mut nodes);
    }
    Ok(Shape(nodes))
}

fn walk(plan: &Value, depth: usize, is_cut_short: bool, nodes: &mut Vec<Node>) {
    let text = |key: &str| plan.get(key).and_then(Value::as_str).map(str::to_owned);
    let number = |key: &str| plan.get(key).and_then(Value::as_f64);
    nodes.push(Node {
        depth,
        kind: text("Node Type").unwrap_or_default(),
        relation: text("Relation Name"),
        index: text("Index Name"),
        rows: number("Plan Rows").unwrap_or_default(),
        actual: number("Actual Rows")
            .filter(|_| !is_cut_short && number("Actual Loops") > Some(0.0)),
        schema: text("Schema"),
        alias: text("Alias"),
        conditions: CONDITIONS.iter().flat_map(|key| texts(plan.get(*key))).collect(),
    });
    for part in plan.get("Plans").and_then(Value::as_array).into_iter().flatten() {
        walk(part, depth + 1, is_cut_short || may_end_early(plan, part), nodes);
    }
}

/// One text, or those of a list.
fn texts(value: Option<&Value>) -> Vec<String> {
    let all = match value {
        Some(Value::Array(all)) => all.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whether `part` may end as soon as `plan` has enough: below limits, joins that look for one partner or
/// walk through both sides at once, and in subqueries.
fn may_end_early(plan: &Value, part: &Value) -> bool {
    let is = |value: &Value, key: &str, words: &[&str]| {
        value.get(key).and_then(Value::as_str).is_some_and(|word| words.contains(&word))
    };
    is(plan, "Node Type", &["Limit", "Merge Join"])
        || is(plan, "Join Type", &["Semi", "Anti"])
        || plan.get("Inner Unique").and_then(Value::as_bool) == Some(true)
        || is(part, "Parent Relationship", &["SubPlan", "InitPlan"])
}

impl Node {
    /// One line, as `EXPLAIN` begins its own.
    fn line(&self) -> String {
        let on = self.relation.as_ref().map(|name| format!(" on {name}")).unwrap_or_default();
        let by = self.index.as_ref().map(|name| format!(" using {name}")).unwrap_or_default();
        format!("{}{}{by}{on}", "  ".repeat(self.depth), self.kind)
    }

    /// The words of a scan: where it reads, and by what.
    fn scan(&self) -> Option<String> {
        self.relation.as_ref().or(self.index.as_ref())?;
        Some(self.line().trim_start().to_owned())
    }
}

impl Shape {
    /// One line for each node.
    pub fn lines(&self) -> Vec<String> {
        self.0.iter().map(Node::line).collect()
    }

    /// The indexes that it reads by.
    pub fn indexes(&self) -> Vec<&str> {
        self.0.iter().filter_map(|node| node.index.as_deref()).collect()
    }

    /// What is another thing in `after`, one line each: nodes, indexes, the order of joins, and
    /// estimates of `after` that are off by a factor of ten.
    pub fn differences(&self, after: &Self) -> Vec<String> {
        let mut told = if self.lines() == after.lines() { Vec::new() } else { self.others(after) };
        let off = after.0.iter().filter_map(|node| {
            let actual = node.actual?;
            let (less, more) = (node.rows.min(actual), node.rows.max(actual));
            let line = node.line();
            let words = format!("{}: expects {} rows, has {actual}", line.trim_start(), node.rows);
            (more > OFF * less.max(1.0)).then_some(words)
        });
        told.extend(off);
        told
    }

    /// The nodes of `after` that are others.
    fn others(&self, after: &Self) -> Vec<String> {
        let scans = |shape: &Self| shape.0.iter().filter_map(Node::scan).collect::<Vec<_>>();
        let (before, now) = (scans(self), scans(after));
        let mut told = Vec::new();
        for scan in now.iter().filter(|scan| !before.contains(scan)) {
            told.push(format!("now: {scan}"));
        }
        for scan in before.iter().filter(|scan| !now.contains(scan)) {
            told.push(format!("no more: {scan}"));
        }
        if told.is_empty() {
            told.push(format!("now: {}", after.lines().join(" / ").replace("  ", "")));
        }
        told
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::{Shape, walk};

    pub(in super::super) fn shape(plan: &serde_json::Value) -> Shape {
        let mut nodes = Vec::new();
        walk(plan, 0, false, &mut nodes);
        Shape(nodes)
    }

    fn scan(kind: &str, index: Option<&str>, rows: u32) -> serde_json::Value {
        json!({"Node Type": kind, "Relation Name": "orders", "Index Name": index, "Plan Rows": rows})
    }

    #[test]
    fn a_lost_index_is_told() {
        let by_index = shape(&scan("Index Scan", Some("orders_by_customer"), 3));
        let whole = shape(&scan("Seq Scan", None, 3));
        assert_eq!(
            by_index.differences(&whole),
            ["now: Seq Scan on orders", "no more: Index Scan using orders_by_customer on orders"]
        );
        assert_eq!(by_index.differences(&by_index), Vec::<String>::new());
        assert_eq!(by_index.indexes(), ["orders_by_customer"]);
    }

    #[test]
    fn an_estimate_is_off_by_what_there_was() {
        let of = |actual: u32, loops: u32| {
            let mut plan = scan("Seq Scan", None, 3);
            plan["Actual Rows"] = actual.into();
            plan["Actual Loops"] = loops.into();
            plan
        };
        let told = |plan: &serde_json::Value| shape(plan).differences(&shape(plan));
        assert_eq!(told(&of(3000, 1)), ["Seq Scan on orders: expects 3 rows, has 3000"]);
        assert!(told(&of(20, 1)).is_empty() && told(&of(3000, 0)).is_empty());
        let mut limit = json!({"Node Type": "Limit", "Plans": [of(3000, 1)]});
        assert!(told(&limit).is_empty(), "it ended as soon as there were enough");
        limit["Node Type"] = "Sort".into();
        assert_eq!(told(&limit).len(), 1);
        limit["Join Type"] = "Semi".into();
        assert!(told(&limit).is_empty(), "one partner is enough");
    }

    #[test]
    fn another_order_of_joins_is_another_shape() {
        let join = |first: &str, second: &str| {
            let part = |name: &str| json!({"Node Type": "Seq Scan", "Relation Name": name, "Plan Rows": 1});
            shape(
                &json!({"Node Type": "Nested Loop", "Plan Rows": 1, "Plans": [part(first), part(second)]}),
            )
        };
        assert_eq!(join("a", "b").lines(), ["Nested Loop", "  Seq Scan on a", "  Seq Scan on b"]);
        let told = join("a", "b").differences(&join("b", "a"));
        assert_eq!(told, ["now: Nested Loop / Seq Scan on b / Seq Scan on a"]);
    }
}
