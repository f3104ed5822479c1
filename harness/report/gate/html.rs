//! A gate as one page.
//!
//! Each number that JSON has stands beside its words, in the same unit.

use maud::{Markup, html};

use crate::finding::Verdict;
use crate::report::ErrorReport;
use crate::report::page::{
    self, Column, count, facts, known, named_count, named_seconds, paragraphs, problem, section,
    table,
};
use crate::runs::gate::{Ended, FACTS, Fact, Gated, PendingMigration};

use super::{closing, word};

const SEEN: [Column; 5] =
    [("fact", false), ("says", false), ("required", false), ("answer", false), ("seen", false)];
const PENDING: [Column; 2] = [("migration", false), ("digests (SHA-256)", false)];

/// The page of a gate.
pub fn gate_html(gated: &Gated) -> String {
    let title = format!("stairway {}", closing(gated));
    let content = html! {
        header { (opening(gated)) }
        main {
            (problems(gated))
            (page::unchecked(&unchecked(gated), "Nothing: each fact was looked at."))
            (seen(gated))
            (pending(gated))
            (attestation(gated))
        }
    };
    page::document(&title, "", &content)
}

/// The page of a gate that `error` ended after so many seconds.
pub fn gate_html_unfinished(error: &ErrorReport, seconds: f64) -> String {
    page::unfinished(("gate", "gate"), error, seconds, "")
}

fn opening(gated: &Gated) -> Markup {
    let obstacles: Vec<&Fact> = gated.obstacles().collect();
    let first =
        |it: &Fact| format!("{}: {}", it.name, it.detail.lines().next().unwrap_or_default());
    let reason = match obstacles.as_slice() {
        [] => "all that is required is so".to_owned(),
        [one] => first(one),
        [one, rest @ ..] => {
            let others: Vec<&str> = rest.iter().map(|it| it.name).collect();
            format!("{}; and {}", first(one), others.join(", "))
        }
    };
    let helps =
        obstacles.iter().filter_map(|it| Some(format!("{}: {}", it.name, it.help.as_ref()?)));
    html! {
        (page::opening("gate", gated.verdict.into(), gated.verdict.as_str(), &html! { (reason) }))
        (page::next(&helps.collect::<Vec<_>>()))
        p.about { (closing(gated)) }
        (facts(&[
            ("database", html! { (gated.database.name) }),
            ("environment", html! { (gated.environment) }),
            ("pending", named_count("pending-count", gated.pending.len())),
            ("applied", named_count("applied", gated.database.applied)),
            ("took", named_seconds("seconds", gated.seconds)),
            ("exit code", html! { data #exit value=(gated.exit.code()) { (gated.exit.code()) } }),
        ]))
        (page::pairs(&[("began", html! { (gated.began) })]))
    }
}

/// What is not so and what nobody can tell, in full; also where it is not required.
fn problems(gated: &Gated) -> Markup {
    let open = gated.facts.iter().filter(|it| matches!(it.ended, Ended::Failed | Ended::Unknown));
    let cards: Vec<Markup> = open
        .map(|it| {
            let severity = if it.required { "error" } else { "warning" };
            let about = match (it.ended, it.required) {
                (Ended::Unknown, true) => "nobody can tell, and it is required",
                (Ended::Unknown, false) => "nobody can tell; it is not required",
                (_, true) => "not so, and it is required",
                (_, false) => "not so; it is not required",
            };
            problem(severity, it.name, &it.detail, (Some(about), it.help.as_deref()))
        })
        .collect();
    page::problems(&cards, "Nothing.")
}

fn unchecked(gated: &Gated) -> Vec<(String, String)> {
    let mut parts = Vec::new();
    for fact in &gated.facts {
        let why = match fact.ended {
            Ended::Unknown => format!("nobody can tell: {}", fact.detail),
            Ended::Absent => format!("there is nothing that it could be about: {}", fact.detail),
            Ended::Held | Ended::Failed => continue,
        };
        parts.push((fact.name.to_owned(), why));
    }
    for (name, _) in FACTS {
        if !gated.facts.iter().any(|it| it.name == *name) {
            parts.push(((*name).to_owned(), "not looked at".to_owned()));
        }
    }
    parts
}

fn seen(gated: &Gated) -> Markup {
    let rows: Vec<Vec<Markup>> = gated.facts.iter().map(fact).collect();
    let caption =
        "A release may go out if all that is required is so, or has nothing that it could be about";
    section("facts", "Facts", &table(caption, &SEEN, &rows))
}

fn fact(fact: &Fact) -> Vec<Markup> {
    let (sign, class) = match fact.ended {
        Ended::Held => ("✓", "pass"),
        Ended::Failed => ("✕", "fail"),
        Ended::Unknown => ("?", "inconclusive"),
        Ended::Absent => ("–", "none"),
    };
    let says = FACTS.iter().find(|(name, _)| *name == fact.name).map_or("", |(_, says)| says);
    let is_open = matches!(fact.ended, Ended::Failed | Ended::Unknown);
    vec![
        html! { code { (fact.name) } },
        html! { (says) },
        html! { @if fact.required { "required" } @else { "not required" } },
        html! { b.word.(class) { (sign) " " @if fact.ended == Ended::Absent { "absent" } @else { (word(fact)) } } },
        html! {
            // The whole of what is open stands above.
            @if is_open { (fact.detail.lines().next().unwrap_or_default()) } @else { (paragraphs(&fact.detail)) }
        },
    ]
}

fn pending(gated: &Gated) -> Markup {
    let row = |it: &PendingMigration| {
        vec![
            html! { (it.revision) },
            html! {
                "with all that it comes after: " code { (it.digest) }
                @for file in &it.files { div.small { (file.file.display()) ": " code { (file.sha256) } } }
            },
        ]
    };
    let rows: Vec<Vec<Markup>> = gated.pending.iter().map(row).collect();
    let content = html! {
        @if rows.is_empty() {
            p { "Nothing is pending." }
        } @else {
            (table("What a release would apply, in order", &PENDING, &rows))
        }
    };
    section("pending", "Pending migrations", &content)
}

/// What an attestation of this states.
fn attestation(gated: &Gated) -> Markup {
    let database = &gated.database;
    let system = Some(&database.system_identifier).filter(|it| !it.is_empty());
    let backup = gated.backup.as_ref().map(|it| {
        html! {
            (it.file.display())
            div.small { "made " (it.made) }
            div.small { code { (it.sha256) } }
        }
    });
    let content = html! {
        @if gated.verdict == Verdict::Pass {
            p { "What `--attest` signs holds for this database and these digests, for " (named_seconds("holds", gated.holds)) "." }
        } @else {
            p.unknown { "A gate that does not pass attests nothing, and removes what an earlier one attested into the same file." }
        }
        (page::pairs(&[
            ("database", html! { (database.name) }),
            ("system identifier", known(system, "the role may not ask")),
            ("server", html! { "PostgreSQL " (database.server) }),
            ("environment", html! { (gated.environment) }),
            ("layout", html! { (gated.layout) }),
            ("migrations applied", count(database.applied)),
            ("newest backup that counted", known(backup, "none counted")),
        ]))
    };
    section("attestation", "Attestation", &content)
}
