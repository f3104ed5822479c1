//! `stairway drill`

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args as Arguments, ValueEnum};

use crate::config::{Config, Deployment, DeploymentFlags, DrillSettings};
use crate::report::{
    ErrorReport, Style, drill_html, drill_html_unfinished, drill_json, drill_json_unfinished,
    drill_markdown, drill_text, prometheus,
};
use crate::runs::BenchOptions;
use crate::runs::drill::{self, ALWAYS, Backups, CHECKS, Drilled, Options};

use super::args::{FolderArgs, MetricsArgs, ServerArgs};
use super::forms::{Form, FormedReports};
use super::monitor::Monitor;
use super::printer::Printer;
use super::progress::Narrator;
use super::reports::{Wanted, time, wanted};
use super::{Failure, Outcome, settings};

#[derive(Debug, Arguments)]
#[command(
    after_help = "The newest backup is restored on a server of its own without a network, held against its manifest, \
                        looked through, and what is pending is applied, taken back and applied again. If it is bad, the ones \
                        before are looked at, up to the last good one.\n\n\
                        Checks: age, digest, roles, extensions, rows, schema, foreign-keys, indexes, sequences, matviews, \
                        tables, queries, amcheck, history, rehearsal, latency; restore and isolation can't be left out.\n\n\
                        Exit codes: 0 ok, 2 usage or configuration, 3 no server that could hold it, 12 the newest backup is stale \
                        or none is good, 13 the newest is bad and an older one is good, or the rehearsal or the drill failed, \
                        14 too slow, 15 a check could not be made.\n\n\
                        Examples:\n  stairway drill\n  stairway drill --backups /backup --max-age 26h --jobs 2\n  \
                        stairway drill --backup nightly.sql.gz --leave-out rehearsal\n  \
                        stairway drill --fetch 'rclone copy store:shop/latest.dump .' --report json=drill.json"
)]
pub(super) struct DrillArgs {
    #[command(flatten)]
    pub(super) folder: FolderArgs,
    #[command(flatten)]
    pub(super) server: ServerArgs,
    /// The folder of backups: ours with manifests, dumps of pg_dump, also compressed, or folders of
    /// pg_basebackup
    /// [default: stairway.toml, BACKUP_DIR, backups/migrations]
    #[arg(long, value_name = "DIR")]
    pub(super) backups: Option<PathBuf>,
    /// One backup: a file, or a folder that pg_dump or pg_basebackup wrote
    #[arg(long, value_name = "FILE", conflicts_with_all = ["backups", "fetch"])]
    pub(super) backup: Option<PathBuf>,
    /// A shell command that puts a backup into the folder that it is run in, STAIRWAY_FETCH_TO
    /// [default: stairway.toml]
    #[arg(long, value_name = "COMMAND", conflicts_with = "backups")]
    pub(super) fetch: Option<String>,
    /// A shell command that brings one file of archived WAL, its name %f to the path %p, as restore_command
    /// does: what followed a physical backup is replayed [default: stairway.toml]
    #[arg(long, value_name = "COMMAND")]
    pub(super) fetch_wal: Option<String>,
    /// Of which database, where the folder has backups of several [default: stairway.toml]
    #[arg(long, value_name = "DATABASE")]
    pub(super) of: Option<String>,
    /// How old the newest backup may be, for example 26h or 2d [default: stairway.toml, no limit]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) max_age: Option<Duration>,
    /// How many backups are looked at for the last good one
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) tries: u16,
    /// How many processes restore [default: stairway.toml, as many as there are processors, 4 at most]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) jobs: Option<u16>,
    /// A file of pg_dumpall --globals-only: a role that a backup names and that is not in it is missing
    /// [default: stairway.toml, all roles are made]
    #[arg(long, value_name = "FILE")]
    pub(super) globals: Option<PathBuf>,
    /// The superuser of the server whose physical backup is started
    #[arg(long, value_name = "ROLE", default_value = "postgres")]
    pub(super) superuser: String,
    /// A folder of query tests: each query passes if it gives no row, or only true [default:
    /// stairway.toml, checks in the deployment directory, if it is there]
    #[arg(long, value_name = "DIR")]
    pub(super) checks: Option<PathBuf>,
    /// A table that must be there and have rows; may be given more than once [default: stairway.toml]
    #[arg(long, value_name = "TABLE")]
    pub(super) critical_table: Vec<String>,
    /// The folder of queries whose p95 is measured [default: stairway.toml, workload if it is there]
    #[arg(long, value_name = "DIR")]
    pub(super) workload: Option<PathBuf>,
    /// How long all of it may take, for example 2h [default: stairway.toml, no limit]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) timeout: Option<Duration>,
    /// How much the copy may take on disk, for example 20GB [default: stairway.toml, what is free]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(super) max_disk: Option<u64>,
    /// A check that is not made; may be given more than once [default: stairway.toml]
    #[arg(long, value_name = "CHECK", value_parser = check)]
    pub(super) leave_out: Vec<String>,
    /// Restore also what could speak to other machines, on a server that can't be cut off from them
    #[arg(long)]
    pub(super) allow_network: bool,
    /// production, staging or development: reads .env.<name> [default: production]
    #[arg(long, value_name = "NAME")]
    pub(super) env: Option<String>,
    /// The folder of .env.<name> and backups [default: DEPLOYMENT_DIR, the current one]
    #[arg(long, value_name = "DIR")]
    pub(super) deployment_dir: Option<PathBuf>,
    /// The form of the report
    #[arg(long, value_enum, default_value = "text", value_name = "FORM")]
    pub(super) format: DrillFormat,
    /// Write the report into a file instead of to stdout
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Write another report into a file, in any form of --format; may be given more than once
    #[arg(long, value_name = "FORM=PATH", value_parser = wanted::<DrillFormat>)]
    pub(super) report: Vec<Wanted<DrillFormat>>,
    #[command(flatten)]
    pub(super) metrics: MetricsArgs,
    /// Say nothing but the report
    #[arg(long, short)]
    pub(super) quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum DrillFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// For the summary of a job
    Markdown,
    /// One page that needs no network
    Html,
}

/// Reads `500MB` or `20GB`.
fn size(text: &str) -> Result<u64, String> {
    let units =
        [("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000)];
    let found = units.iter().find_map(|(unit, bytes): &(&str, u64)| {
        let number: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        number.checked_mul(*bytes).filter(|bytes| *bytes > 0)
    });
    found.ok_or_else(|| format!("{text:?} is no size above zero, as in 500MB or 20GB"))
}

/// The name of a check that can be left out.
fn check(name: &str) -> Result<String, String> {
    let can_be = |known: &&str| !ALWAYS.contains(known);
    if CHECKS.iter().map(|(known, _)| *known).filter(can_be).any(|known| known == name) {
        return Ok(name.to_owned());
    }
    let known: Vec<&str> = CHECKS.iter().map(|(known, _)| *known).filter(can_be).collect();
    Err(format!("no check is called {name:?} that can be left out; known are {}", known.join(", ")))
}

pub(super) async fn run(args: &DrillArgs, monitor: &mut Monitor, printer: &mut Printer) -> Outcome {
    let reports = FormedReports::begin(args.format, args.output.as_deref(), &args.report)?;
    match Box::pin(drilled(args, monitor, printer)).await {
        Ok(drilled) => {
            monitor.metrics.add(prometheus::drill(&drilled));
            monitor.traces.drill(&drilled);
            reports.finish(&drilled, printer)?;
            Ok(drilled.exit)
        }
        Err(failure) => {
            if let Err(unwritten) = reports.fail(&failure, printer) {
                printer.error(unwritten.error.as_ref());
            }
            Err(failure)
        }
    }
}

async fn drilled(
    args: &DrillArgs,
    monitor: &mut Monitor,
    printer: &mut Printer,
) -> Result<Drilled, Failure> {
    let config = Config::load().map_err(Failure::usage)?;
    let options = options(args, &config)?;
    let mut narrator = Narrator::new(printer, args.quiet).traced(&mut monitor.traces);
    let drilled = Box::pin(drill::drill(&options, &mut narrator)).await;
    printer.finish_bar();
    drilled.map_err(|error| Failure::new(error.exit(), error))
}

fn options(args: &DrillArgs, config: &Config) -> Result<Options, Failure> {
    let written = config.drill().map_err(Failure::usage)?;
    let flags = DeploymentFlags {
        environment: args.env.clone(),
        directory: args.deployment_dir.clone(),
        ..DeploymentFlags::default()
    };
    let usual = Deployment::backups(&flags, config).map_err(Failure::usage)?;
    let mut options =
        Options::new(backups(args, &written, usual), settings::folder(&args.folder, config));
    if args.folder.migrations.is_some() && !options.folder.exists() {
        let folder = options.folder.display();
        return Err(Failure::usage(format!("there is no folder of migrations {folder}")));
    }
    options.tool = settings::tool(&args.folder, config)?;
    options.alembic = config.alembic(&args.folder.x);
    options.server = settings::server(&args.server, config)?;
    options.major = args.server.postgres;
    options.fetch_wal = args.fetch_wal.clone().or_else(|| written.fetch_wal.clone());
    options.database = args.of.clone().or(written.database);
    options.max_age = args.max_age.or(written.max_age);
    options.globals = args.globals.clone().or(written.globals);
    let named =
        args.checks.clone().or(written.checks).or_else(|| config.checks().map(Path::to_owned));
    if let Some(folder) = named.as_ref().filter(|folder| !folder.is_dir()) {
        return Err(Failure::usage(format!(
            "there is no folder of query tests {}",
            folder.display()
        )));
    }
    let beside = Deployment::folder(&flags, config).map_err(Failure::usage)?.join("checks");
    options.queries = named.or_else(|| Some(beside).filter(|folder| folder.is_dir()));
    options.critical_tables = match args.critical_table.as_slice() {
        [] => config.critical_tables().to_vec(),
        named => named.to_vec(),
    };
    options.bench = bench(args, config, &options)?;
    options.jobs = args.jobs.map(u32::from).or(written.jobs).unwrap_or_else(usual_jobs);
    options.timeout = args.timeout.or(written.timeout);
    options.max_disk = args.max_disk.or(written.max_disk);
    for name in &written.leave_out {
        check(name)
            .map_err(|why| Failure::usage(format!("stairway.toml: drill.leave-out: {why}")))?;
    }
    options.left_out = args.leave_out.iter().cloned().chain(written.leave_out).collect();
    options.superuser.clone_from(&args.superuser);
    options.tries = args.tries.into();
    options.allow_network = args.allow_network;
    Ok(options)
}

fn backups(args: &DrillArgs, written: &DrillSettings, usual: PathBuf) -> Backups {
    match (&args.backup, &args.backups, &args.fetch) {
        (Some(path), ..) => Backups::One(path.clone()),
        (None, Some(folder), _) => Backups::Folder(folder.clone()),
        (None, None, Some(command)) => Backups::Command(command.clone()),
        (None, None, None) => match (&written.fetch, &written.backups) {
            (Some(command), _) => Backups::Command(command.clone()),
            (None, Some(folder)) => Backups::Folder(folder.clone()),
            (None, None) => Backups::Folder(usual),
        },
    }
}

/// Restoring has a machine to itself, but for the server.
fn usual_jobs() -> u32 {
    const MOST: usize = 4;
    let there = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(there.min(MOST)).unwrap_or(1)
}

/// What is measured, if there is a workload.
fn bench(
    args: &DrillArgs,
    config: &Config,
    options: &Options,
) -> Result<Option<BenchOptions>, Failure> {
    let written = config.bench().map_err(Failure::usage)?;
    let named = args.workload.clone().or(written.workload);
    if let Some(folder) = named.as_ref().filter(|folder| !folder.is_dir()) {
        return Err(Failure::usage(format!("there is no workload {}", folder.display())));
    }
    let usual = || Some(PathBuf::from("workload")).filter(|folder| folder.is_dir());
    let Some(workload) = named.or_else(usual) else { return Ok(None) };
    let mut bench = BenchOptions::new(options.folder.clone(), workload);
    bench.tool = options.tool;
    bench.alembic = options.alembic.clone();
    bench.budget = written.budget.unwrap_or(bench.budget);
    bench.rate = written.rate.unwrap_or(bench.rate);
    bench.production_rows = written.production_rows;
    Ok(Some(bench))
}

impl Form for DrillFormat {
    type Outcome = Drilled;

    const FOR_PEOPLE: Self = Self::Text;

    fn text(self, drilled: &Drilled, _: Style) -> String {
        match self {
            Self::Text => drill_text(drilled),
            Self::Json => drill_json(drilled),
            Self::Markdown => drill_markdown(drilled),
            Self::Html => drill_html(drilled),
        }
    }

    fn unfinished(self, error: &ErrorReport, seconds: f64) -> String {
        match self {
            Self::Text => format!("error: {}\n", error.text()),
            Self::Json => drill_json_unfinished(error, seconds),
            Self::Html => drill_html_unfinished(error, seconds),
            Self::Markdown => {
                format!("### Stairway drill: not finished\n\n```text\n{}\n```\n", error.text())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{check, size, time};

    #[test]
    fn words_of_the_command_line() {
        assert_eq!(time("26h").unwrap().as_secs(), 93_600);
        assert_eq!(time("2d").unwrap().as_secs(), 172_800);
        assert_eq!(time("90min").unwrap().as_secs(), 5400);
        assert!(time("0h").is_err() && time("soon").is_err());
        assert_eq!(size("20GB"), Ok(20_000_000_000));
        assert!(size("0GB").is_err() && size("20").is_err());
        assert!(check("amcheck").is_ok());
        assert!(check("restore").unwrap_err().contains("known are age"));
    }
}
