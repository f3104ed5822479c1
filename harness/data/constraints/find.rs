//! Reads from an expression what it says of its columns.
//!
//! Knows comparisons and where their constants are; `calls` knows functions. Must not know types:
//! what makes no sense for a column's type is left out later.

use std::collections::BTreeSet;
use std::ops::Range;

use super::aspect::Aspect;
use super::class::items;
use super::fact::{Fact, Op, Want};
use super::phrase::Phrase;
use super::words::{Kind, Word};

/// Arrows that look into a document.
const ARROWS: &[&str] = &["->", "->>", "#>", "#>>"];

/// What is found in one phrase.
#[derive(Debug)]
pub(super) struct Finder<'a> {
    pub(super) phrase: &'a Phrase,
    /// The words that are columns.
    columns: &'a BTreeSet<usize>,
    /// What is said of which column, by the place of its word.
    pub(super) found: Vec<(usize, Fact)>,
    /// The constants that something was read from.
    pub(super) used: BTreeSet<usize>,
    /// Keys of documents that are built for no column that can be told.
    pub(super) loose_keys: Vec<String>,
}

/// Reads a phrase in which these words are columns.
pub(super) fn find<'a>(phrase: &'a Phrase, columns: &'a BTreeSet<usize>) -> Finder<'a> {
    let mut finder = Finder {
        phrase,
        columns,
        found: Vec::new(),
        used: BTreeSet::new(),
        loose_keys: Vec::new(),
    };
    for (at, word) in phrase.words().iter().enumerate() {
        match word.kind {
            Kind::Sign => finder.sign(at, &word.text),
            Kind::Name => finder.keyword(at, &word.text),
            _ => {}
        }
        if word.is("(") {
            finder.call(at);
        }
    }
    finder.types();
    finder
}

impl Finder<'_> {
    pub(super) fn say(&mut self, column: usize, fact: Fact) {
        self.found.push((column, fact));
    }

    /// The columns in a range.
    pub(super) fn columns(&self, range: Range<usize>) -> Vec<usize> {
        if range.is_empty() { Vec::new() } else { self.columns.range(range).copied().collect() }
    }

    /// The constants in a range, each with its place; not what casts and calls have for arguments.
    pub(super) fn constants(&self, range: Range<usize>) -> Vec<(usize, String)> {
        let is_many =
            self.phrase.word(range.start).is_some_and(|it| it.is_any(&["any", "all", "some"]));
        let mut found = Vec::new();
        for at in range.filter(|at| !self.phrase.is_type(*at)) {
            let Some(word) = self.phrase.word(at) else { continue };
            match word.kind {
                Kind::Text if is_many && word.text.starts_with('{') => {
                    let list = items(&word.text).unwrap_or_else(|| vec![word.text.clone()]);
                    found.extend(list.into_iter().map(|item| (at, item)));
                }
                Kind::Text => found.push((at, word.text.clone())),
                Kind::Number => found.push((at, self.phrase.number(at))),
                Kind::Name if word.is_any(&["true", "false"]) => {
                    found.push((at, word.text.clone()));
                }
                _ => {}
            }
        }
        found
    }

    /// The functions that are called in a range.
    fn functions(&self, range: Range<usize>) -> Vec<&str> {
        range.filter_map(|at| self.phrase.function(at)).collect()
    }

    /// Where in a document an operand points.
    fn path(&self, range: Range<usize>) -> Vec<String> {
        let mut path = Vec::new();
        for at in range {
            let Some(arrow) = self.phrase.word(at).filter(|word| word.is_any(ARROWS)) else {
                continue;
            };
            let key = self.phrase.operand_key(at + 1);
            match key {
                Some(key) if arrow.text.starts_with('#') => {
                    path.extend(items(&key).unwrap_or_default());
                }
                Some(key) => path.push(key),
                None => {}
            }
        }
        path
    }

    fn sign(&mut self, at: usize, text: &str) {
        match text {
            "->" | "->>" | "#>" | "#>>" => self.arrow(at),
            "?" | "?|" | "?&" => self.keys(at),
            "-" | "#-" => self.removed_key(at),
            "~" | "~*" | "!~" | "!~*" | "~~" | "~~*" | "!~~" | "!~~*" | "^@" => {
                self.matched(at, at, text);
            }
            "@>" | "<@" | "&&" => {
                let (left, right) = self.sides(at, at);
                self.compare(Op::Eq, left, right);
            }
            "<<" | "-|-" => self.used(at),
            _ => {
                if let Some(op) = Op::of(text) {
                    let (left, right) = self.sides(at, at);
                    self.compare(op, left, right);
                }
            }
        }
    }

    /// The operands around an operator whose left one ends before `end`.
    fn sides(&self, end: usize, at: usize) -> (Range<usize>, Range<usize>) {
        (self.phrase.operand_before(end, true), self.phrase.operand_after(at + 1))
    }

    fn keyword(&mut self, at: usize, text: &str) {
        let not = usize::from(self.phrase.is_before(at, 1, "not"));
        let end = at - not;
        let negated = |op: Op| if not == 1 { op.negated() } else { op };
        match text {
            "like" | "ilike" => self.matched(end, at, if text == "like" { "~~" } else { "~~*" }),
            "similar" if self.phrase.is(at + 1, "to") => self.matched(end, at + 1, "similar"),
            "in" if self.phrase.is(at + 1, "(") => {
                let (left, right) = self.sides(end, at);
                let around = left.start.checked_sub(1).and_then(|open| self.phrase.function(open));
                if around != Some("position") {
                    self.compare(negated(Op::Eq), left, right);
                }
            }
            "between" => self.between(end, at),
            "distinct" if self.phrase.is(at + 1, "from") => {
                let left = self.phrase.operand_before(end - usize::from(end > 0), true);
                let right = self.phrase.operand_after(at + 2);
                self.compare(negated(Op::Ne), left, right);
            }
            "when" => self.case(at),
            "default" if self.phrase.is_before(at, 1, "set") => {
                let right = self.phrase.operand_after(at + 1);
                self.compare(Op::Eq, self.phrase.operand_before(at - 1, false), right);
            }
            _ => {}
        }
    }

    fn between(&mut self, end: usize, at: usize) {
        let (left, low) = self.sides(end, at);
        let high = self.phrase.operand_after(low.end + 1);
        let has_high = self.phrase.is(low.end, "and");
        self.compare(Op::Ge, left.clone(), low);
        if has_high {
            self.compare(Op::Le, left, high);
        }
    }

    /// `CASE column WHEN 'a'`; with a condition behind `WHEN`, that speaks for itself.
    fn case(&mut self, at: usize) {
        let mut depth = 0_usize;
        let mut first_when = at;
        for place in (0..at).rev() {
            if self.phrase.is(place, "end") {
                depth += 1;
            } else if self.phrase.is(place, "when") && depth == 0 {
                first_when = place;
            } else if self.phrase.is(place, "case") {
                if depth == 0 {
                    let right = self.phrase.operand_after(at + 1);
                    return self.compare(Op::Eq, place + 1..first_when, right);
                }
                depth -= 1;
            }
        }
    }

    fn compare(&mut self, op: Op, left: Range<usize>, right: Range<usize>) {
        if self.phrase.is(right.start, "case") {
            return self.assigned(&left, right);
        }
        let (on_left, on_right) = (self.columns(left.clone()), self.columns(right.clone()));
        let is_built =
            self.functions(right.clone()).iter().any(|name| name.contains("build_object"));
        if is_built {
            return;
        }
        match (on_left.is_empty(), on_right.is_empty()) {
            (false, true) => self.related(op, &left, &right),
            (true, false) => self.related(op.turned(), &right, &left),
            (false, false) => {
                for column in on_left.into_iter().chain(on_right) {
                    self.say(column, Fact::Used);
                }
            }
            (true, true) => {}
        }
    }

    /// `column = CASE .. THEN 'a' ELSE 'b' END`.
    fn assigned(&mut self, left: &Range<usize>, case: Range<usize>) {
        let columns = self.columns(left.clone());
        for at in case {
            if self.phrase.word(at).is_some_and(|word| word.is_any(&["then", "else"])) {
                let value = self.phrase.operand_after(at + 1);
                if self.columns(value.clone()).is_empty() && !columns.is_empty() {
                    self.related(Op::Eq, left, &value);
                }
            }
        }
    }

    /// One side has columns, the other one has constants.
    fn related(&mut self, op: Op, side: &Range<usize>, other: &Range<usize>) {
        let op = if self.phrase.is_negated(side.start) { op.negated() } else { op };
        let aspect = self.aspect(side);
        let columns = self.columns(side.clone());
        for (at, text) in self.constants(other.clone()) {
            self.used.insert(at);
            let facts = aspect.facts(op, &text);
            for column in &columns {
                self.found.extend(facts.iter().map(|fact| (*column, fact.clone())));
            }
        }
    }

    /// What of its columns an operand is.
    fn aspect(&self, side: &Range<usize>) -> Aspect {
        let functions = self.functions(side.clone());
        let path = self.path(side.clone());
        if let Some(aspect) = functions.iter().find_map(|name| Aspect::of_json(name, &path)) {
            return aspect;
        }
        if !path.is_empty() {
            return Aspect::Place(path, self.casts_to_number(side));
        }
        let has_year = side.clone().any(|at| self.phrase.is(at, "year"))
            || self.constants(side.clone()).iter().any(|(_, text)| text == "year");
        let found = functions.iter().find_map(|name| Aspect::of(name, has_year));
        found.unwrap_or(Aspect::Itself)
    }

    fn casts_to_number(&self, side: &Range<usize>) -> bool {
        let names =
            ["int", "integer", "bigint", "smallint", "numeric", "real", "double", "decimal"];
        let is_number = |word: &Word| word.is_any(&names) || word.text.starts_with("float");
        // Behind a parenthesis the cast is outside of the operand's own words.
        (side.start..side.end)
            .any(|at| self.phrase.is_type(at) && self.phrase.word(at).is_some_and(is_number))
    }

    fn used(&mut self, at: usize) {
        let (left, right) = self.sides(at, at);
        for column in self.columns(left).into_iter().chain(self.columns(right)) {
            self.say(column, Fact::Used);
        }
    }

    fn matched(&mut self, end: usize, at: usize, operator: &str) {
        let (left, right) = self.sides(end, at);
        let similar = operator == "similar"
            || self.functions(right.clone()).iter().any(|name| name.contains("similar"));
        // The first constant: what follows it says how to escape.
        let Some((place, text)) = self.constants(right).into_iter().next() else { return };
        self.used.insert(place);
        let ignores_case = operator.ends_with('*');
        let fact = match operator {
            "^@" => Fact::Prefix(text),
            _ if similar => Fact::Pattern(super::pattern::similar(&text), ignores_case),
            _ if operator.contains("~~") => Fact::Like(text),
            _ => Fact::Pattern(text, ignores_case),
        };
        for column in self.columns(left) {
            self.say(column, fact.clone());
        }
    }

    fn arrow(&mut self, at: usize) {
        let left = self.phrase.operand_before(at, true);
        let right = self.phrase.operand_after(at + 1);
        let path = self.path(left.start..right.end.min(at + 2));
        self.documents(left, right.start..right.end.min(at + 2), &path, &Want::Any);
    }

    fn documents(&mut self, left: Range<usize>, keys: Range<usize>, path: &[String], want: &Want) {
        self.used.extend(self.constants(keys).into_iter().map(|(at, _)| at));
        for column in self.columns(left) {
            self.say(column, Fact::Json(path.to_vec(), want.clone()));
        }
    }

    fn keys(&mut self, at: usize) {
        let (left, right) = self.sides(at, at);
        let path = self.path(left.clone());
        for (_, key) in self.constants(right.clone()) {
            let keys = items(&key).unwrap_or_else(|| vec![key]);
            for key in keys {
                let path: Vec<String> = path.iter().cloned().chain([key]).collect();
                self.documents(left.clone(), right.clone(), &path, &Want::Any);
            }
        }
    }

    /// `document - 'key'` and `document #- '{a,b}'`.
    fn removed_key(&mut self, at: usize) {
        let is_text = self.phrase.word(at + 1).is_some_and(|word| word.kind == Kind::Text);
        let is_cast = self.phrase.is(at + 2, "::") && !self.phrase.is(at + 3, "text");
        if is_text && (!is_cast || self.phrase.is(at, "#-")) {
            self.keys(at);
        }
    }
}

impl Phrase {
    /// The constant that stands here, perhaps in parentheses.
    pub(super) fn operand_key(&self, at: usize) -> Option<String> {
        let word = self.word(at)?;
        match word.kind {
            Kind::Text => Some(word.text.clone()),
            Kind::Number => Some(self.number(at)),
            Kind::Sign if word.is("(") => self.operand_key(at + 1),
            _ => None,
        }
    }
}
