//! The way of somebody who has a folder of SQL and the program: the first finding in three commands.

use rstest::rstest;

use crate::place::Place;

/// Files as a newcomer has them, with the faults that a newcomer does not see.
type Files = &'static [(&'static str, &'static str)];

const UP_AND_DOWN: Files = &[
    ("sql/up/001_guest.sql", "CREATE TABLE guest (id int PRIMARY KEY, email text NOT NULL);\n"),
    ("sql/down/001_guest.sql", "DROP TABLE guest;\n"),
    ("sql/up/002_login.sql", "CREATE UNIQUE INDEX guest_login ON guest (lower(email));\n"),
    ("sql/down/002_login.sql", "DROP INDEX guest_login;\n"),
];

const PAIRS: Files = &[
    ("migrations/001_guest.up.sql", "CREATE TABLE guest (id int PRIMARY KEY, phone text);\n"),
    ("migrations/001_guest.down.sql", "DROP TABLE guest;\n"),
    ("migrations/002_phone.up.sql", "ALTER TABLE guest DROP COLUMN phone;\n"),
    ("migrations/002_phone.down.sql", "ALTER TABLE guest ADD COLUMN phone text;\n"),
];

/// All in one folder, and no way back.
const FORWARD: Files = &[
    ("001_guest.sql", "CREATE TABLE guest (id int PRIMARY KEY);\n"),
    ("002_phone.sql", "ALTER TABLE guest ADD COLUMN phone text;\n"),
];

#[rstest]
#[case(UP_AND_DOWN, "data-dependent-failure", "sql/up/002_login.sql")]
#[case(PAIRS, "data-loss", "migrations/002_phone.down.sql")]
#[case(FORWARD, "downgrade-missing", "./001_guest.sql")]
fn the_first_finding_takes_three_commands_at_most(
    #[case] files: Files,
    #[case] check: &str,
    #[case] file: &str,
) {
    let place = Place::new(files);
    let mut next = "stairway init".to_owned();
    for count in 1.. {
        assert!(count <= 3, "three commands, and nothing was found");
        let ran = place.shell(".", &next, &[]);
        if ran.stdout.contains(&format!("error[{check}]")) {
            assert_eq!(ran.code, 1, "{}", ran.stderr);
            assert!(ran.stdout.contains(&format!("--> {file}")), "{}", ran.stdout);
            return;
        }
        assert_eq!(ran.code, 0, "{next}: {}{}", ran.stdout, ran.stderr);
        // What is to be typed next is what was said to be next.
        let said = ran.stdout.split_once("\nnext:\n").unwrap_or_else(|| panic!("{}", ran.stdout)).1;
        next = said.lines().next().unwrap().trim().to_owned();
    }
}

#[test]
fn what_nobody_will_repair_is_recorded_by_the_last_command() {
    let place = Place::new(FORWARD);
    let said = place.shell(".", "stairway init", &[]).stdout;
    let commands: Vec<&str> =
        said.split_once("\nnext:\n").unwrap().1.lines().map(str::trim).collect();
    assert_eq!(commands[0], "stairway verify");
    assert!(commands[1].starts_with("stairway baseline "), "{said}");
    assert_eq!(place.shell(".", commands[0], &[]).code, 1);
    for command in [commands[1], commands[0]] {
        let ran = place.shell(".", command, &[]);
        assert_eq!(ran.code, 0, "{command}: {}{}", ran.stdout, ran.stderr);
    }
}
