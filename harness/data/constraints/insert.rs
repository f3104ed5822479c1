//! Rows that a statement inserts as constants.
//!
//! Knows the shape of INSERT. Must not know tables.

use std::ops::Range;

use super::phrase::Phrase;
use super::words::{Kind, Word};

/// An INSERT.
#[derive(Debug)]
pub(super) struct Insert {
    /// The table, perhaps with its schema.
    pub(super) table: Vec<String>,
    /// The columns, where they are named.
    pub(super) columns: Option<Vec<String>>,
    /// The expressions of each row.
    pub(super) rows: Vec<Vec<Range<usize>>>,
}

/// The INSERTs of a statement, those of its WITH among them.
pub(super) fn inserts(phrase: &Phrase) -> Vec<Insert> {
    let starts = (0..phrase.words().len())
        .filter(|at| phrase.is(*at, "insert") && phrase.is(at + 1, "into"));
    starts.map(|at| insert(phrase, at + 2)).collect()
}

fn insert(phrase: &Phrase, at: usize) -> Insert {
    let mut table = Vec::new();
    let mut at = at;
    while let Some(word) = phrase.word(at).filter(|word| word.is_name()) {
        table.push(word.text.clone());
        at += 1;
        if !phrase.is(at, ".") {
            break;
        }
        at += 1;
    }
    if phrase.is(at, "as") {
        at += 2;
    }
    let mut columns = None;
    if let Some(inside) = phrase.inside(at).filter(|_| phrase.is(at, "(")) {
        let words = inside.filter_map(|at| phrase.word(at));
        columns = Some(words.filter(|word| word.is_name()).map(|word| word.text.clone()).collect());
        at = phrase.behind(at).unwrap_or(at + 1);
    }
    if phrase.is(at, "overriding") {
        at += 3;
    }
    let rows = if phrase.is(at, "values") {
        tuples(phrase, at + 1)
    } else if phrase.is(at, "select") {
        vec![selected(phrase, at + 1)]
    } else {
        Vec::new()
    };
    Insert { table, columns, rows }
}

fn tuples(phrase: &Phrase, at: usize) -> Vec<Vec<Range<usize>>> {
    let mut rows = Vec::new();
    let mut at = at;
    while phrase.is(at, "(") {
        let Some(inside) = phrase.inside(at) else { break };
        rows.push(phrase.pieces(inside));
        at = phrase.behind(at).unwrap_or(at);
        if !phrase.is(at, ",") {
            break;
        }
        at += 1;
    }
    rows
}

/// The list of a SELECT: constants there are a row too.
fn selected(phrase: &Phrase, start: usize) -> Vec<Range<usize>> {
    let ends = ["from", "where", "union", "on", "returning", "limit", "except"];
    let mut end = start;
    while phrase.word(end).is_some_and(|word: &Word| !word.is_any(&ends) && !word.is(")")) {
        end = phrase.behind(end).filter(|behind| *behind > end).unwrap_or(end + 1);
    }
    phrase.pieces(start..end)
}

/// The constant that an expression is, with its place.
pub(super) fn constant(phrase: &Phrase, range: &Range<usize>) -> Option<(usize, String)> {
    let is_whole = phrase.operand_after(range.start).end >= range.end;
    let sign = usize::from(phrase.is(range.start, "-"));
    let at = range.start + sign;
    let word = phrase.word(at).filter(|_| is_whole && at < range.end)?;
    match word.kind {
        Kind::Text => Some((at, word.text.clone())),
        Kind::Number => Some((at, phrase.number(at))),
        Kind::Name if word.is_any(&["true", "false"]) => Some((at, word.text.clone())),
        // A typed constant.
        Kind::Name => {
            let text = phrase.word(at + 1).filter(|word| word.kind == Kind::Text)?;
            (at + 1 < range.end).then(|| (at + 1, text.text.clone()))
        }
        _ => None,
    }
}
