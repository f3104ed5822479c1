//! A server that counts statements and writes them down: `pg_stat_statements` preloaded, logs in the csv
//! form and, where it has that, in the json form. It ends with the test, however that ends.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use stairway::postgres::{Session, Target};

use crate::homes::Home;

const SETTINGS: &str = "listen_addresses = ''\nfsync = off\nautovacuum = off\nshared_buffers = 16MB\n\
    lc_messages = 'C'\nlog_timezone = 'UTC'\ntimezone = 'UTC'\ndynamic_shared_memory_type = mmap\n\
    logging_collector = on\nlog_directory = 'log'\nlog_filename = 'app.log'\nlog_file_mode = 0644\n\
    log_min_duration_statement = 0\n";

const PORT: u16 = 5432;

/// Such a server, with an empty database `shop`.
pub(crate) struct Watched(Home);

impl Watched {
    /// Starts one; `more` are further settings.
    pub(crate) fn start(major: u32, more: &str) -> Self {
        let server = Self(Home::new(major, 0o755));
        let forms = if major < 15 { "csvlog" } else { "csvlog,jsonlog" };
        server.0.initdb("data", &format!("{SETTINGS}log_destination = '{forms}'\n{more}"));
        let data = server.0.path.join("data").display().to_string();
        let options = format!("-k '{}' -p {PORT}", server.0.path.display());
        let log = server.0.path.join("start.log").display().to_string();
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
        let mut command = self.0.command(&self.0.programs.join(program));
        // The server inherits them: a pipe would stay open as long as it runs.
        let command = command.args(words).stdin(Stdio::null()).stdout(Stdio::null());
        let status = command.stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "{program}: {status}");
    }

    pub(crate) fn target(&self, database: &str) -> Target {
        Target::socket(&self.0.path, PORT, "postgres", database)
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
        let path = self.0.path.join(format!("data/log/app.{form}"));
        let start = std::time::Instant::now();
        // The collector is a process of its own.
        while !fs::read_to_string(&path).is_ok_and(|text| text.contains(&mark)) {
            assert!(start.elapsed().as_secs() < 30, "{} never has the mark", path.display());
            std::thread::yield_now();
        }
        path
    }
}
