//! How rows are asked for and what is told of them, from the command line and `stairway.toml`.

mod claimed;
mod kept;
mod program;
mod servers;
mod triggers;

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

fn run(folder: &Path, variables: &[(&str, &str)], args: &[&str]) -> Ran {
    let mut command = program::program();
    command.envs(variables.iter().copied());
    let output = command.args(args).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn verify(folder: &Path, more: &[&str]) -> Ran {
    verify_with(folder, &[], more)
}

fn verify_with(folder: &Path, variables: &[(&str, &str)], more: &[&str]) -> Ran {
    let major = servers::majors()[0].to_string();
    let mut args = vec!["verify", "--server", "local", "--postgres", &major];
    args.extend(["--no-repro", "--no-cache", "--quiet"]);
    args.extend(more);
    run(folder, variables, &args)
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}\n{}", ran.stderr))
}

/// A project with these migrations, up and down, and this `stairway.toml`.
fn project(settings: &str, scripts: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let migrations = folder.path().join("migrations");
    for (at, (up, down)) in scripts.iter().enumerate() {
        for (way, sql) in [("up", up), ("down", down)] {
            std::fs::create_dir_all(migrations.join(way)).unwrap();
            std::fs::write(migrations.join(way).join(format!("{}_step.sql", at + 1)), sql).unwrap();
        }
    }
    std::fs::write(folder.path().join("stairway.toml"), settings).unwrap();
    folder
}

const TABLE: (&str, &str) =
    ("CREATE TABLE guest (id int PRIMARY KEY, phone text);", "DROP TABLE guest;");
const LOSS: (&str, &str) =
    ("ALTER TABLE guest DROP COLUMN phone;", "ALTER TABLE guest ADD COLUMN phone text;");

fn clinic() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/clinic-faulty"))
}

/// Takes out what is a time.
fn without_times(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !["seconds", "parts"].contains(&key.as_str()));
            map.values_mut().for_each(without_times);
        }
        Value::Array(items) => items.iter_mut().for_each(without_times),
        _ => {}
    }
}

#[test]
fn the_same_command_says_the_same_to_the_byte_but_for_times() {
    let said = || {
        let mut report = json(&verify(clinic(), &["--format", "json"]));
        without_times(&mut report);
        serde_json::to_string_pretty(&report).unwrap()
    };
    let first = said();
    assert!(first.contains("\"insert\": \"INSERT INTO "), "rows are shown: {first}");
    assert_same(&first, &said());
}

fn assert_same(one: &str, other: &str) {
    let differing = one.lines().zip(other.lines()).find(|(one, other)| one != other);
    assert!(one == other, "the first lines that differ: {differing:#?}");
}

#[test]
fn a_sequence_that_has_few_numbers_left_is_told() {
    let table = ("CREATE TABLE guest (id serial PRIMARY KEY, name text);", "DROP TABLE guest;");
    let moved = |to: i64| format!("SELECT setval('guest_id_seq', {to});");
    let back = "SELECT setval('guest_id_seq', 1000);";
    for (to, is_near) in [(2_147_480_000, true), (1_000_000_000, false)] {
        let up = moved(to);
        let history = project("", &[table, (&up, back)]);
        let report = json(&verify(history.path(), &["--format", "json"]));
        let found = report["migrations"][1]["findings"].as_array().unwrap().iter();
        let found: Vec<&str> = found.filter_map(|it| it["message"].as_str()).collect();
        let expected = "public.guest_id_seq is at 2147480000 and public.guest.id ends at \
                        2147483647: 3647 numbers are left";
        assert_eq!(found.contains(&expected), is_near, "{found:?}");
        assert_eq!(found.is_empty(), !is_near, "{found:?}");
    }
}

#[test]
fn labels_that_rows_reach_are_counted() {
    let mood = "CREATE TYPE mood AS ENUM ('low', 'high');
                CREATE TABLE guest (id int PRIMARY KEY, felt mood, said mood CHECK (said = 'low'));";
    let history = project("", &[(mood, "DROP TABLE guest; DROP TYPE mood;")]);
    let report = json(&verify(history.path(), &["--format", "json"]));
    let coverage = &report["coverage"];
    assert_eq!((&coverage["labels"], &coverage["labels_reached"]), (&4.into(), &3.into()));
}

#[test]
fn what_rows_reach_at_head_is_told() {
    let enough = project("", &[TABLE, LOSS]);
    let ran = verify(enough.path(), &["--format", "json", "--since", "1"]);
    let coverage = &json(&ran)["coverage"];
    assert_eq!((&coverage["tables"], &coverage["tables_seeded"]), (&1.into(), &1.into()));
    assert_eq!((&coverage["columns"], &coverage["columns_covered"]), (&1.into(), &1.into()));
    assert!(coverage["rows"].as_u64().unwrap() > 2, "{coverage}");
    let part = verify(enough.path(), &["--shard", "1/2"]);
    assert!(part.stdout.contains("the run does not end at head"), "{}", part.stdout);
    assert_eq!(part.code, 0);
    // Nobody can say what would be in it.
    let odd = "CREATE TABLE odd (id int PRIMARY KEY, at int CHECK (at > 1 AND at < 1));\n\
               CREATE TABLE no (id int PRIMARY KEY CHECK (false));\n\
               CREATE TABLE none ();\nCREATE TABLE made (a int GENERATED ALWAYS AS (1) STORED);";
    let odd = project("", &[(odd, "DROP TABLE odd, no, none, made;")]);
    let ran = verify(odd.path(), &["--format", "json"]);
    let report = json(&ran);
    let finding = &report["findings"][0];
    assert_eq!(
        (&finding["check"], &finding["severity"]),
        (&"seed-coverage".into(), &"warning".into())
    );
    let detail = finding["detail"].as_str().unwrap();
    assert!(detail.starts_with("3 of 4 tables have rows\n1 of 3 columns have"), "{detail}");
    assert_eq!(report["coverage"]["unfilled"][0]["table"], "public.no");
    assert_eq!(ran.code, 0);
    let strict = verify(odd.path(), &["--fail-on", "warning"]);
    assert_eq!(strict.code, 1);
    assert!(strict.stdout.contains("rows: 3 of 4 tables, 1 of 3 columns with value and NULL"));
}

#[test]
fn a_claim_in_the_settings_is_as_good_as_one_in_the_file() {
    let bare = project("", &[TABLE, LOSS]);
    let report = json(&verify(bare.path(), &["--format", "json"]));
    assert_eq!(report["migrations"][1]["findings"][0]["check"], "data-loss", "{report:#}");
    let settings = "[[claim]]\nrevision = \"2\"\nclaim = \"lossy public.guest.phone reason: nobody calls\"\n\
                    [[claim]]\nrevision = \"1\"\nclaim = \"deletes public.guest\"\n";
    let claimed = project(settings, &[TABLE, LOSS]);
    let report = json(&verify(claimed.path(), &["--format", "json"]));
    let finding = &report["migrations"][1]["findings"][0];
    assert_eq!(
        (&finding["check"], &finding["allowed"]),
        (&"data-loss".into(), &"nobody calls".into())
    );
    let stale = &report["migrations"][0]["findings"][0];
    assert_eq!(stale["check"], "stale-claim", "{report:#}");
}

#[test]
fn rows_are_left_out_where_nobody_wants_them() {
    let said = |settings: &str, variables: &[(&str, &str)], more: &[&str]| {
        let project = project(settings, &[TABLE, LOSS]);
        verify_with(project.path(), variables, more)
    };
    let none = "rows: none were tried, so nothing is said about data";
    for (settings, more) in [("", &["--no-rows"][..]), ("[rows]\nenabled = false\n", &[])] {
        let ran = said(settings, &[], more);
        assert_eq!(ran.code, 0, "{}", ran.stdout);
        assert!(ran.stdout.contains(none), "{}", ran.stdout);
    }
    // What is named for one run wins.
    let ran = said("[rows]\nenabled = false\n", &[], &["--cases", "2"]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    let rows = |more: &[&str]| {
        let report = json(&said("", &[], &[&["--format", "json"], more].concat()));
        report["coverage"]["rows"].as_u64().unwrap()
    };
    assert!(rows(&["--rows-per-table", "2"]) < rows(&[]));
    let written = "[rows]\ncases = 3\nper-table = 2\nseed = 7\nbudget = 5\n";
    assert_eq!(said(written, &[("STAIRWAY_SEED", "8")], &[]).code, 1);
}

/// Settings, variables, flags, and what is said.
type Nonsense<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str], &'a str);

#[test]
fn nonsense_is_named() {
    let project = |settings| project(settings, &[TABLE]);
    let cases: [Nonsense<'_>; 8] = [
        ("", &[], &["--cases", "0"], "invalid value '0' for '--cases <N>': 0 is not in 1..=100000"),
        ("", &[], &["--rows-per-table", "100001"], "100001 is not in 1..=100000"),
        ("", &[], &["--rows-budget", "0"], "0 is not in 1..=100000"),
        ("", &[], &["--seed", "-1"], "invalid value '-1' for '--seed <N>'"),
        ("", &[], &["--no-rows", "--cases", "2"], "cannot be used with"),
        (
            "[rows]\ncases = 0\n",
            &[],
            &[],
            "stairway.toml: cases in [rows] can't be 0: it is from 1",
        ),
        ("[rows]\nrows = 4\n", &[], &[], "unknown field `rows`"),
        ("", &[("STAIRWAY_SEED", "x")], &[], "STAIRWAY_SEED can't be `x`"),
    ];
    for (settings, variables, more, expected) in cases {
        let ran = verify_with(project(settings).path(), variables, more);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{expected}\n{}", ran.stderr);
    }
}

#[test]
fn what_is_in_the_way_of_a_trial_is_said_and_the_next_one_goes_on() {
    let forgets = ("DEALLOCATE ALL; UPDATE guest SET phone = '' WHERE id < 0;", "SELECT 1;");
    let project = project("", &[TABLE, forgets, LOSS]);
    let ran = verify(project.path(), &["--format", "json"]);
    let report = json(&ran);
    let findings = findings(&report);
    let told: Vec<(&str, &str)> = findings
        .iter()
        .map(|it| (it["check"].as_str().unwrap(), it["severity"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("seed-coverage", "warning"), ("data-loss", "error")], "{}", ran.stdout);
    let message = findings[0]["message"].as_str().unwrap();
    assert!(message.starts_with("no rows were tried: "), "{message}");
}

#[test]
fn a_second_upgrade_that_fails_on_what_the_downgrade_left_is_found() {
    let table = ("CREATE TABLE seat (id int PRIMARY KEY, name text NOT NULL);", "DROP TABLE seat;");
    // It is claimed that names get lost, but not that nobody can go up again.
    let share = (
        "-- stairway: lossy seat.name reason: names are given anew\n\
         ALTER TABLE seat ADD COLUMN share int;\n\
         UPDATE seat SET share = 12 / CASE WHEN name = repeat('x', 7) THEN 0 ELSE 1 END;",
        "ALTER TABLE seat DROP COLUMN share;\nUPDATE seat SET name = repeat('x', 7);",
    );
    let project = project("", &[table, share]);
    let ran = verify(project.path(), &["--format", "json"]);
    let report = json(&ran);
    let found = findings(&report);
    let [finding] = found.as_slice() else { panic!("{}", ran.stdout) };
    assert_eq!(finding["check"], "data-dependent-failure");
    let message = finding["message"].as_str().unwrap();
    assert!(
        message.starts_with("the second upgrade fails with rows: division by zero"),
        "{message}"
    );
    assert_eq!(finding["rows"].as_array().map(Vec::len), Some(1), "{}", ran.stdout);
}

/// What is told of a history on one server: the checks and the messages.
fn told(major: u32, scripts: &[(&str, &str)]) -> Vec<(String, String)> {
    let history = project("", scripts);
    let major = major.to_string();
    let args = ["verify", "--server", "local", "--postgres", &major, "--no-repro", "--no-cache"];
    let ran = run(history.path(), &[], &[&args[..], &["--format", "json"]].concat());
    let report = json(&ran);
    let text = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
    findings(&report).iter().map(|it| (text(it, "check"), text(it, "message"))).collect()
}

#[test]
fn a_new_table_that_refuses_its_own_defaults_is_told() {
    let up = r#"
        CREATE TYPE mood AS ENUM ('fine');
        CREATE DOMAIN positive AS int CHECK (VALUE > 0);
        CREATE DOMAIN code AS varchar(3);
        CREATE TABLE t01 (id serial PRIMARY KEY, state varchar(3) NOT NULL DEFAULT 'active');
        CREATE TABLE t02 (id int PRIMARY KEY, n int DEFAULT 0 CHECK (n > 0), m int DEFAULT 0);
        CREATE TABLE t03 (low int DEFAULT 5, high int DEFAULT 3, note text, CHECK (low < high));
        CREATE TABLE t04 (n positive DEFAULT 0);
        CREATE TABLE t05 (c code DEFAULT 'active');
        CREATE TABLE t06 (m mood DEFAULT 'sad'::text::mood);
        CREATE TABLE t07 (n numeric(3, 1) DEFAULT 1000);
        CREATE TABLE t08 (n int DEFAULT 5 CHECK (10 / (n - 5) > 0));
        CREATE TABLE t09 (a int DEFAULT 1, r text DEFAULT 'x');
        CREATE FUNCTION is_large(t09) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1.a > 1';
        ALTER TABLE t09 ADD CONSTRAINT large CHECK (is_large(t09.*)) NOT VALID;
        CREATE TABLE "T 10" ("user" text DEFAULT 'it''s' CHECK ("user" <> 'it''s'));
        CREATE TABLE t11 (a text DEFAULT '' CHECK (a <> ''), k int) PARTITION BY LIST (k);
        CREATE TABLE t12 (key varchar(10) DEFAULT gen_random_uuid());
        CREATE TABLE t13 (a varchar(1) DEFAULT 'ab', b varchar(1) DEFAULT 'cd' CHECK (b <> 'c'));
        CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER keep BEFORE INSERT ON t13 FOR EACH ROW EXECUTE FUNCTION keep();
        -- stairway: allow(refused-row) t14 reason: whoever writes says it
        CREATE TABLE t14 (a text DEFAULT '' CHECK (a <> ''));"#;
    let tables = (1..=14).map(|at| if at == 10 { "\"T 10\"".into() } else { format!("t{at:02}") });
    let tables: Vec<String> = tables.collect();
    let down = format!(
        "DROP TABLE {} CASCADE; DROP FUNCTION IF EXISTS is_large; DROP FUNCTION keep; \
         DROP TYPE mood; DROP DOMAIN positive; DROP DOMAIN code;",
        tables.join(", ")
    );
    let expected = [
        "\"T 10\" takes no row with defaults: \"T 10_user_check\" refuses \"user\" DEFAULT \
         'it''s'::text: CHECK ((\"user\" <> 'it''s'::text)) (SQLSTATE 23514)",
        "t01 takes no row with defaults: state DEFAULT 'active'::character varying: value too long \
         for type character varying(3) (SQLSTATE 22001)",
        "t02 takes no row with defaults: t02_n_check refuses n DEFAULT 0: CHECK ((n > 0)) \
         (SQLSTATE 23514)",
        "t03 takes no row with defaults: t03_check refuses low DEFAULT 5, high DEFAULT 3: \
         CHECK ((low < high)) (SQLSTATE 23514)",
        "t04 takes no row with defaults: n DEFAULT 0: value for domain positive violates check \
         constraint \"positive_check\" (SQLSTATE 23514)",
        "t05 takes no row with defaults: c DEFAULT 'active'::character varying: value too long for \
         type character varying(3) (SQLSTATE 22001)",
        "t06 takes no row with defaults: m DEFAULT ('sad'::text)::mood: invalid input value for \
         enum mood: \"sad\" (SQLSTATE 22P02)",
        "t07 takes no row with defaults: n DEFAULT 1000: numeric field overflow (SQLSTATE 22003)",
        "t08 takes no row with defaults: t08_n_check fails for n DEFAULT 5: division by zero \
         (SQLSTATE 22012)",
        "t09 takes no row with defaults: large refuses a DEFAULT 1, r DEFAULT 'x'::text: \
         CHECK (is_large(t09.*)) NOT VALID (SQLSTATE 23514)",
        "t11 takes no row with defaults: t11_a_check refuses a DEFAULT ''::text: \
         CHECK ((a <> ''::text)) (SQLSTATE 23514)",
        "t12 takes no row with defaults: key DEFAULT gen_random_uuid(): value too long for type \
         character varying(10) (SQLSTATE 22001)",
        "t13 takes no row with defaults: a DEFAULT 'ab'::character varying: value too long for \
         type character varying(1) (SQLSTATE 22001)",
    ];
    let expected =
        expected.map(|it| ("refused-row".into(), format!("after the upgrade public.{it}")));
    for &major in servers::majors() {
        assert_eq!(told(major, &[(up, &down)]), expected, "on {major}");
    }
    let history = project("", &[(up, &down)]);
    let report = json(&verify(history.path(), &["--format", "json", "--no-rows"]));
    let found = findings(&report);
    assert!(found.iter().all(|it| it["check"] != "refused-row"), "{found:?}");
}

#[test]
fn a_new_table_that_may_take_its_defaults_is_let_be() {
    let up = "
        CREATE SEQUENCE number START 100000;
        CREATE TABLE t01 (id serial PRIMARY KEY, no varchar(3) DEFAULT nextval('number'),
            n int DEFAULT nextval('number') CHECK (n < 5), i int GENERATED ALWAYS AS IDENTITY CHECK (i > 5));
        CREATE TABLE t02 (low int DEFAULT 5, high int, CHECK (low < high AND high IS NOT NULL));
        CREATE TABLE t03 (a text DEFAULT NULL CHECK (a <> ''), b int DEFAULT NULL::int CHECK (b > 0));
        CREATE TABLE t04 (a text DEFAULT '' CHECK (a <> ''));
        CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN NEW.a := 'filled'; RETURN NEW; END $$;
        CREATE TRIGGER fill BEFORE INSERT ON t04 FOR EACH ROW EXECUTE FUNCTION fill();
        CREATE TABLE t05 (a text DEFAULT 'x' CHECK (a <> ''), k int) PARTITION BY LIST (k);
        CREATE TABLE t05_1 PARTITION OF t05 (a DEFAULT '') DEFAULT;
        CREATE TABLE t06 (a text DEFAULT '' CHECK (a <> ''), k int) PARTITION BY LIST (k);
        CREATE TABLE t06_1 PARTITION OF t06 DEFAULT;
        CREATE TRIGGER fill BEFORE INSERT ON t06_1 FOR EACH ROW EXECUTE FUNCTION fill();
        CREATE TABLE t07 (a int DEFAULT 3, g int GENERATED ALWAYS AS (a * 2) STORED, CHECK (g > 100 * a));
        CREATE TABLE t08 (made timestamptz DEFAULT now(), edited timestamptz DEFAULT now(),
            CHECK (edited >= made), utc timestamp(3) DEFAULT (now() AT TIME ZONE 'utc'));
        CREATE TABLE t09 (who varchar(3) DEFAULT current_user, r text DEFAULT current_user CHECK (r = 'app'),
            s text DEFAULT current_setting('app.user') CHECK (s <> ''));
        CREATE TABLE kind (name text PRIMARY KEY);
        CREATE FUNCTION is_kind(text) RETURNS bool LANGUAGE sql STABLE AS
            'SELECT EXISTS (SELECT FROM kind WHERE name = $1)';
        CREATE DOMAIN kindly AS text CHECK (is_kind(VALUE));
        CREATE TABLE t10 (a text DEFAULT 'a' CHECK (is_kind(a)), b kindly DEFAULT 'a');
        CREATE FUNCTION first_kind() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'no kind'; END $$;
        CREATE TABLE t11 (a text DEFAULT first_kind());
        CREATE TABLE t12 (a varchar(3) DEFAULT 'abc  ', n numeric(4, 2) DEFAULT 99.99, b bit(2) DEFAULT B'11');
        CREATE VIEW seen AS SELECT a FROM t12;
        ALTER VIEW seen ALTER COLUMN a SET DEFAULT 'too long';";
    let down =
        "DROP TABLE t01, t02, t03, t04, t05, t06, t07, t08, t09, t10, t11, t12, kind CASCADE;
        DROP DOMAIN kindly; DROP FUNCTION fill; DROP FUNCTION is_kind; DROP FUNCTION first_kind;
        DROP SEQUENCE number;";
    for &major in servers::majors() {
        let found = told(major, &[(up, down)]);
        assert!(found.iter().all(|(check, _)| check == "seed-coverage"), "on {major}: {found:?}");
    }
}

#[test]
fn a_default_that_is_refused_is_told_once_and_where_it_comes() {
    let tables = (
        "CREATE TABLE bad (id int PRIMARY KEY, a int DEFAULT 0 CHECK (a > 0));
         CREATE TABLE old (id int PRIMARY KEY);
         CREATE TABLE bare (id int PRIMARY KEY CHECK (id::text ~ '^(?=zz)yy$'));",
        "DROP TABLE bad, old, bare;",
    );
    let history = [
        tables,
        ("ALTER TABLE bad RENAME TO worse;", "ALTER TABLE worse RENAME TO bad;"),
        ("ALTER TABLE worse RENAME a TO b;", "ALTER TABLE worse RENAME b TO a;"),
        ("ALTER TABLE worse ADD c text DEFAULT 'c';", "ALTER TABLE worse DROP c;"),
        ("ALTER TABLE old ADD n int DEFAULT 0 CHECK (n > 0);", "ALTER TABLE old DROP n;"),
        // It takes no rows that would show it.
        ("ALTER TABLE bare ADD n int DEFAULT 0 CHECK (n > 0);", "ALTER TABLE bare DROP n;"),
    ];
    let found = told(servers::majors()[0], &history);
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|(check, message)| (check.as_str(), message.as_str()))
        .filter(|(check, _)| *check != "seed-coverage")
        .collect();
    let expected = [
        (
            "refused-row",
            "after the upgrade public.bad takes no row with defaults: bad_a_check refuses a DEFAULT 0: \
             CHECK ((a > 0)) (SQLSTATE 23514)",
        ),
        (
            "data-dependent-failure",
            "the upgrade fails with rows: check constraint \"old_n_check\" of relation \"old\" is \
             violated by some row (SQLSTATE 23514)",
        ),
        (
            "refused-row",
            "after the upgrade public.bare takes no row with defaults: bare_n_check refuses n DEFAULT 0: \
             CHECK ((n > 0)) (SQLSTATE 23514)",
        ),
    ];
    assert_eq!(found, expected);
}

/// What is told, but for what was accepted.
fn findings(report: &Value) -> Vec<&Value> {
    let migrations = report["migrations"].as_array().unwrap();
    let all = migrations.iter().flat_map(|it| it["findings"].as_array().unwrap());
    all.filter(|it| it["allowed"].is_null()).collect()
}

#[test]
fn more_cases_and_other_seeds_try_other_rows() {
    // One text of 256, and no pattern says which.
    let odd = "DELETE FROM guest WHERE md5(phone) LIKE '4f%';";
    let project = project("", &[TABLE, (odd, "SELECT 1;")]);
    let report =
        |more: &[&str]| json(&verify(project.path(), &[&["--format", "json"], more].concat()));
    let rows = |report: &Value| report["coverage"]["rows"].as_u64().unwrap();
    let is_found =
        |report: &Value| !report["migrations"][1]["findings"].as_array().unwrap().is_empty();
    let one = report(&["--seed", "3"]);
    let many = report(&["--seed", "3", "--cases", "40"]);
    assert!(!is_found(&one), "the first case finds it: {one:#}");
    assert!(is_found(&many) && rows(&many) > rows(&one), "{many:#}");
    // What one seed finds with its second case, the same seed finds again.
    let shown = |report: &Value| report["migrations"][1]["findings"][0]["rows"].to_string();
    assert_eq!(shown(&many), shown(&report(&["--seed", "3", "--cases", "40"])));
    let seeds: Vec<String> = (1..6)
        .map(|seed| shown(&report(&["--cases", "40", "--seed", &format!("{seed}")])))
        .collect();
    assert!(seeds.iter().any(|rows| rows != &seeds[0]), "all seeds give one row: {seeds:?}");
}

#[test]
fn row_security_is_said_to_be_passed_over() {
    let secured = "CREATE TABLE note (id int PRIMARY KEY, owner text);
                   ALTER TABLE note ENABLE ROW LEVEL SECURITY;
                   CREATE POLICY own ON note USING (owner = current_user);";
    let history = project("", &[TABLE, (secured, "DROP TABLE note;")]);
    let ran = verify(history.path(), &[]);
    let said = "; the row security of 1 table was passed over, as it is for their owner";
    assert!(ran.stdout.contains(said), "{}", ran.stdout);
    let report = json(&verify(history.path(), &["--format", "json"]));
    assert_eq!(report["coverage"]["tables_secured"], 1);
    assert_eq!(report["coverage"]["tables_seeded"], 2);
}
