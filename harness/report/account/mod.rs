//! What a run that touched production did, as text for people, as JSON for programs, and as a page.
//!
//! Knows the account of a run and nothing else: no value of a row is in it.

mod html;
#[cfg(test)]
mod tests;

pub use html::{account_html, dry_run_html};

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::runs::production::{Account, Ended, Weight};

/// The JSON of a run, with a line break at its end.
pub fn account_json(account: &Account) -> String {
    // Plain data: this can't fail.
    let mut text = serde_json::to_string_pretty(account).unwrap_or_default();
    text.push('\n');
    text
}

/// The SHA-256 of a report, in hexadecimal: what an alert names it by.
pub fn digest(report: &str) -> String {
    Sha256::digest(report.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The report of a run for people, for audit.
pub fn account_text(account: &Account) -> String {
    let mut out = String::new();
    head(account, &mut out);
    section(&mut out, "Steps");
    for step in &account.steps {
        let _ =
            writeln!(out, "  {:<10} {:<8} {:>8.2} s", step.name, word(step.ended), step.seconds);
        for note in &step.notes {
            indented(&mut out, note);
        }
    }
    if let Some(backup) = &account.backup {
        section(&mut out, "Backup");
        let _ = writeln!(out, "  file      {}", backup.file.display());
        let _ = writeln!(out, "  size      {} bytes", backup.bytes);
        let _ = writeln!(out, "  sha256    {}", backup.sha256);
        let _ = writeln!(out, "  verified  level {} of 4", backup.level);
        let _ = writeln!(out, "  holds     {} rows in {} tables", backup.rows, backup.tables);
    }
    moves(account, &mut out);
    if !account.validation.is_empty() {
        section(&mut out, "Validation");
        for check in &account.validation {
            let _ = writeln!(out, "  {:<8} {}: {}", word(check.ended), check.name, check.detail);
        }
    }
    remarks(account, &mut out);
    out
}

fn head(account: &Account, out: &mut String) {
    let of = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
    let _ = writeln!(out, "Migration report");
    let _ = writeln!(out, "================");
    let _ = writeln!(out, "run          {}", account.run);
    let _ = writeln!(out, "verb         {}", account.verb);
    let _ = writeln!(out, "environment  {}", account.environment);
    let _ = writeln!(out, "database     {}", account.database);
    let _ = writeln!(out, "server       {}", of(&account.server));
    let _ = writeln!(out, "from         {}", of(&account.from));
    let _ = writeln!(out, "to           {}", of(&account.to));
    let _ = writeln!(out, "began        {}", account.began);
    let _ = writeln!(out, "took         {:.2} s", account.seconds);
    let _ = writeln!(out, "state        {}", account.state.as_str());
    let _ = writeln!(out, "exit code    {}", account.exit.code());
    let _ = writeln!(out, "outcome      {}", account.outcome);
    if let Some(kept) = &account.kept_database {
        let _ = writeln!(out, "kept as      {kept}");
    }
    if let Some(trouble) = &account.trouble {
        section(out, "Trouble");
        let _ = writeln!(out, "  in step   {}", trouble.step);
        for (name, value) in [
            ("sqlstate", &trouble.sqlstate),
            ("object", &trouble.object),
            ("place", &trouble.place),
        ] {
            if let Some(value) = value {
                let _ = writeln!(out, "  {name:<9} {value}");
            }
        }
        if let Some(class) = trouble.class {
            let _ = writeln!(out, "  class     {}", class.as_str());
        }
        indented(out, &trouble.message);
        if let Some(help) = &trouble.help {
            let _ = writeln!(out, "  help: {help}");
        }
    }
    if !account.notes.is_empty() {
        section(out, "Notes");
        for note in &account.notes {
            indented(out, note);
        }
    }
}

fn moves(account: &Account, out: &mut String) {
    if account.moves.is_empty() {
        return;
    }
    section(out, "Migrations");
    for one in &account.moves {
        let copy = one.rehearsed.map(|it| format!(", {it:.2} s on the copy")).unwrap_or_default();
        let _ = writeln!(
            out,
            "  {:<8} {} {}: {:.2} s, {} tries{copy}",
            word(one.ended),
            one.direction,
            one.revision,
            one.seconds,
            one.tries
        );
        for it in &one.blockers {
            let _ = writeln!(
                out,
                "           in the way: process {} ({}, {}, open for {} s)",
                it.pid, it.application, it.state, it.seconds
            );
        }
    }
}

fn remarks(account: &Account, out: &mut String) {
    if account.preflight.is_empty() {
        return;
    }
    section(out, "Preflight");
    for remark in &account.preflight {
        let weight = match remark.weight {
            Weight::Fine => "fine",
            Weight::Warning => "warning",
            Weight::Refused => "refused",
        };
        let _ = writeln!(
            out,
            "  {weight:<8} {}: {}",
            remark.about,
            remark.message.replace('\n', "\n           ")
        );
        if let Some(help) = remark.help.as_ref().filter(|_| remark.weight != Weight::Fine) {
            let _ = writeln!(out, "           help: {help}");
        }
    }
}

fn section(out: &mut String, name: &str) {
    let _ = writeln!(out, "\n{name}");
}

fn indented(out: &mut String, text: &str) {
    for line in text.lines() {
        let _ = writeln!(out, "    {line}");
    }
}

fn word(ended: Ended) -> &'static str {
    match ended {
        Ended::Done => "done",
        Ended::Failed => "FAILED",
        Ended::Skipped => "skipped",
    }
}
