//! `stairway workload`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args as Arguments, Subcommand, ValueEnum};
use comfy_table::{Table, presets};

use crate::config::Config;
use crate::workload::{
    By, ImportError, ImportOptions, Imported, ImportedQuery, from_logs, from_statements,
    write_imported,
};

use super::args::DatabaseArgs;
use super::printer::Printer;
use super::{Exit, Failure, Outcome, settings};

#[derive(Debug, Arguments)]
#[command(
    after_help = "Example:\n  stairway workload import --database-url postgres://localhost/shop"
)]
pub(super) struct WorkloadArgs {
    #[command(subcommand)]
    action: WorkloadAction,
}

#[derive(Debug, Subcommand)]
enum WorkloadAction {
    /// Make one from pg_stat_statements, or from a log in the csv or json form
    Import(Box<ImportArgs>),
}

#[derive(Debug, Arguments)]
#[command(
    after_help = "Without a log, what pg_stat_statements has counted in the database is read, in a session that \
                        can't write. A query becomes a file with its parameters as :name; where their values come \
                        from is told by the columns that they are compared with, and by the catalog of the \
                        database. What nobody can tell is said, and to be completed by hand.\n\n\
                        Values that a log has are those of people: they are written, into files beside the \
                        queries, with --values only. LIMIT, OFFSET and intervals are the exception: up to five \
                        values of each are in the header. A literal that was the same in 20 calls, or that stands \
                        beside placeholders, and keys of JSON values behind -> belong to their query and stay in the \
                        text; a file in which text in quotes stayed says so: look it through before you commit it.\n\n\
                        Exit codes: 0 written, 2 usage, a log that can't be read, no extension or no connection.\n\n\
                        Examples:\n  stairway workload import --database-url postgres://localhost/shop\n  \
                        stairway workload import --by time --top 10 --dry-run\n  \
                        stairway workload import log/postgresql.csv --database shop --values\n  \
                        stairway workload import postgresql.json --database-url postgres://localhost/shop"
)]
struct ImportArgs {
    /// Logs in the csv or json form, instead of pg_stat_statements
    #[arg(value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// The database whose statements are read [default: DATABASE_URL]; beside logs, where it is only
    /// asked which tables there are
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Of logs, only the queries of this database
    #[arg(long, value_name = "NAME", requires = "logs")]
    database: Option<String>,
    /// How many queries are taken
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u16).range(1..=1000))]
    top: u16,
    /// Which queries come first: those that came most often, or that took most time in all
    #[arg(long, value_enum, value_name = "WHAT", default_value = "calls")]
    by: ByArg,
    /// Leave out queries that came less often
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u64).range(1..))]
    min_calls: u64,
    /// Write down the values that logs have, for queries to be sent with
    #[arg(long, requires = "logs")]
    values: bool,
    /// Write rates as they were, instead of weights
    #[arg(long)]
    rates: bool,
    /// The folder of queries [default: stairway.toml, workload]
    #[arg(long, value_name = "DIR")]
    workload: Option<PathBuf>,
    /// Replace files of the same name
    #[arg(long)]
    force: bool,
    /// Print the files and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ByArg {
    Calls,
    Time,
}

pub(super) async fn run(args: &WorkloadArgs, printer: &mut Printer) -> Outcome {
    let WorkloadAction::Import(args) = &args.action;
    let config = Config::load().map_err(Failure::usage)?;
    let written = config.bench().map_err(Failure::usage)?.workload;
    let folder = args.workload.clone().or(written).unwrap_or_else(|| PathBuf::from("workload"));
    let imported = import(args).await?;
    for (query, why) in &imported.refused {
        printer.status(&format!(
            "warning: {query} is left out, the server does not prepare it: {why}"
        ));
    }
    for note in &imported.notes {
        printer.status(&format!("note: {note}"));
    }
    if imported.made.is_empty() {
        return Err(Failure::usage("none of these queries can be sent with parameters"));
    }
    if args.dry_run {
        printer.result(&files(&imported, &folder));
    } else {
        let left = write_imported(&imported, &folder, args.force).map_err(Failure::usage)?;
        if !left.is_empty() {
            printer.status(&format!(
                "note: of an import before are left in {}, and `bench` reads them as well: {}",
                folder.display(),
                left.join(", ")
            ));
        }
    }
    printer.result(&table(&imported));
    for line in closing(&imported, &folder, args.dry_run) {
        printer.status(&line);
    }
    Ok(Exit::Clean)
}

async fn import(args: &ImportArgs) -> Result<Imported, Failure> {
    let options = ImportOptions {
        top: args.top.into(),
        by: match args.by {
            ByArg::Calls => By::Calls,
            ByArg::Time => By::Time,
        },
        min_calls: args.min_calls,
        values: args.values,
        rates: args.rates,
        database: args.database.clone(),
    };
    let database = DatabaseArgs { database_url: args.database_url.clone() };
    let refused = |error: ImportError| Failure::usage(error);
    if args.logs.is_empty() {
        let mut session = settings::database(&database, "workload import").await?;
        let imported = from_statements(&mut session, &options).await.map_err(refused)?;
        session.close().await.map_err(Failure::usage)?;
        return Ok(imported);
    }
    // Beside logs a database is asked only if it is named here: DATABASE_URL may be any.
    let mut session = match args.database_url {
        Some(_) => Some(settings::database(&database, "workload import").await?),
        None => None,
    };
    let imported = from_logs(&args.logs, session.as_mut(), &options).await.map_err(refused)?;
    if let Some(session) = session {
        session.close().await.map_err(Failure::usage)?;
    }
    Ok(imported)
}

/// What would be written.
fn files(imported: &Imported, folder: &Path) -> String {
    let mut text = String::new();
    for made in &imported.made {
        // Writing to a String can't fail.
        let _ = writeln!(text, "==> {} <==\n{}", folder.join(&made.file).display(), made.text);
        if let Some((name, values)) = &made.values {
            let rows = values.lines().count().saturating_sub(1);
            let _ =
                writeln!(text, "==> {} <==\n{rows} rows of values\n", folder.join(name).display());
        }
    }
    text
}

fn table(imported: &Imported) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["query", "calls", "mean ms", "values"]);
    for made in &imported.made {
        let mean = made.mean.map_or_else(|| "-".to_owned(), |mean| format!("{mean:.2}"));
        table.add_row([made.file.clone(), made.calls.to_string(), mean, values(made)]);
    }
    let lines: Vec<String> =
        table.lines().map(|line| line.trim_end().to_owned()).filter(|it| !it.is_empty()).collect();
    lines.join("\n") + "\n"
}

/// A line for each source of values.
fn values(made: &ImportedQuery) -> String {
    let line = |(names, told): &(String, String)| {
        let is_open = made.open.iter().any(|open| names == open);
        let told = if is_open { format!("? {told}") } else { told.clone() };
        format!("{names}: {told}")
    };
    let lines: Vec<String> = made.parameters.iter().map(line).collect();
    if lines.is_empty() { "-".to_owned() } else { lines.join("\n") }
}

/// What was done, what was left out, and what comes next.
fn closing(imported: &Imported, folder: &Path, is_dry: bool) -> Vec<String> {
    let (made, folder) = (imported.made.len(), folder.display());
    let done = if is_dry { "would be written" } else { "written" };
    let span = imported.span.as_ref().map(|span| format!(", {span}")).unwrap_or_default();
    let mut lines = vec![format!(
        "{made} of {} queries {done} into {folder}, from {}{span}",
        imported.found, imported.source
    )];
    if !imported.skipped.is_empty() {
        let told = imported.skipped.iter().map(|(why, count)| format!("{why} ({count})"));
        lines.push(format!("skipped: {}", told.collect::<Vec<_>>().join(", ")));
    }
    let tables = imported.made.iter().filter(|it| it.values.is_some()).count();
    if tables > 0 && !is_dry {
        lines.push(format!(
            "warning: {tables} files of values hold what was sent in production; keep {folder}/*.csv out of \
             commits"
        ));
    }
    let kept: Vec<&str> =
        imported.made.iter().filter(|it| it.keeps_text).map(|it| it.file.as_str()).collect();
    if !kept.is_empty() {
        lines.push(format!(
            "text in quotes stayed in {}, look {} through before you commit: {}",
            if kept.len() == 1 { "1 file".to_owned() } else { format!("{} files", kept.len()) },
            if kept.len() == 1 { "it" } else { "them" },
            kept.join(", ")
        ));
    }
    if !imported.is_tried {
        lines.push(
            "no server has tried these queries; --database-url names a database that does"
                .to_owned(),
        );
    }
    let open: Vec<&str> =
        imported.made.iter().filter(|it| !it.open.is_empty()).map(|it| it.file.as_str()).collect();
    if !open.is_empty() {
        lines.push(format!(
            "{} must be told where values come from, at the lines with TODO: {}",
            if open.len() == 1 { "1 file".to_owned() } else { format!("{} files", open.len()) },
            open.join(", ")
        ));
    }
    let rate =
        imported.rate.map(|rate| format!(" --rate {:.1}", rate.max(0.1))).unwrap_or_default();
    if !is_dry {
        lines.push(format!("next: stairway bench --workload {folder}{rate}"));
    }
    lines
}
