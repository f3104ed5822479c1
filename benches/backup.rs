//! What a backup costs over bare `pg_dump`, and a restore over bare `pg_restore`.
//!
//! The floor is the same program with the same options, writing its file by itself. Against it stand
//! the dump through our hands with its digest (`dump`), the whole backup with the counts and hashes of
//! all tables (`backup`), and the restore (`restore`); the counting alone is printed besides. All are
//! done in alternation, and what counts are the ratios of wall time, which are worth something on idle
//! cores only: hashing has one of its own beside that of `pg_dump`.
//!
//! ```text
//! cargo bench --bench backup                    # a database of 100 MB
//! STAIRWAY_BENCH_MB=1000 cargo bench --bench backup
//! STAIRWAY_BENCH_ROUNDS=5 cargo bench --bench backup
//! ```

mod ratio;
mod wide;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ratio::{Result, Turns};
use stairway::backup::{self, Archive, Backup, Dump, Format, Kind, Store};
use stairway::postgres::{Session, Target};
use stairway::server::{Database, Programs, Server, ServerSpec, Template, client_programs};
use stairway::steps::{self, BackupRequest, contents};
use tokio::sync::watch;

const WAIT: Duration = Duration::from_secs(10);

fn main() -> Result<()> {
    if ratio::is_list() {
        return Ok(());
    }
    let megabytes = ratio::number("STAIRWAY_BENCH_MB", 100, 20)?;
    let rounds = ratio::rounds(3, 3)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::acquire(&ServerSpec::from_env()?).await?;
        let result = report(&server, megabytes, rounds).await;
        server.stop().await?;
        result
    })
}

async fn report(server: &Server, megabytes: u32, rounds: u32) -> Result<()> {
    let programs = match client_programs(server.version().major) {
        Ok(programs) => programs,
        Err(none) => {
            ratio::skip("backup", none.to_string().lines().next().unwrap_or_default());
            return Ok(());
        }
    };
    let database = server.create_database(Template::Empty).await?;
    let target = &database.target;
    let size = wide::fill(target, megabytes).await?;
    println!(
        "PostgreSQL {}, a database of {size}; wall time, the median of {rounds} rounds",
        server.version()
    );
    let scratch = tempfile::tempdir()?;
    let formats = [("-Fc", Format::Custom), ("-Fd -j 2", Format::Directory { jobs: 2 })];
    for (name, format) in formats {
        let mut measured: Vec<[Duration; 5]> = Vec::new();
        for round in 0..rounds {
            let folder = scratch.path().join(format!("{name}{round}"));
            let store = Store::open(&folder)?;
            let bare_file = folder.join("bare");
            // Who comes first finds caches as another one left them.
            let is_bare_first = round % 2 == 0;
            let (mut bare, mut floor) = (Duration::ZERO, Duration::ZERO);
            if is_bare_first {
                bare = bare_dump(&programs, target, &bare_file, format)?;
            }
            let dumped = dump(&programs, target, &store, format).await?;
            let (backup, took) = back_up(&programs, target, &store, format).await?;
            if !is_bare_first {
                bare = bare_dump(&programs, target, &bare_file, format)?;
            }
            if is_bare_first {
                floor = bare_restore(server, &programs, &bare_file).await?;
            }
            let restored = restore(server, &programs, &backup).await?;
            if !is_bare_first {
                floor = bare_restore(server, &programs, &bare_file).await?;
            }
            measured.push([bare, dumped, took, floor, restored]);
            std::fs::remove_dir_all(&folder)?;
        }
        let pairs = [
            ("dump", "pg_dump", 0, 1),
            ("backup", "pg_dump", 0, 2),
            ("restore", "pg_restore", 3, 4),
        ];
        for (what, program, floor, ours) in pairs {
            let mut turns = Turns::default();
            for times in &measured {
                turns.add(times[ours], times[floor]);
            }
            turns.say(&format!("{what} {name} of {size}"), program);
        }
    }
    println!("counting alone: {:.2} s", count(target).await?.as_secs_f64());
    server.drop_database(database).await?;
    Ok(())
}

fn bare(program: &Path, target: &Target) -> Command {
    let mut command = Command::new(program);
    command.envs(target.libpq_environment()).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn timed(mut command: Command) -> Result<Duration> {
    let start = Instant::now();
    let status = command.status()?;
    if status.success() {
        Ok(start.elapsed())
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}

fn bare_dump(programs: &Programs, target: &Target, to: &Path, format: Format) -> Result<Duration> {
    let mut command = bare(&programs.folder.join("pg_dump"), target);
    match format {
        Format::Custom => command.arg("-Fc"),
        Format::Directory { jobs } => command.arg("-Fd").arg(format!("-j{jobs}")),
    };
    command.args(["--no-password", "--lock-wait-timeout=10000", "-f"]).arg(to);
    timed(command)
}

/// What `pg_dump` writes, through our hands.
async fn dump(
    programs: &Programs,
    target: &Target,
    store: &Store,
    format: Format,
) -> Result<Duration> {
    let mut session = Session::connect(target, "view").await?;
    session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let snapshot = session.value("SELECT pg_export_snapshot()").await?.unwrap_or_default();
    let progress = watch::Sender::new(0);
    let start = Instant::now();
    let draft = store.begin(Kind::Custom)?;
    let wanted = Dump {
        programs: &programs.folder,
        target,
        snapshot: &snapshot,
        format,
        lock_wait: WAIT,
        progress: &progress,
    };
    backup::dump(&wanted, &draft).await?;
    let took = start.elapsed();
    session.close().await?;
    Ok(took)
}

async fn back_up(
    programs: &Programs,
    target: &Target,
    store: &Store,
    format: Format,
) -> Result<(Backup, Duration)> {
    let request = BackupRequest {
        run: "bench".to_owned(),
        format,
        lock_wait: WAIT,
        ignore: Vec::new(),
        schema_digest: None,
        applied: Vec::new(),
        progress: watch::Sender::new(0),
    };
    let start = Instant::now();
    let backup = steps::backup(target, programs, store, &request).await?;
    Ok((backup, start.elapsed()))
}

async fn bare_restore(server: &Server, programs: &Programs, from: &Path) -> Result<Duration> {
    let copy = server.create_database(Template::Empty).await?;
    let name = copy.target.database_name().unwrap_or_default().to_owned();
    let mut command = bare(&programs.folder.join("pg_restore"), &copy.target);
    command.args(["--no-password", "--dbname", &name]).arg(from);
    let took = timed(command)?;
    server.drop_database(copy).await?;
    Ok(took)
}

async fn restore(server: &Server, programs: &Programs, from: &Backup) -> Result<Duration> {
    let copy: Database = server.create_database(Template::Empty).await?;
    let start = Instant::now();
    let archive = Archive::open(&from.path)?;
    let problems = backup::restore(&archive, &copy.target, &programs.folder).await?;
    let took = start.elapsed();
    server.drop_database(copy).await?;
    if problems.is_empty() { Ok(took) } else { Err(format!("{problems:?}").into()) }
}

/// How long the counts and hashes take by themselves.
async fn count(target: &Target) -> Result<Duration> {
    let mut session = Session::connect(target, "count").await?;
    session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let start = Instant::now();
    contents(&mut session, &[]).await?;
    let took = start.elapsed();
    session.close().await?;
    Ok(took)
}
