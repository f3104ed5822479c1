//! `stairway current`

use crate::config::Config;
use crate::migrations::{Applied, compare};
use crate::steps::Ledger;

use super::args::CurrentArgs;
use super::printer::Printer;
use super::{Exit, Failure, Outcome, settings};

pub(super) async fn run(args: &CurrentArgs, printer: &mut Printer) -> Outcome {
    let history = settings::history(&args.folder, &Config::load().map_err(Failure::usage)?)?;
    let mut session = settings::database(&args.database, "current").await?;
    let (ledger, exists) =
        Ledger::find(&mut session, history.tool).await.map_err(Failure::usage)?;
    let (schema, table) = ledger.names();
    if !exists {
        printer.status(&format!(
            "the database has no table {table} ({}): nothing of this history is applied",
            history.tool
        ));
        printer.result("base\n");
        return Ok(Exit::Clean);
    }
    let applied = ledger.read(&mut session, &history).await.map_err(Failure::usage)?;
    session.close().await.map_err(Failure::usage)?;
    let is_applied = |version: &str| applied.iter().any(|row: &Applied| row.version == version);
    let last = history.migrations.iter().rfind(|migration| is_applied(&migration.version));
    let pending =
        history.migrations.iter().filter(|migration| !is_applied(&migration.version)).count();
    let head = if pending == 0 { " (head)" } else { "" };
    match last {
        Some(last) => printer.result(&format!("{}{head}\n", last.revision)),
        None => printer.result("base\n"),
    }
    printer.status(&format!("{} applied in {schema}.{table}, {pending} pending", applied.len()));
    let broken: Vec<&str> =
        applied.iter().filter(|row| !row.whole).map(|row| row.version.as_str()).collect();
    if !broken.is_empty() {
        printer.status(&format!("dirty: {} was begun and not finished", broken.join(", ")));
    }
    let findings = compare(&applied, &history);
    for finding in &findings {
        printer.status(&format!("{}: {}", finding.check, finding.message));
    }
    let clean = findings.is_empty() && broken.is_empty();
    Ok(if clean { Exit::Clean } else { Exit::Findings })
}
