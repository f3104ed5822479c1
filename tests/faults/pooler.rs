//! A real pooler before the server: PgBouncer.
//!
//! Where there is none these tests say that they are skipped, and fail where `STAIRWAY_REQUIRE_PGBOUNCER=1`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use stairway::postgres::{Session, Target};

use crate::preflight::refused;
use crate::site::{Site, on};

const PORT: u16 = 6432;

/// A PgBouncer before a site's server; it ends with this value.
struct Pooler {
    process: Child,
    target: Target,
}

impl Pooler {
    /// Starts one with these settings.
    fn start(site: &Site, settings: &str) -> Option<Self> {
        let program = program()?;
        let data = PathBuf::from(site.value("SHOW data_directory"));
        let (user, group) = fs::metadata(&data).map(|it| (it.uid(), it.gid())).unwrap();
        let folder = site.server.directory(&format!("pooler-{}", settings.len()));
        let variables = site.target.libpq_environment();
        let of = |wanted: &str| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.clone()).unwrap()
        };
        let (host, port, role) = (of("PGHOST"), of("PGPORT"), of("PGUSER"));
        let file = folder.join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host={host} port={port} user={role}\n[pgbouncer]\nlisten_port = {PORT}\n\
             unix_socket_dir = {folder}\nauth_type = any\nlogfile = {folder}/log\n\
             pidfile = {folder}/pid\nignore_startup_parameters = extra_float_digits\n{settings}\n",
            folder = folder.display()
        );
        fs::write(&file, text).unwrap();
        let mut command = Command::new(program);
        command.arg("--quiet").arg(&file).stdin(Stdio::null()).stdout(Stdio::null());
        if nix::unistd::Uid::effective().is_root() {
            // It refuses root, as the server does.
            command.uid(user).gid(group);
        }
        let process = command.stderr(Stdio::null()).spawn().unwrap();
        let target = Target::socket(&folder, PORT, &role, "shop");
        let pooler = Self { process, target };
        pooler.wait(&folder);
        Some(pooler)
    }

    /// Until it answers.
    fn wait(&self, folder: &Path) {
        let start = Instant::now();
        while self.in_sessions(1, "SELECT 1").is_none() {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(start.elapsed() < Duration::from_secs(30), "no pooler: {log}");
            std::thread::yield_now();
        }
    }

    /// What so many sessions are given for a query, each in a transaction while the others are.
    fn in_sessions(&self, count: usize, query: &str) -> Option<Vec<String>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut open, mut values) = (Vec::new(), Vec::new());
            for _ in 0..count {
                let mut session = Session::connect(&self.target, "test").await.ok()?;
                values.push(session.value(&format!("BEGIN; {query}")).await.ok()??);
                open.push(session);
            }
            for session in &mut open {
                session.execute("COMMIT").await.ok()?;
            }
            Some(values)
        })
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian has it among what is root's to run.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let found = folders.map(|folder| folder.join("pgbouncer")).find(|it| it.is_file());
    if found.is_none() {
        let required = std::env::var("STAIRWAY_REQUIRE_PGBOUNCER").is_ok_and(|on| on == "1");
        assert!(!required, "STAIRWAY_REQUIRE_PGBOUNCER=1, but there is no pgbouncer");
        eprintln!("SKIPPED: no pgbouncer here; try: apt-get install pgbouncer");
    }
    found
}

/// F03: refused whatever the pool is like, and nothing of the look is left in the sessions of others.
#[test]
fn a_pooler_in_transaction_mode_is_refused() {
    on(0, |mut site| {
        site.migration(
            2,
            "ALTER TABLE orders ADD COLUMN note text;\n",
            "ALTER TABLE orders DROP COLUMN note;\n",
        );
        let before = site.print();
        let (size, turns) = [(1, 0), (3, 0), (3, 1), (20, 1)][site.place(4) as usize];
        let settings = format!(
            "pool_mode = transaction\ndefault_pool_size = {size}\nserver_round_robin = {turns}\n"
        );
        let Some(pooler) = Pooler::start(&site, &settings) else { return };
        let count = size.min(3);
        // All of them are there, and are used in turn.
        pooler.in_sessions(count, "SELECT 1").unwrap();
        site.set("DATABASE_URL", pooler.target.url_with_password());
        for words in [&["upgrade"][..], &["validate"], &["stamp", "1", "--reason", "no"]] {
            let ran = site.run(words);
            assert_eq!(ran.code, Some(10), "{}", ran.said);
            ran.says("a pooler in transaction mode");
            let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
            assert_eq!(site.value(locks), "0", "a lock is left in the pool");
            let settings = "SELECT current_setting('default_transaction_read_only') \
                            || current_setting('lock_timeout') || current_setting('statement_timeout')";
            let found = pooler.in_sessions(count, settings).unwrap();
            assert!(found.iter().all(|it| it == "off00"), "others were given settings: {found:?}");
        }
        let ran = site.run(&["upgrade"]);
        drop(pooler);
        refused(&site, &ran, &before, "name the server itself in DATABASE_URL");
    });
}

/// What its refusal advises: the pooler's other mode.
#[test]
fn a_pooler_in_session_mode_will_do() {
    on(1, |mut site| {
        site.migration(2, "CREATE TABLE extra (id int);\n", "DROP TABLE extra;\n");
        let Some(pooler) = Pooler::start(&site, "pool_mode = session\n") else { return };
        site.set("DATABASE_URL", pooler.target.url_with_password());
        let ran = site.run(&["upgrade"]);
        drop(pooler);
        site.holds(&ran, 0, "AFTER");
    });
}
