//! Which words of an expression are columns.
//!
//! Knows where a word that is called like a column is something else: a function, a type, a keyword
//! of a construct. Must not know what is said of the columns.

use std::collections::BTreeSet;

use super::phrase::Phrase;
use super::words::Kind;

/// Columns that every table has without being asked.
const SYSTEM: &[&str] = &["tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"];

/// The words that are columns; `is_column` is given the name and, in a statement, the table or alias
/// before it.
pub(super) fn columns(
    phrase: &Phrase,
    is_column: impl Fn(Option<&str>, &str) -> bool,
) -> BTreeSet<usize> {
    let words = phrase.words().iter().enumerate();
    words
        .filter(|(at, word)| {
            word.is_name() && can_be(phrase, *at) && is_column(qualifier(phrase, *at), &word.text)
        })
        .map(|(at, _)| at)
        .collect()
}

/// The name before the dot before a name.
pub(super) fn qualifier(phrase: &Phrase, at: usize) -> Option<&str> {
    let name = phrase.word(at.checked_sub(2)?)?;
    (phrase.is_before(at, 1, ".")).then_some(name.text.as_str())
}

/// Whether an expression is about the whole row or about what no column holds.
pub(super) fn is_whole_row(phrase: &Phrase) -> bool {
    let words = phrase.words().iter().enumerate();
    words.into_iter().any(|(at, word)| {
        let is_star = word.is(".") && phrase.is(at + 1, "*");
        is_star || (word.kind == Kind::Name && SYSTEM.contains(&word.text.as_str()))
    })
}

fn can_be(phrase: &Phrase, at: usize) -> bool {
    let next = |text| phrase.is(at + 1, text);
    let before = |back, text| phrase.is_before(at, back, text);
    let is_constant = phrase.word(at + 1).is_some_and(|word| word.kind == Kind::Text);
    let is_other = phrase.is_type(at) || next("(") || next(".") || is_constant;
    let is_zone = (next("time") && phrase.is(at + 2, "zone"))
        || (before(1, "at") && next("zone"))
        || (before(1, "time") && before(2, "at"));
    let is_part = before(1, "collate")
        || (before(1, "(") && before(2, "extract"))
        || (before(1, "is") || (before(1, "not") && before(2, "is")))
        || (before(1, "json") && before(2, "is"));
    !is_other && !is_zone && !is_part
}
