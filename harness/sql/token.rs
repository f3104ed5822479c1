//! The tokens of a text, without a gap.
//!
//! Knows which token begins where and the one thing that a token remembers: a string that goes on
//! in the next line keeps its kind. Must not know statements.

use std::ops::Range;

use super::scan;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it is: the next token begins where this one ends.
    pub bytes: Range<usize>,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Blanks and ends of lines; also a byte order mark at the very start.
    Whitespace,
    /// From `--` up to the end of the line, which is not in it.
    LineComment,
    /// `/* .. */`, nested ones inside.
    BlockComment,
    /// A keyword or an identifier without quotes.
    Word,
    /// `"name"` or `U&"name"`.
    QuotedIdent,
    /// `'text'`, `E''`, `B''`, `X''`, `N''` or `U&''`. A string that goes on in a later line is one
    /// such token for each of its pieces, with the whitespace and comments between them.
    String,
    /// `$tag$ text $tag$`.
    DollarString,
    /// `1`, `1_000`, `0x1F`, `1.5e-3`.
    Number,
    /// `$1`.
    Param,
    /// `+`, `->>`, `::`, `:=`, `..`.
    Operator,
    /// One of `; , ( ) [ ] . :`.
    Punct,
    /// A psql meta-command with its arguments, from `\` up to the end of the line.
    MetaCommand,
    /// Something that nothing closes, up to the end of the text; it says what.
    Unterminated(&'static str),
    /// A byte that no token begins with: a control character, or `$` on its own.
    Other,
}

impl TokenKind {
    /// Whether the server's grammar never sees it: whitespace and comments.
    pub fn is_blank(self) -> bool {
        matches!(self, Self::Whitespace | Self::LineComment | Self::BlockComment)
    }
}

/// The tokens of a text: they cover every byte of it, in order.
pub fn tokens(text: &str) -> Tokens<'_> {
    Tokens { text, at: 0, before: None }
}

/// The iterator behind [`tokens`].
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    text: &'a str,
    at: usize,
    before: Option<Before>,
}

/// The string that only whitespace and line comments part from this place.
#[derive(Clone, Copy, Debug)]
struct Before {
    rules: Rules,
    /// Whether there is an end of line since: only then a quote goes on with it.
    goes_on: bool,
}

/// What a quote and a backslash mean inside of a string.
#[derive(Clone, Copy, Debug)]
enum Rules {
    /// Two quotes are one, a backslash is plain.
    Standard,
    /// `E''`: two quotes are one, a backslash escapes.
    Escapes,
    /// `B''` and `X''`: the first quote ends it.
    Bits,
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let start = self.at;
        let first = *self.text.as_bytes().get(start)?;
        let (kind, end) = self.read(first);
        self.before = self.before_next(kind, first, start..end);
        self.at = end;
        Some(Token { kind, bytes: start..end })
    }
}

impl Tokens<'_> {
    fn read(&self, first: u8) -> (TokenKind, usize) {
        let (bytes, at) = (self.text.as_bytes(), self.at);
        let second = bytes.get(at + 1).copied().unwrap_or_default();
        let spaces = |from| (TokenKind::Whitespace, scan::run(bytes, from, scan::is_space));
        match first {
            _ if scan::is_space(first) => spaces(at),
            // psql and editors drop it; the server would read it as a letter.
            0xef if at == 0 && self.text.starts_with('\u{feff}') => spaces('\u{feff}'.len_utf8()),
            b'-' if second == b'-' => (TokenKind::LineComment, scan::line(bytes, at)),
            b'/' if second == b'*' => self.closed(
                TokenKind::BlockComment,
                scan::block_comment(bytes, at),
                "block comment",
            ),
            b'\'' => self.string(at + 1, self.rules(first)),
            b'e' | b'E' | b'b' | b'B' | b'x' | b'X' | b'n' | b'N' if second == b'\'' => {
                self.string(at + 2, self.rules(first))
            }
            b'u' | b'U' if second == b'&' => self.unicode(),
            b'"' => self.identifier(at + 1),
            _ if scan::begins_word(first) => (TokenKind::Word, scan::word(bytes, at)),
            b'$' => self.dollar(second),
            b'0'..=b'9' => (TokenKind::Number, scan::number(bytes, at)),
            b'.' if second.is_ascii_digit() => (TokenKind::Number, scan::number(bytes, at)),
            b'.' if second == b'.' => (TokenKind::Operator, at + 2),
            b':' if matches!(second, b':' | b'=') => (TokenKind::Operator, at + 2),
            b';' | b',' | b'(' | b')' | b'[' | b']' | b'.' | b':' => (TokenKind::Punct, at + 1),
            b'\\' => (TokenKind::MetaCommand, scan::line(bytes, at)),
            _ if scan::is_operator(first) => (TokenKind::Operator, scan::operator(bytes, at)),
            _ => (TokenKind::Other, at + 1),
        }
    }

    fn closed(
        &self,
        kind: TokenKind,
        end: Option<usize>,
        what: &'static str,
    ) -> (TokenKind, usize) {
        end.map_or((TokenKind::Unterminated(what), self.text.len()), |end| (kind, end))
    }

    /// The rules of a string that begins with `first`.
    fn rules(&self, first: u8) -> Rules {
        match (first, self.before) {
            (b'e' | b'E', _) => Rules::Escapes,
            (b'b' | b'B' | b'x' | b'X', _) => Rules::Bits,
            (b'\'', Some(Before { rules, goes_on: true })) => rules,
            _ => Rules::Standard,
        }
    }

    fn string(&self, inside: usize, rules: Rules) -> (TokenKind, usize) {
        let bytes = self.text.as_bytes();
        let end = match rules {
            Rules::Standard => scan::quoted(bytes, inside, b'\''),
            Rules::Escapes => scan::escaped(bytes, inside),
            Rules::Bits => scan::closed(bytes, inside, b'\''),
        };
        self.closed(TokenKind::String, end, "string")
    }

    fn identifier(&self, inside: usize) -> (TokenKind, usize) {
        let end = scan::quoted(self.text.as_bytes(), inside, b'"');
        self.closed(TokenKind::QuotedIdent, end, "quoted identifier")
    }

    /// `U&'..'`, `U&".."`, or just a word that begins with `u`.
    fn unicode(&self) -> (TokenKind, usize) {
        let (bytes, inside) = (self.text.as_bytes(), self.at + 3);
        match bytes.get(self.at + 2) {
            Some(b'\'') => self.string(inside, Rules::Standard),
            Some(b'"') => self.identifier(inside),
            _ => (TokenKind::Word, scan::word(bytes, self.at)),
        }
    }

    /// A dollar-quoted string, a parameter, or a `$` that is neither.
    fn dollar(&self, second: u8) -> (TokenKind, usize) {
        let (bytes, at) = (self.text.as_bytes(), self.at);
        if second.is_ascii_digit() {
            return (TokenKind::Param, scan::run(bytes, at + 1, |byte| byte.is_ascii_digit()));
        }
        let Some(inside) = scan::dollar_tag(bytes, at) else {
            return (TokenKind::Other, at + 1);
        };
        let tag = self.text.get(at..inside).unwrap_or_default();
        let end = self.text.get(inside..).and_then(|body| body.find(tag));
        let end = end.map(|length| inside + length + tag.len());
        self.closed(TokenKind::DollarString, end, "dollar-quoted string")
    }

    fn before_next(&self, kind: TokenKind, first: u8, bytes: Range<usize>) -> Option<Before> {
        match kind {
            TokenKind::String => Some(Before { rules: self.rules(first), goes_on: false }),
            TokenKind::LineComment => self.before,
            TokenKind::Whitespace => self.before.map(|Before { rules, goes_on }| {
                let blank = self.text.as_bytes().get(bytes).unwrap_or_default();
                let end_of_line = blank.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
                Before { rules, goes_on: goes_on || end_of_line }
            }),
            _ => None,
        }
    }
}
