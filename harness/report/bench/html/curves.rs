//! The curves of latencies: of a query before and after, and of all requests with the p95's interval.
//!
//! Knows what was measured. Must not know what it means for the verdict.

use std::time::Duration;

use maud::{Markup, html};

use crate::checks::millis as told;
use crate::report::page::{bound, percentile, plural};
use crate::runs::BenchedQuery;
use crate::workload::{Curve, Measured};

use super::plot::{Plot, Step, Tick, percent, rising, staircase};
use super::scale::{Logarithmic, SHARES, brief, stretched};

/// One line of a plot of latencies.
struct Line<'a> {
    curve: &'a Curve,
    class: &'static str,
    name: &'static str,
}

/// The latencies of a query before and after; only those after where nothing is compared.
pub(super) fn of_query(query: &BenchedQuery) -> Markup {
    let lines = match &query.turned {
        Ok(turned) => vec![
            Line { curve: &turned.before, class: "before", name: "before" },
            Line { curve: &turned.after, class: "after", name: "after" },
        ],
        Err(_) => vec![Line { curve: &query.curve, class: "after", name: "after" }],
    };
    let how = match &query.turned {
        Ok(_) => "From sending to the answer, on both databases in turns.",
        Err(_) => {
            "From the moment at which a request was to be sent, on the migrated database only."
        }
    };
    if lines.iter().all(|line| line.curve.count() == 0) {
        return html! { p.unknown { "No request of it was sent: there is no curve." } };
    }
    html! {
        figure.latency {
            (cumulative(&query.name, &lines))
            figcaption {
                ul.legend { @for line in &lines { (legend(line)) } }
                (how) " The rings are at the p95."
            }
        }
    }
}

fn cumulative(query: &str, lines: &[Line<'_>]) -> Markup {
    let ends = lines.iter().flat_map(|line| [line.curve.at(0.0), line.curve.longest()]);
    let scale = Logarithmic::over(ends);
    let told: Vec<String> =
        lines.iter().map(|line| format!("{} {}", line.name, summary(line.curve))).collect();
    let title = format!("Latencies of {query}: {}", told.join("; "));
    let rows = [0.0, 25.0, 50.0, 75.0, 95.0].map(|at| Tick { at, label: format!("{at} %") });
    let plot = Plot {
        title: &title,
        along: "latency, logarithmic",
        upward: "share of requests",
        columns: ticks(scale),
        rows: rows.into(),
    };
    plot.draw(&html! {
        @for line in lines {
            (staircase(&rises(line.curve, scale), Step::Right, line.class))
            circle.mark.(line.class) cx=(percent(scale.at(line.curve.at(0.95)))) cy=(rising(95.0)) r="5" {}
        }
    })
}

fn ticks(scale: Logarithmic) -> Vec<Tick> {
    scale.ticks().into_iter().map(|time| Tick { at: scale.at(time), label: brief(time) }).collect()
}

/// From the shortest, which nothing is under, to the longest.
fn rises(curve: &Curve, scale: Logarithmic) -> Vec<(f64, f64)> {
    let first = (scale.at(curve.at(0.0)), 0.0);
    std::iter::once(first)
        .chain(curve.points().map(|(share, time)| (scale.at(time), share * 100.0)))
        .collect()
}

fn summary(curve: &Curve) -> String {
    let at = |share| told(curve.at(share));
    format!(
        "p50 {}, p95 {}, p99 {} of {}",
        at(0.5),
        at(0.95),
        at(0.99),
        plural(curve.count(), "request")
    )
}

fn legend(line: &Line<'_>) -> Markup {
    html! {
        li {
            svg.key width="28" height="10" aria-hidden="true" {
                line.curve.(line.class) x1="0" x2="28" y1="5" y2="5" {}
            }
            b { (line.name) } " " (summary(line.curve))
        }
    }
}

/// The percentiles of all requests, the p95 with its interval, and the budget.
pub(super) fn percentiles(curve: &Curve, measured: &Measured) -> Markup {
    if curve.count() == 0 {
        return html! { p.unknown { "No request was sent: there are no percentiles." } };
    }
    let gate = &measured.gate;
    let (low, high) = gate.interval;
    let times =
        [curve.at(0.5), curve.at(0.999), gate.p95, low.min(gate.p95), high, gate.rule.limit];
    let scale = Logarithmic::over(times.into_iter().filter(|it| is_drawn(*it)));
    let title = format!(
        "Percentiles of all requests: p50 {}, p90 {}, p95 {} with an interval from {} to {}, p99 {}; the budget is {}",
        told(curve.at(0.5)),
        told(curve.at(0.9)),
        told(gate.p95),
        bound(low),
        bound(high),
        told(curve.at(0.99)),
        told(gate.rule.limit),
    );
    let columns = SHARES.map(|it| Tick { at: stretched(it), label: percentile(it) });
    let plot = Plot {
        title: &title,
        along: "percentile, the rarest drawn out",
        upward: "latency, logarithmic",
        columns: columns.into(),
        rows: ticks(scale),
    };
    html! {
        figure.percentiles {
            (plot.draw(&html! {
                (budget(scale.at(gate.rule.limit), gate.rule.limit))
                (staircase(&quantiles(curve, scale), Step::Up, "after"))
                (whisker(scale, gate.p95, gate.interval))
            }))
            figcaption {
                "The ring is the p95, the bar through it the two-sided 90 % interval of the p95 of a run, the line "
                "across is the budget."
                @if !measured.failed.is_empty() || measured.unsent > 0 {
                    " What failed or was never sent counts as ten budgets in the p95, and with its own time in the curve."
                }
            }
        }
    }
}

/// Bounds that nobody can tell would leave no room for the rest.
fn is_drawn(time: Duration) -> bool {
    time < Duration::from_hours(24)
}

/// Which latency each share is not over, as far as there are requests for it.
fn quantiles(curve: &Curve, scale: Logarithmic) -> Vec<(f64, f64)> {
    let [first, .., last] = SHARES;
    let mut points = vec![(0.0, scale.at(curve.at(first)))];
    for (share, time) in curve.points().filter(|(share, _)| *share > first) {
        points.push((stretched(share.min(last)), scale.at(time)));
        if share >= last {
            break;
        }
    }
    points
}

fn budget(at: f64, limit: Duration) -> Markup {
    // Above the line, where there is room.
    let below = if at > 90.0 { "15" } else { "-6" };
    html! {
        line.budget x1="0" x2="100%" y1=(rising(at)) y2=(rising(at)) {}
        text.budget x="100%" y=(rising(at)) dy=(below) text-anchor="end" { "budget " (told(limit)) }
    }
}

fn whisker(scale: Logarithmic, p95: Duration, (low, high): (Duration, Duration)) -> Markup {
    let at = stretched(0.95);
    let (from, to) = (scale.at(low), scale.at(high));
    let (left, right) = (percent(at - 1.2), percent(at + 1.2));
    html! {
        rect.interval x=(left) width="2.4%" y=(rising(to)) height=(percent((to - from).max(0.0))) {}
        // A bound that nobody knows has no end: the band goes on to the border.
        @for end in [low, high].into_iter().filter(|it| is_drawn(*it)).map(|it| scale.at(it)) {
            line.interval x1=(left) x2=(right) y1=(rising(end)) y2=(rising(end)) {}
        }
        circle.mark.after cx=(percent(at)) cy=(rising(scale.at(p95))) r="5" {}
        text.value x=(percent(at + 2.5)) y=(rising(scale.at(p95))) dy="16" {
            "p95 " (told(p95))
            @if !is_drawn(high) { ", no bound" }
        }
    }
}
