//! The workflow of the script that this replaces, from its first command to a restore by hand, through
//! `ci/migrate.sh` as a deployment script calls it.

#[path = "servers/mod.rs"]
mod servers;
#[allow(dead_code, reason = "the faults use the rest")]
#[path = "faults/site.rs"]
mod site;

use std::process::Command;

use site::{Ran, Site};

/// `migrate.sh` with these words, in the deployment directory.
fn migrate(site: &Site, words: &str) -> Ran {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/ci/migrate.sh");
    let program = site.command(&[]);
    let mut command = Command::new(script);
    command.args(words.split(' ')).current_dir(site.directory.path());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // The database is named by the file of the environment alone.
    command.env_remove("DATABASE_URL").env("STAIRWAY", env!("CARGO_BIN_EXE_stairway"));
    site.ran(&command.output().unwrap())
}

fn site(major: usize) -> Site {
    let majors = servers::majors();
    let site = Site::new(majors[major % majors.len()]).unwrap();
    let url = site.target.url_with_password();
    std::fs::write(site.path(".env.production"), format!("DATABASE_URL={url}\n")).unwrap();
    site.migration(
        2,
        "ALTER TABLE orders ADD COLUMN note text;\n",
        "ALTER TABLE orders DROP COLUMN note;\n",
    );
    site.migration(
        3,
        "CREATE TABLE refunds (id int PRIMARY KEY, order_id bigint REFERENCES orders);\n",
        "DROP TABLE refunds;\n",
    );
    site
}

#[test]
fn from_history_to_a_downgrade() {
    let site = site(0);
    let first = site.print();
    let ran = migrate(&site, "history");
    assert!(ran.code == Some(0) && ran.said.contains("3  it"), "{}", ran.said);
    assert!(migrate(&site, "current").said.starts_with('1'));

    let ran = migrate(&site, "--dry-run upgrade --output plan.sql");
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    let plan = std::fs::read_to_string(site.path("plan.sql")).unwrap();
    assert!(plan.contains("ALTER TABLE orders ADD COLUMN note text;"), "{plan}");
    assert_eq!(site.print(), first, "a dry run changes nothing");
    assert_eq!(site.backups().len(), 0, "and backs nothing up");

    let ran = migrate(&site, "upgrade");
    site.holds(&ran, 0, "AFTER");
    assert_eq!(site.backups().len(), 1);
    let ran = migrate(&site, "validate");
    site.holds(&ran, 0, "BEFORE");
    let third = site.print();

    let ran = migrate(&site, "downgrade -1 --env production");
    site.holds(&ran, 0, "AFTER");
    assert!(migrate(&site, "current").said.starts_with('2'));
    let ran = migrate(&site, "--env production --timeout 60 upgrade 3");
    site.holds(&ran, 0, "AFTER");
    assert_eq!(site.print(), third);
    let ran = migrate(&site, "upgrade");
    assert!(ran.code == Some(0) && ran.said.contains("nothing to do"), "{}", ran.said);
    let ran = migrate(&site, "upgrade 17");
    assert_eq!(ran.code, Some(2), "{}", ran.said);
    ran.says("can't locate revision").says("`stairway history` lists the revisions");
}

/// A failed rehearsal, a timeout, a failed application, a failed validation: each ends with the
/// database as it was. Then a restore by hand.
#[test]
fn a_failing_migration_in_four_ways_and_a_restore() {
    let site = site(1);
    let first = site.print();
    site.migration(4, "SELECT 1 / 0;\n", "SELECT 1;\n");
    let ran = migrate(&site, "upgrade");
    site.holds(&ran, 13, "BEFORE");
    assert_eq!(site.print(), first);

    let ran = migrate(&site, "upgrade --force");
    site.holds(&ran, 21, "BEFORE");
    ran.says("--force: goes on although the rehearsal failed");
    assert_eq!(site.print(), first);

    site.migration(4, "SELECT pg_sleep(60);\n", "SELECT 1;\n");
    let ran = migrate(&site, "upgrade --skip-test --timeout 2");
    site.holds(&ran, 21, "BEFORE");
    assert_eq!(site.print(), first);

    site.migration(4, "CREATE TABLE last (id int);\n", "DROP TABLE last;\n");
    std::fs::create_dir(site.path("checks")).unwrap();
    let test = "SELECT count(*) > 0 FROM last;\n";
    std::fs::write(site.path("checks/last.sql"), test).unwrap();
    let ran = migrate(&site, "upgrade");
    site.holds(&ran, 21, "BEFORE");
    ran.says("query test last.sql");
    assert_eq!(site.print(), first);

    std::fs::remove_dir_all(site.path("checks")).unwrap();
    let ran = migrate(&site, "upgrade");
    site.holds(&ran, 0, "AFTER");
    site.sql("DELETE FROM orders");
    let ran = migrate(&site, "restore latest --accept-loss 1000");
    site.holds(&ran, 0, "AFTER");
    assert_eq!(site.print(), first, "the backup was made before the upgrade");
    assert!(migrate(&site, "current").said.starts_with('1'));
    let kept = ran.report["kept_database"].as_str().unwrap();
    assert_eq!(
        site.value(&format!("SELECT count(*) FROM pg_database WHERE datname = '{kept}'")),
        "1"
    );
}
