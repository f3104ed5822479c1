//! What functions and casts say of the columns that are given to them.
//!
//! Knows the functions that take text or documents apart. Must not know types.

use std::ops::Range;

use super::fact::{Fact, Op, Want};
use super::find::Finder;
use super::words::Kind;

impl Finder<'_> {
    /// A call whose parenthesis is at `open`.
    pub(super) fn call(&mut self, open: usize) {
        let (Some(name), Some(inside)) = (self.phrase.function(open), self.phrase.inside(open))
        else {
            return;
        };
        let name = name.to_owned();
        let pieces = self.phrase.pieces(inside.clone());
        match name.as_str() {
            "jsonb_build_object" | "json_build_object" => self.built(open, &pieces),
            "jsonb_set" | "jsonb_insert" => self.pointed(&pieces),
            "jsonb_extract_path"
            | "jsonb_extract_path_text"
            | "json_extract_path"
            | "json_extract_path_text" => self.walked(&pieces),
            "cast" => self.cast(inside),
            "isempty" | "lower_inf" | "upper_inf" => self.all_used(inside),
            _ => self.text_call(&name, inside, &pieces),
        }
    }

    fn text_call(&mut self, name: &str, inside: Range<usize>, pieces: &[Range<usize>]) {
        let columns = self.columns(inside);
        let mut constants = Vec::new();
        for piece in pieces.iter().filter(|piece| self.columns((*piece).clone()).is_empty()) {
            constants.extend(self.constants(piece.clone()));
        }
        let Some((at, text)) = constants.first().cloned() else { return };
        let is_text = self.phrase.word(at).is_some_and(|word| word.kind == Kind::Text);
        let length = |at: usize| constants.get(at).and_then(|(_, text)| text.parse::<i64>().ok());
        let fact = match name {
            "split_part" | "string_to_array" | "string_to_table" | "strpos" | "position"
            | "replace" | "btrim" | "ltrim" | "rtrim" | "trim" => Fact::Separator(text),
            "regexp_replace"
            | "regexp_match"
            | "regexp_matches"
            | "regexp_like"
            | "regexp_count"
            | "regexp_instr"
            | "regexp_substr"
            | "regexp_split_to_array"
            | "regexp_split_to_table" => Fact::Pattern(text, false),
            "substring" | "substr" if is_text => Fact::Pattern(text, false),
            "substring" | "substr" => {
                let from = length(0).unwrap_or(1);
                Fact::Length(
                    Op::Le,
                    length(1).map_or(from, |count| from.saturating_add(count).saturating_sub(1)),
                )
            }
            "left" | "right" => {
                Fact::Length(Op::Le, length(0).unwrap_or_default().saturating_abs())
            }
            "starts_with" => Fact::Prefix(text),
            "to_date" => Fact::Cast("date".to_owned(), Vec::new()),
            "to_timestamp" => Fact::Cast("timestamptz".to_owned(), Vec::new()),
            "to_number" => Fact::Cast("numeric".to_owned(), Vec::new()),
            "coalesce" | "nullif" => Fact::Compare(Op::Eq, text),
            _ => return,
        };
        if columns.is_empty() {
            return;
        }
        // The further arguments say how, not what.
        self.used.extend(constants.into_iter().map(|(at, _)| at));
        for column in columns {
            self.say(column, fact.clone());
        }
    }

    /// `jsonb_build_object('key', ..)`, assigned to a column or to nobody knows what.
    fn built(&mut self, open: usize, pieces: &[Range<usize>]) {
        let whole = self.phrase.operand_before(self.phrase.behind(open).unwrap_or(open), true);
        let equals = whole.start.checked_sub(1).filter(|at| self.phrase.is(*at, "="));
        let assigned = equals.map(|at| self.columns(self.phrase.operand_before(at, false)));
        // `document || jsonb_build_object(..)` builds such a document too.
        let target = assigned.unwrap_or_else(|| self.columns(whole.start..open));
        for piece in pieces.iter().step_by(2) {
            for (at, key) in self.constants(piece.clone()) {
                self.used.insert(at);
                match target.as_slice() {
                    [column] => self.say(*column, Fact::Json(vec![key], Want::Any)),
                    _ => self.loose_keys.push(key),
                }
            }
        }
    }

    /// `jsonb_set(document, '{a,b}', ..)`.
    fn pointed(&mut self, pieces: &[Range<usize>]) {
        let [document, path, ..] = pieces else { return };
        let Some((at, text)) = self.constants(path.clone()).into_iter().next() else { return };
        self.used.insert(at);
        let path = super::class::items(&text).unwrap_or_default();
        for column in self.columns(document.clone()) {
            self.say(column, Fact::Json(path.clone(), Want::Any));
        }
    }

    /// `jsonb_extract_path(document, 'a', 'b')`.
    fn walked(&mut self, pieces: &[Range<usize>]) {
        let Some((document, keys)) = pieces.split_first() else { return };
        let mut path = Vec::new();
        for key in keys {
            for (at, text) in self.constants(key.clone()) {
                self.used.insert(at);
                path.push(text);
            }
        }
        for column in self.columns(document.clone()) {
            self.say(column, Fact::Json(path.clone(), Want::Any));
        }
    }

    fn all_used(&mut self, inside: Range<usize>) {
        for column in self.columns(inside) {
            self.say(column, Fact::Used);
        }
    }

    /// `CAST(x AS type)`.
    fn cast(&mut self, inside: Range<usize>) {
        let named = inside.clone().find(|at| self.phrase.is(*at, "as"));
        if let Some(named) = named {
            self.becomes(inside.start..named, named + 1);
        }
    }

    /// `x::type` and `ALTER COLUMN x TYPE type`.
    pub(super) fn types(&mut self) {
        for at in 0..self.phrase.words().len() {
            if self.phrase.is(at, "::") {
                self.becomes(self.phrase.operand_before(at, false), at + 1);
            } else if self.phrase.is(at, "type") {
                let set =
                    self.phrase.is_before(at, 1, "data") && self.phrase.is_before(at, 2, "set");
                let end = if set { at - 2 } else { at };
                let column = self.phrase.operand_before(end, false);
                let alters = column.start.checked_sub(1).and_then(|at| self.phrase.word(at));
                if alters.is_some_and(|word| word.is_any(&["alter", "column"])) {
                    self.becomes(column, at + 1);
                }
            }
        }
    }

    fn becomes(&mut self, operand: Range<usize>, at: usize) {
        let end = self.phrase.type_end(at);
        let Some(name) = (at..end).rev().find_map(|place| {
            let word = self.phrase.word(place)?;
            let is_last = word.is_name() && !word.is_any(&["varying", "precision", "zone", "time"]);
            let is_zone = word.is_any(&["with", "without"]);
            (is_last && !is_zone).then(|| word.text.clone())
        }) else {
            return;
        };
        let modifiers: Vec<String> = (at..end)
            .filter(|place| self.phrase.word(*place).is_some_and(|it| it.kind == Kind::Number))
            .map(|place| self.phrase.number(place))
            .collect();
        self.used
            .extend((at..end).filter(|place| {
                self.phrase.word(*place).is_some_and(|it| it.kind == Kind::Number)
            }));
        // What is looked for in a document is cast there, not the document.
        let is_path =
            operand.clone().any(|at| self.phrase.word(at).is_some_and(|it| it.text.contains("->")));
        if is_path {
            return;
        }
        for column in self.columns(operand) {
            self.say(column, Fact::Cast(name.clone(), modifiers.clone()));
        }
    }
}
