//! Folders that have no room for a backup, or take none.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::unistd::{Uid, User};
use serde_json::Value;

use crate::network::behind;
use crate::preflight::refused;
use crate::proxy::Harm;
use crate::site::{Ran, Site, begun_by, on};

const UP: &str = "ALTER TABLE orders ADD COLUMN note text;\n";
const DOWN: &str = "ALTER TABLE orders DROP COLUMN note;\n";

/// The numbers of the remark about something.
fn room<'r>(ran: &'r Ran, about: &str) -> &'r Value {
    let remarks = ran.report["preflight"].as_array().unwrap();
    let found = remarks.iter().find(|it| it["about"] == about);
    &found.unwrap_or_else(|| panic!("nothing about {about}: {remarks:#?}"))["room"]
}

/// F06
#[test]
fn a_file_system_without_room_is_refused_before_anything_is_dumped() {
    on(0, |mut site| {
        site.migration(2, UP, DOWN);
        site.sql(
            "INSERT INTO orders (user_id, amount, card) SELECT 1, g, repeat(md5(g::text), 24) \
             FROM generate_series(1, 30000) g",
        );
        let before = site.print();
        let (small, dumped) = (site.path("small"), site.path("dumped"));
        fs::create_dir(&small).unwrap();
        let script = format!("touch {}; exec \"$REAL\" \"$@\"", dumped.display());
        let programs = site.programs_but("pg_dump", &script).display().to_string();
        site.set("STAIRWAY_POSTGRES_BIN", programs);
        site.set("BACKUP_DIR", small.display().to_string());
        let mounts = format!("mount -t tmpfs -o size=8m none {}", small.display());
        let Some(mut command) = site.apart(&mounts, &["upgrade"]) else { return };
        let ran = site.ran(&command.output().unwrap());
        refused(&site, &ran, &before, "small (on ");
        ran.says("are needed");
        assert!(!dumped.exists(), "pg_dump was started");
        let size: u64 = site.value("SELECT pg_database_size('shop')").parse().unwrap();
        let backup = room(&ran, "disk for the backup");
        assert_eq!(backup["mount"], small.display().to_string());
        assert!(backup["free"].as_u64().unwrap() <= 8 << 20, "{backup}");
        for (about, wanted) in [
            ("disk for the backup", size / 2),
            ("disk for the copy", size),
            ("disk for the database", size),
        ] {
            let room = room(&ran, about);
            let needed = room["needed"].as_u64().unwrap();
            // What goes to one file system is added up; some kilobytes of the catalog come and go.
            assert!(needed + (1 << 20) > wanted, "{about}: {room}");
            assert!(room["free"].as_u64().unwrap() > 0, "{about}: {room}");
        }
        let data = site.value("SHOW data_directory");
        let folder = room(&ran, "disk for the database")["folder"].as_str().unwrap().to_owned();
        assert_eq!(folder, data);
        // The same folder on the file system that it is on otherwise.
        let ran = site.run(&["upgrade"]);
        site.holds(&ran, 0, "AFTER");
        assert!(dumped.exists());
    });
}

/// F07
#[test]
fn a_folder_of_somebody_who_may_not_write_is_refused() {
    on(1, |mut site| {
        site.migration(2, UP, DOWN);
        let before = site.print();
        let closed = site.path("closed");
        fs::create_dir(&closed).unwrap();
        fs::create_dir(site.path("home")).unwrap();
        site.set("BACKUP_DIR", closed.display().to_string());
        for name in ["HOME", "STAIRWAY_CACHE", "STAIRWAY_RUNTIME"] {
            let home = site.path("home").display().to_string();
            site.set(name, home);
        }
        let programs = site.server.programs().display().to_string();
        site.set("STAIRWAY_POSTGRES_BIN", programs);
        // The server's socket is in a folder that is closed to others.
        let proxy = behind(&mut site, "nobody says this", Harm::Silence);
        fs::set_permissions(&closed, Permissions::from_mode(0o555)).unwrap();
        let words = ["upgrade", "--skip-test"];
        let ran = site.ran(&by_nobody(&site, &words).output().unwrap());
        refused(&site, &ran, &before, "no backup can be written to ");
        ran.says("Permission denied");
        assert_eq!(fs::read_dir(&closed).unwrap().count(), 0, "something was made");
        fs::set_permissions(&closed, Permissions::from_mode(0o755)).unwrap();
        let ran = site.ran(&by_nobody(&site, &words).output().unwrap());
        site.holds(&ran, 0, "AFTER");
        assert!(!proxy.has_done_harm());
        assert!(fs::read_dir(&closed).unwrap().count() > 1, "no backup was made");
    });
}

/// A command as a user who may not do everything: `nobody`, where we are root.
fn by_nobody(site: &Site, words: &[&str]) -> Command {
    let command = site.command(words);
    if !Uid::effective().is_root() {
        return command;
    }
    let nobody = User::from_name("nobody").unwrap().unwrap();
    let (user, group) = (nobody.uid.as_raw(), nobody.gid.as_raw());
    give(site.directory.path(), user, group);
    let program = Path::new(env!("CARGO_BIN_EXE_stairway"));
    let mut test = Command::new("test");
    test.arg("-x").arg(program).uid(user).gid(group);
    let mut command = if test.status().unwrap().success() {
        begun_by(&["env"], &command)
    } else {
        let copy = site.path("stairway");
        fs::copy(program, &copy).unwrap();
        let copy = copy.display().to_string();
        begun_by(&["sh", "-c", "shift; exec \"$0\" \"$@\"", &copy], &command)
    };
    command.uid(user).gid(group);
    command
}

fn give(path: &Path, user: u32, group: u32) {
    chown(path, Some(user), Some(group)).unwrap();
    for entry in path.is_dir().then(|| fs::read_dir(path).unwrap()).into_iter().flatten() {
        give(&entry.unwrap().path(), user, group);
    }
}
