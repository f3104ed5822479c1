//! A server, the folders of a history and of each beginning of it, and databases that tools move.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use stairway::postgres::{ResultSet, Session, Target};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::native::{self, Native};
use crate::servers::{self, TestServer};

pub(crate) struct Place {
    server: TestServer,
    directory: TempDir,
    runtime: Runtime,
}

/// One of the majors that are there, which changes from test to test; all of them in a full sweep.
pub(crate) fn majors(nth: usize) -> Vec<u32> {
    let majors = servers::majors();
    let is_full = std::env::var("STAIRWAY_SWEEP").is_ok_and(|it| it == "full");
    let count = if is_full { majors.len() } else { 1 };
    majors.iter().copied().cycle().skip(nth).take(count).collect()
}

/// How `stairway` ended and what it said.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn ended(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}", self.said);
        self
    }

    #[track_caller]
    pub(crate) fn says(&self, words: &str) -> &Self {
        assert!(self.said.contains(words), "not said: {words}\n{}", self.said);
        self
    }
}

impl Place {
    /// A server of this major with the tool's history, or nothing where there is none.
    pub(crate) fn new(major: u32, native: &dyn Native) -> Option<Self> {
        let server = servers::server(major)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let place = Self { server, directory: tempfile::tempdir_in("/tmp").unwrap(), runtime };
        let history = native.history();
        for count in 0..=history.len() {
            std::fs::create_dir(place.folder(count)).unwrap();
            for (path, text) in history[..count].iter().flat_map(|one| one.files) {
                write(&place.folder(count).join(path), text);
            }
        }
        std::os::unix::fs::symlink(place.folder(history.len()), place.path().join("migrations"))
            .unwrap();
        Some(place)
    }

    /// A server of this major with a folder that is there already, or nothing where there is none.
    pub(crate) fn with(major: u32, folder: &Path) -> Option<Self> {
        let server = servers::server(major)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let place = Self { server, directory: tempfile::tempdir_in("/tmp").unwrap(), runtime };
        std::os::unix::fs::symlink(folder, place.path().join("migrations")).unwrap();
        Some(place)
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The folder of the first `count` migrations.
    pub(crate) fn folder(&self, count: usize) -> PathBuf {
        self.path().join(format!("first-{count}"))
    }

    /// The same as a word of a command line.
    pub(crate) fn first(&self, count: usize) -> String {
        self.folder(count).to_str().unwrap().to_owned()
    }

    /// Writes a file of the whole history.
    pub(crate) fn write_migration(&self, file: &str, text: &str) {
        write(&self.path().join("migrations").join(file), text);
    }

    pub(crate) fn target(&self, database: &str) -> Target {
        self.server.target(database)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        self.target(database).url_with_password()
    }

    /// For drivers that take the folder of a socket as a parameter only.
    pub(crate) fn socket_url(&self, database: &str, scheme: &str, rest: &str) -> String {
        let (role, folder, port) = self.socket(database);
        format!("{scheme}://{role}@/{database}?host={folder}&port={port}&{rest}")
    }

    /// For drivers that take the folder of a socket as the host only.
    pub(crate) fn encoded_url(&self, database: &str, scheme: &str) -> String {
        let (role, folder, port) = self.socket(database);
        format!("{scheme}://{role}@{}:{port}/{database}", folder.replace('/', "%2F"))
    }

    fn socket(&self, database: &str) -> (String, String, String) {
        let known = self.target(database).libpq_environment();
        let of = |name: &str| {
            let found = known.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        assert_eq!(of("PGPASSWORD"), "", "a server of tests has no password");
        (of("PGUSER"), of("PGHOST"), of("PGPORT"))
    }

    pub(crate) fn make(&self, database: &str) {
        self.runtime.block_on(async {
            let mut admin = self.server.session("postgres").await;
            self.server.create_database(&mut admin, database).await;
            admin.close().await.unwrap();
        });
    }

    /// Leads `work` to its end.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The rows of the last statement, in a session of its own.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> ResultSet {
        self.wait(async {
            let mut session = Session::connect(&self.target(database), "test").await.unwrap();
            let rows = session.rows(sql).await.unwrap();
            session.close().await.unwrap();
            rows
        })
    }

    /// The first cell.
    pub(crate) fn value(&self, database: &str, sql: &str) -> String {
        self.sql(database, sql).into_iter().flatten().flatten().next().unwrap_or_default()
    }

    /// Stairway on a database; its deployment directory goes by the database's name.
    pub(crate) fn stairway(&self, database: &str, words: &str) -> Ran {
        self.stairway_with(database, words, &[])
    }

    /// The same with more of an environment.
    pub(crate) fn stairway_with(
        &self,
        database: &str,
        words: &str,
        variables: &[(&str, &str)],
    ) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_stairway"))
            .args(words.split(' '))
            .args(["--migrations", self.path().join("migrations").to_str().unwrap()])
            .current_dir(self.path())
            .env("DATABASE_URL", self.url(database))
            .env("DEPLOYMENT_DIR", self.path().join(format!("{database}-deployment")))
            .env_remove("BACKUP_DIR")
            .env("STAIRWAY_POSTGRES", self.server.major.to_string())
            .env("STAIRWAY_SERVER", "local")
            .envs(variables.iter().copied())
            .envs(
                native::find("alembic").map(|it| ("STAIRWAY_PYTHON", it.with_file_name("python"))),
            )
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.push_str(&String::from_utf8_lossy(&output.stderr));
        Ran { code: output.status.code(), said }
    }

    /// The version table but for times.
    pub(crate) fn rows(&self, database: &str, native: &dyn Native) -> ResultSet {
        let sql = format!("SELECT {} FROM {} ORDER BY 1", native.columns(), native.table());
        self.sql(database, &sql)
    }

    /// All definitions, the version table's among them, without what is Stairway's own.
    pub(crate) fn schema(&self, database: &str) -> String {
        let output = Command::new(self.server.programs().join("pg_dump"))
            .args(["--schema-only", "--exclude-schema=stairway", "--no-password"])
            .envs(self.target(database).libpq_environment())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let is_same = |line: &&str| !line.contains("restrict ");
        text.lines().filter(is_same).collect::<Vec<_>>().join("\n")
    }
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
