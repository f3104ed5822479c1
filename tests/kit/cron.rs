//! The line of cron: five fields and a user that cron reads, and a command that says nothing as long as all
//! is well, since cron sends what is said.

use std::collections::BTreeMap;

use crate::place::{self, DOWN, UP, backup, damage};
use crate::repository::{self, Ran};
use crate::site::{Site, on};

const FILE: &str = "cron/stairway-drill";

/// The variables that the file sets, and its only line.
fn table() -> (BTreeMap<String, String>, String) {
    let text = place::text(FILE);
    assert!(text.ends_with('\n'), "cron ignores a last line without an end");
    // Nor does it read files in cron.d with other letters in their names.
    assert!(FILE.rsplit('/').next().unwrap().chars().all(|it| it.is_alphanumeric() || it == '-'));
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let (settings, jobs): (Vec<&str>, Vec<&str>) =
        lines.partition(|line| line.split_once('=').is_some_and(|(key, _)| !key.contains(' ')));
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    let pairs = settings.into_iter().filter_map(|line| line.split_once('='));
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    (pairs.collect(), jobs[0].to_owned())
}

#[test]
fn the_line_is_one_of_cron() {
    let (_, line) = table();
    let fields: Vec<&str> = line.splitn(7, ' ').collect();
    for (field, (least, most)) in fields.iter().zip([(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]) {
        let is_in = |number: u32| (least..=most).contains(&number);
        assert!(*field == "*" || field.parse().is_ok_and(is_in), "{field}");
    }
    assert_eq!(fields[5], "shop", "the user, who stands in a file of cron.d");
    assert!(!fields[6].contains('%'), "cron makes the end of a line of it");
}

/// The command of the line as cron runs it, on the folder of a site.
fn ran(site: &Site) -> Ran {
    let (variables, line) = table();
    let command = line.splitn(7, ' ').last().unwrap();
    assert!(command.contains("cd /srv/shop && "), "{command}");
    let command = command.replace("/srv/shop", site.directory.path().to_str().unwrap());
    // Where the program is on a machine that is set up.
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_stairway")).parent().unwrap();
    let path = variables["PATH"].replace("/usr/local/bin", program.to_str().unwrap());
    let mut given = vec![("PATH", path), ("SHELL", variables["SHELL"].clone())];
    // The server is found as it is on such a machine, in /usr/lib/postgresql and the like.
    given.push(("STAIRWAY_SERVER", "local".to_owned()));
    let mut shell = std::process::Command::new(&variables["SHELL"]);
    repository::as_here(&mut shell, std::path::Path::new("/"), &given);
    Ran::of(&shell.args(["-c", &command]).output().unwrap())
}

#[test]
fn it_says_nothing_of_a_good_backup_and_all_of_a_bad_one() {
    on(0, |site| {
        site.migration(2, UP, DOWN);
        backup(&site);
        let good = ran(&site);
        assert_eq!(good.code, 0, "{}{}", good.stdout, good.stderr);
        assert_eq!((good.stdout.as_str(), good.stderr.as_str()), ("", ""), "nobody gets a mail");
        damage(&site);
        let bad = ran(&site);
        assert_eq!(bad.code, 12, "{}{}", bad.stdout, bad.stderr);
        assert!(bad.stdout.contains("has not the SHA-256 that it had"), "{}", bad.stdout);
    });
}
