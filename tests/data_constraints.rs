//! What is read from constraints holds on real servers: suggested values are accepted, and a row that
//! the tied predicates let through can be inserted.

mod servers;

use std::collections::BTreeMap;

use servers::TestServer;
use stairway::data::constraints::{Tied, of_script, suggest, tied};
use stairway::data::{Column, Name, Partition, Table, TableKind, Type, TypeKind, Types};
use stairway::postgres::{Session, quote_ident, quote_literal};

/// How many values of a column are combined with those of others.
const COMBINED: usize = 20;

/// A table by name, what makes it, and how many rows of suggested values it takes at least.
const CASES: &[(&str, &str, usize)] = &[
    ("list", "CREATE TABLE list (a varchar(9) CHECK (a IN ('new', 'done', 'it''s')))", 3),
    ("list_int", "CREATE TABLE list_int (a smallint CHECK (a IN (1, 5, -3)))", 3),
    ("bounds", "CREATE TABLE bounds (a numeric(6,2) CHECK (a > 0 AND a <= 100))", 3),
    ("narrow", "CREATE TABLE narrow (a numeric CHECK (a > 0 AND a < 1))", 1),
    ("negative", "CREATE TABLE negative (a int CHECK (a BETWEEN -20 AND -10))", 3),
    ("length", "CREATE TABLE length (a text CHECK (char_length(a) = 4))", 2),
    ("lengths", "CREATE TABLE lengths (a varchar(20) CHECK (length(a) >= 3 AND length(a) < 9))", 3),
    ("bytes", "CREATE TABLE bytes (a bytea CHECK (octet_length(a) BETWEEN 2 AND 4))", 3),
    ("regex", "CREATE TABLE regex (a text CHECK (a ~ '^[0-9]{3}$'))", 3),
    ("regex_posix", r"CREATE TABLE regex_posix (a text CHECK (a ~ '^[[:alpha:]]\w*(-\d{2,4})?$'))", 3),
    ("regex_phone", r"CREATE TABLE regex_phone (a text CHECK (a ~ '^(?:\+|00)[1-9][0-9 ]{4,14}$'))", 3),
    ("regex_any", "CREATE TABLE regex_any (a text CHECK (a !~ '^\\s*$' AND a ~* '(foo|bar).b?$'))", 3),
    ("alike", "CREATE TABLE alike (a text CHECK (a SIMILAR TO '(A|B)%[0-9]'))", 3),
    ("liked", "CREATE TABLE liked (a text CHECK (a LIKE 'x-%_'))", 1),
    ("prefix", "CREATE TABLE prefix (a text CHECK (left(a, 2) = 'AB' AND starts_with(a, 'A')))", 1),
    ("at_sign", "CREATE TABLE at_sign (a text CHECK (position('@' in a) > 1))", 3),
    ("blank", "CREATE TABLE blank (a text CHECK (btrim(a) <> ''))", 1),
    ("lower", "CREATE TABLE lower (a text CHECK (lower(a) = a))", 1),
    ("dates", "CREATE TABLE dates (a date CHECK (a >= '2024-02-29' AND extract(year from a) < 2030))", 3),
    ("moments", "CREATE TABLE moments (a timestamptz CHECK (a > '2020-01-01 00:00:00+00'))", 2),
    ("ordered", "CREATE TABLE ordered (a timestamp, b timestamp, CHECK (a < b))", 1),
    ("one_of", "CREATE TABLE one_of (a int, b int, CHECK (num_nonnulls(a, b) = 1))", 2),
    ("pair", "CREATE TABLE pair (a int, b text, CHECK ((a IS NULL) = (b IS NULL)))", 1),
    ("implied", "CREATE TABLE implied (a text, b date, CHECK (a <> 'done' OR b IS NOT NULL), CHECK (a IN ('new', 'done')))", 3),
    ("sum", "CREATE TABLE sum (a int, b int, c int GENERATED ALWAYS AS (a + b) STORED, CHECK (c > 0))", 1),
    ("object", "CREATE TABLE object (a jsonb CHECK (jsonb_typeof(a) = 'object' AND a ? 'id'))", 3),
    ("typed", "CREATE TABLE typed (a jsonb CHECK (jsonb_typeof(a -> 'tags') = 'array' AND a ->> 'kind' = 'x'))", 1),
    ("holds", "CREATE TABLE holds (a jsonb CHECK (a @> '{\"v\": 1}' AND jsonb_array_length(a -> 'l') > 1))", 1),
    ("tags", "CREATE TABLE tags (a text[] CHECK (cardinality(a) <= 2 AND 'b' = ANY (a)))", 1),
    ("span", "CREATE TABLE span (a daterange CHECK (NOT isempty(a) AND lower(a) >= '2024-05-01'))", 1),
    ("ints", "CREATE TABLE ints (a int4range CHECK (upper(a) <= 9))", 1),
    ("enum", "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE enum (a mood CHECK (a <> 'sad'))", 1),
    (
        "domain",
        "CREATE DOMAIN word AS citext CHECK (VALUE ~ '^[a-z]+@x$');
         CREATE DOMAIN \"Long\" AS word NOT NULL CHECK (length(VALUE::text) > 4);
         CREATE TABLE domain (\"A b\" \"Long\")",
        3,
    ),
    ("elements", "CREATE TABLE elements (a word[])", 3),
    ("number", "CREATE TABLE number (a text CHECK (a::int > 5))", 1),
    ("place", "CREATE TABLE place (a jsonb CHECK ((a ->> 'n')::int > 5))", 2),
    (
        "range_part",
        "CREATE TABLE ranged (a date, b int) PARTITION BY RANGE (a, b);
         CREATE TABLE range_part PARTITION OF ranged FOR VALUES FROM ('2024-01-01', 5) TO ('2024-02-01', 7)",
        3,
    ),
    (
        "list_part",
        "CREATE TABLE listed (a text) PARTITION BY LIST (a);
         CREATE TABLE list_part PARTITION OF listed FOR VALUES IN ('eu', 'us', 'x')",
        3,
    ),
    ("rest_part", "CREATE TABLE rest_part PARTITION OF listed DEFAULT", 1),
    (
        "hash_part",
        "CREATE TABLE hashed (a int) PARTITION BY HASH (a);
         CREATE TABLE hash_part PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
        1,
    ),
];

#[test]
fn servers_accept_what_is_suggested() {
    for major in servers::majors() {
        let server = servers::server(*major).unwrap();
        runtime().block_on(suggestions(&server));
    }
}

async fn suggestions(server: &TestServer) {
    let mut admin = server.session("postgres").await;
    server.create_database(&mut admin, "suggested").await;
    let mut session = server.session("suggested").await;
    let extension = session.execute("CREATE EXTENSION citext").await;
    let mut problems = Vec::new();
    for (name, made, least) in CASES {
        let made = if extension.is_err() { made.replace("citext", "text") } else { (*made).into() };
        session.execute(&made).await.unwrap();
        let types = types(&mut session).await;
        let table = table(&mut session, name).await;
        if let Err(problem) = accepted(&mut session, &table, &types, *least).await {
            problems.push(format!("{name} on {}: {problem}", server.major));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    session.close().await.unwrap();
}

/// Asks the server which combinations of suggested values the predicates let through, and inserts
/// one of them.
async fn accepted(
    session: &mut Session,
    table: &Table,
    types: &Types,
    least: usize,
) -> Result<(), String> {
    let suggested = suggest(table, types);
    let sets = tied(table, types);
    if sets.is_empty() {
        return Err("nothing is tied".to_owned());
    }
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for Tied { columns: names, predicates } in &sets {
        let list: Vec<String> = names.iter().map(|name| quote_ident(name)).collect();
        let sources = names.iter().map(|name| {
            let mut own = suggested.get(name).cloned().unwrap_or_default();
            // A hash asks for nothing but many values.
            if predicates.iter().any(|predicate| predicate.contains("hash")) {
                own.extend((3..15).map(|value| value.to_string()));
            }
            source(table.column(name).unwrap(), &own, types)
        });
        let asked = format!(
            "SELECT {} FROM {} WHERE ({}) IS NOT NULL AND num_nonnulls({}) > 0 AND {}",
            list.iter().map(|name| format!("{name}::text")).collect::<Vec<_>>().join(", "),
            sources.collect::<Vec<_>>().join(", "),
            // One column alone must be given; of several some may be NULL.
            if names.len() == 1 { list[0].clone() } else { "true".to_owned() },
            list.join(", "),
            predicates
                .iter()
                .map(|predicate| format!("({predicate}) IS NOT FALSE"))
                .collect::<Vec<_>>()
                .join(" AND "),
        );
        let rows = session.rows(&asked).await.map_err(|why| format!("{why}\n{asked}"))?;
        if rows.len() < least {
            return Err(format!(
                "{} of at least {least}\n{suggested:?}\n{predicates:?}",
                rows.len()
            ));
        }
        columns.extend(list);
        let first = rows.into_iter().next().unwrap();
        values.extend(first.into_iter().map(|cell| literal(cell.as_deref())));
    }
    let insert = format!(
        "INSERT INTO {} ({}) VALUES ({})",
        table.name.sql(),
        columns.join(", "),
        values.join(", ")
    );
    session.execute(&insert).await.map_err(|why| format!("{why}\n{insert}"))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn literal(cell: Option<&str>) -> String {
    cell.map_or_else(|| "NULL".to_owned(), quote_literal)
}

/// The type below domains, also of an array's elements, as SQL.
fn base(oid: u32, types: &Types) -> String {
    let of = types.get(oid).unwrap();
    match &of.kind {
        TypeKind::Domain { base: below, .. } => base(*below, types),
        TypeKind::Array(element) => format!("{}[]", base(*element, types)),
        _ => of.sql.clone(),
    }
}

/// A column's candidates and NULL, of the type below its domains, as a table of that name.
fn source(column: &Column, own: &[String], types: &Types) -> String {
    let of = base(column.type_oid, types);
    let given = own.iter().take(COMBINED).map(|value| Some(value.as_str())).chain([None]);
    let rows: Vec<String> = given.map(|cell| format!("({}::{})", literal(cell), of)).collect();
    format!("(VALUES {}) AS _{}({})", rows.join(", "), column.number, quote_ident(&column.name))
}

async fn table(session: &mut Session, name: &str) -> Table {
    let relation = format!("{}::regclass", quote_literal(&quote_ident(name)));
    let columns = session
        .rows(&format!(
            "SELECT attname, attnum, atttypid, atttypmod, attnotnull, attgenerated <> '',
                    pg_get_expr(adbin, adrelid)
             FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
             WHERE attrelid = {relation} AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        ))
        .await
        .unwrap();
    let checks = session
        .rows(&format!(
            "SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint
             WHERE conrelid = {relation} AND contype = 'c' ORDER BY conname"
        ))
        .await
        .unwrap();
    let constraint =
        session.value(&format!("SELECT pg_get_partition_constraintdef({relation})")).await.unwrap();
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
        columns: columns.iter().map(|row| column(row)).collect(),
        checks: checks.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect(),
        uniques: Vec::new(),
        exclusions: Vec::new(),
        foreign_keys: Vec::new(),
        partition: constraint.map(|constraint| Partition { constraint: Some(constraint) }),
        parents: Vec::new(),
        expressions: Vec::new(),
    }
}

fn column(row: &[Option<String>]) -> Column {
    let text = |at: usize| row[at].clone().unwrap();
    Column {
        name: text(0),
        number: text(1).parse().unwrap(),
        type_oid: text(2).parse().unwrap(),
        modifier: text(3).parse().unwrap(),
        not_null: text(4) == "t",
        default: row[6].clone(),
        is_generated: text(5) == "t",
        identity: None,
        sequence: None,
    }
}

async fn types(session: &mut Session) -> Types {
    let rows = session
        .rows(
            "SELECT t.oid, typname, nspname, format_type(t.oid, NULL), typtype, typbasetype,
                    typtypmod, typnotnull, CASE WHEN typcategory = 'A' THEN typelem ELSE 0 END,
                    (SELECT json_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum
                     WHERE enumtypid = t.oid),
                    (SELECT json_agg(pg_get_expr(conbin, 0) ORDER BY conname) FROM pg_constraint
                     WHERE contypid = t.oid AND contype = 'c'),
                    (SELECT rngsubtype FROM pg_range WHERE rngtypid = t.oid),
                    (SELECT rngtypid FROM pg_range WHERE rngmultitypid = t.oid)
             FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace",
        )
        .await
        .unwrap();
    let each = rows.into_iter().map(|row| {
        let kind = kind(&row);
        (kind.oid, kind)
    });
    Types(each.collect::<BTreeMap<_, _>>())
}

fn kind(row: &[Option<String>]) -> Type {
    let text = |at: usize| row[at].clone().unwrap_or_default();
    let oid = |at: usize| text(at).parse::<u32>().unwrap_or_default();
    let list = |at: usize| serde_json::from_str(&text(at)).unwrap_or_default();
    let kind = match text(4).as_str() {
        "d" => TypeKind::Domain {
            base: oid(5),
            modifier: text(6).parse().unwrap(),
            not_null: text(7) == "t",
            checks: list(10),
        },
        "e" => TypeKind::Enum(list(9)),
        "r" => TypeKind::Range(oid(11)),
        "m" => TypeKind::Multirange(oid(12)),
        _ if oid(8) != 0 => TypeKind::Array(oid(8)),
        _ => TypeKind::Base,
    };
    Type { oid: oid(0), name: text(1), schema: text(2), sql: text(3), kind }
}

#[test]
fn servers_take_what_a_script_asks_for() {
    for major in servers::majors() {
        let server = servers::server(*major).unwrap();
        runtime().block_on(scripted(&server));
    }
}

async fn scripted(server: &TestServer) {
    let mut admin = server.session("postgres").await;
    server.create_database(&mut admin, "scripted").await;
    let mut session = server.session("scripted").await;
    let made = "CREATE TABLE things (id int PRIMARY KEY, code varchar(12), price numeric(8,2),
                    size int, doc jsonb, made date, seen timestamptz, tags text[])";
    session.execute(made).await.unwrap();
    let (table, types) = (table(&mut session, "things").await, types(&mut session).await);
    let script = "ALTER TABLE things ALTER COLUMN code TYPE varchar(5), ALTER price TYPE numeric(6,1);
             UPDATE things SET size = 5 WHERE code LIKE '%-%' AND made < '2024-01-01'
                AND seen >= '2024-01-01 10:00:00+00' AND 'x' = ANY (tags) AND id > 10;
             UPDATE things SET code = doc->>'code' WHERE doc ? 'old' AND split_part(code, ', ', 1)::int = 4";
    let found = of_script(script, std::slice::from_ref(&table), &types);
    for column in &table.columns {
        let values = &found[&(0, column.name.clone())];
        let of = session
            .value(&format!("SELECT format_type({}, {})", column.type_oid, column.modifier))
            .await
            .unwrap()
            .unwrap();
        assert!(values.len() >= 2, "{} {values:?}", column.name);
        for value in values {
            let cast = format!("SELECT {}::{of}", quote_literal(value));
            session.execute(&cast).await.unwrap_or_else(|why| panic!("{why} {cast}"));
        }
    }
    session.close().await.unwrap();
}
