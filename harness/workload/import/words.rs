//! The words of one statement as its grammar sees them, without comments.
//!
//! Knows tokens, what is one value (`-5` is, and a string that goes on in the next line), and where lines
//! broke. Must not know what a statement does.

use crate::postgres::ident;
use crate::sql::{self, TokenKind};

/// What stands before a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    None,
    Space,
    /// A new line that begins with so many blanks.
    Line(usize),
}

/// One word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'t> {
    pub(super) kind: TokenKind,
    pub(super) text: &'t str,
    pub(super) gap: Gap,
    /// Its first byte in the text.
    start: usize,
}

/// The words of a statement. The first one has the number 1: what is before it and behind the last one
/// is an empty word, so that neighbours may be asked for anywhere.
#[derive(Clone, Debug)]
pub(super) struct Words<'t> {
    words: Vec<Word<'t>>,
    /// For each word the place of the bracket that it stands in; 0 for none.
    opens: Vec<usize>,
}

const NOTHING: Word<'static> =
    Word { kind: TokenKind::Whitespace, text: "", gap: Gap::None, start: 0 };

impl<'t> Words<'t> {
    /// Takes a statement apart; `None` where something is not closed or no SQL at all.
    pub(super) fn read(text: &'t str) -> Option<Self> {
        let mut words = vec![NOTHING];
        let mut gap = Gap::None;
        for token in sql::tokens(text) {
            let word = text.get(token.bytes.clone())?;
            match token.kind {
                TokenKind::Whitespace => gap = gap_of(word),
                TokenKind::LineComment | TokenKind::BlockComment => {
                    gap = if gap == Gap::None { Gap::Space } else { gap };
                }
                TokenKind::Unterminated(_) | TokenKind::MetaCommand | TokenKind::Other => {
                    return None;
                }
                kind => {
                    let next = Word { kind, text: word, gap, start: token.bytes.start };
                    gap = Gap::None;
                    add(text, &mut words, next);
                }
            }
        }
        while words.last().is_some_and(|word| word.text == ";") {
            words.pop();
        }
        let opens = opens(&words)?;
        Some(Self { words, opens })
    }

    /// The places of all words.
    pub(super) fn places(&self) -> std::ops::Range<usize> {
        1..self.words.len()
    }

    pub(super) fn get(&self, at: usize) -> Word<'t> {
        self.words.get(at).copied().unwrap_or(NOTHING)
    }

    pub(super) fn text(&self, at: usize) -> &'t str {
        self.get(at).text
    }

    pub(super) fn kind(&self, at: usize) -> TokenKind {
        self.get(at).kind
    }

    /// Whether this word without quotes stands there, in whatever case.
    pub(super) fn is(&self, at: usize, word: &str) -> bool {
        self.kind(at) == TokenKind::Word && self.text(at).eq_ignore_ascii_case(word)
    }

    pub(super) fn is_one_of(&self, at: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(at, word))
    }

    /// The bracket that a word stands in; 0 for none. An opening bracket stands in the one around it, and
    /// so does its closing one.
    pub(super) fn open(&self, at: usize) -> usize {
        self.opens.get(at).copied().unwrap_or_default()
    }

    /// The closing bracket of the one at `open`.
    pub(super) fn close(&self, open: usize) -> usize {
        let outer = self.open(open);
        let mut rest = open + 1..self.words.len();
        rest.find(|at| self.open(*at) == outer && matches!(self.text(*at), ")" | "]"))
            .unwrap_or_default()
    }

    /// The opening bracket of the closing one at `close`.
    pub(super) fn opening(&self, close: usize) -> usize {
        let inside = close.saturating_sub(1);
        if self.open(inside) == self.open(close) { inside } else { self.open(inside) }
    }

    /// A name at this place as the server reads it; not a keyword.
    pub(super) fn name(&self, at: usize) -> Option<String> {
        match self.kind(at) {
            TokenKind::Word if !is_reserved(self.text(at)) => Some(sql::fold(self.text(at))),
            TokenKind::QuotedIdent => {
                sql::names(self.text(at)).pop().and_then(|mut name| name.parts.pop())
            }
            _ => None,
        }
    }

    /// The same for a function: `trim(` and the like are called in their own ways.
    pub(super) fn function(&self, at: usize) -> Option<String> {
        let is_plain = self.kind(at) != TokenKind::Word || !is_keyword(self.text(at));
        self.name(at).filter(|_| is_plain)
    }
}

/// Words of types and functions with a grammar of their own, which columns may be called as well.
const COLUMNS: &[&str] = &[
    "bigint",
    "bit",
    "boolean",
    "char",
    "character",
    "coalesce",
    "dec",
    "decimal",
    "extract",
    "float",
    "greatest",
    "inout",
    "int",
    "integer",
    "interval",
    "least",
    "national",
    "nchar",
    "none",
    "normalize",
    "nullif",
    "numeric",
    "out",
    "overlay",
    "position",
    "precision",
    "real",
    "smallint",
    "substring",
    "time",
    "timestamp",
    "trim",
];

/// Whether it can't be a function's name without quotes.
fn is_keyword(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    ident(&lower) != lower && lower.is_ascii()
        || matches!(lower.as_str(), "by" | "set" | "returning" | "values" | "conflict" | "within")
}

/// Whether it can't be a column's name without quotes.
fn is_reserved(word: &str) -> bool {
    is_keyword(word) && !COLUMNS.iter().any(|it| it.eq_ignore_ascii_case(word))
}

/// Whether a value can end with this word: then a `-` behind it subtracts.
fn ends_value(word: &Word<'_>) -> bool {
    let lower = word.text.to_ascii_lowercase();
    match word.kind {
        TokenKind::Word => {
            let is_value = ["null", "true", "false", "end"].contains(&lower.as_str());
            !is_reserved(&lower)
                || is_value
                || lower.starts_with("current_")
                || lower.starts_with("localtime")
        }
        TokenKind::Punct => matches!(word.text, ")" | "]"),
        TokenKind::Operator => false,
        _ => !word.text.is_empty(),
    }
}

fn add<'t>(text: &'t str, words: &mut Vec<Word<'t>>, next: Word<'t>) {
    let last = words.last().copied().unwrap_or(NOTHING);
    let before =
        words.len().checked_sub(2).and_then(|at| words.get(at)).copied().unwrap_or(NOTHING);
    let joins = match next.kind {
        TokenKind::Number => last.text == "-" && !ends_value(&before),
        TokenKind::String => last.kind == TokenKind::String && matches!(next.gap, Gap::Line(_)),
        _ => false,
    };
    // `U&'..' UESCAPE '!'` is one value.
    let escapes = next.kind == TokenKind::String
        && before.kind == TokenKind::String
        && last.text.eq_ignore_ascii_case("uescape");
    if escapes && let Some(whole) = text.get(before.start..next.start + next.text.len()) {
        words.truncate(words.len() - 2);
        words.push(Word { text: whole, ..before });
        return;
    }
    let whole = text.get(last.start..next.start + next.text.len());
    match whole.filter(|_| joins) {
        Some(whole) => {
            words.pop();
            words.push(Word { text: whole, gap: last.gap, start: last.start, ..next });
        }
        None => words.push(next),
    }
}

fn gap_of(blank: &str) -> Gap {
    match blank.rsplit_once('\n') {
        Some((_, indent)) => Gap::Line(indent.chars().map(|c| if c == '\t' { 4 } else { 1 }).sum()),
        None => Gap::Space,
    }
}

/// For each word its bracket; `None` where brackets don't match.
fn opens(words: &[Word<'_>]) -> Option<Vec<usize>> {
    let mut stack = vec![0];
    let mut opens = Vec::with_capacity(words.len());
    for (at, word) in words.iter().enumerate() {
        let is_bracket = word.kind == TokenKind::Punct;
        if is_bracket && matches!(word.text, ")" | "]") {
            stack.pop();
        }
        opens.push(*stack.last()?);
        if is_bracket && matches!(word.text, "(" | "[") {
            stack.push(at);
        }
    }
    (stack.len() == 1).then_some(opens)
}

#[cfg(test)]
mod tests {
    use super::{Gap, Words};

    fn texts(text: &str) -> Vec<String> {
        let words = Words::read(text).unwrap();
        words.places().map(|at| words.text(at).to_owned()).collect()
    }

    #[test]
    fn a_number_has_its_sign_where_nothing_is_subtracted() {
        assert_eq!(
            texts("SELECT -1, a -2, f(-3), 4 - 5, x = -6").join(" "),
            "SELECT -1 , a - 2 , f ( -3 ) , 4 - 5 , x = -6"
        );
        assert_eq!(
            texts("a + -7 AND -8 < current_date -9").join(" "),
            "a + -7 AND -8 < current_date - 9"
        );
        assert_eq!(
            texts("position - 1, time -2, a BETWEEN -3 AND -4").join(" "),
            "position - 1 , time - 2 , a BETWEEN -3 AND -4"
        );
    }

    #[test]
    fn comments_go_and_lines_stay() {
        let words = Words::read("/* a */ SELECT--b\n  1/*c*/+2;").unwrap();
        let gaps: Vec<_> = words.places().map(|at| (words.text(at), words.get(at).gap)).collect();
        assert_eq!(
            gaps,
            [("SELECT", Gap::Space), ("1", Gap::Line(2)), ("+", Gap::Space), ("2", Gap::None)]
        );
        assert!(Words::read("SELECT 'a").is_none() && Words::read("SELECT (1").is_none());
        assert!(Words::read("SELECT 1)").is_none());
    }

    #[test]
    fn brackets_know_each_other() {
        let words = Words::read("f(a, (b), c[1])").unwrap();
        assert_eq!((words.open(3), words.close(2), words.opening(13)), (2, 13, 2));
        assert_eq!((words.open(6), words.opening(7), words.open(11)), (5, 5, 10));
    }
}
