//! The unit and its timer: systemd itself reads them, and what the unit starts is run with its variables, as
//! another user and without a network, as the unit says.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{Uid, User};

use crate::checkers::{checker, says};
use crate::place::{self, DOWN, UP, backup, damage};
use crate::repository::{self, Ran};
use crate::site::{Site, on};

const SERVICE: &str = "systemd/stairway-drill.service";
const TIMER: &str = "systemd/stairway-drill.timer";

/// The values of a key, in all sections.
fn values(unit: &str, key: &str) -> Vec<String> {
    let lines = unit.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.filter(|(name, _)| *name == key).map(|(_, value)| value.to_owned()).collect()
}

fn value(unit: &str, key: &str) -> String {
    let found = values(unit, key);
    assert_eq!(found.len(), 1, "{key}: {found:?}");
    found[0].clone()
}

#[test]
fn systemd_reads_them() {
    let Some(program) = checker("systemd-analyze") else { return };
    let scratch = repository::scratch();
    let folder = scratch.path();
    // What stands at those places on a machine that is set up.
    let here = env!("CARGO_BIN_EXE_stairway");
    let service = place::text(SERVICE).replace("/usr/local/bin/stairway", here);
    let written = |name: &str, text: &str| {
        let path = folder.join(Path::new(name).file_name().unwrap());
        fs::write(&path, text).unwrap();
        path
    };
    let (service_file, timer) = (written(SERVICE, &service), written(TIMER, &place::text(TIMER)));
    for file in [&service_file, &timer] {
        let output = says(&program, &["verify"], file);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{}: {said}", file.display());
    }
    let when = value(&place::text(TIMER), "OnCalendar");
    let output = Command::new(&program).args(["calendar", &when]).output().unwrap();
    assert!(output.status.success(), "{when}: {output:?}");
    // It can say no.
    fs::write(&service_file, service.replace("ProtectClock=true", "ProtectClocks=true")).unwrap();
    let output = says(&program, &["verify"], &service_file);
    assert!(String::from_utf8_lossy(&output.stderr).contains("ProtectClocks"), "{output:?}");
}

/// As the unit starts it, on the folder of a site. `None`, said loudly, where this machine does not let us
/// take a network away.
fn started(site: &Site, state: &Path) -> Option<Ran> {
    let unit = place::text(SERVICE);
    let here = |text: &str| {
        text.replace("/srv/shop", site.directory.path().to_str().unwrap())
            .replace("/var/lib/stairway", state.to_str().unwrap())
            .replace("/var/cache/stairway", state.join("cache").to_str().unwrap())
    };
    let line = value(&unit, "ExecStart");
    let mut words = line.split(' ').map(here);
    assert_eq!(words.next().as_deref(), Some("/usr/local/bin/stairway"));
    assert_eq!(value(&unit, "PrivateNetwork"), "true");
    let unshare = ["unshare", "--net"];
    let probe = Command::new(unshare[0]).args(&unshare[1..]).arg("true").output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        eprintln!("SKIPPED: no network can be taken away here, the unit's drill is not run");
        return None;
    }
    let mut command = Command::new(unshare[0]);
    command.args(&unshare[1..]);
    if let Some(user) = user() {
        command.arg("setpriv");
        command.args(["--reuid", &user.uid.to_string(), "--regid", &user.gid.to_string()]);
        command.args(["--clear-groups", "--no-new-privs", "--bounding-set", "-all"]);
    }
    command.arg(env!("CARGO_BIN_EXE_stairway")).args(words);
    let pairs = values(&unit, "Environment").into_iter().map(|pair| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), here(value))
    });
    let pairs: Vec<(String, String)> = pairs.collect();
    let mut variables: Vec<(&str, String)> =
        pairs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    variables.push(("HOME", state.display().to_string()));
    let folder = PathBuf::from(here(&value(&unit, "WorkingDirectory")));
    repository::as_here(&mut command, &folder, &variables);
    Some(Ran::of(&command.stdin(Stdio::null()).output().unwrap()))
}

/// Whom the unit's user is here, if this is a superuser of the machine.
fn user() -> Option<User> {
    let is_root = Uid::effective().is_root();
    is_root.then(|| {
        let found = ["postgres", "nobody"].iter().find_map(|name| User::from_name(name).unwrap());
        found.unwrap()
    })
}

fn give(path: &Path) {
    if let Some(user) = user() {
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                give(&entry.unwrap().path());
            }
        }
    }
}

#[test]
fn what_the_unit_starts_drills_the_newest_backup() {
    on(0, |site| {
        site.migration(2, UP, DOWN);
        backup(&site);
        let state = repository::scratch();
        give(site.directory.path());
        give(state.path());
        let Some(good) = started(&site, state.path()) else { return };
        assert_eq!(good.code, 0, "{}{}", good.stdout, good.stderr);
        let report = fs::read_to_string(state.path().join("drill.json")).unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["verdict"], "ok", "{report:#}");
        damage(&site);
        let bad = started(&site, state.path()).unwrap();
        assert_eq!(bad.code, 12, "{}{}", bad.stdout, bad.stderr);
        // Its servers are gone; what is kept stays for the next night.
        let left = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
        let mut left: Vec<String> =
            fs::read_dir(state.path()).unwrap().map(|entry| left(entry.unwrap())).collect();
        left.sort();
        assert_eq!(left, ["cache", "drill.json"]);
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(site.directory.path(), open).unwrap();
    });
}
