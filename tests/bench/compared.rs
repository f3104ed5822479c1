//! Queries before and after.

use serde_json::Value;

use super::{NOTHING, SHORT, bench, project, servers, times, words};

/// Few enough for a test; a million in the long form.
fn many() -> u32 {
    if times() > 1 { 1_000_000 } else { FEW }
}

const FEW: u32 = 150_000;

/// Orders with an index that matters.
fn orders(rows: u32) -> (String, &'static str) {
    let up = format!(
        "CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL, total int);
         INSERT INTO orders SELECT n, n % 50000, n FROM generate_series(1, {rows}) n;
         CREATE INDEX orders_by_customer ON orders (customer);
         CREATE TABLE item (id int PRIMARY KEY);"
    );
    (up, "DROP TABLE orders, item;")
}

/// As few requests as a comparison takes, and no more than a server can answer that reads all orders.
fn short(major: &str) -> Vec<&str> {
    words(SHORT, &[major, "--rate", if times() > 1 { "40" } else { "200" }])
}

pub(crate) const OF_CUSTOMER: (&str, &str) = (
    "of_customer.sql",
    "-- stairway: param customer from SELECT DISTINCT customer FROM public.orders\n\
     SELECT sum(total) FROM public.orders WHERE customer = :customer;\n",
);
const BY_NUMBER: (&str, &str) = (
    "by_number.sql",
    "-- stairway: weight 3\n-- stairway: param id from SELECT id FROM public.orders LIMIT 1000\n\
     SELECT * FROM public.orders WHERE id = :id;\n",
);
const WITHOUT_INDEX: (&str, &str) =
    ("DROP INDEX orders_by_customer;", "CREATE INDEX orders_by_customer ON orders (customer);");
pub(crate) fn compared<'r>(report: &'r Value, query: &str) -> &'r Value {
    let queries = report["queries"].as_array().unwrap();
    queries.iter().find(|it| it["name"] == query).unwrap()
}

#[test]
fn a_dropped_index_is_named_and_blamed_on_its_migration() {
    let (up, down) = orders(many());
    let scripts = [(up.as_str(), down), NOTHING, WITHOUT_INDEX, NOTHING];
    let project = project(&scripts, &[OF_CUSTOMER, BY_NUMBER]);
    for major in servers::majors() {
        let major = major.to_string();
        let report = bench(project.path(), &short(&major)).json();
        let found = report["findings"].as_array().unwrap().iter();
        let slow = serde_json::json!(["of_customer"]);
        let found: Vec<&Value> = found.filter(|it| it["objects"] == slow).collect();
        assert_eq!(found.len(), 1, "{report:#}");
        assert_eq!(found[0]["check"], "latency-regression");
        assert!(found[0]["file"].as_str().unwrap().ends_with("up/3_step.sql"), "{report:#}");
        let detail = found[0]["detail"].as_str().unwrap();
        for part in [
            "is gone: CREATE INDEX orders_by_customer ON public.orders",
            "now: Seq Scan on orders",
            "no more: ",
        ] {
            assert!(detail.contains(part), "{part}: {detail}");
        }
        let help = found[0]["help"].as_str().unwrap();
        assert!(help.contains("CREATE INDEX CONCURRENTLY orders_by_customer"), "{help}");
        let slow = compared(&report, "of_customer");
        assert_eq!(
            (&slow["compared"]["change"], &slow["migration"]),
            (&"worse".into(), &"3 step".into())
        );
    }
}

#[test]
fn an_added_index_is_credited_and_a_comment_is_no_regression() {
    let (drop, create) = WITHOUT_INDEX;
    let (up, down) = orders(many());
    let slow = up.clone() + drop;
    let credited = project(&[(&slow, down), (create, drop), NOTHING], &[OF_CUSTOMER]);
    let major = servers::majors()[0].to_string();
    let args = short(&major);
    let report = bench(credited.path(), &args).json();
    let faster = compared(&report, "of_customer");
    assert_eq!(
        (&faster["compared"]["change"], &faster["migration"]),
        (&"better".into(), &"2 step".into()),
        "{report:#}"
    );
    assert_eq!(report["findings"], serde_json::json!([]));
    let (up, down) = orders(FEW);
    let nothing = project(&[(up.as_str(), down), NOTHING], &[OF_CUSTOMER, BY_NUMBER]);
    for _ in 0..times() {
        let report = bench(nothing.path(), &words(SHORT, &[&major, "--rate", "200"])).json();
        for query in ["of_customer", "by_number"] {
            assert_ne!(compared(&report, query)["compared"]["change"], "worse", "{report:#}");
        }
        assert_eq!(report["findings"], serde_json::json!([]), "{report:#}");
    }
}

#[test]
fn an_index_that_was_never_there_is_named() {
    let by_total = (
        "by_total.sql",
        "-- stairway: rate 40\n-- stairway: budget 500us\n\
         -- stairway: param total from SELECT total FROM public.orders LIMIT 100\n\
         SELECT * FROM public.orders o WHERE o.total = :total;\n",
    );
    let (up, down) = orders(FEW);
    let project = project(&[(up.as_str(), down), NOTHING], &[OF_CUSTOMER, by_total]);
    let major = servers::majors()[0].to_string();
    let line = "--rate 100 --requests 150 --runs 3 --pairs 0 --no-impact --scale 1 --format json --since 1 --server local \
                --postgres";
    let report = bench(project.path(), &words(line, &[&major])).json();
    let query = compared(&report, "by_total");
    let missing = &query["missing_index"];
    assert_eq!(missing["definition"], "CREATE INDEX ON public.orders (total)", "{report:#}");
    assert!(missing["with"].as_f64().unwrap() * 2.0 < missing["without"].as_f64().unwrap());
    assert_eq!(compared(&report, "of_customer")["missing_index"], Value::Null);
    let found = report["findings"].as_array().unwrap();
    let slow = found.iter().find(|it| it["check"] == "latency-budget").unwrap();
    let help = slow["help"].as_str().unwrap();
    assert!(help.ends_with("CREATE INDEX CONCURRENTLY ON public.orders (total)"), "{help}");
}
