//! The values of all types are put into columns of these types, on real servers.

mod servers;

use std::collections::BTreeSet;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use servers::{TestServer, server};
use stairway::data::types::{candidates, canonical, distinct, values};
use stairway::data::{Attribute, Type, TypeKind, Types};
use stairway::postgres::{Session, quote_literal};
use tokio::runtime::Runtime;

/// Base types that no column of a user has, or that take no text.
const LEFT_OUT: &[(&str, &str)] = &[
    ("cstring", "a pseudo type, the array of which is none to the catalog"),
    ("gtsvector", "what an index keeps: the input function refuses everything"),
    ("pg_brin_bloom_summary", "what an index keeps: the input function refuses everything"),
    ("pg_brin_minmax_multi_summary", "what an index keeps: the input function refuses everything"),
    ("pg_dependencies", "what extended statistics keep: the input function refuses everything"),
    ("pg_mcv_list", "what extended statistics keep: the input function refuses everything"),
    ("pg_ndistinct", "what extended statistics keep: the input function refuses everything"),
    ("pg_node_tree", "a parsed expression: the input function refuses everything"),
];

/// How types of our own are made, and types with modifiers.
const SETUP: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'NULL', 'a b', 'it''s \"so\"', '');
    CREATE TYPE lone AS ENUM ('only');
    CREATE DOMAIN price AS numeric(10,2);
    CREATE DOMAIN dear AS price NOT NULL;
    CREATE DOMAIN code AS varchar(3);
    CREATE DOMAIN area AS box;
    CREATE DOMAIN tags AS text[];
    CREATE TYPE pair AS (a int, b text);
    CREATE TYPE nest AS (p pair, m mood, t text[], d dear, r int4range);
    CREATE TYPE bare AS ();
    CREATE TYPE one AS (it text);
    CREATE DOMAIN pairs AS pair[];
    CREATE TYPE textrange AS RANGE (subtype = text);
    CREATE TYPE floatrange AS RANGE (subtype = float8, subtype_diff = float8mi);
    CREATE TYPE timerange AS RANGE (subtype = time);
    CREATE TYPE moodrange AS RANGE (subtype = mood);
    CREATE TYPE netrange AS RANGE (subtype = inet);
    CREATE TYPE pairrange AS RANGE (subtype = pair);
    CREATE TYPE listrange AS RANGE (subtype = text[]);
    CREATE TYPE flagrange AS RANGE (subtype = bool);
    CREATE TYPE pricerange AS RANGE (subtype = price);";

const VARIANTS: &[&str] = &[
    "numeric(10,2)",
    "numeric(1)",
    "numeric(38,10)",
    "numeric(5,-2)",
    "numeric(2,4)",
    "numeric(1000,1000)",
    "numeric(1000,-1000)",
    "numeric(3,3)",
    "numeric(1000)",
    "numeric(4,2)[]",
    "varchar(1)",
    "varchar(2)",
    "varchar(3)",
    "varchar(10)",
    "varchar(255)",
    "varchar(4000)",
    "varchar(65535)",
    "varchar",
    "varchar(2)[]",
    "char",
    "char(1)",
    "char(3)",
    "char(10)",
    "char(300)",
    "char(2)[]",
    "bit",
    "bit(1)",
    "bit(3)",
    "bit(70)",
    "bit(3)[]",
    "varbit",
    "varbit(1)",
    "varbit(5)",
    "varbit(100)",
    "time(0)",
    "time(3)",
    "timetz(0)",
    "timetz(2)",
    "timestamp(0)",
    "timestamp(3)",
    "timestamptz(0)",
    "timestamptz(6)",
    "timestamptz(3)[]",
    "interval(0)",
    "interval(3)",
    "interval year",
    "interval month",
    "interval day",
    "interval hour",
    "interval minute",
    "interval second",
    "interval second(2)",
    "interval year to month",
    "interval day to hour",
    "interval day to minute",
    "interval day to second(3)",
    "interval hour to second",
    "interval hour to minute",
    "interval minute to second",
    "float(10)",
    "mood",
    "lone",
    "price",
    "dear",
    "code",
    "area",
    "tags",
    "pair",
    "nest",
    "bare",
    "one",
    "pairs",
    "mood[]",
    "lone[]",
    "price[]",
    "dear[]",
    "code[]",
    "area[]",
    "tags[]",
    "pair[]",
    "nest[]",
    "one[]",
    "pairs[]",
    "box[]",
    "json[]",
    "jsonb[]",
    "bytea[]",
    "tsvector[]",
    "point[]",
    "oidvector[]",
    "textrange",
    "floatrange",
    "timerange",
    "moodrange",
    "netrange",
    "pairrange",
    "listrange",
    "flagrange",
    "pricerange",
    "textmultirange",
    "floatmultirange",
    "moodmultirange",
    "pairmultirange",
    "int4range[]",
    "int4multirange[]",
    "textrange[]",
    "information_schema.sql_identifier",
    "pg_class",
    "\"char\"[]",
];

/// What each extension brings, and variants of it.
const EXTENSIONS: &[(&str, &[&str])] = &[
    ("citext", &["citext", "citext[]"]),
    ("hstore", &["hstore", "hstore[]"]),
    ("ltree", &["ltree", "ltree[]", "lquery", "ltxtquery"]),
    ("cube", &["cube", "cube[]"]),
    ("seg", &["seg"]),
    ("intarray", &["query_int"]),
    (
        "vector",
        &[
            "vector",
            "vector(1)",
            "vector(3)",
            "vector(1536)",
            "vector(16000)",
            "halfvec(3)",
            "halfvec(4000)",
            "sparsevec(5)",
            "sparsevec(100000)",
            "vector(3)[]",
        ],
    ),
];

/// All types of the database.
async fn load(session: &mut Session) -> Types {
    let rows = session
        .rows(
            "SELECT t.oid, t.typname, n.nspname, format_type(t.oid, NULL), t.typtype,
                    t.typbasetype, t.typtypmod, t.typnotnull,
                    CASE WHEN e.typarray = t.oid THEN e.oid END,
                    (SELECT rngsubtype FROM pg_range WHERE rngtypid = t.oid),
                    (SELECT rngtypid FROM pg_range WHERE rngmultitypid = t.oid),
                    (SELECT string_agg(enumlabel, E'\\x01' ORDER BY enumsortorder)
                       FROM pg_enum WHERE enumtypid = t.oid),
                    (SELECT string_agg(attname || ' ' || atttypid || ' ' || atttypmod, E'\\x01'
                                       ORDER BY attnum)
                       FROM pg_attribute
                      WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped)
               FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
               LEFT JOIN pg_type e ON e.oid = t.typelem
              WHERE t.typtype <> 'p'",
        )
        .await
        .unwrap();
    let types = rows.into_iter().map(|row| {
        let text = |at: usize| row[at].clone().unwrap_or_default();
        let oid = |at: usize| row[at].as_ref().map(|it| it.parse::<u32>().unwrap());
        let list = |at: usize| -> Vec<String> {
            row[at]
                .as_ref()
                .map(|it| it.split('\u{1}').map(str::to_owned).collect())
                .unwrap_or_default()
        };
        let kind = match (text(4).as_str(), oid(8)) {
            (_, Some(element)) => TypeKind::Array(element),
            ("e", _) => TypeKind::Enum(list(11)),
            ("d", _) => TypeKind::Domain {
                base: oid(5).unwrap(),
                modifier: text(6).parse().unwrap(),
                not_null: text(7) == "t",
                checks: Vec::new(),
            },
            ("r", _) => TypeKind::Range(oid(9).unwrap()),
            ("m", _) => TypeKind::Multirange(oid(10).unwrap()),
            ("c", _) => TypeKind::Composite(list(12).iter().map(|it| attribute(it)).collect()),
            _ => TypeKind::Base,
        };
        let own = Type { oid: oid(0).unwrap(), name: text(1), schema: text(2), sql: text(3), kind };
        (own.oid, own)
    });
    Types(types.collect())
}

fn attribute(text: &str) -> Attribute {
    let mut words = text.rsplitn(3, ' ');
    let modifier = words.next().unwrap().parse().unwrap();
    let type_oid = words.next().unwrap().parse().unwrap();
    Attribute { name: words.next().unwrap().to_owned(), type_oid, modifier }
}

/// One type's values, tried on a server; what went wrong is collected.
struct Trial<'a> {
    session: &'a mut Session,
    types: &'a Types,
    wrong: Vec<String>,
}

impl Trial<'_> {
    async fn type_of(&mut self, sql: &str) {
        let made = format!("DROP TABLE IF EXISTS tried; CREATE TABLE tried (n int, v {sql})");
        self.session.execute(&made).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let about = "SELECT atttypid, atttypmod FROM pg_attribute
                      WHERE attrelid = 'tried'::regclass AND attname = 'v'";
        let row = self.session.rows(about).await.unwrap().remove(0);
        let number = |at: usize| row[at].clone().unwrap();
        let (oid, modifier) = (number(0).parse().unwrap(), number(1).parse().unwrap());
        let Some(values) = values(self.types, oid, modifier) else {
            self.wrong.push(format!("{sql}: nobody knows it"));
            return;
        };
        let mut runner = TestRunner::deterministic();
        let drawn = (0..100).map(|_| values.any.new_tree(&mut runner).unwrap().current()).collect();
        let keys: Vec<_> = (0..50).map_while(|n| distinct(self.types, oid, modifier, n)).collect();
        let simplest = canonical(self.types, oid, modifier);
        for (list, texts) in
            [("boundary", &values.boundary), ("plain", &values.plain), ("canonical", &simplest)]
        {
            if texts.is_empty() || texts.iter().collect::<BTreeSet<_>>().len() < texts.len() {
                self.wrong.push(format!("{sql}: {list} is empty or repeats itself: {texts:?}"));
            }
        }
        self.accepted(sql, "boundary", &values.boundary).await;
        self.accepted(sql, "any", &drawn).await;
        self.accepted(sql, "canonical", &simplest).await;
        self.accepted(sql, "distinct", &keys).await;
        self.stored_apart(sql, &keys).await;
        self.accepted(sql, "plain", &values.plain).await;
        self.stored_apart(sql, &values.plain).await;
        let read = self.session.rows("SELECT v FROM tried ORDER BY n").await.unwrap();
        let read: Vec<_> = read.into_iter().map(|mut row| row.remove(0).unwrap()).collect();
        self.accepted(sql, "read back", &read).await;
    }

    /// Fills the table anew; each text that is refused is told of.
    async fn accepted(&mut self, sql: &str, list: &str, texts: &Vec<String>) {
        self.session.execute("TRUNCATE tried").await.unwrap();
        let row = |(n, text): (usize, &String)| format!("({n}, {})", quote_literal(text));
        let rows: Vec<_> = texts.iter().enumerate().map(row).collect();
        if rows.is_empty() || self.insert(&rows.join(", ")).await.is_ok() {
            return;
        }
        let told = self.wrong.len();
        for (row, text) in rows.iter().zip(texts) {
            // A few tell what the matter is.
            if self.wrong.len() > told + 3 {
                return;
            }
            if let Err(why) = self.insert(row).await {
                let start: String = text.chars().take(80).collect();
                self.wrong.push(format!("{sql}: {list}: {start:?} is refused: {why}"));
            }
        }
    }

    async fn insert(&mut self, rows: &str) -> Result<(), String> {
        let insert = format!("INSERT INTO tried VALUES {rows}");
        self.session.execute(&insert).await.map_err(|error| match error.sql() {
            Some(failure) => format!("{failure:?}").chars().take(200).collect(),
            None => panic!("{error:?}"),
        })
    }

    /// Whether the server has as many different values as it was given texts.
    async fn stored_apart(&mut self, sql: &str, texts: &[String]) {
        let counted = self.session.value("SELECT count(DISTINCT v) FROM tried").await;
        // Some types have no equality.
        let counted = match counted {
            Err(_) => self.session.value("SELECT count(DISTINCT v::text) FROM tried").await,
            counted => counted,
        };
        let counted: usize = counted.unwrap().unwrap().parse().unwrap();
        if counted != texts.len() {
            self.wrong.push(format!("{sql}: {counted} different of {}: {texts:?}", texts.len()));
        }
    }
}

async fn session(server: &TestServer, database: &str) -> Session {
    let mut admin = server.session("postgres").await;
    server.create_database(&mut admin, database).await;
    server.session(database).await
}

async fn tried(session: &mut Session, all: &[String]) -> Vec<String> {
    let types = load(session).await;
    let mut trial = Trial { session, types: &types, wrong: Vec::new() };
    for sql in all {
        trial.type_of(sql).await;
    }
    trial.wrong
}

/// All that the server was built with.
async fn base_types(session: &mut Session) -> Vec<String> {
    let rows = session
        .rows(
            "SELECT typname, format_type(oid, NULL) FROM pg_type
              WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm')
                AND typelem NOT IN (SELECT oid FROM pg_type WHERE typtype = 'c')
              ORDER BY 1",
        )
        .await
        .unwrap();
    let has_xml = session.value("SELECT '<a/>'::xml").await.is_ok();
    let mut all = Vec::new();
    for row in rows {
        let (name, sql) = (row[0].clone().unwrap(), row[1].clone().unwrap());
        let element = name.strip_prefix('_').unwrap_or(&name);
        if element == "xml" && !has_xml {
            println!("SKIPPED: this PostgreSQL has no xml");
        } else if !LEFT_OUT.iter().any(|(left, _)| *left == element) {
            all.push(sql);
        }
    }
    assert!(all.len() > 130, "only {} types were found", all.len());
    tried(session, &all).await
}

async fn variants(session: &mut Session) -> Vec<String> {
    session.execute(SETUP).await.unwrap();
    let all: Vec<_> = VARIANTS.iter().map(|sql| (*sql).to_owned()).collect();
    tried(session, &all).await
}

async fn extensions(session: &mut Session) -> Vec<String> {
    session.execute("CREATE SCHEMA \"Extra\"; SET search_path = public, \"Extra\"").await.unwrap();
    let mut all = Vec::new();
    for (name, types) in EXTENSIONS {
        let create = format!("CREATE EXTENSION \"{name}\" SCHEMA \"Extra\"");
        if let Err(error) = session.execute(&create).await {
            println!("SKIPPED: no extension {name} here: {error}");
            continue;
        }
        all.extend(types.iter().map(|sql| (*sql).to_owned()));
    }
    tried(session, &all).await
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn every_value_is_accepted(major: u32) {
    let Some(server) = server(major) else { return };
    runtime().block_on(async {
        let mut wrong = base_types(&mut session(&server, "base").await).await;
        wrong.extend(variants(&mut session(&server, "variants").await).await);
        wrong.extend(extensions(&mut session(&server, "extensions").await).await);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

#[test]
fn every_value_is_accepted_by_15() {
    every_value_is_accepted(15);
}

#[test]
fn every_value_is_accepted_by_18() {
    every_value_is_accepted(18);
}

/// A type that only its server knows: `None`, and one of the candidates fits.
#[test]
fn an_unknown_type_is_left_to_the_candidates() {
    let server = server(servers::majors()[0]).unwrap();
    runtime().block_on(async { unknown(&mut session(&server, "unknown").await).await });
}

async fn unknown(session: &mut Session) {
    session
        .execute(
            "CREATE TYPE shelf;
             CREATE FUNCTION shelf_in(cstring) RETURNS shelf LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
             CREATE FUNCTION shelf_out(shelf) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
             CREATE TYPE shelf (INPUT = shelf_in, OUTPUT = shelf_out, LIKE = int4);",
        )
        .await
        .unwrap();
    let types = load(session).await;
    let oid = session.value("SELECT 'shelf'::regtype::oid").await.unwrap().unwrap();
    let oid: u32 = oid.parse().unwrap();
    assert!(types.get(oid).is_some());
    assert!(values(&types, oid, -1).is_none());
    assert_eq!((distinct(&types, oid, -1, 0), canonical(&types, oid, -1)), (None, Vec::new()));
    let mut fitting = Vec::new();
    for text in candidates() {
        let cast = format!("SELECT {}::shelf", quote_literal(text));
        if session.value(&cast).await.is_ok() {
            fitting.push(*text);
        }
    }
    assert_eq!(fitting, ["1", "0"]);
}
