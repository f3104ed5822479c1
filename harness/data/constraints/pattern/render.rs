//! Writes a regular expression in the syntax that strings are drawn from.
//!
//! Knows in which forms: short, long, with zeros. Must not know how strings are drawn.

use std::fmt::Write as _;

use super::parse::Node;

/// How much more than the least is taken where there is no end.
const MORE: u32 = 8;

/// Which strings are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As often as must be.
    Shortest,
    /// As often as may be, or some more than must be.
    Longest,
    /// Digits begin with a zero.
    Zeros,
    /// Anything not too long.
    Free,
}

impl Form {
    fn counts(self, min: u32, max: Option<u32>) -> (u32, u32) {
        let some = max.map_or(min + MORE, |max| max.min(min + MORE));
        match self {
            Self::Shortest => (min, min),
            Self::Longest => max.map_or((some, some), |max| (max, max)),
            Self::Zeros | Self::Free => (min, some),
        }
    }
}

/// The expression in this form.
pub(super) fn render(node: &Node, form: Form) -> String {
    let mut text = String::new();
    write(node, form, &mut text);
    text
}

/// How many characters a string of this form has at most.
pub(super) fn length(node: &Node, form: Form) -> u64 {
    match node {
        Node::Set(_) => 1,
        Node::Each(nodes) => {
            nodes.iter().map(|node| length(node, form)).fold(0, u64::saturating_add)
        }
        Node::Either(nodes) => nodes.iter().map(|node| length(node, form)).max().unwrap_or(0),
        Node::Repeat(node, min, max) => {
            length(node, form).saturating_mul(form.counts(*min, *max).1.into())
        }
    }
}

fn write(node: &Node, form: Form, text: &mut String) {
    match node {
        Node::Set(ranges) if form == Form::Zeros && is_digits(ranges) => text.push('0'),
        Node::Set(ranges) => write_set(ranges, text),
        Node::Each(nodes) => nodes.iter().for_each(|node| write(node, form, text)),
        Node::Either(nodes) => {
            text.push_str("(?:");
            for (at, node) in nodes.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "|" });
                write(node, form, text);
            }
            text.push(')');
        }
        Node::Repeat(inner, min, max) => write_repeat(inner, form, (*min, *max), text),
    }
}

fn write_repeat(inner: &Node, form: Form, counts: (u32, Option<u32>), text: &mut String) {
    let (min, max) = form.counts(counts.0, counts.1);
    if let Node::Set(ranges) = inner
        && form == Form::Zeros
        && is_digits(ranges)
        && max > 1
    {
        text.push('0');
        write_set(ranges, text);
        let least = min.max(2) - 1;
        let _ = write!(text, "{{{least},{}}}", (max - 1).max(least));
        return;
    }
    text.push_str("(?:");
    write(inner, form, text);
    let _ = write!(text, "){{{min},{max}}}");
}

/// Whether it is a class of digits with zero.
fn is_digits(ranges: &[(char, char)]) -> bool {
    let is_digit = |(low, high): &(char, char)| low.is_ascii_digit() && high.is_ascii_digit();
    ranges.iter().all(is_digit) && ranges.iter().any(|(low, high)| *low == '0' && high > low)
}

fn write_set(ranges: &[(char, char)], text: &mut String) {
    text.push('[');
    for (low, high) in ranges {
        // By code, for no character then has a meaning of its own.
        let _ = write!(text, "\\x{{{:x}}}-\\x{{{:x}}}", u32::from(*low), u32::from(*high));
    }
    text.push(']');
}
