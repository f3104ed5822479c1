//! Secrets are found however they are written, and other text stays as it is.

use std::borrow::Cow;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::{Scrubber, Secret};

#[test]
fn a_secret_does_not_show_itself() {
    assert_eq!(format!("{:?}", Some(Secret::new("hunter22"))), "Some(***)");
    assert_eq!(format!("{:?}", Scrubber::new(["hunter22"])), "Scrubber(1 secrets)");
}

#[test]
fn known_secrets_are_found_however_they_are_written() {
    let scrubber = Scrubber::new(["p@s's w\"d%"]);
    for (text, expected) in [
        ("is p@s's w\"d%!", "is ***!"),
        ("is p%40s%27s%20w%22d%25!", "is ***!"),
        ("is p%40s's+w%22d%25!", "is ***!"),
        (r#"is {"x":"p@s's w\"d%"}"#, r#"is {"x":"***"}"#),
        (r#"is {"x":"p@s\u0027s w\u0022d%"}"#, r#"is {"x":"***"}"#),
        ("is 'p@s''s w\"d%'", "is '***'"),
        ("is p@s's w\"d", "is p@s's w\"d"),
    ] {
        assert_eq!(scrubber.scrub(text), expected);
    }
}

#[test]
fn overlapping_secrets_leave_nothing() {
    assert_eq!(Scrubber::new(["abab"]).scrub("xababab"), "x***");
    assert_eq!(Scrubber::new(["secret", "secret-more"]).scrub("a secret-more b"), "a *** b");
    // What is put in the place of one may make another.
    assert_eq!(Scrubber::new(["*****"]).scrub("a ********* b"), "a *** b");
}

#[test]
fn what_looks_like_a_secret_is_hidden() {
    let scrubber = Scrubber::new(["abc"]);
    for (text, expected) in [
        ("at postgres://ann:abc@db:5432/shop?x=1", "at postgres://ann:***@db:5432/shop?x=1"),
        ("(postgresql+asyncpg://:a%40b@db)", "(postgresql+asyncpg://:***@db)"),
        ("postgres://ann:p@ss/w?rd@db/shop", "postgres://ann:***@db/shop"),
        ("\"postgres://ann:a?b@db/shop\"", "\"postgres://ann:***@db/shop\""),
        ("https://db:443/x?mail=a@b", "https://db:443/x?mail=a@b"),
        ("host=db password=abc user=ann", "host=db password=*** user=ann"),
        ("host=db password = 'a b\\'c' user=ann", "host=db password = '***' user=ann"),
        ("PGPASSWORD=abc psql", "PGPASSWORD=*** psql"),
        ("POSTGRES_PASSWORD=\"a b\" x", "POSTGRES_PASSWORD=\"***\" x"),
        ("postgres://db/shop?sslpassword=abc&x=1", "postgres://db/shop?sslpassword=***&x=1"),
        ("{\"password\": \"a\\\"b\", \"x\": 1}", "{\"password\": \"***\", \"x\": 1}"),
        ("ALTER ROLE ann PASSWORD 'a''b' LOGIN", "ALTER ROLE ann PASSWORD '***' LOGIN"),
        ("STAIRWAY_WEBHOOK_SECRET=abc", "STAIRWAY_WEBHOOK_SECRET=***"),
    ] {
        assert_eq!(scrubber.scrub(text), expected);
        assert_eq!(scrubber.scrub(expected), expected);
    }
}

#[test]
fn other_text_stays() {
    let scrubber = Scrubber::new(["abc", "hunter22"]);
    for text in [
        "password authentication failed for user \"ann\" (SQLSTATE 28P01)",
        "the password: it is asked for",
        "https://example.org:8080/a@b",
        "alphabet: abc, abcd",
        "ALTER TABLE login ADD COLUMN password text NOT NULL",
        "password=",
    ] {
        assert!(matches!(scrubber.scrub(text), Cow::Borrowed(it) if it == text), "{text}");
    }
}

/// As it is, percent-encoded, or within JSON.
fn written(secret: &str, how: u8) -> String {
    match how {
        0 => secret.to_owned(),
        1 => utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        2 => serde_json::to_string(secret).unwrap(),
        _ => secret.replace('\'', "''"),
    }
}

proptest! {
    #[test]
    fn nothing_of_a_planted_secret_remains(
        before in ".{0,40}", after in ".{0,40}", secret in ".{4,24}", how in 0u8..4,
    ) {
        let scrubber = Scrubber::new([secret.as_str()]);
        let planted = written(&secret, how);
        let clean = scrubber.scrub(&format!("{before}{planted}{after}")).into_owned();
        prop_assert!(!clean.contains(&secret), "{clean}");
        prop_assert!(!clean.contains(planted.trim_matches('"')), "{clean}");
    }

    #[test]
    fn text_without_secrets_is_unchanged(text in "[a-zA-Z0-9 ,.\"'%/+-]{0,80}") {
        let scrubber = Scrubber::new(["QXZ-planted"]);
        prop_assume!(!text.contains("QXZ"));
        // Without `=`, `:` and a quote behind "password" nothing looks like one.
        prop_assert_eq!(scrubber.scrub(&text), text.as_str());
    }
}
