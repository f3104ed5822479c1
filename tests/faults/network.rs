//! Faults of the network between a run and its server.

use crate::proxy::{Harm, Proxy};
use crate::site::{Site, on};

const UP: &str = "ALTER TABLE orders ADD COLUMN note text;\n";
const DOWN: &str = "ALTER TABLE orders DROP COLUMN note;\n";

/// The site behind a proxy that does harm at the message that begins with `words`.
pub(crate) fn behind(site: &mut Site, words: &'static str, harm: Harm) -> Proxy {
    let variables = site.target.libpq_environment();
    let of = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone()).unwrap()
    };
    let socket = format!("{}/.s.PGSQL.{}", of("PGHOST"), of("PGPORT"));
    let proxy = Proxy::start(socket.into(), words, harm);
    let (role, port) = (of("PGUSER"), proxy.port);
    site.set("DATABASE_URL", format!("postgres://{role}@127.0.0.1:{port}/shop?sslmode=disable"));
    proxy
}

/// F28
#[test]
fn a_commit_whose_answer_is_lost_is_found() {
    on(0, |mut site| {
        site.migration(2, UP, DOWN);
        let proxy = behind(&mut site, "COMMIT\0", Harm::LoseAnswer);
        let ran = site.run(&["upgrade"]);
        site.holds(&ran, 0, "AFTER");
        assert!(proxy.has_done_harm());
        ran.says("commit acknowledged late");
        assert_eq!(site.value("SELECT count(*) FROM stairway.move WHERE revision = '2'"), "1");
    });
}

/// F29
#[test]
fn a_commit_that_never_came_is_found() {
    on(1, |mut site| {
        site.migration(2, UP, DOWN);
        let before = site.print();
        let proxy = behind(&mut site, "COMMIT\0", Harm::LoseMessage);
        let ran = site.run(&["upgrade"]);
        site.holds(&ran, 20, "BEFORE");
        assert!(proxy.has_done_harm());
        assert_eq!(site.print(), before);
    });
}

/// F30: readers are held up no longer than an open transaction of ours may stand idle.
#[test]
fn a_network_that_falls_silent_in_a_transaction_frees_its_locks() {
    on(0, |mut site| {
        site.migration(2, &format!("{UP}SELECT 'silent';\n"), DOWN);
        let before = site.print();
        let proxy = behind(&mut site, "ALTER TABLE orders ADD", Harm::Silence);
        let child = site.start(&["upgrade", "--timeout", "4", "--idle-timeout", "1"]);
        while !proxy.has_done_harm() {
            std::thread::yield_now();
        }
        // Long before the run gives up.
        site.session().run("SET statement_timeout = '3s'; SELECT count(*) FROM orders");
        let ran = site.end(child);
        site.holds(&ran, 20, "BEFORE");
        assert!(proxy.has_done_harm());
        ran.says("the time for this run is over");
        assert_eq!(site.print(), before);
    });
}

/// X55: a statement that commits by itself goes on while nobody hears of it; it is not sent twice.
#[test]
fn a_long_statement_that_nobody_hears_of_is_waited_for() {
    on(1, |mut site| {
        site.migration(
            2,
            "CREATE INDEX CONCURRENTLY orders_amount ON orders (amount);\n",
            "DROP INDEX CONCURRENTLY orders_amount;\n",
        );
        let before = site.print();
        let proxy = behind(&mut site, "CREATE INDEX CONCURRENTLY", Harm::Silence);
        let ran = site.run(&["upgrade", "--timeout", "4"]);
        assert!(proxy.has_done_harm());
        site.holds(&ran, 21, "BEFORE");
        assert_eq!(site.print(), before);
        assert_eq!(site.value("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
    });
}
