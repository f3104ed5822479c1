//! What a drill costs over bare `pg_restore -j2`.
//!
//! The floor is the same program with the same options into an empty database of a server with the same
//! settings, by itself. Against it stands the part of a drill that restores (`restore`); the proofs
//! together are held against that part (`proofs`). Both restores are made in alternation, each on a server
//! of its own, and what counts are the ratios of wall time, which are worth something on idle cores only.
//!
//! ```text
//! cargo bench --bench drill                      # a backup of 100 MB
//! STAIRWAY_BENCH_MB=1000 cargo bench --bench drill
//! ```

mod ratio;
mod wide;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ratio::{Result, Turns};
use stairway::backup::{Backup, Format, Store};
use stairway::runs::Silent;
use stairway::runs::drill::{self, Backups, Options, Verdict};
use stairway::server::{Profile, Server, ServerSpec, Template, client_programs};
use stairway::steps::{self, BackupRequest};
use tokio::sync::watch;

const JOBS: u32 = 2;

fn main() -> Result<()> {
    if ratio::is_list() {
        return Ok(());
    }
    let megabytes = ratio::number("STAIRWAY_BENCH_MB", 100, 20)?;
    let rounds = ratio::rounds(3, 3)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(report(megabytes, rounds))
}

async fn report(megabytes: u32, rounds: u32) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let spec = ServerSpec::from_env()?;
    let server = Server::acquire(&spec).await?;
    let major = server.version().major;
    let programs = match client_programs(major) {
        Ok(programs) => programs,
        Err(none) => {
            ratio::skip("drill", none.to_string().lines().next().unwrap_or_default());
            return Ok(server.stop().await?);
        }
    };
    let database = server.create_database(Template::Empty).await?;
    let size = wide::fill(&database.target, megabytes).await?;
    let store = Store::open(&scratch.path().join("backups"))?;
    let request = BackupRequest {
        run: "bench".to_owned(),
        format: Format::Custom,
        lock_wait: Duration::from_secs(10),
        ignore: Vec::new(),
        schema_digest: None,
        applied: Vec::new(),
        progress: watch::Sender::new(0),
    };
    let backup = steps::backup(&database.target, &programs, &store, &request).await?;
    println!("PostgreSQL {}, a database of {size}; {rounds} rounds", server.version());
    server.stop().await?;
    let (mut restores, mut proofs) = (Turns::default(), Turns::default());
    for round in 0..rounds {
        // Who comes first finds caches as the other one left them.
        let is_bare_first = round % 2 == 0;
        let mut floor = Duration::ZERO;
        if is_bare_first {
            floor = bare(&spec, major, &programs.folder, &backup).await?;
        }
        let [restore, prove] = drilled(&spec, &backup).await?;
        if !is_bare_first {
            floor = bare(&spec, major, &programs.folder, &backup).await?;
        }
        restores.add_seconds(restore, floor.as_secs_f64());
        proofs.add_seconds(prove, restore);
    }
    restores.say(&format!("restore -Fc -j 2 of {size}"), "pg_restore");
    proofs.say(&format!("proofs of {size}"), "the restore");
    Ok(())
}

/// `pg_restore` by itself, into a server like that of a drill.
async fn bare(spec: &ServerSpec, major: u32, programs: &Path, backup: &Backup) -> Result<Duration> {
    let spec = ServerSpec {
        major: Some(major),
        profile: Profile::Faithful,
        cut_off: true,
        ..spec.clone()
    };
    let server = Server::acquire(&spec).await?;
    let copy = server.create_database(Template::Empty).await?;
    let start = Instant::now();
    let status = Command::new(programs.join("pg_restore"))
        .envs(copy.target.libpq_environment())
        .args(["--no-password", &format!("--jobs={JOBS}"), "--dbname", &copy.name])
        .arg(&backup.path)
        .stdin(Stdio::null())
        .status()?;
    let took = start.elapsed();
    server.stop().await?;
    if status.success() { Ok(took) } else { Err(format!("pg_restore: {status}").into()) }
}

/// How long a drill restores, and how long it proves, in seconds.
async fn drilled(spec: &ServerSpec, backup: &Backup) -> Result<[f64; 2]> {
    let mut options = Options::new(Backups::One(backup.path.clone()), "no migrations");
    options.server = spec.clone();
    options.jobs = JOBS;
    options.left_out = ["rehearsal".to_owned()].into();
    let drilled = drill::drill(&options, &mut Silent).await?;
    if drilled.verdict != Verdict::Ok {
        return Err(format!("{drilled:#?}").into());
    }
    let seconds =
        |name: &str| drilled.phases.iter().filter(|it| it.name == name).map(|it| it.seconds).sum();
    Ok([seconds("restore"), seconds("prove")])
}
