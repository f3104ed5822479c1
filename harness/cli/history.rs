//! `stairway history`

use std::fmt::Write;
use std::str::FromStr;

use super::args::HistoryArgs;
use super::printer::Printer;
use super::run_args::idle;
use super::{Exit, Failure, Outcome, settings};
use crate::config::{Config, Environment};
use crate::migrations::{History, Migration};

pub(super) fn run(args: &HistoryArgs, printer: &mut Printer) -> Outcome {
    if let Some(name) = &args.env {
        Environment::from_str(name).map_err(Failure::usage)?;
    }
    let of_files = [(args.env.is_some(), "--env")];
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
    for (at, migration) in history.migrations.iter().enumerate() {
        if args.verbose {
            text.push_str(&entry(&history, at, migration));
            continue;
        }
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

/// One migration as Alembic's `history --verbose` prints it.
fn entry(history: &History, at: usize, migration: &Migration) -> String {
    let before = at.checked_sub(1).and_then(|at| history.migrations.get(at));
    let parents: Vec<&str> = if history.tool.knows_parents() {
        migration.lineage.parents.iter().map(String::as_str).collect()
    } else {
        before.map(|it| it.revision.as_str()).into_iter().collect()
    };
    let children = history.children(at);
    let mut marks = String::new();
    for (is, mark) in [
        (children == 0, " (head)"),
        (children > 1, " (branchpoint)"),
        (parents.len() > 1, " (mergepoint)"),
    ] {
        marks.push_str(if is { mark } else { "" });
    }
    let word = if parents.len() > 1 { "Merges" } else { "Parent" };
    let from = if parents.is_empty() { "<base>".to_owned() } else { parents.join(", ") };
    let way_back = match &migration.downgrade {
        None => "Downgrade: none\n",
        Some(script) if script.is_blank() => "Downgrade: empty\n",
        Some(_) => "",
    };
    format!(
        "Rev: {}{marks}\n{word}: {from}\nPath: {}\n{way_back}\n    {}\n\n",
        migration.revision,
        migration.upgrade.path.display(),
        migration.name
    )
}
