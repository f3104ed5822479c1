//! What was looked at before and after, and what was not.
//!
//! Knows the account of a run. Must not judge.

use maud::{Markup, html};

use crate::report::page::{
    Column, known, named_count, paragraphs, plural, problem, section, size, table,
};
use crate::runs::production::{Account, CheckAccount, Ended, Remark, Weight};

const REMARKS: [Column; 3] = [("about", false), ("weight", false), ("seen", false)];
const CHECKS: [Column; 3] = [("check", false), ("ended", false), ("seen", false)];

/// What was seen before anything was done.
pub(super) fn preflight(account: &Account) -> Markup {
    let rows: Vec<Vec<Markup>> = account.preflight.iter().map(remark).collect();
    let content = html! {
        @if rows.is_empty() {
            p.unknown { "Nothing was told of the database before the run." }
        } @else {
            (table("Seen before anything was done", &REMARKS, &rows))
        }
    };
    section("preflight", "Preflight", &content)
}

fn remark(remark: &Remark) -> Vec<Markup> {
    let (word, class) = match remark.weight {
        Weight::Fine => ("✓ fine", "pass"),
        Weight::Warning => ("! warning", "inconclusive"),
        Weight::Refused => ("✕ refused", "fail"),
    };
    let help = remark.help.as_ref().filter(|_| remark.weight != Weight::Fine);
    vec![
        html! { (remark.about) },
        html! { b.word.(class) { (word) } },
        html! {
            (paragraphs(&remark.message))
            @if let Some(room) = &remark.room {
                div.small { (size(room.needed)) " needed, " (size(room.free)) " free" }
            }
            @if let Some(help) = help { div.help { b { "help: " } (help) } }
        },
    ]
}

/// Remarks that keep a run from beginning, unless the run's own trouble says them.
pub(super) fn refused(account: &Account) -> Vec<Markup> {
    let told = account.trouble.as_ref().map_or("", |it| it.message.as_str());
    let refused = account.preflight.iter().filter(|it| it.weight == Weight::Refused);
    refused
        .filter(|it| !told.contains(&it.message))
        .map(|it| {
            let about = Some("refused by the preflight");
            problem("error", it.about, &it.message, (about, it.help.as_deref()))
        })
        .collect()
}

/// What was seen of the database afterwards.
pub(super) fn validation(account: &Account) -> Markup {
    let rows: Vec<Vec<Markup>> = account.validation.iter().map(check).collect();
    let content = html! {
        @if rows.is_empty() {
            p.unknown {
                "No check was made after the migrations: the run did not come to it. What the database is was "
                "told by its version table and its schema."
            }
        } @else {
            (table("Of the database, after all else", &CHECKS, &rows))
        }
    };
    section("validation", "Validation", &content)
}

fn check(check: &CheckAccount) -> Vec<Markup> {
    vec![html! { (check.name) }, super::ended(check.ended), html! { (paragraphs(&check.detail)) }]
}

/// How many rows are without a parent, if anybody could count.
pub(super) fn orphans(account: &Account) -> Markup {
    known(account.orphans.map(|it| named_count("orphans", it)), "not counted")
}

/// What was left out or could not be done, and why.
pub(super) fn unchecked(account: &Account) -> Vec<(String, String)> {
    let mut parts = Vec::new();
    for step in account.steps.iter().filter(|it| it.ended == Ended::Skipped) {
        let why = if step.notes.is_empty() { "left out".to_owned() } else { step.notes.join("; ") };
        parts.push((format!("step {}", step.name), why));
    }
    for check in account.validation.iter().filter(|it| it.ended == Ended::Skipped) {
        parts.push((check.name.clone(), check.detail.clone()));
    }
    let skipped = account.moves.iter().filter(|it| it.ended == Ended::Skipped).count();
    if skipped > 0 {
        parts.push((plural(skipped, "script"), "not run on the database".to_owned()));
    }
    let moves = ["upgrade", "downgrade"].contains(&account.verb.as_str());
    let has = |name: &str| account.steps.iter().any(|it| it.name == name);
    for (step, what) in [
        ("backup", "backup"),
        (super::REHEARSAL, "rehearsal on a copy"),
        ("apply", "the migrations"),
        ("validate", "validation"),
    ] {
        if moves && !has(step) {
            parts.push((what.to_owned(), "the run did not come to it".to_owned()));
        }
    }
    parts
}
