//! A script as statements with their spans.
//!
//! Knows which semicolons end a statement, as psql does. Must not know what a statement does.
//! In the body of a routine, `END` and `CASE` are taken for labels behind `AS` or a dot only: a bare
//! `SELECT 1 end` there counts as an end, as it does for psql.

use std::ops::Range;

use super::token::{Token, TokenKind, Tokens, tokens};

/// A statement of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// From its first token to its last one, without the semicolon and without outer blanks and
    /// comments.
    pub bytes: Range<usize>,
    /// Whether a semicolon ends it; only the last one may go without.
    pub terminated: bool,
}

impl Statement {
    /// The statement's own text in the `text` it was split from.
    pub fn text<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.bytes.clone()).unwrap_or_default()
    }
}

/// Why a text can't be sent to a server statement by statement. `at` counts bytes from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// Only psql understands it.
    #[error("psql meta-command {command} at byte {at}: only psql can run it")]
    MetaCommand {
        /// Its name with the backslash, for example `\restrict`.
        command: String,
        /// Where its backslash is.
        at: usize,
    },
    /// The text ends inside of something.
    #[error("unterminated {what} at byte {at}")]
    Unterminated {
        /// `string`, `quoted identifier`, `dollar-quoted string`, `block comment`, `parenthesis` or
        /// `BEGIN ATOMIC body`.
        what: &'static str,
        /// Where it begins.
        at: usize,
    },
    /// The rows after it are no SQL.
    #[error("COPY .. FROM STDIN at byte {at}: its rows are not SQL, use INSERT")]
    CopyFromStdin {
        /// Where the statement begins.
        at: usize,
    },
    /// A server's messages end at it.
    #[error("NUL byte at byte {at}")]
    Nul {
        /// Where it is.
        at: usize,
    },
}

impl SplitError {
    /// Where it is, as a byte of the text.
    pub fn at(&self) -> usize {
        match self {
            Self::MetaCommand { at, .. }
            | Self::Unterminated { at, .. }
            | Self::CopyFromStdin { at }
            | Self::Nul { at } => *at,
        }
    }
}

/// The statements of a script. Pieces of blanks and comments alone are none.
///
/// # Errors
/// The first thing in the text that can't be sent to a server.
pub fn split(text: &str) -> Result<Vec<Statement>, SplitError> {
    if let Some(at) = text.bytes().position(|byte| byte == 0) {
        return Err(SplitError::Nul { at });
    }
    statements(text).collect()
}

/// As [`split`], one by one: what stands before an error is still given. Does not look for NUL.
pub fn statements(text: &str) -> Statements<'_> {
    Statements { text, tokens: tokens(text), open: None, ended: false }
}

/// The iterator behind [`statements`].
#[derive(Clone, Debug)]
pub struct Statements<'a> {
    text: &'a str,
    tokens: Tokens<'a>,
    open: Option<Open>,
    ended: bool,
}

/// A statement whose end was not seen yet.
#[derive(Clone, Debug)]
struct Open {
    bytes: Range<usize>,
    shape: Shape,
    /// How many parentheses are open, and where the outermost one is.
    parens: usize,
    paren_at: usize,
    /// How many `BEGIN ATOMIC` and `CASE` are open, and where the outermost one is.
    blocks: usize,
    block_at: usize,
    last: Last,
}

/// What the leading words made of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Plain,
    Copy,
    Create,
    CreateOr,
    /// `CREATE [OR REPLACE] FUNCTION` or `PROCEDURE`: its body may be `BEGIN ATOMIC .. END`.
    Routine,
}

/// What came just before, where that changes the next word's meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Begin(usize),
    From,
    /// `.` or `AS`: a label follows, whatever it is called.
    Label,
    Other,
}

impl Statements<'_> {
    /// Where the statement begins that was still open when an error came.
    pub(super) fn open_at(&self) -> Option<usize> {
        self.open.as_ref().map(|open| open.bytes.start)
    }

    fn refuse(&self, token: &Token) -> Option<SplitError> {
        let at = token.bytes.start;
        match token.kind {
            TokenKind::Unterminated(what) => Some(SplitError::Unterminated { what, at }),
            TokenKind::MetaCommand => {
                let command = command(self.text.get(token.bytes.clone()).unwrap_or_default());
                Some(SplitError::MetaCommand { command, at })
            }
            _ => None,
        }
    }

    /// The last statement, or why it can't be the last one.
    fn end(&mut self) -> Option<Result<Statement, SplitError>> {
        self.ended = true;
        let open = self.open.as_ref()?;
        let unterminated = |what, at| Some(Err(SplitError::Unterminated { what, at }));
        match (open.parens, open.blocks) {
            (0, 0) => Some(Ok(Statement { bytes: open.bytes.clone(), terminated: false })),
            (0, _) => unterminated("BEGIN ATOMIC body", open.block_at),
            _ => unterminated("parenthesis", open.paren_at),
        }
    }
}

impl Iterator for Statements<'_> {
    type Item = Result<Statement, SplitError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        while let Some(token) = self.tokens.next() {
            if token.kind.is_blank() {
                continue;
            }
            if let Some(error) = self.refuse(&token) {
                self.ended = true;
                self.open.get_or_insert_with(|| Open::new(token.bytes));
                return Some(Err(error));
            }
            let text = self.text.get(token.bytes.clone()).unwrap_or_default();
            if text == ";" && self.open.as_ref().is_none_or(Open::may_end) {
                if let Some(open) = self.open.take() {
                    return Some(Ok(Statement { bytes: open.bytes, terminated: true }));
                }
                continue;
            }
            let first = self.open.is_none();
            let open = self.open.get_or_insert_with(|| Open::new(token.bytes.clone()));
            open.bytes.end = token.bytes.end;
            if !open.take(token.kind, text, token.bytes.start, first) {
                self.ended = true;
                return Some(Err(SplitError::CopyFromStdin { at: open.bytes.start }));
            }
        }
        self.end()
    }
}

impl Open {
    fn new(bytes: Range<usize>) -> Self {
        Self {
            bytes,
            shape: Shape::Plain,
            parens: 0,
            paren_at: 0,
            blocks: 0,
            block_at: 0,
            last: Last::Other,
        }
    }

    fn may_end(&self) -> bool {
        self.parens == 0 && self.blocks == 0
    }

    /// Looks at the statement's next token; false where the rows of `COPY .. FROM STDIN` begin.
    fn take(&mut self, kind: TokenKind, text: &str, at: usize, first: bool) -> bool {
        let last = std::mem::replace(&mut self.last, Last::Other);
        match (kind, text) {
            (TokenKind::Punct, "(") => {
                if self.parens == 0 {
                    self.paren_at = at;
                }
                self.parens += 1;
            }
            (TokenKind::Punct, ")") => self.parens = self.parens.saturating_sub(1),
            (TokenKind::Punct, ".") => self.last = Last::Label,
            (TokenKind::Word, _) if first => self.shape = Shape::first(text),
            (TokenKind::Word, _) if self.parens == 0 => return self.word(text, at, last),
            _ => {}
        }
        true
    }

    fn word(&mut self, text: &str, at: usize, last: Last) -> bool {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        match self.shape {
            Shape::Copy if last == Last::From && (is("stdin") || is("stdout")) => return false,
            Shape::Copy if is("from") => self.last = Last::From,
            Shape::Plain | Shape::Copy => {}
            Shape::Create | Shape::CreateOr => self.shape = self.shape.next(text),
            Shape::Routine => self.block(text, at, last),
        }
        true
    }

    /// Counts what `END` closes, in the body of a routine.
    fn block(&mut self, text: &str, at: usize, last: Last) {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        match last {
            Last::Label => {}
            Last::Begin(begin) if is("atomic") => {
                if self.blocks == 0 {
                    self.block_at = begin;
                }
                self.blocks += 1;
            }
            _ if is("as") => self.last = Last::Label,
            _ if is("begin") => self.last = Last::Begin(at),
            _ if is("case") && self.blocks > 0 => self.blocks += 1,
            _ if is("end") => self.blocks = self.blocks.saturating_sub(1),
            _ => {}
        }
    }
}

impl Shape {
    fn first(text: &str) -> Self {
        match () {
            () if text.eq_ignore_ascii_case("create") => Self::Create,
            () if text.eq_ignore_ascii_case("copy") => Self::Copy,
            () => Self::Plain,
        }
    }

    /// What one more word makes of `CREATE` or `CREATE OR`.
    fn next(self, text: &str) -> Self {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        match self {
            Self::Create if is("or") => Self::CreateOr,
            Self::CreateOr if is("replace") => Self::Create,
            Self::Create if is("function") || is("procedure") => Self::Routine,
            _ => Self::Plain,
        }
    }
}

/// The name of a meta-command: its backslash and its letters, or the one sign after it.
fn command(text: &str) -> String {
    let mut name = String::from("\\");
    let mut rest = text.chars().skip(1);
    let sign = rest.next().filter(|sign| !sign.is_whitespace());
    name.extend(sign);
    if sign.is_some_and(char::is_alphanumeric) {
        name.extend(rest.take_while(|letter| letter.is_alphanumeric() || "_+-".contains(*letter)));
    }
    name
}
