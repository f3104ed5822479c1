//! Constants of which nobody can tell the column.
//!
//! Knows where a constant is certainly no column's: sizes of types, intervals, limits.

use std::collections::BTreeSet;

use super::fact::{Fact, Op};
use super::phrase::Phrase;
use super::words::Kind;

/// Types that have sizes in parentheses.
const SIZED: &[&str] = &[
    "varchar",
    "char",
    "character",
    "varying",
    "bpchar",
    "numeric",
    "decimal",
    "bit",
    "time",
    "timestamp",
    "timestamptz",
    "interval",
    "float",
];

/// The constants of a statement that nothing was read from: strings as what something may be equal
/// to, numbers as bounds.
pub(super) fn loose(phrase: &Phrase, used: &BTreeSet<usize>) -> Vec<Fact> {
    let words = phrase.words().iter().enumerate();
    let free = words.filter(|(at, _)| !used.contains(at) && !phrase.is_type(*at));
    free.filter_map(|(at, word)| match word.kind {
        Kind::Text if !is_interval(phrase, at) => Some(Fact::Compare(Op::Eq, word.text.clone())),
        Kind::Number if !is_size(phrase, at) => Some(Fact::Compare(Op::Le, phrase.number(at))),
        _ => None,
    })
    .collect()
}

fn is_interval(phrase: &Phrase, at: usize) -> bool {
    phrase.is_before(at, 1, "interval")
        || (phrase.is(at + 1, "::") && phrase.is(at + 2, "interval"))
}

fn is_size(phrase: &Phrase, at: usize) -> bool {
    let before = |back| at.checked_sub(back).and_then(|at| phrase.word(at));
    let is_sized = |back| before(back).is_some_and(|word| word.is_any(SIZED));
    let first = phrase.is_before(at, 1, "(") && is_sized(2);
    let second = phrase.is_before(at, 1, ",") && phrase.is_before(at, 3, "(") && is_sized(4);
    first || second || before(1).is_some_and(|word| word.is_any(&["limit", "offset"]))
}
