//! A plot: an area with ticks at two sides, in which lines are drawn.
//!
//! All places are in percent and all texts in the page's own size, so a plot is as wide as there is room
//! and can be read at any width. Colours and dashes are the style sheet's, by class.

use std::fmt::Write as _;

use maud::{Markup, html};

/// A place on an axis and what is written there.
#[derive(Clone, Debug)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
}

/// What a plot shows.
#[derive(Debug)]
pub(super) struct Plot<'a> {
    /// All that it says, for those who don't see it.
    pub(super) title: &'a str,
    pub(super) along: &'a str,
    pub(super) upward: &'a str,
    pub(super) columns: Vec<Tick>,
    pub(super) rows: Vec<Tick>,
}

/// A number of percent of a plot's width or height.
pub(super) fn percent(at: f64) -> String {
    format!("{at:.2}%")
}

/// The same from below.
pub(super) fn rising(at: f64) -> String {
    percent(100.0 - at)
}

impl Plot<'_> {
    /// The plot with `inside` drawn over its grid.
    pub(super) fn draw(&self, inside: &Markup) -> Markup {
        html! {
            div.plot {
                svg role="img" width="100%" height="220" aria-label=(self.title) {
                    title { (self.title) }
                    g.grid {
                        @for tick in &self.columns {
                            line x1=(percent(tick.at)) x2=(percent(tick.at)) y1="0" y2="100%" {}
                        }
                        @for tick in &self.rows {
                            line x1="0" x2="100%" y1=(rising(tick.at)) y2=(rising(tick.at)) {}
                        }
                    }
                    g.ticks {
                        @for tick in &self.columns {
                            text x=(percent(tick.at)) y="100%" dy="18" text-anchor=(anchor(tick.at)) { (tick.label) }
                        }
                        @for tick in &self.rows {
                            text x="0" dx="-8" y=(rising(tick.at)) dy="4" text-anchor="end" { (tick.label) }
                        }
                        text.axis x="100%" y="100%" dy="36" text-anchor="end" { (self.along) }
                        text.axis x="0" dx="-56" y="0" dy="-12" { (self.upward) }
                    }
                    (inside)
                }
            }
        }
    }
}

/// Labels at the borders stay inside.
pub(super) fn anchor(at: f64) -> &'static str {
    match () {
        () if at < 4.0 => "start",
        () if at > 96.0 => "end",
        () => "middle",
    }
}

/// Which way a staircase goes first from one point to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To the right, then up.
    Right,
    /// Up, then to the right.
    Up,
}

/// Steps that are nearer to the last one can't be seen.
const NEAR: f64 = 0.2;

/// A staircase through these points.
pub(super) fn staircase(points: &[(f64, f64)], step: Step, class: &str) -> Markup {
    html! {
        svg width="100%" height="100%" viewBox="0 0 100 100" preserveAspectRatio="none" overflow="visible" aria-hidden="true" {
            path.curve.(class) d=(path(points, step)) vector-effect="non-scaling-stroke" {}
        }
    }
}

fn path(points: &[(f64, f64)], step: Step) -> String {
    let mut text = String::new();
    let mut last = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    for (at, (x, y)) in points.iter().copied().enumerate() {
        let is_seen = x - last.0 >= NEAR || y - last.1 >= NEAR || at + 1 == points.len();
        if !is_seen {
            continue;
        }
        last = (x, y);
        let (right, down) = (format!("{x:.1}"), format!("{:.1}", 100.0 - y));
        // Writing to a String can't fail.
        let _ = match (text.is_empty(), step) {
            (true, _) => write!(text, "M{right} {down}"),
            (false, Step::Right) => write!(text, "H{right}V{down}"),
            (false, Step::Up) => write!(text, "V{down}H{right}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Step, anchor, path, percent, rising};

    #[test]
    fn a_staircase_keeps_its_ends_and_what_can_be_seen() {
        let points = [(0.0, 0.0), (10.0, 50.0), (10.05, 50.05), (30.0, 50.1), (30.01, 50.11)];
        assert_eq!(path(&points, Step::Right), "M0.0 100.0H10.0V50.0H30.0V49.9H30.0V49.9");
        assert_eq!(path(&points[..2], Step::Up), "M0.0 100.0V50.0H10.0");
        assert_eq!(path(&[], Step::Up), "");
        let many: Vec<(f64, f64)> =
            (0..100_000).map(|at| f64::from(at) / 1e3).map(|at| (at, at)).collect();
        assert!(path(&many, Step::Up).len() < 10_000);
    }

    #[test]
    fn upward_is_counted_from_below() {
        assert_eq!((percent(12.345), rising(100.0)), ("12.35%".to_owned(), "0.00%".to_owned()));
        assert_eq!([0.0, 50.0, 100.0].map(anchor), ["start", "middle", "end"]);
    }
}
