//! SQL as text: tokens, statements with their spans, comments, and what kind of statement it is.
//!
//! Knows `PostgreSQL`'s lexical rules (with `standard_conforming_strings` on) and what psql adds to
//! them. Must not know servers, files or migrations, and never parses more than a statement's shape.
//! Every range counts bytes of the given text and lies on character boundaries; no input panics.

mod comment;
mod kind;
mod name;
mod place;
mod scan;
mod split;
mod token;
mod transaction;

#[cfg(test)]
mod tests;

pub use comment::{Comment, comments};
pub use kind::{StatementKind, kind};
pub use name::{Name, fold, names};
pub use place::{char_to_byte, line_col, statement_at};
pub use split::{SplitError, Statement, Statements, split, statements};
pub use token::{Token, TokenKind, Tokens, tokens};
pub use transaction::{is_to_savepoint, refuses_transaction};

/// Whether nothing in the text would reach a server: it is empty or only whitespace, comments and
/// semicolons.
pub fn is_blank(text: &str) -> bool {
    tokens(text)
        .all(|token| token.kind.is_blank() || text.get(token.bytes).is_some_and(|word| word == ";"))
}

/// Whether a server is sent the same: two texts that differ in whitespace and comments only.
pub fn is_same(one: &str, other: &str) -> bool {
    fn words(text: &str) -> impl Iterator<Item = Option<&str>> {
        tokens(text).filter(|token| !token.kind.is_blank()).map(|token| text.get(token.bytes))
    }
    words(one).eq(words(other))
}
