//! `stairway history`

use std::fmt::Write;

use super::args::FolderArgs;
use super::printer::Printer;
use super::{Exit, Failure, Outcome, settings};
use crate::config::Config;

pub(super) fn run(args: &FolderArgs, printer: &mut Printer) -> Outcome {
    let history = settings::history(args, &Config::load().map_err(Failure::usage)?)?;
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
