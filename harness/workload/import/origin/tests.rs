//! Origins of parameters, from the text alone and with a catalog.

use super::{Parameter, origins};
use crate::workload::import::catalog::{Catalog, Facts, ForeignKey, Table};
use crate::workload::import::normal::Normal;
use crate::workload::import::usage::usage;

fn catalog() -> Catalog {
    let facts = |name: &str, is_not_null, is_unique| Facts {
        name: name.to_owned(),
        is_not_null,
        is_unique,
    };
    let table = |name: &str, columns: Vec<Facts>, keys: Vec<ForeignKey>| Table {
        schema: "public".to_owned(),
        name: name.to_owned(),
        is_visible: true,
        columns,
        keys,
    };
    let key = ForeignKey {
        columns: vec![("buyer".to_owned(), "id".to_owned())],
        schema: "public".to_owned(),
        table: "customer".to_owned(),
    };
    Catalog::of(vec![
        table(
            "customer",
            vec![facts("id", true, true), facts("email", true, true), facts("city", false, false)],
            vec![],
        ),
        table(
            "orders",
            vec![facts("id", true, true), facts("buyer", true, false), facts("Note", false, false)],
            vec![key],
        ),
    ])
}

/// Each parameter's names and where they come from, or why nobody can tell.
fn told(text: &str, catalog: Option<&Catalog>) -> Vec<String> {
    let normal = Normal::read(text).unwrap();
    let parameters: Vec<Parameter> = normal
        .slots
        .iter()
        .enumerate()
        .map(|(nth, slot)| Parameter {
            name: format!("p{}", nth + 1),
            usage: usage(&normal.words, &normal.scopes, slot),
            row: normal.words.open(slot.at),
            plain: Vec::new(),
        })
        .collect();
    let line = |origin: super::Origin| {
        let from = origin.from.unwrap_or_else(|| format!("? {}", origin.told));
        format!("{}: {from}", origin.names.join(", "))
    };
    origins(&parameters, &normal.scopes, catalog).into_iter().map(line).collect()
}

#[test]
fn the_text_tells_where_only_one_table_can_be_meant() {
    for (text, expected) in [
        (
            "SELECT * FROM orders WHERE buyer = $1 LIMIT $2 OFFSET $3",
            &[
                "p1: SELECT buyer FROM orders WHERE buyer IS NOT NULL",
                "p2: VALUES (10)",
                "p3: VALUES (0)",
            ][..],
        ),
        (
            "SELECT * FROM s.orders o JOIN customer c ON c.id = o.buyer WHERE o.\"Note\" = $1 AND c.id = $2",
            &[
                "p1: SELECT \"Note\" FROM s.orders WHERE \"Note\" IS NOT NULL",
                "p2: SELECT id FROM customer WHERE id IS NOT NULL",
            ],
        ),
        (
            "SELECT * FROM orders, customer WHERE city = $1",
            &["p1: ? city may be of orders or customer; --database-url tells"],
        ),
        (
            "SELECT * FROM orders WHERE buyer = $1 AND id > $2",
            &["p1, p2: SELECT buyer, id FROM orders WHERE buyer IS NOT NULL AND id IS NOT NULL"],
        ),
        (
            "SELECT * FROM orders WHERE id = $1 AND buyer <> $2 AND note IS DISTINCT FROM $3",
            &[
                "p1: SELECT id FROM orders WHERE id IS NOT NULL",
                "p2: SELECT buyer FROM orders WHERE buyer IS NOT NULL",
                "p3: SELECT note FROM orders WHERE note IS NOT NULL",
            ],
        ),
        (
            "UPDATE t SET position = position - 1 WHERE timestamp > $1",
            &["p1, p2: SELECT \"position\", \"timestamp\" FROM t WHERE \"timestamp\" IS NOT NULL"],
        ),
        (
            "SELECT * FROM orders WHERE id BETWEEN $1 AND $2",
            &[
                "p1: SELECT id FROM orders WHERE id IS NOT NULL",
                "p2: SELECT id FROM orders WHERE id IS NOT NULL",
            ],
        ),
        (
            "SELECT * FROM t WHERE lower(a) = $1 AND b IN ($2) AND c = ANY($3)",
            &[
                "p1: SELECT lower(a) FROM t WHERE lower(a) IS NOT NULL",
                "p2: SELECT b FROM t WHERE b IS NOT NULL",
                "p3: SELECT ARRAY[c] FROM t WHERE c IS NOT NULL",
            ],
        ),
        (
            "WITH x AS (SELECT b AS a) SELECT * FROM x WHERE a = $1",
            &["p1: ? a is computed by the query itself"],
        ),
        (
            "SELECT * FROM t WHERE a ~ $1 AND f($2)",
            &[
                "p1: ? it is beside a, whose values it need not have",
                "p2: ? it is compared with no column",
            ],
        ),
        (
            "UPDATE t SET a = $1, b = b + $2 WHERE c = $3",
            &["p1, p2, p3: SELECT a, b, c FROM t WHERE c IS NOT NULL"],
        ),
        (
            "INSERT INTO t (id, buyer_id) VALUES ($1, $2)",
            &["p1: generated public.t.id", "p2: SELECT buyer_id FROM t WHERE buyer_id IS NOT NULL"],
        ),
        (
            "SELECT * FROM t x WHERE EXISTS (SELECT b FROM u WHERE u.a = x.a AND x.b = $1)",
            &["p1: SELECT b FROM t WHERE b IS NOT NULL"],
        ),
    ] {
        assert_eq!(told(text, None), expected, "{text}");
    }
}

#[test]
fn the_catalog_tells_more() {
    let catalog = catalog();
    for (text, expected) in [
        (
            "SELECT * FROM orders, customer WHERE city = $1",
            &["p1: SELECT city FROM public.customer WHERE city IS NOT NULL"][..],
        ),
        (
            "SELECT * FROM orders JOIN customer ON true WHERE id = $1",
            &["p1: ? id may be of orders or customer"],
        ),
        ("SELECT * FROM orders WHERE id = $1", &["p1: SELECT id FROM public.orders"]),
        ("SELECT * FROM gone WHERE id = $1", &["p1: ? the database has no table gone"]),
        (
            "INSERT INTO orders (id, buyer, \"Note\") VALUES ($1, $2, $3), ($4, $5, $6)",
            &[
                "p1: generated public.orders.id",
                "p2: SELECT id FROM public.customer",
                "p3: generated public.orders.Note",
                "p4: generated public.orders.id",
                "p5: SELECT id FROM public.customer",
                "p6: generated public.orders.Note",
            ],
        ),
        (
            "UPDATE customer SET email = $1 WHERE id = $2",
            &["p1, p2: SELECT email, id FROM public.customer"],
        ),
        ("UPDATE customer SET email = $1", &["p1: generated public.customer.email"]),
        (
            "SELECT * FROM orders WHERE EXISTS (SELECT b FROM customer WHERE buyer = $1)",
            &["p1: SELECT buyer FROM public.orders"],
        ),
    ] {
        assert_eq!(told(text, Some(&catalog)), expected, "{text}");
    }
}
