//! Physical backups: a server is started on a copy of what `pg_basebackup` wrote.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::homes::Home;
use crate::servers;
use crate::yard::{Yard, flip};

/// Settings that would be wrong on another machine.
const SETTINGS: &str = "ALTER SYSTEM SET shared_preload_libraries = 'nowhere_to_be_had'; \
    ALTER SYSTEM SET port = '1'; ALTER SYSTEM SET listen_addresses = '*'; \
    ALTER SYSTEM SET archive_command = 'false'; ALTER ROLE postgres PASSWORD 'planted-s3cret-4111'";

/// A server that lets itself be copied, with the database `shop` in it.
struct Original {
    folder: PathBuf,
    programs: PathBuf,
}

pub(crate) fn run(program: &Path, words: &[&str], environment: &[(&str, String)]) {
    let mut command = Command::new(program);
    command.args(words).envs(environment.iter().map(|(name, value)| (*name, value)));
    let ran = command.stdin(Stdio::null()).output().unwrap();
    assert!(ran.status.success(), "{} {words:?}: {ran:?}", program.display());
}

/// Starts a server in `home` with these settings besides; how to reach it.
pub(crate) fn served(home: &Home, settings: &str) -> [(&'static str, String); 3] {
    home.initdb(
        "data",
        &format!("wal_level = replica\nmax_wal_senders = 2\nfsync = off\n{settings}"),
    );
    let socket = home.path.display().to_string();
    let log = home.path.join("log");
    let start = home
        .command(&home.programs.join("pg_ctl"))
        .arg("-D")
        .arg(home.path.join("data"))
        .arg("-l")
        .arg(&log)
        .args(["-w", "-o", &format!("-c listen_addresses= -k {socket}"), "start"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(start.success(), "{}", fs::read_to_string(&log).unwrap_or_default());
    [("PGHOST", socket), ("PGUSER", "postgres".to_owned()), ("PGDATABASE", "postgres".to_owned())]
}

impl Original {
    /// Copies a server with what the yard has. The profile of tests writes too little for a copy, so one
    /// that writes more is made for it.
    fn of(yard: &Yard) -> Self {
        let (major, folder) = (yard.major, yard.folder("physical"));
        let dump = yard.foreign("shop", "for_physical.sql", &["-Fp"]);
        // It has a runtime of its own, which must not be in another one.
        std::thread::spawn(move || Self::made(major, &folder, &dump)).join().unwrap()
    }

    fn made(major: u32, folder: &Path, dump: &Path) -> Self {
        let home = Home::new(major, 0o755);
        let environment = served(&home, "");
        let programs = home.programs.clone();
        run(&programs.join("psql"), &["-c", "CREATE DATABASE shop"], &environment);
        let psql = ["-q", "-d", "shop", "-v", "ON_ERROR_STOP=1", "-f", dump.to_str().unwrap()];
        run(&programs.join("psql"), &psql, &environment);
        for setting in SETTINGS.split("; ") {
            run(&programs.join("psql"), &["-c", setting], &environment);
        }
        let copy = folder.join("base");
        run(
            &programs.join("pg_basebackup"),
            &["-D", copy.to_str().unwrap(), "-c", "fast"],
            &environment,
        );
        Self { folder: copy, programs }
    }

    /// The same under another name, to be damaged.
    fn again(&self, name: &str) -> PathBuf {
        let to = self.folder.with_file_name(name);
        run(Path::new("cp"), &["-a", self.folder.to_str().unwrap(), to.to_str().unwrap()], &[]);
        to
    }
}

#[tokio::test]
async fn a_server_comes_up_on_a_copy_of_a_base_backup() {
    for major in servers::majors() {
        let yard = Yard::new(*major).await;
        let original = Original::of(&yard);
        let before: Vec<_> =
            fs::read_dir(&original.folder).unwrap().map(|it| it.unwrap().path()).collect();
        let ran = yard.of(&original.folder, &[]);
        ran.is(0, "ok");
        assert_eq!(ran.report["tried"][0]["kind"], "physical");
        assert_eq!(ran.check("digest").0, "held");
        assert_eq!(ran.check("amcheck").0, "held");
        let isolation = ran.check("isolation").1;
        assert!(isolation.contains("1 role without a password"), "{isolation}");
        assert_eq!(ran.check("history").1, "1 of 1 migrations are applied");
        let after: Vec<_> =
            fs::read_dir(&original.folder).unwrap().map(|it| it.unwrap().path()).collect();
        assert_eq!(before, after, "the backup itself is not touched");
        let ran = yard.drill(&[
            "--backups",
            original.folder.parent().unwrap().to_str().unwrap(),
            "--of",
            "shop",
        ]);
        ran.is(0, "ok");
        yard.of(&original.folder, &["--of", "nobody"])
            .is(2, "environment")
            .says("no database nobody");
        let ran = yard.of(&original.folder, &["--superuser", "nobody"]);
        ran.is(2, "environment").says("role \"nobody\" does not exist");
        damaged(&yard, &original);
        assert!(original.programs.join("pg_amcheck").exists());
        yard.end().await;
    }
}

/// What is wrong with a base backup is named.
fn damaged(yard: &Yard, original: &Original) {
    let flipped = original.again("flipped");
    let file = largest(&flipped.join("base"));
    flip(&file, 0.5, 2);
    yard.of(&flipped, &[]).is(12, "bad-backup").says("digest: checksum mismatch for file");
    // Without a manifest only the server can tell.
    fs::remove_file(flipped.join("backup_manifest")).unwrap();
    let lost = original.again("lost");
    fs::remove_file(lost.join("backup_manifest")).unwrap();
    for entry in fs::read_dir(lost.join("pg_wal")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::remove_file(path).unwrap();
        }
    }
    let ran = yard.of(&lost, &[]);
    ran.is(2, "environment").says("the WAL that it needs is not in it");
    let control = original.again("control");
    fs::remove_file(control.join("backup_manifest")).unwrap();
    fs::set_permissions(control.join("global/pg_control"), fs::Permissions::from_mode(0o600))
        .unwrap();
    fs::write(control.join("global/pg_control"), [0; 8192]).unwrap();
    yard.of(&control, &[]).is(12, "bad-backup").says("restore: the server ");
}

fn largest(folder: &Path) -> PathBuf {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
    }
    all.into_iter().max_by_key(|path| path.metadata().unwrap().len()).unwrap()
}
