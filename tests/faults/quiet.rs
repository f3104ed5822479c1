//! Values of rows and passwords in what the server says of a failure.

use std::fmt::Write as _;

use crate::hook::Hook;
use crate::site::{Ran, SECRET, Site, on};

/// The number of a card.
const CARD: &str = "4012888888881881";

/// A migration of eight statements, of which one at a random place fails.
fn fails(site: &Site, statement: &str) {
    let (mut up, place) = (String::new(), site.place(8));
    for nth in 0..8 {
        if nth == place {
            up.push_str(statement);
        } else {
            let _ = writeln!(up, "ALTER TABLE orders ADD COLUMN c{nth} int;");
        }
    }
    site.migration(2, &up, "SELECT 1;\n");
}

/// The run failed with this SQLSTATE, and neither secret is in anything that it wrote or told.
fn is_silent(site: &Site, ran: &Ran, hook: &Hook, before: &str, sqlstate: &str) {
    site.holds(ran, 20, "BEFORE");
    assert_eq!(ran.report["trouble"]["sqlstate"], sqlstate);
    assert_eq!(site.print(), before);
    let requests = hook.requests();
    assert!(!requests.is_empty(), "the webhook was not told");
    for words in [SECRET, CARD] {
        assert!(!ran.said.contains(words), "{words} was said:\n{}", ran.said);
        let told = requests.iter().find(|request| request.contains(words));
        assert!(told.is_none(), "{words} was told: {told:?}");
        site.is_nowhere(words);
    }
}

/// F39
#[test]
fn values_and_passwords_in_a_failure_go_nowhere() {
    on(0, |mut site| {
        let hook = Hook::of(&mut site);
        site.sql(&format!("UPDATE orders SET card = '{CARD}' WHERE id IN (500, 501)"));
        site.sql(&format!("DELETE FROM orders WHERE card = '{SECRET}' AND id > 2"));
        let before = site.print();
        fails(&site, "CREATE UNIQUE INDEX orders_card ON orders (card);\n");
        let ran = site.run(&["upgrade", "--skip-test"]);
        is_silent(&site, &ran, &hook, &before, "23505");
        ran.says("could not create unique index \"orders_card\"");
        // A function says what it likes, and its context has the statement.
        fails(
            &site,
            "DO $$ BEGIN RAISE 'card %', (SELECT max(card) FROM orders WHERE card LIKE '4%'); END $$;\n",
        );
        let ran = site.run(&["upgrade", "--skip-test"]);
        is_silent(&site, &ran, &hook, &before, "P0001");
        // What the server calls a name is told, but for the password that is in it: the file has it
        // escaped, so that nobody finds it there.
        let hidden = SECRET.replace('-', "\\002D");
        fails(
            &site,
            &format!("SELECT count(*) FROM U&\"postgres://ann:{hidden}@db.example/shop\";\n"),
        );
        let ran = site.run(&["upgrade", "--skip-test"]);
        is_silent(&site, &ran, &hook, &before, "42P01");
        ran.says("postgres://ann:***@db.example/shop");
    });
}
