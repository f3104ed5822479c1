//! When a migration held which locks, table by table, and when others waited.
//!
//! Knows spans of time. Must not know which of them are too long.

use std::collections::BTreeMap;
use std::time::Duration;

use maud::{Markup, html};

use crate::checks::millis as told;
use crate::report::page::{plural, time};
use crate::runs::{BlockedTable, Impact};
use crate::workload::{Held, Span};

use super::plot::{anchor, percent};
use super::scale::{Linear, brief};

/// With more lanes than these, short locks are counted and not drawn.
const MANY: usize = 24;
/// What is over sooner is short.
const SHORT: Duration = Duration::from_millis(20);
/// Percent of the width: less can't be seen.
const THIN: f64 = 0.4;
/// So many spans are told in words.
const TOLD: usize = 3;

/// One bar of a table.
struct Lane {
    class: &'static str,
    label: String,
    note: Option<&'static str>,
    spans: Vec<Span>,
    /// What is written behind it.
    sum: Markup,
    strength: usize,
}

/// The locks of one migration and who waited for them. Roles are written, as in `table.rs`.
pub(super) fn of(impact: &Impact) -> Markup {
    let mut tables = lanes(impact);
    let count = tables.values().map(Vec::len).sum::<usize>();
    let mut hidden = 0;
    if count > MANY {
        for lanes in tables.values_mut() {
            // Waits are what it is all about.
            let waits = |lane: &Lane| matches!(lane.class, "waits" | "others");
            lanes.retain(|lane| waits(lane) || length(&lane.spans) >= SHORT);
            hidden = count;
        }
        tables.retain(|_, lanes| !lanes.is_empty());
        hidden -= tables.values().map(Vec::len).sum::<usize>();
    }
    let ends = tables.values().flatten().flat_map(|lane| &lane.spans).map(|span| span.until);
    let scale = Linear::until(ends.max().unwrap_or_default().max(impact.took));
    let mut tables: Vec<(&str, Vec<Lane>)> = tables.into_iter().collect();
    let longest = |lanes: &[Lane]| lanes.iter().map(|lane| length(&lane.spans)).max();
    tables.sort_by_key(|(_, lanes)| std::cmp::Reverse(longest(lanes)));
    html! {
        @if tables.is_empty() {
            p.unknown { "No lock on a table was seen, and nobody was seen waiting. It is looked at every few milliseconds." }
        }
        table.timeline role="table" {
            caption { "Locks of " (impact.migration) ", in time from its start" }
            thead role="rowgroup" { tr role="row" {
                th role="columnheader" scope="col" { "lock" }
                th role="columnheader" scope="col" { "when" }
                th.n role="columnheader" scope="col" { "for" }
            } }
            tbody role="rowgroup" {
                (row(&runs(impact), scale))
            }
            @for (table, lanes) in &tables {
                tbody role="rowgroup" {
                    tr.table role="row" {
                        th role="rowheader" colspan="3" aria-colspan="3" scope="rowgroup" { (table) }
                    }
                    @for lane in lanes { (row(lane, scale)) }
                }
            }
            tfoot role="rowgroup" { tr role="row" {
                td role="cell" {} td role="cell" { (axis(scale)) } td role="cell" {}
            } }
        }
        @if hidden > 0 {
            p.unknown { (plural(hidden, "lock")) " of less than " (told(SHORT)) " are not drawn." }
        }
    }
}

/// All lanes by table, the strongest lock first, and those who wait last.
fn lanes(impact: &Impact) -> BTreeMap<&str, Vec<Lane>> {
    let mut tables: BTreeMap<&str, Vec<Lane>> = BTreeMap::new();
    for held in &impact.held {
        let lane = of_lock(held, impact.unprobed.contains(held));
        tables.entry(&held.relation).or_default().push(lane);
    }
    for blocked in &impact.blocked {
        tables.entry(&blocked.table).or_default().push(of_others(blocked));
    }
    for lanes in tables.values_mut() {
        lanes.sort_by_key(|lane| std::cmp::Reverse(lane.strength));
    }
    tables
}

fn of_lock(held: &Held, is_unprobed: bool) -> Lane {
    let mode = held.mode.trim_end_matches("Lock");
    let (class, label) = match held {
        _ if !held.is_granted => ("waits", format!("waits for {mode}")),
        _ if held.mode == "AccessExclusiveLock" => ("exclusive", format!("holds {mode}")),
        _ if held.keeps_writers_out() => ("share", format!("holds {mode}")),
        _ => ("weak", format!("holds {mode}")),
    };
    Lane {
        class,
        label,
        note: is_unprobed.then_some("how long others wait was not asked"),
        spans: merged(&held.spans),
        sum: time(held.time()),
        // Above what others do.
        strength: 1 + held.strength() * 2 + usize::from(held.is_granted),
    }
}

fn of_others(blocked: &BlockedTable) -> Lane {
    Lane {
        class: "others",
        label: "others wait".to_owned(),
        note: None,
        spans: merged(&blocked.spans),
        sum: html! { "reader " (time(blocked.reads)) br; "writer " (time(blocked.writes)) },
        strength: 0,
    }
}

fn runs(impact: &Impact) -> Lane {
    Lane {
        class: "runs",
        label: "the migration runs".to_owned(),
        note: None,
        spans: vec![Span { from: Duration::ZERO, until: impact.took }],
        sum: time(impact.took),
        strength: 0,
    }
}

fn row(lane: &Lane, scale: Linear) -> Markup {
    html! {
        tr.lane role="row" {
            th role="rowheader" scope="row" {
                (lane.label)
                @if let Some(note) = lane.note { span.note { " (" (note) ")" } }
            }
            td role="cell" { (bars(lane, scale)) }
            td.n role="cell" { (lane.sum) }
        }
    }
}

fn bars(lane: &Lane, scale: Linear) -> Markup {
    html! {
        svg role="img" width="100%" height="18" aria-label=(format!("{}: {}", lane.label, words(&lane.spans))) {
            title { (words(&lane.spans)) }
            g.grid {
                @for tick in scale.ticks() {
                    line x1=(percent(scale.at(tick))) x2=(percent(scale.at(tick))) y1="0" y2="18" {}
                }
            }
            @for span in &lane.spans { (bar(lane.class, scale.at(span.from), scale.at(span.until))) }
        }
    }
}

/// Each kind has a form of its own beside its colour: high, half as high or a stripe, the stronger the
/// lock; hollow, with or without dashes; or hatched by the dashes of a thick line.
pub(super) fn bar(class: &str, from: f64, until: f64) -> Markup {
    let width = (until - from).max(THIN);
    let from = from.min(100.0 - width);
    let (top, height) = match class {
        "exclusive" => ("2", "14"),
        "share" => ("5", "8"),
        "weak" => ("7.5", "3"),
        _ => ("3", "12"),
    };
    html! {
        @if class == "others" {
            line.bar.(class) x1=(percent(from)) x2=(percent(from + width)) y1="9" y2="9" {}
        } @else {
            rect.bar.(class) x=(percent(from)) width=(percent(width)) y=(top) height=(height) {}
        }
    }
}

fn words(spans: &[Span]) -> String {
    let one = |span: &Span| format!("from {} to {}", told(span.from), told(span.until));
    let mut text: Vec<String> = spans.iter().take(TOLD).map(one).collect();
    if spans.len() > TOLD {
        text.push(format!("and {} times more", spans.len() - TOLD));
    }
    text.join(", ")
}

fn axis(scale: Linear) -> Markup {
    html! {
        svg.ticks width="100%" height="22" aria-hidden="true" {
            @for tick in scale.labels() {
                text x=(percent(scale.at(tick))) y="14" text-anchor=(anchor(scale.at(tick))) { (brief(tick)) }
            }
        }
    }
}

fn length(spans: &[Span]) -> Duration {
    spans.iter().map(|span| span.until.saturating_sub(span.from)).sum()
}

/// Spans that touch each other are one.
fn merged(spans: &[Span]) -> Vec<Span> {
    let mut sorted = spans.to_vec();
    sorted.sort_unstable();
    let mut merged: Vec<Span> = Vec::new();
    for span in sorted {
        match merged.last_mut() {
            Some(last) if span.from <= last.until => last.until = last.until.max(span.until),
            _ => merged.push(span),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Span, bar, merged, words};

    fn span(from: u64, until: u64) -> Span {
        Span { from: Duration::from_millis(from), until: Duration::from_millis(until) }
    }

    #[test]
    fn spans_that_touch_are_drawn_as_one() {
        let all = [span(5, 9), span(0, 3), span(2, 5), span(20, 21)];
        assert_eq!(merged(&all), [span(0, 9), span(20, 21)]);
        assert_eq!(merged(&[]), []);
        assert_eq!(words(&merged(&all)), "from 0.00 ms to 9.00 ms, from 20.0 ms to 21.0 ms");
        let many: Vec<Span> = (0..9).map(|at| span(at * 10, at * 10 + 1)).collect();
        assert!(words(&many).ends_with("and 6 times more"));
    }

    #[test]
    fn the_shortest_span_can_be_seen_and_none_leaves_the_plot() {
        let last = bar("weak", 100.0, 100.0).into_string();
        assert!(last.contains("x=\"99.60%\" width=\"0.40%\""), "{last}");
    }
}
