//! Texts as the server prints them and as people write them, and what is made of them.

use std::collections::BTreeMap;

use super::{LookUp, Tied, inserts_into, look_ups, of_script, of_trigger, suggest, tied};
use crate::data::{Column, Name, Partition, Table, TableKind, Type, TypeKind, Types, Unique};

const TEXT: u32 = 25;
const INT: u32 = 23;

/// The types of the tables here: built-in ones by name, `code` over `text` over `citext`, `mood`.
fn types() -> Types {
    let base = |(oid, name): (u32, &str)| (oid, kind(oid, name, TypeKind::Base));
    let built_in = [
        (16, "bool"),
        (INT, "int4"),
        (TEXT, "text"),
        (1043, "varchar"),
        (1082, "date"),
        (1184, "timestamptz"),
        (1700, "numeric"),
        (3802, "jsonb"),
        (17, "bytea"),
        (114, "json"),
    ];
    let mut types: BTreeMap<u32, Type> = built_in.into_iter().map(base).collect();
    let domain = |base, not_null, check: &str| TypeKind::Domain {
        base,
        modifier: -1,
        not_null,
        checks: vec![check.to_owned()],
    };
    for (oid, name, kind_of) in [
        (900, "inner", domain(TEXT, true, "(VALUE ~ '^[A-Z]{2}-[0-9]{3}$'::text)")),
        (901, "code", domain(900, false, "((VALUE)::text <> 'AA-000'::text)")),
        (902, "mood", TypeKind::Enum(vec!["sad".to_owned(), "ok".to_owned()])),
        (903, "_text", TypeKind::Array(TEXT)),
        (904, "daterange", TypeKind::Range(1082)),
        (905, "_code", TypeKind::Array(901)),
    ] {
        types.insert(oid, kind(oid, name, kind_of));
    }
    Types(types)
}

fn kind(oid: u32, name: &str, kind: TypeKind) -> Type {
    Type { oid, name: name.to_owned(), schema: String::new(), sql: name.to_owned(), kind }
}

fn table(name: &str, columns: &[(&str, u32)], checks: &[&str]) -> Table {
    let column = |(number, (name, type_oid)): (i16, &(&str, u32))| Column {
        name: (*name).to_owned(),
        number,
        type_oid: *type_oid,
        modifier: -1,
        not_null: false,
        default: None,
        is_generated: false,
        identity: None,
        sequence: None,
    };
    Table {
        oid: 1,
        name: Name::new("public", name),
        kind: TableKind::Plain,
        is_named: true,
        is_empty: true,
        has_row_security: false,
        has_insert_rule: false,
        has_update_trigger: false,
        has_insert_trigger: false,
        inserting: Vec::new(),
        columns: (1..).zip(columns).map(column).collect(),
        checks: checks.iter().map(|check| (*check).to_owned()).collect(),
        uniques: Vec::new(),
        exclusions: Vec::new(),
        foreign_keys: Vec::new(),
        partition: None,
        parents: Vec::new(),
        expressions: Vec::new(),
    }
}

/// What is suggested for the column `x` of this type under one check.
fn suggested(type_oid: u32, check: &str) -> Vec<String> {
    let table = table("t", &[("x", type_oid), ("y", type_oid)], &[check]);
    suggest(&table, &types()).remove("x").unwrap_or_default()
}

#[test]
fn lists_and_bounds_are_suggested() {
    for (type_oid, check, want) in [
        (
            1043,
            "((x)::text = ANY ((ARRAY['new'::character varying, 'done'::character varying])::text[]))",
            &["new", "done"][..],
        ),
        (TEXT, "(x = ANY ('{a,\"b c\"}'::text[]))", &["a", "b c"]),
        (
            1700,
            "((x > (0)::numeric) AND (x <= (100)::numeric))",
            &["1", "100", "2", "99", "0", "101", "-1", "99.9", "-0.1", "100.1", "0.1"],
        ),
        (INT, "(x >= '-5'::integer)", &["-5", "-4", "-6"]),
        (INT, "(10 > x)", &["9", "8", "10", "11"]),
        (INT, "(x <> 7)", &["8", "6", "7"]),
        (INT, "(NOT (x = 7))", &["8", "6", "7"]),
        (
            1082,
            "(x < '2024-03-01'::date)",
            &["2024-02-29", "2024-02-28", "2024-03-01", "2024-03-02"],
        ),
        (
            1082,
            "(EXTRACT(year FROM x) >= (2000)::numeric)",
            &["2000-06-15", "2001-06-15", "1999-06-15"],
        ),
        (902, "(x <> 'sad'::mood)", &["ok", "sad"]),
        (903, "('a'::text = ANY (x))", &["{a}"]),
        (903, "(cardinality(x) <= 1)", &["{a}", "{}", "{a,b}"]),
        (16, "(x = true)", &["true"]),
        (TEXT, "(x ~~ '%foo_'::text)", &["fooa", "afooa", "ab1fooa"]),
        (TEXT, "(POSITION(('@'::text) IN (x)) > 1)", &["a@b", "a", "a@b@c", "@a", "a@", "a@@b"]),
        (TEXT, "(\"left\"(x, 2) = 'AB'::text)", &["AB", "abc", "ABx", "123", "xAB", "a", "1"]),
    ] {
        let mut found = suggested(type_oid, check);
        if check.contains("left") {
            found.retain(|it| want.contains(&it.as_str()));
            assert!(!found.is_empty(), "{check}");
        } else {
            assert_eq!(found, want, "{check}");
        }
    }
}

#[test]
fn lengths_and_patterns_are_suggested() {
    assert_eq!(
        suggested(TEXT, "(char_length(x) = 4)"),
        ["abcd", "1234", "abc", "123", "abcde", "12345"]
    );
    assert_eq!(suggested(17, "(octet_length(x) = 2)"), ["\\xa1a1", "\\xa1", "\\xa1a1a1"]);
    let codes = suggested(TEXT, "(x ~ '^[0-9]{3}$'::text)");
    assert!(codes.len() == 12 && codes.iter().all(|code| code.len() == 3), "{codes:?}");
    let kinds = suggested(TEXT, "(x ~ similar_to_escape('(A|B)_'::text))");
    assert!(kinds.iter().all(|it| it.starts_with(['A', 'B']) && it.len() == 2), "{kinds:?}");
    assert!(suggested(TEXT, "(x ~ '(a)\\1'::text)").contains(&"a".to_owned()));
}

#[test]
fn documents_are_suggested() {
    let objects = suggested(3802, "((jsonb_typeof(x) = 'object'::text) AND (x ? 'id'::text))");
    assert_eq!(objects, [r#"{"id":"a"}"#, r#"{"id":1}"#, r#"{"id":null}"#, "{}"]);
    let first = |check| suggested(3802, check).into_iter().next().unwrap();
    assert_eq!(first("(((x -> 'a'::text) ->> 'b'::text) = 'c'::text)"), r#"{"a":{"b":"c"}}"#);
    assert_eq!(first("(((x ->> 'n'::text))::integer > 4)"), r#"{"n":5}"#);
    assert_eq!(first("(jsonb_typeof((x -> 'l'::text)) = 'array'::text)"), r#"{"l":[1]}"#);
    assert_eq!(first("(x @> '{\"a\": 1}'::jsonb)"), r#"{"a": 1}"#);
    assert_eq!(first("(x ?& ARRAY['a'::text, 'b'::text])"), r#"{"a":"a","b":"a"}"#);
}

#[test]
fn partitions_domains_and_ranges_are_suggested() {
    let mut part = table("t", &[("x", 1082), ("y", 901), ("z", 905)], &[]);
    part.partition = Some(Partition {
        constraint: Some(
            "((x IS NOT NULL) AND (x >= '2024-01-01'::date) AND (x < '2024-02-01'::date))".into(),
        ),
    });
    let found = suggest(&part, &types());
    assert_eq!(found["x"][..2], ["2024-01-01", "2024-01-31"]);
    assert!(found["y"].iter().filter(|it| it.len() == 6 && it.as_bytes()[2] == b'-').count() > 10);
    assert!(found["z"].iter().any(|it| it.starts_with('{') && it.len() == 8), "{:?}", found["z"]);
    let ranges = suggested(904, "((NOT isempty(x)) AND (lower(x) >= '2024-05-01'::date))");
    assert_eq!(ranges[0], "[\"2024-05-01\",\"2024-05-02\")");
    part.partition = Some(Partition {
        constraint: Some("satisfies_hash_partition('16390'::oid, 2, 0, x)".into()),
    });
    assert_eq!(suggest(&part, &types())["x"].len(), 2);
}

fn sets(table: &Table) -> Vec<(Vec<String>, Vec<String>)> {
    tied(table, &types())
        .into_iter()
        .map(|Tied { columns, predicates }| (columns, predicates))
        .collect()
}

#[test]
fn columns_of_one_predicate_are_tied() {
    let columns =
        [("a", INT), ("left", INT), ("time", INT), ("Mix Ed", TEXT), ("d", INT), ("date", 1082)];
    let table = table(
        "t",
        &columns,
        &[
            "((a IS NULL) = (d IS NULL))",
            "(\"left\"((\"Mix Ed\")::text, 2) = 'a d'::text)",
            "(\"left\" > (length('x'::text))::int)",
            "(d < date_part('day'::text, '2024-01-01'::date))",
            "(t.* IS NOT NULL)",
            "(1 < 2)",
            "(tableoid > (a)::oid)",
            "((('now'::text)::timestamp(0) without time zone AT TIME ZONE 'UTC'::text) IS NOT NULL)",
        ],
    );
    let owned = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let checks = |places: &[usize]| places.iter().map(|at| table.checks[*at].clone()).collect();
    assert_eq!(
        sets(&table),
        [
            (owned(&["a", "d"]), checks(&[0, 3])),
            (owned(&["left"]), checks(&[2])),
            (owned(&["Mix Ed"]), checks(&[1])),
        ]
    );
}

#[test]
fn domains_and_generated_columns_are_written_out() {
    let mut table = table(
        "t",
        &[("a", INT), ("Code", 901), ("sum", INT), ("lost", INT), ("b", INT), ("z", 905)],
        &["(sum > 5)", "(lost > a)"],
    );
    for (place, text) in [(2, Some("(a + b)".to_owned())), (3, None)] {
        table.columns[place].is_generated = true;
        table.columns[place].default = text;
    }
    let owned = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        sets(&table),
        [
            (owned(&["a", "b"]), owned(&["(((a + b)) > 5)"])),
            (
                owned(&["Code"]),
                owned(&[
                    "((\"Code\")::text <> 'AA-000'::text)",
                    "\"Code\" IS NOT NULL",
                    "(\"Code\" ~ '^[A-Z]{2}-[0-9]{3}$'::text)",
                ])
            ),
            (
                owned(&["z"]),
                owned(&[
                    "NOT EXISTS (SELECT FROM unnest(\"z\") AS element(value) \
                     WHERE (((element.value)::text <> 'AA-000'::text)) IS FALSE)",
                    "NOT EXISTS (SELECT FROM unnest(\"z\") AS element(value) \
                     WHERE element.value IS NULL)",
                    "NOT EXISTS (SELECT FROM unnest(\"z\") AS element(value) \
                     WHERE ((element.value ~ '^[A-Z]{2}-[0-9]{3}$'::text)) IS FALSE)",
                ])
            ),
        ]
    );
}

/// What a script gives to the columns of `public.orders`.
fn scripted(sql: &str) -> BTreeMap<String, Vec<String>> {
    let mut orders = table(
        "orders",
        &[
            ("id", INT),
            ("status", TEXT),
            ("total", INT),
            ("name", TEXT),
            ("data", 3802),
            ("mood", 902),
            ("at", 1082),
        ],
        &[],
    );
    orders.uniques.push(Unique {
        name: "orders_pkey".to_owned(),
        columns: vec!["id".to_owned()],
        is_primary: true,
        nulls_not_distinct: false,
        predicate: None,
        has_expression: false,
        is_deferrable: false,
    });
    let other = table("other", &[("status", TEXT)], &[]);
    let found = of_script(sql, &[other, orders], &types());
    found.into_iter().filter(|(place, _)| place.0 == 1).map(|(place, it)| (place.1, it)).collect()
}

#[test]
fn compared_constants_go_to_their_column() {
    for (sql, column, want) in [
        (
            "UPDATE orders SET status = 'new' WHERE status IN ('a', 'it''s')",
            "status",
            &["new", "a", "it's"][..],
        ),
        (
            "update Public.\"orders\" o set x = 1 where o.total > 99 and o.status is null",
            "total",
            &["100", "101", "99", "98", "1", "0", "2"],
        ),
        (
            "DELETE FROM orders WHERE at BETWEEN '2024-01-01' AND DATE '2024-01-31'",
            "at",
            &["2024-01-01", "2024-01-31", "2024-01-02", "2024-01-30", "2023-12-31", "2024-02-01"],
        ),
        ("UPDATE orders SET total = CASE status WHEN 'a' THEN 1 ELSE 2 END", "status", &["a"]),
        (
            "UPDATE orders SET status = CASE WHEN total > 5 THEN 'big' ELSE 'small' END",
            "status",
            &["big", "small"],
        ),
        (
            "SELECT 1 FROM orders WHERE name::text LIKE '%foo%'",
            "name",
            &["foo", "afooa", "ab1fooab1"],
        ),
        (
            "UPDATE orders SET x = split_part(name, ' ', 1)",
            "name",
            &["a b", "a", "a b c", " a", "a ", "a  b"],
        ),
        (
            "ALTER TABLE orders ALTER COLUMN name SET DATA TYPE varchar(3)",
            "name",
            &["abc", "abcd", "999", "9999"],
        ),
        (
            "ALTER TABLE orders ALTER name TYPE int USING name::int",
            "name",
            &["12", "007", "1.5", "abc", "", "2147483647", "2147483648", "-1"],
        ),
        (
            "ALTER TABLE orders ALTER COLUMN name TYPE numeric(4,2)",
            "name",
            &["99.99", "999", "0.111", "99.999"],
        ),
        ("UPDATE orders SET mood = 'ok' WHERE mood = 'gone'", "mood", &["ok"]),
        (
            "ALTER TABLE orders RENAME TO bills; ALTER TABLE bills RENAME COLUMN status TO state; UPDATE bills SET state = 'x'",
            "status",
            &["x"],
        ),
        ("DO $$ BEGIN UPDATE orders SET status = 'in'; END $$", "status", &["in"]),
        ("UPDATE other SET status = 'x'", "status", &[]),
        ("COMMENT ON COLUMN orders.status IS 'x'", "status", &[]),
    ] {
        let found = scripted(sql).remove(column).unwrap_or_default();
        assert_eq!(found, want, "{sql}");
    }
}

#[test]
fn documents_go_to_their_column() {
    let found = scripted("UPDATE orders SET status = data->>'name' WHERE data ? 'old'");
    assert_eq!(found["data"][0], r#"{"name":"a","old":"a"}"#);
    assert!(found["data"].contains(&r#"{"old":"a"}"#.to_owned()), "{found:?}");
    assert!(!found.contains_key("status"), "{found:?}");
    let built = scripted("UPDATE orders SET data = jsonb_build_object('k', name, 'l', total)");
    assert_eq!(built["data"][0], r#"{"k":"a","l":"a"}"#);
    let more = scripted("UPDATE orders SET data = data || jsonb_build_object('m', 1)");
    assert_eq!(more["data"][0], r#"{"m":"a"}"#);
    let deep = scripted("SELECT data #>> '{a,b}' FROM orders");
    assert_eq!(deep["data"][0], r#"{"a":{"b":"a"}}"#);
}

#[test]
fn what_nobody_can_tell_goes_to_all_that_it_fits() {
    let found = scripted("INSERT INTO log SELECT 'moved', 7, '2024-01-01' FROM orders LIMIT 3");
    assert_eq!(found["status"], ["moved", "2024-01-01"]);
    assert_eq!(found["total"], ["7", "6", "8"]);
    assert_eq!(found["at"], ["2024-01-01", "2023-12-31", "2024-01-02"]);
    let many: Vec<String> = (0..40).map(|at| format!("'s{at}'")).collect();
    let found = scripted(&format!("SELECT f({}) FROM orders", many.join(", ")));
    assert_eq!(found["name"].len(), 8);
}

#[test]
fn inserted_keys_are_taken() {
    let found = scripted(
        "INSERT INTO orders (id, status, total) VALUES (7, 'seed', 5), (8, 'two', 7);
         DELETE FROM orders WHERE id IN (7, 8)",
    );
    assert_eq!(found["id"], ["6", "9"]);
    assert_eq!(found["status"], ["seed", "two"]);
    assert_eq!(found["total"], ["5", "7", "4", "6", "8"]);
    let found = scripted(
        "INSERT INTO orders SELECT 3, 'x' WHERE NOT EXISTS (SELECT FROM orders WHERE id = 3)",
    );
    assert_eq!(found["id"], ["2", "4"]);
}

const LONG: &str = "WITH a AS (INSERT INTO orders (id, \"Mix\", at) VALUES (-1, U&'\\0061', DEFAULT),
    (9223372036854775807, E'\\x4', date '2024-01-01') RETURNING *) UPDATE ONLY public.orders AS o SET
    data = jsonb_set(data || jsonb_build_object('é', 1), '{a,\"b}', $q$x$q$) - 'k' #- '{c}',
    status = CASE status WHEN 'a' THEN left(name, -9223372036854775808) ELSE substr(name, 2, 9) END,
    name = regexp_replace(name, '^(a|[[:alpha:]]{2,})+\\d?(?=x)$', ''), total = -total + .5e-3
    WHERE NOT (o.total NOT BETWEEN 1 AND 9223372036854775807) AND status IS NOT DISTINCT FROM 'q'
    AND CAST(name AS numeric(3, 1))::int[] = ANY ('{1,2}'::int[]) AND position('@' in name) > 1
    AND name SIMILAR TO '(a|b)%_' AND extract(year from at) > 9999 AND data #>> '{l,3}' <> 'z'
    AND at NOT IN ('9999-12-31', '0001-01-01') AND name !~~* '%\\' AND length(name) < 0";

#[test]
fn no_piece_of_a_statement_is_too_torn() {
    let ends: Vec<usize> = LONG.char_indices().map(|(at, _)| at).collect();
    let table = |check: &str| table("orders", &[("name", TEXT), ("data", 3802)], &[check]);
    for at in ends.iter().step_by(3) {
        let (head, tail) = LONG.split_at_checked(*at).unwrap();
        for piece in [head, tail] {
            let _ = (scripted(piece), super::mine(piece), sets(&table(piece)));
            let _ = suggest(&table(piece), &types());
        }
    }
    let found = scripted(LONG);
    assert!(!found["id"].contains(&"-1".to_owned()), "{:?}", found["id"]);
    for column in ["status", "name", "data", "total", "at"] {
        assert!(found[column].len() > 2, "{column} {:?}", found[column]);
    }
}

#[test]
fn torn_text_is_survived() {
    for sql in
        ["", "UPDATE orders SET status = ", "orders '", "\\d orders", "orders (((", "orders ) a ->"]
    {
        let _ =
            (scripted(sql), suggested(TEXT, sql), sets(&table("orders", &[("a", INT)], &[sql])));
    }
}

#[test]
fn triggers_say_what_they_compare_and_look_up() {
    let own = table("reply", &[("id", INT), ("room", INT), ("answers", INT), ("kind", TEXT)], &[]);
    let other = table("message", &[("id", INT), ("room", INT), ("text", TEXT)], &[]);
    let body = "DECLARE found record; BEGIN \
        IF NEW.kind NOT IN ('short', 'long') THEN RAISE EXCEPTION 'kind'; END IF; \
        SELECT id, room INTO found FROM public.message m WHERE m.id = NEW.answers; \
        IF found.room IS DISTINCT FROM NEW.room OR NEW.id <> OLD.id THEN RETURN NULL; END IF; \
        INSERT INTO message (id) VALUES (1); RETURN NEW; END";
    let tables = [own, other];
    let [own, other] = &tables;
    let kinds = &of_trigger(body, own, &types())["kind"];
    assert!(kinds.contains(&"short".to_owned()) && kinds.contains(&"long".to_owned()), "{kinds:?}");
    let pair = |one: &str, two: &str| (one.to_owned(), two.to_owned());
    let pairs = vec![pair("id", "answers"), pair("room", "room")];
    assert_eq!(look_ups(body, own, &tables), [LookUp { table: 1, pairs }]);
    assert_eq!(look_ups(body, other, std::slice::from_ref(own)), []);
    assert_eq!(inserts_into(body, &tables), [1]);
}
