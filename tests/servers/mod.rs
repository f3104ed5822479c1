//! Which servers the tests run on: PostgreSQL 15 and 18 from installed binaries.
//!
//! A major that can't be had is said loudly, and fails where `STAIRWAY_REQUIRE_MAJORS` names it.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::unistd::{Uid, User};
use stairway::postgres::{Session, Target};
use stairway::server::{Choice, Server, ServerSpec, survey};
use tokio::runtime::Runtime;

/// The majors that tests are written for.
pub(crate) const MAJORS: [u32; 2] = [15, 18];

/// A server that lives as long as this value, for tests that lead it by hand.
pub(crate) struct TestServer {
    pub(crate) major: u32,
    server: Server,
    scratch: tempfile::TempDir,
}

/// A server of this major, or nothing where there is none (which is then said).
pub(crate) fn server(major: u32) -> Option<TestServer> {
    majors().contains(&major).then(|| {
        let server = runtime().block_on(Server::acquire(&spec(major))).unwrap();
        let scratch = tempfile::tempdir_in("/tmp").unwrap();
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(scratch.path(), open).unwrap();
        TestServer { major, server, scratch }
    })
}

impl TestServer {
    /// The folder of the server's own programs, such as `pg_dump`.
    pub(crate) fn programs(&self) -> &Path {
        self.server.programs().unwrap()
    }

    /// Where a database of this server is, as the superuser.
    pub(crate) fn target(&self, database: &str) -> Target {
        self.server.admin().database(database)
    }

    /// The same as another role.
    pub(crate) fn target_as(&self, role: &str, database: &str) -> Target {
        self.target(database).as_role(role)
    }

    /// A session as superuser.
    pub(crate) async fn session(&self, database: &str) -> Session {
        Session::connect(&self.target(database), "test").await.unwrap()
    }

    /// Makes an empty database from template0.
    pub(crate) async fn create_database(&self, admin: &mut Session, name: &str) -> Target {
        admin.execute(&format!("CREATE DATABASE \"{name}\" TEMPLATE template0")).await.unwrap();
        self.target(name)
    }

    /// A directory that the server may use for a tablespace.
    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        let path = self.scratch.path().join(name);
        std::fs::create_dir(&path).unwrap();
        if Uid::effective().is_root() {
            let user =
                ["postgres", "nobody"].iter().find_map(|name| User::from_name(name).unwrap());
            let user = user.unwrap();
            chown(&path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        }
        path
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A local server of `major` with the fast profile.
pub(crate) fn spec(major: u32) -> ServerSpec {
    ServerSpec { choice: Choice::Local, major: Some(major), ..ServerSpec::default() }
}

/// The majors that can be had here, the oldest first; at least one.
pub(crate) fn majors() -> &'static [u32] {
    static MAJORS: OnceLock<Vec<u32>> = OnceLock::new();
    // Tests call this from within a runtime, which must not be blocked by another one.
    MAJORS.get_or_init(|| std::thread::spawn(look).join().unwrap())
}

/// Whether long sweeps are made: with `STAIRWAY_SWEEP=full`, and whenever cases or histories are named.
pub(crate) fn is_long() -> bool {
    let named = ["STAIRWAY_CASES", "STAIRWAY_HISTORY", "STAIRWAY_ORACLE_MAJORS"];
    std::env::var("STAIRWAY_SWEEP").is_ok_and(|sweep| sweep == "full")
        || named.iter().any(|name| std::env::var_os(name).is_some())
}

/// Whether the `nth` of many cases is tried on `major`: on each in turn, or on all in the long form. `can`
/// says on which it can be.
pub(crate) fn takes_turn(nth: usize, major: u32, can: impl Fn(u32) -> bool) -> bool {
    let able: Vec<u32> = majors().iter().copied().filter(|major| can(*major)).collect();
    let in_turn = able.get(nth % able.len().max(1)) == Some(&major);
    if is_long() { able.contains(&major) } else { in_turn }
}

fn look() -> Vec<u32> {
    let runtime = runtime();
    let required = std::env::var("STAIRWAY_REQUIRE_MAJORS").unwrap_or_default();
    let is_there = |major: &u32| {
        let taken = runtime.block_on(survey(&spec(*major))).taken;
        if let Err(why) = &taken {
            let required = required.split(',').any(|word| word.trim() == major.to_string());
            assert!(!required, "PostgreSQL {major} is required: {why}");
            eprintln!("SKIPPED: no PostgreSQL {major} here, nothing is tested on it\n{why}");
        }
        taken.is_ok()
    };
    let majors: Vec<u32> = MAJORS.into_iter().filter(is_there).collect();
    assert!(!majors.is_empty(), "no PostgreSQL can be had here; ci/test installs one");
    majors
}
