//! The queries: a table of all, then each with its curves, its plan and its SQL.
//!
//! Knows what was measured of a query. Must not judge.

use maud::{Markup, html};

use crate::checks::millis as told;
use crate::report::page::{Column, bound, grouped, listed, plural, sql, table, time};
use crate::runs::{Benched, BenchedQuery, why};
use crate::workload::{Compared, Measured, Shape};

use super::curves;

const COLUMNS: [Column; 10] = [
    ("query", false),
    ("a second", true),
    ("requests", true),
    ("p50", true),
    ("p95", true),
    ("p99", true),
    ("longest", true),
    ("failed", true),
    ("before and after", false),
    ("migration", false),
];

/// All queries.
pub(super) fn all(benched: &Benched) -> Markup {
    let rows: Vec<Vec<Markup>> = benched.queries.iter().map(row).collect();
    html! {
        section #queries aria-labelledby="queries-title" {
            h2 #queries-title { "Queries" }
            (table("On the migrated database, from the moment at which a request was to be sent", &COLUMNS, &rows))
            div.cards { @for query in &benched.queries { (one(query)) } }
        }
    }
}

fn row(query: &BenchedQuery) -> Vec<Markup> {
    let at = |share| time(query.curve.at(share));
    let blamed = query.blamed.as_ref().map(|it| it.migration.as_str());
    vec![
        html! { (query.name) },
        html! { (format!("{:.1}", query.rate)) },
        html! { (grouped(query.curve.count())) },
        at(0.5),
        at(0.95),
        at(0.99),
        time(query.curve.longest()),
        html! { (grouped(query.failed)) },
        match &query.turned {
            Ok(turned) => change(&turned.compared),
            Err(why) => html! { span.unknown { (why.as_str()) } },
        },
        html! { (blamed.unwrap_or("–")) },
    ]
}

/// From which latency to which, and what that means.
fn change(compared: &Compared) -> Markup {
    html! {
        b.change.(compared.change.as_str()) { (compared.change.as_str()) } ", "
        (time(compared.before)) " to " (time(compared.after)) ", "
        (format!("{:.2} times ({} to {})", compared.ratio, factor(compared.interval.0), factor(compared.interval.1)))
    }
}

/// A bound of a ratio, which few pairs leave open.
fn factor(bound: f64) -> String {
    if bound.is_finite() && bound < 1e6 { format!("{bound:.2}") } else { "no bound".to_owned() }
}

fn one(query: &BenchedQuery) -> Markup {
    html! {
        article.card.query {
            h3 { (query.name) }
            p {
                @match &query.turned {
                    Ok(turned) => (change(&turned.compared)),
                    Err(why) => { b { "not compared" } ": " (why.as_str()) },
                }
                @if let Some(blamed) = &query.blamed {
                    "; since " b { (blamed.migration) }
                }
            }
            (curves::of_query(query))
            @if let Some(measured) = &query.measured { (own_budget(measured)) }
            @if let Some(blamed) = &query.blamed {
                @for definition in &blamed.lost_indexes { p { "Gone: " code { (definition) } } }
            }
            @if let Some(missing) = &query.missing {
                p {
                    "With " code { (missing.definition) } " it takes " (time(missing.with)) " instead of "
                    (time(missing.without)) "."
                }
            }
            (plan(query))
            (sql(&format!("SQL of {}", query.file.display()), &query.text, None))
        }
    }
}

fn own_budget(measured: &Measured) -> Markup {
    let gate = &measured.gate;
    html! {
        p {
            "Its own budget of " (time(gate.rule.limit)) ": " b { (gate.verdict.as_str()) }
            @if let Some(why) = why(measured) { ", " (why) }
            "; p95 " (time(gate.p95)) " of " (plural(gate.requests, "request")) ", "
            (bound(gate.interval.0)) " to " (bound(gate.interval.1)) " for a run (90 %)."
        }
    }
}

fn plan(query: &BenchedQuery) -> Markup {
    let Some((before, after)) = &query.shapes else {
        return html! {
            p.unknown { "Plans are not compared: the database of before does not know the query, or the server does not explain it." }
        };
    };
    let differences = before.differences(after);
    // Against itself nothing is left but estimates; they come last.
    let estimates = after.differences(after);
    let others = differences.len().saturating_sub(estimates.len());
    let differences = differences.get(..others).unwrap_or_default();
    html! {
        (changes(before.lines() == after.lines(), differences, &estimates))
        @if !differences.is_empty() || !estimates.is_empty() {
            div.sides { (nodes("before", before)) (nodes("after", after)) }
        }
    }
}

/// What became of a plan, and, which is another matter, where its estimates are wrong.
fn changes(is_same: bool, differences: &[String], estimates: &[String]) -> Markup {
    html! {
        @if is_same {
            p { "The plan is the same before and after." }
        } @else {
            details.plan open {
                summary { "The plan is another one: " (plural(differences.len(), "difference")) }
                ul { @for difference in differences { li { code { (difference) } } } }
            }
        }
        @if !estimates.is_empty() {
            details.estimates open {
                summary { "Estimates that are off by a factor of ten after the migration: " (grouped(estimates.len())) }
                ul { @for estimate in estimates { li { code { (estimate) } } } }
            }
        }
    }
}

fn nodes(side: &str, shape: &Shape) -> Markup {
    html! { div { h4 { (side) } pre { (listed_lines(shape)) } } }
}

fn listed_lines(shape: &Shape) -> String {
    let lines = shape.lines();
    if lines.is_empty() { listed(&lines, "no plan") } else { lines.join("\n") }
}

/// What all requests took, against the budget.
pub(super) fn overall(benched: &Benched) -> Markup {
    html! {
        section #overall aria-labelledby="overall-title" {
            h2 #overall-title { "All requests" }
            p {
                "p50 " (told(benched.curve.at(0.5))) ", p90 " (told(benched.curve.at(0.9))) ", p99 "
                (told(benched.curve.at(0.99))) ", longest " (told(benched.curve.longest()))
                ", on the migrated database."
            }
            div.card { (curves::percentiles(&benched.curve, &benched.overall)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::changes;

    #[test]
    fn a_wrong_estimate_is_no_other_plan() {
        let [line, estimate] = ["now: Seq Scan on a", "Seq Scan on a: expects 1 rows, has 90"];
        let [lines, estimates] = [line, estimate].map(|it| vec![it.to_owned()]);
        let same = changes(true, &[], &estimates).into_string();
        assert!(same.contains("The plan is the same") && same.contains(estimate), "{same}");
        assert!(!same.contains("another one"), "{same}");
        let other = changes(false, &lines, &estimates).into_string();
        assert!(other.contains("The plan is another one: 1 difference<"), "{other}");
        assert!(other.contains(line) && other.contains(estimate), "{other}");
        assert!(!changes(true, &[], &[]).into_string().contains("Estimates"));
    }
}
