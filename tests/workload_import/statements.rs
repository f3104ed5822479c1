//! From `pg_stat_statements`.

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use crate::watched::Watched;
use crate::{ROWS, TABLES, bench, import, names, project, said, servers, text};

/// What an application does, in both protocols.
pub(crate) fn work(server: &Watched) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options: PgConnectOptions = server.target("shop").url_with_password().parse().unwrap();
        let mut connection = PgConnection::connect_with(&options).await.unwrap();
        for id in 1..=30_i64 {
            sqlx::query("SELECT id, total FROM orders WHERE customer_id = $1 AND placed_at > $2::timestamptz ORDER BY 2 LIMIT 5")
                .bind(i32::try_from(id).unwrap())
                .bind("2020-01-01")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        }
        for id in 1..=12_i64 {
            let sql = format!(
                "SELECT o.id, c.city FROM orders o JOIN customer c ON c.id = o.customer_id WHERE o.id = {id} \
                 AND city <> 'it''s' /*traceparent='00-{id}'*/"
            );
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
            let sql = format!("UPDATE orders SET note = 'n{id}', total = total + -{id}.5 WHERE id = {id}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        }
        for id in 2001..=2008_i64 {
            sqlx::query("INSERT INTO orders (id, customer_id, note) VALUES ($1, $2, $3)")
                .bind(id)
                .bind(7_i32)
                .bind("secret note")
                .execute(&mut connection)
                .await
                .unwrap();
        }
        for (count, list) in [(3, "1, 2, 3"), (4, "4, 5")] {
            for _ in 0..count {
                let sql = format!("SELECT email FROM customer WHERE id IN ({list})");
                sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
            }
        }
        for sql in [
            "BEGIN; SAVEPOINT a; ROLLBACK",
            "SELECT relname FROM pg_class LIMIT 1",
            "SELECT 1",
            "EXPLAIN SELECT * FROM orders",
            "SET work_mem = '5MB'",
            "COPY customer TO STDOUT",
        ] {
            let _ = sqlx::raw_sql(sql).execute(&mut connection).await;
        }
        connection.close().await.unwrap();
    });
}

#[test]
fn what_was_counted_is_measured() {
    for &major in servers::majors() {
        let server = Watched::counting(major);
        server.execute("shop", TABLES);
        server.execute("shop", ROWS);
        server.execute("shop", "SELECT pg_stat_statements_reset()");
        work(&server);
        let project = project();
        let url = server.url("postgres");
        let ran = import(project.path(), &["--database-url", &url]);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        let files = names(project.path(), ".sql");
        let expected = [
            "insert_orders.sql",
            "select_customer_by_id.sql",
            "select_orders_by_customer_id_placed_at.sql",
            "select_orders_by_id_city.sql",
            "update_orders_by_id.sql",
        ];
        assert_eq!(files, expected, "{}", ran.stdout);
        let first = text(project.path(), "select_orders_by_customer_id_placed_at.sql");
        let head = "-- From pg_stat_statements of shop since ";
        assert!(first.starts_with(head) && first.contains(": 30 calls, "), "{first}");
        assert_eq!(
            said(project.path(), "select_orders_by_customer_id_placed_at.sql"),
            [
                "-- stairway: weight 43.5",
                "-- stairway: param customer_id, placed_at from SELECT customer_id, placed_at FROM public.orders",
                "-- Nobody knows :limit: 10, which is a guess.",
                "-- stairway: param limit from VALUES (10)",
                "SELECT id, total FROM orders WHERE customer_id = :customer_id AND placed_at > :placed_at::timestamptz ORDER BY 2 LIMIT :limit;",
            ],
            "{major}"
        );
        assert_eq!(
            said(project.path(), "insert_orders.sql")[1..],
            [
                "-- stairway: param id from generated public.orders.id",
                "-- stairway: param customer_id from SELECT id FROM public.customer",
                "-- stairway: param note from generated public.orders.note",
                "INSERT INTO orders (id, customer_id, note) VALUES (:id, :customer_id, :note);",
            ]
        );
        assert!(
            text(project.path(), "select_customer_by_id.sql").contains(": 7 calls"),
            "{}",
            ran.stdout
        );
        for part in [
            "transaction control",
            "queries of the server's catalogs",
            "queries that read no table",
            "EXPLAIN",
            "COPY",
        ] {
            assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
        }
        assert!(ran.stderr.contains("next: stairway bench --workload workload"), "{}", ran.stderr);
        assert!(ran.stdout.contains("limit: 10, which is a guess"), "{}", ran.stdout);
        let report = bench(project.path(), major);
        assert_eq!(report["queries"].as_array().unwrap().len(), files.len());

        // A second time it is in the way of itself, and nothing is touched.
        let again = import(project.path(), &["--database-url", &url, "--top", "3"]);
        assert_eq!(again.code, 2, "{}", again.stderr);
        assert!(
            again.stderr.contains("--force") && again.stderr.contains("and 2 others"),
            "{}",
            again.stderr
        );
        let forced = import(
            project.path(),
            &["--database-url", &url, "--force", "--min-calls", "20", "--rates"],
        );
        assert_eq!(forced.code, 0, "{}", forced.stderr);
        let rated = said(project.path(), "select_orders_by_customer_id_placed_at.sql");
        assert!(
            rated[0].starts_with("-- stairway: rate ") && rated[0].ends_with("/s"),
            "{rated:?}"
        );
        assert!(text(project.path(), "insert_orders.sql").contains("weight"));
        assert!(
            forced.stderr.contains("of an import before are left in workload")
                && forced.stderr.contains(": insert_orders.sql, select_customer_by_id.sql, "),
            "{}",
            forced.stderr
        );
        let one = import(project.path(), &["--database-url", &url, "--top", "2"]);
        assert!(one.stderr.contains("and 1 other;"), "{}", one.stderr);
    }
}

#[test]
fn what_is_missing_is_told_with_what_to_do() {
    let major = servers::majors()[0];
    let project = project();
    let plain = Watched::start(major, "");
    let url = plain.url("postgres");
    let ran = import(project.path(), &["--database-url", &url]);
    assert_eq!(ran.code, 2);
    for part in ["database shop", "shared_preload_libraries", "CREATE EXTENSION pg_stat_statements"]
    {
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
    // The extension alone counts nothing.
    plain.execute("shop", "CREATE EXTENSION pg_stat_statements");
    let ran = import(project.path(), &["--database-url", &url]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("start the server again"), "{}", ran.stderr);
    drop(plain);

    let server = Watched::counting(major);
    server.execute("shop", TABLES);
    server.execute("shop", "CREATE ROLE app LOGIN; GRANT USAGE ON SCHEMA public TO app; GRANT SELECT ON customer TO app; \
                            SELECT pg_stat_statements_reset()");
    let empty = import(project.path(), &["--database-url", &server.url("postgres")]);
    assert_eq!(empty.code, 2);
    assert!(empty.stderr.contains("let the application work"), "{}", empty.stderr);
    server.execute("shop", "SELECT city FROM customer WHERE email ~ 'x'");
    server.execute("shop", "SET SESSION AUTHORIZATION app; SELECT city FROM customer WHERE id = 4");
    let ran = import(project.path(), &["--database-url", &server.url("app")]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("GRANT pg_read_all_stats TO app"), "{}", ran.stderr);
    assert_eq!(names(project.path(), ".sql"), ["select_customer_by_id.sql"]);

    // What nobody can tell stops a measurement with what is to be done.
    let ran = import(project.path(), &["--database-url", &server.url("postgres"), "--force"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("1 file must be told"), "{}", ran.stderr);
    assert!(ran.stdout.contains("email: ? it is beside email"), "{}", ran.stdout);
    let bench = crate::stairway(project.path(), &["bench", "--server", "local"]);
    assert_eq!(bench.code, 2);
    assert!(bench.stderr.contains("the parameter :email has no values"), "{}", bench.stderr);
}

/// Through a pooler each transaction may be of another of its sessions: nothing may outlive one.
#[test]
fn all_that_is_asked_is_one_transaction() {
    let server = Watched::counting(servers::majors()[0]);
    server.execute("shop", TABLES);
    server.execute("shop", "CREATE TABLE old (a int); CREATE TABLE pg_own (a int)");
    server.execute("shop", "SELECT a FROM old WHERE a = 1");
    server.execute("shop", "SELECT a FROM pg_own WHERE a = 1");
    server.execute("shop", "SELECT id FROM orders WHERE id = 1");
    server.execute("shop", "DROP TABLE old");
    let project = project();
    let url = server.url("postgres");
    let ran = import(project.path(), &["--database-url", &url]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("select_old_by_a is left out"), "{}", ran.stderr);
    assert_eq!(
        names(project.path(), ".sql"),
        ["select_orders_by_id.sql", "select_pg_own_by_a.sql"]
    );
    let none = import(project.path(), &["--database-url", &url, "--min-calls", "1000"]);
    assert_eq!(none.code, 2, "{}", none.stderr);

    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_path(server.log("csv"))
        .unwrap();
    let mut sessions: Vec<(String, Vec<String>)> = Vec::new();
    for entry in reader.records().map(Result::unwrap) {
        let Some((_, sent)) = entry[13].split_once("statement: ") else { continue };
        if &entry[22] != "stairway workload import" {
            continue;
        }
        match sessions.iter_mut().find(|(id, _)| *id == entry[5]) {
            Some((_, all)) => all.push(sent.to_owned()),
            None => sessions.push((entry[5].to_owned(), vec![sent.to_owned()])),
        }
    }
    assert_eq!(sessions.len(), 2);
    for (_, all) in &sessions {
        let begun =
            all.iter().position(|sent| sent.starts_with("BEGIN READ ONLY; SET LOCAL")).unwrap();
        assert_eq!(all.last().unwrap(), "ROLLBACK", "{all:#?}");
        let inside = &all[begun + 1..all.len() - 1];
        assert!(!inside.iter().any(|sent| sent.starts_with("SET ")), "{all:#?}");
        let prepared = inside.iter().filter(|sent| sent.starts_with("PREPARE")).count();
        let points = inside.iter().filter(|sent| sent.starts_with("SAVEPOINT")).count();
        // That of the table that is gone is refused before it is written down.
        assert!(
            prepared <= points
                && points == inside.iter().filter(|it| it.contains("RELEASE")).count()
        );
        // What is asked before does not change the session.
        assert!(!all[..begun].iter().any(|sent| sent.to_uppercase().contains("SET ")), "{all:#?}");
    }
}

#[test]
fn a_dry_run_prints_and_writes_nothing_and_groups_stay_equal() {
    let server = Watched::counting(servers::majors()[0]);
    server.execute("shop", TABLES);
    server.execute("shop", "SELECT date_trunc('day', placed_at), count(*) FROM orders WHERE placed_at > now() - interval '7 days' \
                            GROUP BY date_trunc('day', placed_at)");
    server.execute("shop", "CREATE TABLE old (a int)");
    server.execute("shop", "SELECT a FROM old WHERE a = 1");
    server.execute("shop", "DROP TABLE old");
    let project = project();
    let ran = import(project.path(), &["--database-url", &server.url("postgres"), "--dry-run"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(!project.path().join("workload").exists());
    assert!(ran.stdout.contains("==> workload/select_orders.sql <=="), "{}", ran.stdout);
    let query = ran.stdout.lines().find(|line| line.starts_with("SELECT date_trunc(")).unwrap();
    let (head, group) = query.split_once(" GROUP BY ").unwrap();
    // What is grouped by is what is shown, whatever the statistics keep of it.
    let shown = head.strip_prefix("SELECT ").unwrap().split_once(", count(*)").unwrap().0;
    assert_eq!(group, format!("{shown};"));
    assert!(head.contains("now() - :p") && head.ends_with("::interval"), "{query}");
    assert!(ran.stderr.contains("select_old_by_a is left out"), "{}", ran.stderr);
    assert!(ran.stderr.contains("would be written"), "{}", ran.stderr);
}
