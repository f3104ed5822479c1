//! Faults of the way back: a downgrade that fails, a restore that would lose something, a backup that
//! is damaged.

use std::fs;

use crate::site::{SECRET, Site, on};

/// An upgrade that leaves an orphan, which validation finds, with a downgrade that fails in
/// production and not on the copy.
pub(crate) fn no_way_back(site: &Site) {
    site.migration(
        2,
        "CREATE TABLE visits (id int PRIMARY KEY, user_id bigint);\n\
         INSERT INTO visits VALUES (1, -1);\n\
         ALTER TABLE visits ADD FOREIGN KEY (user_id) REFERENCES users NOT VALID;\n",
        "DO $$ BEGIN IF current_database() = 'shop' THEN RAISE 'no'; END IF; END $$;\nDROP TABLE visits;\n",
    );
}

/// F35
#[test]
fn a_fenced_database_is_restored_where_the_downgrade_fails() {
    on(0, |site| {
        no_way_back(&site);
        site.sql(
            "CREATE ROLE clerk LOGIN; GRANT CONNECT ON DATABASE shop TO clerk; \
                  ALTER DATABASE shop SET work_mem = '9MB'",
        );
        let privileges = "SELECT array_agg(a::text ORDER BY a::text) FROM pg_database d, \
             aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE datname = 'shop'";
        let (before, granted) = (site.print(), site.value(privileges));
        let oid = site.value("SELECT oid FROM pg_database WHERE datname = 'shop'");
        let ran = site.run(&["upgrade", "--fence"]);
        site.holds(&ran, 22, "BEFORE");
        assert_eq!(site.print(), before);
        assert_ne!(site.value("SELECT oid FROM pg_database WHERE datname = 'shop'"), oid);
        assert_eq!(site.value(privileges), granted, "privileges came along");
        assert_eq!(site.value("SHOW work_mem"), "9MB", "settings came along");
        let kept = ran.report["kept_database"].as_str().unwrap();
        let found = format!("SELECT oid FROM pg_database WHERE datname = '{kept}'");
        assert_eq!(site.value(&found), oid, "what failed is kept");
        let again = site.run(&["recover"]);
        assert_eq!(again.code, Some(0), "{}", again.said);
    });
}

/// F36, and the same with the loss accepted.
#[test]
fn what_others_wrote_is_not_lost_unless_its_number_is_accepted() {
    on(1, |site| {
        no_way_back(&site);
        site.migration(3, "SELECT pg_sleep(seconds) FROM gate;\n", "SELECT 1;\n");
        let writes = |site: &Site| {
            site.sql(
                "UPDATE orders SET amount = amount + 1 WHERE id <= 25; \
                      INSERT INTO users (email) SELECT 'new' || g FROM generate_series(1, 15) g",
            );
        };
        let at_work = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep%' \
             AND application_name LIKE 'stairway upgrade %')";
        site.sql("UPDATE gate SET seconds = 3");
        let child = site.start(&["upgrade", "--skip-test"]);
        site.wait_for(at_work);
        writes(&site);
        let ran = site.end(child);
        site.holds(&ran, 31, "AFTER");
        ran.says("restore blocked: 40 row versions in 2 tables would be lost");
        let folder = site.path(".stairway/runs").join(ran.report["run"].as_str().unwrap());
        let lines = |name: &str| {
            fs::read_to_string(folder.join("written").join(name)).unwrap().lines().count()
        };
        assert_eq!((lines("public.orders.csv"), lines("public.users.csv")), (26, 16));
        assert_eq!(site.value("SELECT count(*) FROM visits"), "1", "left as it is");
        let manifest =
            fs::read_to_string(site.backups()[0].with_extension("manifest.json")).unwrap();
        assert!(manifest.contains("\"pinned\": \"run "), "{manifest}");
        let ran = site.run(&["restore", "latest", "--accept-loss", "40"]);
        site.holds(&ran, 0, "AFTER");
        assert_eq!(site.value("SELECT count(*) FROM users"), "1000");
        ran.says("--accept-loss: 40 row versions written since the backup are lost");
    });
}

/// X64: nothing is restored from a backup that changed on disk.
#[test]
fn a_damaged_backup_is_not_restored() {
    on(0, |site| {
        no_way_back(&site);
        site.migration(3, "SELECT pg_sleep(seconds) FROM gate;\n", "SELECT 1;\n");
        site.sql("UPDATE gate SET seconds = 3");
        let child = site.start(&["upgrade", "--skip-test", "--fence"]);
        site.wait_for("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep%' \
             AND application_name LIKE 'stairway upgrade %')");
        let backup = site.backups().remove(0);
        let mut bytes = fs::read(&backup).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&backup, bytes).unwrap();
        let ran = site.end(child);
        assert_eq!(ran.code, Some(30), "{}", ran.said);
        assert_eq!(ran.report["state"], "UNKNOWN");
        ran.says("the backup can't be used");
        assert_eq!(site.value("SELECT count(*) FROM visits"), "1", "left as it is");
        assert_eq!(
            site.value("SELECT has_database_privilege('public', 'shop', 'CONNECT')"),
            "t",
            "the fence is open"
        );
        assert!(!ran.said.contains(SECRET));
    });
}

/// F37
#[test]
fn a_run_that_never_committed_runs_no_downgrade() {
    on(1, |site| {
        site.migration(2, "SELECT 1/0;\n", "DROP TABLE orders;\n");
        let before = site.print();
        let ran = site.run(&["upgrade", "--skip-test"]);
        site.holds(&ran, 20, "BEFORE");
        assert_eq!(site.print(), before);
    });
}
