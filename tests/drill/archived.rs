//! Physical backups with archived WAL and tablespaces.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::homes::Home;
use crate::physical::{run, served};
use crate::servers;
use crate::yard::Yard;

/// A server that archives, and a backup of it without WAL. One of its tables lies in a tablespace, and has
/// two rows more than the backup.
struct Archiving {
    home: Home,
    base: PathBuf,
    space: PathBuf,
    environment: [(&'static str, String); 3],
}

impl Archiving {
    fn of(yard: &Yard) -> Self {
        let (major, folder) = (yard.major, yard.folder("archiving"));
        // It has a runtime of its own, which must not be in another one.
        std::thread::spawn(move || Self::made(major, &folder)).join().unwrap()
    }

    fn made(major: u32, folder: &Path) -> Self {
        let home = Home::new(major, 0o755);
        let (archive, original) = (home.path.join("wal"), home.path.join("space"));
        for made in [&archive, &original] {
            fs::create_dir(made).unwrap();
            home.give(made);
        }
        let command = format!("cp %p {}/%f", archive.display());
        let settings = format!("archive_mode = on\narchive_command = '{command}'\n");
        let environment = served(&home, &settings);
        let psql = |sql: &str| {
            run(&home.programs.join("psql"), &["-v", "ON_ERROR_STOP=1", "-c", sql], &environment);
        };
        let (base, space) = (folder.join("base"), folder.join("space"));
        psql(&format!("CREATE TABLESPACE far LOCATION '{}'", original.display()));
        psql("CREATE TABLE kept (id int PRIMARY KEY) TABLESPACE far");
        psql("INSERT INTO kept VALUES (1)");
        let mapping = format!("{}={}", original.display(), space.display());
        let words = ["-D", base.to_str().unwrap(), "-c", "fast", "-X", "none", "-T", &mapping];
        run(&home.programs.join("pg_basebackup"), &words, &environment);
        let archiving = Self { home, base, space, environment: environment.clone() };
        archiving.archives("INSERT INTO kept VALUES (2)");
        archiving.archives("INSERT INTO kept VALUES (3)");
        archiving
    }

    /// What psql prints of a query.
    fn asks(&self, sql: &str) -> String {
        let mut command = Command::new(self.home.programs.join("psql"));
        let command = command.args(["-qAt", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        let output = command.envs(self.environment.clone()).output().unwrap();
        assert!(output.status.success(), "{sql}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Runs a statement and waits until its WAL is in the archive.
    fn archives(&self, sql: &str) {
        self.asks(sql);
        let last = self.asks("SELECT pg_walfile_name(pg_switch_wal())");
        let patience = Instant::now() + Duration::from_secs(30);
        while self.asks("SELECT last_archived_wal FROM pg_stat_archiver") < last {
            assert!(Instant::now() < patience, "{last} was not archived");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn brings(&self) -> String {
        format!("cp {}/%f %p", self.home.path.join("wal").display())
    }
}

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        }
        found.insert(path);
    }
    found
}

#[tokio::test]
async fn archived_wal_is_replayed_and_tablespaces_come_along() {
    for major in servers::majors() {
        let yard = Yard::new(*major).await;
        let archiving = Archiving::of(&yard);
        let (base, brings) = (&archiving.base, archiving.brings());
        let before = (files(base), files(&archiving.space));
        let checks = yard.folder("checks");
        fs::write(checks.join("kept.sql"), "SELECT count(*) = 3 FROM kept").unwrap();
        let checks = checks.display().to_string();
        let with = |command: &str| {
            yard.of(
                base,
                &["--leave-out", "rehearsal", "--checks", &checks, "--fetch-wal", command],
            )
        };
        let ran = with(&brings);
        ran.is(0, "ok");
        assert_eq!(ran.check("queries").0, "held");
        let tried = &ran.report["tried"][0];
        let time = |key: &str| tried[key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert!(time("recovered") > time("made"), "{tried:#}");
        assert!(ran.report["rpo"].as_f64() < tried["age"].as_f64(), "{:#}", ran.report);
        let phases = ran.report["phases"].as_array().unwrap();
        assert!(phases.iter().any(|it| it["name"] == "wal"), "{phases:?}");
        assert_eq!(before, (files(base), files(&archiving.space)), "nothing of it is touched");
        // As pgBackRest and WAL-G restore it: into the folder itself.
        let fetch = format!("cp -a {}/. .", base.display());
        let ran = yard.drill(&[
            "--fetch",
            &fetch,
            "--fetch-wal",
            &brings,
            "--leave-out",
            "rehearsal",
            "--checks",
            &checks,
        ]);
        ran.is(0, "ok");
        let ran = yard.of(base, &[]);
        ran.is(2, "environment").says("the WAL that it needs is not in it");
        assert!(ran.report["help"].as_str().unwrap().contains("--fetch-wal"), "{:#}", ran.report);
        with("false").is(12, "bad-backup").says("the archive has not the WAL that it begins with");
        let ran = with("no-such-program-41 %f");
        ran.is(2, "environment").says("the command that fetches WAL ended with exit code 127");
        // It would be made where this server has it.
        let late = archiving.home.path.join("late");
        fs::create_dir(&late).unwrap();
        archiving.home.give(&late);
        archiving.archives(&format!("CREATE TABLESPACE late LOCATION '{}'", late.display()));
        let before = files(&late);
        let ran = with(&brings);
        ran.is(13, "environment")
            .says(&format!("its WAL makes a tablespace at {}", late.display()));
        assert_eq!(files(&late), before);
        fs::remove_dir_all(&archiving.space).unwrap();
        with(&brings).is(2, "environment").says("its tablespace ");
        yard.end().await;
    }
}
