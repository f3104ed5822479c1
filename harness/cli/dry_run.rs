//! `--dry-run`: everything is looked at, the exact SQL is printed, and nothing is changed.

use crate::exit::Exit;
use crate::report;
use crate::runs::production::{self, Account, Request, Told, Weight};
use crate::secret::Scrubber;

use super::Failure;
use super::Outcome;
use super::args::{AccountFormat, RunArgs};
use super::printer::Printer;

struct Quiet;

impl production::Listener for Quiet {
    fn told(&mut self, _: Told<'_>) {}
}

pub(super) async fn run(
    request: &Request,
    args: &RunArgs,
    scrubber: &Scrubber,
    printer: &mut Printer,
) -> Outcome {
    let (account, sql) = production::dry_run(request, &mut Quiet).await;
    say(&account, scrubber, printer);
    let result = match args.format {
        AccountFormat::Text => sql,
        AccountFormat::Json => Some(json(&account, sql.as_deref(), scrubber)),
        AccountFormat::Html => Some(report::dry_run_html(&account, sql.as_deref(), scrubber)),
    };
    match (result, &args.output) {
        (Some(result), Some(path)) => std::fs::write(path, result)
            .map_err(|error| Failure::usage(format!("can't write {}: {error}", path.display())))?,
        (Some(result), None) => printer.result(&result),
        (None, _) => {}
    }
    let verdict =
        if account.exit == Exit::Clean { "this would run" } else { "this would be refused" };
    printer.status(&format!("dry run: {verdict}; nothing was changed"));
    Ok(account.exit)
}

/// Remarks and trouble, on stderr.
fn say(account: &Account, scrubber: &Scrubber, printer: &mut Printer) {
    let mut line = |text: String| printer.status(&scrubber.scrub(&text));
    for remark in &account.preflight {
        let word = match remark.weight {
            Weight::Fine => "fine",
            Weight::Warning => "warning",
            Weight::Refused => "refused",
        };
        line(format!("{word}: {}: {}", remark.about, remark.message));
        if let Some(help) = remark.help.as_ref().filter(|_| remark.weight != Weight::Fine) {
            line(format!("  help: {help}"));
        }
    }
    if let Some(trouble) = &account.trouble {
        line(format!("error: {}", trouble.message));
        if let Some(help) = &trouble.help {
            line(format!("  help: {help}"));
        }
    }
}

/// The account as runs write it, with the SQL beside it.
fn json(account: &Account, sql: Option<&str>, scrubber: &Scrubber) -> String {
    let text = report::account_json(account);
    let text = scrubber.scrub(&text);
    // Plain data: neither can fail.
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("sql".to_owned(), sql.into());
    }
    format!("{value:#}\n")
}
