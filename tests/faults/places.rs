//! Faults around the moment at which a restored database takes the place of the other one: it is never
//! done on a count that was not made, and never leaves the database closed.

use std::path::PathBuf;
use std::time::Duration;

use stairway::migrations::{Direction, History};
use stairway::postgres::Target;
use stairway::runs::production::{
    Account, Listener, Patience, Request, Switches, Told, restore_now,
};

use crate::proxy::{Harm, Proxy};
use crate::servers;
use crate::site::{Site, on};

/// What the looking session of a restore sends when nobody is let in any more, before it counts again.
const COUNTS: &str = "SELECT pg_catalog.pg_backend_pid()\0";
/// What the other one sends then.
const CLOSED: &str = "ALTER DATABASE \"shop\" RENAME TO \"shop\"";
const NAMES: &[&str] = &["stairway restore"];

/// A proxy before the site's server that does harm in a restore.
fn harmed(site: &Site, words: &'static str, harm: Harm) -> (Proxy, String) {
    let variables = site.target.libpq_environment();
    let of = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone()).unwrap()
    };
    let socket = PathBuf::from(format!("{}/.s.PGSQL.{}", of("PGHOST"), of("PGPORT")));
    let proxy = Proxy::within(socket, NAMES, words, harm);
    let url = format!("postgres://{}@127.0.0.1:{}/shop?sslmode=disable", of("PGUSER"), proxy.port);
    (proxy, url)
}

fn backed_up(site: &Site) {
    let ran = site.run(&["backup"]);
    assert_eq!(ran.code, Some(0), "{}", ran.said);
}

fn is_open(site: &Site) -> bool {
    let sql = "SELECT bool_and(datallowconn) FROM pg_database WHERE datname LIKE 'shop%'";
    let mut admin = site.session_in("postgres");
    admin.value(sql) == "t"
}

struct Deaf;

impl Listener for Deaf {
    fn told(&mut self, _: Told<'_>) {}
}

/// A restore by hand that waits for a second at most.
fn impatient(site: &Site, url: &str) -> Account {
    let second = Duration::from_secs(1);
    let request = Request {
        verb: Direction::Upgrade,
        goal: "head".to_owned(),
        target: Target::parse(url).unwrap(),
        history: History::load(&site.path("migrations"), None).unwrap(),
        copy: servers::spec(site.server.major),
        backups: site.path("backups/migrations"),
        state: site.path(".stairway"),
        environment: "production".to_owned(),
        switches: Switches::default(),
        patience: Patience { timeout: second, connect: second, ..Patience::default() },
        jobs: None,
        critical_tables: Vec::new(),
        checks: None,
        attestation: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(restore_now(&request, "latest".as_ref(), std::future::pending(), &mut Deaf))
}

/// The session that counts is lost when nobody is let in any more: what was written since the first count
/// is there, and the database is open.
#[test]
fn a_restore_whose_count_is_lost_is_not_made() {
    on(0, |site| {
        backed_up(&site);
        let (proxy, url) = harmed(&site, COUNTS, Harm::LoseMessage);
        let mut command = site.command(&["restore", "latest"]);
        let child = command.env("DATABASE_URL", url).spawn().unwrap();
        site.wait_for(
            "SELECT EXISTS (SELECT FROM pg_database WHERE datname LIKE 'shop\\_restore\\_%')",
        );
        site.sql("INSERT INTO users (email) VALUES ('late')");
        let ran = site.end(child);
        assert!(proxy.has_done_harm());
        assert!(is_open(&site), "{}", ran.said);
        site.holds(&ran, 12, "BEFORE");
        assert_eq!(site.value("SELECT count(*) FROM users WHERE email = 'late'"), "1");
        let ran = site.run(&["restore", "latest"]);
        site.holds(&ran, 31, "BEFORE");
        ran.says("1 row versions in 1 tables would be lost");
    });
}

/// The session that closed the database is lost, and the server is not there for a while.
#[test]
fn a_database_is_opened_once_its_server_is_back() {
    on(0, |site| {
        backed_up(&site);
        let (proxy, url) = harmed(&site, CLOSED, Harm::Away(3));
        let output = site.command(&["restore", "latest"]).env("DATABASE_URL", url).output();
        let ran = site.ran(&output.unwrap());
        assert!(proxy.has_done_harm());
        assert!(is_open(&site), "{}", ran.said);
        site.holds(&ran, 12, "BEFORE");
    });
}

/// The same, and it is not there again in time: nobody knows what the database is, until `recover` finds
/// it closed and opens it.
#[test]
fn a_database_that_is_left_closed_is_opened_by_recover() {
    on(1, |site| {
        backed_up(&site);
        let (proxy, url) = harmed(&site, CLOSED, Harm::Away(usize::MAX));
        let account = impatient(&site, &url);
        assert!(proxy.has_done_harm());
        assert!(!is_open(&site));
        assert_eq!((account.state.as_str(), account.exit.code()), ("UNKNOWN", 30));
        let help = account.trouble.unwrap().help.unwrap();
        assert!(help.contains("`stairway recover`"), "{help}");
        let ran = site.run(&["recover"]);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        assert!(is_open(&site));
        site.nothing_is_left();
        assert_eq!(site.value("SELECT count(*) FROM users"), "1000");
    });
}

/// The network falls silent for the session that closes the database.
#[test]
fn a_server_that_falls_silent_does_not_hold_a_restore_up() {
    on(0, |site| {
        backed_up(&site);
        let words = "ALTER DATABASE \"shop\" ALLOW_CONNECTIONS false";
        let (proxy, url) = harmed(&site, words, Harm::Silence);
        let account = impatient(&site, &url);
        assert!(proxy.has_done_harm());
        assert_eq!((account.state.as_str(), account.exit.code()), ("BEFORE", 12));
        assert!(is_open(&site));
        assert_eq!(site.value("SELECT count(*) FROM users"), "1000");
    });
}

/// Who may connect, how many, and what the database is called in words: none of it is in a dump.
#[test]
fn a_restored_database_lets_in_whom_the_other_one_let_in() {
    on(1, |site| {
        site.sql(
            "CREATE ROLE clerk LOGIN; REVOKE ALL ON DATABASE shop FROM PUBLIC; \
             GRANT CONNECT ON DATABASE shop TO clerk WITH GRANT OPTION; \
             ALTER DATABASE shop CONNECTION LIMIT 17; COMMENT ON DATABASE shop IS 'what''s sold'",
        );
        let what = "SELECT datacl::text || datconnlimit || shobj_description(oid, 'pg_database') \
                    FROM pg_database WHERE datname = 'shop'";
        let before = site.value(what);
        backed_up(&site);
        let ran = site.run(&["restore", "latest"]);
        site.holds(&ran, 0, "AFTER");
        assert_eq!(site.value(what), before);
    });
}
