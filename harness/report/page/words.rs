//! Words and numbers as the page has them.
//!
//! Knows units. Must not know what they are of.

use std::fmt::Display;
use std::time::Duration;

use maud::{Markup, Render, html};

use crate::checks::{megabytes, millis as told};
use crate::report::json::millis;
use crate::report::units::span;

/// A time as people read it, with the number that JSON has: milliseconds.
pub(in crate::report) fn time(time: Duration) -> Markup {
    html! { data value=(millis(time)) { (told(time)) } }
}

/// The same, with a name by which it can be found.
pub(in crate::report) fn named_time(name: &str, time: Duration) -> Markup {
    html! { data id=(name) value=(millis(time)) { (told(time)) } }
}

/// A count, with a name by which it can be found.
pub(in crate::report) fn named_count(name: &str, count: impl Display + Copy) -> Markup {
    html! { data id=(name) value=(count) { (grouped(count)) } }
}

/// A count with its number, which words around it tell from others.
pub(in crate::report) fn count(count: impl Display + Copy) -> Markup {
    html! { data value=(count) { (grouped(count)) } }
}

/// Seconds as people read them, with the number that JSON has.
pub(in crate::report) fn seconds(seconds: f64) -> Markup {
    html! { data value=(seconds) { (brief(seconds)) } }
}

/// The same, with a name by which it can be found.
pub(in crate::report) fn named_seconds(name: &str, seconds: f64) -> Markup {
    html! { data id=(name) value=(seconds) { (brief(seconds)) } }
}

/// Less than a second in milliseconds.
fn brief(seconds: f64) -> String {
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if seconds < 0.95 => told(time),
        _ => span(seconds),
    }
}

/// What is known, or the words that say that it is not.
pub(in crate::report) fn known(known: Option<impl Render>, otherwise: &str) -> Markup {
    html! { @if let Some(known) = known { (known) } @else { span.unknown { (otherwise) } } }
}

/// Lines of a text, with their breaks.
pub(in crate::report) fn paragraphs(text: &str) -> Markup {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    html! { (first) @if !rest.trim().is_empty() { pre.detail { (rest.trim_end()) } } }
}

/// Bytes as people read them, and their number.
pub(in crate::report) fn bytes(bytes: u64) -> Markup {
    html! {
        data value=(bytes) {
            @if bytes < 100_000 { (grouped(bytes)) " B" } @else { (megabytes(bytes)) }
        }
    }
}

/// The same in the unit that says most.
pub(in crate::report) fn size(bytes: u64) -> Markup {
    html! { data value=(bytes) { (crate::checks::size(bytes)) } }
}

/// A bound, which few runs leave open.
pub(in crate::report) fn bound(time: Duration) -> String {
    if time > Duration::from_hours(24 * 365) { "no bound".to_owned() } else { told(time) }
}

/// A share as a percentile.
pub(in crate::report) fn percentile(share: f64) -> String {
    format!("{}", (share * 1e4).round() / 1e2)
}

/// A number and its word.
pub(in crate::report) fn plural(count: impl Display + Copy, word: &str) -> String {
    let count = count.to_string();
    if count == "1" { format!("1 {word}") } else { format!("{} {word}s", in_groups(&count)) }
}

/// A number with a thin space between its thousands.
pub(in crate::report) fn grouped(count: impl Display + Copy) -> String {
    in_groups(&count.to_string())
}

fn in_groups(digits: &str) -> String {
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A list with commas, or `none`.
pub(in crate::report) fn listed(all: &[String], none: &str) -> String {
    if all.is_empty() { none.to_owned() } else { all.join(", ") }
}

/// Characters that no page should have become ones that can be seen: controls, and what turns the
/// direction of text, behind which SQL can hide.
pub(super) fn visible(character: char) -> char {
    match character {
        '\n' | '\t' => character,
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{fffe}'
        | '\u{ffff}' => '\u{fffd}',
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{bound, grouped, percentile, plural, visible};

    #[test]
    fn numbers_are_told_as_people_read_them() {
        assert_eq!((plural(1, "row"), plural(0, "row")), ("1 row".to_owned(), "0 rows".to_owned()));
        assert_eq!(
            [1, 999, 1000, 1_234_567].map(grouped),
            ["1", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]
        );
        assert_eq!([0.5, 0.999, 0.12345].map(percentile), ["50", "99.9", "12.35"]);
        assert_eq!(bound(Duration::MAX), "no bound");
    }

    #[test]
    fn what_hides_can_be_seen() {
        let text: String =
            "a\u{0}\u{1b}[31m\r\n\t\u{7f}\u{202e}é😀\u{85}\u{ffff}".chars().map(visible).collect();
        assert_eq!(text, "a␀␛[31m␍\n\t␡\u{fffd}é😀\u{fffd}\u{fffd}");
    }
}
