//! `stairway bench`

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as Arguments, ValueEnum};

use crate::checks::Budgets;
use crate::config::Config;
use crate::finding::Verdict;
use crate::report::{
    ErrorReport, Style, bench_html, bench_html_unfinished, bench_json, bench_json_unfinished,
    bench_text, bench_text_unfinished, prometheus,
};
use crate::runs::{self, BenchOptions, Benched};
use crate::workload::{self, Protocol};

use super::args::{FolderArgs, MetricsArgs, ServerArgs};
use super::forms::{Form, FormedReports};
use super::monitor::Monitor;
use super::printer::Printer;
use super::progress::Narrator;
use super::reports::{Wanted, wanted};
use super::{Exit, Failure, Outcome, settings};

/// Requests a second.
const RATES: std::ops::RangeInclusive<f64> = 0.1..=100_000.0;

#[derive(Debug, Arguments)]
#[command(
    after_help = "A query is a file of the workload, with its parameters as :name and a header:\n\n  \
                        -- stairway: weight 3\n  -- stairway: budget 20ms\n  \
                        -- stairway: param customer from SELECT id FROM public.customer\n  \
                        SELECT * FROM public.orders WHERE customer_id = :customer\n\n\
                        Exit codes: 0 within all budgets and nothing slower, 1 findings that are errors, 15 nobody can \
                        tell, 2 usage or configuration, 3 no server could be had.\n\n\
                        Examples:\n  stairway bench --backup nightly.dump --budget 150ms\n  \
                        stairway bench --since -3 --scale 50000 --rate 400\n  \
                        stairway bench --backup nightly.dump --format json --output p95.json\n  \
                        stairway bench --backup nightly.dump --format html --output bench.html"
)]
pub(super) struct BenchArgs {
    /// The folder of migrations, like --migrations
    #[arg(value_name = "DIR", conflicts_with = "migrations")]
    pub(super) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(super) folder: FolderArgs,
    #[command(flatten)]
    pub(super) server: ServerArgs,
    /// The folder of queries [default: stairway.toml, workload]
    #[arg(long, value_name = "DIR")]
    pub(super) workload: Option<PathBuf>,
    /// Measure on this pg_dump archive (-Fc, -Fd, -Ft or plain) and what is pending from there
    #[arg(long, value_name = "FILE")]
    pub(super) backup: Option<PathBuf>,
    /// Without a backup: so many rows are made up for each table
    #[arg(long, value_name = "ROWS", default_value = "10000", conflicts_with = "backup",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) scale: u32,
    /// Without a backup: measure what comes after this revision: an id, its unique prefix, base or -N
    /// [default: -1]
    #[arg(long, value_name = "REV", allow_hyphen_values = true, conflicts_with = "backup")]
    pub(super) since: Option<String>,
    /// The p95 of all requests must be under this [default: stairway.toml, 150ms]
    #[arg(long, value_name = "TIME", value_parser = workload::duration)]
    pub(super) budget: Option<Duration>,
    /// Requests a second, by a fixed schedule [default: stairway.toml, 200]
    #[arg(long, value_name = "N", value_parser = rate)]
    pub(super) rate: Option<f64>,
    /// Requests in one run
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub(super) requests: u32,
    /// Independent runs, each on connections of its own
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(3..=100))]
    pub(super) runs: u32,
    /// Turns of 200 requests on the database before and on the one after, in pairs; 0 compares nothing
    #[arg(long, value_name = "N", default_value = "10", value_parser = pairs)]
    pub(super) pairs: u32,
    /// Connections; a request waits for one that is free, and that counts
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u32).range(1..=200))]
    pub(super) connections: u32,
    /// How queries are sent
    #[arg(long, value_enum, default_value = "prepared", value_name = "PROTOCOL")]
    pub(super) protocol: ProtocolArg,
    /// A difference before and after up to this is none
    #[arg(long, value_name = "TIME", default_value = "500us", value_parser = workload::duration)]
    pub(super) floor: Duration,
    /// Don't watch what the migrations lock, rewrite and write
    #[arg(long)]
    pub(super) no_impact: bool,
    /// The same seed gives the same values in the same order
    #[arg(long, value_name = "N", default_value = "0")]
    pub(super) seed: u64,
    /// The form of the report
    #[arg(long, value_enum, default_value = "text", value_name = "FORM")]
    pub(super) format: BenchFormat,
    /// Write the report into a file instead of to stdout
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Write another report into a file, in any form of --format; may be given more than once
    #[arg(long, value_name = "FORM=PATH", value_parser = wanted::<BenchFormat>)]
    pub(super) report: Vec<Wanted<BenchFormat>>,
    #[command(flatten)]
    pub(super) metrics: MetricsArgs,
    /// Say nothing but the report
    #[arg(long, short)]
    pub(super) quiet: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ProtocolArg {
    /// Prepared once on each connection
    Prepared,
    /// As text, planned each time
    Simple,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum BenchFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// One page that needs no network, with curves and timelines
    Html,
}

fn pairs(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|pairs| matches!(pairs, 0 | 3..=1000));
    number.ok_or_else(|| format!("{text:?} is neither 0 nor a number from 3 to 1000"))
}

fn rate(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches("/s").parse();
    number
        .ok()
        .filter(|rate: &f64| RATES.contains(rate))
        .ok_or_else(|| format!("{text:?} is no number of requests a second from 0.1 to 100000"))
}

pub(super) async fn run(
    mut args: BenchArgs,
    monitor: &mut Monitor,
    printer: &mut Printer,
) -> Outcome {
    if let Some(dir) = args.dir.take() {
        args.folder.migrations = Some(dir);
    }
    let reports = FormedReports::begin(args.format, args.output.as_deref(), &args.report)?;
    match Box::pin(measured(&args, monitor, printer)).await {
        Ok(benched) => {
            monitor.metrics.add(prometheus::bench(&benched));
            monitor.traces.bench(&benched);
            reports.finish(&benched, printer)?;
            Ok(match benched.verdict {
                Verdict::Pass => Exit::Clean,
                Verdict::Fail => Exit::Findings,
                Verdict::Inconclusive => Exit::GateInconclusive,
            })
        }
        Err(failure) => {
            if let Err(unwritten) = reports.fail(&failure, printer) {
                printer.error(unwritten.error.as_ref());
            }
            Err(failure)
        }
    }
}

async fn measured(
    args: &BenchArgs,
    monitor: &mut Monitor,
    printer: &mut Printer,
) -> Result<Benched, Failure> {
    let config = Config::load().map_err(Failure::usage)?;
    let options = options(args, &config)?;
    let mut narrator = Narrator::new(printer, args.quiet).traced(&mut monitor.traces);
    let benched = Box::pin(runs::bench(&options, &mut narrator)).await;
    printer.finish_bar();
    benched.map_err(|error| Failure::new(error.exit(), error))
}

impl Form for BenchFormat {
    type Outcome = Benched;

    const FOR_PEOPLE: Self = Self::Text;

    fn text(self, benched: &Benched, style: Style) -> String {
        match self {
            Self::Text => bench_text(benched, style),
            Self::Json => bench_json(benched),
            Self::Html => bench_html(benched),
        }
    }

    fn unfinished(self, error: &ErrorReport, seconds: f64) -> String {
        match self {
            Self::Text => bench_text_unfinished(error),
            Self::Json => bench_json_unfinished(error, seconds),
            Self::Html => bench_html_unfinished(error, seconds),
        }
    }
}

fn options(args: &BenchArgs, config: &Config) -> Result<BenchOptions, Failure> {
    let written = config.bench().map_err(Failure::usage)?;
    let rate_is_usual = |rate: &f64| RATES.contains(rate);
    if let Some(rate) = written.rate.filter(|it| !rate_is_usual(it)) {
        return Err(Failure::usage(format!(
            "stairway.toml: bench.rate is {rate}, but must be from 0.1 to 100000 requests a second"
        )));
    }
    let workload = args.workload.clone().or(written.workload);
    let workload = workload.unwrap_or_else(|| PathBuf::from("workload"));
    let mut options = BenchOptions::new(settings::folder(&args.folder, config), workload);
    options.tool = settings::tool(&args.folder, config)?;
    options.alembic = config.alembic(&args.folder.x);
    options.server = settings::server(&args.server, config)?;
    options.backup.clone_from(&args.backup);
    options.since.clone_from(&args.since);
    let usize_of = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    options.rows = usize_of(args.scale);
    options.budget = args.budget.or(written.budget).unwrap_or(options.budget);
    options.rate = args.rate.or(written.rate).unwrap_or(options.rate);
    options.requests = usize_of(args.requests);
    options.runs = usize_of(args.runs);
    options.pairs = usize_of(args.pairs);
    options.connections = usize_of(args.connections);
    options.protocol = match args.protocol {
        ProtocolArg::Prepared => Protocol::Prepared,
        ProtocolArg::Simple => Protocol::Simple,
    };
    options.floor = args.floor;
    options.impact = options.impact.filter(|_| !args.no_impact).map(|usual| Budgets {
        blocked: written.blocked.unwrap_or(usual.blocked),
        rewrite_rows: written.rewrite_rows.unwrap_or(usual.rewrite_rows),
        duration: written.duration.or(usual.duration),
        wal: written.wal.or(usual.wal),
    });
    options.production_rows = written.production_rows;
    options.seed = args.seed;
    Ok(options)
}
