//! `stairway current`

use crate::config::{Config, Deployment, DeploymentFlags};
use crate::migrations::{Applied, History, compare};
use crate::steps::{Ledger, RunRow, has_audit, last_runs};

use super::args::CurrentArgs;
use super::printer::Printer;
use super::{Exit, Failure, Outcome, settings};

pub(super) async fn run(args: &CurrentArgs, printer: &mut Printer) -> Outcome {
    if let Some(line) = args.guide.idle() {
        printer.status(&line);
    }
    let config = Config::load().map_err(Failure::usage)?;
    let history = settings::history(&args.folder, &config)?;
    let flags = DeploymentFlags {
        environment: args.env.clone(),
        database_url: args.database.database_url.clone(),
        ..DeploymentFlags::default()
    };
    let place = Deployment::find(&flags, &config).map_err(Failure::usage)?;
    let mut session = settings::session_at(&place.target, "current").await?;
    let (ledger, exists) =
        Ledger::find(&mut session, &history.records).await.map_err(Failure::usage)?;
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
    let runs = if args.verbose && has_audit(&mut session).await.map_err(Failure::usage)? {
        last_runs(&mut session, 20).await.map_err(Failure::usage)?
    } else {
        Vec::new()
    };
    session.close().await.map_err(Failure::usage)?;
    let is_applied = |version: &str| applied.iter().any(|row: &Applied| row.version == version);
    let pending =
        history.migrations.iter().filter(|migration| !is_applied(&migration.version)).count();
    let mut places = places(&applied, &history);
    if places.is_empty() {
        places.push("base".to_owned());
    }
    printer.result(&format!("{}\n", places.join("\n")));
    printer.status(&format!("{} applied in {schema}.{table}, {pending} pending", applied.len()));
    if args.verbose {
        printer.result(&shown(&runs));
    }
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

/// The revisions that are applied and that no applied one comes after, as `alembic current` shows them.
fn places(applied: &[Applied], history: &History) -> Vec<String> {
    let all = history.migrations.len();
    let is_applied = |version: &str| applied.iter().any(|row| row.version == version);
    let mut there = history.clone();
    there.migrations.retain(|migration| is_applied(&migration.version));
    let is_through = there.migrations.len() == all;
    let heads = history.heads(all);
    let shown = |revision: &str| {
        let is_head = heads.contains(&revision) && (is_through || history.tool.knows_parents());
        format!("{revision}{}", if is_head { " (head)" } else { "" })
    };
    there.heads(there.migrations.len()).into_iter().map(shown).collect()
}

/// The last runs, the newest first, one on a line.
fn shown(runs: &[RunRow]) -> String {
    if runs.is_empty() {
        return "no run is recorded in this database\n".to_owned();
    }
    let line = |run: &RunRow| {
        let state = run.state.as_deref().unwrap_or("not ended: `stairway recover` settles it");
        let exit = run.exit.as_ref().map(|exit| format!(" ({exit})")).unwrap_or_default();
        let reason = run.reason.as_ref().map(|why| format!(", because: {why}")).unwrap_or_default();
        format!(
            "{}  {} {} -> {} by {} at {}: {state}{exit}{reason}\n",
            run.run, run.verb, run.from, run.to, run.role, run.began
        )
    };
    runs.iter().map(line).collect()
}
