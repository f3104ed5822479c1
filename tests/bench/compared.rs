//! Queries before and after.

use serde_json::Value;

use super::{BY_KEY, ITEMS, NOTHING, SHORT, bench, project, servers, times, words};

/// Orders with an index that matters; a million in the long form.
fn orders() -> (String, &'static str) {
    let rows = if times() > 1 { 1_000_000 } else { 150_000 };
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
    let (up, down) = orders();
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
    let (up, down) = orders();
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
    let nothing = project(&[(up.as_str(), down), NOTHING], &[OF_CUSTOMER, BY_NUMBER]);
    for _ in 0..times() {
        let report = bench(nothing.path(), &args).json();
        for query in ["of_customer", "by_number"] {
            assert_ne!(compared(&report, query)["compared"]["change"], "worse", "{report:#}");
        }
        assert_eq!(report["findings"], serde_json::json!([]), "{report:#}");
    }
}

#[test]
fn queries_are_measured_as_they_are_written() {
    let write = (
        "rename.sql",
        "-- stairway: weight 2\n-- stairway: budget 1s\n\
         -- stairway: param id from SELECT id FROM public.item\n\
         -- stairway: param name from generated public.item.name\n\
         UPDATE public.item SET name = :name WHERE id = :id;\n",
    );
    let new = ("new.sql", "-- stairway: rate 20\nSELECT count(extra) FROM public.item;\n");
    let wrong = ("divides.sql", "SELECT 1 / (SELECT 0);\n");
    let add = ("ALTER TABLE item ADD COLUMN extra int;", "ALTER TABLE item DROP COLUMN extra;");
    let project = project(&[ITEMS, add], &[BY_KEY, write, new, wrong]);
    let major = servers::majors()[0].to_string();
    for protocol in ["prepared", "simple"] {
        let line = "--rate 400 --requests 600 --pairs 3 --no-impact --scale 1 --format json --server local \
                    --postgres";
        let args = words(line, &[&major, "--protocol", protocol]);
        let ran = bench(project.path(), &args);
        let report = ran.json();
        let of = |name: &str| compared(&report, name).clone();
        assert_eq!(of("rename")["gate"]["verdict"], "pass", "{report:#}");
        assert_eq!(of("rename")["gate"]["budget"], 1000.0);
        assert_eq!(
            (of("rename")["rate"].as_f64(), of("new")["rate"].as_f64()),
            (Some(190.0), Some(20.0))
        );
        assert_eq!(of("new")["compared"], Value::Null);
        assert_eq!(of("new")["uncompared"], "new: the database of before does not know it");
        assert_eq!(of("by_key")["failed"], 0);
        assert_eq!(of("divides")["failed"], of("divides")["latency"]["requests"]);
        assert!(report["gate"]["failed"]["22012"].as_u64().unwrap() > 300, "{report:#}");
        assert_eq!(report["gate"]["verdict"], "fail", "{report:#}");
    }
}

#[test]
fn each_database_is_sent_values_of_its_own_types() {
    let setup = (
        "CREATE TABLE item (id int PRIMARY KEY, code char(3) NOT NULL, tags int[] NOT NULL);
         INSERT INTO item SELECT n, lpad(n::text, 3, '0'), ARRAY[n, n + 1] FROM generate_series(1, 200) n;
         CREATE TABLE used (id int);
         CREATE FUNCTION uses() RETURNS bigint LANGUAGE plpgsql AS
           $$ BEGIN RETURN (SELECT count(*) FROM used); END $$;",
        "DROP FUNCTION uses(); DROP TABLE item, used;",
    );
    let change = (
        "ALTER TABLE item ALTER COLUMN id TYPE text; DROP TABLE used;",
        "CREATE TABLE used (id int); ALTER TABLE item ALTER COLUMN id TYPE int USING id::int;",
    );
    let code = (
        "by_code.sql",
        "-- stairway: param code, tag from SELECT code, tags[1] FROM public.item\n\
         SELECT 1 / count(*) FROM public.item WHERE code = :code AND tags @> ARRAY[:tag]::int[];\n",
    );
    let uses = ("uses.sql", "SELECT uses();\n");
    let project = project(&[setup, change], &[BY_KEY, code, uses]);
    let major = servers::majors()[0].to_string();
    let line = "--rate 400 --requests 100 --runs 3 --pairs 3 --no-impact --scale 1 --format json --server local --postgres";
    let report = bench(project.path(), &words(line, &[&major])).json();
    for query in ["by_key", "by_code"] {
        let told = compared(&report, query);
        assert_eq!(told["failed"], 0, "{query}: {report:#}");
        assert_ne!(told["compared"], Value::Null);
    }
    let broken = compared(&report, "uses");
    assert_eq!(
        (&broken["failed"], &broken["compared"]["change"]),
        (&broken["latency"]["requests"], &"worse".into())
    );
    let found = report["findings"].as_array().unwrap().iter();
    let detail =
        found.filter(|it| it["check"] == "latency-regression").find_map(|it| it["detail"].as_str());
    assert!(detail.unwrap().contains("of its requests failed"), "{report:#}");
}
