//! What it costs that a runner applies migrations, against the same scripts with nothing around them.
//!
//! `apply` is the step of all recipes: a session made as new before each script, a transaction that
//! holds the version table's row too, COMMIT as a message of its own. Its floor is one session that
//! sends each script as it is. `upgrade` is the whole program, without a backup and so without a
//! rehearsal: its start, recover, preflight, lock, journal, moves, validation and report; its floor is psql
//! with one file of the same scripts, each in its transaction. Both begin with an empty database on a
//! server with its defaults, where a COMMIT waits for the disk. What a climb adds is in `climb`.
//!
//! ```text
//! cargo bench --bench runner                   # the clinic: 32 migrations
//! STAIRWAY_BENCH_SHORT=1 cargo bench --bench runner
//! ```

mod ground;
mod ratio;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use criterion::Criterion;
use ground::Ground;
use ratio::Result;
use stairway::migrations::{History, Wrap};
use stairway::postgres::{Session, Target};
use stairway::server::Profile;
use stairway::steps::{Ledger, apply};

fn main() -> Result<()> {
    let mut criterion = ratio::criterion()?;
    let ground = Ground::new(Profile::Faithful)?;
    report(&mut criterion, &ground)?;
    ground.end()?;
    criterion.final_summary();
    Ok(())
}

fn report(criterion: &mut Criterion, ground: &Ground) -> Result<()> {
    let history = ground::clinic()?;
    let count = history.migrations.len();
    let mut group = criterion.benchmark_group("runner");

    let what = format!("{count} migrations applied");
    let ours = || on_empty(ground, |target| ground.runtime.block_on(applied(target, &history)));
    let floor = || on_empty(ground, |target| ground.runtime.block_on(sent(target, &history)));
    ratio::compare(&mut group, "apply", (&what, "one session"), ours, floor);

    if let Some(psql) = ground.program("psql") {
        let scratch = tempfile::tempdir()?;
        let file = scratch.path().join("all.sql");
        std::fs::write(&file, script(&history)?)?;
        let what = format!("stairway upgrade of {count} migrations");
        let ours = || on_empty(ground, |target| ground::timed(upgrade(target, scratch.path())?));
        let floor = || on_empty(ground, |target| ground::timed(fed(&psql, target, &file)));
        ratio::compare(&mut group, "upgrade", (&what, "psql"), ours, floor);
    } else {
        ratio::skip("runner/upgrade", "there is no psql for this server");
    }
    group.finish();
    Ok(())
}

/// The time that `work` took in a database of its own.
fn on_empty(ground: &Ground, work: impl FnOnce(&Target) -> Result<Duration>) -> Result<Duration> {
    let database = ground.empty()?;
    let took = work(&database.target)?;
    ground.drop(database)?;
    Ok(took)
}

async fn applied(target: &Target, history: &History) -> Result<Duration> {
    let start = Instant::now();
    let mut session = Session::connect(target, "runner").await?;
    let ledger = Ledger::ensure(&mut session, &history.records).await?;
    for migration in &history.migrations {
        apply(&mut session, &ledger, migration).await?;
    }
    session.close().await?;
    Ok(start.elapsed())
}

async fn sent(target: &Target, history: &History) -> Result<Duration> {
    let start = Instant::now();
    ground::bare(target, history).await?;
    Ok(start.elapsed())
}

/// All upgrades as one file for psql.
fn script(history: &History) -> Result<String> {
    let mut text = String::new();
    for migration in &history.migrations {
        let upgrade = &migration.upgrade;
        match upgrade.wrap {
            Wrap::Statements => {
                for statement in ground::messages(upgrade)? {
                    writeln!(text, "{statement};")?;
                }
            }
            _ => writeln!(text, "BEGIN;\n{}\n;COMMIT;", upgrade.text)?,
        }
    }
    Ok(text)
}

fn fed(psql: &Path, target: &Target, file: &Path) -> Command {
    let mut command = ground::client(psql, target);
    command.args(["-X", "-q", "--no-password", "-v", "ON_ERROR_STOP=1", "-f"]).arg(file);
    command
}

/// The program with nothing of the caller's settings, in a deployment of its own below `scratch`.
fn upgrade(target: &Target, scratch: &Path) -> Result<Command> {
    let deployment = tempfile::tempdir_in(scratch)?.keep();
    let mut command = ground::client(Path::new(env!("CARGO_BIN_EXE_stairway")), target);
    for variable in stairway::env::ALL {
        command.env_remove(variable.name);
    }
    command
        .args(["upgrade", "--skip-backup", "--env", "development", "--migrations"])
        .arg(ground::clinic_folder())
        .current_dir(&deployment)
        .env("DEPLOYMENT_DIR", &deployment)
        .env("DATABASE_URL", target.url_with_password());
    Ok(command)
}
