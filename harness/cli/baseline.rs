//! `stairway baseline`

use std::fmt::Write as _;

use crate::config::Config;
use crate::env;
use crate::runs::{self, Baseline, Caching, KeptRows, Options, Verification};

use super::args::BaselineArgs;
use super::printer::Printer;
use super::progress::Narrator;
use super::{Exit, Failure, Outcome, reports, settings};

pub(super) async fn run(mut args: BaselineArgs, printer: &mut Printer) -> Outcome {
    if let Some(dir) = args.dir.take() {
        args.folder.migrations = Some(dir);
    }
    let config = Config::load().map_err(Failure::usage)?;
    let options = options(&args, &config)?;
    let path = settings::baseline(args.output.as_deref(), &config);
    // What can't be written must be known before the work is done.
    reports::writable(&path)?;
    let mut narrator = Narrator::new(printer, args.quiet);
    let verified = runs::verify(&options, &mut narrator).await;
    printer.finish_bar();
    let verification = verified.map_err(|error| Failure::new(error.exit(), error))?;
    let baseline = Baseline::record(&verification);
    let text = baseline.text().map_err(Failure::usage)?;
    reports::put(&path, &text).map_err(|error| reports::cannot_write(&path, error))?;
    if !args.quiet {
        printer.result(&said(&baseline, &verification, &path.display().to_string()));
    }
    Ok(Exit::Clean)
}

fn options(args: &BaselineArgs, config: &Config) -> Result<Options, Failure> {
    let mut options = Options::new(settings::folder(&args.folder, config));
    options.tool = settings::tool(&args.folder, config)?;
    options.alembic = config.alembic(&args.folder.x);
    options.server = settings::server(&args.server, config)?;
    options.backup.clone_from(&args.backup);
    options.transaction = args.transaction.into();
    options.claims = config.claims().map_err(Failure::usage)?;
    options.rows = settings::rows(&args.rows, config)?;
    // What is accepted is no regression.
    let kept = settings::kept_rows(&args.rows, config, &options.folder);
    options.keep_rows = kept.map(|kept| KeptRows { writes: false, ..kept });
    options.jobs = args.jobs.map(usize::from);
    if !args.no_cache && !env::NO_CACHE.is_on() {
        options.caching = Caching::On;
    }
    Ok(options)
}

fn said(baseline: &Baseline, verification: &Verification, path: &str) -> String {
    let mut text = String::new();
    for entry in baseline.entries() {
        let revision = entry.revision.as_deref().unwrap_or("-");
        // Writing to a String can't fail.
        let _ = writeln!(text, "{revision}  {}: {}", entry.check, entry.message);
    }
    let count = baseline.entries().len();
    let s = if count == 1 { "" } else { "s" };
    let _ = writeln!(text, "{path}: {count} finding{s} recorded");
    let unjudged = verification.migrations.iter().filter(|judged| judged.unjudged.is_some());
    for judged in unjudged {
        let why = judged.unjudged.as_deref().unwrap_or_default();
        let _ = writeln!(text, "not judged, and still will not pass: {}: {why}", judged.revision);
    }
    text
}
