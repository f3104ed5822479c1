//! A run on a database as one page, and the page of one that would be.
//!
//! Each number that JSON has stands beside its words, in the same unit. Secrets are taken out of every text,
//! as they are out of the other reports.

mod seen;

use maud::{Markup, html};

use crate::exit::Exit;
use crate::report::page::{
    self, Column, Lap, Tone, count, facts, known, named_seconds, paragraphs, problem, seconds,
    section, size, table,
};
use crate::runs::production::{Account, Class, Ended, MoveAccount, State, StepAccount, Trouble};
use crate::secret::Scrubber;

const STEPS: [Column; 5] =
    [("step", false), ("ended", false), ("what was told", false), ("took", true), ("when", false)];
const MOVES: [Column; 6] = [
    ("migration", false),
    ("script", false),
    ("ended", false),
    ("tries", true),
    ("took", true),
    ("on the copy", true),
];
/// The steps that stand on the restored copy.
const REHEARSAL: &str = "rehearse";

/// The page of a run, without what `scrubber` takes for a secret.
pub fn account_html(account: &Account, scrubber: &Scrubber) -> String {
    let content = html! {
        header { (opening(account, word(account.exit), tone(account.exit))) }
        main {
            (trouble(account))
            (page::unchecked(&seen::unchecked(account), "Nothing: no step was left out, and each check was made."))
            (steps(account))
            (rehearsal(account))
            (moves(account))
            (seen::validation(account))
            (backup(account))
            (seen::preflight(account))
        }
    };
    page::scrubbed_document(&title(account, word(account.exit)), &content, scrubber)
}

/// The page of a dry run: what was looked at, and the SQL that would be run, unless that is refused.
pub fn dry_run_html(account: &Account, sql: Option<&str>, scrubber: &Scrubber) -> String {
    let (word, tone) = match account.exit {
        Exit::Clean => ("would run", Tone::Pass),
        _ => ("would be refused", Tone::Fail),
    };
    let not_made = "a dry run looks and changes nothing".to_owned();
    let left_out = ["backup", "rehearsal", "the migrations themselves", "validation"];
    let unchecked = left_out.map(|it| (it.to_owned(), not_made.clone()));
    let script = html! {
        @match sql {
            None => p.unknown { "It is not known: the run would be refused, or the database could not be asked." },
            Some(sql) if sql.trim().is_empty() => p { "None: nothing is to be done." },
            Some(sql) => {
                p.note { "As psql takes it, but for secrets, in whose place *** stands: --format text has them." }
                pre.sql { code { (sql.trim_end()) } }
            },
        }
    };
    let content = html! {
        header { (opening(account, word, tone)) }
        main {
            p { "A dry run: everything was looked at, and nothing was changed." }
            (trouble(account))
            (section("sql", "SQL that would be run", &script))
            (seen::preflight(account))
            (page::unchecked(&unchecked, ""))
            (steps(account))
        }
    };
    page::scrubbed_document(&title(account, word), &content, scrubber)
}

fn title(account: &Account, word: &str) -> String {
    format!("stairway {}: {word}, {}", account.verb, account.database)
}

fn word(exit: Exit) -> &'static str {
    match exit {
        Exit::Clean => "done",
        Exit::Undelivered => "done, not told",
        Exit::PreflightRefused => "refused",
        Exit::AlreadyRunning => "another runner",
        Exit::BackupFailed => "backup failed",
        Exit::RehearsalFailed => "rehearsal failed",
        Exit::GateFailed => "gate failed",
        Exit::GateInconclusive => "inconclusive",
        Exit::ApplyFailed => "not applied",
        Exit::RolledBack => "rolled back",
        Exit::Restored => "backup restored",
        Exit::RollbackRefused => "way back refused",
        other => other.as_str(),
    }
}

fn tone(exit: Exit) -> Tone {
    match exit {
        Exit::Clean => Tone::Pass,
        Exit::Undelivered | Exit::GateInconclusive | Exit::Interrupted | Exit::Terminated => {
            Tone::Inconclusive
        }
        _ => Tone::Fail,
    }
}

fn opening(account: &Account, word: &str, tone: Tone) -> Markup {
    let outcome = account.outcome.lines().next().unwrap_or_default();
    let first = account.trouble.as_ref().and_then(|it| it.message.lines().next());
    let first = first.filter(|it| !outcome.contains(it));
    let reason = html! { (outcome) @if let Some(first) = first { ": " (first) } };
    let next: Vec<String> = account.trouble.iter().filter_map(|it| it.help.clone()).collect();
    let state = match account.state {
        State::Before => "what it was when the run began",
        State::After => "what the run was to make of it",
        State::Unknown => "neither, or it can't be told: a person must look",
    };
    let unless = "not known";
    html! {
        (page::opening(&account.verb, tone, word, &reason))
        (page::next(&next))
        p.state { "The database is " b #state { (account.state.as_str()) } ": " (state) "." }
        @if account.exit != Exit::Clean { p.about { (account.exit.meaning()) } }
        (facts(&[
            ("environment", html! { (account.environment) }),
            ("from", known(account.from.as_ref(), unless)),
            ("to", known(account.to.as_ref(), unless)),
            ("exit code", html! { data #exit value=(account.exit.code()) { (account.exit.code()) } }),
            ("took", named_seconds("seconds", account.seconds)),
            ("rows without a parent", seen::orphans(account)),
        ]))
        (page::pairs(&[
            ("database", html! { (account.database) }),
            ("server", html! { @if account.server.is_some() { "PostgreSQL " } (known(account.server.as_ref(), unless)) }),
            ("run", html! { span #run { (account.run) } }),
            ("began", html! { (account.began) }),
        ]))
        @if let Some(kept) = &account.kept_database {
            p { "The database that was replaced is kept as " b { (kept) } "." }
        }
        (notes(account))
    }
}

fn notes(account: &Account) -> Markup {
    html! {
        @if !account.notes.is_empty() {
            div.notes {
                p { b { "Notes" } }
                ul { @for note in &account.notes { li { (paragraphs(note)) } } }
            }
        }
    }
}

/// Why it did not do what was asked, in full, and the rest of how it ended.
fn trouble(account: &Account) -> Markup {
    let mut cards: Vec<Markup> = account.trouble.iter().map(one_trouble).collect();
    let (_, rest) = account.outcome.split_once('\n').unwrap_or_default();
    if !rest.trim().is_empty() {
        cards.push(problem("error", "outcome", &account.outcome, (None, None)));
    }
    cards.extend(seen::refused(account));
    page::problems(&cards, "Nothing.")
}

fn one_trouble(trouble: &Trouble) -> Markup {
    let step = if trouble.step.is_empty() { "run" } else { &trouble.step };
    let parts = [
        ("place", trouble.place.as_deref()),
        ("SQLSTATE", trouble.sqlstate.as_deref()),
        ("object", trouble.object.as_deref()),
        ("it is about", trouble.class.map(Class::as_str)),
    ];
    let parts = parts.iter().filter_map(|(name, part)| Some(format!("{name} {}", (*part)?)));
    let about =
        std::iter::once(format!("in step {step}")).chain(parts).collect::<Vec<_>>().join("; ");
    problem("error", step, &trouble.message, (Some(&about), trouble.help.as_deref()))
}

fn ended(ended: Ended) -> Markup {
    let (word, class) = match ended {
        Ended::Done => ("✓ done", "pass"),
        Ended::Failed => ("✕ failed", "fail"),
        Ended::Skipped => ("– skipped", "inconclusive"),
    };
    html! { b.word.(class) { (word) } }
}

fn steps(account: &Account) -> Markup {
    let lap = |step: &StepAccount| Lap {
        cells: vec![html! { (step.name) }, ended(step.ended), told(step)],
        seconds: step.seconds,
        has_failed: step.ended == Ended::Failed,
    };
    let laps: Vec<Lap> = account.steps.iter().map(lap).collect();
    let content = html! {
        @if laps.is_empty() {
            p.unknown { "No step was begun." }
        } @else {
            (page::laps("In their order", &STEPS, laps))
        }
    };
    section("steps", "Steps", &content)
}

fn told(step: &StepAccount) -> Markup {
    html! { @for note in &step.notes { div { (paragraphs(note)) } } }
}

/// What the restored copy showed, before anything was changed.
fn rehearsal(account: &Account) -> Markup {
    let step = account.steps.iter().find(|it| it.name == REHEARSAL);
    let failure = account.trouble.as_ref().filter(|it| it.step == REHEARSAL);
    let content = html! {
        @match step {
            None => p.unknown { "Nothing was rehearsed on a copy." },
            Some(step) => {
                p { (ended(step.ended)) " in " (seconds(step.seconds)) }
                @if step.notes.is_empty() && failure.is_none() { p { "Nothing was told of it." } }
                @for note in &step.notes { div.told { (paragraphs(note)) } }
            },
        }
        @if failure.is_none() && step.is_some_and(|it| it.ended == Ended::Failed) {
            p { "It failed, and the run went on: the notes at the head say how." }
        }
        @if let Some(failure) = failure {
            p { "What the copy showed:" }
            pre.detail { (failure.message.trim_end()) }
        }
    };
    section("rehearsal", "Rehearsal on a copy", &content)
}

fn moves(account: &Account) -> Markup {
    let rows: Vec<Vec<Markup>> = account.moves.iter().map(one_move).collect();
    let content = html! {
        @if rows.is_empty() {
            p.unknown { "No script was run on the database." }
        } @else {
            (table("Scripts that were run on the database, those of a rollback included", &MOVES, &rows))
        }
    };
    section("migrations", "Migrations", &content)
}

fn one_move(one: &MoveAccount) -> Vec<Markup> {
    vec![
        html! { (one.revision) },
        html! { (one.direction) },
        html! {
            (ended(one.ended))
            @for it in &one.blockers {
                div.small {
                    "in the way: process " (it.pid) " (" (it.application) ", " (it.state) ", open for " (it.seconds) " s)"
                }
            }
        },
        count(one.tries),
        seconds(one.seconds),
        known(one.rehearsed.map(seconds), "not rehearsed"),
    ]
}

fn backup(account: &Account) -> Markup {
    let content = match &account.backup {
        None => html! { p.unknown { "This run made no backup." } },
        Some(it) => page::pairs(&[
            ("file", html! { (it.file.display()) }),
            ("made", html! { (it.created_at) }),
            ("size", html! { (size(it.bytes)) }),
            (
                "SHA-256",
                html! { @if it.sha256.is_empty() { "of each file, in its manifest" } @else { code { (it.sha256) } } },
            ),
            ("verified", html! { "level " data value=(it.level) { (it.level) } " of 4" }),
            ("holds", html! { (count(it.rows)) " rows in " (count(it.tables)) " tables" }),
        ]),
    };
    section("backup", "Backup", &content)
}
