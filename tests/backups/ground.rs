//! A server with databases to back up, a folder of backups, and programs in place of `pg_dump`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stairway::backup::{Format, Store};
use stairway::postgres::{Session, Target};
use stairway::server::{Programs, client_programs};
use stairway::steps::BackupRequest;
use tokio::sync::watch;

use super::servers::{self, TestServer};

pub(crate) struct Ground {
    pub(crate) server: TestServer,
    pub(crate) programs: Programs,
    pub(crate) store: Store,
    pub(crate) scratch: tempfile::TempDir,
}

impl Ground {
    pub(crate) async fn new(major: u32) -> Self {
        let server = tokio::task::spawn_blocking(move || servers::server(major).unwrap());
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(&scratch.path().join("backups")).unwrap();
        let programs = client_programs(major).unwrap();
        Self { server: server.await.unwrap(), programs, store, scratch }
    }

    /// An empty database of this name.
    pub(crate) async fn database(&self, name: &str) -> Target {
        let mut admin = self.server.session("postgres").await;
        let target = self.server.create_database(&mut admin, name).await;
        admin.close().await.unwrap();
        target
    }

    pub(crate) async fn run(&self, database: &str, sql: &str) {
        let mut session = self.server.session(database).await;
        session.execute(sql).await.unwrap();
        session.close().await.unwrap();
    }

    /// What the server says to `sql`.
    pub(crate) async fn value(&self, sql: &str) -> String {
        let mut session = self.server.session("postgres").await;
        let value = session.value(sql).await.unwrap().unwrap_or_default();
        session.close().await.unwrap();
        value
    }

    /// Waits until a session of this name waits for a lock; gives its process.
    pub(crate) async fn eventually_waits(&self, application: &str) -> u32 {
        let sql = format!(
            "SELECT pid FROM pg_stat_activity WHERE application_name = '{application}' \
             AND wait_event_type = 'Lock'"
        );
        eventually("it waits", async || !self.value(&sql).await.is_empty()).await;
        self.value(&sql).await.parse().unwrap()
    }

    /// Waits until no session of a backup is left.
    pub(crate) async fn eventually_gone(&self) {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name IN \
                   ('stairway pg_dump', 'stairway backup')";
        eventually("its sessions end", async || self.value(sql).await == "0").await;
    }

    /// A session that keeps `pg_dump` from going on, and nobody else: only it locks the parents of
    /// partitions.
    pub(crate) async fn held(&self) -> Session {
        self.run(
            "shop",
            "CREATE TABLE whole (a int) PARTITION BY LIST (a); \
             CREATE TABLE part PARTITION OF whole DEFAULT; INSERT INTO whole VALUES (1)",
        )
        .await;
        let mut holder = self.server.session("shop").await;
        holder.execute("BEGIN; LOCK TABLE ONLY whole IN ACCESS EXCLUSIVE MODE").await.unwrap();
        holder
    }

    /// The folder of an extension with this script.
    pub(crate) fn extension(&self, name: &str, script: &str) -> PathBuf {
        let folder = self.server.directory(name);
        let control = folder.join("extension");
        fs::create_dir(&control).unwrap();
        let about = "default_version = '1.0'\nrelocatable = true\n";
        fs::write(control.join(format!("{name}.control")), about).unwrap();
        fs::write(control.join(format!("{name}--1.0.sql")), script).unwrap();
        folder
    }

    /// Programs of which `pg_dump` is this script; `$real` in it is the real one.
    pub(crate) fn fake(&self, name: &str, script: &str) -> Programs {
        let folder = self.scratch.path().join(name);
        fs::create_dir(&folder).unwrap();
        for program in ["pg_restore", "psql"] {
            let real = self.programs.folder.join(program);
            std::os::unix::fs::symlink(real, folder.join(program)).unwrap();
        }
        let real = self.programs.folder.join("pg_dump");
        let path = folder.join("pg_dump");
        fs::write(&path, format!("#!/bin/sh\nreal={}\n{script}\n", real.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Programs { folder, version: self.programs.version.clone() }
    }

    /// Nothing is in the folder of backups but its counter.
    pub(crate) fn assert_nothing_left(&self) {
        assert_eq!(files(self.store.folder()), [".sequence"]);
    }

    pub(crate) async fn end(self) {
        tokio::task::spawn_blocking(move || drop(self)).await.unwrap();
    }
}

pub(crate) fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(crate) fn request(format: Format) -> BackupRequest {
    BackupRequest {
        run: "test".to_owned(),
        format,
        lock_wait: Duration::from_secs(20),
        ignore: Vec::new(),
        schema_digest: None,
        applied: vec!["1".to_owned(), "2".to_owned()],
        progress: watch::Sender::new(0),
    }
}

/// Waits until `holds` does; panics with `what` after a minute.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !holds().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether there is such a process, which is no zombie.
pub(crate) fn is_process(number: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}
