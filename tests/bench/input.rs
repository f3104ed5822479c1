//! What is said of input that can't be used.

use super::{BY_KEY, ITEMS, bench, project, servers};

#[test]
fn bad_input_names_the_thing_and_what_to_do() {
    let major = servers::majors()[0].to_string();
    let with = |queries: &[(&str, &str)], more: &[&str]| {
        let project = project(&[ITEMS], queries);
        let args = [&["--server", "local", "--postgres", &major, "--scale", "1", "--quiet"], more]
            .concat();
        let ran = bench(project.path(), &args);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        ran.stderr
    };
    let says = |queries: &[(&str, &str)], more: &[&str], parts: &[&str]| {
        let said = with(queries, more);
        for part in parts {
            assert!(said.contains(part), "{part}: {said}");
        }
    };
    says(&[], &[], &["no queries in workload", "--workload DIR"]);
    says(&[BY_KEY], &["--workload", "none"], &["can't read none"]);
    says(&[("two.sql", "SELECT 1; SELECT 2")], &[], &["two.sql holds 2 statements"]);
    says(
        &[("a.sql", "-- stairway: wait 3\nSELECT 1")],
        &[],
        &["a.sql:1:", "\"wait\" is not known", "weight"],
    );
    says(&[("a.sql", "SELECT :id")], &[], &["the parameter :id has no values", "param id from"]);
    says(
        &[("a.sql", "SELECT nothing FROM nowhere")],
        &[],
        &["a.sql: the server refuses the query", "nowhere"],
    );
    says(
        &[("a.sql", "-- stairway: param id from SELECT id FROM item WHERE false\nSELECT :id::int")],
        &[],
        &["there are no values for :id"],
    );
    says(
        &[("a.sql", "-- stairway: param id from VALUES ('x')\nSELECT * FROM item WHERE id = :id")],
        &[],
        &["a.sql: the server refuses", ":id as integer"],
    );
    let said = with(
        &[(
            "a.sql",
            "-- stairway: param id from VALUES ('x y')\nSELECT * FROM item WHERE id = :id",
        )],
        &[],
    );
    assert!(said.contains("the server refuses it") && !said.contains("x y"), "{said}");
    says(
        &[("a.sql", "-- stairway: param n from generated public.item\nSELECT :n::text")],
        &[],
        &["values of :n", "schema.table.column"],
    );
    says(&[BY_KEY], &["--rate", "0"], &["--rate", "0.1 to 100000"]);
    says(&[BY_KEY], &["--budget", "150"], &["--budget", "150ms"]);
    says(&[BY_KEY], &["--runs", "1"], &["--runs"]);
    says(&[BY_KEY], &["--pairs", "1"], &["--pairs", "from 3"]);
    says(
        &[BY_KEY, ("b.sql", "-- stairway: rate 300\nSELECT 1")],
        &["--rate", "200"],
        &["come to 300 a second", "--rate"],
    );
}
