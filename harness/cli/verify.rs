//! `stairway verify`

use std::str::FromStr;

use crate::checks;
use crate::config::Config;
use crate::env;
use crate::finding::Verdict;
use crate::finding::{CheckId, Severity};
use crate::report::{Report, prometheus};
use crate::runs::{self, Caching, Options, Scope};

use super::args::VerifyArgs;
use super::monitor::Monitor;
use super::printer::Printer;
use super::progress::Narrator;
use super::reports::Reports;
use super::{Exit, Failure, Outcome, settings};

pub(super) async fn run(
    mut args: VerifyArgs,
    monitor: &mut Monitor,
    printer: &mut Printer,
) -> Outcome {
    if args.list_checks {
        printer.result(&list());
        return Ok(Exit::Clean);
    }
    if let Some(id) = &args.explain {
        let check = CheckId::from_str(id).map_err(Failure::usage)?;
        printer.result(checks::explain(check));
        return Ok(Exit::Clean);
    }
    if let Some(dir) = args.dir.take() {
        args.folder.migrations = Some(dir);
    }
    let config = Config::load().map_err(Failure::usage)?;
    let options = options(&args, &config)?;
    let reports = Reports::begin(&args, &options.folder, options.fail_on)?;
    let mut narrator = Narrator::new(printer, args.quiet).traced(&mut monitor.traces);
    let verified = runs::verify(&options, &mut narrator).await;
    printer.finish_bar();
    let verification = match verified {
        Ok(verification) => verification,
        Err(error) => {
            if let Err(unwritten) = reports.fail(&error, error.exit(), printer) {
                printer.error(unwritten.error.as_ref());
            }
            return Err(settings::lost(&options.folder, Failure::new(error.exit(), error)));
        }
    };
    let report = Report::new(&verification, options.fail_on);
    monitor.metrics.add(prometheus::verification(&report));
    monitor.traces.verification(&report);
    reports.finish(&report, printer)?;
    Ok(match report.verdict {
        Verdict::Pass => Exit::Clean,
        // What could not be judged did not pass.
        Verdict::Fail | Verdict::Inconclusive => Exit::Findings,
    })
}

fn options(args: &VerifyArgs, config: &Config) -> Result<Options, Failure> {
    let mut options = Options::new(settings::folder(&args.folder, config));
    options.tool = settings::tool(&args.folder, config)?;
    options.alembic = config.alembic(&args.folder.x);
    options.server = settings::server(&args.server, config)?;
    options.backup.clone_from(&args.backup);
    options.transaction = args.transaction.into();
    options.fail_on =
        args.fail_on.map(Severity::from).or(config.fail_on()).unwrap_or(Severity::Error);
    options.fail_fast = args.fail_fast;
    options.repro = (!args.no_repro).then(|| args.repro.clone());
    options.claims = config.claims().map_err(Failure::usage)?;
    options.scope = match (&args.since, &args.diff_base) {
        (Some(revision), _) => Scope::Since(revision.clone()),
        (None, Some(reference)) => Scope::DiffBase(reference.clone()),
        (None, None) => Scope::All,
    };
    options.rows = settings::rows(&args.rows, config)?;
    options.keep_rows = settings::kept_rows(&args.rows, config, &options.folder);
    options.baseline = settings::baseline_of(args, config);
    let shard = env::SHARD.get().map(|text| text.parse()).transpose();
    options.shard = args.shard.or(shard.map_err(Failure::usage)?);
    options.jobs = args.jobs.map(usize::from);
    if !args.no_cache && !env::NO_CACHE.is_on() {
        options.caching = Caching::On;
    }
    Ok(options)
}

fn list() -> String {
    let line = |check: &CheckId| {
        format!("{:22} {:8} {}\n", check, check.severity().as_str(), check.summary())
    };
    CheckId::ALL.iter().map(line).collect()
}
