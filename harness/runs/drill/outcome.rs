//! What came of a drill: plain data, which reports are made of. No password, and no value of a row.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::exit::Exit;

/// What a drill comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The newest backup restores, proves what it should, and what is pending can be applied to it.
    Ok,
    /// The newest backup is not there, too old, or not what was backed up.
    BadBackup,
    /// The backup is good, and what is pending fails on it or makes it slow.
    BadMigration,
    /// Nothing is said of either: something was missing here, or was left undone.
    Environment,
}

impl Verdict {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::BadBackup => "bad backup",
            Self::BadMigration => "bad migration",
            Self::Environment => "environment",
        }
    }
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It was made, and what it asks for holds.
    Held,
    /// It does not hold.
    Failed,
    /// It could not be made: such a drill is not ok.
    Skipped,
    /// The user named it as one to be left out.
    LeftOut,
    /// There is nothing that it could be held against, for example no manifest.
    Absent,
}

/// Whose fault a failed check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// The backup's.
    Backup,
    /// The pending migrations'.
    Migration,
    /// That of the server or the machine on which the drill was made.
    Environment,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// One of [`CHECKS`].
    pub name: &'static str,
    /// How it ended.
    pub ended: Ended,
    /// What was seen, or why it was not looked at.
    pub detail: String,
    /// Of one that failed.
    pub fault: Option<Fault>,
}

/// A check that can be made, and what it asks for.
pub type Asked = (&'static str, &'static str);

/// All checks by name, in the order in which they are made.
pub const CHECKS: &[Asked] = &[
    ("age", "the backup is not older than it may be"),
    ("digest", "the files are what was written, by the manifest's SHA-256"),
    ("roles", "the roles that it names exist"),
    ("extensions", "its extensions can be had, in the versions that the manifest names"),
    ("restore", "it restores without an error"),
    ("isolation", "the copy could speak to nobody, and lost its passwords"),
    (
        "rows",
        "rows and hash of each table are those of the manifest, sequences and large objects too",
    ),
    ("schema", "the schema has the digest that the manifest names"),
    ("foreign-keys", "no row is without its parent"),
    ("indexes", "no index is invalid"),
    ("sequences", "no sequence would hand out a value that exists"),
    ("matviews", "materialized views hold what they held"),
    ("tables", "critical tables have rows"),
    ("queries", "the query tests pass"),
    ("amcheck", "pg_amcheck finds nothing wrong with tables and indexes"),
    ("history", "the version table fits the files"),
    ("rehearsal", "what is pending goes up, back, and up again, and keeps all rows"),
    ("latency", "the p95 of the workload is within its budget, and no query became slower"),
];

/// The check that says nothing of what is in a backup.
pub(super) const AGE: &str = "age";

/// Those that can't be left out: without them nothing is known, or it is not safe to know it.
pub const ALWAYS: [&str; 2] = ["restore", "isolation"];

/// A part of the work.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Phase {
    /// `fetch`, `verify`, `unpack`, `wal`, `server`, `restore`, `analyze`, `query`, `prove`, `rehearse` or
    /// `latency`.
    pub name: &'static str,
    /// Wall time.
    pub seconds: f64,
}

/// A backup that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// The file or folder.
    pub file: PathBuf,
    /// `custom`, `directory`, `tar`, `plain` or `physical`, and what it was compressed by; `None`
    /// if it can't be told.
    pub kind: Option<String>,
    /// Whether there is a manifest that can be relied on.
    pub manifest: bool,
    /// Of which database, as its manifest says.
    pub database: Option<String>,
    /// Of which server, as its manifest says.
    pub system_identifier: Option<String>,
    /// When it was made, as far as that is known.
    pub made: Option<Timestamp>,
    /// How old it was when the drill began, in seconds: what a loss of the database now would lose.
    pub age: Option<f64>,
    /// When the last transaction ended that was replayed from archived WAL; `None` if none was.
    pub recovered: Option<Timestamp>,
    /// In bytes.
    pub bytes: u64,
    /// What is proven of it, this drill included, as its manifest has it; `None` without one.
    pub level: Option<u8>,
    /// Whether it restores and proves what it should.
    pub good: bool,
    /// Why it is not good, or why that can't be told.
    pub reason: Option<String>,
}

/// How long it took until an application could work again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rto {
    /// From the start of fetching to the first answer, ANALYZE included.
    pub seconds: f64,
    /// What was asked: the first query test, or a row of the largest table.
    pub query: String,
}

/// The server that the copy was on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Where {
    /// For example `15.18`.
    pub version: String,
    /// `local`, `container`, `existing` or `command`.
    pub backend: &'static str,
    /// Whether it had a network in which nobody is.
    pub cut_off: bool,
}

/// A migration that is pending on the backup.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moved {
    /// Its id.
    pub revision: String,
    /// What its file name says.
    pub name: String,
    /// The SHA-256 of its scripts and of all that it comes after.
    pub digest: Option<String>,
    /// How long its upgrade took on the copy; `None` if it did not come to its end.
    pub seconds: Option<f64>,
}

/// What was measured of the workload, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// The p95 of all requests after the pending migrations.
    pub p95: f64,
    /// Its interval for a run.
    pub interval: [f64; 2],
    /// All of them added up.
    pub sum: f64,
    /// What it must be under.
    pub budget: f64,
    /// How many requests.
    pub requests: usize,
    /// `pass`, `fail` or `inconclusive`.
    pub verdict: &'static str,
}

/// A drill.
#[derive(Clone, Debug, Serialize)]
pub struct Drilled {
    /// The version of this shape: 1.
    pub schema: u32,
    /// Its id.
    pub run: String,
    /// When it began.
    pub began: Timestamp,
    /// How long all of it took.
    pub seconds: f64,
    /// What it comes to.
    pub verdict: Verdict,
    /// The code that the process exits with.
    pub exit: Exit,
    /// Why it is not ok.
    pub reason: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// The server of the newest backup's copy.
    pub server: Option<Where>,
    /// Recovery time.
    pub rto: Option<Rto>,
    /// Recovery point: the age of the newest good backup when the drill began, in seconds.
    pub rpo: Option<f64>,
    /// The parts of the work on the newest backup.
    pub phases: Vec<Phase>,
    /// What was checked of the newest backup.
    pub checks: Vec<Check>,
    /// In how many things its copy is not what its manifest says; `None` if nobody could compare.
    pub mismatches: Option<usize>,
    /// How many rows of it are without a parent; `None` if nobody could count all of them.
    pub orphans: Option<u64>,
    /// What is pending on it.
    pub pending: Vec<Moved>,
    /// The workload, if there is one and it was measured.
    pub latency: Option<Latency>,
    /// The backups that were looked at, the newest first.
    pub tried: Vec<Tried>,
    /// The newest one that is good, if any was found.
    pub last_good: Option<PathBuf>,
    /// What a person should know besides.
    pub notes: Vec<String>,
}

/// Why a drill went no further, where no check says it.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    pub(super) verdict: Verdict,
    pub(super) exit: Exit,
    pub(super) reason: String,
    pub(super) help: Option<String>,
}

impl Stop {
    /// Something is missing here, or went wrong that is nobody's fault.
    pub(super) fn here(exit: Exit, reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Environment, exit, reason: reason.into(), help: None }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    pub(super) fn late(limit: Duration) -> Self {
        let reason = format!("the drill took longer than {} s", limit.as_secs());
        Self::here(Exit::RehearsalFailed, reason).help("allow more with --timeout")
    }
}

impl Drilled {
    pub(super) fn new() -> Self {
        let began = Timestamp::now();
        let run =
            format!("{}-{:04x}", began.strftime("%Y%m%dT%H%M%S%3fZ"), std::process::id() & 0xffff);
        Self {
            schema: 1,
            run,
            began,
            seconds: 0.0,
            verdict: Verdict::Environment,
            exit: Exit::RehearsalFailed,
            reason: None,
            help: None,
            server: None,
            rto: None,
            rpo: None,
            phases: Vec::new(),
            checks: Vec::new(),
            mismatches: None,
            orphans: None,
            pending: Vec::new(),
            latency: None,
            tried: Vec::new(),
            last_good: None,
            notes: Vec::new(),
        }
    }

    /// Says what all of it comes to. What is wrong with the backup comes first, since the rest was seen
    /// on it; then what stopped the drill.
    pub(super) fn judge(&mut self, stopped: Option<Stop>) {
        let failed = |fault| {
            let is_it = move |it: &&Check| it.ended == Ended::Failed && it.fault == Some(fault);
            let mut checks = self.checks.iter().filter(is_it);
            // Whatever else is wrong says more than its age.
            checks.clone().find(|it| it.name != AGE).or_else(|| checks.next())
        };
        let told = |check: &Check| format!("{}: {}", check.name, check.detail);
        let is_stale = self.checks.iter().any(|it| it.name == AGE && it.ended == Ended::Failed);
        let (verdict, exit, reason) = if let Some(check) = failed(Fault::Backup) {
            // As long as there is a good one that is young enough, only the drill has failed.
            let is_covered = self.last_good.is_some() && !is_stale;
            let exit = if is_covered { Exit::RehearsalFailed } else { Exit::BackupFailed };
            (Verdict::BadBackup, exit, told(check))
        } else if let Some(stop) = stopped {
            self.help = stop.help;
            (stop.verdict, stop.exit, stop.reason)
        } else if let Some(check) = failed(Fault::Migration) {
            let is_slow = check.name == "latency";
            let exit = if is_slow { Exit::GateFailed } else { Exit::RehearsalFailed };
            (Verdict::BadMigration, exit, told(check))
        } else if let Some(check) = failed(Fault::Environment) {
            let exit = match check.name {
                "extensions" => Exit::NoServer,
                "latency" => Exit::GateFailed,
                _ => Exit::RehearsalFailed,
            };
            (Verdict::Environment, exit, told(check))
        } else if let Some(check) = self.checks.iter().find(|it| it.ended == Ended::Skipped) {
            self.help = Some(format!(
                "a drill is not ok with a check that was not made: see why, or leave it out by \
                 name with --leave-out {}",
                check.name
            ));
            let reason = format!("{} was not checked: {}", check.name, check.detail);
            (Verdict::Environment, Exit::GateInconclusive, reason)
        } else {
            (Verdict::Ok, Exit::Clean, String::new())
        };
        (self.verdict, self.exit) = (verdict, exit);
        self.reason = (!reason.is_empty()).then_some(reason);
        let good = self.tried.iter().find(|tried| tried.good);
        self.rpo = good.and_then(|tried| {
            let replayed = tried.recovered.map(|at| self.began.duration_since(at).as_secs_f64());
            // No transaction need have ended since the backup was made.
            [replayed, tried.age].into_iter().flatten().reduce(f64::min).map(|age| age.max(0.0))
        });
        if verdict == Verdict::BadBackup && self.help.is_none() {
            self.help = Some(match &self.last_good {
                _ if is_stale => "make a new one, `stairway backup`".to_owned(),
                Some(good) => format!("the last good one is {}", good.display()),
                None => "no good one was found: make one, `stairway backup`".to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Check, Drilled, Ended, Exit, Fault, PathBuf, Stop, Verdict};

    fn check(name: &'static str, ended: Ended, fault: Option<Fault>) -> Check {
        Check { name, ended, detail: "it".to_owned(), fault }
    }

    #[test]
    fn a_drill_is_ok_only_if_everything_was_made_and_held() {
        let held = || check("age", Ended::Held, None);
        let failed = |name, fault| check(name, Ended::Failed, Some(fault));
        for (checks, verdict, code) in [
            (vec![held()], Verdict::Ok, 0),
            (vec![held(), check("queries", Ended::Absent, None)], Verdict::Ok, 0),
            (vec![held(), check("amcheck", Ended::LeftOut, None)], Verdict::Ok, 0),
            (vec![check("amcheck", Ended::Skipped, None)], Verdict::Environment, 15),
            (vec![failed("rows", Fault::Backup)], Verdict::BadBackup, 12),
            (vec![failed("rehearsal", Fault::Migration)], Verdict::BadMigration, 13),
            (vec![failed("latency", Fault::Migration)], Verdict::BadMigration, 14),
            (vec![failed("extensions", Fault::Environment)], Verdict::Environment, 3),
            (
                vec![failed("rehearsal", Fault::Migration), failed("rows", Fault::Backup)],
                Verdict::BadBackup,
                12,
            ),
            (
                vec![check("amcheck", Ended::Skipped, None), failed("latency", Fault::Migration)],
                Verdict::BadMigration,
                14,
            ),
        ] {
            let mut drilled = Drilled { checks, ..Drilled::new() };
            drilled.judge(None);
            assert_eq!((drilled.verdict, drilled.exit.code()), (verdict, code), "{drilled:?}");
            assert_eq!(drilled.reason.is_none(), verdict == Verdict::Ok);
        }
        let checks = vec![failed("rows", Fault::Backup)];
        let last_good = Some(PathBuf::from("older.dump"));
        let mut covered = Drilled { checks, last_good, ..Drilled::new() };
        covered.judge(None);
        assert_eq!(covered.exit.code(), 13);
        assert!(covered.help.as_ref().unwrap().contains("older.dump"), "{covered:?}");
        covered.checks.push(failed("age", Fault::Backup));
        covered.judge(None);
        assert_eq!(covered.exit.code(), 12, "all that are good are stale");
        assert!(covered.reason.as_ref().unwrap().starts_with("rows"), "{covered:?}");
        let mut stopped = Drilled { checks: vec![held()], ..Drilled::new() };
        stopped.judge(Some(Stop::here(Exit::NoServer, "no server")));
        assert_eq!((stopped.verdict, stopped.exit), (Verdict::Environment, Exit::NoServer));
    }
}
