//! A server that a test leads by hand: stops in the middle of its work, starts again, puts beside a
//! standby, freezes and promotes. It has a private folder and listens on sockets in it; however the test
//! ends, all servers in the folder end and the folder goes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use stairway::postgres::{Session, Target};

use crate::homes::Home;
use crate::site::Site;

const SETTINGS: &str = "listen_addresses = ''\nfsync = off\nautovacuum = off\nwal_level = replica\n\
    max_wal_senders = 4\nwal_sender_timeout = 0\nwal_receiver_timeout = 0\nhot_standby = on\n\
    shared_buffers = 16MB\nmax_connections = 40\nlc_messages = 'C'\ntimezone = 'UTC'\n\
    log_timezone = 'UTC'\ndynamic_shared_memory_type = mmap\n";

const PORT: u16 = 5432;

/// The folder of one or two servers.
pub(crate) struct Led(Home);

/// A site on the server `primary` of a folder.
pub(crate) struct Leading {
    pub(crate) site: Site,
    pub(crate) led: Led,
}

/// Sets up a server that starts under `limit` (words of a shell, such as `ulimit -f 1`), and a site on it.
pub(crate) fn leading(major: u32, offset: f64, limit: &str) -> Leading {
    let led = Led(Home::new(major, 0o700));
    led.0.initdb("primary", SETTINGS);
    led.start_under("primary", limit);
    led.point_at("primary");
    let target = Target::socket(&led.0.path.join("here"), PORT, "postgres", "shop");
    led.admin("primary", "CREATE DATABASE shop TEMPLATE template0");
    Leading { site: Site::elsewhere(major, target, offset), led }
}

impl Led {
    fn run(&self, program: &str, words: &[&str], folder: &[&str]) {
        let mut command = self.0.command(&self.0.programs.join(program));
        command.args(words).current_dir(&self.0.path).args(folder);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {said}");
    }

    /// Starts a server and waits until it answers.
    pub(crate) fn start(&self, name: &str) {
        self.start_under(name, ":");
    }

    fn start_under(&self, name: &str, limit: &str) {
        let sockets = self.sockets(name);
        if !sockets.exists() {
            fs::create_dir(&sockets).unwrap();
            self.0.give(&sockets);
        }
        let ctl = self.0.programs.join("pg_ctl");
        let line = format!(
            "{limit}; exec '{}' --pgdata='{name}' --log='{name}.log' --silent \
             --options=\"-k '{}' -p {PORT}\" start",
            ctl.display(),
            sockets.display()
        );
        let mut shell = self.0.command(Path::new("sh"));
        shell.args(["-c", &line]).current_dir(&self.0.path).stdin(Stdio::null());
        // The server inherits them: a pipe would stay open as long as it runs.
        let status = shell.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "{}", self.log(name));
    }

    /// What a server has written down.
    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.0.path.join(format!("{name}.log"))).unwrap_or_default()
    }

    /// Ends a server in the middle of its work, as a crash does.
    pub(crate) fn crash(&self, name: &str) {
        self.run("pg_ctl", &["--mode=immediate", "--silent", "stop"], &["--pgdata", name]);
    }

    /// Puts a standby beside the primary, which follows it.
    pub(crate) fn add_standby(&self) {
        let from = self.sockets("primary").display().to_string();
        self.run(
            "pg_basebackup",
            &[
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync",
                "--username=postgres",
                "--host",
                &from,
            ],
            &["--pgdata", "standby"],
        );
        self.start("standby");
        self.wait_for(
            "primary",
            "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'",
        );
    }

    /// Has COMMIT wait for the standby from now on.
    pub(crate) fn make_synchronous(&self) {
        self.admin("primary", "ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.admin("primary", "SELECT pg_reload_conf()");
        self.wait_for(
            "primary",
            "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'",
        );
    }

    /// Makes the standby a primary.
    pub(crate) fn promote(&self) {
        self.run("pg_ctl", &["--silent", "promote"], &["--pgdata", "standby"]);
        self.wait_for("standby", "SELECT NOT pg_is_in_recovery()");
    }

    /// Stops all processes of a server, or lets them go on.
    pub(crate) fn send(&self, name: &str, signal: Signal) {
        let text = fs::read_to_string(self.0.path.join(name).join("postmaster.pid")).unwrap();
        let leader = text.lines().next().unwrap();
        let children =
            fs::read_to_string(format!("/proc/{leader}/task/{leader}/children")).unwrap();
        for pid in std::iter::once(leader).chain(children.split_whitespace()) {
            kill(Pid::from_raw(pid.parse().unwrap()), signal).unwrap();
        }
    }

    /// Which server new sessions of the site come to.
    pub(crate) fn point_at(&self, name: &str) {
        let (new, here) = (self.0.path.join("there"), self.0.path.join("here"));
        std::os::unix::fs::symlink(self.sockets(name), &new).unwrap();
        fs::rename(new, here).unwrap();
    }

    /// One value from the database `shop` of a server, or from `postgres` as long as there is none.
    pub(crate) fn admin(&self, name: &str, sql: &str) -> String {
        let database = if sql.starts_with("CREATE DATABASE") { "postgres" } else { "shop" };
        let target = Target::socket(&self.sockets(name), PORT, "postgres", database);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut session = Session::connect(&target, "test").await.unwrap();
            let value = session.value(sql).await.unwrap();
            session.close().await.unwrap();
            value.unwrap_or_default()
        })
    }

    /// Waits until a query on a server gives `true`.
    pub(crate) fn wait_for(&self, name: &str, sql: &str) {
        let start = std::time::Instant::now();
        while self.admin(name, sql) != "t" {
            assert!(start.elapsed().as_secs() < 30, "never true on the {name}: {sql}");
            std::thread::yield_now();
        }
    }

    fn sockets(&self, name: &str) -> PathBuf {
        self.0.path.join(format!("sockets-{name}"))
    }
}
