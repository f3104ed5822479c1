//! Client programs of another major version than the server's.

use std::path::Path;

use crate::servers;
use crate::site::{Site, on};

/// Where a package of Debian's has its programs.
const DEBIAN: &str = "/usr/lib/postgresql";

/// F02, X42: whichever of the two versions the server has, the other one's programs are refused, before
/// anybody waits for a lock or a dump; it goes on only where no backup is asked for, which is said.
#[test]
fn programs_of_another_major_are_refused() {
    for nth in 0..2 {
        on(nth, |mut site| {
            let own = site.server.major;
            let Some(other) = servers::majors().iter().find(|major| **major != own) else {
                eprintln!("SKIPPED: there are programs of one major only");
                return;
            };
            let other = servers::server(*other).unwrap();
            site.migration(
                2,
                "ALTER TABLE orders ADD COLUMN note text;\n",
                "ALTER TABLE orders DROP COLUMN note;\n",
            );
            let before = site.print();
            let mounts = hide(&mut site, other.programs());
            for variable in ["PATH", "STAIRWAY_POSTGRES_BIN"] {
                let with = |words: &[&str]| {
                    let folder = site.path("others").display().to_string();
                    let mut command = site.apart(&mounts, words)?;
                    command.env("PATH", "/usr/bin:/bin");
                    let path =
                        if variable == "PATH" { format!("{folder}:/usr/bin:/bin") } else { folder };
                    command.env(variable, path);
                    Some(site.ran(&command.output().unwrap()))
                };
                let Some(ran) = with(&["upgrade"]) else { return };
                crate::preflight::refused(&site, &ran, &before, "others ");
                let found = format!("pg_dump {}.", other.major);
                let wanted = format!("pg_dump, pg_restore and psql of PostgreSQL {own} are wanted");
                ran.says(&found).says(&wanted).says(if own > other.major {
                    "can't dump a server of 18"
                } else {
                    "dumps can't be restored into a server of 15"
                });
                let steps: Vec<_> = ran.report["steps"].as_array().unwrap().iter().collect();
                assert_eq!(steps.len(), 1, "more than looked: {steps:?}");
                let ran = with(&["upgrade", "--skip-backup"]).unwrap();
                site.holds(&ran, 0, "AFTER");
                ran.says("--skip-backup: there will be no way back by restore");
                let ran = with(&["downgrade", "-1", "--skip-backup"]).unwrap();
                site.holds(&ran, 0, "AFTER");
                assert_eq!(site.print(), before);
            }
        });
    }
}

/// Makes a folder `others` with these programs, and gives the words that hide all others.
fn hide(site: &mut Site, others: &Path) -> String {
    let folder = site.path("others");
    let empty = site.path("empty").display().to_string();
    std::fs::create_dir(&empty).unwrap();
    std::fs::create_dir(&folder).unwrap();
    for name in ["HOME", "STAIRWAY_CACHE"] {
        site.set(name, empty.clone());
    }
    let mut words = "true".to_owned();
    if others.starts_with(DEBIAN) {
        words = format!("mount --bind {} {}", others.display(), folder.display());
    } else {
        for entry in std::fs::read_dir(others).unwrap() {
            let real = entry.unwrap().path();
            std::os::unix::fs::symlink(&real, folder.join(real.file_name().unwrap())).unwrap();
        }
    }
    if Path::new(DEBIAN).exists() {
        words = format!("{words}; mount -t tmpfs none {DEBIAN}");
    }
    words
}
