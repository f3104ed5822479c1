//! What is pending on a good backup: whose fault a failure is, and what is said of it.

use std::fs;

use stairway::backup::Format;

use crate::servers;
use crate::yard::Yard;

/// In rows of the backup: it must be nowhere else.
const SECRET: &str = "planted-s3cret-4111";

async fn yard(nth: usize) -> (Yard, std::path::PathBuf) {
    let majors = servers::majors();
    let yard = Yard::new(majors[nth % majors.len()]).await;
    let twins = format!("UPDATE orders SET note = '{SECRET}' WHERE id <= 2");
    yard.ground.run("shop", &twins).await;
    let backup = yard.ours("shop", "store", Format::Custom).await;
    (yard, backup.path)
}

#[tokio::test]
async fn what_is_pending_is_rehearsed() {
    let (yard, backup) = yard(0).await;
    yard.migration(
        2,
        "ALTER TABLE orders ADD COLUMN paid bool;\n",
        "ALTER TABLE orders DROP COLUMN paid;\n",
    );
    yard.migration(3, "CREATE INDEX orders_note ON orders (note);\n", "DROP INDEX orders_note;\n");
    let ran = yard.of(&backup, &[]);
    ran.is(0, "ok");
    let pending = ran.report["pending"].as_array().unwrap();
    assert_eq!(pending.len(), 2);
    assert!(pending.iter().all(|one| one["seconds"].is_f64()), "{pending:?}");
    assert_eq!(
        ran.check("history"),
        ("held".to_owned(), "1 of 3 migrations are applied".to_owned())
    );
    assert!(ran.check("rehearsal").1.contains("with all rows"));
    yard.end().await;
}

#[tokio::test]
async fn a_migration_that_fails_on_the_rows_is_its_own_fault() {
    for (nth, (up, down, code, reason)) in [
        (
            "CREATE UNIQUE INDEX orders_note ON orders (note);\n",
            "DROP INDEX orders_note;\n",
            13,
            "the upgrade of 2 fails: could not create unique index \"orders_note\"",
        ),
        (
            "ALTER TABLE orders DROP COLUMN note;\n",
            "ALTER TABLE orders ADD COLUMN note text;\n",
            13,
            "the way back loses data: table public.orders has 2000 rows as before",
        ),
        (
            "-- stairway: lossy public.orders.note reason: unused\nALTER TABLE orders DROP COLUMN note;\n",
            "ALTER TABLE orders ADD COLUMN note text;\n",
            0,
            "",
        ),
        ("ALTER TABLE orders ADD COLUMN x int;\n", "-- nothing\n", 13, "2 has no downgrade"),
        (
            "ALTER TABLE orders ADD COLUMN x int;\n",
            "SELECT 1;\n",
            13,
            "the way back of 2 does not lead back",
        ),
        (
            "INSERT INTO orders (id, customer_id, amount) VALUES (2001, 1, 1);\n",
            "DELETE FROM orders WHERE id = 2001;\n",
            13,
            "is behind",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let (yard, backup) = yard(nth).await;
        yard.migration(2, up, down);
        let ran = yard.of(&backup, &[]);
        let verdict = if code == 0 { "ok" } else { "bad-migration" };
        ran.is(code, verdict).says(reason);
        // The backup is good, whatever the migration does.
        assert_eq!(ran.report["tried"][0]["good"], true);
        let said = format!("{:#}{}", ran.report, ran.stderr);
        assert!(!said.contains(SECRET), "{said}");
        yard.end().await;
    }
}

#[tokio::test]
async fn a_version_table_must_fit_the_files() {
    let (yard, backup) = yard(1).await;
    let folder = yard.project.path().join("migrations");
    for way in ["up", "down"] {
        let name = |version: u32| folder.join(format!("{version}_it.{way}.sql"));
        fs::rename(name(1), name(3)).unwrap();
    }
    let ran = yard.of(&backup, &[]);
    ran.is(13, "bad-migration").says("history: unknown-revision: the version table names 1");
    assert_eq!(ran.check("rehearsal").0, "skipped");
    fs::remove_dir_all(&folder).unwrap();
    let ran = yard.of(&backup, &[]);
    ran.is(15, "environment").says("rehearsal was not checked");
    assert!(ran.report["help"].as_str().unwrap().contains("--leave-out rehearsal"));
    let ran = yard.of(&backup, &["--leave-out", "rehearsal"]);
    ran.is(0, "ok");
    assert_eq!(ran.check("rehearsal").0, "left-out");
    yard.end().await;
}

#[tokio::test]
async fn queries_may_be_written_for_what_is_pending() {
    let (yard, backup) = yard(0).await;
    let checks = yard.project.path().join("checks");
    fs::create_dir(&checks).unwrap();
    fs::write(checks.join("a_orders.sql"), "SELECT count(*) = 2000 FROM orders;\n").unwrap();
    let ran = yard.of(&backup, &[]);
    ran.is(0, "ok");
    assert_eq!(ran.report["rto"]["query"], "a_orders.sql");
    assert_eq!(ran.check("queries").1, "1 passed");
    // Of a column that is not there yet.
    fs::write(checks.join("b_paid.sql"), "SELECT id FROM orders WHERE paid IS NULL;\n").unwrap();
    yard.of(&backup, &[]).is(12, "bad-backup").says("queries: b_paid.sql: ");
    yard.migration(
        2,
        "ALTER TABLE orders ADD COLUMN paid bool NOT NULL DEFAULT true;\n",
        "ALTER TABLE orders DROP COLUMN paid;\n",
    );
    let ran = yard.of(&backup, &[]);
    ran.is(0, "ok");
    assert_eq!(ran.check("queries").1, "2 pass after the pending migrations");
    // What holds before and not afterwards.
    fs::write(
        checks.join("c_columns.sql"),
        "SELECT count(*) = 4 FROM information_schema.columns WHERE table_name = 'orders';\n",
    )
    .unwrap();
    fs::remove_file(checks.join("b_paid.sql")).unwrap();
    yard.of(&backup, &[])
        .is(13, "bad-migration")
        .says("queries: after the pending migrations: c_columns.sql");
    // And what never holds.
    fs::write(checks.join("c_columns.sql"), "SELECT 1 FROM nowhere;\n").unwrap();
    yard.of(&backup, &[]).is(12, "bad-backup").says("before and after the pending migrations");
    yard.end().await;
}

/// The p95 of a workload that can't be within its budget on any machine.
#[tokio::test]
async fn a_workload_is_measured() {
    let (yard, backup) = yard(0).await;
    let workload = yard.project.path().join("workload");
    fs::create_dir(&workload).unwrap();
    fs::write(workload.join("slow.sql"), "SELECT pg_sleep(0.02), count(*) FROM customer;\n")
        .unwrap();
    let toml = "[bench]\nbudget-ms = 2\nrate = 300\n";
    fs::write(yard.project.path().join("stairway.toml"), toml).unwrap();
    let ran = yard.of(&backup, &[]);
    // On a machine that others use as well nobody can tell; it is not ok in either case.
    let found = (ran.code, ran.report["latency"]["verdict"].as_str().unwrap());
    assert!([(14, "fail"), (15, "inconclusive")].contains(&found), "{:#}", ran.report);
    ran.is(found.0, "environment").says("latency");
    let latency = &ran.report["latency"];
    assert!(latency["p95"].as_f64().unwrap() > 20.0, "{latency}");
    assert_eq!(latency["budget"], 2.0);
    yard.of(&backup, &["--leave-out", "latency"]).is(0, "ok");
    yard.end().await;
}
