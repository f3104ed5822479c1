//! Dumping with the server's own `pg_dump`.
//!
//! Knows how `pg_dump` is called and what of it can't be believed: nothing counts but a good end and
//! an archive that can be read.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::postgres::Target;

use super::child::{Child, command, connect};
use super::draft::Draft;
use super::manifest::FileSum;
use super::{Archive, ArchiveKind, BackupError, stream};

/// How a dump is to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One compressed file.
    Custom,
    /// A folder that so many processes write.
    Directory {
        /// How many, 1 or more.
        jobs: u32,
    },
}

/// From this size on, in bytes, one process takes too long to dump a database.
const LARGE: u64 = 10 << 30;
/// More processes than these read a server that others use.
const MOST_JOBS: usize = 4;

impl Format {
    /// How a database of `size` bytes is stored if nobody says so: one file, or, where it is large, a
    /// folder that as many processes write as there are processors, four at most.
    pub fn usual(size: u64) -> Self {
        if size < LARGE {
            return Self::Custom;
        }
        let there = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::Directory { jobs: u32::try_from(there.min(MOST_JOBS)).unwrap_or(1) }
    }
}

/// What to dump, and how.
#[derive(Clone, Debug)]
pub struct Dump<'a> {
    /// The folder of `pg_dump` and `pg_restore`, of the server's major version.
    pub programs: &'a Path,
    /// The database.
    pub target: &'a Target,
    /// The exported snapshot, as `pg_export_snapshot()` gave it.
    pub snapshot: &'a str,
    /// How it is stored.
    pub format: Format,
    /// How long `pg_dump` waits for a table that somebody has locked.
    pub lock_wait: Duration,
    /// Told how many bytes were written so far.
    pub progress: &'a watch::Sender<u64>,
}

/// How often the size of a folder that is being written is looked at.
const PULSE: Duration = Duration::from_millis(500);
/// The last lines that a program said.
const LINES: usize = 12;

/// Runs `pg_dump` into `draft`, to its end, and gives the files that it wrote, which are on disk.
/// If it fails, or this is dropped before, `pg_dump` is ended with all of its processes; what it
/// wrote goes with the draft.
pub async fn dump(wanted: &Dump<'_>, draft: &Draft) -> Result<Vec<FileSum>, BackupError> {
    // At the limit for the size of files a write is to fail; as it is, it would kill us.
    let _ = signal(SignalKind::from_raw(Signal::SIGXFSZ as i32));
    let path = draft.path();
    let files = match wanted.format {
        Format::Custom => custom(wanted, &path, draft.name()).await?,
        Format::Directory { jobs } => directory(wanted, &path, jobs).await?,
    };
    let archive = Archive::open(&path)?;
    if matches!(archive.kind, ArchiveKind::Plain | ArchiveKind::Tar) {
        let problem = "it is not of the form that was asked for".to_owned();
        return Err(BackupError::Unknown { path, problem });
    }
    read_by_pg_restore(&path, wanted.programs, "--list").await?;
    Ok(files)
}

/// Has `pg_restore` read all of a dump; nothing is restored.
pub async fn decode(path: &Path, programs: &Path) -> Result<(), BackupError> {
    read_by_pg_restore(path, programs, "--file=/dev/null").await
}

/// One file: it goes through our hands, so that what is hashed is what `pg_dump` wrote.
async fn custom(wanted: &Dump<'_>, path: &Path, name: String) -> Result<Vec<FileSum>, BackupError> {
    let written = || BackupError::write(path);
    let file = stream::new_file(path).map_err(written())?;
    let (reader, writer) = io::pipe().map_err(written())?;
    stream::widen(&reader);
    let mut command = pg_dump(wanted);
    command.arg("--format=custom").stdout(writer);
    let progress = wanted.progress.clone();
    let copy = move || {
        let sum = stream::copy(reader, &file, |bytes| {
            progress.send_replace(bytes);
        })?;
        file.sync_all()?;
        Ok(sum)
    };
    let copied = async {
        let copied = tokio::task::spawn_blocking(copy).await;
        copied.map_err(io::Error::from).flatten().map_err(written())
    };
    // If we can't write, `pg_dump` is ended at once.
    let ((bytes, sha256), ()) = tokio::try_join!(copied, run(wanted, command))?;
    Ok(vec![FileSum { name, bytes, sha256 }])
}

/// Many files: they are hashed when all are there.
async fn directory(wanted: &Dump<'_>, path: &Path, jobs: u32) -> Result<Vec<FileSum>, BackupError> {
    stream::new_folder(path).map_err(BackupError::write(path))?;
    let mut command = pg_dump(wanted);
    command.args(["--format=directory", &format!("--jobs={jobs}"), "--file"]).arg(path);
    command.stdout(Stdio::null());
    let mut pulse = tokio::time::interval(PULSE);
    let mut run = std::pin::pin!(run(wanted, command));
    loop {
        tokio::select! {
            ended = &mut run => break ended?,
            _ = pulse.tick() => {
                wanted.progress.send_replace(size(path));
            }
        }
    }
    wanted.progress.send_replace(size(path));
    let (folder, failed) = (path.to_owned(), BackupError::write(path));
    let sums = tokio::task::spawn_blocking(move || stream::settle_folder(&folder)).await;
    sums.map_err(io::Error::from).flatten().map_err(failed)
}

/// The size of what is in a folder so far.
fn size(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum()
}

fn pg_dump(wanted: &Dump<'_>) -> Command {
    let mut command = command(&wanted.programs.join("pg_dump"));
    let wait = wanted.lock_wait.as_millis().max(1);
    command
        .arg(format!("--snapshot={}", wanted.snapshot))
        .arg(format!("--lock-wait-timeout={wait}"))
        .arg("--no-password");
    connect(&mut command, wanted.target);
    command.env("PGAPPNAME", "stairway pg_dump");
    command
}

/// Runs it to a good end, or says how it ended.
async fn run(wanted: &Dump<'_>, command: Command) -> Result<(), BackupError> {
    let program = wanted.programs.join("pg_dump");
    let failed = BackupError::program(&program);
    let child = Child::start(command).map_err(BackupError::program(&program))?;
    let output = child.output().await.map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    let said = wanted.target.without_password(&String::from_utf8_lossy(&output.stderr));
    Err(ended("pg_dump", output.status, &said))
}

fn ended(program: &str, status: ExitStatus, said: &str) -> BackupError {
    BackupError::Dump { program: program.to_owned(), status, said: last_lines(said) }
}

/// The last lines of what a program said, after a colon if there are any.
pub(super) fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.trim().lines().collect();
    let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("\n");
    if last.is_empty() { last } else { format!(": {last}") }
}

async fn read_by_pg_restore(path: &Path, programs: &Path, how: &str) -> Result<(), BackupError> {
    let program = programs.join("pg_restore");
    let mut command = command(&program);
    command.arg(how).arg(path).stdout(Stdio::null());
    let child = Child::start(command).map_err(BackupError::program(&program))?;
    let output = child.output().await.map_err(BackupError::program(&program))?;
    if output.status.success() {
        return Ok(());
    }
    Err(BackupError::Unreadable {
        program: "pg_restore".to_owned(),
        path: path.to_owned(),
        message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::{Format, LARGE, MOST_JOBS};

    #[test]
    fn large_databases_are_written_by_several_processes() {
        assert_eq!(Format::usual(LARGE - 1), Format::Custom);
        let Format::Directory { jobs } = Format::usual(LARGE) else { panic!("one file") };
        assert!((1..=MOST_JOBS).contains(&usize::try_from(jobs).unwrap()));
    }
}
