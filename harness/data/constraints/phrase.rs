//! A statement or an expression as words that belong together: parentheses, casts, operands.
//!
//! Knows how operators bind, as far as finding the two sides of a comparison needs it. Must not know
//! which names are columns.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::words::{Kind, Word, words};

/// Operators that bind tighter than a comparison.
const TIGHT: &[&str] = &["->", "->>", "#>", "#>>", "||", "+", "-", "*", "/", "%", "^"];

/// Words before a parenthesis that name no function.
const KEYWORDS: &[&str] = &[
    "all",
    "and",
    "any",
    "as",
    "between",
    "by",
    "case",
    "check",
    "else",
    "from",
    "having",
    "ilike",
    "in",
    "is",
    "like",
    "not",
    "on",
    "or",
    "returning",
    "select",
    "set",
    "some",
    "then",
    "to",
    "using",
    "values",
    "when",
    "where",
    "with",
    "default",
    "return",
    "limit",
    "offset",
];

/// The words of a text and how they belong together.
#[derive(Debug)]
pub(super) struct Phrase {
    words: Vec<Word>,
    /// The other one of each parenthesis or bracket.
    pairs: BTreeMap<usize, usize>,
    /// Where each cast begins (its `::`), by the place behind it.
    casts: BTreeMap<usize, usize>,
    /// The words that name a type.
    types: BTreeSet<usize>,
    /// The insides of `NOT ( .. )`.
    negated: Vec<Range<usize>>,
}

impl Phrase {
    pub(super) fn new(sql: &str) -> Self {
        let mut phrase = Self {
            words: words(sql),
            pairs: BTreeMap::new(),
            casts: BTreeMap::new(),
            types: BTreeSet::new(),
            negated: Vec::new(),
        };
        phrase.pair();
        phrase.find_types();
        phrase.find_negated();
        phrase
    }

    pub(super) fn words(&self) -> &[Word] {
        &self.words
    }

    pub(super) fn word(&self, at: usize) -> Option<&Word> {
        self.words.get(at)
    }

    pub(super) fn is(&self, at: usize, text: &str) -> bool {
        self.word(at).is_some_and(|word| word.is(text))
    }

    /// As [`Self::is`] of the word that stands `back` words before.
    pub(super) fn is_before(&self, at: usize, back: usize, text: &str) -> bool {
        at.checked_sub(back).is_some_and(|at| self.is(at, text))
    }

    pub(super) fn is_type(&self, at: usize) -> bool {
        self.types.contains(&at)
    }

    /// Whether an odd number of `NOT ( .. )` is around this word.
    pub(super) fn is_negated(&self, at: usize) -> bool {
        self.negated.iter().filter(|range| range.contains(&at)).count() % 2 == 1
    }

    /// The place behind the parenthesis that opens at `open`.
    pub(super) fn behind(&self, open: usize) -> Option<usize> {
        self.pairs.get(&open).map(|close| close + 1)
    }

    /// The words within the parentheses that open at `open`.
    pub(super) fn inside(&self, open: usize) -> Option<Range<usize>> {
        self.pairs.get(&open).filter(|close| **close > open).map(|close| open + 1..*close)
    }

    /// The pieces of a list between commas, or between `IN`, `FROM` and `FOR` as in `POSITION`.
    pub(super) fn pieces(&self, list: Range<usize>) -> Vec<Range<usize>> {
        let mut pieces = Vec::new();
        let (mut start, mut at) = (list.start, list.start);
        while at < list.end {
            if self.word(at).is_some_and(|word| word.is_any(&[",", "in", "from", "for"])) {
                pieces.push(start..at);
                start = at + 1;
            }
            at = self.behind(at).filter(|behind| *behind > at).unwrap_or(at + 1);
        }
        pieces.push(start..list.end);
        pieces
    }

    /// A number with the sign that is part of it.
    pub(super) fn number(&self, at: usize) -> String {
        let text = self.word(at).map(|word| word.text.clone()).unwrap_or_default();
        let before = at.checked_sub(2).and_then(|at| self.word(at));
        let is_operand = before.is_some_and(|word| match word.kind {
            Kind::Sign => word.is_any(&[")", "]"]),
            Kind::Name => !word.is_any(KEYWORDS),
            _ => true,
        });
        if self.is_before(at, 1, "-") && !is_operand { format!("-{text}") } else { text }
    }

    /// The function that is called by the parenthesis at `open`.
    pub(super) fn function(&self, open: usize) -> Option<&str> {
        let word = self.word(open.checked_sub(1)?)?;
        let is_call = self.is(open, "(") && word.is_name() && !word.is_any(KEYWORDS);
        is_call.then_some(word.text.as_str())
    }

    /// The operand that ends before `end`; `is_loose` takes what binds tighter with it.
    pub(super) fn operand_before(&self, end: usize, is_loose: bool) -> Range<usize> {
        let mut start = self.primary_before(end);
        while is_loose && start > 1 && self.word(start - 1).is_some_and(|word| word.is_any(TIGHT)) {
            let next = self.primary_before(start - 1);
            if next == start - 1 {
                break;
            }
            start = next;
        }
        start..end
    }

    /// The operand that begins at `start`, with what binds tighter than a comparison.
    pub(super) fn operand_after(&self, start: usize) -> Range<usize> {
        let mut end = self.primary_after(start);
        while end > start && self.word(end).is_some_and(|word| word.is_any(TIGHT)) {
            let next = self.primary_after(end + 1);
            if next == end + 1 {
                break;
            }
            end = next;
        }
        start..end
    }

    /// The place behind the type that is named at `at`, its modifier and dimensions included.
    pub(super) fn type_end(&self, at: usize) -> usize {
        let mut end = at;
        while self.word(end).is_some_and(Word::is_name) {
            end += 1;
            if !self.is(end, ".") {
                break;
            }
            end += 1;
        }
        if self.word(end).is_some_and(|word| word.is_any(&["varying", "precision"])) {
            end += 1;
        }
        if self.is(end, "(") {
            end = self.behind(end).unwrap_or(end);
        }
        let has_zone = self.word(end).is_some_and(|word| word.is_any(&["with", "without"]));
        if has_zone && self.is(end + 1, "time") {
            end += 3;
        }
        while self.is(end, "[") {
            match self.behind(end) {
                Some(behind) => end = behind,
                None => break,
            }
        }
        end
    }

    fn primary_before(&self, end: usize) -> usize {
        let mut at = end;
        while let Some(colons) = self.casts.get(&at) {
            at = *colons;
        }
        let Some(last) = at.checked_sub(1) else { return end };
        let Some(word) = self.word(last) else { return end };
        match word.kind {
            Kind::Sign if word.is_any(&[")", "]"]) => {
                let Some(open) = self.pairs.get(&last).copied() else { return end };
                self.head(open)
            }
            Kind::Name | Kind::Quoted => self.qualified(last),
            // A typed constant: DATE '..'.
            Kind::Text => last - usize::from(self.is_typed(last)),
            Kind::Number => last,
            _ => end,
        }
    }

    /// Where the thing begins that a parenthesis or bracket belongs to.
    fn head(&self, open: usize) -> usize {
        let Some(before) = open.checked_sub(1) else { return open };
        if self.is(open, "[") && !self.is(before, "array") {
            return self.primary_before(open);
        }
        let is_name =
            self.word(before).is_some_and(|word| word.is_name() && !word.is_any(KEYWORDS));
        if is_name { self.qualified(before) } else { open }
    }

    fn qualified(&self, last: usize) -> usize {
        let mut at = last;
        while at >= 2 && self.is(at - 1, ".") {
            at = match self.pairs.get(&(at - 2)) {
                Some(open) => *open,
                None => at - 2,
            };
        }
        at
    }

    fn is_typed(&self, text: usize) -> bool {
        let names = ["date", "timestamp", "timestamptz", "time", "interval", "numeric", "uuid"];
        text.checked_sub(1)
            .and_then(|at| self.word(at))
            .is_some_and(|word| word.is_any(&names) || word.is_any(&["json", "jsonb"]))
    }

    fn primary_after(&self, start: usize) -> usize {
        let sign = usize::from(self.word(start).is_some_and(|word| word.is_any(&["-", "+"])));
        let at = start + sign;
        let Some(word) = self.word(at) else { return start };
        let mut end = match word.kind {
            Kind::Sign if word.is("(") => self.behind(at).unwrap_or(start),
            Kind::Name if word.is("case") => self.case_end(at),
            Kind::Name | Kind::Quoted => self.name_end(at),
            Kind::Text | Kind::Number => at + 1,
            _ => return start,
        };
        while end > start {
            if self.is(end, "::") {
                end = self.type_end(end + 1);
            } else if self.is(end, "[") {
                end = self.behind(end).unwrap_or(end + 1);
            } else {
                break;
            }
        }
        end
    }

    fn name_end(&self, at: usize) -> usize {
        let mut end = at + 1;
        while self.is(end, ".") && self.word(end + 1).is_some() {
            end += 2;
        }
        if self.is(end, "(") || (self.is(end, "[") && self.is(at, "array")) {
            return self.behind(end).unwrap_or(end);
        }
        let is_constant = self.word(end).is_some_and(|word| word.kind == Kind::Text);
        end + usize::from(is_constant)
    }

    fn case_end(&self, at: usize) -> usize {
        let mut depth = 0_usize;
        for (place, word) in self.words.iter().enumerate().skip(at) {
            if word.is("case") {
                depth += 1;
            } else if word.is("end") {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return place + 1;
                }
            }
        }
        self.words.len()
    }

    fn pair(&mut self) {
        let mut open = Vec::new();
        for (at, word) in self.words.iter().enumerate() {
            if word.is_any(&["(", "["]) {
                open.push(at);
            } else if word.is_any(&[")", "]"])
                && let Some(start) = open.pop()
            {
                self.pairs.insert(start, at);
                self.pairs.insert(at, start);
            }
        }
    }

    fn find_types(&mut self) {
        let mut found = Vec::new();
        for (at, word) in self.words.iter().enumerate() {
            if word.is("::") {
                found.push((Some(at), at + 1..self.type_end(at + 1)));
            } else if word.is("cast") && self.is(at + 1, "(") {
                let inside = self.inside(at + 1).unwrap_or(at..at);
                let named = inside.clone().find(|place| self.is(*place, "as"));
                found.extend(named.map(|place| (None, place + 1..inside.end)));
            }
        }
        for (colons, range) in found {
            if let Some(colons) = colons {
                self.casts.insert(range.end, colons);
            }
            self.types.extend(range);
        }
    }

    fn find_negated(&mut self) {
        let nots = self.words.iter().enumerate().filter(|(_, word)| word.is("not"));
        self.negated = nots.filter_map(|(at, _)| self.inside(at + 1)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::{Phrase, Range};

    fn sides(sql: &str, operator: &str) -> (String, String) {
        let phrase = Phrase::new(sql);
        let at = phrase.words().iter().position(|word| word.is(operator)).unwrap();
        let text = |range: Range<usize>| {
            let words = &phrase.words()[range];
            let (first, last) = (words.first().unwrap(), words.last().unwrap());
            sql.get(first.bytes.start..last.bytes.end).unwrap().to_owned()
        };
        (text(phrase.operand_before(at, true)), text(phrase.operand_after(at + 1)))
    }

    #[test]
    fn operands_are_found_around_an_operator() {
        for (sql, operator, left, right) in [
            (
                "((status)::text = ANY ((ARRAY['a'::character varying])::text[]))",
                "=",
                "(status)::text",
                "ANY ((ARRAY['a'::character varying])::text[])",
            ),
            ("where o.data->>'kind' = 'x' and b", "=", "o.data->>'kind'", "'x'"),
            (
                "(a >= '2024-01-01 00:00:00'::timestamp without time zone)",
                ">=",
                "a",
                "'2024-01-01 00:00:00'::timestamp without time zone",
            ),
            ("and pg_catalog.length(x)::int > -5 or", ">", "pg_catalog.length(x)::int", "-5"),
            ("set a = case b when 1 then 2 end, c", "=", "a", "case b when 1 then 2 end"),
            ("(addr).zip[1] = date '2024-01-01'", "=", "(addr).zip[1]", "date '2024-01-01'"),
        ] {
            assert_eq!(sides(sql, operator), (left.to_owned(), right.to_owned()));
        }
    }

    #[test]
    fn torn_text_is_taken_as_it_is() {
        for sql in ["((a = ", ") = (", "= =", "a::", "cast(", "case when", "not ("] {
            let phrase = Phrase::new(sql);
            for at in 0..=phrase.words().len() {
                let _ = (phrase.operand_before(at, true), phrase.operand_after(at));
            }
        }
    }
}
