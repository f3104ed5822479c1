//! From logs that servers wrote.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::statements::work;
use crate::watched::Watched;
use crate::{ROWS, TABLES, bench, import, names, project, said, servers, text};

const FILES: [&str; 5] = [
    "insert_orders.sql",
    "select_customer_by_id.sql",
    "select_orders_by_customer_id_placed_at.sql",
    "select_orders_by_id_city.sql",
    "update_orders_by_id.sql",
];

#[test]
fn both_forms_of_a_log_say_the_same_and_can_be_measured() {
    for &major in servers::majors() {
        let server = Watched::start(major, "");
        server.quietly(TABLES);
        server.quietly(ROWS);
        work(&server);
        let mut outcomes = Vec::new();
        for form in ["csv", "json"] {
            let log = server.log(form).display().to_string();
            let project = project();
            let ran = import(project.path(), &[&log, "--database", "shop"]);
            assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
            assert_eq!(names(project.path(), ".sql"), FILES, "{}", ran.stdout);
            assert!(names(project.path(), ".csv").is_empty());
            outcomes.push(FILES.map(|file| said(project.path(), file)));
            for (file, calls) in FILES.into_iter().zip([8, 7, 30, 12, 12]) {
                let text = text(project.path(), file);
                assert!(text.contains(&format!(": {calls} calls, ")), "{form}: {text}");
                // No value of any row is in it.
                assert!(!text.contains("secret") && !text.contains("n7"), "{text}");
            }
        }
        assert_eq!(outcomes[0], outcomes[1]);
        let [insert, list, select, join, update] = &outcomes[0];
        assert_eq!(
            insert[1..],
            [
                "-- stairway: param id from generated public.orders.id",
                "-- stairway: param customer_id from SELECT customer_id FROM orders WHERE customer_id IS NOT NULL",
                "-- stairway: param note from generated public.orders.note",
                "INSERT INTO orders (id, customer_id, note) VALUES (:id, :customer_id, :note);",
            ]
        );
        assert_eq!(
            list[0],
            "-- Lists of other lengths are counted with it; this is the length that came most often."
        );
        assert_eq!(list[4], "SELECT email FROM customer WHERE id IN (:id, :id_2);");
        // Beside placeholders a literal belongs to the text.
        assert!(
            select[2].ends_with("placed_at > :placed_at::timestamptz ORDER BY 2 LIMIT 5;"),
            "{select:?}"
        );
        assert!(
            join.iter().any(|line| line.starts_with("-- TODO stairway: param city from")),
            "{join:?}"
        );
        assert_eq!(
            update[2],
            "UPDATE orders SET note = :note, total = total + :total WHERE id = :id;"
        );

        // The database tells which table has a column.
        let project = project();
        let log = server.log("csv").display().to_string();
        let url = server.url("postgres");
        let ran = import(project.path(), &[&log, "--database", "shop", "--database-url", &url]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(!text(project.path(), "select_orders_by_id_city.sql").contains("TODO"));
        bench(project.path(), major);
    }
}

#[test]
fn values_are_written_on_request_and_sent_together() {
    let major = servers::majors()[0];
    let server = Watched::start(major, "");
    server.quietly(TABLES);
    server.quietly(ROWS);
    work(&server);
    let project = project();
    let log = server.log("json").display().to_string();
    let ran = import(project.path(), &[&log, "--database", "shop", "--values"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("keep workload/*.csv out of commits"), "{}", ran.stderr);
    assert_eq!(
        text(project.path(), "update_orders_by_id.csv").lines().take(3).collect::<Vec<_>>(),
        ["note,total,id", "n1,-1.5,1", "n2,-2.5,2"]
    );
    let insert = text(project.path(), "insert_orders.csv");
    assert_eq!(insert.lines().nth(1), Some("2001,7,secret note"));
    let file = project.path().join("workload/insert_orders.csv");
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    // Lists of one length only: values of others would not fit.
    assert_eq!(text(project.path(), "select_customer_by_id.csv"), "id,id_2\n4,5\n4,5\n4,5\n4,5\n");
    // It refers to a row that is not among those that are made up.
    fs::remove_file(project.path().join("workload/insert_orders.sql")).unwrap();
    bench(project.path(), major);
}

#[test]
fn what_is_no_log_and_what_is_bad_in_one_is_told() {
    let project = project();
    let path = |name: &str| project.path().join(name);
    let query = |database: &str, sql: &str| {
        format!(
            "2026-01-31 10:00:00.000 UTC,\"app\",\"{database}\",7,\"[local]\",65.1,1,\"SELECT\",2026-01-31 \
             09:00:00 UTC,3/4,0,LOG,00000,\"duration: 2.5 ms  statement: {sql}\",,,,,,,,,\"psql\",\"client backend\",,0\n"
        )
    };
    fs::write(path("packed.csv.gz"), [0x1f, 0x8b, 8, 0]).unwrap();
    fs::write(path("plain.log"), "2026-01-31 10:00:00 UTC [7] LOG:  statement: SELECT a FROM t\n")
        .unwrap();
    fs::write(path("idle.csv"), query("shop", "BEGIN") + &query("shop", "SELECT 1")).unwrap();
    fs::write(path("bad.csv"), query("shop", "BEGIN") + "torn,line\n").unwrap();
    let maintenance = query("postgres", "VACUUM");
    let two = query("shop", "SELECT a FROM t WHERE b = 1")
        + &query("crm", "SELECT c FROM d")
        + &maintenance;
    fs::write(path("two.csv"), two).unwrap();
    for (args, parts) in [
        (
            &["packed.csv.gz"][..],
            &["packed.csv.gz is compressed", "gunzip --keep packed.csv.gz"][..],
        ),
        (&["plain.log"], &["no log in the csv or json form", "log_destination = 'csvlog'"]),
        (&["none.csv"], &["can't read none.csv"]),
        (&["idle.csv"], &["2 entries", "transaction control (1)", "log_min_duration_statement"]),
        (&["two.csv"], &["crm (1), shop (1)", "--database"]),
        (
            &["two.csv", "--database", "shpo"],
            &[
                "no query",
                "queries of other databases are left out: crm (1), postgres (1), shop (1)",
            ],
        ),
        (&["bad.csv"], &["no query", "1 line is no entry of a log: bad.csv:2"]),
        (&["two.csv", "--database", "shop", "--min-calls", "9"], &["lower --min-calls"]),
        (&["--values"], &["--values", "LOG"]),
        (&[], &["--database-url"]),
    ] {
        let ran = import(project.path(), args);
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.stderr);
        for part in parts {
            assert!(ran.stderr.contains(part), "{part} of {args:?}: {}", ran.stderr);
        }
        assert!(!path("workload").exists(), "{args:?}");
    }
    let text = query("shop", "SELECT a FROM t WHERE b = 1")
        + "torn,line\n"
        + &query("shop", "SELECT a FROM t WHERE b = 2");
    fs::write(path("torn.csv"), text).unwrap();
    let ran = import(project.path(), &["torn.csv"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("1 line is no entry of a log: torn.csv:2"), "{}", ran.stderr);
    assert!(crate::text(project.path(), "select_t_by_b.sql").contains(": 2 calls, 2.5 ms each."));
    assert!(ran.stderr.contains("no server has tried these queries"), "{}", ran.stderr);

    // What stays in a text, what is left out, and what could not be had are all said.
    let long = vec!["7"; 10_000].join(", ");
    let text = query("shop", "SELECT d->>'mine' FROM t WHERE b = 1")
        + &query("shop", "SELECT a FROM u WHERE e = ''")
        + &query("shop", "SELECT a FROM u WHERE e = 'x'")
        + &query("shop", "SELECT a FROM v WHERE e = $1")
        + &query("shop", &format!("SELECT a FROM w WHERE e IN ({long})"));
    fs::write(path("said.csv"), text).unwrap();
    let ran = import(project.path(), &["said.csv", "--values"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let ran = import(project.path(), &["said.csv", "--values", "--force"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for part in [
        "text in quotes stayed in 1 file, look it through before you commit: select_t_by_b.sql",
        "select_w is left out: it has 10000 parameters",
        "the log has no whole set of values for select_v_by_e.sql",
        "1 of the sets of values have an empty text",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    assert!(crate::text(project.path(), "select_t_by_b.sql").contains("-- Text in quotes stayed"));
    assert_eq!(crate::text(project.path(), "select_u_by_e.csv"), "e\nx\n");
}
