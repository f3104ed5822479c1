//! `drill`: whether the newest backup is one. It is restored on an ephemeral server that can speak to
//! nobody, held against all that is known of it, and what is pending is rehearsed and measured there.
//!
//! Knows the order of the steps, and whose fault each failure is. Must not print.

mod candidates;
mod climb;
mod copy;
mod outcome;
mod outside;
mod physical;
mod prove;
mod queries;
mod room;
mod run;
mod speed;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::backup::{self, BackupError, Level, Store};
use crate::exit::Exit;
use crate::migrations::{AlembicOptions, History, Tool};
use crate::server::{Scratch, ServerSpec, causes};

use super::bench::BenchOptions;
use super::{RunError, Watch};

use candidates::{Candidate, Found};
use copy::Copy;
use run::{Drill, Exam};

use outcome::Stop;
pub use outcome::{
    ALWAYS, Asked, CHECKS, Check, Drilled, Ended, Fault, Latency, Moved, Phase, Rto, Tried,
    Verdict, Where,
};

/// Where backups come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backups {
    /// A folder of them: the newest one is drilled.
    Folder(PathBuf),
    /// One file or folder.
    One(PathBuf),
    /// A shell command that brings one or several into the folder that it is given.
    Command(String),
}

/// What to drill and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where backups come from.
    pub from: Backups,
    /// A shell command that brings a file of archived WAL, as `restore_command` does: what followed a
    /// physical backup is replayed.
    pub fetch_wal: Option<String>,
    /// Of which database, where a folder has backups of several.
    pub database: Option<String>,
    /// How old the newest backup may be.
    pub max_age: Option<Duration>,
    /// The folder of migrations.
    pub folder: PathBuf,
    /// Forces a layout.
    pub tool: Option<Tool>,
    /// What an environment of Alembic's is told.
    pub alembic: AlembicOptions,
    /// Which server; its major version is the one of the backup where that is known.
    pub server: ServerSpec,
    /// The major version that wins over the one of the backup.
    pub major: Option<u32>,
    /// What is measured, on which workload; its server and its backup are those of the drill.
    pub bench: Option<BenchOptions>,
    /// The folder of query tests.
    pub queries: Option<PathBuf>,
    /// Tables that must have rows.
    pub critical_tables: Vec<String>,
    /// A file of `pg_dumpall --globals-only`: the roles that may be made because a backup names them.
    pub globals: Option<PathBuf>,
    /// The superuser of a server whose physical backup is started.
    pub superuser: String,
    /// How many processes restore, where the kind of backup allows several.
    pub jobs: u32,
    /// How long all of it may take.
    pub timeout: Option<Duration>,
    /// How many bytes the copy may take on disk.
    pub max_disk: Option<u64>,
    /// Checks that are not made, by name.
    pub left_out: BTreeSet<String>,
    /// How many backups are looked at before the last good one is given up on.
    pub tries: usize,
    /// Whether a backup may be restored that could speak to other machines, where the server can't be
    /// kept from that.
    pub allow_network: bool,
}

impl Options {
    /// The defaults for backups and a folder of migrations.
    pub fn new(from: Backups, folder: impl Into<PathBuf>) -> Self {
        Self {
            from,
            fetch_wal: None,
            database: None,
            max_age: None,
            folder: folder.into(),
            tool: None,
            alembic: AlembicOptions::default(),
            server: ServerSpec::default(),
            major: None,
            bench: None,
            queries: None,
            critical_tables: Vec::new(),
            globals: None,
            superuser: "postgres".to_owned(),
            jobs: 1,
            timeout: None,
            max_disk: None,
            left_out: BTreeSet::new(),
            tries: 10,
            allow_network: false,
        }
    }
}

/// Drills the newest backup. What is wrong with it, with what is pending or with this machine is in the
/// result; an error means that the folder of migrations or the file of roles can't be used.
pub async fn drill(options: &Options, watch: &mut (dyn Watch + Send)) -> Result<Drilled, RunError> {
    let history = history(options)?;
    let roles = options.globals.as_deref().map(globals).transpose()?;
    let begun = Instant::now();
    let mut drill = Drill::new(options, roles, watch);
    let work = Box::pin(whole(&mut drill, history.as_ref(), begun));
    let stopped = match options.timeout {
        Some(limit) => match tokio::time::timeout(limit, work).await {
            Ok(ended) => ended,
            Err(_) => Err(Stop::late(limit)),
        },
        None => work.await,
    };
    Ok(drill.end(stopped.err()))
}

/// The history, if its folder is there.
fn history(options: &Options) -> Result<Option<History>, RunError> {
    let is_left_out = options.left_out.contains("rehearsal");
    if is_left_out || !options.folder.exists() {
        return Ok(None);
    }
    Ok(Some(History::load_with(&options.folder, options.tool, &options.alembic)?))
}

/// The roles that a file of globals makes.
fn globals(path: &Path) -> Result<BTreeSet<String>, RunError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| RunError::Read { path: path.to_owned(), source })?;
    Ok(backup::roles_made(&text))
}

async fn whole(
    drill: &mut Drill<'_>,
    history: Option<&History>,
    begun: Instant,
) -> Result<(), Stop> {
    let (found, _scratch) = find(drill).await?;
    drill.drilled.notes.extend(found.notes);
    let mut candidates = found.candidates.iter();
    let Some(newest) = candidates.next() else {
        return Err(Stop {
            verdict: Verdict::BadBackup,
            exit: Exit::BackupFailed,
            reason: format!("there is no backup {}", named(&drill.options.from)),
            help: Some("make one, `stairway backup`, or name another place".to_owned()),
        });
    };
    drill.tries(newest);
    let copy = Box::pin(copy::stand(drill, newest, Some(begun))).await?;
    if let Some(copy) = copy {
        let is_good = Box::pin(prove::prove(drill, &copy, history)).await;
        if matches!(is_good, Ok(true)) {
            drill.is_good(newest);
            Box::pin(go_on(drill, copy, history)).await?;
            // Queries that had to wait for the pending migrations are a proof as well.
            if drill.exam.wrong().is_none() {
                return Ok(());
            }
        } else {
            copy.close(drill).await;
            is_good?;
        }
    }
    drill.is_bad();
    // Of the ones before only the last good one is wanted.
    let exam = std::mem::take(&mut drill.exam);
    let older = candidates.take(drill.options.tries.saturating_sub(1));
    let ended = Box::pin(go_back(drill, older, history)).await;
    drill.exam = exam;
    if let Err(stop) = ended {
        drill.note(format!("the ones before were not looked at any more: {}", stop.reason));
    }
    Ok(())
}

/// With a good backup: what is pending, and how fast it is then.
async fn go_on(drill: &mut Drill<'_>, copy: Copy, history: Option<&History>) -> Result<(), Stop> {
    let will_measure = speed::is_wanted(drill);
    let climbed = Box::pin(climb::climb(drill, &copy, history, will_measure)).await;
    let mut backup = copy.backup();
    if let Err(stop) = climbed {
        copy.close(drill).await;
        return Err(stop);
    }
    Box::pin(speed::measure(drill, copy)).await?;
    record(drill, backup.as_mut());
    Ok(())
}

/// Writes down what is proven of a backup of ours.
fn record(drill: &mut Drill<'_>, backup: Option<&mut backup::Backup>) {
    let Some(backup) = backup else { return };
    let is_all = drill.exam.checks.iter().all(|check| match check.ended {
        Ended::Held | Ended::Absent => true,
        // Of the migrations nothing is said.
        _ => ["history", "rehearsal", "latency", "age"].contains(&check.name),
    });
    let level = if is_all { Level::Proven } else { Level::Restored };
    let folder = backup.path.parent().unwrap_or_else(|| Path::new("."));
    if let Err(error) = Store::at(folder).set_level(backup, level) {
        drill.note(format!("what is proven could not be written down: {}", causes(&error)));
    } else if let Some(newest) = drill.drilled.tried.first_mut() {
        newest.level = Some(backup.manifest.level.into());
    }
}

/// Looks for the last good backup.
async fn go_back(
    drill: &mut Drill<'_>,
    older: impl Iterator<Item = &Candidate>,
    history: Option<&History>,
) -> Result<(), Stop> {
    for candidate in older {
        drill.exam = Exam::default();
        drill.tries(candidate);
        if let Some(copy) = Box::pin(copy::stand(drill, candidate, None)).await? {
            let is_good = Box::pin(prove::prove(drill, &copy, history)).await;
            copy.close(drill).await;
            if is_good? {
                drill.is_good(candidate);
                return Ok(());
            }
        }
        drill.is_bad();
    }
    Ok(())
}

/// The backups, and the folder that was made for them, if one was.
async fn find(drill: &mut Drill<'_>) -> Result<(Found, Option<Scratch>), Stop> {
    let options = drill.options;
    let database = options.database.as_deref();
    let unusable = |error: &BackupError| Stop::here(Exit::Usage, causes(error));
    let (found, scratch) = match &options.from {
        Backups::One(path) => {
            let candidates = vec![candidates::at(path).await.map_err(|it| unusable(&it))?];
            (Found { candidates, ..Found::default() }, None)
        }
        Backups::Folder(folder) => {
            let found = candidates::in_folder(folder, database).await;
            (found.map_err(|it| unusable(&it))?, None)
        }
        Backups::Command(command) => {
            drill.begins("fetch");
            let scratch = Scratch::make();
            let scratch = scratch.map_err(|it| Stop::here(Exit::RehearsalFailed, causes(&it)))?;
            let filling = room::Filling::folder("fetched", scratch.folder());
            let fetching = backup::fetch(command, scratch.folder());
            room::watched(drill, filling, fetching).await?.map_err(|error| Stop {
                verdict: Verdict::BadBackup,
                ..Stop::here(Exit::BackupFailed, causes(&error))
                    .help("run the command by hand: it is to put a backup into $STAIRWAY_FETCH_TO")
            })?;
            let found = candidates::fetched(scratch.folder(), database).await;
            (found.map_err(|it| unusable(&it))?, Some(scratch))
        }
    };
    let names = candidates::databases(&found);
    if names.len() > 1 && database.is_none() {
        let reason = format!("there are backups of several databases: {}", names.join(", "));
        return Err(Stop::here(Exit::Usage, reason).help("say which one is meant with --of NAME"));
    }
    Ok((found, scratch))
}

fn named(from: &Backups) -> String {
    match from {
        Backups::Folder(folder) => format!("in {}", folder.display()),
        Backups::One(path) => format!("at {}", path.display()),
        Backups::Command(_) => "in what the command fetched".to_owned(),
    }
}
