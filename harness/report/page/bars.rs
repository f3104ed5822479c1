//! Times as bars, each beside its number: from when to when something ran, or its part of a whole.
//!
//! Knows seconds. Must not know what ran.

use maud::{Markup, html};

/// Percent of the width: less can't be seen.
const THIN: f64 = 0.6;

/// From when to when, in seconds from the beginning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::report) struct Span {
    pub(in crate::report) from: f64,
    pub(in crate::report) until: f64,
    /// Whether it ended badly: such a bar is hollow, whatever its colour.
    pub(in crate::report) has_failed: bool,
}

/// Spans of what ran one after the other.
pub(in crate::report) fn of_parts(parts: impl IntoIterator<Item = (f64, bool)>) -> Vec<Span> {
    let mut from = 0.0;
    let mut spans = Vec::new();
    for (seconds, has_failed) in parts {
        spans.push(Span { from, until: from + seconds, has_failed });
        from += seconds;
    }
    spans
}

/// The bar of one span on a scale from 0 to `end`. Its numbers are in the cell beside it.
pub(in crate::report) fn bar(span: Span, end: f64) -> Markup {
    let place = |at: f64| if end > 0.0 { (100.0 * at / end).clamp(0.0, 100.0) } else { 0.0 };
    let width = (place(span.until) - place(span.from)).max(THIN);
    let from = place(span.from).min(100.0 - width);
    html! {
        svg.span width="100%" height="16" aria-hidden="true" {
            line x1="0" x2="100%" y1="8" y2="8" {}
            @if span.until > span.from || span.has_failed {
                rect.failed[span.has_failed] x=(percent(from)) width=(percent(width)) y="3" height="10" {}
            }
        }
    }
}

fn percent(at: f64) -> String {
    format!("{at:.2}%")
}

#[cfg(test)]
mod tests {
    use super::{Span, bar, of_parts};

    #[test]
    fn parts_stand_one_after_the_other() {
        let spans = of_parts([(1.0, false), (0.5, true)]);
        assert_eq!(spans[1], Span { from: 1.0, until: 1.5, has_failed: true });
        let drawn = bar(spans[1], 2.0).into_string();
        assert!(drawn.contains("class=\"failed\" x=\"50.00%\" width=\"25.00%\""), "{drawn}");
    }

    #[test]
    fn what_took_next_to_no_time_can_be_seen_and_stays_inside() {
        let nothing = bar(Span { from: 1.0, until: 1.0, has_failed: false }, 2.0).into_string();
        assert!(!nothing.contains("rect"), "{nothing}");
        for (from, end) in [(0.0, 0.0), (5.0, 5.0), (9.0, 5.0)] {
            let drawn =
                bar(Span { from, until: from + 1e-6, has_failed: false }, end).into_string();
            assert!(drawn.contains("width=\"0.60%\"") && !drawn.contains("NaN"), "{drawn}");
            assert!(drawn.contains("x=\"0.00%\"") || drawn.contains("x=\"99.40%\""), "{drawn}");
        }
    }
}
