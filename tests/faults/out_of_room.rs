//! Faults of servers that run out of room: a limit for the size of files stands for a full disk.

use std::fmt::Write;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::led::{Leading, leading};
use crate::site::{Site, on, on_majors};

/// In blocks of 512 bytes: 4 MB.
const LIMIT: &str = "ulimit -f 8192";

/// A table of so many rows of about 130 bytes, and a migration of eight statements that makes it more than
/// twice as large.
fn growing(site: &Site, rows: u32) {
    site.sql(&format!(
        "CREATE TABLE big AS SELECT g AS id, repeat('x', 100) AS words FROM generate_series(1, {rows}) g"
    ));
    let (mut up, mut down) = (String::new(), String::new());
    for nth in 0..8 {
        let (table, column, kind) = if nth == site.place(8) {
            ("big", "pad".to_owned(), "text DEFAULT repeat('y', 200) || random()")
        } else {
            ("orders", format!("c{nth}"), "int")
        };
        let _ = writeln!(up, "ALTER TABLE {table} ADD COLUMN {column} {kind};");
        let _ = writeln!(down, "ALTER TABLE {table} DROP COLUMN {column};");
    }
    site.migration(2, &up, &down);
}

/// X58: it fails once, and nobody tries it again.
#[test]
fn a_server_without_room_for_a_rewrite_is_not_the_migrations_fault() {
    on_majors(0, |major, offset| {
        let Leading { site, led: _led } = leading(major, offset, LIMIT);
        growing(&site, 20_000);
        let before = site.print();
        let ran = site.run(&["upgrade", "--allow-drift"]);
        site.holds(&ran, 20, "BEFORE");
        let trouble = &ran.report["trouble"];
        assert_eq!(trouble["class"], "server-resources", "{}", ran.said);
        assert!(["53100", "XX000"].contains(&trouble["sqlstate"].as_str().unwrap()), "{trouble}");
        ran.says("could not extend file").says("the server ran out of something");
        assert_eq!(ran.report["moves"][0]["tries"], 1);
        assert_eq!(site.print(), before);
        assert_eq!(site.backups().len(), 1);
    });
}

/// X53: in the restore, or in the rehearsal.
#[test]
fn a_copy_without_room_is_not_the_migrations_fault() {
    on(1, |mut site| {
        let is_restore = site.place(2) == 0;
        growing(&site, if is_restore { 60_000 } else { 20_000 });
        let before = site.print();
        let programs = limited(&site);
        site.set("STAIRWAY_POSTGRES_BIN", programs);
        let runtime = site.server.directory("runtime");
        site.set("STAIRWAY_RUNTIME", runtime.display().to_string());
        let ran = site.run(&["upgrade", "--allow-drift"]);
        site.holds(&ran, 13, "BEFORE");
        let trouble = &ran.report["trouble"];
        assert_eq!(trouble["class"], "environment", "{}", ran.said);
        assert_eq!(
            trouble["step"],
            if is_restore { "restore" } else { "rehearse" },
            "{}",
            ran.said
        );
        ran.says("could not extend file").says("nothing is said about the migration");
        assert_eq!(site.print(), before);
        let left: Vec<_> = fs::read_dir(&runtime).unwrap().flatten().collect();
        assert!(left.is_empty(), "of the copy is left: {left:?}");
    });
}

/// A folder of programs in which servers start under the limit.
fn limited(site: &Site) -> String {
    let folder = site.server.directory("programs");
    for entry in fs::read_dir(site.server.programs()).unwrap() {
        let real = entry.unwrap().path();
        std::os::unix::fs::symlink(&real, folder.join(real.file_name().unwrap())).unwrap();
    }
    let (real, path) = (site.server.programs().join("postgres"), folder.join("postgres"));
    fs::remove_file(&path).unwrap();
    fs::write(&path, format!("#!/bin/sh\n{LIMIT}\nexec '{}' \"$@\"\n", real.display())).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    folder.display().to_string()
}
