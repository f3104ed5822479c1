//! A statement's names, signs and constants, and a cursor over them.
//!
//! Knows how statements are written. Must not know what they do.

use std::collections::BTreeSet;

use crate::sql::{self, TokenKind};

/// A piece of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A keyword or a name, folded; its parts if it is qualified.
    Name(Vec<String>),
    /// The same with a part in quotes: no keyword.
    Quoted(Vec<String>),
    /// An operator or a punctuation mark.
    Sign(String),
    /// A number or a string.
    Constant,
    /// Anything else.
    Other,
}

impl Item {
    /// Whether it is this keyword.
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Name(parts) if matches!(parts.as_slice(), [part] if part == word))
    }

    /// Whether it is one of these keywords.
    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    pub(super) fn is_sign(&self, sign: &str) -> bool {
        matches!(self, Self::Sign(text) if text == sign)
    }

    /// The name's parts; nothing for what is no name.
    pub(super) fn parts(&self) -> &[String] {
        match self {
            Self::Name(parts) | Self::Quoted(parts) => parts,
            _ => &[],
        }
    }

    /// The name if it has one part only.
    pub(super) fn name(&self) -> Option<&String> {
        match self.parts() {
            [name] => Some(name),
            _ => None,
        }
    }
}

/// The pieces of a statement.
pub(super) fn items(statement: &str) -> Vec<Item> {
    let mut names = sql::names(statement).into_iter().peekable();
    let mut found = Vec::new();
    let mut end = 0;
    for token in sql::tokens(statement).filter(|token| !token.kind.is_blank()) {
        if let Some(name) = names.next_if(|name| name.bytes.start == token.bytes.start) {
            end = name.bytes.end;
            let is_quoted = statement.get(name.bytes).is_some_and(|text| text.contains('"'));
            found.push(if is_quoted { Item::Quoted(name.parts) } else { Item::Name(name.parts) });
        }
        if token.bytes.start < end {
            continue;
        }
        let text = statement.get(token.bytes).unwrap_or_default();
        found.push(match token.kind {
            TokenKind::Operator | TokenKind::Punct if text != ";" => Item::Sign(text.to_owned()),
            TokenKind::Punct => continue,
            TokenKind::Number | TokenKind::String => Item::Constant,
            _ => Item::Other,
        });
    }
    found
}

/// The parts of a list that commas outside of parentheses separate.
pub(super) fn parted(items: &[Item]) -> impl Iterator<Item = &[Item]> {
    let mut depth = 0;
    items.split(move |item| {
        match item {
            Item::Sign(sign) if sign == "(" => depth += 1,
            Item::Sign(sign) if sign == ")" => depth -= 1,
            _ => {}
        }
        depth == 0 && item.is_sign(",")
    })
}

/// What is still to be read of a statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(pub(super) &'a [Item]);

impl<'a> Cursor<'a> {
    /// Steps over these keywords if they come next, and says whether they did.
    pub(super) fn skip(&mut self, words: &[&str]) -> bool {
        let Some((head, rest)) = self.0.split_at_checked(words.len()) else { return false };
        let is_there = head.iter().zip(words).all(|(item, word)| item.is(word));
        if is_there {
            self.0 = rest;
        }
        is_there
    }

    /// Goes on after the first such keyword; at the end if there is none.
    pub(super) fn seek(&mut self, word: &str) {
        let at = self.0.iter().position(|item| item.is(word));
        self.0 = at.and_then(|at| self.0.get(at + 1..)).unwrap_or_default();
    }

    /// What comes after the first such keyword, if there is one.
    pub(super) fn after(self, word: &str) -> Option<&'a [Item]> {
        let at = self.0.iter().position(|item| item.is(word))?;
        self.0.get(at + 1..)
    }

    pub(super) fn has(self, word: &str) -> bool {
        self.0.iter().any(|item| item.is(word))
    }

    /// The name that comes next, and goes on after it.
    pub(super) fn name(&mut self) -> Option<&'a [String]> {
        let (first, rest) = self.0.split_first()?;
        let name = Some(first.parts()).filter(|parts| !parts.is_empty())?;
        self.0 = rest;
        Some(name)
    }

    /// What is in the parentheses that come next, and goes on after them.
    pub(super) fn list(&mut self) -> &'a [Item] {
        let mut depth = 0;
        let end = self.0.iter().position(|item| {
            depth += i32::from(item.is_sign("(")) - i32::from(item.is_sign(")"));
            depth <= 0
        });
        let Some(end) = end.filter(|end| *end > 0) else { return &[] };
        let list = self.0.get(1..end).unwrap_or_default();
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        list
    }

    /// The table of an `ALTER TABLE`, and goes on with its actions.
    pub(super) fn altered(&mut self) -> Option<&'a [String]> {
        self.skip(&["alter", "table"]).then_some(())?;
        self.skip(&["if", "exists"]);
        self.skip(&["only"]);
        let name = self.name();
        if let Some(rest) = self.0.strip_prefix(&[Item::Sign("*".to_owned())]) {
            self.0 = rest;
        }
        name
    }
}

/// Whether a text has one of these words, in bodies and strings as well.
pub(super) fn says(text: &str, words: &[&str]) -> bool {
    let mut found = BTreeSet::new();
    words_in(text, &mut found);
    words.iter().any(|word| found.contains(*word))
}

/// The names that strings are which the server reads as names, as in `setval('orders_id_seq', 1)`.
pub(super) fn names_in_strings(text: &str, into: &mut BTreeSet<String>) {
    const READ: &[&str] =
        &["setval", "nextval", "regclass", "to_regclass", "pg_get_serial_sequence"];
    if !says(text, READ) {
        return;
    }
    for token in sql::tokens(text).filter(|token| token.kind == TokenKind::String) {
        let inner = text.get(token.bytes).map(|it| it.trim_matches('\''));
        for name in inner.map(sql::names).unwrap_or_default() {
            into.extend(name.parts);
        }
    }
}

/// Names and, for bodies and statements in strings, the names in those.
pub(super) fn words_in(text: &str, into: &mut BTreeSet<String>) {
    for name in sql::names(text) {
        into.extend(name.parts);
    }
    for token in sql::tokens(text) {
        let inner = match token.kind {
            TokenKind::DollarString => text.get(token.bytes).map(|it| it.trim_matches('$')),
            TokenKind::String => text.get(token.bytes).map(|it| it.trim_matches('\'')),
            _ => None,
        };
        if let Some(inner) = inner.filter(|inner| inner.contains(' ')) {
            words_in(inner, into);
        }
    }
}
