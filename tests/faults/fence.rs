//! What a fence keeps out, and where none is closed since it would not hold.

use stairway::postgres::Session;
use tokio::runtime::Runtime;

use crate::site::{Ran, Site, on};

const UP: &str = "ALTER TABLE orders ADD COLUMN note text;\n";
const DOWN: &str = "ALTER TABLE orders DROP COLUMN note;\n";
/// Fails unless the owner is kept out.
const ALONE: &str = "DO $$ BEGIN\n\
    IF has_database_privilege('boss', current_database(), 'CONNECT') THEN RAISE 'boss may connect'; END IF;\n\
    IF EXISTS (SELECT FROM pg_stat_activity WHERE usename IN ('boss', 'app')) THEN RAISE 'not alone'; END IF;\n\
    END $$;\n";
const ACCESS: &str = "SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM pg_database d, \
    aclexplode(coalesce(datacl, acldefault('d', datdba))) a WHERE datname = 'shop'";

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A client with a role of its own.
fn client(site: &Site, runtime: &Runtime, role: &str) -> Session {
    runtime.block_on(Session::connect(&site.target.as_role(role), "test client")).unwrap()
}

fn is_refused(site: &Site, ran: &Ran, words: &str) {
    site.holds(ran, 10, "BEFORE");
    ran.says(words).says("help: ");
    assert_eq!(site.value("SELECT has_database_privilege('app', 'shop', 'CONNECT')"), "t");
}

/// The owner of the database and who has no rights but PUBLIC's.
#[test]
fn a_fence_keeps_the_owner_out_and_lets_it_in_again() {
    on(0, |site| {
        site.sql("CREATE ROLE boss LOGIN; CREATE ROLE app LOGIN");
        site.sql("ALTER DATABASE shop OWNER TO boss");
        site.migration(2, &format!("{ALONE}{UP}"), DOWN);
        let before = site.value(ACCESS);
        let runtime = runtime();
        let mut clients = ["boss", "app"].map(|role| client(&site, &runtime, role));
        let ran = site.run(&["upgrade", "--fence", "--skip-test", "--allow-drift"]);
        site.holds(&ran, 0, "AFTER");
        for client in &mut clients {
            assert!(runtime.block_on(client.execute("SELECT 1")).is_err(), "it was not ended");
        }
        assert_eq!(site.value(ACCESS), before);
        runtime.block_on(client(&site, &runtime, "boss").close()).unwrap();
    });
}

/// A superuser comes back whatever is taken from it.
#[test]
fn a_fence_is_not_closed_around_another_superuser() {
    on(1, |site| {
        site.sql("CREATE ROLE root LOGIN SUPERUSER; CREATE ROLE app LOGIN");
        site.migration(2, UP, DOWN);
        let runtime = runtime();
        let root = client(&site, &runtime, "root");
        let ran = site.run(&["upgrade", "--fence", "--skip-backup"]);
        is_refused(&site, &ran, "role root) is a superuser's");
        runtime.block_on(root.close()).unwrap();
    });
}

/// The owner can close it, but neither end the others' sessions nor keep out who is a member of it;
/// who does not own the database can't close it at all. Each says what it lacks.
#[test]
fn a_fence_that_would_not_hold_is_refused() {
    let words = ["upgrade", "--fence", "--skip-backup", "--allow-drift"];
    on(0, |mut site| {
        site.sql(
            "CREATE ROLE mig LOGIN; CREATE ROLE app LOGIN; GRANT CREATE ON DATABASE shop TO mig; \
             GRANT pg_read_all_data TO mig; GRANT CREATE, USAGE ON SCHEMA stairway TO mig",
        );
        site.migration(2, UP, DOWN);
        let super_url = site.target.url_with_password();
        let url = site.target.as_role("mig").url_with_password();
        site.set("DATABASE_URL", &url);
        let ran = site.run(&words);
        is_refused(&site, &ran, "role mig can't close a fence: it does not own the database");
        site.set("DATABASE_URL", super_url);
        site.sql("ALTER DATABASE shop OWNER TO mig");
        site.set("DATABASE_URL", url);
        let runtime = runtime();
        let mut app = client(&site, &runtime, "app");
        let ran = site.run(&words);
        is_refused(&site, &ran, "the fence can't be closed: ");
        ran.says("pg_signal_backend").says("role mig does not see what sessions of other roles do");
        ran.says("role mig can't restore: it lacks CREATEDB and pg_signal_backend");
        runtime.block_on(app.execute("SELECT 1")).unwrap();
        site.sql("ALTER ROLE mig CREATEDB; GRANT pg_signal_backend, pg_read_all_stats TO mig");
        site.sql("GRANT mig TO app");
        let ran = site.run(&words);
        is_refused(&site, &ran, "role app may still connect");
        assert!(!ran.said.contains("can't restore"), "{}", ran.said);
        assert!(!ran.said.contains("does not see"), "{}", ran.said);
    });
}
