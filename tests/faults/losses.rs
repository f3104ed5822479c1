//! What a restore would lose and must not: whatever hides it, and whatever happens while it is counted.

use crate::servers;
use crate::site::{Ran, SECRET, Site, on};

/// Writes this while the first move of an upgrade sleeps, between the backup and the other moves.
fn upgrade_while(site: &Site, words: &[&str], writes: &str) -> Ran {
    site.migration(2, "SELECT pg_sleep(seconds) FROM gate;\n", "SELECT 1;\n");
    site.sql("UPDATE gate SET seconds = 2");
    let child = site.start(words);
    site.wait_for(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' \
         AND query LIKE '%pg_sleep%' AND application_name LIKE 'stairway upgrade %')",
    );
    site.sql(writes);
    site.end(child)
}

/// A last migration that leaves an orphan, and whose downgrade fails in production.
fn only_a_restore_leads_back(site: &Site, version: u32) {
    site.migration(
        version,
        "CREATE TABLE visits (id int PRIMARY KEY, user_id bigint);\n\
         INSERT INTO visits VALUES (1, -1);\n\
         ALTER TABLE visits ADD FOREIGN KEY (user_id) REFERENCES users NOT VALID;\n",
        "SELECT 1 / 0;\n",
    );
}

const TABLES: &str = "CREATE TABLE empty (id int PRIMARY KEY, v int); \
    CREATE TABLE dropped (id int PRIMARY KEY); CREATE TABLE emptied (id int PRIMARY KEY); \
    CREATE TABLE cut (id int PRIMARY KEY); CREATE TABLE old (id int PRIMARY KEY); \
    INSERT INTO old SELECT generate_series(1, 9)";

/// What others wrote in tables that the migration then rewrites, drops, deletes from or truncates is not
/// counted, so it is refused, also by a number; in one that it gives another name it is counted.
#[test]
fn what_a_migration_hides_is_not_lost() {
    on(0, |site| {
        site.sql(TABLES);
        let mut hiding = [
            "ALTER TABLE empty ALTER COLUMN v TYPE bigint",
            "DROP TABLE dropped",
            "DELETE FROM emptied",
            "TRUNCATE cut",
            "ALTER TABLE old RENAME TO renamed",
        ];
        hiding.rotate_left(site.place(5) as usize);
        let migration = format!("{};\n", hiding.join(";\n"));
        site.migration(3, &migration, "ALTER TABLE renamed RENAME TO old;\n");
        only_a_restore_leads_back(&site, 4);
        let words = ["upgrade", "--skip-test", "--allow-drift", "--accept-loss", "5"];
        let ran = upgrade_while(
            &site,
            &words,
            "INSERT INTO empty SELECT generate_series(1, 50); \
             INSERT INTO dropped SELECT generate_series(1, 50); \
             INSERT INTO emptied SELECT generate_series(1, 50); \
             INSERT INTO cut SELECT generate_series(1, 50); DELETE FROM old WHERE id <= 2",
        );
        site.holds(&ran, 31, "AFTER");
        let tables = "public.cut, public.emptied, public.empty, public.dropped";
        ran.says(&format!("what others wrote in {tables} since the backup can't be told"))
            .says("2 row versions at least would be lost")
            .says("--accept-loss all` accepts it");
        let ran = site.run(&["restore", "latest", "--accept-loss", "1000"]);
        site.holds(&ran, 31, "BEFORE");
        ran.says("can't be told");
        let ran = site.run(&["restore", "latest", "--accept-loss", "all"]);
        site.holds(&ran, 0, "AFTER");
        ran.says(&format!("what others wrote in {tables} is lost"));
        assert_eq!(site.value("SELECT count(*) FROM old"), "9");
    });
}

/// Rows that the migrations wrote long ago, or that this one wrote into its own tables, are nobody's
/// loss: a restore leads back without a fence.
#[test]
fn rows_of_earlier_migrations_are_no_loss() {
    on(1, |site| {
        only_a_restore_leads_back(&site, 2);
        let before = site.print();
        let ran = site.run(&["upgrade", "--skip-test"]);
        site.holds(&ran, 22, "BEFORE");
        assert_eq!(site.print(), before);
    });
}

/// A snapshot does not list the savepoints of transactions that are open: what is written under one
/// before the backup and committed after it is not in the backup.
#[test]
fn what_was_written_in_a_savepoint_is_not_lost() {
    on(0, |site| {
        let mut other = site.session();
        other.run(
            "BEGIN; INSERT INTO users (email) VALUES ('first'); SAVEPOINT a; \
             UPDATE orders SET amount = 0 WHERE id <= 3",
        );
        // A later transaction has ended when the snapshot is taken.
        site.sql("UPDATE gate SET seconds = 0");
        let ran = site.run(&["backup"]);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        other.run("COMMIT");
        let ran = site.run(&["restore", "latest", "--accept-loss", "1"]);
        site.holds(&ran, 31, "BEFORE");
        ran.says("5 row versions in 3 tables would be lost");
        assert_eq!(site.value("SELECT count(*) FROM orders WHERE amount = 0"), "3");
    });
}

/// Large objects are counted. What sequences gave out since is not given out again.
#[test]
fn large_objects_and_numbers_are_not_forgotten() {
    on(1, |site| {
        site.sql(
            "SELECT lo_from_bytea(7001, 'kept'); SELECT lo_from_bytea(7002, 'gone'); \
             CREATE SEQUENCE down INCREMENT -2; SELECT nextval('down')",
        );
        let ran = site.run(&["backup"]);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        site.sql(
            "SELECT lo_put(7001, 0, 'changed'); SELECT lo_unlink(7002); \
             SELECT lo_from_bytea(7003, 'new'); SELECT nextval('down'); \
             SELECT nextval('users_id_seq') FROM generate_series(1, 4)",
        );
        let ran = site.run(&["restore", "latest"]);
        site.holds(&ran, 31, "BEFORE");
        ran.says("2 row versions in 1 tables would be lost");
        assert_eq!(site.value("SELECT convert_from(lo_get(7001), 'UTF8')"), "changed");
        let ran = site.run(&["restore", "latest", "--accept-loss", "2"]);
        site.holds(&ran, 0, "AFTER");
        ran.says("not given out again: public.down, public.users_id_seq went on");
        assert_eq!(site.value("SELECT convert_from(lo_get(7001), 'UTF8')"), "kept");
        assert_eq!(site.value("SELECT nextval('users_id_seq')"), "1005");
        assert_eq!(site.value("SELECT nextval('down')"), "-5");
    });
}

/// A backup of another server, or of another database, is not taken for the latest one; by its name it
/// is taken only where that and the loss of all that is here are asked for.
#[test]
fn a_backup_from_elsewhere_is_not_restored_by_mistake() {
    on(1, |site| {
        let Some(major) = servers::majors().iter().find(|it| **it != site.server.major) else {
            eprintln!("SKIPPED: servers of one major alone may have one identifier");
            return;
        };
        let own = backup(&site, &site);
        let elsewhere = Site::new(*major).unwrap();
        elsewhere.sql("DELETE FROM orders; DELETE FROM users");
        let foreign = backup(&elsewhere, &site);
        site.sql("CREATE DATABASE other");
        let url = site.target.database("other").url_with_password();
        let output = site.command(&["backup"]).env("DATABASE_URL", url).output().unwrap();
        assert_eq!(output.status.code(), Some(0));

        let ran = site.run(&["restore", &foreign, "--accept-loss", "all"]);
        site.holds(&ran, 10, "BEFORE");
        ran.says("the backup is of another server").says("--from-other-server");
        let ran = site.run(&["restore", &foreign, "--from-other-server", "--accept-loss", "9999"]);
        site.holds(&ran, 31, "BEFORE");
        ran.says("all that is here would be lost");
        let ran = site.run(&["restore", "latest"]);
        site.holds(&ran, 0, "AFTER");
        ran.says(&own);
        assert_eq!(site.value("SELECT count(*) FROM users"), "1000");
        // A newer dump does not fit into an older server.
        if elsewhere.server.major < site.server.major {
            let words = ["restore", &foreign, "--from-other-server", "--accept-loss", "all"];
            let ran = site.run(&words);
            site.holds(&ran, 0, "AFTER");
            ran.says("all that is here is lost");
            assert_eq!(site.value("SELECT count(*) FROM users"), "0");
        }
    });
}

/// Makes a backup of one site in the folder of another one, and gives its name.
fn backup(of: &Site, at: &Site) -> String {
    let known = at.backups();
    let folder = at.path("backups/migrations");
    let output = of.command(&["backup"]).env("BACKUP_DIR", folder).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let new = at.backups().into_iter().find(|path| !known.contains(path)).unwrap();
    new.file_name().unwrap().to_str().unwrap().to_owned()
}

/// A copy of a server's disk has the identifier of the server: what its backups do not hold is counted,
/// and what they hold otherwise is noticed.
#[test]
fn a_backup_of_a_copy_of_the_server_is_not_restored_by_mistake() {
    on(0, |site| {
        let copy = Site::new(site.server.major).unwrap();
        let id = "SELECT system_identifier FROM pg_control_system()";
        assert_eq!(copy.value(id), site.value(id), "both are copies of one folder");
        copy.sql("UPDATE orders SET amount = amount + 1; DELETE FROM orders WHERE id <= 3");
        let less = backup(&copy, &site);
        copy.sql(&format!(
            "INSERT INTO orders (id, user_id, amount, card) SELECT g, g, g, '{SECRET}' \
             FROM generate_series(1, 3) g"
        ));
        let other = backup(&copy, &site);
        // So that nothing here is newer than the snapshot there.
        for (name, words) in [(less, "3 row versions in 1 tables"), (other, "public.orders since")]
        {
            let ran = site.run(&["restore", &name]);
            if ran.code == Some(10) {
                ran.says("a copy of this server that went another way");
                continue;
            }
            site.holds(&ran, 31, "BEFORE");
            ran.says(words);
        }
        assert_eq!(site.value("SELECT sum(amount) FROM orders"), "500500");
    });
}
