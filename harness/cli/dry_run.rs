//! `--dry-run`: everything is looked at, the exact SQL is printed, and nothing is changed.

use std::path::Path;

use crate::exit::Exit;
use crate::runs::production::{self, Request, Told, Weight};

use super::Failure;
use super::Outcome;
use super::printer::Printer;

struct Quiet;

impl production::Listener for Quiet {
    fn told(&mut self, _: Told<'_>) {}
}

pub(super) async fn run(
    request: &Request,
    output: Option<&Path>,
    printer: &mut Printer,
) -> Outcome {
    let (account, sql) = production::dry_run(request, &mut Quiet).await;
    for remark in &account.preflight {
        let word = match remark.weight {
            Weight::Fine => "fine",
            Weight::Warning => "warning",
            Weight::Refused => "refused",
        };
        printer.status(&format!("{word}: {}: {}", remark.about, remark.message));
        if let Some(help) = remark.help.as_ref().filter(|_| remark.weight != Weight::Fine) {
            printer.status(&format!("  help: {help}"));
        }
    }
    if let Some(trouble) = &account.trouble {
        printer.status(&format!("error: {}", trouble.message));
        if let Some(help) = &trouble.help {
            printer.status(&format!("  help: {help}"));
        }
    }
    if let Some(sql) = sql {
        match output {
            Some(path) => std::fs::write(path, sql).map_err(|error| {
                Failure::usage(format!("can't write {}: {error}", path.display()))
            })?,
            None => printer.result(&sql),
        }
    }
    let verdict =
        if account.exit == Exit::Clean { "this would run" } else { "this would be refused" };
    printer.status(&format!("dry run: {verdict}; nothing was changed"));
    Ok(account.exit)
}
