//! A server that counts statements and writes them down: `pg_stat_statements` preloaded, logs in the csv
//! form and, where it has that, in the json form. It ends with the test, however that ends.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::unistd::{Uid, User};
use stairway::postgres::{Session, Target};
use stairway::server::survey;

use crate::servers;

/// Waits for the end of a pipe that the test holds, and cleans up.
const GUARD: &str = r#"
cat >/dev/null
"$2" --pgdata="$1/data" --mode=immediate --silent stop
rm -rf "$1"
"#;

const SETTINGS: &str = "listen_addresses = ''\nfsync = off\nautovacuum = off\nshared_buffers = 16MB\n\
    lc_messages = 'C'\nlog_timezone = 'UTC'\ntimezone = 'UTC'\ndynamic_shared_memory_type = mmap\n\
    logging_collector = on\nlog_directory = 'log'\nlog_filename = 'app.log'\nlog_file_mode = 0644\n\
    log_min_duration_statement = 0\n";

const PORT: u16 = 5432;

/// Such a server, with an empty database `shop`.
pub(crate) struct Watched {
    home: PathBuf,
    programs: PathBuf,
    guard: Child,
}

impl Watched {
    /// Starts one; `more` are further settings.
    pub(crate) fn start(major: u32, more: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(survey(&servers::spec(major)));
        let programs = PathBuf::from(found.taken.unwrap().from);
        let home = tempfile::Builder::new().prefix("watched-").tempdir_in("/tmp").unwrap().keep();
        fs::set_permissions(&home, Permissions::from_mode(0o755)).unwrap();
        if let Some(user) = user() {
            chown(&home, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        }
        let guard = as_user(Path::new("sh"))
            .args(["-c", GUARD, "guard"])
            .args([&home, &programs.join("pg_ctl")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let server = Self { home, programs, guard };
        let data = server.home.join("data").display().to_string();
        server.run(
            "initdb",
            &[
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--wal-segsize=1",
                "--pgdata",
                &data,
            ],
        );
        let file = server.home.join("data/postgresql.conf");
        let text = fs::read_to_string(&file).unwrap();
        let forms = if major < 15 { "csvlog" } else { "csvlog,jsonlog" };
        fs::write(&file, format!("{text}{SETTINGS}log_destination = '{forms}'\n{more}")).unwrap();
        let options = format!("-k '{}' -p {PORT}", server.home.display());
        let log = server.home.join("start.log").display().to_string();
        server.run(
            "pg_ctl",
            &["--pgdata", &data, "--log", &log, "--silent", "--options", &options, "start"],
        );
        server.execute("postgres", "CREATE DATABASE shop TEMPLATE template0");
        server
    }

    /// Starts one that counts statements, with the extension in its database.
    pub(crate) fn counting(major: u32) -> Self {
        let server = Self::start(major, "shared_preload_libraries = 'pg_stat_statements'\n");
        server.execute("shop", "CREATE EXTENSION pg_stat_statements");
        server
    }

    fn run(&self, program: &str, words: &[&str]) {
        let mut command = as_user(&self.programs.join(program));
        // The server inherits them: a pipe would stay open as long as it runs.
        let command = command.args(words).stdin(Stdio::null()).stdout(Stdio::null());
        let status = command.stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "{program}: {status}");
    }

    pub(crate) fn target(&self, database: &str) -> Target {
        Target::socket(&self.home, PORT, "postgres", database)
    }

    /// The same for the command line.
    pub(crate) fn url(&self, role: &str) -> String {
        self.target("shop").as_role(role).url_with_password()
    }

    pub(crate) fn execute(&self, database: &str, sql: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut session = Session::connect(&self.target(database), "test").await.unwrap();
            session.execute(sql).await.unwrap();
            session.close().await.unwrap();
        });
    }

    /// Does something in the database `shop` that is not logged.
    pub(crate) fn quietly(&self, sql: &str) {
        self.execute("postgres", "ALTER DATABASE shop SET log_min_duration_statement = -1");
        self.execute("shop", sql);
        self.execute("postgres", "ALTER DATABASE shop RESET log_min_duration_statement");
    }

    /// The log in this form, `csv` or `json`, up to a mark that is written now.
    pub(crate) fn log(&self, form: &str) -> PathBuf {
        let mark = format!("mark {form}");
        self.execute("postgres", &format!("DO $$ BEGIN RAISE LOG '{mark}'; END $$"));
        let path = self.home.join(format!("data/log/app.{form}"));
        let start = std::time::Instant::now();
        // The collector is a process of its own.
        while !fs::read_to_string(&path).is_ok_and(|text| text.contains(&mark)) {
            assert!(start.elapsed().as_secs() < 30, "{} never has the mark", path.display());
            std::thread::yield_now();
        }
        path
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
        let is_left = self.home.exists() && !std::thread::panicking();
        assert!(!is_left, "{} is left", self.home.display());
    }
}

fn user() -> Option<User> {
    let names = ["postgres", "nobody"];
    Uid::effective()
        .is_root()
        .then(|| names.iter().find_map(|it| User::from_name(it).unwrap()).unwrap())
}

fn as_user(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C").current_dir("/");
    if let Some(user) = user() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}
