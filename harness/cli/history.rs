//! `stairway history`

use std::fmt::Write;
use std::str::FromStr;

use super::args::HistoryArgs;
use super::printer::Printer;
use super::run_args::idle;
use super::{Exit, Failure, Outcome, settings};
use crate::config::{Config, Environment};

pub(super) fn run(args: &HistoryArgs, printer: &mut Printer) -> Outcome {
    if let Some(name) = &args.env {
        Environment::from_str(name).map_err(Failure::usage)?;
    }
    let of_files = [(args.env.is_some(), "--env"), (args.verbose, "--verbose")];
    for line in args.guide.idle().into_iter().chain(idle(&of_files)) {
        printer.status(&line);
    }
    let history = settings::history(&args.folder, &Config::load().map_err(Failure::usage)?)?;
    printer.status(&format!(
        "history: {} migrations ({}, since {})",
        history.migrations.len(),
        history.tool,
        history.because
    ));
    let mut text = String::new();
    for migration in &history.migrations {
        let way_back = match &migration.downgrade {
            None => "  (no downgrade)",
            Some(script) if script.is_blank() => "  (empty downgrade)",
            Some(_) => "",
        };
        let _ = writeln!(text, "{}  {}{way_back}", migration.revision, migration.name);
    }
    printer.result(&text);
    for path in &history.lone {
        printer.status(&format!("note: {} is a downgrade without an upgrade", path.display()));
    }
    for finding in &history.findings {
        printer.status(&format!("{}: {}", finding.check, finding.message));
    }
    Ok(if history.findings.is_empty() { Exit::Clean } else { Exit::Findings })
}
