//! Claims hold in both directions: what they speak of must happen and is accepted then; what they do
//! not speak of is still an error; and a claim that nothing came of is a warning.

use serde_json::Value;

use super::{json, project, verify};

/// A setup, an upgrade and a downgrade.
struct Change {
    setup: &'static str,
    up: &'static str,
    down: &'static str,
}

const GUESTS: &str = "CREATE TABLE guest (id int PRIMARY KEY, name text NOT NULL, phone text);";

const DROPPED: Change = Change {
    setup: GUESTS,
    up: "ALTER TABLE guest DROP COLUMN phone;",
    down: "ALTER TABLE guest ADD COLUMN phone text;",
};
const CLEARED: Change =
    Change { setup: GUESTS, up: "DELETE FROM guest WHERE id > 0;", down: "SELECT 1;" };
const FILLED: Change = Change {
    setup: GUESTS,
    up: "UPDATE guest SET phone = 'n/a' WHERE phone IS NULL;",
    down: "SELECT 1;",
};
const ADDED: Change = Change {
    setup: "CREATE TABLE role_def (name text PRIMARY KEY);",
    up: "INSERT INTO role_def VALUES ('admin') ON CONFLICT DO NOTHING;",
    down: "SELECT 1;",
};
const ONE_WAY: Change =
    Change { setup: GUESTS, up: "CREATE INDEX guest_name ON guest (name);", down: "" };
const UNIQUE: Change = Change {
    setup: GUESTS,
    up: "ALTER TABLE guest ADD CONSTRAINT guest_name_key UNIQUE (name);",
    down: "ALTER TABLE guest DROP CONSTRAINT guest_name_key;",
};
/// Nothing that a claim could be about happens in it.
const NOTHING: Change = Change {
    setup: GUESTS,
    up: "COMMENT ON TABLE guest IS 'people'; UPDATE guest SET name = name;",
    down: "COMMENT ON TABLE guest IS NULL;",
};

/// What is said of a change with this claim: check, severity, and whether it is accepted.
fn said(change: &Change, claim: &str) -> Vec<(String, String, bool)> {
    let up = match claim {
        "" => change.up.to_owned(),
        claim => format!("-- stairway: {claim} reason: it is meant\n{}", change.up),
    };
    let history = project("", &[(change.setup, "SELECT 1;"), (&up, change.down)]);
    if change.down.is_empty() {
        std::fs::remove_file(history.path().join("migrations/down/2_step.sql")).unwrap();
    }
    let report = json(&verify(history.path(), &["--format", "json", "--since", "1"]));
    let findings = report["migrations"].as_array().unwrap().iter();
    let findings = findings.flat_map(|it| it["findings"].as_array().unwrap().clone());
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let told = findings
        .map(|it| (word(&it["check"]), word(&it["severity"]), !it["allowed"].is_null()))
        .filter(|(_, severity, _)| severity != "note");
    told.collect()
}

fn accepted(check: &str) -> Vec<(String, String, bool)> {
    vec![(check.to_owned(), "error".to_owned(), true)]
}

fn stale() -> (String, String, bool) {
    ("stale-claim".to_owned(), "warning".to_owned(), false)
}

#[test]
fn what_a_claim_speaks_of_is_accepted_and_what_it_does_not_is_an_error() {
    for (change, check, claims, others) in [
        (
            &DROPPED,
            "data-loss",
            &["lossy public.guest.phone", "lossy guest.phone", "lossy public.guest"][..],
            &["lossy public.guest.name", "deletes public.guest", "inserts public.guest"][..],
        ),
        (
            &CLEARED,
            "data-loss",
            &["deletes public.guest", "deletes public.guest where id > 0", "lossy public.guest"],
            &["deletes public.guest where id > 1000000", "lossy public.guest.name"],
        ),
        (
            &FILLED,
            "data-loss",
            &["backfills public.guest.phone", "backfills public.guest.phone null -> 'n/a'"],
            &["backfills public.guest.phone null -> 'none'", "backfills public.guest.name"],
        ),
        (&ADDED, "data-added", &["inserts public.role_def"], &["deletes public.role_def"]),
        (&ONE_WAY, "downgrade-missing", &["irreversible"], &[]),
        (
            &UNIQUE,
            "data-dependent-failure",
            &["expect-error 23505 on guest_name_key"],
            &["expect-error 23502 on guest_name_key", "expect-error 23505 on other_key"],
        ),
    ] {
        for claim in claims {
            assert_eq!(said(change, claim), accepted(check), "{claim}");
        }
        for claim in [&[""][..], others].concat() {
            let told = said(change, claim);
            let open = (check.to_owned(), "error".to_owned(), false);
            assert!(told.contains(&open), "{check} with {claim:?}: {told:?}");
        }
    }
}

#[test]
fn a_claim_that_nothing_came_of_is_a_warning() {
    assert_eq!(said(&NOTHING, ""), []);
    for claim in [
        "lossy public.guest.phone",
        "deletes public.guest",
        "deletes public.guest where id > 0",
        "backfills public.guest.phone",
        "inserts public.guest",
        "irreversible",
        "expect-error 23505 on guest_name_key",
        "order-drift public.guest",
        "allow(schema-drift) public.guest",
    ] {
        assert_eq!(said(&NOTHING, claim), [stale()], "{claim}");
    }
}
